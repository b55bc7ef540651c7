"""The stand-in against the contracts and recorded answers, and our clients against both."""
import json
import os
import sys
from pathlib import Path
from unittest.mock import patch
from urllib.parse import unquote

import pytest
import requests
import spotipy

from musicrec.sources.crawl import store_rows
from musicrec.sources.deezer import Deezer, judge_deezer
from musicrec.sources.http import Clock, answer, open_state
from musicrec.sources.library import Library
from musicrec.sources.login import SCOPES, WRITING
from musicrec.sources.records import Rows
from musicrec.sources.spotify import Spotify, audio_features, judge_spotify, play_rows, playlist_rows, related, track_row
from musicrec.sources.standin import StandIn

pytestmark = pytest.mark.filterwarnings("ignore:You're using:DeprecationWarning")


@pytest.fixture(scope="module")
def server():
    with StandIn(clock=lambda: 1_795_435_200.0) as s:
        yield s


@pytest.fixture
def fresh(server):
    """The stand-in on its first day, as an app from before 2024, with a token for everything."""
    server.reset("extended")
    server.token = server.grant("client", f"{SCOPES} {WRITING} playlist-modify-public user-library-modify user-follow-modify", server.clock())[1]["access_token"]
    return server


# --- what spotipy sends ------------------------------------------------------------------------

ARTIST, TRACK, ALBUM, LIST = "{artist}", "{track}", "{album}", "{list}"
SENT = [  # call, method and path with query: the table of the contract
    (lambda s, w: s.me(), "GET /me/"),
    (lambda s, w: s.current_user_playlists(), "GET /me/playlists?limit=50&offset=0"),
    (lambda s, w: s.playlist_items(w.playlists[0].id), "GET /playlists/{list}/items?limit=50&offset=0&additional_types=track,episode"),
    (lambda s, w: s.playlist(w.playlists[0].id), "GET /playlists/{list}?additional_types=track"),
    (lambda s, w: s.current_user_saved_tracks(50), "GET /me/tracks?limit=50&offset=0"),
    (lambda s, w: s.current_user_top_artists(50), "GET /me/top/artists?time_range=medium_term&limit=50&offset=0"),
    (lambda s, w: s.current_user_recently_played(50), "GET /me/player/recently-played?limit=50"),
    (lambda s, w: s.current_user_followed_artists(), "GET /me/following?type=artist&limit=20"),
    (lambda s, w: s.artist(w.artists[0].spotify), "GET /artists/{artist}"),
    (lambda s, w: s.artist_albums(w.artists[0].spotify, include_groups="album,single", limit=10), "GET /artists/{artist}/albums?include_groups=album,single&limit=10&offset=0"),
    (lambda s, w: s.artist_related_artists(w.artists[0].spotify), "GET /artists/{artist}/related-artists"),
    (lambda s, w: s.artist_top_tracks(w.artists[0].spotify), "GET /artists/{artist}/top-tracks?country=US"),
    (lambda s, w: s.album(w.albums[0].spotify), "GET /albums/{album}"),
    (lambda s, w: s.album_tracks(w.albums[0].spotify), "GET /albums/{album}/tracks/?limit=50&offset=0"),
    (lambda s, w: s.artists([w.artists[0].spotify]), "GET /artists/?ids={artist}"),
    (lambda s, w: s.albums([w.albums[0].spotify]), "GET /albums/?ids={album}"),
    (lambda s, w: s.tracks([w.tracks[0].spotify]), "GET /tracks/?ids={track}"),
    (lambda s, w: s.audio_features([w.tracks[1].spotify, w.tracks[0].spotify]), "GET /audio-features/?ids={other},{track}"),
    (lambda s, w: s.search("isrc:" + w.tracks[0].isrc, limit=10), "GET /search?q=isrc:{isrc}&limit=10&offset=0&type=track"),
    (lambda s, w: s.current_user_playlist_create("Mine", public=False), "POST /me/playlists"),
    (lambda s, w: s.playlist_add_items(w.playlists[0].id, [f"spotify:track:{w.tracks[0].spotify}"]), "POST /playlists/{list}/items"),
    (lambda s, w: s.playlist_replace_items(w.playlists[0].id, [f"spotify:track:{w.tracks[0].spotify}"]), "PUT /playlists/{list}/items"),
    (lambda s, w: s.playlist_reorder_items(w.playlists[0].id, 0, 1), "PUT /playlists/{list}/items"),
    (lambda s, w: s.current_user_saved_tracks_add([w.tracks[0].spotify]), "PUT /me/library?uris=spotify:track:{track}"),
]


def test_spotipy_sends_the_requests_of_the_contract_and_the_standin_takes_them(fresh):
    session = requests.Session()
    session.trust_env = False
    sp = spotipy.Spotify(auth=fresh.token, requests_session=session)
    sp.prefix = fresh.base + "/spotify/v1/"
    for call, expected in SENT:
        w, before = fresh.world, len(fresh.log)
        ids = {"list": w.playlists[0].id, "artist": w.artists[0].spotify, "album": w.albums[0].spotify, "track": w.tracks[0].spotify, "other": w.tracks[1].spotify, "isrc": w.tracks[0].isrc}
        call(sp, w)
        e = fresh.log[before]
        sent = f"{e['method']} {e['path'].removeprefix('/spotify/v1')}" + (f"?{unquote(e['query'])}" if e["query"] else "")
        assert sent == expected.format(**ids) and e["status"] < 300 and not e["unknown"], (sent, e)


def test_what_we_send_is_what_the_contract_lists(fresh):
    """`Spotify` reads every list with the largest limit; a page goes on where it ended."""
    with patch.dict(os.environ, fresh.env()):
        login = type("Login", (), {"client_id": "client", "renew": lambda self: {}, "get_access_token": lambda self, as_dict=False: fresh.token})()
        s = Spotify(open_state(), Clock(0.0), login)
        before = len(fresh.log)
        for name in (*s.lists(), f"playlist:{fresh.world.playlists[0].id}"):
            at = 0
            while at is not None:
                at = s.read(name, at).next
        queries = [(e["path"].removeprefix("/spotify/v1/"), unquote(e["query"])) for e in fresh.log[before:]]
    wide = {"me/playlists": "limit=50&offset={}", "me/tracks": "limit=50&offset={}", f"playlists/{fresh.world.playlists[0].id}/items": "limit=50&offset={}&additional_types=track,episode"}
    assert queries[0] == ("me/", "")
    for path, query in wide.items():
        assert [q for p, q in queries if p == path] == [query.format(at) for at in (0, 50, 100) if at < {"me/tracks": 120, "me/playlists": 53}.get(path, 74)]
    assert ("me/following", "type=artist&limit=50") in queries and ("me/player/recently-played", "limit=50") in queries
    assert {q for p, q in queries if p == "me/top/artists"} == {f"time_range={t}_term&limit=50&offset=0" for t in ("short", "medium", "long")}


# --- the stand-in's answers --------------------------------------------------------------------

FIELDS = {  # of the contract's objects in 2026, for a new app
    "track": "id name type uri href duration_ms explicit disc_number track_number is_local is_playable external_ids external_urls preview_url artists album",
    "artist": "id name type uri href external_urls images genres",
    "album": "id name album_type release_date release_date_precision total_tracks type uri href external_urls images artists copyrights external_ids genres tracks",
    "playlist": "collaborative description external_urls href id images name owner public snapshot_id type uri items tracks",
    "row": "added_at added_by is_local item track",
    "page": "href items limit next offset previous total",
}


def test_objects_have_the_fields_of_the_contract_and_no_others(server):
    server.reset("dev2026")
    bearer = {"Authorization": "Bearer " + server.grant("client", SCOPES, server.clock())[1]["access_token"]}
    get = lambda path: requests.get(f"{server.base}/spotify/v1/{path}", headers=bearer, timeout=5)
    fields = lambda name: set(FIELDS[name].split())
    w = server.world
    assert set(get(f"tracks/{w.tracks[0].spotify}").json()) == fields("track")
    assert set(get(f"artists/{w.artists[0].spotify}").json()) == fields("artist")
    assert set(get(f"albums/{w.albums[0].spotify}").json()) == fields("album")
    assert set(get("me/albums").json()["items"][0]["album"]) == fields("album")
    lists = get("me/playlists?limit=50").json()
    assert set(lists) == fields("page") and set(lists["items"][0]) == fields("playlist") and lists["next"].startswith(server.base)
    rows = get(f"playlists/{w.playlists[0].id}/items?limit=50").json()["items"]
    assert {frozenset(r) for r in rows} == {frozenset(fields("row"))}
    assert [r["item"] and r["item"]["type"] for r in rows[3:6]] == ["track", None, "episode"] and rows[3]["item"]["is_local"]
    assert set(get(f"albums/{w.albums[0].spotify}/tracks").json()["items"][0]) == fields("track") - {"album", "external_ids"}
    assert get("search?q=a&type=track&limit=11").json() == {"error": {"status": 400, "message": "Invalid limit"}}
    assert (get("audio-features/?ids=x").status_code, get("audio-features/?ids=x").json()) == (403, {"error": {"status": 403}})
    server.set_modes(["dev2026_strict"])
    assert "tracks" not in get("me/playlists").json()["items"][0] and "track" not in get(f"playlists/{w.playlists[0].id}/items").json()["items"][0]


def test_reordering_moves_what_spotify_would_move(fresh):
    p = fresh.world.playlists[0]
    p.rows = list("abcde")
    url, bearer = f"{fresh.base}/spotify/v1/playlists/{p.id}/items", {"Authorization": f"Bearer {fresh.token}"}
    for start, before, length, after in [(0, 3, 1, "bcade"), (3, 0, 2, "debca"), (1, 5, 2, "dcaeb")]:
        assert requests.put(url, json={"range_start": start, "insert_before": before, "range_length": length}, headers=bearer, timeout=5).status_code == 200
        assert "".join(p.rows) == after
    assert requests.put(url, json={"range_start": 4, "insert_before": 0, "range_length": 2}, headers=bearer, timeout=5).status_code == 400
    fresh.world.restore()


# --- recorded answers --------------------------------------------------------------------------

def bodies(folder, *names):
    """The first JSON document of some files."""
    return [json.JSONDecoder().raw_decode((Path(folder) / n).read_text(encoding="utf-8").lstrip("\ufeff").lstrip())[0] for n in names]


def recorded(body):
    """A Spotify that gives one recorded answer."""
    s = object.__new__(Spotify)
    s.call, s.rows = (lambda method, *args, **kwargs: body), lambda: Rows("spotify_api", "2026-11-23T12:00:00Z")
    assert judge_spotify(answer(200, json.dumps(body))) is None
    return s, s.rows()


def stored(rows, folder):
    """The tables that a library makes of rows; it must take them all."""
    with Library(folder) as library:
        store_rows(library.db, rows)
        t = library.stored()
    assert all(len(f) for f in t.frames().values())
    return t


@pytest.mark.parametrize("name", ["zmb3_spotify/playlist_items_tracks.json", "zmb3_spotify/playlist_items_episodes_and_tracks.json", "zmb3_spotify/playlist_items_episodes.json",
                                  "zmb3_spotify/playlist_tracks.txt", "zmb3_spotify/current_users_tracks.txt", "jwilsson_php/user-tracks.json", "jwilsson_php/user-playlist-tracks.json"])
def test_recorded_lists_of_tracks(requires_data, tmp_path, name):
    body, = bodies(requires_data("spotify_api_json_samples"), name)
    _, rows = recorded(body)
    playlist_rows(rows, "spotify:playlist:x", body["items"], 0)
    assert len(rows["playlist_tracks"]) + rows.skipped.total() == len(body["items"])
    if rows["playlist_tracks"]:
        t = stored(rows, tmp_path)
        assert set(t.playlist_tracks.track_id) <= set(t.tracks.track_id) and t.tracks.title.notna().all() and set(t.track_artists.artist_id) <= set(t.artists.artist_id)
        assert "episode" not in name or rows.skipped["episodes"]
    else:
        assert rows.skipped["episodes"] == len(body["items"])


@pytest.mark.parametrize("name", ["zmb3_spotify/related_artists.txt", "zmb3_spotify/related_artists_with_floats.txt", "jwilsson_php/artist-related-artists.json"])
def test_recorded_related_artists(requires_data, tmp_path, name):
    body, = bodies(requires_data("spotify_api_json_samples"), name)
    s, rows = recorded(body)
    assert len(related(s, "5ZKMPRDHc7qElVJFh3uRqB", rows)) == len(body["artists"])
    t = stored(rows, tmp_path)
    assert sorted(t.similar_artists["rank"]) == list(range(1, len(body["artists"]) + 1))
    assert t.artists.n_fans.notna().all()


def test_other_recorded_answers_of_spotify(requires_data, tmp_path):
    folder = requires_data("spotify_api_json_samples")
    plays, found, features, many, floats, top, followed, lists = bodies(folder, "jwilsson_php/recently-played.json", "zmb3_spotify/find_tracks_notfound.txt", "jwilsson_php/multiple-audio-features.json",
                                                                        "jwilsson_php/tracks.json", "zmb3_spotify/find_track_with_floats.txt", "zmb3_spotify/current_users_top_artists.txt", "jwilsson_php/user-followed-artists.json", "zmb3_spotify/current_users_playlists.txt")
    s, rows = recorded(plays)
    play_rows(rows, plays["items"])
    assert len(stored(rows, tmp_path / "plays").listens) == len(plays["items"]) and all(r["artist_id"] for r in rows["listens"])
    rows = Rows("spotify_api")
    assert [track_row(rows, t) is None for t in found["tracks"]] == [t is None for t in found["tracks"]] and None in found["tracks"]
    assert all(track_row(rows, t) for t in [*many["tracks"], floats])
    s, rows = recorded(features)
    s.call = lambda *args, **kwargs: features["audio_features"]  # as spotipy hands them over
    keys = {f"spotify:track:{f['id']}": f["id"] for f in features["audio_features"]}
    assert audio_features(s, keys, rows) == set(keys)
    for name, body in (("top_artists:short_term", top), ("followed", followed)):
        s, _ = recorded(body)
        page = s.read(name)
        assert len(page.rows["listener_artists"]) == len((body.get("artists") or body)["items"])
    s, _ = recorded(lists)
    with patch("musicrec.sources.spotify._me", lambda s: "nobody"):
        page = s.read("playlists")
    assert len(page.rows["playlists"]) == len(page.more) == len(lists["items"]) - page.rows.skipped.total() and page.rows["playlists"][0]["n_tracks"] is not None


def test_recorded_answers_of_deezer(requires_data, tmp_path, server):
    folder = requires_data("similar_artist_api_samples") / "deezer_python"
    answers = {f.stem: json.loads(f.read_text(encoding="utf-8")) for f in folder.glob("*.json")}
    assert len(answers) == 11 and all(judge_deezer(answer(200, json.dumps(a["body"]))) is None for a in answers.values())
    d = Deezer(open_state(), Clock(0.0))
    known = {a["uri"].removeprefix("https://api.deezer.com/").partition("?")[0]: a["body"] for _, a in sorted(answers.items())}
    d.http.session = type("Recorded", (), {"request": lambda self, method, url, **k: answer(200, json.dumps(known[url.removeprefix(d.http.base_url)]))})()
    rows = d.rows()
    similar = known["artist/27/related"]["data"]
    assert d.similar("27", rows) == [str(a["id"]) for a in similar]
    top = next(d.tracks("27", rows))
    t = stored(rows, tmp_path)
    assert len(top) == len(known["artist/27/top"]["data"]) == len(t.tracks) and t.tracks[["title", "duration_ms", "popularity", "album_name"]].notna().all(axis=None)
    assert t.artists.set_index("artist_id").loc[[f"deezer:artist:{a['id']}" for a in similar]].n_fans.notna().all()
    # and what is recorded has every field that the stand-in gives, but for those that Deezer added or dropped since
    get = lambda path: requests.get(f"{server.base}/deezer/{path}", timeout=5).json()
    for path, own in (("artist/27/related", "artist/1014/related"), ("artist/27/albums", "artist/1014/albums")):
        assert set(get(own)["data"][0]) <= set(known[path]["data"][0]) | {"explicit_lyrics", "fans", "link"}, path
    assert {"id", "title", "duration", "rank", "artist", "album", "explicit_lyrics"} <= set(get("artist/1014/top")["data"][0]) & set(known["artist/27/top"]["data"][0])


# --- the check for those with a network --------------------------------------------------------

def test_live_check_passes_against_the_standin_and_fails_where_an_answer_differs(server, capsys):
    import live_check
    server.reset("dev2026")
    env = {"MUSICREC_CONTACT": "me@example.org", "LISTENBRAINZ_USER": "standin", "LASTFM_API_KEY": "key", "LASTFM_USER": "standin", "SPOTIPY_CLIENT_ID": ""}
    state = lambda: (open_state(), Clock(server.clock()))
    with patch.dict(os.environ, server.env() | env):
        assert [s for s in live_check.SERVICES if not live_check.check(s, "Ænima Kör", state())] == []
        said = capsys.readouterr().out
        assert said.count(": ok ") >= 15 and "spotify: skipped" in said
        server.set_modes(["closed_host(deezer)"])
        assert not live_check.check("deezer", "Ænima Kör", state()) and "no good answer" in capsys.readouterr().out
        server.set_modes(["dev2026"])
        server.plan = {len(server.log) + 1: "odd"}
        assert not live_check.check("reccobeats", "Ænima Kör", state()) and "another shape" in capsys.readouterr().out
        server.labs = ["another algorithm"]
        assert not live_check.check("labs", "Ænima Kör", state())


def test_the_standin_says_where_it_is_and_serves_until_it_is_stopped():
    import subprocess
    p = subprocess.Popen([sys.executable, "-m", "musicrec.sources.standin", "--port", "0", "--mode", "dev2026", "--seed", "0", "--clock", "1795435200"], stdout=subprocess.PIPE, text=True)
    try:
        said = json.loads(p.stdout.readline())
        assert set(said) == {"base", "env"} and len(said["env"]) == 8
        assert requests.get(said["env"]["MUSICREC_DEEZER_URL"] + "artist/1000", timeout=5).json()["name"] == "Björk Guðs"
        assert requests.get(said["base"] + "/_log", timeout=5).json()[0]["time"] == 1795435200
    finally:
        p.kill()
        p.wait()
        p.stdout.close()

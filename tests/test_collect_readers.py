"""Readers of open sets and of other programs' files: real sets, odd copies of them, and mutated input."""
import copy
import csv
import io
import json
import random

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musicrec.app.playlists import write_csv, write_jspf
from musicrec.sources.features import feature_tables
from musicrec.sources.files import blob_of, blobs, first_text, json_document, read_frame
from musicrec.sources.hetrec import hetrec, hetrec_part
from musicrec.sources.listenbrainz_export import FEEDBACK_KEYS, LISTEN_KEYS, listen_rows, listenbrainz_export
from musicrec.sources.mpd import MPD_KEYS, mpd
from musicrec.sources.playlist_files import JSPF_KEYS, csv_playlist, is_m3u, jspf_playlist, link_id, m3u_playlist, playlist_part, xspf_playlist
from musicrec.sources.related import graphml, related, related_part
from musicrec.tables import InputError, MusicrecError, Tables

QUICK = settings(derandomize=True, deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
SPOTIFY = "6eTGxxQxiTFE6LfZHC33W{}"
MBID = "8538e728-ca0b-4321-b7e5-cff6565dd4c{}"


def table(rows, sep=","):
    out = io.StringIO()
    csv.writer(out, delimiter=sep, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def read(reader, data, name="file", **options): return Tables.union(reader(blob_of(data, name), **options)).validate()


def hetrec_of(part): return lambda blob, **options: hetrec({part: [blob]}, **options)


# Small files of every kind

HETREC = {
    "artists": table([["id", "name", "url", "pictureURL"], *[[i, f"Band {i}", "http://x", ""] for i in range(12)]], "\t"),
    "user_artists": table([["userID", "artistID", "weight"], *[[u, i, 10 * u + i] for u in range(4) for i in range(6)]], "\t"),
    "tags": table([["tagID", "tagValue"], *[[i, f"genre {i}"] for i in range(5)]], "\t"),
    "user_taggedartists": table([["userID", "artistID", "tagID", "day", "month", "year"], *[[u, i, i % 5, 1, 4, 2009] for u in range(3) for i in range(6)]], "\t")}
EDGES = table([["artist_id1", "artist_id2", "weight"], *[[SPOTIFY.format(i), SPOTIFY.format(j), i + j / 10] for i in range(6) for j in range(6) if i != j]], ";")
ARTISTS = table([["artist_id", "artist_name", "popularity", "genres", "followers"], *[[SPOTIFY.format(i), f"Band {i}", 10 * i, "pop, rock", 1000 * i] for i in range(8)]])
TRACKS = table([["track_id", "track_name", "artist_id", "popularity", "duration_ms"], *[[SPOTIFY.format(i), f"Song {i}", SPOTIFY.format(i % 3), 10 * i, 200_000 + i] for i in range(9)]])
LIKED = table([["track_id", "title", "artist", "album", "duration_ms"], *[[SPOTIFY.format(i), f"Song {i}", f"Band {i % 3}", "Hits", 200_000 + i] for i in range(9)]])
NODES = "".join(f'<node id="{SPOTIFY.format(i)}"><data key="d0">Band {i}</data><data key="d1">pop, rock</data><data key="d2">{1000 * i}</data><data key="d3">{10 * i}</data></node>' for i in range(6))
LINKS = "".join(f'<edge source="{SPOTIFY.format(i)}" target="{SPOTIFY.format(j)}"><data key="d4">{i + j}</data></edge>' for i in range(3) for j in range(6) if i != j)
KEYS = "".join(f'<key id="d{i}" for="{kind}" attr.name="{name}" attr.type="string"/>' for i, (kind, name) in enumerate([("node", "name"), ("node", "genres"), ("node", "followers"), ("node", "popularity"), ("edge", "weight")]))
GRAPH = f'<?xml version="1.0" encoding="utf-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{KEYS}<graph edgedefault="directed">{NODES}{LINKS}</graph></graphml>'
XSPF = '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><title>Winter</title><trackList>' + "".join(
    f"<track><location>https://open.spotify.com/track/{SPOTIFY.format(i)}</location><title>Song {i}</title><creator>Band {i % 3}</creator><duration>{1000 * i}</duration></track>" for i in range(8)) + "</trackList></playlist>"
JSPF = {"playlist": {"title": "Winter", "creator": "x", "track": [{"title": f"Song {i}", "creator": f"Band {i % 3}", "album": "Hits", "duration": 1000 * i, "identifier": [f"https://musicbrainz.org/recording/{MBID.format(i)}"], "location": "file:///x"} for i in range(8)]}}
M3U = "#EXTM3U\n#PLAYLIST:Winter\n" + "".join(f"#EXTINF:{i * 10},Band {i % 3} - Song {i}\nmusic/{i}.mp3\n" for i in range(8))
MPD = {"info": {"slice": "0-999", "version": "v1"}, "playlists": [{"name": f"List {p}", "collaborative": "false", "pid": p, "modified_at": 1493424000, "num_tracks": 3, "num_followers": 1, "tracks": [
    {"pos": i, "artist_name": f"Band {i}", "track_uri": "spotify:track:" + SPOTIFY.format(i + p), "artist_uri": "spotify:artist:" + SPOTIFY.format(i), "track_name": f"Song {i + p}", "album_uri": "spotify:album:" + SPOTIFY.format(i), "duration_ms": 200_000, "album_name": "Hits"}
    for i in range(3)]} for p in range(5)]}
LISTENS = [{"listened_at": 1784536469 + i, "recording_msid": "x", "user_name": "anna", "track_metadata": {"artist_name": f"Band {i % 3}", "track_name": f"Song {i}", "release_name": "Hits", "additional_info": {
    "recording_mbid": MBID.format(i), "artist_mbids": [MBID.format(i % 3)], "isrc": "GBAYE0500588", "duration_ms": 200_000, "spotify_id": None if i % 2 else "https://open.spotify.com/track/" + SPOTIFY.format(i)},
    "mbid_mapping": {"recording_mbid": MBID.format(i), "artists": [{"artist_mbid": MBID.format(i % 3), "artist_credit_name": f"Band {i % 3}", "join_phrase": ""}]}}} for i in range(8)]
FEEDBACK = [{"recording_mbid": MBID.format(i), "recording_msid": None, "score": i % 3 - 1, "created": 1784536469, "track_metadata": LISTENS[i]["track_metadata"] if i % 2 else None} for i in range(8)]
JSON = {"mpd": (mpd, MPD), "jspf": (jspf_playlist, JSPF), "listens": (listenbrainz_export, LISTENS), "payload": (listenbrainz_export, {"payload": {"count": 8, "user_id": "anna", "listens": LISTENS}}), "feedback": (listenbrainz_export, FEEDBACK)}
CELLS = {**{part: (hetrec_of(part), data, "\t") for part, data in HETREC.items()}, "edges": (related, EDGES, ";"), "related artists": (related, ARTISTS, ","), "tracks": (related, TRACKS, ","), "playlist": (csv_playlist, LIKED, ",")}
XML = {"graphml": (graphml, GRAPH), "xspf": (xspf_playlist, XSPF)}
ALL = {**{k: (r, json.dumps(d).encode()) for k, (r, d) in JSON.items()}, **{k: (r, d) for k, (r, d, _) in CELLS.items()}, **{k: (r, d.encode()) for k, (r, d) in XML.items()}, "m3u": (m3u_playlist, M3U.encode())}


@pytest.mark.parametrize("kind", ALL)
def test_the_small_files_are_read(kind):
    reader, data = ALL[kind]
    t = read(reader, data)
    assert t.frames() or kind == "tags"
    assert not any("left out" in n for n in t.notes if kind not in ("feedback",))


# Mutations: a typed error or valid tables, whatever comes


def survives(reader, data):
    try: Tables.union(reader(blob_of(data, "file"))).validate()
    except MusicrecError: pass


def flip(data, rng):
    """Change, delete, repeat or cut bytes."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at, how = rng.randrange(len(data) + 1), rng.randrange(5)
        if how == 0: data[at:at + 1] = bytes([rng.randrange(256)])
        elif how == 1: del data[at:at + rng.randrange(1, 20)]
        elif how == 2: data[at:at] = data[max(0, at - rng.randrange(1, 60)):at]
        elif how == 3: data[at:at] = rng.choice([b"\0", b'"', b"\xff\xfe", b"\r", b"\t", b"\xed\xa0\x80", b"]]}", b"<a>", b"&lt;", b",,,,", b"999999999999999999999", b"nan", b"-inf"])
        elif how == 4 and rng.random() < 0.3: data = data[:at]
        if not data: break
    return bytes(data)


ODD = [None, True, [], {}, "", " ", "x" * 2000, "\ud800", "a\0b", -1, 0, 2.5, 10**18, 10**30, 10**400, 1e308, float("inf"), float("nan"), "nan", "none", [[]], [None], {"a": 1}, "spotify:track:", "::::", "\u202e", "=1", ["x"] * 50, "1e999", "@deep"]


def nodes(value, path=()):
    yield path
    for key, v in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else (): yield from nodes(v, (*path, key))


def swap(document, rng):
    """A document with some values exchanged for odd ones, keys repeated or renamed."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.choice([1, 2, 6])):
        *path, last = rng.choice(list(nodes(document))) or (None,)
        if last is None: document = copy.deepcopy(rng.choice(ODD)); continue
        holder = document
        for key in path: holder = holder[key]
        if isinstance(holder, dict) and rng.random() < 0.15: holder[rng.choice(["x", "", "listens", "tracks", "score"])] = holder.pop(last)
        else: holder[last] = copy.deepcopy(rng.choice(ODD))
        if not isinstance(document, (dict, list)): break
    text = json.dumps(document).replace('"@deep"', "[" * 3000 + "]" * 3000)
    return (text.replace('"title"', '"title": 7, "title"', 1) if rng.random() < 0.1 else text).encode()


def spoil(data, sep, rng):
    """A table with some cells exchanged, columns renamed, moved, doubled or gone."""
    rows = list(csv.reader(io.StringIO(data.decode()), delimiter=sep))
    for _ in range(rng.choice([1, 2, 6])):
        row = rng.randrange(len(rows))
        if rows[row]: rows[row][rng.randrange(len(rows[row]))] = str(rng.choice(ODD)).encode("utf-8", "replace").decode()
    if rng.random() < 0.2: rows[0][rng.randrange(len(rows[0]))] = rng.choice([*rows[0], "name", "id", "artist"])
    if rng.random() < 0.2: rows = [r[1:] for r in rows]
    if rng.random() < 0.2: rows = [[*r, rng.choice(["", "1", "x"])] for r in rows]
    return table(rows, rng.choice([sep, sep, ",", ";", "\t"]))


def mutated(kind, rng):
    reader, data = ALL[kind]
    if kind in JSON and rng.random() < 0.6: return reader, swap(JSON[kind][1], rng)
    if kind in CELLS and rng.random() < 0.6: return reader, spoil(data, CELLS[kind][2], rng)
    return reader, flip(data, rng)


@pytest.mark.parametrize("kind", ALL)
def test_mutated_files_give_a_typed_error_or_valid_tables(kind):
    rng = random.Random(kind)
    for _ in range(4): survives(*mutated(kind, rng))


NOTHING = [b"", b" \n", b"\xef\xbb\xbf", b"\0" * 99, b"\xff\xfe", b"PAR1", b"[]", b"{}", b"null", b"[" * 100_000, b"<a>" * 10_000, b"a,b\n", b'"' * 99]


@pytest.mark.parametrize("kind", ALL)
def test_files_that_hold_nothing_are_refused_or_empty(kind):
    for data in NOTHING: survives(ALL[kind][0], data)


def test_long_lines_and_wide_tables_take_no_time():
    """Each would take minutes by a search that grows with the square; the whole file has a limit of time."""
    survives(m3u_playlist, b"#EXTM3U\n#EXTINF:1,a" + b" " * 1_000_000 + b"b\nx.mp3\n" + b"a" + b" " * 1_000_000 + b"b\n")
    related_part([f"artist {i}" for i in range(20_000)])
    survives(related, table([["source", "target"], ["a" + " " * 1_000_000 + "b", "c"], *[["d", "e"]] * 9]))


@QUICK
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(
    ["listened_at", "track_metadata", "additional_info", "mbid_mapping", "artists", "artist_name", "track_name", "artist_mbids", "recording_mbid", "score", "isrc", "duration_ms"]), v, max_size=5), max_leaves=12))
def test_any_listen_becomes_rows_or_none(value):
    rows = listen_rows([value, LISTENS[0]])
    assert 1 <= len(rows) <= 2 and rows.played_at.notna().all()


@QUICK
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.floats(0, 9)), min_size=1, max_size=30))
def test_ranks_count_up_within_each_artist_and_follow_the_score(edges):
    similar = read(related, table([["source", "target", "score"], *edges])).similar_artists
    pairs = {(f"file:artist:{a}", f"file:artist:{b}") for a, b, _ in edges if a != b}
    assert set(zip(similar.artist_id, similar.similar_id)) == pairs and len(similar) == len(pairs)
    for _, one in similar.sort_values("rank").groupby("artist_id"):
        assert one["rank"].tolist() == list(range(1, len(one) + 1)) and one.score.is_monotonic_decreasing


BOMB = "<!DOCTYPE a [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 10)) + "]>"
OUTSIDE = '<!DOCTYPE a [<!ENTITY a9 SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("kind", XML)
@pytest.mark.parametrize("doctype", [BOMB, OUTSIDE], ids=["bomb", "outside"])
def test_entities_are_refused(kind, doctype):
    reader, text = XML[kind]
    text = text.split("?>")[-1].strip().replace("Band 1", "&a9;")
    with pytest.raises(InputError, match="file: defines entities"): read(reader, f"{doctype}{text}".encode())


# The same rows in other clothes


def clothes(data, sep):
    frame = pd.read_csv(io.BytesIO(data), sep=sep)
    yield "mark and carriage returns", b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
    yield "utf-16", data.decode().encode("utf-16")
    yield "separator, order, more columns", frame.assign(note="x", rating=5)[[*list(frame)[::-1], "note", "rating"]].to_csv(index=False, sep="," if sep == ";" else ";").encode()
    yield "upper case", frame.rename(columns=str.upper).to_csv(index=False, sep="|").encode()
    yield "parquet", frame.to_parquet(index=False)


@pytest.mark.parametrize("kind", CELLS)
def test_a_table_reads_alike_in_every_separator_order_and_encoding(kind):
    reader, data, sep = CELLS[kind]
    whole = read(reader, data)
    for name, other in clothes(data, sep):
        again = Tables.union(reader(blob_of(other, "file")))
        assert again.frames().keys() == whole.frames().keys(), name
        for t, frame in whole.frames().items(): pd.testing.assert_frame_equal(getattr(again, t), frame, obj=f"{name}: {t}")


@pytest.mark.parametrize("kind", ALL)
def test_reading_twice_changes_nothing(kind):
    reader, data = ALL[kind]
    pieces = list(reader(blob_of(data, "file")))
    once, twice = Tables.union(pieces), Tables.union([*pieces, *reader(blob_of(data, "other"))][::-1]).validate()
    own = {"playlists", "playlist_tracks"} if kind == "playlist" else set() # a CSV tells no title, so the file's name is the playlist's
    assert {name: len(f) for name, f in twice.frames().items() if name not in own} == {name: len(f) for name, f in once.frames().items() if name not in own}


@pytest.mark.parametrize("kind", ["edges", "user_artists", "mpd", "jspf", "m3u", "listens"])
def test_strict_refuses_one_bad_row_that_is_dropped_otherwise(kind):
    reader, data = ALL[kind]
    old, new = {"edges": (SPOTIFY.format(0).encode() + b";" + SPOTIFY.format(1).encode(), b";" + SPOTIFY.format(1).encode()), "user_artists": (b"\t35\n", b"\tmany\n"), "mpd": (b'"pid": 3', b'"pid": "x"'),
                "jspf": (b'{"title": "Song 7", "creator": "Band 1", "album": "Hits", "duration": 7000, "identifier": ["https://musicbrainz.org', b'{"album": "Hits", "identifier": ["'),
                "m3u": (b"Band 1 - Song 7", b"Song 7"), "listens": (b"1784536476", b'"soon"')}[kind]
    assert old in data
    t = read(reader, data.replace(old, new, 1))
    assert any("left out 1 " in n for n in t.notes)
    with pytest.raises(InputError, match="1 of "): read(reader, data.replace(old, new, 1), strict=True)


# Which reader takes which table

HEADERS = {
    "edges": ["source,target", "id_i,id_j,S_ij", "from,to,weight", "Artist 1,Artist 2", "artist,similar_artist,score", "artist_name,related_artist_name,rank", "artist_uri_a,artist_uri_b", "seed_artist_id,neighbor_artist_id"],
    "artists": ["artist_id,artist_name", "artist_id,genre", "id,followers,genres,name,popularity", "artist_uri,artist_name,followers"],
    "tracks": ["artist_id,track_id", "track_id,track_name", "track_uri,track_name,popularity"],
    "genres": ["genre", "id,genre"],
    "playlist": ["title,artist", "track_id,title,artist,score,rank,because", "Song,Artist,Album", "name,artists,album"],
    "hetrec": ["userID,artistID,weight", "id,name,url,pictureURL", "tagID,tagValue", "userID,artistID,tagID,timestamp", "userID,friendID"],
    "none": ["Track URI,Track Name,Artist Name(s),Added At", "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Explicit,Added By,Added At,Genres,Record Label", "Spotify ID,Artist IDs,Track Name,Album Name,Artist Name(s),Added At",
             "track_id,artists,track_name,danceability,energy,key,loudness,mode,speechiness,acousticness,liveness,valence,tempo,track_genre", "song_title,artist,target,energy,danceability,loudness,speechiness,acousticness,liveness,valence,tempo",
             "uid,timestamp,item_id", "a,b,c", "track_id1,track_id2", "id,name", "utc_time,artist,album,track"]}


@pytest.mark.parametrize("kind, header", [(k, h) for k, hs in HEADERS.items() for h in hs])
def test_one_reader_claims_a_header(kind, header):
    header = header.split(",")
    found = [p for p in (hetrec_part(header) and "hetrec", related_part(header), playlist_part(header)) if p]
    assert found == ([] if kind == "none" else [kind])


def test_keys_are_in_the_files_they_recognise_and_in_no_other():
    marks = {"mpd": MPD_KEYS, "jspf": JSPF_KEYS, "listens": LISTEN_KEYS, "payload": LISTEN_KEYS, "feedback": FEEDBACK_KEYS}
    for kind, (_, document) in JSON.items():
        text = json.dumps(document)
        has = {name for name, keys in marks.items() if all(f'"{k}"' in text for k in keys)}
        assert kind in has and has <= ({"listens", "payload"} if kind in ("listens", "payload") else {kind})


def test_lists_of_songs_are_told_from_other_text():
    assert is_m3u(M3U) and is_m3u("spotify:track:" + SPOTIFY.format(1)) and is_m3u("https://open.spotify.com/track/" + SPOTIFY.format(1) + "\n")
    for _, data in ALL.values():
        if data != M3U.encode(): assert not is_m3u(data.decode())


# What this project writes


@pytest.fixture
def recommended():
    ids = ["spotify:track:" + SPOTIFY.format(1), "row:track:0123456789abcdef", "name:track:bts - ghost", f"mb:recording:{MBID.format(1)}", "synthetic:track:7"]
    return pd.DataFrame({"track_id": ids, "title": ["Hoppípolla", "=SUM(A1)", "-", "@home", "Ghost"], "artist": ["Sigur Rós", "!!!", "BTS", "+44", "X"], "score": .9, "rank": range(1, 6), "because": ""})


def test_recommendations_written_as_jspf_are_read_back(recommended, tmp_path):
    path = write_jspf(recommended, tmp_path / "mix.jspf", "For a walk")
    t = Tables.union(jspf_playlist(next(blobs(path)))).validate()
    assert t.playlist_tracks.sort_values("position").track_id.tolist() == recommended.track_id.tolist()
    assert t.playlists.playlist_id.tolist() == ["me:playlist:For a walk"]
    assert JSPF_KEYS <= json_document(next(blobs(path))).keys() | json_document(next(blobs(path)))["playlist"].keys()


def test_recommendations_written_as_csv_are_read_back(recommended, tmp_path):
    blob = next(blobs(write_csv(recommended, tmp_path / "mix.csv")))
    assert playlist_part(read_frame(blob)) == "playlist"
    t = Tables.union(csv_playlist(blob)).validate()
    assert t.playlist_tracks.track_id.tolist() == recommended.track_id.tolist()
    names = t.tracks.set_index("track_id").title
    assert names["row:track:0123456789abcdef"] == "=SUM(A1)" and names[f"mb:recording:{MBID.format(1)}"] == "@home"


# Graphs by another library's hand


@pytest.mark.parametrize("directed", [True, False])
def test_a_graph_written_by_networkx_is_read(directed):
    networkx = pytest.importorskip("networkx")
    g = (networkx.DiGraph if directed else networkx.Graph)()
    g.add_nodes_from([("Drake", {"followers": 5}), ("Sigur Rós", {"genres": "post-rock"}), ("BTS", {})])
    g.add_weighted_edges_from([("Drake", "BTS", 2.0), ("Drake", "Sigur Rós", 3.0)])
    t = read(graphml, "\n".join(networkx.generate_graphml(g)).encode())
    assert t.artists.set_index("artist_id").name.to_dict() == {"name:artist:drake": "Drake", "name:artist:sigur ros": "Sigur Rós", "name:artist:bts": "BTS"}
    ranks = t.similar_artists.set_index(["artist_id", "similar_id"])["rank"]
    assert ranks["name:artist:drake", "name:artist:sigur ros"] == 1 and len(ranks) == (2 if directed else 4)


# Links


@pytest.mark.parametrize("link", ["spotify:track:{}", "https://open.spotify.com/track/{}?si=a", "http://open.spotify.com/intl-pt/track/{}", "urn:musicrec:spotify:track:{}"])
def test_links_to_spotify_give_its_id(link): assert link_id([link.format(SPOTIFY.format(1))]) == "spotify:track:" + SPOTIFY.format(1)


@pytest.mark.parametrize("link", ["spotify:track:short", "https://open.spotify.com/album/" + SPOTIFY.format(1), "https://musicbrainz.org/artist/" + MBID.format(1), "urn:musicrec:", "spotify:track:" + SPOTIFY.format("1x")])
def test_other_links_give_none(link): assert link_id([link]) is None


# Real sets


@pytest.fixture
def lastfm(requires_data):
    parts = {}
    for blob in blobs(requires_data("hetrec2011_lastfm_2k")):
        if part := hetrec_part(first_text(blob).partition("\n")[0].split("\t")): parts.setdefault(part, []).append(blob)
    return parts


def test_hetrec_has_the_counts_of_its_readme(lastfm):
    t = Tables.union(hetrec(lastfm, strict=True)).validate()
    assert (len(t.artists), len(t.listener_artists), t.listener_artists.listener_id.nunique()) == (17_632, 92_834, 1_892)
    assert t.artists.name.notna().mean() > 0.999 and t.listener_artists.weight.min() >= 1


def test_related_artists_have_the_counts_of_their_readme(requires_data):
    pieces = [piece for blob in blobs(requires_data("spotify_related_artists_amat")) for piece in related(blob)]
    t = Tables.union(pieces).validate()
    linked = {*t.similar_artists.artist_id, *t.similar_artists.similar_id}
    assert (len(t.similar_artists), len(linked)) == (82_134, 8_835)
    assert (t.similar_artists.groupby("artist_id").size() == 20).sum() == 279
    assert sum("1,403 genres without artists" in n for n in t.notes) == sum("left out 1 rows without an id" in n for n in t.notes) == 1
    assert set(t.artists.artist_id[t.artists.expanded.fillna(False)]) == set(t.similar_artists.artist_id)


def test_related_graphs_have_the_counts_of_their_readme(requires_data):
    graphs = [b for b in blobs(requires_data("spotify_related_graph_taylor_swift")) if "<graphml" in first_text(b)]
    read_ = [Tables.union(graphml(b)).validate() for b in graphs]
    assert sorted(len(t.artists) for t in read_) == [473, 956] and {int(t.artists.expanded.sum()) for t in read_} == {100}


def test_graph_and_songs_share_their_ids(requires_data):
    folder = list(blobs(requires_data("spotify_related_graph_taylor_swift")))
    graph = Tables.union(piece for b in folder if "<graphml" in first_text(b) for piece in graphml(b))
    songs = next(read_frame(b) for b in folder if "<graphml" not in first_text(b))
    assert related_part(songs) is None and feature_tables(songs).artists.artist_id.isin(graph.artists.artist_id).mean() > 0.9

"""Ask each service a few questions and say where its answers differ from what we were told: about 30 requests, a minute.

    python tools/live_check.py                     all services that are set up
    python tools/live_check.py deezer reccobeats   some of them

The clients were written from contracts, without a network. This runs their own code, keeps nothing, and prints a line for
each thing it tried. Last.fm needs LASTFM_API_KEY, MusicBrainz MUSICREC_CONTACT, Spotify a login (`musicrec auth login`).
"""
import argparse
import sys

from musicrec.sources.crawl import SHAPES
from musicrec.sources.deezer import Deezer, find_artist
from musicrec.sources.http import Clock, open_state
from musicrec.sources.lastfm import LastFm
from musicrec.sources.listenbrainz import ALGORITHMS, Labs, ListenBrainz
from musicrec.sources.login import pkce, setting
from musicrec.sources.musicbrainz import MusicBrainz
from musicrec.sources.reccobeats import ReccoBeats
from musicrec.sources.spotify import CAPABILITIES, Spotify, can
from musicrec.tables import AUDIO, MusicrecError

MBID = "056e4f3e-d505-4dad-8ec1-d04f521cbb56"  # Daft Punk, where MusicBrainz may not be asked


class Skipped(Exception):
    """A service that is not set up here."""


def full(rows, table, columns, least=1):
    """How many rows a table got; raises where there are too few, or where a column is empty in all of them."""
    some = rows[table]
    if len(some) < least:
        raise ValueError(f"{len(some)} rows of {table} where at least {least} were expected")
    if empty := [c for c in columns.split() if all(r.get(c) is None for r in some)]:
        raise ValueError(f"{table} came without {', '.join(empty)}")
    return f"{len(some)} {table.replace('_', ' ')}"


def found(what, value):
    """`value`, or an error that says what was not found."""
    if not value:
        raise ValueError(f"found no {what}")
    return value


def deezer(state, name):
    d = Deezer(*state)
    key = found(f"artist of the name {name!r}", find_artist(d, name).key)
    yield "an artist by name"
    d.similar(key, rows := d.rows())
    yield "similar artists: " + full(rows, "similar_artists", "rank") + ", " + full(rows, "artists", "name n_fans")
    rows, pages = d.rows(), d.tracks(key, d.rows())
    track = found("top tracks", next(pages))[0]
    isrc = found("ISRC", d.isrc(track.split(":")[2], rows))
    yield "a track: " + full(rows, "tracks", "title isrc duration_ms album_name popularity release_date")
    found("artist by ISRC", find_artist(d, name, [isrc]).method == "isrc")
    yield "an artist by ISRC"
    found("tracks of an album", next(pages))
    yield "albums and their tracks"


def reccobeats(state, name):
    p = ReccoBeats(*state)
    key, rows = found(f"artist of the name {name!r}", p.artist(name)), p.rows()
    yield "an artist by name"
    next(p.tracks(key, rows))
    yield "tracks of an artist: " + full(rows, "tracks", "title duration_ms isrc")
    some, by_isrc = {t["track_id"]: t["track_id"].split(":")[2] for t in rows["tracks"][:40]}, next(t for t in rows["tracks"] if t.get("isrc"))
    p.features(some, rows := p.rows())
    yield "features by Spotify id: " + full(rows, "audio_features", " ".join(AUDIO) + " instrumentalness key mode")
    p.features({"isrc": by_isrc["isrc"]}, rows := p.rows())
    yield "features by ISRC: " + full(rows, "audio_features", "matched_by")
    p.features({"nobody": "0000000000000000000000"}, p.rows())
    yield "an id that nobody knows is left out"


def listenbrainz(state, name):
    page = ListenBrainz(*state, user := setting("LISTENBRAINZ_USER") or "rob", setting("LISTENBRAINZ_TOKEN")).read()
    yield f"listens of {user}: " + full(page.rows, "listens", "played_at track_id artist_id") + ", " + full(page.rows, "tracks", "title")


def labs(state, name):
    p = Labs(*state)
    p.similar((setting("MUSICREC_CONTACT") and MusicBrainz(*state).by_name(name).key) or MBID, rows := p.rows())
    yield "similar artists: " + full(rows, "similar_artists", "score algorithm") + ", " + full(rows, "artists", "name")
    number = ALGORITHMS.index(rows["similar_artists"][0]["algorithm"])
    yield f"algorithm {number + 1} of {len(ALGORITHMS)} in the list"


def lastfm(state, name):
    if not (key := setting("LASTFM_API_KEY")):
        raise Skipped("LASTFM_API_KEY is not set")
    p = LastFm(*state, key, setting("LASTFM_USER"))
    p.similar(name, rows := p.rows())
    yield "similar artists: " + full(rows, "similar_artists", "score")
    if p.user:
        yield f"scrobbles of {p.user}: " + full(p.read().rows, "listens", "played_at track_id artist_id")


def musicbrainz(state, name):
    if not setting("MUSICREC_CONTACT"):
        raise Skipped("MUSICREC_CONTACT is not set")
    p = MusicBrainz(*state)
    key = found(f"artist of the name {name!r}", p.by_name(name).key)
    yield "an artist by name"
    yield f"genres: {', '.join(found('genre', p.genres(key))[:3])}"
    d = Deezer(*state)
    found("link to Deezer", p.by_address([f"deezer:artist:{find_artist(d, name).key}"]))
    yield "an artist by a link"


def spotify(state, name):
    if not setting("SPOTIPY_CLIENT_ID"):
        raise Skipped("SPOTIPY_CLIENT_ID is not set")
    login = pkce(*state)
    if not login.cache_handler.get_cached_token():
        raise Skipped("nobody is logged in; run `musicrec auth login`")
    s = Spotify(*state, login)
    artist = track = None
    for what in s.lists():
        rows = s.read(what).rows
        yield f"{what}: " + (", ".join(f"{len(r)} {t.replace('_', ' ')}" for t, r in rows.items()) or "nothing there")
        artist = artist or next((r["artist_id"] for r in rows["artists"] if r["artist_id"].startswith("spotify:")), None)
        track = track or next((r["track_id"] for r in rows["tracks"]), None)
    for capability, example in zip(CAPABILITIES, (artist, track)):
        if example:
            yield f"{capability.replace('_', ' ')}: {'open to this app' if can(s, capability, example.split(':')[2]) else 'closed to this app'}"


SERVICES = {f.__name__: f for f in (deezer, reccobeats, listenbrainz, labs, lastfm, musicbrainz, spotify)}


def check(name, artist, state):
    """Ask one service; whether everything was as expected."""
    try:
        for line in SERVICES[name](state, artist):
            print(f"{name}: ok       {line}", flush=True)
    except Skipped as e:
        print(f"{name}: skipped  {e}", flush=True)
    except (MusicrecError, StopIteration, RuntimeError, *SHAPES) as e:
        print(f"{name}: FAILED   {e if isinstance(e, (MusicrecError, ValueError)) else f'an answer has another shape ({type(e).__name__}: {e})'}", flush=True)
        return False
    return True


def main(args=None):
    """Ask, and return the exit code: 1 if something differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("services", nargs="*", metavar="SERVICE", help=f"by default all: {', '.join(SERVICES)}")
    parser.add_argument("--artist", default="Daft Punk", help="whom to ask about; somebody all services know")
    asked = parser.parse_args(args)
    if wrong := [s for s in asked.services if s not in SERVICES]:
        parser.error(f"no service is called {wrong[0]!r}")
    state = open_state(), Clock()
    wrong = [s for s in asked.services or SERVICES if not check(s, asked.artist, state)]
    if wrong:
        print(f"Other than its contract: {', '.join(wrong)}. Compare the page of the service under nbs/sources with what it answers now.")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

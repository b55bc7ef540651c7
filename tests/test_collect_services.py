"""The crawl against the stand-in over real HTTP: faults, kills, limits, secrets; on a virtual clock.

`python tests/test_collect_services.py 10000` runs as many random fault schedules on all cores; `10000 2 1500` those from the 1,500th, on two.
"""
import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import requests
import typer
from typer.testing import CliRunner

from musicrec.app import collecting
from musicrec.services import export_tables
from musicrec.sources import standin
from musicrec.sources.crawl import Crawl, Plan, summary
from musicrec.sources.http import Clock, note, open_state, spent
from musicrec.sources.library import STORED, Library
from musicrec.sources.login import SCOPES, TokenFile
from musicrec.sources.records import Rows
from musicrec.sources.rows import name_id, name_track_id
from musicrec.sources.standin import FAULTS, StandIn
from musicrec.tables import MusicrecError, Tables

FAST = "/dev/shm" if os.path.isdir("/dev/shm") else None  # where a library costs no disk
pytestmark = pytest.mark.filterwarnings("ignore:You're using:DeprecationWarning")  # spotipy's own, for endpoints that old apps have
START = 1_790_500_000.0
PLAN = Plan(max_depth=1, max_artists=9, min_similar=5, min_tracks=12)
SMALL = dict(artists=12, playlists=5, saved=60, listens=30)
SHORT, TINY = Plan(max_depth=1, max_artists=3, min_similar=5, min_tracks=8), dict(artists=7, playlists=3, saved=9, listens=9)  # some fifty requests
MODES = ("dev2026", "dev2026_strict", "extended", "drift")
USER = {"SPOTIPY_CLIENT_ID": "client-of-tests", "LISTENBRAINZ_USER": "standin", "LASTFM_API_KEY": "key-that-nobody-may-see", "LASTFM_USER": "standin"}


class World:
    """A stand-in with a clock of its own, and somebody logged in."""

    def __init__(self, mode="dev2026", **size):
        self.clock = Clock(START)
        self.server = StandIn(mode, clock=self.clock.now, **(SMALL | size))
        self.env = patch.dict(os.environ, self.server.env() | USER)

    def __enter__(self):
        self.server.__enter__()
        self.env.start()
        return self

    def __exit__(self, *error):
        self.env.stop()
        self.server.__exit__()

    def fresh(self, mode="dev2026", plan=()):
        """The same world at its first day, with faults planned by number of request."""
        self.clock.slept = 0.0
        self.server.reset(mode)
        self.server.plan = dict(plan)

    def library(self, folder):
        """A new library whose owner is logged in."""
        library = Library(folder)
        _, token = self.server.grant(USER["SPOTIPY_CLIENT_ID"], SCOPES, self.clock.now())
        TokenFile(USER["SPOTIPY_CLIENT_ID"], self.clock, library.home.config).save_token_to_cache(token | {"expires_at": self.clock.now() + token["expires_in"]})
        note(open_state(library.db), "clock", START)
        return library

    def crawl(self, library, plan=PLAN):
        """One run."""
        return Crawl(library, plan, self.clock, spotify=True).run()

    def whole(self, library, plan=PLAN):
        """Run until nothing is left, waiting for every block to end; returns the runs it took."""
        for runs in range(1, 60):
            c = self.crawl(library, plan)
            if not c.left():
                return runs
            self.clock.sleep(max([60.0] + [b.until - self.clock.now() + 1 for b in c.blocks]))
        raise AssertionError(f"still {c.left()} pieces of work: {summary(c)}")


def content(library):
    """Every row of every table."""
    return {n: library.db.execute(f"SELECT * FROM {n} ORDER BY 1, 2, 3").fetchall() for n in STORED}


def difference(a, b):
    """Rows that two contents don't share."""
    return {n: (sorted(set(a[n]) - set(b[n]), key=repr)[:3], sorted(set(b[n]) - set(a[n]), key=repr)[:3]) for n in a if a[n] != b[n]}


def schedule(seed, length):
    """Three to twelve faults of at least two kinds among the first requests."""
    r = random.Random(seed)
    kinds = r.sample(FAULTS, r.randint(2, 6))
    at = r.sample(range(1, length + 1), r.randint(max(3, len(kinds)), 12))
    chosen = kinds + r.choices(kinds, k=len(at) - len(kinds))
    long = lambda k: f"{k}:{r.choice([1, 7, 30, 61, 3600, 52531, 86400])}" if k in ("429", "quota") else k
    return {n: long(k) for n, k in zip(at, chosen)}


def references(world):
    """What an undisturbed collection holds in each mode, and how many requests it takes."""
    found = {}
    for mode in MODES:
        world.fresh(mode)
        with tempfile.TemporaryDirectory(dir=FAST) as d, world.library(d) as library:
            world.whole(library, SHORT)
            found[mode] = content(library), len(world.server.log)
    return found


def check(world, known, seed):
    """One schedule: whatever happens, the rows of an undisturbed collection."""
    mode = MODES[seed % len(MODES)]
    expected, length = known[mode]
    plan = schedule(seed, length)
    world.fresh(mode, plan)
    with tempfile.TemporaryDirectory(dir=FAST) as d, world.library(d) as library:
        runs = world.whole(library, SHORT)
        assert not (wrong := difference(expected, content(library))), (seed, mode, plan, wrong)
    assert len(world.server.log) >= 40
    met = [plan[e["n"]].partition(":")[0] for e in world.server.log if e["n"] in plan]
    assert len(met) >= 3 and len(set(met)) >= 2
    return runs, Counter(k.partition(":")[0] for k in plan.values())


@pytest.mark.parametrize("n", [200, pytest.param(2_000, marks=pytest.mark.slow)])
def test_random_faults_lose_no_row_and_double_none(n):
    runs, kinds = many(n, 2, say=lambda line: None)
    assert runs.total() == n and runs[1] < n / 2 and set(kinds) == set(FAULTS)


# --- killed and resumed ------------------------------------------------------------------------


def exported(library, folder):
    """Every byte of an export."""
    export_tables(library.tables(), folder, csv=True)
    return {p.name: p.read_bytes() for p in sorted(Path(folder).iterdir())}


@contextmanager
def killer(world, at):
    """Kill the process `world.child` with SIGKILL when the `at`-th request arrives, before it is answered."""
    real = standin.respond

    def respond(s, req, n):
        if n == at:
            os.kill(world.child, signal.SIGKILL)
        return real(s, req, n)

    with patch.object(standin, "respond", respond):
        yield


def in_a_child(world, folder):
    """Run a collection in a process of its own; its wait status."""
    world.child = os.fork()
    if not world.child:
        try:
            with Library(folder) as library:
                code = 0 if not world.crawl(library, SHORT).left() else 1
        except BaseException:
            code = 2
        os._exit(code)
    return os.waitpid(world.child, 0)[1]


@pytest.mark.parametrize("seed", [251, 1558])
def test_schedules_that_once_failed(seed):
    with World(**TINY) as world:
        check(world, references(world), seed)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_request_and_resumed_exports_the_same_bytes(step):
    with World(**TINY) as world, tempfile.TemporaryDirectory(dir=FAST) as d:
        tmp_path = Path(d)
        world.fresh()
        with world.library(tmp_path / "whole") as library:
            assert world.whole(library, SHORT) == 1
            rows, expected, length = content(library), exported(library, tmp_path / "out"), len(world.server.log)
            assert {"manifest.json", "tracks_wide.csv", "tracks.parquet", "similar_artists.csv"} <= set(expected)
        for k in range(1, length + 1, step):
            world.fresh()
            home = tmp_path / f"killed{k}"
            world.library(home).close()
            with killer(world, k):
                assert os.WIFSIGNALED(in_a_child(world, home)), k
            assert len(world.server.log) == k
            assert in_a_child(world, home) == 0, k
            with Library(home) as library:
                assert not (wrong := difference(rows, content(library))), (k, wrong)
                if step == 1 or k % 21 == 1:  # an export takes longer than the collection
                    assert exported(library, tmp_path / f"out{k}") == expected, k
            sent = Counter((e["service"], e["path"], e["query"]) for e in world.server.log)
            assert sum(n - 1 for n in sent.values()) <= 2, "only what was on its way, or waited for its transaction, is asked again"


# --- limits ------------------------------------------------------------------------------------


def test_a_block_of_a_day_returns_at_once_with_everything_saved(tmp_path):
    with World() as world:
        world.fresh(plan={30: "429:86400"})
        clock = Clock()  # the real one: nothing may sleep
        world.clock.start = time.time()
        with world.library(tmp_path) as library:
            c, arrived, real = Crawl(library, PLAN, clock, spotify=True), {}, standin.respond
            for p in c.providers.values():
                p.http.pace.rate = 1e9
            with patch.object(standin, "respond", lambda s, req, n: (arrived.setdefault(n, time.monotonic()), real(s, req, n))[1]):
                c.run()
            assert time.monotonic() - arrived[30] < 1, "control is back within a second"
            assert c.blocks and 86_000 < c.blocks[0].until - time.time() <= 86_400
            assert "Blocked until" in str(c.blocks[0]) and "musicrec collect resume" in str(c.blocks[0])
            assert c.left() and library.counts()["tracks"]
            log = len(world.server.log)
            began = time.monotonic()
            again = Crawl(library, PLAN, clock, spotify=True)
            again.run()
            assert time.monotonic() - began < 1 and again.blocks
            assert not [e for e in world.server.log[log:] if e["service"] == c.blocks[0].host and e["path"] == world.server.log[29]["path"]]


def test_somebody_elses_playlist_costs_that_playlist_only(tmp_path):
    with World() as world, world.library(tmp_path) as library:
        c = world.crawl(library)
        states = dict(library.db.execute("SELECT key, state FROM collect_frontier WHERE key LIKE 'spotify:playlist:%'"))
        assert Counter(states.values()) == {"done": 3, "missing": 1}
        assert any("1 not ours to read" in line for line in summary(c))


def test_no_call_to_an_endpoint_known_to_be_closed(tmp_path):
    with World() as world, world.library(tmp_path) as library:
        for _ in range(2):
            world.crawl(library, Plan(("spotify", "deezer"), max_depth=1, max_artists=9, min_similar=5, min_tracks=12))
        closed = [e["path"] for e in world.server.log if "related-artists" in e["path"] or "audio-features" in e["path"] and e["service"] == "spotify"]
        assert len([p for p in closed if "related" in p]) <= 1 and len([p for p in closed if "audio" in p]) <= 1 and closed


def test_never_over_the_daily_budget(tmp_path):
    with World() as world, world.library(tmp_path) as library:
        for _ in range(20):
            c = Crawl(library, PLAN, world.clock, spotify=True)
            c["spotify"].http.budget = 5
            c.run()
            if not c.left():
                break
            world.clock.sleep(max([60.0] + [b.until - world.clock.now() + 1 for b in c.blocks]))
        assert not c.left()
        days = Counter(int(e["time"] // 86_400) for e in world.server.log if e["service"] == "spotify")
        assert len(days) > 2 and max(days.values()) <= 5
        assert spent(library.db, "spotify", world.clock.now()) <= 5


@pytest.mark.parametrize("mode, words", [("premium_lapsed", "Premium"), ("not_allowlisted", "five users")])
def test_other_services_go_on_without_spotify(tmp_path, mode, words):
    with World() as world:
        world.fresh(mode)
        with world.library(tmp_path) as library:
            c = world.crawl(library)
            assert words in c.off["spotify"] and any(words in line for line in summary(c))
            assert library.counts()["listens"] == 60 and library.counts()["similar_artists"] and library.counts()["audio_features"]
            assert sum(e["service"] == "spotify" for e in world.server.log) == 1


def test_a_service_that_is_down_is_left_alone(tmp_path):
    with World() as world:
        world.fresh(["dev2026", "closed_host(deezer)"])
        with world.library(tmp_path) as library:
            c = world.crawl(library)
            assert 4 <= sum(e["service"] == "deezer" for e in world.server.log) <= 8 and c.left()
            world.server.set_modes(["dev2026"])
            world.whole(library)
            assert library.counts()["similar_artists"]


# --- secrets -----------------------------------------------------------------------------------


def test_no_secret_is_kept_or_said(tmp_path, capsys):
    with World() as world:
        world.fresh(plan={12: "401", 40: "500", 41: "500", 42: "500", 43: "500", 60: "html"})
        said = []
        with world.library(tmp_path) as library:
            c = Crawl(library, PLAN, world.clock, spotify=True, say=said.append)
            c.run()
            world.whole(library)
            said += summary(c) + [repr(p) for p in c.providers.values()] + [repr(p.http) for p in c.providers.values()]
            exported(library, tmp_path / "out")
            rows = "\n".join(library.db.iterdump())
            world.server.set_modes(["closed_host(lastfm)"])
            try:
                c["lastfm"].similar("Somebody new", c["lastfm"].rows())
            except MusicrecError:
                said.append(traceback.format_exc())
            assert "in similar" in said[-1]
        secrets = [*world.server.tokens, *world.server.refresh, USER["LASTFM_API_KEY"]]
        assert len(secrets) >= 4
        files = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and not p.name.startswith("spotify-"))
        streams = capsys.readouterr()
        for secret in secrets:
            assert secret not in rows and secret not in "\n".join(said) + streams.out + streams.err and secret.encode() not in files
        token = next((tmp_path / "config").glob("spotify-*.json"))
        assert token.stat().st_mode & 0o777 == 0o600


def test_no_notebook_shows_a_token(top):
    """Nothing like the tokens of Spotify, or of the stand-in, in any notebook or result."""
    for file in [*top.glob("nbs/**/*.ipynb"), *top.glob("results/*.json")]:
        text = re.sub(r'"image/png": "[^"]*"|base64,[0-9A-Za-z+/=]*', "", file.read_text(encoding="utf-8"))
        assert not re.search(r"\b[AB]Q[0-9A-Za-z_-]{40,}", text), file


# --- what spotipy sends ------------------------------------------------------------------------


def test_spotipy_sends_what_the_contract_says(tmp_path):
    with World(playlists=53) as world, world.library(tmp_path) as library:
        world.crawl(library, Plan(features=True, max_depth=0, max_artists=2, min_tracks=1))
        log = [e for e in world.server.log if e["service"] == "spotify"]
        assert not [e for e in log if e["unknown"]], "the stand-in knows every parameter"
        asked = {re.sub(r"/playlists/[0-9A-Za-z]{22}/", "/playlists/{id}/", e["path"]).removeprefix("/spotify/v1/").rstrip("/") for e in log}
        assert {"me", "me/playlists", "playlists/{id}/items", "me/tracks", "me/top/artists", "me/top/tracks", "me/following", "me/player/recently-played"} <= asked
        assert not [p for p in asked if p.endswith("/tracks") and p != "me/tracks" and "top" not in p], "the renamed endpoint is not used"
        pages = [dict(x.split("=") for x in e["query"].split("&")) for e in log if e["path"].endswith("/me/playlists")]
        assert [(p["limit"], p["offset"]) for p in pages] == [("50", "0"), ("50", "50")]
        assert all("limit=50" in e["query"] for e in log if e["path"].endswith(("/items", "/me/tracks", "recently-played")))
        assert all("type=artist" in e["query"] for e in log if e["path"].endswith("/following"))


# --- by command --------------------------------------------------------------------------------

MUSICREC = "import sys; from musicrec.app import collecting as c; import typer; a = typer.Typer(); a.add_typer(c.auth_app, name='auth'); a.add_typer(c.collect_app, name='collect'); a(sys.argv[1:])"


NOON = 1_795_435_200.0  # 2026-11-23T12:00:00Z


@contextmanager
def by_command(tmp_path, clock=True, **world):
    """Functions that run our commands against a stand-in of their own: in this process, or in another."""
    server = StandIn(clock=(lambda: NOON) if clock else time.time, **(SMALL | world))
    env = server.env() | {"SPOTIPY_CLIENT_ID": "client-of-tests", "SPOTIPY_REDIRECT_URI": "http://127.0.0.1/callback", "PYTHONUNBUFFERED": "1"} | ({"MUSICREC_CLOCK": "2026-11-23T12:00:00Z"} if clock else {})
    shared = typer.Typer()
    shared.add_typer(collecting.auth_app, name="auth")
    shared.add_typer(collecting.collect_app, name="collect")

    def here(*words, home="home"):
        result = CliRunner().invoke(shared, [*words, "--home", str(tmp_path / home)])
        assert result.exception is None or isinstance(result.exception, (SystemExit, MusicrecError)), result.exception
        return result

    def elsewhere(*words, home="home"):
        return subprocess.Popen([sys.executable, "-c", MUSICREC, *words, "--home", str(tmp_path / home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    with server, patch.dict(os.environ, env):
        yield server, here, elsewhere


def agree(server, here, home="home", accept=True):
    """Log in, with a request in place of the browser."""
    with patch("webbrowser.open", lambda url: requests.get(url, timeout=5)), patch("sys.stdin", []):
        return here("auth", "login", *["--accept-spotify-terms"] * accept, home=home)


RUN = "collect", "run", "--max-depth", "1", "--max-artists", "9", "--min-tracks", "12"


def test_a_collection_by_three_commands_killed_and_resumed(tmp_path):
    with by_command(tmp_path) as (server, here, elsewhere):
        p = elsewhere("auth", "login", "--no-browser", "--accept-spotify-terms", home="killed")  # a login by pasting
        address = next(line for line in p.stdout if "/authorize" in line).strip()
        out, _ = p.communicate(requests.get(address, allow_redirects=False, timeout=5).headers["Location"] + "\n", timeout=60)
        assert p.returncode == 0 and "logged in" in out, out
        server.log.clear()
        world = type("World", (), {})()
        with killer(world, 60):
            p = elsewhere(*RUN, home="killed")
            world.child = p.pid
            p.communicate(timeout=120)
        assert p.returncode == -signal.SIGKILL and len(server.log) == 60
        p = elsewhere("collect", "resume", home="killed")
        out, _ = p.communicate(timeout=120)
        assert p.returncode == 0 and "nothing is left to collect" in out, out
        sent = Counter((e["service"], e["path"], e["query"]) for e in server.log)
        assert sum(n - 1 for n in sent.values()) <= 1, "no call is repeated but the one that was on its way"
        assert agree(server, here).exit_code == 0
        assert "nothing is left to collect" in here(*RUN).output
        outs = []
        for home in ("home", "killed"):
            assert here("collect", "export", str(tmp_path / f"out-{home}"), "--csv", home=home).exit_code == 0
            outs.append({f.name: f.read_bytes() for f in (tmp_path / f"out-{home}").iterdir()})
        assert outs[0] == outs[1] and {"tracks_wide.csv", "listens.csv", "tracks.parquet"} <= set(outs[0])
        assert {"deezer", "reccobeats", "spotify_api"} <= set(json.loads(outs[0]["manifest.json"])["sources"])


def test_a_block_leaves_with_code_3_and_the_time_it_ends(tmp_path):
    with by_command(tmp_path) as (server, here, _):
        assert agree(server, here).exit_code == 0
        server.plan = {len(server.log) + 9: "quota:86400"}
        result = here(*RUN)
        assert result.exit_code == 3 and "Blocked until 2026-11-24T12:00:" in result.output and "musicrec collect resume" in result.output and "--no-wait" in result.output
        log = len(server.log)
        again = here("collect", "resume")
        assert again.exit_code == 3 and not [e for e in server.log[log:] if "/me" in e["path"]], "a blocked group is not asked"
        assert "is blocked until" in here("collect", "status").output
        with patch.dict(os.environ, {"MUSICREC_CLOCK": "2026-11-25T00:00:00Z"}):
            assert "nothing is left to collect" in here("collect", "resume").output
        with Library(tmp_path / "home") as library:
            stamps = {s for n in STORED for s, in library.db.execute(f"SELECT DISTINCT fetched_at FROM {n}")}
        assert stamps == {"2026-11-23T12:00:00Z"}, "the library keeps the clock it began by"


def test_without_a_clock_only_dates_differ(tmp_path):
    """Real time, no waiting: exports of two collections are the same but for `fetched_at`, dates and checksums."""
    def plain(folder):
        t = Tables.load(folder)
        frames = {n: f.drop(columns=[c for c in ("fetched_at", "checked_at") if c in f]) for n, f in t.frames().items()}
        manifest = json.loads((folder / "manifest.json").read_text())
        return frames, (folder / "tracks_wide.csv").read_bytes(), {k: v for k, v in manifest.items() if k not in ("fetched", "sha256")}

    with by_command(tmp_path, clock=False, **TINY) as (server, here, _), patch("musicrec.sources.http.Pace.wait", lambda self: 0.0):
        for home in ("first", "second"):
            server.reset("dev2026")
            assert agree(server, here, home).exit_code == 0
            if home == "second":
                assert here(*RUN, "--max-requests", "30", home=home).exit_code == 0
                time.sleep(1.1)  # another second on the clock
            assert here("collect", "resume" if home == "second" else "run", *RUN[2:] * (home == "first"), home=home).exit_code == 0
            assert here("collect", "export", str(tmp_path / f"out-{home}"), home=home).exit_code == 0
        one, two = plain(tmp_path / "out-first"), plain(tmp_path / "out-second")
        assert one[1:] == two[1:] and one[0].keys() == two[0].keys()
        for name, frame in one[0].items():
            assert frame.equals(two[0][name]), name
        stamps = [set(Tables.load(tmp_path / f"out-{h}").tracks.fetched_at) for h in ("first", "second")]
        assert stamps[0] != stamps[1]


OTHERS = {"labs": ["--similar", "labs", "--genres"], "filled": ["--similar", "labs,lastfm,deezer", "--fill", "--isrc"], "lastfm": ["--similar", "lastfm"],
          "spotify": ["--similar", "spotify,deezer", "--spotify-albums"], "old app": ["--similar", "spotify", "--spotify-albums"]}


@pytest.mark.parametrize("name", OTHERS)
def test_every_provider_gives_a_whole_and_valid_collection(tmp_path, name):
    with by_command(tmp_path) as (server, here, _), patch.dict(os.environ, {"MUSICREC_CONTACT": "me@example.org", "LASTFM_API_KEY": "key", "LASTFM_USER": "standin"}):
        server.reset("extended" if name == "old app" else "dev2026")
        agree(server, here)
        result = here(*RUN, *OTHERS[name])
        assert result.exit_code == 0 and "failed" not in result.output and "nothing is left to collect" in result.output, result.output
        assert ("closed to this app" in result.output) == (name != "old app")
        assert not [e for e in server.log if e["unknown"]]
        with Library(tmp_path / "home") as library:
            t = library.stored().validate()
        sources = {"labs": {"lb_labs"}, "filled": {"lb_labs", "lastfm"}, "lastfm": {"lastfm"}, "spotify": {"deezer"}, "old app": {"spotify_api"}}[name]
        assert sources <= set(t.similar_artists.source) and len(t.audio_features) and (name != "labs" or t.artists.genres[t.artists.source == "musicbrainz"].notna().any())
        assert name != "old app" or "spotify_api" in set(t.audio_features.source)


def test_own_playlists_are_a_last_resort_that_costs_no_call(tmp_path):
    with World() as world:
        people, files, calls, near = world.server.world.artists, Rows("playlist_file"), [], []
        names, who, at = [a.name for a in people], [name_id(a.name) for a in people], [f"deezer:artist:{a.deezer}" for a in people]
        for p, members in enumerate(([0, 1, 2], [0, 1, 3], [0, 2, 3, 4], [5])):
            files.add("playlists", playlist_id=f"file:playlist:{p}", name=f"mix {p}", owner_is_me=True)
            for i, m in enumerate(members):
                files.add("playlist_tracks", playlist_id=f"file:playlist:{p}", track_id=files.track(name_track_id(names[m], "song"), "song", [(who[m], names[m])]), position=i)
        for fill in (False, True):
            world.fresh()
            with world.library(tmp_path / f"fill {fill}") as library:
                library.add([files.tables()])
                world.crawl(library, replace(PLAN, similar=("deezer", "playlists"), min_similar=40, fill=fill))
                calls.append(Counter(e["service"] for e in world.server.log))
                near.append(library.db.execute("SELECT artist_id, similar_id FROM similar_artists WHERE source = 'playlists' ORDER BY artist_id, rank").fetchall())
                library.tables().validate()
        assert calls[0] == calls[1]
        assert not near[0], "the service knew somebody of everybody"
        assert [b for a, b in near[1] if a == at[0]] == [who[1], who[2], who[3]], "the one in the shortest playlists first; with the fourth only one is shared"
        assert at[5] not in dict(near[1])
    with by_command(tmp_path) as (_, here, _):
        refused = here("collect", "run", "--similar", "playlists")
        assert refused.exit_code and "Name a service before them" in str(refused.exception)


def test_an_imported_history_is_a_start(tmp_path):
    """No account at all: artists of a privacy export lead to similar ones, their tracks and features."""
    with by_command(tmp_path) as (server, here, _), patch.dict(os.environ, {"SPOTIPY_CLIENT_ID": ""}):
        plays = [{"endTime": f"2026-03-{1 + i % 28:02} 18:04", "artistName": t.artists[0].name, "trackName": t.title, "msPlayed": 201_000} for i, t in enumerate(server.world.tracks[:40])]
        with zipfile.ZipFile(tmp_path / "my_spotify_data.zip", "w") as z:
            z.writestr("Spotify Account Data/StreamingHistory_music_0.json", json.dumps(plays))
        from musicrec.sources.readers import read_unit, units
        with Library(tmp_path / "home") as library:
            for unit in units(tmp_path / "my_spotify_data.zip"):
                library.add(read_unit(unit))
        result = here(*RUN)
        assert result.exit_code == 0 and "nothing is left to collect" in result.output and "spotify: 0 calls" in result.output, result.output
        assert {e["service"] for e in server.log} == {"deezer", "reccobeats"}
        assert here("collect", "export", str(tmp_path / "out")).exit_code == 0
        t = Tables.load(tmp_path / "out").validate()
        assert len(t.listens) == 40 and len(t.similar_artists) and t.audio_features.track_id.isin(t.listens.track_id).any(), "plays got features"


def test_terms_come_before_the_first_call_and_nothing_is_known_without_a_start(tmp_path):
    with by_command(tmp_path) as (server, here, _):
        refused = agree(server, here, accept=False)
        assert refused.exit_code and "may not be used to train" in str(refused.exception) and not server.log
        nothing = here(*RUN)
        assert nothing.exit_code and "musicrec import" in str(nothing.exception) and not server.log
        assert agree(server, here).exit_code == 0
        log = len(server.log)
        dry = here("collect", "run", "--dry-run")
        assert dry.exit_code == 0 and "spotify: about 62 calls" in dry.output and len(server.log) == log
        with Library(tmp_path / "home") as library:
            file = next(library.home.config.glob("spotify-*.json"))
        token = json.loads(file.read_text())
        file.write_text(json.dumps(token | {"consented_at": NOON - 170 * 86_400}))
        assert "ends on 2026-12-05" in here("collect", "run", "--dry-run").output


# --- what may be learned from, and what is forgotten -------------------------------------------

def test_training_leaves_out_what_came_from_spotifys_api(tmp_path, monkeypatch):
    from musicrec.collect import load_tables
    with World(**TINY) as world, world.library(tmp_path / "home") as library:
        world.crawl(library, SHORT)
        rows = library.sources()["spotify_api"]
        exported(library, tmp_path / "out")
    monkeypatch.setenv("MUSICREC_HOME", str(tmp_path / "home"))
    for source in ("library", tmp_path / "out"):
        t = load_tables(source).validate()
        assert not any((f.source == "spotify_api").any() for f in t.frames().values()), source
        assert len(t.audio_features) and len(t.similar_artists) and len(t.listens)
        assert "rows of spotify_api" in t.notes[-1]
        kept = load_tables(source, without=())
        assert (kept.playlists.source == "spotify_api").any() and len(kept.tracks) > len(t.tracks)
    assert f"{rows:,} rows" in load_tables("library").notes[-1]


def test_forgetting_spotify_leaves_nothing_that_only_its_api_said(tmp_path):
    from musicrec.app.cli import main
    with World() as world, world.library(tmp_path) as library:
        world.crawl(library, replace(PLAN, spotify_albums=True))
        count = lambda sql: library.db.execute(sql).fetchone()[0]
        own = {r[0] for r in library.db.execute("SELECT artist_id FROM artists WHERE source = 'spotify_api' EXCEPT SELECT artist_id FROM artists WHERE source != 'spotify_api'")}
        assert own and count("SELECT count(*) FROM collect_responses WHERE host = 'spotify'") and count("SELECT count(*) FROM collect_capabilities")
        spent_today = spent(library.db, "spotify", world.clock.now())
        with pytest.raises(SystemExit) as left:
            main(["forget", "--source", "spotify_api", "--yes", "--home", str(tmp_path)])
        assert not left.value.code and not list(tmp_path.rglob("spotify-*.json"))
        text = "\n".join(line for line in library.db.iterdump() if "collect_requests" not in line)
        assert "spotify_api" not in text and not [i for i in own if i in text] and "spotify_terms" not in text
        assert count("SELECT count(*) FROM collect_capabilities") == 0 and spent(library.db, "spotify", world.clock.now()) == spent_today > 0
        assert library.counts()["similar_artists"] and library.counts()["audio_features"]


def test_the_live_check_reads_spotify_after_a_login(tmp_path, capsys):
    import live_check
    with by_command(tmp_path) as (server, here, _), patch.dict(os.environ, {"MUSICREC_HOME": str(tmp_path / "home")}):
        check = lambda: live_check.check("spotify", "anybody", (open_state(), Clock(server.clock())))
        assert check() and "nobody is logged in" in capsys.readouterr().out
        assert agree(server, here).exit_code == 0
        assert check()
        said = capsys.readouterr().out
        assert said.count(": ok ") >= 5 and "saved" in said and said.count("closed to this app") == 2
        server.plan = {len(server.log) + 1: "odd"}
        assert not check() and "FAILED" in capsys.readouterr().out


def test_a_token_alone_can_be_forgotten(tmp_path, capsys):
    from musicrec.app.cli import main
    with World() as world, world.library(tmp_path) as library:
        token = next(library.home.config.glob("spotify-*.json"))
        ask = ["forget", "--source", "spotify_api", "--yes", "--home", str(tmp_path)]
        for code in (0, 2):  # the second time there is nothing left
            with pytest.raises(SystemExit) as left:
                main(ask)
            assert (left.value.code or 0) == code and not token.exists()
    said = capsys.readouterr()
    assert "1 token of spotify_api removed" in said.out and "holds nothing of 'spotify_api'" in said.err


# --- many --------------------------------------------------------------------------------------


def _share(seeds):
    """Some schedules, in a process of their own."""
    kinds, runs = Counter(), Counter()
    with World(**TINY) as world:
        known = references(world)
        for seed in seeds:
            n, some = check(world, known, seed)
            runs[n] += 1
            kinds += some
    return runs, kinds


def many(n, workers, say=print, first=0):
    """The schedules `first` to `n` in so many processes: how many runs they needed, and which faults they held."""
    began, runs, kinds = time.monotonic(), Counter(), Counter()
    step = min(250, -(-(n - first) // workers))
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for some_runs, some_kinds in pool.imap_unordered(_share, [range(i, min(i + step, n)) for i in range(first, n, step)]):
            runs += some_runs
            kinds += some_kinds
            say(f"{runs.total():,} schedules, {time.monotonic() - began:.0f} s")
    return runs, kinds


if __name__ == "__main__":
    how_often, what = many(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count(), first=int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    print("runs needed:", dict(sorted(how_often.items())))
    print("faults:", dict(sorted(what.items())))

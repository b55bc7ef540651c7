"""The crawl against the stand-in over real HTTP: faults, kills, limits, secrets; on a virtual clock.

`python tests/test_collect_services.py 10000` runs as many random fault schedules on all cores.
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
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from musicrec.services import export_tables
from musicrec.sources import standin
from musicrec.sources.crawl import Crawl, Plan, summary
from musicrec.sources.http import Clock, note, open_state, spent
from musicrec.sources.library import STORED, Library
from musicrec.sources.login import SCOPES, TokenFile
from musicrec.sources.standin import FAULTS, StandIn

FAST = "/dev/shm" if os.path.isdir("/dev/shm") else None  # where a library costs no disk
pytestmark = pytest.mark.filterwarnings("ignore:You're using:DeprecationWarning")  # spotipy's own, for endpoints that old apps have
START = 1_790_500_000.0
PLAN = Plan(max_depth=1, max_artists=9, min_similar=5, min_tracks=12)
SMALL = dict(artists=12, playlists=5, saved=60, listens=30)
SHORT, TINY = Plan(max_depth=1, max_artists=3, min_similar=5, min_tracks=8), dict(artists=7, playlists=3, saved=52, listens=9)  # some fifty requests
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
    assert sum(n in plan for n in range(1, len(world.server.log) + 1)) >= 3
    return runs, Counter(k.partition(":")[0] for k in plan.values())


@pytest.mark.parametrize("n", [100, pytest.param(400, marks=pytest.mark.slow)])
def test_random_faults_lose_no_row_and_double_none(n):
    with World(**TINY) as world:
        known = references(world)
        assert min(length for _, length in known.values()) >= 40
        for seed in range(n):
            check(world, known, seed)


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
                code = 0 if not world.crawl(library).left() else 1
        except BaseException:
            code = 2
        os._exit(code)
    return os.waitpid(world.child, 0)[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_request_and_resumed_exports_the_same_bytes(step):
    with World() as world, tempfile.TemporaryDirectory(dir=FAST) as d:
        tmp_path = Path(d)
        world.fresh()
        with world.library(tmp_path / "whole") as library:
            assert world.whole(library) == 1
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
                if k % 24 == 1:  # an export takes longer than the collection
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
            began = time.monotonic()
            c = Crawl(library, PLAN, clock, spotify=True)
            for p in c.providers.values():
                p.http.pace.rate = 1e9
            c.run()
            assert c.blocks and 86_000 < c.blocks[0].until - time.time() <= 86_400
            assert "Blocked until" in str(c.blocks[0]) and "musicrec collect resume" in str(c.blocks[0])
            assert c.left() and library.counts()["tracks"]
            log = len(world.server.log)
            assert time.monotonic() - began < 10
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
        secrets = [*world.server.tokens, *world.server.refresh, USER["LASTFM_API_KEY"]]
        assert len(secrets) >= 4
        files = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and not p.name.startswith("spotify-"))
        streams = capsys.readouterr()
        for secret in secrets:
            assert secret not in rows and secret not in "\n".join(said) + streams.out + streams.err and secret.encode() not in files
        token = next((tmp_path / "config").glob("spotify-*.json"))
        assert token.stat().st_mode & 0o777 == 0o600


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


def test_a_collection_by_three_commands_killed_and_resumed(tmp_path):
    import requests
    server = StandIn(**SMALL)
    server.__enter__()
    env = os.environ | server.env() | {"SPOTIPY_CLIENT_ID": "client-of-tests", "SPOTIPY_REDIRECT_URI": "http://127.0.0.1/callback", "MUSICREC_CLOCK": "2026-11-23T12:00:00Z", "PYTHONUNBUFFERED": "1"}
    server.clock = lambda: 1_795_435_200.0  # the same noon

    def command(*words, home="home", **how):
        return subprocess.Popen([sys.executable, "-c", MUSICREC, *words, "--home", str(tmp_path / home)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)

    def login(home):
        p = command("auth", "login", "--no-browser", "--accept-spotify-terms", home=home)
        address = next(line for line in p.stdout if "/authorize" in line).strip()
        back = requests.get(address, allow_redirects=False).headers["Location"]
        out, _ = p.communicate(back + "\n", timeout=60)
        assert p.returncode == 0, out

    run = "collect", "run", "--max-depth", "1", "--max-artists", "9", "--min-tracks", "12"
    outs = []
    for home, at in (("home", None), ("killed", 60)):
        login(home)
        server.log.clear()
        if at:
            world = type("World", (), {})()
            with killer(world, at):
                p = command(*run, home=home)
                world.child = p.pid
                p.communicate(timeout=60)
            assert p.returncode == -signal.SIGKILL
        p = command(*(("collect", "resume") if at else run), home=home)
        out, _ = p.communicate(timeout=60)
        assert p.returncode == 0 and "nothing is left to collect" in out, out
        p = command("collect", "export", str(tmp_path / f"out-{home}"), home=home)
        assert p.wait(60) == 0
        outs.append({f.name: f.read_bytes() for f in (tmp_path / f"out-{home}").iterdir()})
    server.__exit__()
    assert outs[0] == outs[1] and "tracks_wide.csv" in outs[0]
    manifest = json.loads(outs[0]["manifest.json"])
    assert {"deezer", "reccobeats", "spotify_api"} <= set(manifest["sources"])


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


def many(n, workers):
    """`n` schedules on `workers` cores; prints what they held."""
    began, runs, kinds = time.monotonic(), Counter(), Counter()
    with multiprocessing.Pool(workers) as pool:
        for some_runs, some_kinds in pool.imap_unordered(_share, [range(i, min(i + 250, n)) for i in range(0, n, 250)]):
            runs += some_runs
            kinds += some_kinds
            print(f"{runs.total():,} schedules, {time.monotonic() - began:.0f} s", flush=True)
    print("runs needed:", dict(sorted(runs.items())))
    print("faults:", dict(sorted(kinds.items())))


if __name__ == "__main__":
    many(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count())

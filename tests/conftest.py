"""What the tests share: the sample, the open data sets where they are, and `--slow`."""
import os
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP / "tools"), str(TOP / "benchmarks")]  # scripts that tests try out


def pytest_addoption(parser):
    """`--slow` runs the tests marked slow too."""
    parser.addoption("--slow", action="store_true", help="also run tests marked slow")


def pytest_configure(config):
    """Name our mark, so that a misspelt one is seen."""
    config.addinivalue_line("markers", "slow: does not fit into the time of `make test`")


def pytest_collection_modifyitems(config, items):
    """Skip slow tests unless asked for."""
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: `make test-all` runs it"))


@pytest.fixture(scope="session")
def top():
    """The top folder of the checkout."""
    return TOP


@pytest.fixture(scope="session")
def demo():
    """The shipped sample with its simulated listeners; read it, don't change it."""
    from musicrec.collect import load_tables
    return load_tables("demo")


@pytest.fixture(scope="session")
def world():
    """A small synthetic collection whose titles are markup; read it, don't change it."""
    from musicrec.collect import load_tables
    t = load_tables("synthetic", n_artists=20, tracks_per_artist=12, n_listeners=30)
    return t.replace(tracks=t.tracks.assign(title="<script>document.title='hacked'</script> & " + t.tracks.title))


@pytest.fixture(scope="session")
def run(world, tmp_path_factory):
    """A finished quick run on `world`: its folder, and the lines it printed."""
    from musicrec.app.reproduce import reproduce
    lines = []
    folder = tmp_path_factory.mktemp("run") / "reproduction"
    reproduce(world, folder, quick=True, say=lines.append)
    return folder, lines


@pytest.fixture(scope="session")
def requires_data():
    """A function that gives the path of an open data set, or skips the test where it is missing."""
    def find(name):
        folder = os.environ.get("MUSICREC_DATA")
        if not folder:
            pytest.skip("MUSICREC_DATA names no folder with the open data sets")
        path = Path(folder, name)
        if not path.exists():
            pytest.skip(f"{name} is not in MUSICREC_DATA")
        return path
    return find

"""The built wheel works where there is no checkout: the package, its command, its sample."""
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
SOURCES = ["setup.py", "settings.ini", "MANIFEST.in", "README.md", "LICENSE"]


def run(*command, **kwargs):
    """Run a command; return what it printed, or fail with it."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built offline, from a copy so that no `build/` is left in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (TOP / name).exists():
            shutil.copy(TOP / name, copy)
    for name in ("musicrec", "data"):
        if (TOP / name).is_dir():
            shutil.copytree(TOP / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    dist = tmp_path_factory.mktemp("dist")
    offline = "--no-deps", "--no-build-isolation", "--no-index"
    run(sys.executable, "-m", "pip", "wheel", copy, *offline, "-w", dist)
    return next(dist.glob("musicrec-*.whl"))


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """A new environment with the wheel in it, which borrows only our dependencies."""
    home = tmp_path_factory.mktemp("elsewhere")
    run(sys.executable, "-m", "venv", "--without-pip", home)
    python = home / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # Python doesn't follow the .pth files of a folder that is itself named in one, so our editable
    # install (a .pth file) stays out of sight.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    return home


def test_package_is_the_installed_one(elsewhere):
    code = "import musicrec; print(musicrec.__file__)"
    file = run(elsewhere / "bin/python", "-I", "-c", code, cwd=elsewhere)
    assert Path(file.strip()).is_relative_to(elsewhere)


def test_sample_is_in_the_wheel(elsewhere):
    if not (TOP / "data").is_dir():
        pytest.skip("data/ was deleted, so the wheel has none")
    code = 'from musicrec.collect import load_tables; print(len(load_tables("demo").tracks))'
    assert int(run(elsewhere / "bin/python", "-I", "-c", code, cwd=elsewhere)) > 4000


def test_command_is_installed(elsewhere):
    assert "Usage" in run(elsewhere / "bin/musicrec", "--help", cwd=elsewhere)

"""Everything that `make test` checks, in order; `--all` adds the slow cells and tests.

1. `nbdev_export` and `nbdev_clean` change nothing: modules and notebooks agree.
2. `nbdev_test` runs every notebook, and its saved outputs are what its cells put out (one pass).
3. The notebooks can be made into pages; links, references, captions and README.md are right; no result is typed into prose.
4. `pytest tests`.

Prints where the time went, and ends with `tests: N passed, M skipped`.
"""
import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from nbdev.config import get_config
from refresh import CHILDREN, SECONDS, describe, environment, find_notebooks, run_notebooks, stale

TOP = Path(__file__).resolve().parents[1]
TOOLS, BIN = TOP / "tools", Path(sys.executable).parent
SAMPLE = TOP / "data" / "spotify_by_genre.parquet"
NO_SAMPLE = "; saved outputs not compared, since data/ was removed and everything ran on synthetic tables"
IGNORED = {"__pycache__", ".ipynb_checkpoints", ".last_checked", "nbdev.yml"}
PROCESS = "from nbdev.serve import proc_nbs; proc_nbs(n_workers=2, force=True)"

# Seconds on two cores. A group over its share is a warning: machines differ.
SHARES = {"install": 180, "all notebooks": 200, "collect": 80, "artist2vec": 20, "track embeddings": 40,
          "recommender and evaluation": 50, "app": 80, "browser": 40, "rest": 30}
GROUPS = {"collect": "collect", "artist2vec": "artist2vec", "track": "track embeddings",
          "recommender": "recommender and evaluation", "evaluation": "recommender and evaluation",
          "metrics": "recommender and evaluation", "splits": "recommender and evaluation", "app": "app", "browser": "browser"}


class Report:
    """What passed, was skipped and failed so far, and where the time went."""

    def __init__(self):
        self.passed = self.skipped = self.failed = 0
        self.seconds = dict.fromkeys(SHARES, 0.0)

    def check(self, good, complaint=""):
        """Count a failure unless `good`."""
        if not good:
            self.failed += 1
            print(f"FAILED: {complaint}", flush=True)

    def table(self):
        """The share and the seconds of each part."""
        lines = [f"{'seconds':<28}{'share':>6}{'own':>7}"]
        for name, share in SHARES.items():
            own = self.seconds[name]
            lines.append(f"{name:<28}{share:>6}{own:>7.0f}" + "  over its share" * (own > share))
        shares, own = sum(SHARES.values()), sum(self.seconds.values())
        return "\n".join([*lines, f"{'all':<28}{shares:>6}{own:>7.0f}"])

    def last_line(self):
        """The one line that build machines look for."""
        failed = f", {self.failed} failed" if self.failed else ""
        return f"tests: {self.passed} passed, {self.skipped} skipped{failed}"


def section(title):
    """Announce a part."""
    print(f"\n== {title}", flush=True)


def group_of(test):
    """The line of the time table for a test: `tests.test_collect_spotify` belongs to collect."""
    file = next((part for part in test.split(".") if part.startswith("test_")), "")
    name = file.removeprefix("test_")
    return next((group for start, group in GROUPS.items() if name.startswith(start)), "rest")


def install_seconds():
    """What installing took, if it happened in this run of make."""
    stamp, started = TOP / ".venv" / ".installed", float(os.environ.get("STARTED", "inf"))
    return float(stamp.read_text()) if stamp.exists() and stamp.stat().st_mtime >= started else 0.0


def fingerprints():
    """A hash of each file under nbs/ and in the package, to see what a command changed."""
    folders = TOP / "nbs", get_config().lib_path
    files = (file for folder in folders for file in folder.rglob("*"))
    return {str(file.relative_to(TOP)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files if file.is_file() and not IGNORED & set(file.parts)}


def run_tool(*command, home):
    """Run one of our or nbdev's commands; print the end of what it said if it failed or warned."""
    code, log = CHILDREN.run(command, cwd=TOP, env=environment(home))
    if code or "warn" in log.lower():
        print(*log.splitlines()[-40:], sep="\n", flush=True)
    return code == 0


def check_generated(report, home):
    """Modules are what the notebooks export, and notebooks are clean (1)."""
    section("nbdev_export and nbdev_clean leave the tree as it is")
    before = fingerprints()
    good = all([run_tool(BIN / name, home=home) for name in ("nbdev_export", "nbdev_clean")])
    after = fingerprints()
    names = sorted(before.keys() | after.keys())
    changed = [name for name in names if before.get(name) != after.get(name)]
    report.check(good and not changed,
                 f"changed: {', '.join(changed)}\n    These are now rewritten from the notebooks: "
                 "look at `git diff`, commit. Edit notebooks, never modules.")


def check_notebooks(report, flags):
    """Every notebook passes `nbdev_test`, and its saved outputs are fresh (2)."""
    section("nbdev_test on all notebooks, and their saved outputs are fresh")
    count = 0
    for run in run_notebooks(find_notebooks(), flags, seconds=1800 if flags else SECONDS):
        print(describe(run), flush=True)
        reports = stale(run) if SAMPLE.exists() and run.ok and run.outputs is not None else []
        print(*reports, sep="\n", end="\n" if reports else "", flush=True)
        good = run.ok and not reports
        report.check(good, f"{run.path.name}: " + ("stale, `make refresh`" if run.ok else "see above"))
        report.skipped += run.outputs is None and run.ok
        count += good and run.outputs is not None
    report.passed += count
    print(f"notebooks: {count}" + NO_SAMPLE * (not SAMPLE.exists()), flush=True)
    report.check(count, "no notebook ran")


def check_processing(report, home):
    """nbdev makes a page of every notebook (3)."""
    section("notebooks become pages")
    good = run_tool(sys.executable, "-c", PROCESS, home=home)
    processed = {path.name for path in (TOP / "_proc").rglob("*.ipynb")}
    missing = [path.name for path in find_notebooks() if path.name not in processed]
    report.check(good and not missing, f"not processed: {', '.join(missing) or 'see above'}")


def check_built(report, home):
    """Links, references, captions, and the README (3)."""
    section("links, references and captions; README.md")
    report.check(run_tool(sys.executable, TOOLS / "check_pages.py", home=home), "pages")
    report.check(run_tool(sys.executable, TOOLS / "readme.py", "--check", home=home), "README.md")
    report.check(run_tool(sys.executable, TOOLS / "check_numbers.py", home=home), "a result was typed into prose")


def run_pytest(report, home, slow):
    """`pytest tests`, each test's time on its group's account (4)."""
    section("pytest tests")
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.xml")
        command = [sys.executable, "-m", "pytest", "tests", "-q", "-rs", f"--junitxml={results}"]
        env = environment(home, data=True)
        code = subprocess.run(command + ["--slow"] * slow, cwd=TOP, env=env).returncode
        cases = list(ElementTree.parse(results).iter("testcase")) if results.exists() else []
    for case in cases:
        report.seconds[group_of(case.get("classname") or case.get("name"))] += float(case.get("time"))
    bad = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    report.passed += len(cases) - bad - skipped
    report.skipped += skipped
    report.failed += bad
    report.check(code == 0 or bad, f"pytest ended with exit code {code}")
    return sum(float(case.get("time")) for case in cases)


def main():
    """Run all parts, even after one failed, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also run slow cells and slow tests")
    slow = parser.parse_args().all
    report = Report()
    report.seconds["install"] = install_seconds()
    with tempfile.TemporaryDirectory() as home:
        marks = [time.monotonic()]
        check_generated(report, home)
        marks.append(time.monotonic())
        check_notebooks(report, "slow" if slow else "")
        check_processing(report, home)
        marks.append(time.monotonic())
        check_built(report, home)
        in_tests = run_pytest(report, home, slow)
        marks.append(time.monotonic())
    report.seconds["all notebooks"] += marks[2] - marks[1]
    report.seconds["rest"] += marks[1] - marks[0] + marks[3] - marks[2] - in_tests
    print(f"\n{report.table()}\n\n{report.last_line()}", flush=True)
    sys.exit(bool(report.failed) or not report.passed)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        CHILDREN.end_all()
        sys.exit("stopped")

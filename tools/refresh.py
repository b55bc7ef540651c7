"""Run the notebooks and save their outputs or, with --check, compare them with what is saved.

    python tools/refresh.py                        all notebooks: run, test, save
    python tools/refresh.py nbs/00_collect.ipynb   one of them
    python tools/refresh.py --check                save nothing, report what is stale

Each notebook runs by `nbdev_test` in a process of its own (see run_notebook.py), so no theme, seed
or import of one reaches another. Cells that nbdev skips keep their saved outputs.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from compare_outputs import as_text, first_difference, is_ranked, is_trained
from execnb.nbio import nb2str, read_nb
from nbdev.clean import clean_nb
from nbdev.config import get_config
from nbdev.doclinks import nbglob

TOOLS = Path(__file__).resolve().parent
SECONDS, WORKERS = 300, 2


@dataclass
class Run:
    """How the run of one notebook went; `outputs` by cell id, None if nbdev ran no cell of it."""

    path: Path
    ok: bool
    seconds: float
    log: str
    outputs: dict | None


class Children:
    """The processes under way, so that Ctrl-C and time limits end them with all they started."""

    def __init__(self):
        self.running = set()

    def run(self, command, seconds=None, **kwargs):
        """Run `command`; return its exit code and its output, both streams together."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, encoding="utf-8", errors="replace",
                                   start_new_session=True, **kwargs)
        self.running.add(process)
        try:
            log, _ = process.communicate(timeout=seconds)
            return process.returncode, log
        except subprocess.TimeoutExpired:
            self.end(process)
            return 1, f"{process.communicate()[0]}\nstopped: it took longer than {seconds} seconds\n"
        finally:
            self.running.discard(process)

    def end(self, process):
        """End `process` and the processes that it started."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def end_all(self):
        """End everything that is still under way."""
        for process in list(self.running):
            self.end(process)


CHILDREN = Children()


def find_notebooks():
    """The notebooks that nbdev tests and exports, folders included, in order."""
    return sorted(path.resolve() for path in nbglob(as_path=True))


def relative(path):
    """`path` as a person at the top of the project would write it."""
    return os.path.relpath(path, get_config().config_path)


def environment(home, data=False):
    """Variables under which outputs come out the same everywhere: one thread, no own library.

    Notebooks must not show what this computer's owner has collected, nor depend on open data sets
    that a clone lacks; with `data` those are seen, as tests and slow cells are there for them.
    """
    env = dict(os.environ, OMP_NUM_THREADS="1", PYTHONHASHSEED="0", MPLBACKEND="agg",
               MUSICREC_HOME=str(home), COLUMNS="100", TERM="dumb", _TYPER_FORCE_DISABLE_TERMINAL="1")
    dropped = ["FORCE_COLOR", "PY_COLORS", "LINES"] + ([] if data else ["MUSICREC_DATA"])
    return {key: value for key, value in env.items() if key not in dropped}


def run_notebook(path, flags="", seconds=SECONDS):
    """Run one notebook by `nbdev_test` in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "outputs.json")
        command = [sys.executable, "-P", TOOLS / "run_notebook.py", path, record, flags]
        env = environment(Path(folder, "home"), data=bool(flags))
        start = time.monotonic()
        code, log = CHILDREN.run(command, seconds, env=env, cwd=get_config().config_path)
        outputs = json.loads(record.read_text(encoding="utf-8")) if record.exists() else None
    return Run(path, code == 0, time.monotonic() - start, log, outputs)


def run_notebooks(paths, flags="", workers=WORKERS, seconds=SECONDS):
    """Run `paths`, `workers` at a time, the biggest files first; yield each `Run` when it is done."""
    pool = ThreadPoolExecutor(workers)
    try:
        biggest_first = sorted(paths, key=lambda path: -path.stat().st_size)
        runs = [pool.submit(run_notebook, path, flags, seconds) for path in biggest_first]
        for run in as_completed(runs):
            yield run.result()
    finally:  # reached by Ctrl-C too
        pool.shutdown(wait=False, cancel_futures=True)
        CHILDREN.end_all()


def refreshed(run):
    """The notebook of `run` with its new outputs, cleaned as `nbdev_clean` does; stderr is not kept."""
    nb = read_nb(run.path)
    for cell in nb.cells:
        if cell.cell_type == "code" and cell.id in run.outputs:
            cell.outputs = [out for out in run.outputs[cell.id] if out.get("name") != "stderr"]
    clean_nb(nb, clean_ids=get_config().clean_ids)
    return nb


def save(run):
    """Write the new outputs into the notebook; True if that changed the file."""
    text = nb2str(refreshed(run))
    if text == run.path.read_text(encoding="utf-8"):
        return False
    run.path.write_text(text, encoding="utf-8")
    return True


def stale(run):
    """One report for each cell whose saved output differs from what it puts out now."""
    reports = []
    for number, (old, new) in enumerate(zip(read_nb(run.path).cells, refreshed(run).cells), 1):
        if old.cell_type != "code":
            continue
        difference = first_difference(old.get("outputs", []), new.get("outputs", []), is_trained(old), is_ranked(old))
        if difference:
            place, saved, now = difference
            reports.append(f"stale output: {relative(run.path)}, cell {number} ({old.id}), {place}\n"
                           f"    saved: {saved}\n    now:   {now}")
    return reports


def describe(run):
    """What to print of a run: its time, and its log if it failed."""
    name = relative(run.path)
    if not run.ok:
        return f"{name}: FAILED after {run.seconds:.1f} s\n{run.log}"
    if run.outputs is None:
        return f"{name}: skipped as a whole (skip_exec in its front matter, or a .notest file beside it)"
    return f"{name}: {run.seconds:.1f} s" + warned(run)


def warned(run):
    """What each cell wrote to stderr, in a line: it is not saved, but a warning is worth a look."""
    hints = []
    for key, outputs in run.outputs.items():
        text = "".join(as_text(out["text"]) for out in outputs if out.get("name") == "stderr")
        lines = [line for line in text.splitlines() if line.strip()]
        told = [line for line in lines if "Warning" in line] or lines
        hints += [f"\n    cell {key} wrote to stderr, not saved: {told[-1][-150:]}"] if told else []
    return "".join(hints)


def main():
    """Refresh or check; exit 1 if a notebook failed or is stale."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all under nbs/")
    parser.add_argument("--check", action="store_true", help="compare with what is saved; write nothing")
    parser.add_argument("--flags", default="", help='also run cells with these directives, as "slow"')
    parser.add_argument("--workers", type=int, default=WORKERS, help="how many at a time")
    parser.add_argument("--timeout", type=int, default=SECONDS, help="seconds for one notebook")
    args = parser.parse_args()
    paths = [path.resolve() for path in args.notebooks] or find_notebooks()
    good = bool(paths)
    for run in run_notebooks(paths, args.flags, args.workers, args.timeout):
        print(describe(run), flush=True)
        good &= run.ok
        if run.ok and run.outputs is not None:
            reports = stale(run) if args.check else []
            print(*reports, sep="\n", end="\n" if reports else "", flush=True)
            good &= not reports
            if not args.check and save(run):
                print(f"{relative(run.path)}: outputs saved", flush=True)
    if not good:
        sys.exit("Not all notebooks ran and are fresh." if paths else "No notebook found.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped")

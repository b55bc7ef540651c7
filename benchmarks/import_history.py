"""How long a play history takes to import, as a ratio to only parsing its JSON, and how much memory.

    python benchmarks/import_history.py                   200,000 plays
    python benchmarks/import_history.py --megabytes 500   one array of half a gigabyte
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import made_up

PARSE = "import json, sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); [json.loads(z.read(n)) for n in z.namelist()]"


def timed(command, **environment):
    """Wall seconds and peak memory in MiB of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    """Print one JSON line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--plays", type=int, default=200_000)
    options.add_argument("--megabytes", type=int, default=0, help="one array of that size in one file, instead")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "history.json" if asked.megabytes else "history.zip")
        if asked.megabytes:
            each = len(json.dumps(next(made_up.rows(1)), ensure_ascii=False).encode()) + 2
            made_up.write_json(file, asked.megabytes * 1_000_000 // each)
        else:
            made_up.write_export(file, asked.plays)
        run = [str(Path(sys.executable).parent / "musicrec"), "import", str(file), "--home", str(Path(folder, "home"))]
        first, memory = timed(run)
        again, _ = timed(run)
        report = {"plays": asked.plays, "megabytes": round(file.stat().st_size / 1e6), "first_seconds": round(first, 1), "again_seconds": round(again, 1), "peak_MiB": round(memory)}
        if not asked.megabytes:
            parse, _ = timed([sys.executable, "-c", PARSE, str(file)])
            report |= {"parse_seconds": round(parse, 1), "import_to_parse": round(first / parse, 1)}
        else:
            del report["plays"]
        print(json.dumps(report))


if __name__ == "__main__":
    main()

"""Are the tests of metrics and splits worth anything? mutmut changes the code, one thing at a time: do they notice?

    pip install mutmut
    python tools/mutate_code.py [--only metrics splits] [--json results/mutation.json]

It runs in a copy of the tree in which two things are written otherwise, since mutmut would waste changes on one and leave
the other out: docstrings have three quotes, and a decorator of the module's own is called after the definition. Some
thousand changes take about half an hour. Reasons for survivors, once written into the JSON, are kept.
"""
import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
COPIED = "musicrec", "tests", "tools", "benchmarks", "results", "nbs", "data", "settings.ini", "setup.py", "README.md"
SPLITS = "track_groups", "_sides", "_even_sides", "_balanced_sides", "_dates", "_time_leaks", "leaks", "check_split", "_time_sides", "_Draw", "split", "_with_validation", "folds"
OF_SPLITS = "test_splits", "split", "folds", "time", "rerelease", "dates", "classes_are", "groups", "album_with"  # words in the names of their tests among others
TARGETS = {  # module, definitions (all if none are named), and what pytest is told
    "metrics": ("metrics", (), ("tests/test_metrics.py",)),
    "splits": ("preprocess", SPLITS, ("tests/test_splits.py", "tests/test_preprocess.py", "-k", " or ".join(OF_SPLITS)))}
TOLD = "[mutmut]\nsource_paths=musicrec\nonly_mutate=\n    musicrec/{module}.py\npytest_add_cli_args_test_selection=\n    {tests}\nalso_copy=\n    {copied}\n"


def rewritten(text):
    """The same module with docstrings in three quotes, and its own decorators as calls."""
    lines, tree = text.splitlines(), ast.parse(text)
    own = {d.name for d in tree.body if isinstance(d, ast.FunctionDef)}
    found = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    for node in sorted(found, key=lambda n: -n.lineno):
        decorators = [d for d in node.decorator_list if isinstance(d, ast.Name) and d.id in own]
        for d in decorators: lines.insert(node.end_lineno, f"{node.name} = {d.id}({node.name})")
        doc = node.body[0]
        if isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant) and doc.lineno == doc.end_lineno:
            line = lines[doc.lineno - 1].encode()
            lines[doc.lineno - 1] = (line[:doc.col_offset] + f'"""{doc.value.value}"""'.encode() + line[doc.end_col_offset:]).decode()
        for d in reversed(decorators): del lines[d.lineno - 1]
    return "\n".join(lines) + "\n"


def prepare(folder, module, tests):
    """A copy of what the tests need, with mutmut's settings."""
    for name in COPIED: (shutil.copytree if (TOP / name).is_dir() else shutil.copy)(TOP / name, folder / name)
    code = folder / "musicrec" / f"{module}.py"
    code.write_text(rewritten(code.read_text(encoding="utf-8")), encoding="utf-8")
    (folder / "setup.cfg").write_text(TOLD.format(module=module, tests="\n    ".join(tests), copied="\n    ".join(COPIED[1:])), encoding="utf-8")


def run(name, jobs):
    """How many changes there were, and those that no test noticed."""
    module, wanted, tests = TARGETS[name]
    patterns = [f"musicrec.{module}.x{p}__mutmut_*" for n in wanted for p in (f"_{n}", f"ǁ{n}ǁ*")]
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MUSICREC_DATA")}
    mutmut = lambda *a, **options: subprocess.run([sys.executable, "-m", "mutmut", *a], cwd=folder, env=environment, text=True, **options)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), module, tests)
        mutmut("run", "--max-children", str(jobs), *patterns, check=True)
        said = mutmut("results", "--all", "True", stdout=subprocess.PIPE, check=True).stdout
        ends = {m: end for m, end in re.findall(r"^\s+(\S+): (.+)$", said, re.M) if end != "not checked"}
        left = [survivor(module, m, mutmut("show", m, stdout=subprocess.PIPE, check=True).stdout) | ({} if end == "survived" else {"end": end})
                for m, end in ends.items() if end not in ("killed", "timeout")]
    return len(ends), left


def survivor(module, mutant, diff):
    """What was changed, from the difference that mutmut shows."""
    of = lambda sign: " ".join(line[1:].strip() for line in diff.splitlines() if line.startswith(sign) and not line.startswith(sign * 3))
    function = re.sub(r"__mutmut_\d+$", "", mutant.rsplit(".", 1)[1])
    return {"module": f"musicrec.{module}", "function": function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", "."), "line": of("-"), "change": of("+")}


def main():
    """Run all, print the rates, and write the survivors with the reasons known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    args = parser.parse_args()
    old = json.loads(args.json.read_text()) if args.json and args.json.exists() else {"modules": [], "survivors": []}
    key = lambda s: (s["module"], s["function"], s["line"], s["change"])
    reasons = {key(s): s.get("reason", "") for s in old["survivors"]}
    for name in args.only:
        n, left = run(name, args.jobs)
        module = f"musicrec.{TARGETS[name][0]}"
        old["modules"] = [m for m in old["modules"] if m["module"] != module] + [{"module": module, "mutants": n, "killed": n - len(left), "rate": (n - len(left)) / n}]
        old["survivors"] = [s for s in old["survivors"] if s["module"] != module] + [s | {"reason": reasons.get(key(s), "")} for s in left]
        for s in left: print("survived:", s)
        print(old["modules"][-1], flush=True)
        if args.json: args.json.write_text(json.dumps({"made_by": "python tools/mutate_code.py --json results/mutation.json"} | {k: old[k] for k in ("modules", "survivors")}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

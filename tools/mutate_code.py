"""Are the tests of metrics and splits worth anything? Each operator, number and condition is changed, one at a time.

    python tools/mutate_code.py [--json results/mutation.json] [--only musicrec.metrics]

The operators are those of mutmut and cosmic-ray: comparisons, arithmetic, `and`/`or`, signs and negations, numbers, true and
false, conditions, augmented assignments. Texts are left alone, since they are messages. A mutant is killed when its tests
fail or take more than `SECONDS` of processor time. Every mutant runs in a process forked from one that has all imports, so some hundred take
minutes. Reasons for survivors, once written into the JSON, are kept.
"""
import argparse
import ast
import copy
import importlib.util
import io
import json
import os
import resource
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

TOP, SECONDS = Path(__file__).resolve().parents[1], 60
SPLITS = "track_groups", "_sides", "_even_sides", "_balanced_sides", "_dates", "_time_leaks", "leaks", "check_split", "_time_sides", "_Draw", "split", "_with_validation", "folds"
OF_SPLITS = "split", "folds", "time", "rerelease", "dates", "classes_are", "groups", "album_with"  # words in the names of their tests among others
TARGETS = {  # definitions (all by default), and files of tests: which of them to run, and which are too slow
    "musicrec.metrics": (None, [("tests/test_metrics.py", ("",), ("two_thousand", "covers"))]),
    "musicrec.preprocess": (SPLITS, [("tests/test_splits.py", ("",), ()), ("tests/test_preprocess.py", OF_SPLITS, ("copies", "processes"))])}
SWAPS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
         ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Div, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And}


def changes(node):
    """The ways to change one node: what it says, and a function that changes it in place."""
    def swapped(field, at=None):
        old = getattr(node, field) if at is None else getattr(node, field)[at]
        if type(old) not in SWAPS: return
        new = SWAPS[type(old)]

        def change(n):
            if at is None: setattr(n, field, new())
            else: getattr(n, field)[at] = new()
        yield f"{type(old).__name__} -> {new.__name__}", change
    if isinstance(node, ast.Compare):
        for i in range(len(node.ops)): yield from swapped("ops", i)
    elif isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)): yield from swapped("op")
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool): yield f"{node.value} -> {not node.value}", lambda n: setattr(n, "value", not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)): yield f"{node.value} -> {node.value + 1}", lambda n: setattr(n, "value", n.value + 1)
    elif isinstance(node, ast.UnaryOp): yield f"{type(node.op).__name__} left out", lambda n: (setattr(n, "op", ast.UAdd()) if isinstance(n.op, (ast.USub, ast.Invert)) else setattr(n, "operand", ast.UnaryOp(ast.Not(), n.operand)))
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)): yield "condition negated", lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))


def spots(tree, functions):
    """Paths to all nodes that may change, with the definition they are in."""
    found = []

    def walk(node, path, inside):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not inside:
            if functions is not None and node.name not in functions: return
            inside = node.name
        if isinstance(node, (ast.JoinedStr, ast.arg)) or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error")): return
        if inside or functions is None:
            found.extend((path, i, what, node, inside) for i, (what, _) in enumerate(changes(node)))
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns"): continue
            for i, child in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(child, ast.AST): walk(child, [*path, (field, i if isinstance(value, list) else None)], inside)
    walk(tree, [], "")
    return found


def mutant(tree, path, i):
    """A changed copy of the tree."""
    new = copy.deepcopy(tree)
    node = new
    for field, at in path: node = getattr(node, field) if at is None else getattr(node, field)[at]
    list(changes(node))[i][1](node)
    return ast.fix_missing_locations(new)


def cases(test):
    """The arguments of each case of a test, as `pytest.mark.parametrize` has them."""
    some = [{}]
    for mark in getattr(test, "pytestmark", []):
        if mark.name != "parametrize": continue
        names = [n.strip() for n in mark.args[0].split(",")] if isinstance(mark.args[0], str) else mark.args[0]
        some = [c | dict(zip(names, v if len(names) > 1 else [v])) for c in some for v in mark.args[1]]
    return some


def tests_pass(file, wanted, left_out):
    """Run the tests of a file that are wanted and want no fixtures, in order, until one fails."""
    spec = importlib.util.spec_from_file_location("tests_of_a_mutant", TOP / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [f for name, f in vars(module).items() if name.startswith("test_") and any(word in name for word in wanted) and not any(word in name for word in left_out)]
    for test in tests:
        for arguments in cases(test): test(**arguments)
    return bool(tests)


def start(module, tree, tests):
    """Fork a process that runs the tests with a module's code replaced; it leaves with 0 if they pass."""
    if pid := os.fork(): return pid
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    code = 1
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            exec(compile(tree, module.__file__, "exec"), module.__dict__)
            code = int(not all(tests_pass(*some) for some in tests))
    finally:
        os._exit(code)


def passing(module, trees, tests, jobs):
    """Numbers of the trees with which the tests pass, so many processes at a time."""
    running = {}
    for n, tree in enumerate(trees):
        running[start(module, tree, tests)] = n
        if len(running) == jobs: yield from ended(running)
    while running: yield from ended(running)


def ended(running):
    """Wait for one of the processes; its number if its tests passed."""
    pid, status = os.wait()
    n = running.pop(pid)
    if os.waitstatus_to_exitcode(status) == 0: yield n


def run(name, functions, tests, jobs, say=print):
    """Survivors among the mutants of a module, and how many there were."""
    module = importlib.import_module(name)
    text = Path(module.__file__).read_text(encoding="utf-8")
    tree = ast.parse(text)
    if not list(passing(module, [tree], tests, 1)): sys.exit(f"the tests of {name} fail without any change")
    found, left = spots(tree, functions), []
    for n in passing(module, (mutant(tree, path, i) for path, i, *_ in found), tests, jobs):
        _, _, what, node, inside = found[n]
        left.append({"module": name, "function": inside, "line": text.splitlines()[node.lineno - 1].strip(), "in": ast.unparse(node)[:100], "change": what})
        say(f"survived {n + 1}/{len(found)}: {left[-1]}", flush=True)
    return left, len(found)


def main():
    """Run all, print the rates, and write the survivors with the reasons known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", help="a module")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    args = parser.parse_args()
    os.chdir(TOP)
    sys.path.append(str(TOP / "benchmarks"))  # some tests judge with a benchmark's rules
    for name in ("numpy", "pandas", "pytest", "sklearn.metrics", "golden_metrics", "musicrec.preprocess"): importlib.import_module(name)  # once for all forks
    old = json.loads(args.json.read_text()) if args.json and args.json.exists() else {"modules": [], "survivors": []}
    key = lambda s: (s["module"], s["function"], s["line"], s["in"], s["change"])
    reasons = {key(s): s.get("reason", "") for s in old["survivors"]}
    for name, (functions, tests) in TARGETS.items():
        if args.only and name != args.only: continue
        left, n = run(name, functions, tests, args.jobs)
        old["modules"] = [m for m in old["modules"] if m["module"] != name] + [{"module": name, "mutants": n, "killed": n - len(left), "rate": (n - len(left)) / n}]
        old["survivors"] = [s for s in old["survivors"] if s["module"] != name] + [s | {"reason": reasons.get(key(s), "")} for s in left]
        print(old["modules"][-1], flush=True)
    if args.json: args.json.write_text(json.dumps({"made_by": "python tools/mutate_code.py --json results/mutation.json", "modules": old["modules"], "survivors": old["survivors"]}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""The house stands as it was drawn: notebooks, modules, imports, data."""
import ast
import json
import re
from pathlib import Path, PurePosixPath

import pytest
import yaml

TOP = Path(__file__).resolve().parents[1]
NBS, PACKAGE, DATA = TOP / "nbs", TOP / "musicrec", TOP / "data"
NOTEBOOKS = sorted(path for path in NBS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
GENERATED = "__init__.py", "_modidx.py"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in GENERATED)


def code_cells(path):
    """The sources of a notebook's code cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def default_exp(path):
    """The module that a notebook exports to, dotted; None if it exports nothing."""
    names = [re.match(r"#\s*\|\s*default_exp\s+(\S+)", source) for source in code_cells(path)]
    return next((name[1] for name in names if name), None)


def module_name(path):
    """`musicrec/app/cli.py` is `app.cli`."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def ids(paths):
    return [path.relative_to(TOP).as_posix() for path in paths]


def test_there_are_notebooks():
    assert NOTEBOOKS and MODULES


def test_every_notebook_is_exported_tested_and_refreshed(monkeypatch):
    monkeypatch.chdir(TOP)
    from nbdev.doclinks import nbglob
    from refresh import find_notebooks
    assert sorted(Path(path).resolve() for path in nbglob(as_path=True)) == NOTEBOOKS
    assert find_notebooks() == NOTEBOOKS


def sidebar_globs(contents):
    """The patterns of the sidebar; the home page is linked by its address."""
    if isinstance(contents, str):
        return [contents]
    home = [item["href"].replace(".html", ".ipynb") for item in contents if "href" in item]
    return home + [glob for item in contents if "contents" in item for glob in sidebar_globs(item["contents"])]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_notebook_is_in_the_sidebar_once(path):
    config = yaml.safe_load((TOP / "_quarto.yml").read_text(encoding="utf-8"))
    globs = sidebar_globs(config["website"]["sidebar"]["contents"])
    assert sum(PurePosixPath(path.relative_to(NBS)).match(glob) for glob in globs) == 1


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem != "index"], ids=lambda p: p.stem)
def test_notebook_names_its_module_and_ends_with_the_export(path):
    assert default_exp(path)
    last = [line for line in code_cells(path)[-1].splitlines() if line.strip()]
    assert last == ["#| hide", "import nbdev; nbdev.nbdev_export()"]


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_module_has_its_notebook(path):
    assert module_name(path) in {default_exp(notebook) for notebook in NOTEBOOKS}


def ranks():
    """Where each module stands: base rooms, sources, the chapters by their names, app."""
    chapters = sorted(path.stem for path in NBS.glob("[0-9]*.ipynb"))
    places = ["base", "sources", *chapters, "app"]
    places_of = {default_exp(path): path.relative_to(NBS).with_suffix("").parts[0] for path in NOTEBOOKS}
    return {module: places.index(place) for module, place in places_of.items() if module}


def imported(tree, module):
    """The modules of ours that a module imports, inside functions too."""
    package = ["musicrec", *module.split(".")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *filter(None, [node.module])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name.removeprefix("musicrec.") for name in names if name.startswith("musicrec."))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_go_backwards(path):
    module, rank = module_name(path), ranks()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    later = {name for name in imported(tree, module) if rank.get(name, -1) > rank[module]}
    assert not later, f"{module} imports {later}, which come after it"


def unsafe(node):
    """What is unsafe about a node of a module's syntax tree, if anything."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
        return names & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    if not isinstance(node, ast.Call):
        return None
    call = ast.unparse(node.func)
    keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
    return (call.endswith(("pickle.load", "pickle.loads", ".read_pickle", ".to_pickle"))
            or call in ("yaml.load", "yaml.unsafe_load", "eval", "exec")
            or call == "torch.load" and keywords.get("weights_only") != "True"
            or keywords.get("allow_pickle", "False") != "False")


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_no_file_can_run_code(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [ast.unparse(node) for node in ast.walk(tree) if unsafe(node)] == []


@pytest.mark.parametrize("code", [
    "import pickle", "from joblib import load", "np.load(f, allow_pickle=True)", "torch.load(f)",
    "torch.load(f, weights_only=False)", "yaml.load(f)", "pd.read_pickle(f)"])
def test_unsafe_code_would_be_seen(code):
    assert any(unsafe(node) for node in ast.walk(ast.parse(code)))


def test_safe_code_is_not_blamed():
    code = "np.load(f, allow_pickle=False); torch.load(f, weights_only=True); yaml.safe_load(f)"
    tree = ast.parse(code)
    assert not any(unsafe(node) for node in ast.walk(tree))


def test_sample_is_small_and_documented():
    if not DATA.is_dir():
        pytest.skip("data/ was deleted, which is allowed")
    files = [path for path in DATA.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    names = {path.name for path in files}
    assert "README.md" in names and any(name.upper().startswith("LICENSE") for name in names)


def test_exported_cells_stay_short():
    """A page reads as one idea per cell; classes of thin methods may be longer."""
    cells = [c for path in NOTEBOOKS for c in code_cells(path) if re.search(r"^#\| export\b", c, re.M)]
    lines = [[line for line in c.splitlines() if line.strip() and not line.startswith("#|")] for c in cells]
    counts = sorted(map(len, lines))
    defined = [sum(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in ast.parse(c).body) for c in cells]
    assert counts[len(counts) // 2] <= 10 and counts[int(.95 * len(counts))] <= 30
    assert sum(n <= 1 for n in defined) >= .88 * len(cells)
    widths = sorted(len(line) for some in lines for line in some)
    assert widths[int(.95 * len(widths))] <= 112 and widths[int(.999 * len(widths))] <= 150

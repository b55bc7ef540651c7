"""Find results typed into prose: numbers in Markdown that no cell of the page printed or used, and no results/*.json holds.

    python tools/check_numbers.py        prints the faults; exit 1 if there are any

Looked at are numbers with a decimal point and percentages, in notebooks and in README.md. Not looked at: block quotes, which
are the paper's words; code, formulas, links and addresses; versions such as 3.11 after a name in `VERSIONED`. A number is
made if it stands in a code cell of the page or in its output, or if a number in results/*.json, or a hundred times it, rounds to it.
"""
import json
import math
import re
import sys
from bisect import bisect_left
from pathlib import Path

from check_pages import Fault, read_cells, source, without_code

TOP = Path(__file__).resolve().parents[1]
VERSIONED = r"(?:Python|nbdev|numpy|NumPy|pandas|torch|PyTorch|gensim|Quarto|musicrec|moderndive|fastcore|execnb|version|CC BY(?:-\w+)*|GPL|Apache|BSD|Elsevier|JSPF|XSPF|schema)[ -]?v?"
NUMBER = re.compile(r"(?<![\w.,/:-])[−-]?(\d+(?:,\d{3})*(?:\.\d+)?)( ?%| per cent)?(?![\w]|\.\d|,\d)")


def numbers(value):
    """All numbers in a JSON value."""
    if isinstance(value, dict): value = value.values()
    elif isinstance(value, (int, float)) and not isinstance(value, bool): return [float(value)] if math.isfinite(value) else []
    elif not isinstance(value, (list, type({}.values()))): return []
    return [n for v in value for n in numbers(v)]


def results(folder):
    """Sorted absolute values of the numbers in a folder's JSON files."""
    return sorted({abs(n) for file in sorted(Path(folder).glob("*.json")) for n in numbers(json.loads(file.read_text(encoding="utf-8")))})


def within(stored, number, places):
    """Whether a stored number rounds to `number` at so many decimals."""
    at, half = bisect_left(stored, number - .5 * 10**-places - 1e-12), .5 * 10**-places + 1e-12
    return at < len(stored) and stored[at] <= number + half


def prose(text):
    """Markdown without what is quoted, code, a formula, a link's target or a version."""
    lines = [line for line in without_code(text).splitlines() if not line.lstrip().startswith(">") and not line.lstrip().startswith("|")]
    text = re.sub(r"\]\([^)]*\)|<[^>]*>|https?://\S+|\$[^$]*\$|\{[^}]*\}", " ", "\n".join(lines))
    return re.sub(VERSIONED + r"\d+(?:\.\d+)*(?: ?(?:–|-|to|and|,) ?\d+(?:\.\d+)+)*", " ", text)


def claims(text):
    """Numbers of a text that look like results: as written, as a number, decimals, and whether they are per cent."""
    for found in NUMBER.finditer(prose(text)):
        digits, share = found[1].replace(",", ""), bool(found[2])
        if "." in digits or share: yield found[0].strip(), float(digits), len(digits.partition(".")[2]), share


def said_by(cells):
    """The numbers in code cells and in what they put out."""
    words = [source(cell) for cell in cells if cell["cell_type"] == "code"]
    for cell in cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            words += ["".join(output.get("text", [])), *("".join(data.get(kind, [])) for kind in ("text/plain", "text/html", "text/markdown"))]
    return sorted({abs(float(n)) for word in words for n in re.findall(r"\d*\.?\d+", word.replace(",", "")) if len(n) < 300})


def made(number, places, share, *known):
    """Whether something known rounds to the number, or to a hundredth of it where it is per cent."""
    return any(within(k, number, places) or share and within(k, number / 100, places + 2) for k in known)


def check_numbers(name, cells, stored, page=None):
    """Faults of one page; `page` are the cells that may have made its numbers, by default its own."""
    own = said_by(cells if page is None else page)
    return [Fault(name, cell["id"], f"the number {words} was typed", "let a cell print it, or read it from results/*.json") for cell in cells if cell["cell_type"] == "markdown"
            for words, number, places, share in claims(source(cell)) if not made(number, places, share, own, stored)]


def check_tree(top):
    """Faults of all notebooks and of README.md."""
    stored, faults = results(top / "results"), []
    for path in sorted((top / "nbs").rglob("*.ipynb")):
        if not {".ipynb_checkpoints"} & set(path.parts): faults += check_numbers(path.relative_to(top).as_posix(), read_cells(path), stored)
    readme = top / "README.md"
    if readme.exists():
        cell = {"cell_type": "markdown", "id": "-", "source": readme.read_text(encoding="utf-8")}
        faults += check_numbers(readme.name, [cell], stored, read_cells(top / "nbs" / "index.ipynb"))
    return faults


if __name__ == "__main__":
    found = check_tree(TOP)
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))

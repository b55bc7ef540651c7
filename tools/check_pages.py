"""Check what a page builder would only warn of, or silently get wrong.

    python tools/check_pages.py      after the notebooks were processed into _proc/

One line for each fault: where, what, and what to do. Exit code 1 if there is any.
"""
import ast
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import yaml
from nbdev.config import get_config
from pages import (FENCE, HEADING, anchors, diagram_options, directives, option_lines, options,
                   page_address, source, texts, without_code)

REFERENCE = re.compile(r"(?<![\w\\])@((?:fig|tbl|eq|sec|lst)-[\w-]*\w)")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)"  # [text](target "title")
                  r"|\b(?:href|src)=[\"']([^\"']+)"               # HTML
                  r"|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)         # [name]: target
IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]+\)(\{[^}]*\})?")
FIGURE_KINDS = ("image/png", "image/svg+xml", "image/jpeg", "text/html")
TABLE_KINDS = ("text/html", "text/markdown", "text/latex")


@dataclass(frozen=True)
class Fault:
    """One thing wrong on a page."""

    file: str
    cell: str
    what: str
    fix: str

    def __str__(self):
        return f"{self.file}, cell {self.cell}: {self.what}; {self.fix}"


def read_cells(path):
    """The cells of a notebook file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))["cells"]


def check_options(name, cells):
    """The cells' options are YAML (a caption with `: ` needs quotes); returns the good cells too."""
    faults, good = [], []
    for cell in cells:
        try:
            if cell["cell_type"] == "code":
                options(cell)
            good.append(cell)
        except yaml.YAMLError:
            faults.append(Fault(name, cell["id"], "its #| options are no YAML", "quote the value"))
    return faults, good


def check_title(name, cells):
    """One H1 on a page; its cell holds nothing that nbdev would drop."""
    written = [cell for cell in cells if cell["cell_type"] == "markdown"]
    titled = [cell for cell in written
              for level, _ in HEADING.findall(FENCE.sub("", source(cell))) if level == "#"]
    if len(titled) != 1:
        place = titled[-1]["id"] if titled else "1"
        return [Fault(name, place, f"the page has {len(titled)} H1 headings",
                      "give it one, `# Title`, in its first Markdown cell")]
    cell, faults = titled[0], []
    if cell is not written[0]:
        faults.append(Fault(name, cell["id"], "the H1 is not in the first Markdown cell", "move it"))
    if "{#" in source(cell):
        faults.append(Fault(name, cell["id"], "the H1 has an id", "remove the {#…}"))
    lines = [line for line in source(cell).splitlines() if line.strip()]
    kept = [line for line in lines if re.match(r"# |> |- [\w-]+:", line)]
    if kept != lines or sum(line.startswith("> ") for line in lines) > 1:
        faults.append(Fault(name, cell["id"], "text in the H1 cell would vanish from the page",
                            "keep there only `# Title`, one line `> description`, lines `- key: value`"))
    return faults


def check_saved_errors(name, cells):
    """No cell's saved output is an exception."""
    return [Fault(name, cell["id"], "a saved output is an error", "mend the cell, then `make refresh`")
            for cell in cells for output in cell.get("outputs", []) if output["output_type"] == "error"]


def has_output(cell, kinds):
    """Is an output of one of these kinds saved in the cell?"""
    return any(kind in output.get("data", {}) for output in cell.get("outputs", []) for kind in kinds)


def check_labels(name, cells):
    """A labelled figure has caption, alt text and picture; a labelled table caption and content."""
    faults = []
    for cell in cells:
        found = [options(cell)] if cell["cell_type"] == "code" else diagram_options(source(cell))
        for option in found:
            label = str(option.get("label", ""))
            needed = {"fig-": ["fig-cap", "fig-alt"], "tbl-": ["tbl-cap"]}.get(label[:4], [])
            for key in needed:
                if not option.get(key):
                    fix = f"add `#| {key}: …`"
                    faults.append(Fault(name, cell["id"], f"{label} has no {key}", fix))
            kinds = FIGURE_KINDS if label.startswith("fig-") else TABLE_KINDS
            if needed and cell["cell_type"] == "code" and not has_output(cell, kinds):
                faults.append(Fault(name, cell["id"], f"{label} has no saved output", "`make refresh`"))
    return faults


def check_unused_options(name, cells):
    """nbdev keeps only `#| key: value` lines, so a value that goes on in a second line is cut off."""
    faults = []
    for cell in cells:
        for line in option_lines(cell) if cell["cell_type"] == "code" else []:
            words = line.partition("|")[2].split()  # a directive has few arguments, if any
            if len(words) > 3 and not words[0].endswith(":"):
                faults.append(Fault(name, cell["id"], f"the option line `{line.strip()}` would be lost",
                                    "write the value in one line"))
    return faults


def mixes_imports(cell):
    """Does a code cell that is not exported import something and do other work too?"""
    exported = directives(cell) & {"export", "exports", "exporti", "exec_doc"}
    if exported or options(cell).get("eval") is False:
        return False
    try:
        nodes = list(ast.walk(ast.parse(source(cell))))
    except SyntaxError:  # a cell with %magic, which nbdev leaves alone too
        return False
    imports = any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in nodes)
    works = any(isinstance(node, (ast.Expr, ast.Assign)) for node in nodes)
    return imports and works and "nbdev_export(" not in source(cell)


def check_imports(name, cells):
    """Building a page runs its cells with imports, hidden ones too, but no others: work there fails."""
    codes = [cell for cell in cells if cell["cell_type"] == "code"]
    if not any("export" in directives(cell) for cell in codes):
        return []  # no signatures to show, so nothing is run
    return [Fault(name, cell["id"], "a cell has imports and other code", "give the imports their own cell")
            for cell in codes if mixes_imports(cell)]


def check_images(name, cells):
    """An image in Markdown has alt text; one with a figure label has it as fig-alt."""
    faults = []
    for cell in cells:
        text = without_code(source(cell)) if cell["cell_type"] == "markdown" else ""
        for alt, attributes in IMAGE.findall(text):
            if not alt or ("#fig-" in attributes and "fig-alt=" not in attributes):
                faults.append(Fault(name, cell["id"], "an image has no alt text",
                                    'write ![what it shows](file), with a label also {fig-alt="…"}'))
    return faults


def check_references(name, cells):
    """Every @fig-, @tbl-, @eq-, @sec- has its label on the same page: Quarto's do not cross pages."""
    known, faults = anchors(cells), []
    for cell in cells:
        words = [without_code(text) for text in texts(cell)]
        if cell["cell_type"] == "code":
            words += [line for line in option_lines(cell) if "cap:" in line]
        for label in REFERENCE.findall("\n".join(words)):
            if label not in known:
                faults.append(Fault(name, cell["id"], f"@{label} has no label on this page",
                                    f"label a cell, or link: [text](other.ipynb#{label})"))
    return faults


def links(cell):
    """The targets of the links and images in a cell's Markdown."""
    words = "\n\n".join(without_code(text) for text in texts(cell))
    return [unquote("".join(found)) for found in LINK.findall(words)]


class Site:
    """All processed pages, to look up what a link points at."""

    def __init__(self, folder, home):
        self.folder, self.home = Path(folder).resolve(), home.rstrip("/") + "/"
        self.pages = {path.relative_to(self.folder): read_cells(path)
                      for path in sorted(self.folder.rglob("*.ipynb"))}
        self.by_address = {page_address(path, cells): path for path, cells in self.pages.items()}

    def missing(self, target, page=None):
        """Why a link on `page` to `target` leads nowhere; None if it leads somewhere or off the site."""
        if (target + "/").startswith(self.home):
            file, _, anchor = target[len(self.home):].partition("#")
            path = self.folder / (file + "index.html" if file == "" or file.endswith("/") else file)
        elif page is None or re.match(r"(?i)[a-z][a-z0-9+.-]*:|//", target):
            return None
        else:
            file, _, anchor = target.partition("#")
            path = ((self.folder / page).parent / file if file else self.folder / page).resolve()
        if not path.is_relative_to(self.folder):
            return "only what is under nbs/ is on the site"
        place = path.relative_to(self.folder)
        place = self.by_address.get(place.as_posix(), place)
        if place not in self.pages:
            return None if path.is_file() else "there is no such page or file under nbs/"
        if anchor and anchor not in anchors(self.pages[place]):
            return f"{place} has no #{anchor}"
        return None


def check_links(name, page, cells, site):
    """Every link to a page, a place on it or a file beside it leads there."""
    faults = []
    for cell in cells:
        for target in links(cell):
            if problem := site.missing(target, page):
                faults.append(Fault(name, cell["id"], f"broken link {target}", problem))
            if str(page) == "index.ipynb" and re.match(r"[^:]+\.(ipynb|html)(#|$)", target):
                faults.append(Fault(name, cell["id"], f"relative link {target}",
                                    f"write {site.home}…, since README.md is made from this page"))
    return faults


def check_readme(path, site):
    """README.md's links to our site and to files beside it lead there."""
    text = without_code(path.read_text(encoding="utf-8"))
    targets = ["".join(found) for found in LINK.findall(text)]
    faults = [Fault(path.name, "-", f"broken link {target}", problem)
              for target in targets if (problem := site.missing(target))]
    beside = [target for target in targets if not re.match(r"(?i)[a-z][a-z0-9+.-]*:|#", target)]
    files = [unquote(target.partition("#")[0]) for target in beside]
    return faults + [Fault(path.name, "-", f"broken link {file}", "no such file")
                     for file in files if not (path.parent / file).exists()]


def check_all(nbs, site):
    """All faults of the notebooks under `nbs`, whose processed pages are in `site`.

    Captions and references are looked at on the page as it is processed, hidden cells gone; links
    in the notebook, since nbdev adds its own, to every name in backticks.
    """
    faults = []
    for page, shown in site.pages.items():
        name = f"{Path(nbs).name}/{page}"
        bad, written = check_options(name, read_cells(Path(nbs) / page))
        faults += bad + check_title(name, written) + check_saved_errors(name, written)
        faults += check_unused_options(name, written) + check_imports(name, written)
        faults += check_images(name, written)
        faults += check_links(name, page, written, site)
        if not bad:
            faults += check_labels(name, shown) + check_references(name, shown)
    return faults


def main():
    """Print the faults; exit 1 if there are any."""
    config = get_config()
    top, proc = config.config_path, config.config_path / "_proc"
    home = config.doc_host + config.doc_baseurl
    if not list(proc.rglob("*.ipynb")):
        sys.exit("No page in _proc: process the notebooks first, see CONTRIBUTING.md")
    site = Site(proc, home)
    faults = check_all(config.nbs_path, site)
    if (top / "README.md").exists():
        faults += check_readme(top / "README.md", site)
    print(*faults, sep="\n", end="\n" if faults else "")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

"""Read notebooks as pages: their Markdown, their cells' options, and what a link can point at."""
import re
from itertools import takewhile
from pathlib import Path

import yaml

FENCE = re.compile(r"^(```+|~~~+).*?^\1[`~]*\s*$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
OPTION = re.compile(r"^\s*#\s*\|\s?(\s*[\w-]+\s*:.*)$")
HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*$", re.MULTILINE)
ATTRIBUTES = re.compile(r"\s*\{[^{}]*\}\s*$")
EXPLICIT_ID = re.compile(r"\{[^{}]*?#([\w:.-]+)[^{}]*\}|\bid=[\"']([^\"']+)")
MERMAID = re.compile(r"^```\{(?:mermaid|dot)\}\s*$(.*?)^```", re.MULTILINE | re.DOTALL)


def source(cell):
    """A cell's source as one string."""
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def joined(value):
    """A saved output's text, a string or a list of lines, as one string."""
    return value if isinstance(value, str) else "".join(value)


def without_code(markdown):
    """`markdown` without fenced blocks and code spans, where `@` and `](` mean nothing."""
    return CODE_SPAN.sub("", FENCE.sub("", markdown))


def options(cell):
    """The `#| key: value` options of a code cell, as Quarto reads them (YAML)."""
    lines = [match.group(1) for match in map(OPTION.match, option_lines(cell)) if match]
    return yaml.safe_load("\n".join(lines)) or {}


def option_lines(cell):
    """The `#|` lines at the head of a code cell, the only ones that count."""
    lines = [line for line in source(cell).splitlines() if line.strip()]
    return list(takewhile(lambda line: re.match(r"\s*#\s*\|", line), lines))


def directives(cell):
    """The names of a code cell's directives and options: `export`, `hide`, `label`, …"""
    return {line.partition("|")[2].split()[0].rstrip(":") for line in option_lines(cell)
            if line.partition("|")[2].strip()}


def diagram_options(markdown):
    """The `%%| key: value` options of each diagram block in a Markdown cell."""
    line = re.compile(r"^\s*(?:%%|//)\|\s*(.+)$", re.MULTILINE)
    blocks = (block[1] for block in MERMAID.finditer(markdown))
    return [yaml.safe_load("\n".join(line.findall(block))) or {} for block in blocks]


def slug(heading):
    """The id that Pandoc gives to a heading."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", ATTRIBUTES.sub("", heading))
    text = re.sub(r"[^\w\s.-]", "", re.sub(r"[`*]", "", text)).strip().lower()
    return re.sub(r"^[^a-z]+", "", re.sub(r"\s+", "-", text)) or "section"


def texts(cell):
    """The Markdown of a cell: its own, or that of its outputs (signatures of exported names)."""
    if cell["cell_type"] == "markdown":
        return [source(cell)]
    outputs = (output.get("data", {}) for output in cell.get("outputs", []))
    return [joined(data["text/markdown"]) for data in outputs if "text/markdown" in data]


def anchors(cells):
    """Every id on the page that these cells make: headings, explicit ids, labels."""
    found = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            found[options(cell).get("label")] = 1
        for text in texts(cell):
            for key in EXPLICIT_ID.findall(without_code(text)):
                found["".join(key)] = 1
            for block in diagram_options(text):
                found[block.get("label")] = 1
            for _, heading in HEADING.findall(FENCE.sub("", text)):
                name = slug(heading)
                found[name] = found.get(name, 0) + 1
                if found[name] > 1:
                    found[f"{name}-{found[name] - 1}"] = 1
    return set(found) - {None}


def front_matter(cells):
    """The front matter that nbdev wrote into a processed notebook."""
    if cells and cells[0]["cell_type"] == "raw":
        return yaml.safe_load(source(cells[0]).strip().strip("-")) or {}
    return {}


def page_address(path, cells):
    """Where the site shows the notebook at `path`, relative to its root: `base/tables.html`."""
    return str(Path(path).with_name(front_matter(cells).get("output-file", Path(path).stem + ".html")))

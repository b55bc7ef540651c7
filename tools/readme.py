"""Write README.md from nbs/index.ipynb; with --check only say whether it is up to date.

nbdev's own command needs Quarto, so that a clone without it could not keep README.md fresh. This
one writes plain GitHub Markdown: hidden cells gone, saved outputs shown, callouts as quotations,
and the pictures saved in the notebook as files (nbs/images/readme-1.png, …).
"""
import base64
import re
import sys

from execnb.nbio import read_nb
from nbdev.config import get_config
from nbdev.processors import FilterDefaults
from pages import front_matter, joined, options, source

HEAD = "<!-- Generated from nbs/index.ipynb by tools/readme.py. Edit the notebook, then `make refresh`. -->"
IMAGES = "images"


def plain_markdown(text):
    """Quarto's Markdown as GitHub understands it; code blocks stay as they are."""
    lines, fenced, quote = [], False, False
    for line in text.splitlines():
        if re.match(r"\s*(```|~~~)", line):
            fenced = not fenced
            line = re.sub(r"```\{(mermaid)\}", r"```\1", line)
        elif fenced:
            line = None if re.match(r"\s*%%\|", line) else line
        elif line.startswith(":::"):
            quote = "callout" in line or (quote and "{" in line)
            line = None
        elif quote and re.match(r"#+ ", line):
            line = f"**{line.lstrip('# ')}**"
        elif not line.startswith("<!-- WARNING"):
            line = re.sub(r"(?<=[\w)\]`$*])\s*\{[#.][^{}]*\}", "", line)
        else:
            line = None
        if line is not None:
            lines.append(f"> {line}".rstrip() if quote else line)
    return relinked("\n".join(lines))


def relinked(text):
    """Links to files beside the notebook, as seen from the top of the project."""
    return re.sub(r"(\]\()(?![a-z][a-z0-9+.-]*:|#|/)", r"\1nbs/", text, flags=re.IGNORECASE)


def plain_html(text):
    """A table's HTML without styles and classes, which GitHub would show as text or drop."""
    text = re.sub(r"<style\b.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"</?div[^>]*>", "", text)
    text = re.sub(r"\s(?:style|class|border|id)=\"[^\"]*\"", "", text)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


class Readme:
    """The text of README.md, and the pictures it shows by file name."""

    def __init__(self, cells):
        self.parts, self.images, self.numbers = [HEAD], {}, self.numbered(cells)
        title = front_matter(cells)
        self.parts.append(f"# {title['title']}")
        if "description" in title:
            self.parts.append(f"> {title['description']}")
        for cell in cells[1:]:
            if cell["cell_type"] == "markdown":
                self.parts.append(plain_markdown(source(cell)))
            elif cell["cell_type"] == "code":
                self.add_code(cell)

    def numbered(self, cells):
        """What each label is called, in the order of the page: `fig-roc` is Figure 1."""
        codes = [cell for cell in cells if cell["cell_type"] == "code"]
        labels = [str(options(cell).get("label", "")) for cell in codes]
        names = {}
        for start, kind in {"fig-": "Figure", "tbl-": "Table"}.items():
            ours = [label for label in labels if label.startswith(start)]
            names |= {label: f"{kind} {number}" for number, label in enumerate(ours, 1)}
        return names

    def add_code(self, cell):
        """A code cell: what its options let see of its source, its outputs and its caption."""
        option = options(cell)
        code = re.sub(r"^\s*#\s*\|.*\n?", "", source(cell), flags=re.MULTILINE).strip()
        if option.get("include") is False:
            return
        if code and option.get("echo", True):
            self.parts.append(f"```python\n{code}\n```")
        if option.get("output", True):
            self.parts += [self.shown(output, option) for output in cell.get("outputs", [])]
        caption = option.get("fig-cap") or option.get("tbl-cap")
        if caption:
            number = self.numbers.get(option.get("label"))
            self.parts.append(f"*{number}. {caption}*" if number else f"*{caption}*")

    def shown(self, output, option):
        """The best form that GitHub can show of one saved output."""
        data = output.get("data", {})
        if "text/markdown" in data:
            return plain_markdown(joined(data["text/markdown"]))
        if "image/png" in data:
            name = f"readme-{len(self.images) + 1}.png"
            self.images[name] = base64.b64decode(joined(data["image/png"]))
            return f"![{option.get('fig-alt', '')}](nbs/{IMAGES}/{name})"
        if "text/html" in data:
            return plain_html(joined(data["text/html"]))
        text = joined(data.get("text/plain", output.get("text", "")))
        return f"```\n{text.rstrip()}\n```" if text.strip() else ""

    def text(self):
        """The whole of README.md."""
        whole = "\n\n".join(part.strip("\n") for part in self.parts if part.strip())
        return re.sub(r"@((?:fig|tbl)-[\w-]*\w)", lambda m: self.numbers.get(m[1], m[0]), whole) + "\n"


def build(notebook):
    """The `Readme` of a notebook file, processed as nbdev does for its page."""
    nb = read_nb(notebook)
    FilterDefaults()(nb)
    return Readme(nb.cells)


def expected(nbs):
    """The files that README.md consists of, by path, with their bytes."""
    readme = build(nbs / "index.ipynb")
    files = {nbs / IMAGES / name: picture for name, picture in readme.images.items()}
    return {nbs.parent / "README.md": readme.text().encode()} | files


def differing(files, nbs):
    """The paths that are missing, not up to date, or left over from an earlier README.md."""
    changed = [path for path, content in files.items()
               if not path.exists() or path.read_bytes() != content]
    pictures = sorted((nbs / IMAGES).glob("readme-*.png"))
    return changed + [path for path in pictures if path not in files]


def main():
    """Write what differs, or with --check name it and exit 1."""
    nbs = get_config().nbs_path
    files = expected(nbs)
    changed = differing(files, nbs)
    for path in changed:
        if "--check" in sys.argv[1:]:
            print(f"{path.relative_to(nbs.parent)} is not what nbs/index.ipynb says; run `make refresh`")
        elif path in files:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(files[path])
            print(f"{path.relative_to(nbs.parent)} written")
        else:
            path.unlink()
    sys.exit("--check" in sys.argv[1:] and bool(changed))


if __name__ == "__main__":
    main()

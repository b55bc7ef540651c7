"""Tell whether the outputs saved in a notebook still say what its cells say now.

Words are compared exactly, but for the width of blanks and rules. Of images only their being there
counts: their bytes change with the fonts and the libraries that draw them. Whatever goes to stderr
(progress bars, warnings) is left out. Numbers with a decimal point may differ by 1e-3 of their
size, since BLAS and torch differ by processor; by 2e-2 in a cell with the directive `#| trained`. In a cell with `#| ranked`, names stand in an
order that training decides, so that near ties may change places: there only the kinds of output and
their numbers of lines are compared.
"""
import json
import re
from itertools import zip_longest

from nbdev.process import extract_directives

# A number that stands alone: no part of a word, an id or a version.
NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d+(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\w)")
EMBEDDED_IMAGE = re.compile(r"data:image/[\w.+-]+(?:;base64)?,[^\"')\s]*|<svg\b.*?</svg>", re.DOTALL)
STYLE = re.compile(r"<style\b.*?</style>", re.DOTALL)
RULE = re.compile(r"([-=_─━═])\1{2,}")

# (relative, absolute, the fewest decimals at which one unit in the last printed place may differ)
USUAL, TRAINED = (1e-3, 1e-6, 3), (2e-2, 2e-3, 2)


def is_trained(cell):
    """Does `cell` carry the directive `#| trained`?"""
    return "trained" in extract_directives(cell, remove=False)


def is_ranked(cell):
    """Does `cell` carry the directive `#| ranked`?"""
    return "ranked" in extract_directives(cell, remove=False)


def decimals(number):
    """How many places `number` is printed with; 0 for a whole number or one with an exponent."""
    return 0 if "e" in number.lower() else len(number.partition(".")[2])


def same_number(old, new, trained=False):
    """Are two printed numbers the same within the tolerance? Counts must be equal, unless trained."""
    old, new = (text.replace(",", "").replace("−", "-") for text in (old, new))
    distance, size = abs(float(old) - float(new)), max(abs(float(old)), abs(float(new)))
    if distance == 0:
        return True
    if not trained and not re.search(r"[.eE]", old + new):
        return False
    relative, absolute, enough = TRAINED if trained else USUAL
    places = max(decimals(old), decimals(new))
    if places >= enough:  # 0.0465 and 0.0475 may be one value, rounded on two machines
        absolute = max(absolute, 1.001 * 10**-places)
    return distance <= max(absolute, 1.001 * relative * size)


def plain(text):
    """`text` with what may vary in width made one width."""
    return RULE.sub(r"\1\1\1", " ".join(text.split()))


def same_line(old, new, trained=False):
    """Do two lines say the same: equal words, near numbers?"""
    if old == new:
        return True
    if [plain(word) for word in NUMBER.split(old)] != [plain(word) for word in NUMBER.split(new)]:
        return False
    pairs = zip(NUMBER.findall(old), NUMBER.findall(new))
    return all(same_number(a, b, trained) for a, b in pairs)


def as_text(value):
    """A notebook's text (a string, a list of lines, JSON data) as one string."""
    if isinstance(value, (dict, int, float)):
        return json.dumps(value, sort_keys=True)
    return value if isinstance(value, str) else "".join(value)


def parts(outputs):
    """What is compared of a cell's outputs: pairs of a kind and its text, in order."""
    found = []
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream" and output["name"] == "stdout":
            if found and found[-1][0] == "stdout":  # how prints are cut into streams is no content
                found[-1] = ("stdout", found[-1][1] + as_text(output["text"]))
            else:
                found.append(("stdout", as_text(output["text"])))
        elif kind == "error":
            found.append(("error", f"{output['ename']}: {output['evalue']}"))
        elif kind != "stream":
            found += [(mime, shown(mime, value)) for mime, value in sorted(output["data"].items())]
    return found


def shown(mime, value):
    """The comparable text of one representation of an output."""
    if mime.startswith("image/"):
        return "an image"
    return EMBEDDED_IMAGE.sub("an image", STYLE.sub("", as_text(value)))


def first_difference(old, new, trained=False, ranked=False):
    """Where two lists of outputs differ first, as (place, saved, now); None if they agree."""
    pairs = zip_longest(parts(old), parts(new), fillvalue=("nothing", ""))
    for (kind, before), (kind_now, after) in pairs:
        if kind != kind_now:
            return "kind of output", brief(kind, before), brief(kind_now, after)
        if ranked and len(before.splitlines()) == len(after.splitlines()):
            continue
        lines = zip_longest(before.splitlines(), after.splitlines(), fillvalue="(no line)")
        for number, (saved, now) in enumerate(lines, 1):
            if not same_line(saved, now, trained):
                return f"{kind}, line {number}", saved, now
    return None


def brief(kind, text):
    """An output in a line: its kind and how it begins."""
    return f"{kind}: {text.strip().partition(chr(10))[0][:100]}" if text.strip() else kind

"""Give Quarto a notebook as nbdev documents it: hidden cells gone, exported cells shown as signatures.

Quarto pipes the notebook through without its name, which nbdev needs: it is found by its cell ids.
"""
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

from execnb.nbio import dict2nb, nb2str
from nbdev.processors import FilterDefaults


def cell_ids(notebook):
    """The ids of all cells, which no two notebooks share."""
    return [cell["id"] for cell in notebook["cells"]]


def find_path(notebook):
    """The file under nbs/, folders included, that holds `notebook`."""
    for file in Path(__file__).resolve().parent.rglob("*.ipynb"):
        if cell_ids(json.loads(file.read_text(encoding="utf-8"))) == cell_ids(notebook):
            return file
    raise FileNotFoundError("no notebook under nbs/ has the cells that Quarto sent")


source = json.loads(sys.stdin.read())
nb = dict2nb(source)
nb.path_ = str(find_path(source))
with redirect_stdout(sys.stderr):
    FilterDefaults()(nb)
sys.stdout.write(nb2str(nb))

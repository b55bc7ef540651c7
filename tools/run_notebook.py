"""Run one notebook with nbdev's own `nbdev_test` and write down what its cells put out.

    python -P tools/run_notebook.py NOTEBOOK RECORD [FLAGS]

`nbdev_test` runs a notebook and forgets its outputs. Here the same command runs with a shell that
remembers them, so that one pass both tests a notebook and tells whether its saved outputs are
fresh. RECORD becomes a JSON object, outputs by cell id, of the cells that really ran: which ones
are skipped (`#| eval: false`, the flags in settings.ini) stays nbdev's own decision.
"""
import json
import runpy
import sys
from pathlib import Path

import nbdev.test
from execnb.shell import CaptureShell


class RecordingShell(CaptureShell):
    """nbdev's shell, which also writes the outputs of the cells it ran to `record`."""

    record = None

    def run_all(self, nb, exc_stop=False, preproc=lambda cell: False, **kwargs):
        ran = []

        def skip(cell):
            if preproc(cell):
                return True
            if cell.cell_type == "code":
                cell.outputs = []  # else a cell that fell silent would keep its saved output
                ran.append(cell)
            return False

        try:
            super().run_all(nb, exc_stop=exc_stop, preproc=skip, **kwargs)
        finally:
            outputs = {cell.id: cell.outputs for cell in ran}
            self.record.write_text(json.dumps(outputs), encoding="utf-8")


def main(notebook, record, flags=""):
    """Run the `nbdev_test` command on `notebook`, with the recording shell in place."""
    RecordingShell.record = Path(record).resolve()
    nbdev.test.CaptureShell = RecordingShell
    command = str(Path(sys.executable).with_name("nbdev_test"))
    sys.argv = [command, "--path", notebook, "--n_workers", "0", "--flags", flags]
    runpy.run_path(command, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])

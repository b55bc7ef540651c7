"""What a person sees: the report in a real browser, without a network."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync --disable-dev-shm-usage").split()

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def browse(page, tmp_path, *words):
    """Open a file in headless Chromium; what it prints."""
    done = subprocess.run([CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *words, Path(page).resolve().as_uri()],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# Everything that the page shows is asked of the browser, which writes its answer into the document.
PROBE = """<script>window.addEventListener('load', () => {
  const images = [...document.images];
  document.body.dataset.answer = JSON.stringify({figures: images.filter(i => i.complete && i.naturalWidth > 300 && i.alt).length,
    tables: document.querySelectorAll('table').length, rows: document.querySelectorAll('table')[0].rows.length, title: document.title,
    requests: performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length,
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth});
});</script>"""


def test_report_shows_five_figures_and_the_table_without_a_request(run, tmp_path):
    page = tmp_path / "probed.html"
    text = (run[0] / "report.html").read_text()
    policy = re.search(r'content="(default-src[^"]*)"', text)[1]
    page.write_text(text.replace(policy, policy + "; script-src 'unsafe-inline'").replace("</body>", PROBE + "</body>"))
    dom = browse(page, tmp_path, "--virtual-time-budget=5000", "--dump-dom", "--window-size=1000,800")
    answer = re.search(r'data-answer="([^"]*)"', dom)[1].replace("&quot;", '"')
    assert '"figures":5' in answer and '"rows":7' in answer and '"requests":0' in answer
    assert '"wide":false' in answer
    assert "hacked" not in re.search(r'"title":"[^"]*"', answer)[0]


def test_report_runs_no_script_from_a_title(run, tmp_path):
    dom = browse(run[0] / "report.html", tmp_path, "--virtual-time-budget=2000", "--dump-dom")
    assert "<title>musicrec: the paper, reproduced</title>" in dom


def test_report_takes_a_picture(run, tmp_path):
    browse(run[0] / "report.html", tmp_path, f"--screenshot={tmp_path / 'page.png'}", "--window-size=1000,1400", "--hide-scrollbars")
    assert (tmp_path / "page.png").stat().st_size > 20_000

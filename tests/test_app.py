"""The command line and the main job, as a user meets them."""
import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from musicrec.app.cli import main
from musicrec.app.reproduce import FILES, check_folder, reproduce
from musicrec.collect import AUDIO, InputError, load_tables


def musicrec(*words, **options):
    """Run the command line in a process of its own."""
    return subprocess.run([sys.executable, "-c", "from musicrec.app.cli import main; main()", *map(str, words)],
                          capture_output=True, text=True, timeout=300, **options)


def say_nothing(line):
    """Swallow a progress line."""


def test_a_run_writes_the_named_files(run):
    folder, _ = run
    assert sorted(f.name for f in folder.iterdir()) == sorted(FILES)
    assert not [f for f in folder.parent.iterdir() if f != folder]


def test_a_run_reports_seven_stages_the_table_and_ten_tracks(run):
    _, lines = run
    assert [line[:5] for line in lines[:7]] == [f"[{i}/7]" for i in range(1, 8)]
    assert "recommendation system accuracy" in lines[7]
    assert sum("because" in line for line in lines) == 10


def test_table_has_the_columns_that_others_read(run):
    table = pd.read_csv(run[0] / "table.csv")
    assert list(table) == ["task", "metric", "paper", "ours", "low", "high", "data", "simulated"]
    assert len(table) == 6
    assert table.simulated.tolist() == [False] * 4 + [True] * 2
    assert ((table.low <= table.ours) & (table.ours <= table.high)).all()


def test_metrics_hold_all_four_entrants(run):
    record = json.loads((run[0] / "metrics.json").read_text())
    rows = pd.DataFrame(record["rows"])
    assert record["schema"] == 1
    assert {task: set(of.method) for task, of in rows.groupby("task")} == {"likes": (four := {"default", "paper", "majority", "forest"}), "artists": four, "genres": four | {"artist_genre"}}
    assert {"method", "metric", "value", "low", "high", "seeds"} <= set(rows)


def test_recommendations_and_playlist_agree(run):
    recommended = pd.read_csv(run[0] / "recommendations.csv")
    tracks = json.loads((run[0] / "playlist.jspf").read_text())["playlist"]["track"]
    assert list(recommended) == ["track_id", "title", "artist", "score", "rank", "because"]
    assert [t["annotation"] for t in tracks] == recommended.because.tolist()


def test_report_needs_nothing_from_outside_and_says_what_is_simulated(run):
    page = (run[0] / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 5
    assert "http://" not in page and "https://" not in page
    assert "simulated" in page.lower()


def test_a_file_whose_tracks_are_all_labelled_leaves_nothing_to_recommend_and_says_so(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({c: rng.uniform(0, 1, 60) for c in AUDIO} | {"tempo": rng.uniform(80, 160, 60), "loudness": -5.})
    frame = frame.assign(title=[f"Song {i}" for i in range(60)], artist=[f"Band {i % 20}" for i in range(60)], liked=(frame.energy > .5).astype(int))
    frame.to_csv(tmp_path / "mine.csv", index=False)
    lines = []
    record = reproduce(str(tmp_path / "mine.csv"), tmp_path / "run", quick=True, say=lines.append)
    said, page = "\n".join(lines), (tmp_path / "run" / "report.html").read_text()
    reason = "nothing is left to recommend, since all tracks with audio features are known to the listener"
    assert f"0 recommendations for 'me' ({reason})" in said and f"None: {reason}." in page
    assert "artist: not run, genre: not run; figures 2, 3" in said
    assert "First ten" not in said and "because" not in page
    assert record["not_drawn"].keys() == {"figure_2", "figure_3"}
    assert "Figure 2. The net for artist prediction: not run, since there are 0 classes" in page
    assert page.count("drawn from the trained module") == 1 and "Figure 4. The paper&#x27;s recommender, drawn" in page


def test_same_seed_same_numbers(run, world, tmp_path):
    reproduce(world, tmp_path / "again", quick=True, say=say_nothing)
    for name in ("report.html", "table.csv", "metrics.json", "recommendations.csv", "playlist.jspf", "figure_1.svg", "figure_5.svg"):
        assert (tmp_path / "again" / name).read_bytes() == (run[0] / name).read_bytes(), name


def test_a_failed_run_leaves_the_old_folder(run, world, tmp_path, monkeypatch):
    before = {f.name: f.read_bytes() for f in run[0].iterdir()}
    monkeypatch.setattr("musicrec.app.reproduce.write_jspf", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reproduce(world, run[0], quick=True, say=say_nothing)
    assert {f.name: f.read_bytes() for f in run[0].iterdir()} == before
    assert not [f for f in run[0].parent.iterdir() if f != run[0]]


def test_a_foreign_folder_is_refused_before_anything_runs(world, tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(InputError, match="thesis.docx"):
        reproduce(world, tmp_path, say=say_nothing)
    assert [f.name for f in tmp_path.iterdir()] == ["thesis.docx"]


def test_files_of_ours_without_our_mark_are_refused(tmp_path):
    (tmp_path / "table.csv").write_text("mine")
    with pytest.raises(InputError, match="earlier run"):
        check_folder(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(sent, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "from musicrec.app.cli import main; main()", "reproduce", "--data", "synthetic", "--out", str(tmp_path / "out")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(sent, signal.SIG_DFL))  # whoever runs the tests may ignore it
    assert process.stdout.readline().startswith("[1/7]")
    process.send_signal(sent)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped" in said and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_wrong_input_is_one_line_and_exit_code_two(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MUSICREC_DATA", raising=False)
    (tmp_path / "empty.csv").write_text("")
    for words, said in [(("evaluate", "likes", tmp_path / "empty.csv"), "is empty"), (("evaluate", "moods", "synthetic"), "'moods' is no task"),
                        (("reproduce", "--data", "nowhere", "--out", tmp_path / "out"), "'nowhere' is neither a file"), (("dance",), "No such command")]:
        with pytest.raises(SystemExit) as left:
            main([str(w) for w in words])
        assert left.value.code == 2
        assert said in capsys.readouterr().err


def test_help_loads_nothing_heavy():
    code = ("import sys; from musicrec.app.cli import main\n"
            "try: main(['--help'])\n"
            "except SystemExit: print('HEAVY', sorted({'torch', 'pandas', 'numpy', 'gensim', 'matplotlib', 'sklearn'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "HEAVY []" in done.stdout
    assert "reproduce" in done.stdout and "evaluate" in done.stdout


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, musicrec; print(sorted({'torch', 'pandas', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_evaluate_a_labelled_file_and_write_json(world, tmp_path):
    x = world.audio().reset_index().drop(columns=["source", "scale", "matched_by"])
    likes = world.preferences.query("listener_id == 'you'")[["track_id", "label"]].rename(columns={"label": "liked"})
    x.merge(likes, on="track_id").drop(columns="track_id").dropna(axis=1, how="all").to_csv(tmp_path / "mine.csv", index=False, quoting=csv.QUOTE_ALL)
    words = "evaluate", "likes", tmp_path / "mine.csv", "--folds", 2, "--seeds", 1
    done = musicrec(*words, "--vectors-from", "none", "--json", tmp_path / "rows.json")
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "rows.json").read_text())
    assert (written["schema"], written["task"], written["by"], written["vectors_from"]) == (1, "likes", "track", [])
    assert {r["method"] for r in written["rows"]} == {"default", "paper", "majority", "forest", "audio_knn", "artist_rate"}
    with pytest.raises(SystemExit) as left:
        main([*map(str, words), "--by", "artist"])
    assert left.value.code == 2


def test_demo_works_without_the_shipped_sample(monkeypatch, tmp_path):
    monkeypatch.setattr("musicrec.collect.data_folder", lambda: None)
    t = load_tables("demo", n_listeners=20)
    assert set(t.tracks.source) == {"synthetic"}


def test_running_as_a_module_tells_the_version(top):
    from musicrec import __version__
    assert musicrec("--version").stdout.strip() == __version__
    assert (Path(top) / "settings.ini").read_text().count(f"version = {__version__}") == 1

"""`musicrec import`: everything or nothing of a file, twice is once, nothing that identifies the person."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import made_up
import pytest

from musicrec.sources.library import STORED, Library


MUSICREC = str(Path(sys.executable).parent / "musicrec")
FIXED = {"MUSICREC_CLOCK": "2026-11-23T00:00:00Z"}


def musicrec(*words, **more):
    """Run the command line in a process of its own."""
    return subprocess.run([MUSICREC, *map(str, words)], capture_output=True, text=True, env=os.environ | FIXED | more, timeout=300)


def content(home):
    """Every row of a library."""
    with sqlite3.connect(f"file:{Path(home, 'library.sqlite')}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {n: db.execute(f"SELECT * FROM {n} ORDER BY 1, 2, 3").fetchall() for n in STORED}


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """An export of 6,000 plays as a ZIP, and the same as a folder of four files."""
    folder = tmp_path_factory.mktemp("export")
    made_up.write_export(folder / "my_data.zip", 6_000)
    (folder / "parts").mkdir()
    rows = list(made_up.rows(6_000))
    for i in range(4):
        (folder / "parts" / f"endsong_{i}.json").write_text(json.dumps(rows[i * 1_500:(i + 1) * 1_500 + 20]), encoding="utf-8-sig")
    return folder


def test_the_same_import_twice_changes_nothing_and_nothing_private_is_kept(export, tmp_path):
    first = musicrec("import", export / "my_data.zip", "--home", tmp_path / "home")
    assert first.returncode == 0, first.stderr
    assert "new: " in first.stdout and "left out 150 podcast episodes" in first.stdout and "left out 1 files of other kinds" in first.stdout
    once = content(tmp_path / "home")
    again = musicrec("import", export / "my_data.zip", "--home", tmp_path / "home")
    assert "nothing new" in again.stdout
    assert content(tmp_path / "home") == once
    assert len(once["listens"]) == 5_850
    kept = b"".join(f.read_bytes() for f in (tmp_path / "home").rglob("*") if f.is_file())
    for private in made_up.PRIVATE:
        assert private.encode() not in kept and private.encode("utf-16-le") not in kept
    assert "Sæglópur".encode() in kept


def test_a_folder_of_files_that_overlap_is_the_same_history(export, tmp_path):
    assert musicrec("import", export / "my_data.zip", "--home", tmp_path / "a").returncode == 0
    assert musicrec("import", export / "parts", "--home", tmp_path / "b").returncode == 0
    assert content(tmp_path / "a") == content(tmp_path / "b")


def killed(command, after):
    """Run `command` and kill it after some seconds; whether it was still running."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | FIXED)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def plays_in(home):
    """How many plays a library holds; none if there is no library yet."""
    if not Path(home, "library.sqlite").exists():
        return 0
    with sqlite3.connect(Path(home, "library.sqlite")) as db:
        there = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'listens'").fetchone()[0]
        return db.execute("SELECT count(*) FROM listens").fetchone()[0] if there else 0


def check_kills(export, tmp_path, moments):
    """Kill an import at random moments, run it again, and compare with a clean run; how many kills came in time."""
    command = [MUSICREC, "import", str(export / "parts"), "--quiet", "--home"]
    start = time.monotonic()
    subprocess.run([*command, str(tmp_path / "clean")], check=True, env=os.environ | FIXED)
    seconds, clean, rng, hits = time.monotonic() - start, content(tmp_path / "clean"), random.Random(0), 0
    wholes = {sum(i < end and i % 40 != 7 for i in range(6_000)) for end in (0, 1_520, 3_020, 4_520, 6_000)}
    for i in range(moments):
        home = tmp_path / str(i)
        hits += killed([*command, str(home)], rng.uniform(.2, .9) * seconds)
        assert plays_in(home) in wholes, "part of a file"
        subprocess.run([*command, str(home)], check=True, env=os.environ | FIXED)
        assert content(home) == clean
    return hits


def test_killed_and_run_again_is_as_if_never_killed(export, tmp_path):
    assert check_kills(export, tmp_path, 2) > 0


@pytest.mark.slow
def test_killed_at_fifty_moments(export, tmp_path):
    assert check_kills(export, tmp_path, 50) > 30


def test_bad_files_do_not_keep_the_good_ones_out(export, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text((export / "parts" / "endsong_0.json").read_text(encoding="utf-8-sig")[:-30], encoding="utf-8")
    done = musicrec("import", broken, export / "parts" / "endsong_1.json", tmp_path / "missing.zip", "--home", tmp_path / "home")
    assert done.returncode == 2
    assert "broken.json, row 1520: is cut off" in done.stderr and "missing.zip: does not exist" in done.stderr
    assert "Traceback" not in done.stderr
    listens = content(tmp_path / "home")["listens"]
    assert 1_400 < len(listens) < 1_520  # of the second file alone


def test_ctrl_c_leaves_whole_files(export, tmp_path):
    process = subprocess.Popen([MUSICREC, "import", str(export / "my_data.zip"), "--home", str(tmp_path / "home")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "home" / "library.sqlite-wal").exists() and process.poll() is None:
        pass
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert "Traceback" not in error
    if process.returncode:
        assert process.returncode == 1 and "stopped" in error
        assert plays_in(tmp_path / "home") == 0


def test_forget_leaves_no_trace_of_a_source_and_nothing_else_changes(export, tmp_path):
    home = tmp_path / "home"
    musicrec("import", export / "my_data.zip", "--home", home)
    before = content(home)
    table = tmp_path / "mine.csv"
    table.write_text("Track URI,Track Name,Artist Name(s),Added At\nspotify:track:0123456789012345678901,Unforgettable words,Somebody,2020-01-01\n")
    musicrec("import", table, "--home", home)
    assert b"Unforgettable words" in b"".join(f.read_bytes() for f in home.rglob("*") if f.is_file())
    gone = musicrec("forget", "--source", "exportify", "--yes", "--home", home)
    assert gone.returncode == 0 and "rows of exportify removed" in gone.stdout
    assert b"Unforgettable words" not in b"".join(f.read_bytes() for f in home.rglob("*") if f.is_file())
    assert content(home) == before
    wrong = musicrec("forget", "--source", "spotify", "--yes", "--home", home)
    assert wrong.returncode == 2 and "spotify_export" in wrong.stderr


def test_where_and_forget_all(export, tmp_path):
    home = tmp_path / "home"
    musicrec("import", export / "parts" / "endsong_0.json", "--home", home)
    assert str(home / "library.sqlite") in musicrec("where", "--home", home).stdout
    assert musicrec("forget", "--all", "--home", home).returncode == 1  # nobody said yes
    assert (home / "library.sqlite").exists()
    gone = musicrec("forget", "--all", "--yes", "--home", home)
    assert gone.returncode == 0 and "library.sqlite" in gone.stdout
    assert not home.exists()
    assert musicrec("forget", "--home", home).returncode == 2


def test_a_foreign_folder_and_a_foreign_file_are_refused(export, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear diary")
    refused = musicrec("import", export / "my_data.zip", "--home", tmp_path)
    assert refused.returncode == 2 and "not of musicrec" in refused.stderr
    home = tmp_path / "home"
    Library(home).close()
    (home / "library.sqlite").write_text("no database " * 1000)
    refused = musicrec("import", export / "my_data.zip", "--home", home)
    assert refused.returncode == 2 and "library.sqlite" in refused.stderr and "Traceback" not in refused.stderr


def test_a_library_can_be_read_by_name(export, tmp_path, monkeypatch):
    from musicrec.collect import load_tables
    monkeypatch.setenv("MUSICREC_HOME", str(tmp_path / "home"))
    assert musicrec("import", export / "my_data.zip").returncode == 0
    t = load_tables("library", strict=True)
    assert len(t.listens) == 5_850
    assert set(t.preferences.listener_id) == {"me"} and set(t.preferences.label) == {0, 1}
    heard = t.listener_artists.set_index("artist_id").weight
    assert heard.sum() < 5_850 and heard.min() >= 1


def test_two_accounts_of_one_year_count_each_play_once(tmp_path):
    from musicrec.collect import load_tables
    rows = [r for r in made_up.rows(400) if r["spotify_track_uri"]]
    year = [{"endTime": r["ts"][:16].replace("T", " "), "artistName": r["master_metadata_album_artist_name"], "trackName": r["master_metadata_track_name"], "msPlayed": r["ms_played"]} for r in rows]
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as z:
        z.writestr("a/StreamingHistory_music_0.json", json.dumps(year))
        z.writestr("b/Streaming_History_Audio_0.json", json.dumps(rows))
    t = load_tables(tmp_path / "both.zip")
    assert len(t.listens) == len(rows)
    assert t.listens.reason_end.notna().all()


def playlist_file(file, start, stop):
    """A playlist as Exportify writes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"spotify:track:{i:022d},Song {i},Artist {i % 9},2023-01-01T00:00:00Z" for i in range(start, stop)]
    file.write_text("\n".join(["Track URI,Track Name,Artist Name(s),Added At", *rows]) + "\n")


def test_a_playlist_that_takes_the_place_of_another_is_said(tmp_path):
    from musicrec.collect import load_tables
    home, pl = tmp_path / "home", tmp_path / "pl"
    playlist_file(pl / "2023" / "Winter.csv", 0, 50)
    playlist_file(pl / "2024" / "Winter.csv", 50, 60)
    said = musicrec("import", pl, "--home", home).stdout
    assert "  Winter: replaced, 50 entries before, 10 now; " in said and "rename the file" in said
    assert "replaced" not in musicrec("import", pl / "2024", "--home", home).stdout
    t = load_tables(pl)
    assert len(t.playlist_tracks) == len(t.preferences) == 50 and set(t.playlist_tracks.track_id) == {f"spotify:track:{i:022d}" for i in range(50)}
    assert [n for n in t.notes if "left out" in n] == ["Winter: another file holds another playlist of this name, which is left out; rename it to have both"]
    playlist_file(pl / "copy" / "Winter.csv", 0, 50)
    (pl / "2024" / "Winter.csv").rename(pl / "2024" / "Winter 2024.csv")
    t = load_tables(pl)
    assert set(t.playlists.name) == {"Winter 2024", "Winter"} and len(t.preferences) == 60 and not any("left out" in n for n in t.notes)


def test_the_library_line_says_what_load_tables_gives(tmp_path, monkeypatch):
    from musicrec.collect import load_tables
    from musicrec.tables import AUDIO
    monkeypatch.setenv("MUSICREC_HOME", str(tmp_path / "home"))
    audio = ",".join("120" if c == "tempo" else "-5" if c == "loudness" else "0.5" for c in AUDIO)
    for name, ids in {"one": "spotify:track:{:022d}", "two": "spotify:track:{:022d}", "three": "own{}"}.items():
        rows = [f"{ids.format(i)},Song {i},Artist {i % 7},{audio}" for i in range(40)]
        (tmp_path / f"{name}.csv").write_text("\n".join([f"track_id,title,artist,{','.join(AUDIO)}", *rows]) + "\n")
    playlist_file(tmp_path / "Winter.csv", 0, 30)
    said = musicrec("import", *(tmp_path / f"{n}.csv" for n in ("one", "two", "three", "Winter"))).stdout
    t = load_tables("library")
    assert len(t.tracks) < 80
    assert f"library: {len(t.listens):,} plays, {len(t.tracks):,} tracks, {len(t.artists):,} artists; " in said

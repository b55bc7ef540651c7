"""Tables in: damaged, odd and mutated files; merging and saving; the shipped sample and its listeners."""
import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import re
import subprocess
import sys
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import musicrec.collect as collect
from musicrec.collect import InputError, MusicrecError, NotFoundError, Tables, load_tables
from musicrec.matching import recordings
from musicrec.preprocess import split
from musicrec.sources.library import Library
from musicrec.sources.simulate import best_auc
from musicrec.tables import AUDIO, RANGES, TABLES, atomic_path, fold, track_names

QUICK = settings(derandomize=True, deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def songs(n=30, **columns):
    rng = np.random.default_rng(0)
    audio = {c: rng.uniform(*(0, 1) if RANGES[c] == (0, 1) else (70, 180) if c == "tempo" else (-20, 0), n).round(4) for c in AUDIO}
    names = {"track_id": [f"t{i}" for i in range(n)], "title": [f"Song {i}" for i in range(n)], "artist": [f"Band {i % 7}" for i in range(n)]}
    return pd.DataFrame(names | audio | columns)


@pytest.fixture
def write(tmp_path):
    def file(content, name="songs.csv", **options):
        path = tmp_path / name
        if isinstance(content, pd.DataFrame): content = content.to_csv(index=False, **options)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
    return file


@pytest.fixture
def parquet(tmp_path):
    def file(frame):
        frame.to_parquet(tmp_path / "songs.parquet")
        return tmp_path / "songs.parquet"
    return file


def packed(members, how=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as z:
        for name, data in members.items(): z.writestr(name, data)
    return out.getvalue()


def csv_bytes(frame): return frame.to_csv(index=False).encode()


def same_tables(a, b):
    assert a.frames().keys() == b.frames().keys()
    for name, frame in a.frames().items(): pd.testing.assert_frame_equal(frame, getattr(b, name))
    return True


# Files that cannot be read


def test_missing_file_is_named():
    with pytest.raises(NotFoundError, match="nowhere.csv"): load_tables("nowhere.csv")


@pytest.mark.parametrize("name", ["a" * 5000, "~no-such-user-here/songs.csv", "a\0b"], ids=["too long", "unknown home", "nul"])
def test_impossible_paths_raise_typed_errors(name):
    with pytest.raises(MusicrecError): load_tables(name)


@pytest.mark.parametrize("content", ["", " \n\n \n", "\ufeff"], ids=["empty", "blank", "mark only"])
def test_empty_csv_says_so(write, content):
    with pytest.raises(InputError, match="songs.csv.*is empty"): load_tables(write(content))


def test_header_without_rows_says_so(write):
    with pytest.raises(InputError, match="songs.csv.*no rows"): load_tables(write(songs(0)))


def test_missing_columns_are_all_named(write):
    with pytest.raises(InputError, match="songs.csv.*energy, valence") as e: load_tables(write(songs().drop(columns=["energy", "valence"])))
    assert "danceability" in str(e.value) and "Columns here" in str(e.value)


def test_text_in_a_number_column_names_file_row_column_expectation_and_remedy(write):
    frame = songs(energy=[0.5] * 3 + ["loud"] * 27)
    with pytest.raises(InputError) as e: load_tables(write(frame))
    for part in ("songs.csv", "row 4", "'energy'", "'loud'", "must hold numbers", "correct or remove"): assert part in str(e.value)


def test_refusal_says_which_range_was_expected(write):
    with pytest.raises(InputError, match=r"0.*1") as e: load_tables(write(songs(energy=7.5)))
    assert re.search(r"\b0(\.0)?\b.{1,12}\b1(\.0)?\b", str(e.value).replace("songs.csv", ""))


def test_few_rows_out_of_range_are_dropped_with_count_and_first_rows(write):
    frame = songs()
    frame.loc[[4, 9, 11, 20], "loudness"] = 40
    t = load_tables(write(frame)).validate()
    assert len(t.tracks) == 26
    assert any("dropped 4 rows" in n and "'loudness'" in n and "5, 10, 12" in n for n in t.notes)


@pytest.mark.parametrize("bad, refused", [(6, False), (7, True)])
def test_more_than_a_fifth_of_bad_rows_is_refused(write, bad, refused):
    path = write(songs(energy=[5.0] * bad + [0.5] * (30 - bad)))
    if not refused: assert len(load_tables(path).tracks) == 30 - bad
    else:
        with pytest.raises(InputError, match="row 1, column 'energy'"): load_tables(path)


def test_strict_refuses_the_first_bad_row(write):
    frame = songs()
    frame.loc[12, "valence"] = -0.1
    with pytest.raises(InputError, match="row 13, column 'valence'"): load_tables(write(frame), strict=True)


def test_strict_refuses_rows_without_features(write):
    frame = songs()
    frame.loc[2, list(AUDIO)] = np.nan
    with pytest.raises(InputError, match="row 3"): load_tables(write(frame), strict=True)


def test_a_file_without_a_single_feature_is_refused(write):
    frame = songs()
    frame[list(AUDIO)] = np.nan
    with pytest.raises(InputError): load_tables(write(frame))


@pytest.mark.parametrize("value", ["inf", "1e30", "-inf"])
def test_impossible_duration_is_left_empty(write, value):
    frame = songs(duration_ms="200000")
    frame.loc[2, "duration_ms"] = value
    t = load_tables(write(frame)).validate()
    assert t.tracks.duration_ms.isna().tolist() == [False] * 2 + [True] + [False] * 27 and any("first rows: 3" in n for n in t.notes)


@pytest.mark.parametrize("column, cell", [("key", "H dur"), ("mode", "dorian"), ("time_signature", "7/8"), ("popularity", "-1"), ("duration", "long")])
def test_extras_that_cannot_be_read_cost_no_row_and_no_file(write, column, cell):
    t = load_tables(write(songs(**{column: cell}))).validate()
    assert len(t.tracks) == 30 and t.notes == [f"songs.csv: left 30 cells of '{column}' empty that cannot be read (first rows: 1, 2, 3)"]
    with pytest.raises(InputError, match=f"row 1, column '{column}'"): load_tables(write(songs(**{column: cell})), strict=True)


@pytest.mark.parametrize("name", ["duration_ms", "Duration"])
@pytest.mark.parametrize("cells, ms", [([245.3] * 30, 245_300), (["4:05.3"] * 30, 245_300), (["0:04:05"] * 30, 245_000), ([245_300] * 30, 245_300)])
def test_lengths_in_seconds_and_minutes(write, name, cells, ms):
    t = load_tables(write(songs(**{name: cells})), strict=True)
    assert set(t.tracks.duration_ms) == set(t.audio_features.duration_ms) == {ms}
    assert ("read as seconds" in "".join(t.notes)) == (cells[0] == 245.3)
    assert set(load_tables(write(songs(**{name: cells})[["title", "artist", name]])).tracks.duration_ms) == {ms}


@pytest.mark.parametrize("yes, no", [("Yes", "No"), ("TRUE", "False"), (1.0, 0.0), ("y", "n"), ("Explicit", "Clean")])
def test_explicit_in_other_words(write, yes, no):
    assert load_tables(write(songs(explicit=[yes, no, ""] * 10))).tracks.explicit[:3].astype("object").fillna("?").tolist() == [True, False, "?"]


@pytest.mark.parametrize("column", ["Release Date", "Release Year", "year"])
@pytest.mark.parametrize("cells, read", [(["12/25/2019", "1/2/2020"], ["2019-12-25", "2020-01-02"]), (["25/12/2019", "1/2/2020"], ["2019-12-25", "2020-02-01"]),
                                         (["1/2/2019", "3/4/2020"], ["1/2/2019", "3/4/2020"]), ([1973.0, 1980.0], ["1973", "1980"]), (["2019-12-25", "1973"], ["2019-12-25", "1973"])])
def test_dates_of_release_where_they_are_clear(write, column, cells, read):
    assert load_tables(write(songs(**{column: cells * 15}))).tracks.release_date[:2].tolist() == read


def test_keys_that_name_their_mode(write):
    t = load_tables(write(songs(6, key=["A minor", "C# Major", "Bbm", "F", "E min", "9"])))
    assert t.audio_features.key.tolist() == [9, 1, 10, 5, 4, 9] and t.audio_features["mode"].fillna(-9).tolist() == [0, 1, 0, -9, 0, -9]


@pytest.mark.parametrize("cut", [5, 300, -8, -200])
def test_truncated_parquet_is_damaged(tmp_path, parquet, cut):
    path = parquet(songs())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="songs.parquet"): load_tables(path)


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2,
                                 zipfile.ZIP_LZMA], ids=["stored", "deflated", "bzip2", "lzma"])
def test_flipped_bytes_in_a_zip_are_damage(write, how):
    data = bytearray(packed({"songs.csv": csv_bytes(songs())}, how))
    data[70:78] = b"damage!!"
    with pytest.raises(InputError, match="songs.zip"): load_tables(write(bytes(data), "songs.zip"))


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2], ids=["deflated", "bzip2"])
def test_zip_bomb_is_refused_before_it_is_unpacked(write, monkeypatch, how):
    bomb = packed({"songs.csv": b"0" * 60_000_000}, how)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(InputError, match="60,000,000 bytes"): load_tables(write(bomb, "songs.zip"))


def test_zip_that_holds_itself_is_refused(write):
    inner = csv_bytes(songs())
    for _ in range(60): inner = packed({"songs.csv": inner})
    with pytest.raises(InputError): load_tables(write(inner, "songs.zip"))


@pytest.mark.parametrize("name", ["../../escaped.csv", "/tmp/escaped-absolute.csv", "a/../../escaped.csv", "C:\\escaped.csv", "..\\escaped.csv"])
def test_zip_member_outside_the_archive_is_refused_and_written_nowhere(tmp_path, name):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "songs.zip").write_bytes(packed({name: csv_bytes(songs())}))
    with pytest.raises(InputError, match="leaves the archive"): load_tables(folder / "songs.zip")
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {"songs.zip"} and not os.path.exists("/tmp/escaped-absolute.csv")


def test_zip_with_a_readme_beside_the_table_is_read(write):
    t = load_tables(write(packed({"README.txt": "Songs, with features\nby nobody", "songs.csv": csv_bytes(songs())}), "songs.zip"))
    assert len(t.tracks) == 30


def test_encrypted_or_tableless_zip_is_refused(write):
    with pytest.raises(InputError, match="holds nothing that can be read"): load_tables(write(packed({"cover.jpg": b"\xff\xd8"}), "songs.zip"))


def test_folder_is_read_as_all_its_files(tmp_path):
    frame = songs()
    frame[:20].to_csv(tmp_path / "a.csv", index=False)
    frame[10:].to_parquet(tmp_path / "b.parquet")
    assert sorted(load_tables(tmp_path).validate().tracks.track_id) == sorted(f"file:track:t{i}" for i in range(30))


def test_folder_without_tables_is_refused(tmp_path):
    (tmp_path / "notes.md").write_text("hello")
    with pytest.raises(InputError, match="holds nothing that can be read"): load_tables(tmp_path)


@pytest.mark.parametrize("columns,said", {"title,artist,liked": "acousticness, liveness, danceability, energy", "title,energy,tempo,liked": "acousticness, liveness, danceability, loudness"}.items())
def test_a_table_of_tracks_without_features_says_which_are_missing(tmp_path, columns, said):
    (tmp_path / "songs.csv").write_text(f"{columns}\n{'1,' * columns.count(',')}1\n")
    with pytest.raises(InputError, match=f"songs.csv: has no column for {said}.*These eight are needed"): load_tables(tmp_path / "songs.csv")


def test_folder_skips_tables_of_another_kind(tmp_path):
    songs().to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "orders.csv").write_text("order,price\n1,2\n")
    t = load_tables(tmp_path)
    assert len(t.tracks) == 30 and any("orders.csv" in n for n in t.notes)


# Files that are only unusual


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(write, encoding):
    frame = songs(title=[f"Glück {i}" for i in range(30)])
    assert load_tables(write(frame.to_csv(index=False).encode(encoding))).tracks.title[3] == "Glück 3"


def test_apostrophes_of_windows(write):
    assert load_tables(write(songs(title="Don’t").to_csv(index=False).encode("cp1252"))).tracks.title[3] == "Don’t"


def test_hint_of_the_separator_is_no_header(write):
    for separator in ",;\t":
        same_tables(load_tables(write(f"sep={separator}\r\n" + songs().to_csv(index=False, sep=separator))), load_tables(write(songs(), "other.csv")))


def test_gzip_is_read_as_what_it_holds(write, tmp_path):
    numbered = songs(track_id=range(30))
    gz = write(gzip.compress(csv_bytes(numbered)), "songs.csv.gz")
    same_tables(load_tables(gz), load_tables(write(numbered)))
    assert len(load_tables(tmp_path).tracks) == 30
    with pytest.raises(InputError, match="songs.csv.gz.*damaged"): load_tables(write(gz.read_bytes()[:-9], "songs.csv.gz"))
    with pytest.raises(InputError, match="bytes"): load_tables(write(gzip.compress(bytes(60_000_000)), "songs.csv.gz"))


@pytest.mark.parametrize("name, data", [("s.bz2", bz2.compress(b"a,b")), ("s.xz", lzma.compress(b"a,b")), ("s.7z", b"7z\xbc\xaf\x27\x1c\0\4"), ("s.rar", b"Rar!\x1a\7")])
def test_other_archives_say_unpack(write, name, data):
    with pytest.raises(InputError, match="Unpack it"): load_tables(write(data, name))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators(write, separator):
    same_tables(load_tables(write(songs(), sep=separator)), load_tables(write(songs(), "other.csv")))


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends(write, end):
    same_tables(load_tables(write(songs().to_csv(index=False).replace("\n", end))), load_tables(write(songs(), "other.csv")))


def test_shuffled_and_further_columns_change_nothing(write):
    frame = songs().assign(colour="red")
    same_tables(load_tables(write(frame[sorted(frame, reverse=True)])), load_tables(write(songs(), "other.csv")))


def test_header_is_read_without_case_blanks_and_underscores(write):
    frame = songs().rename(columns={"track_id": "Track ID", "energy": " ENERGY ", "title": "TrackName"})
    same_tables(load_tables(write(frame)), load_tables(write(songs(), "other.csv")))


def test_first_of_two_columns_of_one_name_counts(write):
    lines = songs().to_csv(index=False).splitlines()
    twice = "\n".join([lines[0] + ",energy"] + [line + ",0.123" for line in lines[1:]])
    assert load_tables(write(twice)).audio_features.energy.tolist() == songs().energy.tolist()


def test_separator_at_the_end_of_every_row_shifts_nothing(write):
    lines = songs().to_csv(index=False).splitlines()
    same_tables(load_tables(write("\n".join([lines[0]] + [line + "," for line in lines[1:]]))), load_tables(write(songs(), "other.csv")))


def test_row_names_without_a_header_shift_nothing(write):
    lines = songs().to_csv(index=False).splitlines()
    try: t = load_tables(write("\n".join([lines[0]] + [f"{i},{line}" for i, line in enumerate(lines[1:])])))
    except InputError: return
    assert t.audio_features.energy.tolist() == songs().energy.tolist() and t.tracks.title[0] == "Song 0"


def test_row_with_a_bare_separator_in_its_title_is_refused_not_shifted(write):
    with pytest.raises(InputError, match="line 6"): load_tables(write(songs().to_csv(index=False).replace("Song 4,", "Song 4, live,")))


def test_quoted_cells_hold_newlines_quotes_and_separators(write):
    title = 'One\nTwo, "Three"; Four'
    assert set(load_tables(write(songs(title=title))).tracks.title) == {title}


def test_artists_joined_by_semicolon_become_credits_in_order(write):
    t = load_tables(write(songs(artist="First; Second;First;;Third"))).validate()
    credits = t.track_artists[t.track_artists.track_id == "file:track:t0"]
    assert t.artists.name.tolist() == ["First", "Second", "Third"] and credits.position.tolist() == [0, 1, 2]


def test_artist_given_by_id_is_the_same_as_guest_by_name(write):
    frame = songs(artist=[f"Band {i % 7};Band {(i + 1) % 7}" for i in range(30)], artist_id=[f"{i % 7:022d}" for i in range(30)])
    assert len(load_tables(write(frame)).artists) == 7


def test_track_under_several_genres_keeps_them_all(write):
    t = load_tables(write(pd.concat([songs(track_genre="pop"), songs(track_genre="rock")]))).validate()
    assert len(t.tracks) == 30 and t.track_genres.groupby("track_id").genre.agg(set).map(len).eq(2).all()


def test_lists_in_cells_are_artists_and_a_split_by_artist_keeps_them_on_one_side(write):
    names = [["A", "B"] if i % 5 else ["B"] for i in range(60)]
    t = load_tables(write(songs(60, artist=[str(n) if i % 2 else json.dumps(n) for i, n in enumerate(names)])))
    assert t.artists.name.tolist() == ["B", "A"] and len(t.track_artists) == sum(map(len, names))
    frame = songs(60, artist=[f"['Band {i % 9}', 'Guest {i % 4}']" for i in range(60)])
    t = load_tables(write(frame)).validate()
    who = t.track_artists.groupby("track_id").artist_id.agg(set)
    side = split(t, by="artist", seed=0)
    assert not set().union(*who[list(side.train)]) & set().union(*who[list(side.test)])


@pytest.mark.parametrize("written", [lambda ids: str([f"id{i}" for i in ids]), lambda ids: ";".join(f"id{i}" for i in ids), lambda ids: ",".join(f"spotify:artist:{i:022}" for i in ids)], ids=["list", "semicolons", "Spotify's with commas"])
def test_ids_of_several_artists_in_a_cell_are_those_of_the_artists_beside_them(write, written):
    both = [(i % 30, 30 + i % 7) if i % 3 else (30 + i % 7,) for i in range(60)]
    t = load_tables(write(songs(60, artist=[str([f"Band {i}" for i in ids]) for ids in both], artist_id=[written(ids) for ids in both]))).validate()
    named = t.artists.set_index("artist_id").name
    assert len(named) == len({i for ids in both for i in ids}) and all(int(i[-2:].lstrip("d")) == int(n.split()[1]) for i, n in named.items())
    assert len(t.track_artists) == sum(map(len, both))
    side = split(t, by="artist", seed=0, valid=0)
    who = t.track_artists.groupby("track_id").artist_id.agg(set)
    assert len(side.train) and not set().union(*who[list(side.train)]) & set().union(*who[list(side.test)])


def test_files_that_number_their_rows_stay_apart(tmp_path):
    for name in "ab":
        numbered = {f"{kind}_id": range(6) for kind in ("track", "artist", "album", "playlist")}
        songs(6, **numbered).assign(title=f"By {name}", artist=f"Band {name}").to_csv(tmp_path / f"{name}.csv", index=False)
    t = load_tables(tmp_path).validate()
    assert (len(t.tracks), len(t.artists), len(t.playlists), t.tracks.album_id.nunique()) == (12,) * 4
    assert track_names(t).value_counts().to_dict() == {("By a", "Band a"): 6, ("By b", "Band b"): 6}
    assert set(load_tables(tmp_path / "a.csv").tracks.track_id) < set(t.tracks.track_id) and t.find("Band a - By a")[0] == "file:track:a/0"
    (tmp_path / "a.zip").write_bytes(packed({"a.csv": (tmp_path / "a.csv").read_bytes()}))
    same_tables(load_tables(tmp_path / "a.zip"), load_tables(tmp_path / "a.csv"))


@pytest.mark.parametrize("cells", [dict(title="   "), dict(isrc="N/A"), dict(isrc="  ")], ids=str)
def test_blank_titles_and_isrcs_match_nothing(write, cells):
    assert recordings(load_tables(write(songs(artist="One band", **cells)))).nunique() == 30


@pytest.mark.parametrize("titles", [["मान", "मीन", "मन", "दिल", "दौल"], ["かき", "がき", "ハス", "バス"], ["ดี", "ดู", "ดิ"]], ids=["hindi", "japanese", "thai"])
def test_vowels_and_voiced_sounds_tell_songs_apart(write, titles):
    t = load_tables(write(songs(len(titles), title=titles, artist="One band")))
    assert recordings(t).nunique() == len(titles) and t.find(f"One band - {titles[0]}") == ["file:track:t0"]
    assert load_tables(write(songs(len(titles), artist=titles))).artists.artist_id.nunique() == len(titles)


@pytest.mark.parametrize("columns, chosen", [(dict(liked=1), "liked"), (dict(Like="no"), "Like"), (dict(target=0), "target"), (dict(label="True"), "label"),
                                             (dict(target=0, liked=1), "liked"), (dict(target=1, chorus_hit=30), None), (dict(label=1, sections=9), None)])
def test_label_column_is_found_by_rule(write, columns, chosen):
    t = load_tables(write(songs(**columns)))
    assert set(t.preferences.rule) == ({f"column {chosen}"} if chosen else set())
    assert chosen is None or any(f"'{chosen}'" in n for n in t.notes)


def test_label_may_be_named(write):
    t = load_tables(write(songs(target=[0, 1] * 15, chorus_hit=30)), label="target")
    assert t.preferences.label.tolist() == [0, 1] * 15 and set(t.preferences.listener_id) == {"me"}


@pytest.mark.parametrize("yes, no", [(1, -1), ("y", "n"), ("T", "F"), ("Yes", "No"), ("1.0", "-1.0"), ("Like", "Dislike")])
def test_likes_and_dislikes_in_other_words(write, yes, no):
    assert load_tables(write(songs(liked=[yes, no] * 15)), strict=True).preferences.label.tolist() == [1, 0] * 15


def test_column_that_is_no_label_refuses_a_file_only_if_its_name_says_so(write):
    t = load_tables(write(songs(label="Sony", target=["high", "low"] * 15)))
    assert t.preferences.empty and len(t.tracks) == 30 and [n for n in t.notes if "'label' is not taken" in n]
    assert load_tables(write(songs(target="Sony", label=[0, 1] * 15))).preferences.rule[0] == "column label"
    with pytest.raises(InputError, match="'Sony' is no label"): load_tables(write(songs(liked="Sony")))
    with pytest.raises(InputError, match="'Sony' is no label"): load_tables(write(songs(label="Sony")), label="label")
    with pytest.raises(InputError, match="row 3.*'Sony' is no label"): load_tables(write(songs(label=[1, 0, "Sony"] + [1] * 27)), strict=True)


@pytest.mark.parametrize("column", ["disliked", "Skipped", "dislike"])
def test_column_of_dislikes_is_turned_round(write, column):
    t = load_tables(write(songs(**{column: [1, 0] * 15})), label=column)
    assert t.preferences.label.tolist() == [0, 1] * 15 and "turned round" in t.notes[0]
    assert load_tables(write(songs(**{column: [1, 0] * 15}))).preferences.empty


@pytest.mark.parametrize("column", ["user_id", "User", "username", "listener", "listener_id"])
def test_each_listener_in_a_column_likes_for_herself(write, column):
    both = pd.concat([songs(5, **{column: who, "liked": like}) for who, like in ((7, 1), (8, 0), ("", 1))])
    both.iloc[0, both.columns.get_loc("track_id")] = "t1"
    t = load_tables(write(both)).validate()
    assert t.preferences.groupby("listener_id").label.agg(list).to_dict() == {"7": [1] * 4, "8": [0] * 5}
    assert "of 2 listeners" in t.notes[0] and "5 labels of nobody" in t.notes[0]
    alone = load_tables(write(songs(5, **{column: "ann"}, liked=[1, 0, 1, 0, 1])))
    assert set(alone.preferences.listener_id) == {"me"} and "listeners" not in alone.notes[0]


def test_contradictions_count_for_the_listener_who_made_them(write):
    frame = pd.concat([songs(3, user="ann", liked=1), songs(1, user="ann", liked=0), songs(3, user="bob", liked=0)])
    t = load_tables(write(frame))
    assert t.preferences.groupby("listener_id").label.count().to_dict() == {"ann": 2, "bob": 3} and "1 tracks with both labels" in t.notes[0]


def test_unknown_label_column_lists_those_there(write):
    with pytest.raises(InputError, match="'mood'.*Columns here.*valence"): load_tables(write(songs()), label="mood")


def test_label_that_is_none_names_row_and_column(write):
    with pytest.raises(InputError, match="songs.csv, row 5, column 'liked'.*'perhaps'"): load_tables(write(songs(liked=[1] * 4 + ["perhaps"] + [0] * 25)), strict=True)


def test_label_column_without_a_label_gives_no_preferences(write):
    assert load_tables(write(songs(liked=""))).preferences.empty


def test_track_with_both_labels_has_none(write):
    t = load_tables(write(pd.concat([songs(liked=1), songs(2, liked=0)])))
    assert t.preferences.label.count() == 28 and len(t.preferences) == 30 and any("2 tracks with both labels" in n for n in t.notes)


def test_genres_are_spelled_in_one_way_and_gaps_are_none(write):
    cells = ["hip hop", "hip hop ", "HIP HOP", "Hip-Hop", "Children's Music", "Children’s Music", "nan", "?", "N/A", "empty_field", "  ", ""]
    t = load_tables(write(songs(12, genre=cells))).validate()
    assert t.track_genres.genre.tolist() == ["hip hop"] * 4 + ["Children's Music"] * 2 and "3 further spellings" in t.notes[0]


@pytest.mark.parametrize("column, cell", [("genres", "['show tunes', 'k-pop']"), ("Genres", "show tunes,k-pop"), ("genre", '["show tunes", "k-pop"]')])
def test_lists_of_genres(write, column, cell):
    t = load_tables(write(songs(5, **{column: [cell] * 4 + ["[]"]})))
    assert t.track_genres.groupby("track_id").genre.agg(list).tolist() == [["show tunes", "k-pop"]] * 4


def test_title_of_a_playlist_beside_the_song_is_no_title(write):
    t = load_tables(write(songs().rename(columns={"title": "song_name"}).assign(title="Best of Techno")))
    assert t.tracks.title[3] == "Song 3"


@pytest.mark.parametrize("column", ["artist(s)_name", "main_artist", "master_metadata_album_artist_name"])
def test_artists_by_other_names_of_the_column(write, column):
    assert len(load_tables(write(songs().rename(columns={"artist": column}))).artists) == 7


def test_unknown_column_of_artists_is_said(write):
    t = load_tables(write(songs().rename(columns={"artist": "sung by"})))
    assert t.artists.empty and t.notes == ["songs.csv: no column is known to name artists (columns not used: sung by)"]


def test_words_for_key_mode_and_time_signature(write):
    frame = songs(key=["C#", "Db", "B", "11", "-1"] * 6, mode=["Major", "minor", "1"] * 10, time_signature="4/4")
    got = load_tables(write(frame)).validate().audio_features
    assert got.key[:4].tolist() == [1, 1, 11, 11] and pd.isna(got.key[4])
    assert got["mode"][:3].tolist() == [1, 0, 1] and set(got.time_signature) == {4}


def test_tempo_zero_is_unknown(write):
    assert load_tables(write(songs(tempo=[0] + [120] * 29))).audio_features.tempo.isna().tolist() == [True] + [False] * 29


def test_file_without_artists_has_none(write):
    t = load_tables(write(songs().drop(columns="artist"))).validate()
    assert len(t.tracks) == 30 and t.artists.empty and t.track_artists.empty


@pytest.mark.parametrize("link", ["https://open.spotify.com/track/{}?si=1", "https://open.spotify.com/intl-de/track/{}", "spotify:track:{}", "open.spotify.com/track/{}"])
def test_links_and_uris_are_ids(write, link):
    t = load_tables(write(songs(track_id=[link.format(f"{i:022d}") for i in range(30)])))
    assert t.tracks.track_id[1] == f"spotify:track:{1:022d}" and len(t.tracks) == 30


@pytest.mark.parametrize("link", ["spotify:user:bob:playlist:{}", "https://open.spotify.com/user/bob/playlist/{}", "spotify:playlist:{}", "https://open.spotify.com/intl-de/playlist/{}?si=1"])
def test_old_links_of_playlists_give_the_playlist(write, link):
    assert load_tables(write(songs(playlist_id=link.format("0" * 22)))).playlists.playlist_id.tolist() == ["spotify:playlist:" + "0" * 22]


@pytest.mark.parametrize("cell", ["", "   ", "?", "/"])
def test_one_row_without_id_leaves_the_other_ids(write, cell):
    frame = songs()
    frame.loc[3, "track_id"] = cell
    t = load_tables(write(frame)).validate()
    assert len(t.tracks) == 30 and t.tracks.track_id[0] == "file:track:t0"


def test_parquet_index_is_a_column(parquet):
    assert load_tables(parquet(songs().set_index("track_id"))).tracks.track_id[0] == "file:track:t0"


def test_lists_of_artists_in_parquet_are_credits(parquet):
    assert load_tables(parquet(songs(artist=[["First", "Second"]] * 30))).artists.name.tolist() == ["First", "Second"]


@pytest.mark.parametrize("column", ["genre", "title", "track_id", "energy", "liked", "album_id", "playlist_id"])
def test_nested_cells_in_parquet_are_read_or_refused(parquet, column):
    try: load_tables(parquet(songs(**{column: [["a", str(i)] for i in range(30)]}))).validate()
    except MusicrecError: pass


@pytest.mark.parametrize("options", [dict(n_artists=1), dict(n_artists=-1), dict(tracks_per_artist=0), dict(n_artists=3, tracks_per_artist=2, n_listeners=3)], ids=str)
def test_impossible_synthetic_options_raise_typed_errors(options):
    with pytest.raises(MusicrecError): load_tables("synthetic", **options)


def test_open_sets_survive_a_file_that_starts_without_features(tmp_path):
    empty = songs(60).assign(**{c: np.nan for c in AUDIO})
    pd.concat([empty, songs()]).to_csv(tmp_path / "odd.csv", index=False)
    assert collect.open_sets(tmp_path) == {}


def test_list_of_titles_and_artists_says_that_it_counts_as_liked(write):
    t = load_tables(write(songs()[["title", "artist"]].assign(mood="calm", Notes="")))
    assert "songs.csv: read as a playlist of your own: 30 tracks count as liked; columns not used: mood, Notes" in t.notes
    assert t.preferences.label.tolist() == [1] * 30


@pytest.mark.parametrize("header", ["date,rank,song,artist,last-week,peak-rank,weeks-on-board", "title,artist,top genre,year,bpm,nrgy,dnce,dB,live,val,dur,acous,spch,pop",
                                    "Position,Track Name,Artist,Streams,URL"])
def test_charts_and_features_under_other_names_are_no_likes(write, header):
    row = ",".join(f"cell {i}" for i in range(header.count(",") + 1))
    with pytest.raises(InputError, match="songs.csv: has columns of a chart or of features.*leave only title and artist"): load_tables(write(f"{header}\n{row}\n"))


@pytest.mark.parametrize("column", ["disliked", "skipped"])
def test_list_of_dislikes_is_no_playlist(write, column):
    with pytest.raises(InputError): load_tables(write(songs()[["title", "artist"]].assign(**{column: 1})))


# Mutated files

SNIPS = [b",", b'"', b"\n", b";", b"\0", b"\xff", b"\r", b"1e999", b"-1", b"nan", b"inf", b"9" * 20, b"\xef\xbb\xbf", b"\t", b"energy", b"PK", b"PAR1", b"0x10", b"1_0", b"True"]


def mutated(data, rng):
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        if not data: break
        i, what = int(rng.integers(len(data))), rng.integers(6)
        j = min(len(data), i + int(rng.integers(1, 60)))
        if what == 0: data[i] = int(rng.integers(256))
        elif what == 1: data[i:i + int(rng.integers(0, 3))] = SNIPS[rng.integers(len(SNIPS))]
        elif what == 2: del data[i:j]
        elif what == 3: data[i:i] = data[i:j]
        elif what == 4: del data[i:]
        else: data[(m := int(rng.integers(len(data)))):m] = data[i:j]
    return bytes(data)


def rich():
    n = np.arange(30)
    return songs(artist=[f"Band {i % 7};Guest {i % 3}" for i in n], genre="pop", liked=n % 2, duration_ms=200_000, popularity=5.0, key="C#",
                 playlist_id=[f"p{i % 3}" for i in n], album=[f"Album {i % 5}" for i in n], explicit="true")


def with_odd_cells(rng):
    frame = rich().astype(object)
    for _ in range(4): frame.iloc[rng.integers(30), rng.integers(frame.shape[1])] = SNIPS[rng.integers(len(SNIPS))].decode("latin-1").replace("\0", "")
    return frame


def originals():
    out = io.BytesIO()
    rich().to_parquet(out)
    both = {"a.csv": csv_bytes(rich()), "b.parquet": out.getvalue()}
    return {"csv": both["a.csv"], "parquet": both["b.parquet"], "zip": packed(both), "lzma": packed(both, zipfile.ZIP_LZMA), "stored": packed(both, zipfile.ZIP_STORED)}


@pytest.mark.parametrize("kind, n", [("csv", 45), ("cells", 25), ("parquet", 150), ("zip", 60), ("lzma", 60), ("stored", 60)])
@pytest.mark.filterwarnings("ignore")
def test_mutated_files_give_valid_tables_or_typed_errors(tmp_path, kind, n):
    whole, path, odd = originals().get(kind), tmp_path / "mutated", []
    for seed in range(n):
        rng = np.random.default_rng([1, seed])
        path.write_bytes(mutated(whole, rng) if whole else csv_bytes(with_odd_cells(rng)))
        start, accepted = time.perf_counter(), False
        try:
            t, accepted = load_tables(path), True
            t.validate()
        except Exception as e:
            if accepted or not isinstance(e, MusicrecError): odd.append(f"seed {seed}: {type(e).__name__} {e}"[:150])
        assert time.perf_counter() - start < 10
    assert not odd


# Tables

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


@st.composite
def collections(draw):
    ids, artists = (draw(st.lists(st.sampled_from("abcdef") | WORDS, unique=True, max_size=5)) for _ in range(2))
    maybe = lambda values: [draw(st.none() | values) for _ in ids]
    return Tables(tracks=pd.DataFrame({"track_id": ids, "title": maybe(WORDS), "popularity": maybe(st.floats(0, 100)), "duration_ms": maybe(st.integers(0, 10**9)),
                                       "explicit": maybe(st.booleans())}),
                  artists=pd.DataFrame({"artist_id": artists, "name": [draw(WORDS) for _ in artists]}),
                  audio_features=pd.DataFrame({"track_id": ids, "source": "file", "energy": maybe(st.floats(0, 1))}))


@QUICK
@given(collections())
def test_save_and_load_give_the_same_tables(tmp_path_factory, t):
    same_tables(Tables.load(t.save(tmp_path_factory.mktemp("tables") / "t")), t)


def test_empty_tables_survive_saving(tmp_path):
    same_tables(Tables.load(Tables(["nothing"]).save(tmp_path / "t")), Tables())


@QUICK
@given(collections())
def test_merging_with_itself_changes_nothing(t): same_tables(t.merge(t), t)


@QUICK
@given(collections(), collections(), collections())
def test_merging_is_associative(a, b, c): same_tables(a.merge(b).merge(c), a.merge(b.merge(c)))


@QUICK
@given(collections(), collections())
def test_merging_keeps_every_id_and_fills_gaps_from_the_other(a, b):
    both, mine, other = (x.tracks.set_index("track_id").title for x in (a.merge(b), a, b))
    assert set(both.index) == set(mine.index) | set(other.index)
    pd.testing.assert_series_equal(both, mine.combine_first(other).reindex(both.index), check_names=False)


@QUICK
@given(collections())
def test_validate_passes_on_what_conforms(t): assert t.validate() is t


@pytest.mark.parametrize("name, row, match", [("tracks", {"track_id": None}, "row 2, column 'track_id'"), ("tracks", {"track_id": "x"}, "twice"), ("tracks", {"track_id": "y", "popularity": 101}, "outside"),
                                              ("audio_features", {"track_id": "nowhere", "source": "file"}, "nowhere"), ("preferences", {"listener_id": "me", "track_id": "x", "label": 2}, "label")])
def test_validate_names_what_is_wrong(name, row, match):
    frames = {"tracks": pd.DataFrame({"track_id": ["x"]})}
    t = Tables(**frames | {name: pd.concat([frames.get(name, pd.DataFrame()), pd.DataFrame([row])])})
    with pytest.raises(InputError, match=match): t.validate()


def test_save_refuses_a_foreign_folder(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="not tables of ours"): Tables().save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_interrupted_save_leaves_the_old_folder_and_nothing_else(tmp_path, monkeypatch):
    old = load_tables("synthetic", n_artists=3, tracks_per_artist=4, n_listeners=0)
    old.save(tmp_path / "t")
    write, calls = pd.DataFrame.to_parquet, []

    def fail_at_the_third(self, path, **options):
        calls.append(path)
        if len(calls) == 3: raise KeyboardInterrupt
        return write(self, path, **options)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", fail_at_the_third)
    with pytest.raises(KeyboardInterrupt): load_tables("synthetic", n_artists=4, tracks_per_artist=4, n_listeners=0).save(tmp_path / "t")
    same_tables(Tables.load(tmp_path / "t"), old)
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_a_file_never_replaces_a_folder(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mine.txt").write_text("precious")
    with pytest.raises((MusicrecError, OSError)):
        with atomic_path(tmp_path / "results") as new: new.write_text("{}")
    assert (tmp_path / "results" / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "tables": {"tracks": 99}}', '{"format": 1, "tables": {"../tracks": 12}}',
                                      '{"format": 9, "tables": {}}', '{"format": 1, "tables": {}, "notes": 5}'])
def test_damaged_manifest_raises_a_typed_error(tmp_path, manifest):
    folder = load_tables("synthetic", n_artists=3, tracks_per_artist=4, n_listeners=0).save(tmp_path / "t")
    (folder / "manifest.json").write_text(manifest)
    with pytest.raises(MusicrecError): Tables.load(folder)


def test_damaged_table_in_a_saved_folder_is_named(tmp_path):
    folder = load_tables("synthetic", n_artists=3, tracks_per_artist=4, n_listeners=0).save(tmp_path / "t")
    (folder / "tracks.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(InputError, match="tracks.parquet"): load_tables(folder)


@QUICK
@given(st.text(max_size=20))
def test_folding_twice_is_folding_once(name): assert fold(fold(name)) == fold(name)


@QUICK
@given(st.text("abc XYZ äöü-'&", max_size=20))
def test_folding_ignores_case_and_outer_blanks(name): assert fold(name.upper()) == fold(name.lower()) == fold(f"  {name} ")


def test_find_gives_tracks_and_artists_however_they_are_spelt():
    t = load_tables("synthetic", n_artists=5, tracks_per_artist=4, n_listeners=0)
    assert t.find(" ARTIST  2 ") == ["synthetic:artist:2"] and "synthetic:track:8" in t.find("artist 2 - track 8 (2011 Remaster)")


def test_find_offers_close_names():
    t = load_tables("synthetic", n_artists=5, tracks_per_artist=4, n_listeners=0)
    with pytest.raises(NotFoundError, match="'Artist 3'"): t.find("Artits 3")


def test_find_of_every_name_gives_its_own_id():
    t = load_tables("synthetic", n_artists=12, tracks_per_artist=5, n_listeners=0)
    for i, row in track_names(t).iterrows(): assert i in t.find(f"{row.artist.split(', ')[0]} - {row.title}")


# The shipped sample and its listeners


@pytest.fixture(scope="module")
def sample(request):
    if collect.data_folder() is None: pytest.skip("the shipped sample was removed")
    return request.getfixturevalue("demo")


def test_sample_has_its_size_and_is_valid(sample):
    assert len(sample.validate().tracks) == 5849 and sample.track_genres.genre.nunique() == 6
    from musicrec.preprocess import merge_duplicates
    assert 4400 <= len(merge_duplicates(sample).tracks) <= 4600


def test_every_row_of_a_simulated_listener_says_so(sample):
    for name in ("listens", "preferences", "listener_artists", "truth_likes"): assert set(getattr(sample, name).source) == {"simulated"}
    assert set(sample.preferences.listener_id) == {"you"} | {f"sim:{i:04d}" for i in range(1, 600)}


def test_you_have_about_two_thousand_labels(sample):
    mine = sample.preferences[sample.preferences.listener_id == "you"]
    assert 1900 <= len(mine) <= 2100 and .4 < mine.label.mean() < .6


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_best_possible_auc_of_you_is_090(sample, seed):
    t = sample if seed == 0 else load_tables("demo", seed=seed, n_listeners=1)
    assert best_auc(t.truth_likes[t.truth_likes.listener_id == "you"].probability) == pytest.approx(.9, abs=.01)


def test_you_do_not_depend_on_how_many_others_there_are(sample):
    alone = load_tables("demo", n_listeners=1)
    for name in ("preferences", "listener_artists"):
        whole, part = (f[f.listener_id == "you"].reset_index(drop=True) for f in (getattr(sample, name), getattr(alone, name)))
        pd.testing.assert_frame_equal(whole, part)


def test_labels_follow_their_true_chances(sample):
    both = sample.preferences.merge(sample.truth_likes, on=["listener_id", "track_id"])
    assert len(both) == len(sample.preferences)
    edge = pd.cut(both.probability, np.linspace(0, 1, 11))
    gap = both.groupby(edge, observed=True).apply(lambda d: abs(d.label.mean() - d.probability.mean()) / np.sqrt(.25 / len(d)))
    assert gap.max() < 5


def digest(t):
    h = hashlib.sha256()
    for name, frame in t.frames().items(): h.update(name.encode() + pd.util.hash_pandas_object(frame.astype(str), index=False).to_numpy().tobytes())
    return h.hexdigest()


def test_same_seed_is_the_same_world_in_every_process():
    code = "import sys; sys.path.insert(0, sys.argv[1]); from test_collect import digest, load_tables; print(digest(load_tables('demo', n_listeners=5)))"
    here = os.path.dirname(__file__)
    both = [subprocess.Popen([sys.executable, "-c", code, here], env=os.environ | {"PYTHONHASHSEED": s}, stdout=subprocess.PIPE, text=True) for s in ("1", "2")]
    assert [p.communicate()[0].strip() for p in both] == [digest(load_tables("demo", n_listeners=5))] * 2


def test_another_seed_is_another_world():
    a, b = (load_tables("synthetic", n_artists=10, tracks_per_artist=4, n_listeners=5, seed=s) for s in (0, 1))
    assert digest(a) != digest(b)


def test_demo_without_the_sample_is_synthetic(monkeypatch):
    monkeypatch.setattr(collect, "data_folder", lambda: None)
    t = load_tables("demo", n_listeners=5).validate()
    assert set(t.tracks.source) == {"synthetic"} and "you" in set(t.preferences.listener_id)


def test_synthetic_world_is_valid_and_within_ranges():
    t = load_tables("synthetic", n_artists=25, tracks_per_artist=6, n_listeners=8).validate()
    assert len(t.tracks) == 150 and len(t.truth_artists) == 75 and t.audio()[list(AUDIO)].notna().all(axis=None)


def test_readers_leave_the_file_as_it_was(write):
    path = write(songs())
    before = path.read_bytes()
    load_tables(path)
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == ["songs.csv"]


# Open data sets, where they are


@pytest.mark.parametrize("name, tracks, table, rows", [
    ("geomack_song_attributes/data.csv", 2009, "preferences", 2009), ("tidytuesday_spotify_songs/spotify_songs.zip", 28_356, "playlists", 471),
    ("spotify_hit_predictor/dataset-of-60s.csv", 8625, "preferences", 0), ("spotify_music_genre_50k/music_genre.csv.zip", 48_520, "track_genres", 50_000),
    ("spotify_related_graph_taylor_swift/songs_old.csv", 12_094, "artists", 1323)], ids=["geomack", "tidytuesday", "hit predictor", "music genre", "songs_old"])
def test_open_sets_have_their_counts(requires_data, name, tracks, table, rows):
    t = load_tables(requires_data(name)).validate()
    assert len(t.tracks) == tracks and len(getattr(t, table)) == rows


@pytest.mark.parametrize("name, counts", [
    ("hetrec2011_lastfm_2k", {"artists": 17_632, "listener_artists": 92_834}), ("spotify_related_artists_amat", {"similar_artists": 82_134, "tracks": 59_894, "artists": 10_146}),
    ("spotify_related_graph_taylor_swift", {"tracks": 12_094, "similar_artists": 3_844}), ("spotify_related_graph_taylor_swift/gD.graphml", {"artists": 956}),
    ("spotify_hit_predictor", {"audio_features": 27_636}), ("tidytuesday_spotify_songs", {"tracks": 28_356, "playlists": 471})])
def test_folders_of_open_sets_have_their_counts(requires_data, name, counts):
    t = load_tables(requires_data(name)).validate()
    assert {table: len(getattr(t, table)) for table in counts} == counts


def test_what_a_set_drops_is_said(requires_data):
    said = " ".join(load_tables(requires_data("spotify_related_artists_amat")).notes)
    assert "1,403 genres without artists" in said and "1 rows without an id" in said
    assert load_tables(requires_data("hetrec2011_lastfm_2k")).listener_artists.listener_id.nunique() == 1_892


def test_open_set_is_found_by_its_content(requires_data):
    assert collect.open_sets(requires_data("tidytuesday_spotify_songs"))["tidytuesday"].path.name == "spotify_songs.zip"
    assert list(collect.open_sets(requires_data("hetrec2011_lastfm_2k"))) == ["hetrec"] and len(load_tables("hetrec").listener_artists) == 92_834


def test_a_track_judged_both_ways_later_has_no_label_in_the_library_either(write, tmp_path):
    first, later = songs(liked=[1, 0] * 15), pd.concat([songs(liked=[1, 0] * 15), songs(1, liked=0)])
    with Library(tmp_path / "home") as library:
        for frame in (first, later): library.add([load_tables(write(frame))])
        kept = library.tables().preferences
    assert len(kept) == 30 and kept.label.isna().sum() == 1 and kept.rule[kept.label.isna().to_numpy()].tolist() == ["both ways"]

"""Planted leaks, properties of splits, merging of duplicates, scaling against scikit-learn."""
import itertools
import os
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import MultiLabelBinarizer, StandardScaler

from planted_leaks import judge
from musicrec.collect import AUDIO, InputError, LeakError, MusicrecError, Tables, load_tables
from musicrec.matching import NEAR, recordings
from musicrec.preprocess import Split, Standardize, _balanced_sides, _even_sides, audio_matrix, check_split, folds, label_matrix, leaks, main_genre, merge_duplicates, split, track_groups
from musicrec.tables import RANGES, fold_title

QUICK = settings(derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
LOW, HIGH = (np.array([RANGES[c][side] for c in AUDIO]) for side in (0, 1))


@lru_cache
def world(seed=0, n_artists=12, tracks_per_artist=5, n_listeners=0):
    t = load_tables("synthetic", n_artists=n_artists, tracks_per_artist=tracks_per_artist, n_listeners=n_listeners, seed=seed)
    lists = t.tracks.sample(40, random_state=seed).track_id.to_numpy()
    return t.replace(playlists=pd.DataFrame({"playlist_id": [f"list {i}" for i in range(8)]}),
                     playlist_tracks=pd.DataFrame({"playlist_id": np.repeat([f"list {i}" for i in range(8)], 5), "position": np.tile(range(5), 8), "track_id": lists}))


def shuffled(t, seed=0): return t.replace(**{name: f.sample(frac=1, random_state=seed) for name, f in t.frames().items()})


def added(t, like, new, features=None, artists=True, **changes):
    "`t` with a track `new` that is a copy of `like` but for what is given."
    copy = lambda f: f[f.track_id == like].assign(track_id=new)
    audio = copy(t.audio_features)
    if features is not None: audio[list(AUDIO)] = features
    plus = dict(tracks=copy(t.tracks).assign(**changes), audio_features=audio) | (dict(track_artists=copy(t.track_artists)) if artists else {})
    return t.replace(**{name: pd.concat([getattr(t, name), f], ignore_index=True) for name, f in plus.items()})


def elsewhere(rng): return LOW + (HIGH - LOW) * rng.random(8)


def copied(t, rng, how, like=None, new="copy"):
    like = like or t.tracks.track_id[rng.integers(len(t.tracks))]
    title, x = t.tracks.set_index("track_id").title[like], t.audio().loc[like, list(AUDIO)].to_numpy(float)
    if how == "other id": return added(t, like, new, elsewhere(rng))
    if how == "remaster": return added(t, like, new, elsewhere(rng), title=f"{title.upper()} - Remastered {rng.integers(1990, 2020)}")
    if how == "guest in title": return added(t, like, new, elsewhere(rng), title=f"{title} (feat. Somebody Else)")
    if how == "near features": return added(t, like, new, np.clip(x + rng.choice([-1, 1], 8) * 1e-8, LOW, HIGH), title=f"{new} under another title")
    t = t.replace(tracks=t.tracks.assign(isrc=t.tracks.isrc.mask(t.tracks.track_id == like, f"isrc of {like}")))
    return added(t, like, new, elsewhere(rng), title=f"{new} of something else", artists=False)


HOWS = ["other id", "remaster", "guest in title", "same isrc", "near features"]


def test_planted_copies_are_leaks_and_never_come_out_of_split():
    for seed in range(8):
        rng, t, pairs = np.random.default_rng([seed, 3]), world(seed, 10, 4), []
        for how, like in zip(HOWS, rng.permutation(t.tracks.track_id.to_numpy(object))):
            t = copied(t, rng, how, like, f"copy: {how}")
            pairs.append((like, f"copy: {how}"))
        best, s = recordings(t), split(t, seed=seed, valid=.2, test=.3)
        for like, copy in pairs:
            assert len(leaks(t, [like], [], [copy], best=best)) == 1
            assert len({like, copy} & {*s.train, *s.valid, *s.test}) == 1
        assert leaks(t, s.train, s.valid, s.test, best=best).empty and s.merged == len(pairs)


def test_check_split_raises_at_a_planted_copy():
    t = world()
    like = t.tracks.track_id[0]
    with pytest.raises(LeakError, match="train"): check_split(copied(t, np.random.default_rng(0), "remaster", like), Split(np.array([like]), np.array([]), np.array(["copy"]), "track", 0))


@pytest.mark.parametrize("share", [.1, .5, .9])
def test_features_within_a_step_are_one_recording(share):
    t, rng = world(3, 10, 10), np.random.default_rng(5)
    for i, like in enumerate(t.tracks.track_id[::5]):
        x = t.audio().loc[like, list(AUDIO)].to_numpy(float)
        t = added(t, like, f"copy {i}", np.clip(x + rng.choice([-share, share], 8) * np.array([NEAR[c] for c in AUDIO]), LOW, HIGH), title=f"Other {i}")
    best = recordings(t)
    assert all(best[f"copy {i}"] == best[like] for i, like in enumerate(t.tracks.track_id[:100:5]))


def test_features_far_apart_are_two_recordings():
    t = world(1)
    like = t.tracks.track_id[0]
    x = np.clip(t.audio().loc[like, list(AUDIO)].to_numpy(float) + np.array([NEAR[c] for c in AUDIO]) * 3 * np.where(t.audio().loc[like, list(AUDIO)] > (LOW + HIGH) / 2, -1, 1), LOW, HIGH)
    best = recordings(added(t, like, "copy", x, title="Other"))
    assert best["copy"] != best[like]


@pytest.mark.parametrize("by", ["artist", "album", "playlist"])
def test_planted_groups_are_leaks_and_never_come_out_of_split(by):
    for seed in range(4):
        t = world(seed, 10, 4)
        group = track_groups(t, by).groupby("group").track_id.agg(list)
        one, other = next(g for g in group if len(g) > 1)[:2]
        assert by in set(leaks(t, [one], [], [other], by).what)
        s = split(t, by, seed=seed, valid=.2, test=.2)
        assert leaks(t, s.train, s.valid, s.test, by).empty


def test_guest_artists_keep_their_tracks_out_of_training():
    for seed in range(4):
        t = world(seed)
        s = split(t, "artist", seed=seed, valid=.2, test=.2)
        credited = t.track_artists.groupby("track_id").artist_id.agg(set)
        sides = [set().union(*credited[list(side)]) if len(side) else set() for side in (s.train, s.valid, s.test)]
        assert not any(a & b for a, b in itertools.combinations(sides, 2))


@pytest.mark.parametrize("by", ["track", "artist", "album", "playlist"])
def test_split_properties(by):
    for seed in range(2):
        t = world(seed)
        s, again, other = split(t, by, seed, .15, .2), split(shuffled(t, seed), by, seed, .15, .2), split(t, by, seed + 1, .15, .2)
        sides = [s.train, s.valid, s.test]
        assert len(np.unique(np.concatenate(sides))) == sum(map(len, sides))
        assert sum(map(len, sides)) + s.dropped + s.merged == len(t.tracks)
        assert all(np.array_equal(a, b) for a, b in zip(sides, [again.train, again.valid, again.test])) and again.dropped == s.dropped
        assert not np.array_equal(np.sort(s.test), np.sort(other.test))


def test_split_by_track_has_the_sizes_asked_for():
    t = world()
    n = len(set(recordings(t)))
    for valid, test in [(.1, .1), (.25, .5), (0, .2), (.3, 0)]:
        s = split(t, valid=valid, test=test)
        assert s.dropped == 0 and abs(len(s.valid) - valid * n) <= 1 and abs(len(s.test) - test * n) <= 1


def test_split_by_group_comes_near_the_sizes_asked_for():
    s = split(world(0, 40, 5), "artist", valid=.2, test=.2)
    assert abs(len(s.test) - 40) <= 5


def test_split_does_not_depend_on_row_order_where_positions_are_tied():
    t = world(2)
    t = t.replace(track_artists=t.track_artists.assign(position=0))
    assert np.array_equal(split(t, "artist").test, split(shuffled(t, 1), "artist").test)


def test_split_among_some_stays_among_them():
    t = world()
    among = t.tracks.track_id[:30]
    s = split(t, among=among)
    assert {*s.train, *s.valid, *s.test} <= set(recordings(t)[among])


@pytest.mark.parametrize("by", ["track", "artist", "album", "playlist"])
def test_folds_test_every_recording_once(by):
    t = world(4)
    every = list(folds(t, by, k=3, seed=1))
    tested = np.concatenate([s.test for s in every])
    assert sorted(tested) == sorted(set(recordings(t)))
    assert all(leaks(t, s.train, s.valid, s.test, by).empty for s in every)


@pytest.mark.parametrize("options", [dict(by="mood"), dict(by=None), dict(valid=.6, test=.5), dict(valid=-.1), dict(test=float("nan")), dict(among=["nowhere"])], ids=str)
def test_impossible_splits_are_refused(options):
    with pytest.raises(MusicrecError): split(world(), **options)


@pytest.mark.parametrize("by, gone", [("artist", "track_artists"), ("playlist", "playlist_tracks")])
def test_split_by_what_the_tables_lack_is_refused(by, gone):
    with pytest.raises(InputError, match=f"no {by}"): split(world().replace(**{gone: None}), by)


def test_fewer_groups_than_folds_are_refused():
    with pytest.raises(InputError): list(folds(world(0, 3, 20), "artist", k=5))


def test_merging_twice_is_merging_once():
    for seed in range(2):
        rng, t = np.random.default_rng(seed), world(seed, 8, 5, 5)
        for how, like in zip(HOWS, rng.permutation(t.tracks.track_id.to_numpy(object))): t = copied(t, rng, how, like, how)
        once = merge_duplicates(t)
        for name, frame in merge_duplicates(once).frames().items():
            pd.testing.assert_frame_equal(frame.reset_index(drop=True), getattr(once, name).reset_index(drop=True))


def test_merging_does_not_depend_on_row_order():
    t = copied(world(3, n_listeners=5), np.random.default_rng(1), "remaster")
    a, b = merge_duplicates(t), merge_duplicates(shuffled(t, 2))
    for name in ("tracks", "track_artists", "preferences", "track_genres", "audio_features"):
        key = [c for c in ("listener_id", "track_id", "artist_id", "genre", "source") if c in getattr(a, name)]
        pd.testing.assert_frame_equal(*(getattr(x, name).sort_values(key).reset_index(drop=True) for x in (a, b)))


def test_merged_recording_keeps_its_own_features():
    rng = np.random.default_rng(1)
    t = world(3)
    like = t.tracks.track_id[0]
    t = added(t, like, "copy", elsewhere(rng), popularity=100.)
    assert np.array_equal(audio_matrix(merge_duplicates(t).audio().loc[["copy"]]), audio_matrix(t.audio().loc[["copy"]]))


def test_merged_tables_are_valid_and_move_every_reference():
    t = world(5, n_listeners=6)
    like = t.tracks.track_id[7]
    t = copied(t, np.random.default_rng(2), "other id", like)
    votes = pd.DataFrame({"listener_id": "me", "track_id": ["copy", like], "label": [1, 1]})
    merged = merge_duplicates(t.replace(preferences=votes)).validate()
    assert len(merged.preferences) == 1 and merged.preferences.label.tolist() == [1]


def test_contrary_labels_of_one_recording_cancel():
    t = world(5)
    like = t.tracks.track_id[7]
    merged = merge_duplicates(copied(t, np.random.default_rng(2), "other id", like).replace(preferences=pd.DataFrame({"listener_id": "me", "track_id": ["copy", like], "label": [1, 0]}))).validate()
    assert len(merged.preferences) == 1 and merged.preferences.label.isna().all() and merged.preferences.rule.tolist() == ["both ways"]  # known, and neither liked nor disliked


def test_tracks_without_title_and_artist_are_merged_if_they_sound_and_last_the_same():
    t = Tables(tracks=pd.DataFrame({"track_id": list("abcde"), "title": [None, None, None, "Song", "Other"], "duration_ms": [1, 1, 2, 1, 1]}), audio_features=pd.DataFrame({"track_id": list("abcde"), "source": "file"} | dict.fromkeys(AUDIO, .5)))
    assert recordings(t).tolist() == ["a", "a", "c", "a", "e"]  # of two named ones, the first alone
    assert len(merge_duplicates(t.replace(audio_features=t.audio_features.assign(energy=[.1, .1001, .1, .2, .3]))).tracks) == 5  # near is not enough


# Scaling and labels


@QUICK
@given(arrays("float64", st.tuples(st.integers(2, 20), st.integers(1, 5)), elements=st.floats(-1e3, 1e3).map(lambda v: round(v, 3)) | st.just(np.nan)))
def test_scaling_equals_scikit_learn(x):
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = StandardScaler().fit(x)
        expected = np.where(theirs.var_ > 1e-18, theirs.transform(x), 0)
    np.testing.assert_allclose(Standardize().fit(x).transform(x), np.nan_to_num(expected), atol=1e-4)


def test_constant_and_empty_columns_become_zeros():
    x = np.array([[.1, np.nan, 3.], [.1, np.nan, 5.]])
    assert Standardize().fit(x).transform(x).tolist() == [[0, 0, -1], [0, 0, 1]]


def test_constant_column_stays_zero_on_new_rows():
    assert Standardize().fit(np.full((3, 1), 7.)).transform([[9.]]).tolist() == [[0]]


@pytest.mark.parametrize("x", [[[np.inf]], [[-np.inf]], [1., 2.], np.zeros((0, 2))], ids=["inf", "-inf", "vector", "no rows"])
def test_what_cannot_be_scaled_is_refused(x):
    with pytest.raises(MusicrecError): Standardize().fit(x)


def test_scaling_other_columns_is_refused():
    with pytest.raises(InputError, match="3 columns"): Standardize().fit(np.ones((2, 2))).transform(np.ones((2, 3)))


def test_scaling_before_fit_is_refused():
    with pytest.raises(NotFittedError): Standardize().transform([[1.]])


def test_label_matrix_equals_scikit_learn():
    t = world(6)
    ids = t.tracks.track_id.sample(frac=1, random_state=0).tolist()
    ours, classes = label_matrix(t, ids, "artist")
    credited = t.track_artists.groupby("track_id").artist_id.agg(set)
    theirs = MultiLabelBinarizer(classes=list(classes)).fit_transform([credited[i] for i in ids])
    assert np.array_equal(ours.toarray(), theirs)


def test_label_matrix_leaves_unknown_tracks_and_classes_empty():
    t = world()
    m, classes = label_matrix(t, ["nowhere", t.tracks.track_id[0]], "genre", ["no genre", *sorted(t.track_genres.genre.unique())])
    assert m.toarray().sum(1).tolist() == [0, 1] and m.toarray()[:, 0].sum() == 0


@pytest.mark.parametrize("options", [dict(ids=["a", "a"]), dict(ids=["a"], target="mood")], ids=str)
def test_label_matrix_refuses(options):
    with pytest.raises(InputError): label_matrix(world(), **options)


def test_main_genre_is_the_most_frequent_and_ties_go_by_name():
    rows = [("a", "rock", "x"), ("a", "pop", "x"), ("b", "rock", "x"), ("b", "rock", "y"), ("b", "pop", "x")]
    t = Tables(tracks=pd.DataFrame({"track_id": ["a", "b"]}), track_genres=pd.DataFrame(rows, columns=["track_id", "genre", "source"]))
    assert main_genre(t).to_dict() == {"a": "pop", "b": "rock"}


def test_audio_matrix_names_what_is_missing():
    with pytest.raises(InputError, match="valence"): audio_matrix(pd.DataFrame({c: [.5] for c in AUDIO if c != "valence"}))


# Planted leaks, generated apart from the implementation


def wrong(seeds):
    found = pd.concat([judge(seed) for seed in seeds])
    return found[~found.right].drop_duplicates(["kind", "what"]).to_string(index=False) if not found.right.all() else ""


def test_planted_leaks_are_found_and_lookalikes_left_apart(): assert not wrong(range(24))


@pytest.mark.slow
def test_planted_leaks_are_found_in_2000_tables(): assert not wrong(range(2000))


# Proportions, time, other ids


def shares_off(labels, s):
    whole = labels.value_counts(normalize=True)
    return max((labels[side].value_counts(normalize=True).reindex(whole.index).fillna(0) - whole).abs().max() for side in (s.train, s.valid, s.test))


@QUICK
@given(st.lists(st.integers(0, 6), min_size=3, max_size=80), st.floats(0, .45), st.floats(0, .45), st.integers(0, 99))
def test_classes_are_spread_within_two_tracks(classes, valid, test, seed):
    classes = np.unique(classes, return_inverse=True)[1]
    side = _even_sides(classes, [1 - valid - test, valid, test], np.random.default_rng(seed))
    for i, share in enumerate([1 - valid - test, valid, test]):
        assert abs((side == i).sum() - share * len(side)) <= 1 + 1e-9
        assert (np.abs(np.bincount(classes[side == i], minlength=classes.max() + 1) - share * np.bincount(classes)) < 2 + 1e-9).all()


def test_split_keeps_the_shares_of_genres_and_of_classes_given():
    t = world(2, 60, 8)
    genre = main_genre(merge_duplicates(t))
    assert all(abs(side - share) <= 2 / 40 for s in [split(t, valid=.2, test=.2)] for ids in (s.valid, s.test) for side, share in
               zip(genre[ids].value_counts(normalize=True).sort_index(), genre.value_counts(normalize=True).sort_index()))
    liked = pd.Series(np.arange(len(t.tracks)) % 5 == 0, t.tracks.track_id)
    s = split(t, valid=.2, test=.2, classes=liked)
    assert shares_off(liked, s) < .04
    assert shares_off(genre, split(t, "album", valid=.2, test=.2)) < .1


def test_artists_with_many_tracks_are_tested_as_often_as_others():
    rng = np.random.default_rng(0)
    sizes = np.sort(rng.pareto(1., 300).astype(int).clip(0, 60) + 1)
    groups, genre = np.repeat(np.arange(300), sizes), np.repeat(rng.integers(0, 4, 300), sizes)
    tested = []
    for seed in range(40):
        side = _balanced_sides(groups, genre, [.8, .1, .1], np.random.default_rng(seed))
        tested.append(side == 2)
        share = np.bincount(side[groups], minlength=3) / len(groups)
        assert np.abs(share - [.8, .1, .1]).max() < .05
    often, large = np.mean(tested, 0), sizes > 10
    assert abs(often[large].mean() - .1) < .03 and abs(np.average(often, weights=sizes) - .1) < .02


def dated(**dates): return Tables(tracks=pd.DataFrame({"track_id": list(dates), "release_date": list(dates.values())}))


def test_split_by_time_puts_nothing_older_into_the_test():
    rng = np.random.default_rng(0)
    days = [f"{y}-{m:02}-{d:02}"[:rng.choice([4, 7, 10])] for y, m, d in zip(rng.integers(1960, 2020, 300), rng.integers(1, 13, 300), rng.integers(1, 29, 300))]
    t = dated(**{f"t{i:03}": d for i, d in enumerate(days)})
    s, again = split(t, "time", 0, .2, .2), split(shuffled(t, 1), "time", 9, .2, .2)
    latest = lambda ids: max(days[int(i[1:])] + "-12-31"[len(days[int(i[1:])]) - 4:] for i in ids)
    earliest = lambda ids: min(days[int(i[1:])] for i in ids)
    assert latest(s.train) < earliest(s.valid) and latest(s.valid) < earliest(s.test)
    assert all(np.array_equal(getattr(s, x), getattr(again, x)) for x in ("train", "valid", "test")) # dates decide, no seed
    assert abs(len(s.test) - 60) < 20 and len(s.train) + len(s.valid) + len(s.test) + s.dropped == 300


def test_a_rerelease_is_as_old_as_the_first_release():
    t = dated(a="1960", b="1970", c="1980", d="1990", e="2000", again="2011")
    t = t.replace(tracks=t.tracks.assign(isrc=t.tracks.track_id.map({"a": "X", "again": "X"}), popularity=t.tracks.track_id.map({"again": 99.}).fillna(1)))
    assert "again" in split(t, "time", valid=.2, test=.2).train


@pytest.mark.parametrize("dates", [dict(a=None, b=None, c=None), dict(a="1990", b="1990", c="1990"), dict(a="soon", b="1990-99-99", c="")], ids=["none", "one", "no dates"])
def test_dates_that_cannot_be_split_are_refused(dates):
    with pytest.raises(InputError): split(dated(**dates), "time", valid=.3, test=.3)


def test_an_album_with_and_without_an_id_is_one():
    t = Tables(tracks=pd.DataFrame({"track_id": list("abcd"), "album_id": ["1", "2", None, None], "album_name": ["Élan", "ELAN", "Elan ", "Elan"]}), artists=pd.DataFrame({"artist_id": ["x", "y"], "name": ["X", "Y"]}),
               track_artists=pd.DataFrame({"track_id": list("abcd"), "artist_id": list("xxxy"), "position": 0}))
    assert track_groups(t, "album").set_index("track_id").group.map({"1": 1}).fillna(0).to_dict() == dict(a=1, b=1, c=1, d=0)


def test_groups_of_all_ids_of_a_recording_count():
    t = world(3, 10, 4)
    like, other = t.tracks.track_id[0], t.tracks.track_id[20]
    t = copied(t, np.random.default_rng(0), "other id", like)
    t = t.replace(tracks=t.tracks.assign(popularity=1., album_id=t.tracks.album_id.mask(t.tracks.track_id.isin(["copy", other]), "a compilation")))
    assert "a compilation" in set(leaks(t, [like], [], [other], "album").group)


SPLITS = """import hashlib, numpy as np, test_preprocess as p
for by in ("track", "artist", "album", "playlist"):
    s = p.split(p.shuffled(p.world(1), {seed}), by, 3)
    print(by, hashlib.sha256(" ".join([*s.train, "|", *s.valid, "|", *s.test]).encode()).hexdigest())"""


def test_processes_hash_seeds_and_row_orders_make_no_difference(top):
    lines = [subprocess.run([sys.executable, "-c", SPLITS.format(seed=seed)], cwd=top / "tests", env=dict(os.environ, PYTHONHASHSEED=str(seed), PYTHONPATH=os.pathsep.join([str(top), str(top / "tests"), str(top / "benchmarks")])),
                            capture_output=True, text=True, check=True).stdout for seed in (1, 2)]
    assert lines[0] == lines[1] and len(lines[0].splitlines()) == 4


def test_labels_of_other_tracks_and_repeated_classes():
    t = world()
    m, _ = label_matrix(t, t.tracks.track_id, "artist", t.artists.artist_id[:3]) # labels seen only in test have no column
    assert m.shape == (len(t.tracks), 3) and (m.sum(1) == 0).any()
    with pytest.raises(InputError, match="twice among classes"): label_matrix(t, t.tracks.track_id[:2], classes=["a", "a"])


def test_what_is_no_number_is_refused():
    frame = pd.DataFrame({c: ["x"] for c in AUDIO})
    with pytest.raises(InputError, match="no number"): audio_matrix(frame)
    with pytest.raises(InputError, match="no number"): Standardize().fit(frame)
    assert audio_matrix(pd.DataFrame({c: pd.array([None], "Float64") for c in AUDIO})).shape == (1, 8)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tables_of_hardly_any_rows_are_refused(rows):
    t = world()
    with pytest.raises(InputError, match="at least 3"): split(t, among=t.tracks.track_id[:rows])


@pytest.mark.parametrize("title, same", [("Song (Remastered 2011)", True), ("SONG – 2011 Remaster", True), ("Ｓｏｎｇ （Ｒｅｍａｓｔｅｒｅｄ）", True), ("Song feat. X", True), ("Song - Live", False), ("Song - Live (Remastered 2011)", False),
                                         ("Song feat. X - Remix", False), ("Song - Extended Mix (2011 Remaster)", False), ("Song - Live / 2011 Remaster", False), ("Song (Live) [Remastered]", False)])
def test_which_titles_are_one(title, same): assert (fold_title(title) == fold_title("Song")) == same


def test_an_empty_side_is_said_with_its_cause():
    t = load_tables("synthetic", n_artists=3, tracks_per_artist=5, n_listeners=0)
    alone = t.replace(track_artists=t.track_artists.drop_duplicates("track_id"))
    with pytest.warns(UserWarning, match=r"for (validation|test|validation and test): too few groups by artist \(3\)"): split(alone, by="artist", valid=.1, test=.1)
    both = pd.concat([t.track_artists, t.track_artists.drop_duplicates("track_id").assign(artist_id=t.artists.artist_id[0], position=9)]).drop_duplicates(["track_id", "artist_id"])
    with pytest.warns(UserWarning, match="training.*gave way"): split(t.replace(track_artists=both), by="artist", valid=.1, test=.4)

"""Splits on toys of a dozen tracks: who goes where, what is dropped, what is refused. Quick, since mutants run it hundreds of times."""
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from musicrec.preprocess import Split, _balanced_sides, _dates, _even_sides, _sides, check_split, folds, leaks, split, track_groups
from musicrec.tables import AUDIO, InputError, LeakError, Tables


def toy(n=24, per_artist=3, shared=(), copies=()):
    """Tracks with features far apart; `shared` are pairs of tracks with a common second artist, `copies` re-releases of track 0."""
    rng = np.random.default_rng(5)
    ids = [f"t{i:02}" for i in range(n)]
    x = pd.DataFrame(rng.random((n, 8)).round(3), columns=list(AUDIO)).assign(tempo=lambda d: 60 + 100 * d.tempo, loudness=lambda d: -30 * d.loudness)
    titles = [f"song {i}" for i in range(n)]
    for c in copies: titles[c], x.loc[c] = titles[0], x.loc[0]
    artists = [f"a{i // per_artist}" for i in range(n)]
    for c in copies: artists[c] = artists[0]
    credits = [(t, a, 0) for t, a in zip(ids, artists)] + [(ids[i], f"guest{g}", 1) for g, pair in enumerate(shared) for i in pair]
    names = sorted({a for _, a, _ in credits})
    return Tables(tracks=pd.DataFrame({"track_id": ids, "title": titles, "album_id": [f"al{i % 5}" if i % 6 else None for i in range(n)], "album_name": [f"Album {i % 5}" if i % 6 else "Hits" for i in range(n)], "source": "toy"}),
                  artists=pd.DataFrame({"artist_id": names, "name": [f"name {a}" for a in names], "source": "toy"}), track_artists=pd.DataFrame(credits, columns=["track_id", "artist_id", "position"]),
                  audio_features=x.assign(track_id=ids, source="toy"),
                  playlist_tracks=pd.DataFrame({"playlist_id": [f"p{i // 4}" for i in range(n - 4)], "track_id": ids[:n - 4], "position": range(n - 4), "source": "toy"}))


T = toy()


def sides(s): return [set(s.train), set(s.valid), set(s.test)]


def test_sizes_are_the_shares_asked_for():
    s = split(T, seed=1, valid=.25, test=.125)
    assert [len(x) for x in sides(s)] == [15, 6, 3] and (s.dropped, s.merged, s.by, s.seed) == (0, 0, "track", 1)
    assert set.union(*sides(s)) == set(T.tracks.track_id)
    assert [len(x) for x in sides(split(toy(40), seed=0))] == [32, 4, 4]


def test_same_seed_same_split_and_another_seed_another():
    assert sides(split(T, seed=3)) == sides(split(T, seed=3)) != sides(split(T, seed=4))


@pytest.mark.parametrize("shares", [dict(valid=-.1), dict(test=-.1), dict(valid=.5, test=.5), dict(valid=.9, test=.2)], ids=str)
def test_shares_that_leave_nothing_are_refused(shares):
    with pytest.raises(InputError): split(T, **shares)


def test_no_validation_and_no_test_may_be_wanted():
    assert len(split(T, valid=0, test=.25).valid) == 0 and len(split(T, valid=.25, test=0).test) == 0


@pytest.mark.parametrize("by", ["artist", "album", "playlist"])
def test_groups_stay_together(by):
    group = track_groups(T, by).groupby("track_id").group.agg(set)
    s = split(T, by, seed=2, valid=.25, test=.25)
    on = [set.union(set(), *(group[t] for t in side)) for side in sides(s)]
    assert not (on[0] & on[1] or on[0] & on[2] or on[1] & on[2]) and all(on)


def test_test_side_keeps_everything_validation_gives_way_and_training_to_both():
    t = toy(shared=[(i, (7 * i + 5) % 24) for i in range(0, 24, 2)])
    s = split(t, "artist", seed=0, valid=.25, test=.25)
    guests = track_groups(t, "artist").query("group.str.startswith('guest')").groupby("track_id").group.agg(set)
    whole = split(T, "artist", seed=0, valid=.25, test=.25)
    assert set(s.test) == set(whole.test) and s.dropped == 24 - sum(map(len, sides(s))) > 0
    for early, late in ((s.train, s.valid), (s.train, s.test), (s.valid, s.test)):
        assert not set.union(set(), *guests.reindex(early).dropna()) & set.union(set(), *guests.reindex(late).dropna())
    taken = set.union(set(), *guests.reindex(whole.test).dropna())
    assert set(s.valid) == {v for v in whole.valid if not guests.get(v, set()) & taken}


def test_copies_count_once():
    t = toy(copies=(4, 9))
    s = split(t, seed=0)
    assert s.merged == 2 and sum(map(len, sides(s))) == 22
    s = split(t, seed=0, among=["t00", "t04", "t09", "t01", "t02", "t03"], valid=.25, test=.25)
    assert s.merged == 2 and sum(map(len, sides(s))) == 4


def test_only_those_asked_for_are_split():
    asked = T.tracks.track_id[::2].tolist()
    assert set.union(*sides(split(T, among=asked))) == set(asked)
    with pytest.raises(InputError, match="'x9'"): split(T, among=["t00", "t01", "t02", "x9"])


def test_fewer_than_three_recordings_are_refused():
    with pytest.raises(InputError, match="2 recordings"): split(T, among=["t00", "t01"])
    assert sum(map(len, sides(split(T, among=["t00", "t01", "t02"], valid=.3, test=.3)))) == 3


@pytest.mark.parametrize("by", ["track", "artist"])
def test_folds_test_every_recording_once(by):
    some = list(folds(T, by, 4, seed=1, valid=.2))
    assert len(some) == 4 and sorted(t for s in some for t in s.test) == sorted(T.tracks.track_id)
    for s in some:
        assert s.dropped == 0 and 4 <= len(s.test) <= 8 and set.union(*sides(s)) == set(T.tracks.track_id) and 2 <= len(s.valid) <= 6
        assert s.seed == 1 and s.by == by
    assert len({tuple(s.valid) for s in some}) > 2
    assert [len(s.valid) for s in folds(toy(40), k=4, seed=0)] == [3] * 4


def test_folds_follow_their_seed():
    tests = lambda seed: [set(s.test) for s in folds(T, k=3, seed=seed)]
    assert tests(1) == tests(1) != tests(2)


@pytest.mark.parametrize("k", [1, 9])
def test_folds_that_cannot_be_are_refused(k):
    with pytest.raises(InputError, match=f"8 groups cannot be cut into {k} folds. Give 2 to 8"): list(folds(T, "artist", k))


def test_folds_of_a_single_group_say_what_is_one():
    alone = T.replace(track_artists=T.track_artists.assign(artist_id=T.track_artists.artist_id.iloc[0]))
    with pytest.raises(InputError, match="in 1 group cannot be cut into 3 folds. Each artist is one group"): list(folds(alone, "artist", 3))


@pytest.mark.parametrize("by", ["track", "artist"])
def test_folds_share_out_rare_classes(by):
    t = toy(200)
    rare = pd.Series(np.arange(200) % 20 == 0, t.tracks.track_id)
    some = list(folds(t, by, 5, seed=3, classes=rare))
    assert sorted(i for s in some for i in s.test) == sorted(t.tracks.track_id)
    assert sorted(int(rare[s.test].sum()) for s in some) == [2] * 5
    assert [sides(s) for s in some] == [sides(s) for s in folds(t, by, 5, seed=3, classes=rare)]


def test_validation_is_drawn_again_where_all_of_it_gave_way():
    t = toy(36, per_artist=6, shared=[(0, 6), (12, 18), (24, 30), (5, 13)])
    for seed in range(12):
        for s in folds(t, "artist", 3, seed):
            assert len(s.valid) and len(s.train), (seed, s)


def test_groups_stay_whole_in_folds_that_share_out_classes():
    t = toy(60)
    kinds = pd.Series(np.arange(60) % 3, t.tracks.track_id)
    home = pd.Series({i: n for n, s in enumerate(folds(t, "artist", 4, classes=kinds)) for i in s.test})
    assert home.groupby(t.track_artists.set_index("track_id").artist_id).nunique().max() == 1
    assert pd.Series({i: n for n, s in enumerate(folds(t, "track", 4, classes=kinds)) for i in s.test}).groupby(kinds).value_counts().eq(5).all()


def test_classes_of_as_many_tracks_as_folds_have_one_in_each_and_smaller_ones_change_nothing():
    t = toy(24)
    kinds = pd.Series(np.arange(24) % 6, t.tracks.track_id)
    assert all(sorted(kinds[s.test]) == list(range(6)) for s in folds(t, k=4, classes=kinds))
    alone = pd.Series(np.arange(24), t.tracks.track_id)
    assert [sides(s) for s in folds(t, k=4, classes=alone)] == [sides(s) for s in folds(t, k=4)]


@pytest.mark.parametrize("valid", [-.1, 1, 1.5])
def test_shares_of_validation_that_cannot_be_are_refused(valid):
    with pytest.raises(InputError, match="valid is"): next(folds(T, valid=valid))
    assert not any(len(s.valid) for s in folds(T, valid=0))


EARLIER = {"plain": [(["t02", "t03", "t04", "t07"], ["t09", "t21"]), (["t00", "t01", "t08", "t10"], ["t15", "t20"])],
           "classes": [(["t04", "t08", "t09", "t18"], ["t06", "t17"]), (["t00", "t03", "t11", "t12"], ["t18", "t21"])]}


def test_folds_are_those_of_earlier_days():
    """Published scores rest on them: a change here is a change of numbers."""
    first = lambda s: (sorted(s.test)[:4], sorted(s.valid)[:3])
    kinds = pd.Series(np.arange(24) % 2, T.tracks.track_id)
    assert [first(s) for s in folds(T, k=3, seed=1)][:2] == EARLIER["plain"]
    assert [first(s) for s in folds(T, k=3, seed=1, classes=kinds)][:2] == EARLIER["classes"]


def test_a_model_without_opinion_ranks_by_chance_over_all_folds():
    t = toy(90)
    rare, said = pd.Series(np.arange(90) % 10 == 0, t.tracks.track_id), []
    for s in folds(t, k=5, classes=rare): said.append(pd.Series(rare[[*s.train, *s.valid]].mean(), s.test))
    said = pd.concat(said)
    assert roc_auc_score(rare[said.index], said.round(6)) == pytest.approx(.5, abs=.06)


def test_as_many_folds_as_groups_may_be(): assert [len(s.test) for s in folds(T, "artist", 8)] == [3] * 8 and len(list(folds(T, "artist", 2))) == 2


def test_groups_by_hand():
    by_album = track_groups(T, "album").set_index("track_id").group
    assert by_album["t01"] == "al1" and by_album["t00"].startswith("hits|a0") and by_album["t06"] == "hits|a2" and len(by_album) == 24
    by_list = track_groups(T, "playlist").set_index("track_id").group
    assert by_list["t05"] == "p1" and by_list["t23"] == "t23" and len(by_list) == 24
    assert (track_groups(T, "track").group == T.tracks.track_id).all()
    two = track_groups(toy(shared=[(0, 1)]), "artist")
    assert two[two.track_id == "t00"].group.tolist() == ["a0", "guest0"]


@pytest.mark.parametrize("t, by, said", [(T, "mood", "no way to split"), (T.replace(playlist_tracks=None), "playlist", "no playlist"), (T.replace(track_artists=None), "artist", "no artist")], ids=["mood", "playlist", "artist"])
def test_groups_that_are_not_there_are_refused(t, by, said):
    with pytest.raises(InputError, match=said): track_groups(t, by)


def test_leaks_are_named():
    t = toy(copies=(4,))
    found = leaks(t, ["t00", "t05"], ["t04"], ["t07"], "artist")
    assert found[["what", "sides"]].values.tolist() == [["recording", "train and valid"], ["artist", "train and valid"]] and found.group.tolist()[1] == "a0"
    assert len(leaks(t, ["t00"], [], ["t07"], "artist")) == 0 and len(leaks(t, ["t01"], ["t02"], [])) == 0
    assert leaks(t, ["t01"], ["t02"], [], "artist").values.tolist() == [["artist", "a0", "train and valid"]]
    assert leaks(t, [], ["t01"], ["t02"], "artist").sides.tolist() == ["test and valid"]
    own = pd.Series(t.tracks.track_id.to_numpy(), t.tracks.track_id)
    assert len(leaks(t, ["t00"], ["t04"], [], "track", own)) == 0


def test_a_split_that_leaks_is_refused_and_another_returned():
    good, bad = (Split(np.array(a, object), np.array(b, object), np.array(["t20"], object), "artist", 0) for a, b in ((["t00"], ["t05"]), (["t00"], ["t01"])))
    assert check_split(T, good) is good
    with pytest.raises(LeakError, match="1 leaks: artist 'a0' is in train and valid"): check_split(T, bad)
    own = pd.Series(T.tracks.track_id.to_numpy(), T.tracks.track_id)
    assert check_split(T, good, own) is good


def test_sides_of_groups_fill_up_to_their_shares():
    for seed in range(20):
        sizes = np.random.default_rng(seed).integers(1, 9, 60)
        side = _sides(sizes, [.6, .2, .2], np.random.default_rng(seed))
        share = np.bincount(side, sizes, 3) / sizes.sum()
        assert np.abs(share - [.6, .2, .2]).max() < 9 / sizes.sum() + .01
    ones = _sides(np.ones(10, int), [.5, .3, .2], np.random.default_rng(0))
    assert np.bincount(ones).tolist() == [5, 3, 2] and (ones != np.sort(ones)).any()
    assert np.bincount(_sides(np.full(10, 2), [.5, .3, .2], np.random.default_rng(0))).tolist() == [5, 3, 2]


def test_unless_told_there_are_five_folds_and_the_seed_is_zero():
    assert len(list(folds(T))) == 5
    assert all(sides(a) == sides(b) for a, b in zip(folds(T, seed=0), folds(T))) and sides(split(T)) == sides(split(T, seed=0))
    assert {folds_.seed for folds_ in folds(T)} == {split(T).seed} == {0}


def test_the_same_day_on_two_sides_is_a_leak_of_time():
    t = T.replace(tracks=T.tracks.assign(release_date=["2001-05-05"] * 12 + ["2002-05-05"] * 12))
    assert leaks(t, ["t00"], [], ["t01"], "time").what.tolist() == ["time"]
    assert len(leaks(t, ["t00"], [], ["t12"], "time")) == 0
    assert leaks(t, ["t12"], [], ["t01"], "time").what.tolist() == ["time"]


def test_a_date_that_may_be_the_first_day_of_a_later_side_is_left_out():
    t = T.replace(tracks=T.tracks.assign(release_date=["2001-05-05"] * 12 + ["2002"] * 2 + ["2002-12-31"] * 10))
    s = split(t, "time", valid=0, test=.4)
    assert [len(x) for x in sides(s)] == [12, 0, 10] and s.dropped == 2


def test_dates_that_leave_a_side_empty_say_which():
    one_day = T.replace(tracks=T.tracks.assign(release_date="2001-05-05"))
    with pytest.raises(InputError, match="leave nothing for train"): split(one_day, "time", valid=0, test=.3)
    two_days = T.replace(tracks=T.tracks.assign(release_date=["2001-05-05"] * 4 + ["2002-05-05"] * 20))
    with pytest.raises(InputError, match="leave nothing for train"): split(two_days, "time", valid=.5, test=.3)


DRAWN = {  # What seeds 0, 1 and 2 draw, by these shares: a split must not change unseen from one version to the next
    "even": {(.6, .2, .2): "0020000000021210021211000001021020201000", (.7, 0, .3): "2200200000002022202020002000000000000220", (.5, .3, .2): "0012000011120102020000120020112101100021"},
    "balanced": {(.6, .2, .2): "21200000201012001", (.7, 0, .3): "00020000002000022", (.5, .3, .2): "22010201002021020"}}


def test_a_seed_draws_what_it_always_drew():
    classes = np.arange(40) % 7 % 3
    groups = np.repeat(np.arange(17), [1, 2, 1, 3, 1, 1, 4, 2, 1, 5, 1, 1, 2, 6, 1, 3, 5])
    draw = {"even": lambda *how: _even_sides(classes, *how), "balanced": lambda *how: _balanced_sides(groups, classes, *how)}
    for name, known in DRAWN.items():
        assert ["".join(map(str, draw[name](list(shares), np.random.default_rng(seed)))) for seed, shares in enumerate(known)] == list(known.values())


def test_a_date_is_all_its_days_and_a_recording_as_old_as_its_oldest():
    t = Tables(tracks=pd.DataFrame({"track_id": list("abcdefg"), "release_date": ["2004", "2004-02", "2004-02-03", "2004-02-03T05:06:07Z", None, "soon", "2003-12"]}))
    own = pd.Series(list("abcdefg"), list("abcdefg"))
    days = lambda best: _dates(t, best).astype("str").fillna("NaT").values.tolist()
    assert days(own) == [["2004-01-01", "2004-12-31"], ["2004-02-01", "2004-02-29"], ["2004-02-03"] * 2, ["2004-02-03"] * 2, ["NaT", "NaT"], ["NaT", "NaT"], ["2003-12-01", "2003-12-31"]]
    assert days(own.replace({"g": "a"}))[0] == ["2003-12-01", "2003-12-31"]


# What they say, word for word, since it is what a user reads


def said(f, *args, **options):
    with pytest.raises(InputError) as e: f(*args, **options)
    return str(e.value)


def test_what_cannot_be_split_is_said_word_for_word():
    assert said(split, T, by="mood") == "by='mood' is no way to split. Choose track, artist, album, playlist or time."
    assert said(split, T, valid=.5, test=.5) == "valid=0.5 and test=0.5 leave no room for training. Give shares that sum to less than 1."
    assert said(split, T, by="time") == "these tables have no time to split by. Give a file with release dates, or split by track."
    assert said(split, T, among=["t00", "t01", "t02", "x"]) == "'x' is not among the tracks. Give ids of these tables."
    assert said(leaks, T, ["x"], ["y"], []) == "'x' is not among the tracks. Give ids of these tables."
    assert said(split, T.replace(track_artists=None), by="artist") == "these tables have no artist to split by. Split by track, or give a file with a column for it."
    assert said(lambda: list(folds(T, "time"))) == "folds by='time' would train on what came later. Take `split(by='time')`."
    two = toy(6, per_artist=3)
    assert said(lambda: list(folds(two, "artist", 3))).endswith("6 recordings in 2 groups cannot be cut into 3 folds. Give 2 to 2.")


def test_a_side_that_stays_empty_is_warned_of_word_for_word():
    with pytest.warns(UserWarning) as found: split(toy(6, per_artist=3), by="artist", valid=.2, test=.2)
    assert [str(w.message) for w in found] == ["nothing is left for test: too few groups by artist (2). Take other shares, another seed or another by."]
    with pytest.warns(UserWarning) as found: split(toy(6, per_artist=2), by="artist", valid=.05, test=.3)
    assert str(found[0].message).startswith("nothing is left for validation: too few groups by artist (3)")
    chained = toy(shared=[(i, (7 * i + 5) % 24) for i in range(0, 24, 2)])
    with pytest.warns(UserWarning) as found: s = split(chained, "artist", seed=0, valid=.25, test=.25)
    assert s.dropped and str(found[0].message) == f"nothing is left for training: {s.dropped} tracks share a group with a later side and gave way. Take other shares, another seed or another by."


def test_both_sides_that_stay_empty_are_named():
    friends = toy(4, per_artist=1, shared=[(a, b) for a in range(4) for b in range(a)])
    with pytest.warns(UserWarning, match="^nothing is left for training and validation: 3 tracks share"): split(friends, "artist", valid=.25, test=.25)
    assert sorted(i for s in folds(friends, "artist", 2) for i in s.test) == friends.tracks.track_id.tolist()  # though nothing is left to draw from


def dated(*days): return T.replace(tracks=T.tracks.assign(release_date=[*days, *[None] * (24 - len(days))]))


def test_leaks_of_time_come_beside_those_of_recordings_and_name_every_side():
    t = toy(copies=(1,)).replace(tracks=toy(copies=(1,)).tracks.assign(release_date=["2001-01-01", "2001-01-01", "2003-01-01", "2002-01-01", "2002-06-01", *[None] * 19]))
    found = leaks(t, ["t00", "t02"], ["t03"], ["t01", "t05", "t04"], "time")
    assert list(found.itertuples(index=False, name=None)) == [
        ("recording", "t00", "test and train"), ("time", "t05", "test, without a date"), ("time", "t03", "valid, though an earlier side may be newer"),
        ("time", "t01", "test, though an earlier side may be newer"), ("time", "t04", "test, though an earlier side may be newer")]


def test_the_newest_are_the_test_and_the_next_validation_also_where_one_of_both_is_not_wanted():
    t = dated(*(f"20{i:02}-01-01" for i in range(20)))
    assert [sorted(x) for x in sides(split(t, by="time", valid=.2, test=0))] == [[f"t{i:02}" for i in range(16)], [f"t{i:02}" for i in range(16, 20)], []]
    assert [sorted(x) for x in sides(split(t, by="time", valid=.2, test=.2))] == [[f"t{i:02}" for i in range(12)], [f"t{i:02}" for i in range(12, 16)], [f"t{i:02}" for i in range(16, 20)]]
    assert split(t, by="time", seed=7).seed == 7


def test_dates_that_leave_a_side_nothing_name_it():
    assert said(split, dated(*["2001"] * 10), by="time", valid=.1, test=.1) == "the release dates leave nothing for train. Give other shares, or split by track."


def test_folds_cut_only_those_asked_for():
    among = T.tracks.track_id[:10].tolist()
    cut = list(folds(T, "track", 5, among=among))
    assert sorted(i for s in cut for i in s.test) == among and all(set().union(*sides(s)) <= set(among) for s in cut)


def test_groups_of_every_id_of_a_recording_count():
    t = toy(copies=(7,))
    t = t.replace(tracks=t.tracks.assign(popularity=[9.] + [1.] * 23))  # track 0 stands for its copy, whose album has tracks of its own
    copy, own = (t.tracks.album_id.iloc[i] for i in (7, 0))
    assert copy != own
    for seed in range(12):
        s = split(t, by="album", seed=seed, valid=.25, test=.25)
        where = next(side for side in sides(s) if "t00" in side) if any("t00" in side for side in sides(s)) else set()
        assert not where or all(i in where for side in sides(s) for i in side if i in set(t.tracks.track_id[t.tracks.album_id == copy]))


def test_a_split_by_time_cuts_only_those_asked_for():
    t = dated(*(f"20{i:02}-01-01" for i in range(20)))
    among = [f"t{i:02}" for i in range(0, 20, 2)]
    assert [sorted(x) for x in sides(split(t, by="time", valid=.2, test=.2, among=among))] == [among[:6], among[6:8], among[8:]]

"""Reasons that add up, rows that are there, models that survive saving and give nothing away."""
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss, roc_auc_score

from musicrec.additive import LARGE, NEARNESS, Boosting, Forest, LikeRates, deal, deal_halves, halves, totals, weigh
from musicrec.artist2vec import Artist2Vec, Embeddings, sentences, unit
from musicrec.collect import AUDIO, MusicrecError, NotFoundError, load_tables
from musicrec.metrics import CHUNK
from musicrec.preprocess import folds, merge_duplicates
from musicrec.recommender import Recommender, _Familiar, _near_best, _Trees, _volumes, artist_vectors
from musicrec.tables import BOTH_WAYS, Tables

PARTS = ["base", "artist", "audio", "popularity"]


@pytest.fixture(scope="module")
def world(): return load_tables("synthetic", n_artists=24, tracks_per_artist=7, n_listeners=20)


@pytest.fixture(scope="module")
def artists(world): return Artist2Vec(dim=16).fit(sentences(world, ["listeners", "similar"], leave_out=["you"])).embeddings_


@pytest.fixture(scope="module")
def tracks(world):
    x = world.audio()[list(AUDIO)]
    return Embeddings(x.index, np.maximum((x - x.mean()) / x.std() @ np.random.default_rng(0).normal(size=(8, 12)), 0))


@pytest.fixture(scope="module")
def fitted(world, artists, tracks): return Recommender(artists, tracks).fit(world)


@pytest.fixture(scope="module")
def anybody(world, artists): return Recommender(artists, None).fit(world, listener=None)


@pytest.fixture(scope="module")
def paper(world, artists, tracks): return Recommender(artists, tracks, method="paper").fit(world)


@pytest.fixture(scope="module")
def loaded(fitted, tmp_path_factory): return Recommender.load(fitted.save(tmp_path_factory.mktemp("model") / "m"))


@pytest.fixture(scope="module")
def judged(world):
    mine = world.preferences[world.preferences.listener_id == "you"]
    heard = set(world.listens.track_id[world.listens.listener_id == "you"])
    return {"liked": set(mine.track_id[mine.label == 1]), "known": set(mine.track_id) | heard}


def shuffled(t): return t.replace(**{name: f.sample(frac=1, random_state=1) for name, f in t.frames().items()})


def without(t, *names): return t.replace(**dict.fromkeys(names))


def newcomers(ids, artist_ids):
    return [dict(liked=ids[:3]), dict(disliked=ids[:2]), dict(liked=ids[5:8], disliked=ids[9:12]), dict(liked=artist_ids[:2]), dict(liked=[ids[0], artist_ids[3]], disliked=artist_ids[5:6])]


# Reasons


def test_parts_sum_to_the_logit_of_every_score(fitted):
    for i, score in fitted.predict_proba(fitted.catalogue_.track_id).items():
        parts = fitted.explain(i)
        assert list(parts.index) == PARTS and parts.sum() == pytest.approx(logit(score), abs=1e-6)


@pytest.mark.parametrize("n", range(5))
def test_parts_sum_to_the_logit_for_newcomers(fitted, world, n):
    who = newcomers(fitted.catalogue_.track_id.tolist(), world.artists.artist_id.tolist())[n]
    for _, row in fitted.recommend(k=60, **who).iterrows():
        assert fitted.explain(row.track_id, **who)[PARTS].sum() == pytest.approx(logit(row.score), abs=1e-6)


def test_every_row_has_a_reason(fitted, world):
    for who in [{}, *newcomers(fitted.catalogue_.track_id.tolist(), world.artists.artist_id.tolist())]:
        assert fitted.recommend(k=50, **who).because.str.len().gt(5).all()


def test_reason_names_an_artist_with_a_comma_whole(world, artists):
    t = world.replace(artists=world.artists.assign(name=[f"Tyler {i}, The Creator" for i in range(len(world.artists))]))
    said = Recommender(artists, None).fit(t).recommend(k=50).because
    assert not said.str.contains("you like The Creator").any()


def test_reason_names_a_liked_artist_only_if_she_is_liked(fitted, world, judged):
    names = world.artists.set_index("artist_id").name
    liked = set(world.track_artists.artist_id[world.track_artists.track_id.isin(judged["liked"])].map(names))
    claimed = fitted.recommend(k=100).because.str.extract(r"you like ([^,]+?)(?:, a neighbour| and it sounds|$)")[0].dropna()
    assert len(claimed) and set(claimed) <= liked


def test_liked_artist_without_tracks_gives_finite_parts(world, artists):
    lone = pd.DataFrame({"artist_id": ["lone"], "name": ["Lone"]})
    model = Recommender(artists, None).fit(world.replace(artists=pd.concat([world.artists, lone])))
    assert np.isfinite(model.explain(world.tracks.track_id[0], liked=["lone"])).all()


# Rows


@pytest.mark.parametrize("k", [1, 7, 10_000])
def test_exactly_k_or_all_rows_and_nothing_known(fitted, judged, k):
    top, free = fitted.recommend(k=k), set(fitted.catalogue_.track_id) - judged["known"]
    assert len(top) == min(k, len(free)) and set(top.track_id) <= free and top["rank"].tolist() == list(range(1, len(top) + 1))
    assert list(top) == ["track_id", "title", "artist", "score", "rank", "because"] and top.score.is_monotonic_decreasing and top.score.between(0, 1).all()


@pytest.mark.parametrize("n", range(5))
def test_newcomers_are_given_nothing_they_named(fitted, world, n):
    ids = fitted.catalogue_.track_id.tolist()
    who = newcomers(ids, world.artists.artist_id.tolist())[n]
    named = {i for side in who.values() for i in side} & set(ids)
    top = fitted.recommend(k=10_000, **who)
    assert len(top) == len(ids) - len(named) and not named & set(top.track_id)


def test_equal_scores_come_in_order_of_id(world):
    t = world.replace(audio_features=world.audio_features.assign(**dict.fromkeys(AUDIO, .5) | {"tempo": 100., "loudness": -5.}), tracks=world.tracks.assign(popularity=50., title=world.tracks.track_id))
    t = without(t, "artists", "track_artists", "similar_artists", "listener_artists", "truth_artists")
    top = Recommender(None, None).fit(t).recommend(k=30)
    assert top.score.nunique() == 1 and top.track_id.tolist() == sorted(top.track_id)


def test_taste_is_learned(fitted, world, judged):
    from musicrec.metrics import auc
    truth = world.truth_likes[world.truth_likes.listener_id == "you"].set_index("track_id").probability.drop(list(judged["known"]))
    p = fitted.predict_proba(truth.index).to_numpy()
    assert auc((truth > .5).astype(int).to_numpy(), np.stack([1 - p, p], 1)) > .7


@pytest.mark.parametrize("method", ["additive", "paper"])
def test_row_order_of_the_tables_does_not_matter(world, artists, tracks, fitted, paper, method):
    a, b = (m.recommend(k=40) for m in (fitted if method == "additive" else paper, Recommender(artists, tracks, method=method).fit(shuffled(world))))
    pd.testing.assert_frame_equal(a, b, atol=1e-6)


def test_naming_a_track_twice_is_naming_it_once(fitted):
    i, j = fitted.catalogue_.track_id[:2]
    pd.testing.assert_frame_equal(fitted.recommend(5, liked=[i, i, j]), fitted.recommend(5, liked=[i, j]))


@pytest.mark.parametrize("kind", [pd.Series, np.array, iter, tuple, pd.Index], ids=["series", "array", "generator", "tuple", "index"])
def test_likes_may_come_as_any_iterable(fitted, kind):
    ids = fitted.catalogue_.track_id[:3].tolist()
    pd.testing.assert_frame_equal(fitted.recommend(5, liked=kind(ids)), fitted.recommend(5, liked=ids))


def test_any_id_of_a_recording_may_be_liked(world, artists):
    again = lambda f, **changes: f[f.track_id == "synthetic:track:9"].assign(track_id="copy", **changes)
    t = world.replace(tracks=pd.concat([world.tracks, again(world.tracks, popularity=0.)]), track_artists=pd.concat([world.track_artists, again(world.track_artists)]),
                      audio_features=pd.concat([world.audio_features, again(world.audio_features)]))
    model = Recommender(artists, None).fit(t)
    found = t.find("Artist 1 - Track 9")
    assert set(found) == {"synthetic:track:9", "copy"}
    pd.testing.assert_frame_equal(model.recommend(5, liked=found), model.recommend(5, liked=["synthetic:track:9"]))
    assert model.explain("copy").tolist() == model.explain("synthetic:track:9").tolist()


# Poor tables


def test_audio_alone_is_enough(world, tracks):
    t = without(world, "artists", "track_artists", "similar_artists", "listener_artists", "track_genres", "truth_artists")
    top = Recommender(None, tracks).fit(t).recommend(k=10)
    assert len(top) == 10 and set(top.artist) == {""} and top.because.str.startswith("it sounds like").all()


@pytest.mark.parametrize("change", ["genres", "popularity", "artist vectors", "gaps"])
def test_what_is_missing_is_done_without(world, artists, change):
    t = {"genres": lambda: without(world, "track_genres"), "popularity": lambda: world.replace(tracks=world.tracks.assign(popularity=np.nan)), "artist vectors": lambda: world,
         "gaps": lambda: world.replace(audio_features=world.audio_features.assign(tempo=np.nan, energy=world.audio_features.energy.mask(world.audio_features.energy > .5)))}[change]()
    model = Recommender(None if change == "artist vectors" else artists, None).fit(t)
    parts = pd.DataFrame([model.explain(i) for i in model.catalogue_.track_id[:20]])
    assert np.isfinite(parts).all(axis=None)
    if change == "popularity": assert np.abs(parts.popularity).max() < 1e-9


def test_two_labels_are_enough(world, artists):
    few = world.preferences[world.preferences.listener_id == "you"].groupby("label").head(1)
    assert len(Recommender(artists, None).fit(world.replace(preferences=few)).recommend(k=3)) == 3


def test_paper_uses_the_main_artist_and_zeros_for_unknown_ones():
    e = Embeddings(["a", "b"], [[2., 0.], [0., 4.]])
    assert artist_vectors(e, ["b|a", "c", ""], main_only=True).tolist() == [[0, 4], [0, 0], [0, 0]]
    assert artist_vectors(e, ["b|a", "b|c", ""]).tolist() == [[1, 2], [0, 4], [0, 0]]


# Saving


def test_saved_model_recommends_and_explains_the_same(fitted, loaded):
    pd.testing.assert_frame_equal(loaded.recommend(k=10_000), fitted.recommend(k=10_000), rtol=1e-12)
    for i in loaded.catalogue_.track_id: np.testing.assert_allclose(loaded.explain(i), fitted.explain(i), rtol=1e-12)


def test_saved_paper_model_recommends_the_same(paper, tmp_path):
    pd.testing.assert_frame_equal(Recommender.load(paper.save(tmp_path / "m")).recommend(k=10_000), paper.recommend(k=10_000), rtol=1e-12)


@pytest.mark.parametrize("n", range(5))
def test_saved_model_scores_for_newcomers_the_same(fitted, loaded, world, n):
    who = newcomers(loaded.catalogue_.track_id.tolist(), world.artists.artist_id.tolist())[n]
    ours, theirs = (m.recommend(k=10_000, **who).set_index("track_id").score for m in (fitted, loaded))
    pd.testing.assert_series_equal(theirs, ours[ours.index.isin(theirs.index)], rtol=1e-6)


def test_saving_twice_is_saving_once(loaded, tmp_path):
    again = Recommender.load(loaded.save(tmp_path / "m"))
    pd.testing.assert_frame_equal(again.recommend(k=50), loaded.recommend(k=50))


@pytest.mark.parametrize("method", ["additive", "paper"])
def test_saved_folder_names_no_track_that_was_not_liked(fitted, paper, judged, tmp_path, method):
    folder = (fitted if method == "additive" else paper).save(tmp_path / "m")
    held = set(pd.read_parquet(folder / "keys.parquet").track_id)
    secret = judged["known"] - judged["liked"]
    assert secret and not held & secret and judged["liked"] <= held
    text = (folder / "config.json").read_text() + (folder / "weights.safetensors").read_bytes().decode("latin-1")
    assert not any(f'"{i}"' in text for i in secret)


def test_saved_folder_holds_three_files_without_pickle(fitted, tmp_path):
    folder = fitted.save(tmp_path / "m")
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "keys.parquet", "weights.safetensors"]
    assert json.loads((folder / "config.json").read_text())["kind"] == "Recommender"


def test_config_says_which_version_wrote_it(fitted, tmp_path):
    config = json.loads((fitted.save(tmp_path / "m") / "config.json").read_text())
    import musicrec
    assert musicrec.__version__ in config.values() and "seed" in config and any("hash" in k for k in config)


def test_saving_refuses_a_foreign_folder(fitted, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(MusicrecError): fitted.save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name, damage", [("config.json", b"{}"), ("config.json", b'{"kind": "Recommender"}'), ("config.json", b"\xff"), ("weights.safetensors", b""), ("keys.parquet", b"PAR1"), ("keys.parquet", None)])
def test_damaged_model_raises_a_typed_error(fitted, tmp_path, name, damage):
    file = fitted.save(tmp_path / "m") / name
    if damage is None: file.unlink()
    else: file.write_bytes(damage)
    with pytest.raises(MusicrecError): Recommender.load(tmp_path / "m")


def test_model_of_a_later_format_is_refused(fitted, tmp_path):
    config = fitted.save(tmp_path / "m") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"format": 99}))
    with pytest.raises(MusicrecError, match="99|format"): Recommender.load(tmp_path / "m")


def test_model_whose_files_do_not_belong_together_is_refused(fitted, tmp_path):
    file = fitted.save(tmp_path / "m") / "keys.parquet"
    pd.read_parquet(file)[5:].to_parquet(file)
    with pytest.raises(MusicrecError): Recommender.load(tmp_path / "m")


def test_model_of_another_kind_is_refused(artists, tmp_path):
    with pytest.raises(MusicrecError, match="no Recommender"): Recommender.load(artists.save(tmp_path / "e"))


# Wrong use


def test_estimator_keeps_its_settings(artists, tracks):
    again = clone(Recommender(artists, tracks, method="paper", seed=4))
    assert again.get_params()["seed"] == 4 and again.artists.ids == artists.ids and not hasattr(again, "catalogue_")


def test_fit_gives_the_estimator_itself(fitted, world): assert isinstance(fitted, Recommender) and fitted.listener_ == "you"


@pytest.mark.parametrize("use", [lambda m: m.recommend(), lambda m: m.explain("x"), lambda m: m.predict_proba(["x"]), lambda m: m.save("never-written")], ids=["recommend", "explain", "predict_proba", "save"])
def test_using_it_before_fit_is_refused(use):
    with pytest.raises(NotFittedError): use(Recommender(None, None))


@pytest.mark.parametrize("options", [dict(k=0), dict(k=-1), dict(k=2.5), dict(k="3"), dict(liked=[]), dict(liked=[], disliked=[]), dict(liked=["nowhere"]), dict(liked=[None]), dict(disliked=["nowhere"]), dict(liked="synthetic:track:0"), dict(diversity=2), dict(diversity="much"), dict(max_per_artist=0), dict(seed=-1), dict(seed=.5), dict(genres=["polka"]), dict(artists=["nowhere"]), dict(genres="genre 1")], ids=str)
def test_impossible_requests_are_refused(fitted, options):
    with pytest.raises(MusicrecError): fitted.recommend(**options)


def test_liking_and_disliking_the_same_track_is_refused(fitted):
    i = fitted.catalogue_.track_id[0]
    with pytest.raises(MusicrecError, match="liked and disliked"): fitted.recommend(liked=[i], disliked=[i])


def test_unknown_track_is_refused(fitted):
    for use in (fitted.explain, lambda i: fitted.predict_proba([i])):
        with pytest.raises(NotFoundError, match="nowhere"): use("nowhere")


def test_unknown_listener_lists_some_who_are_there(world):
    with pytest.raises(NotFoundError, match="you"): Recommender(None, None).fit(world, listener="nobody")


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_kind_are_refused(world, label):
    with pytest.raises(MusicrecError, match="one kind"): Recommender(None, None).fit(world.replace(preferences=world.preferences[world.preferences.label == label]))


def test_a_missing_label_counts_as_none(world):
    mine = world.preferences[world.preferences.listener_id == "you"].reset_index(drop=True)
    Recommender(None, None).fit(world.replace(preferences=mine.assign(label=mine.label.mask(mine.index < 3))))


@pytest.mark.parametrize("options", [dict(method="magic"), dict(artist_from="air"), dict(negatives=-1)], ids=str)
def test_impossible_settings_are_refused(world, options):
    with pytest.raises(MusicrecError): Recommender(None, None, **options).fit(world)


def test_paper_scores_have_no_parts(paper):
    with pytest.raises(MusicrecError, match="additive"): paper.explain(paper.catalogue_.track_id[0])


def test_merged_tables_give_the_same_as_unmerged_ones(world, artists, tracks, fitted):
    pd.testing.assert_frame_equal(Recommender(artists, tracks).fit(merge_duplicates(world)).recommend(k=30), fitted.recommend(k=30), atol=1e-9)


# Filters, draws, many at once


def test_at_most_so_many_of_an_artist(fitted, world):
    top = fitted.recommend(k=50, max_per_artist=2)
    main = world.track_artists[world.track_artists.position == 0].set_index("track_id").artist_id[top.track_id]
    assert main.value_counts().max() == 2 and top.score.is_monotonic_decreasing


def test_only_named_artists_and_genres(fitted, world):
    who, genre = world.artists.artist_id[3], world.track_genres.genre[0]
    by = set(world.track_artists.track_id[world.track_artists.artist_id == who])
    assert set(fitted.recommend(k=99, artists=[who], exclude_known=False).track_id) == by
    assert set(fitted.recommend(k=999, genres=[genre], exclude_known=False).track_id) == set(world.track_genres.track_id[world.track_genres.genre == genre])


def test_known_tracks_come_if_asked_for(fitted, judged):
    assert len(fitted.recommend(k=10_000, exclude_known=False)) == len(fitted.catalogue_)
    liked = sorted(judged["liked"])[:2]
    assert set(liked) <= set(fitted.recommend(k=10_000, liked=liked, exclude_known=False).track_id)


def test_all_known_gives_an_empty_frame(fitted):
    top = fitted.recommend(liked=fitted.catalogue_.track_id.tolist())
    assert len(top) == 0 and list(top) == ["track_id", "title", "artist", "score", "rank", "because"]


def test_a_seed_draws_the_same_list_and_another_seed_another(fitted):
    a, b, c = (fitted.recommend(k=10, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(a, b)
    assert set(a.track_id) != set(c.track_id) and a.score.is_monotonic_decreasing


@pytest.mark.parametrize("diversity", [.3, 1.])
def test_diverse_lists_have_all_rows_once(fitted, diversity):
    top = fitted.recommend(k=30, diversity=diversity)
    assert top.track_id.is_unique and len(top) == 30
    assert len(fitted.recommend(k=10_000, diversity=diversity)) == (~fitted.known_).sum()


def test_many_at_once_are_each_alone(anybody):
    ids = anybody.catalogue_.track_id.tolist()
    people = {f"p{i}": ids[3 * i:3 * i + 4] for i in range(5)}
    many = anybody.recommend_many(people, k=9)
    for who, liked in people.items():
        one = anybody.recommend(liked=liked, k=9)
        assert many[many.listener == who].track_id.tolist() == one.track_id.tolist()
        np.testing.assert_allclose(many[many.listener == who].score, one.score, atol=1e-6)


@pytest.mark.parametrize("k, exclude_known", [(1, True), (20, False), (10_000, True)])
def test_many_with_dislikes_and_artists_are_each_alone(anybody, k, exclude_known):
    ids, hers = anybody.catalogue_.track_id.tolist(), list(anybody.names_)
    liked, disliked = [[ids[0], hers[3]], [], [hers[5], hers[6]], ids[4:9]], [[ids[7]], [hers[1], ids[2]], [], None]
    many = anybody.recommend_many(liked, disliked, k, exclude_known)
    for who, both in enumerate(zip(liked, disliked)):
        one = anybody.recommend(k, *both, exclude_known=exclude_known)
        assert many[many.listener == who].track_id.tolist() == one.track_id.tolist()
        np.testing.assert_allclose(many[many.listener == who].score, one.score, rtol=1e-7)


def test_many_in_several_goes_are_the_same(anybody, monkeypatch):
    people = [[i] for i in anybody.catalogue_.track_id[:30]]
    whole = anybody.recommend_many(people, k=9)
    monkeypatch.setattr("musicrec.recommender.BATCH", 1)
    pd.testing.assert_frame_equal(anybody.recommend_many(people, k=9), whole)


@pytest.mark.parametrize("k", [1, 3, 20, 5000])
def test_nobody_among_the_best_is_passed_over(k):
    scores = np.random.default_rng(0).normal(size=(6, 16 * CHUNK)).round(2).astype("float32") # many are equal
    scores[0, 5:], scores[1] = -np.inf, -np.inf
    scores[2, ::2] = -np.inf
    found = set(zip(*map(np.ndarray.tolist, _near_best(scores, k))))
    for who, s in enumerate(scores):
        best = [i for i in np.argsort(-s, kind="stable")[:k].tolist() if s[i] > -np.inf]
        assert {(who, i) for i in best} <= found and all(s[i] >= s[best[-1]] - 3 for w, i in found if w == who)


@pytest.fixture(scope="module")
def dated(world, artists):
    """Half of the tracks have a year, half a popularity, a quarter neither."""
    rng, n = np.random.default_rng(0), len(world.tracks)
    year, popularity = rng.integers(1960, 2020, n).astype(str), rng.integers(0, 100, n).astype(float)
    year[n // 2:], popularity[: n // 4], popularity[n - n // 4:] = "", np.nan, np.nan
    t = world.replace(tracks=world.tracks.assign(release_date=pd.Series(year).replace("", None).astype("str"), popularity=popularity), preferences=None)
    return t, Recommender(artists, None).fit(t, listener=None)


def test_newcomers_get_tracks_of_the_years_they_like(dated):
    t = dated[0].replace(track_artists=None, artists=None)
    year = pd.Series(t.tracks.release_date.astype(float).to_numpy(), t.tracks.track_id).dropna()
    liked = year.index[year.between(1990, 1999)].tolist()[::2]
    models = [Recommender(None, None).fit(t.replace(tracks=tracks), listener=None) for tracks in (t.tracks, t.tracks.assign(release_date=None))]
    apart = [abs(year.reindex(m.recommend(10, liked=liked).track_id) - 1995).mean() for m in models]
    assert apart[0] < apart[1] / 2
    assert models[0].recommend(10, liked=liked).because.str.contains("it is about as old as “").any()


def test_what_is_not_known_of_a_track_says_nothing(dated):
    t, model = dated
    known = t.tracks.set_index("track_id")[["release_date", "popularity"]].notna().any(axis=1)
    bare, told = known.index[~known].tolist(), known.index[known].tolist()
    says = lambda i, **named: model.explain(i, **named).popularity
    assert all(says(i, liked=told[:4]) == 0 for i in bare) and all(says(i, liked=told[:4]) != 0 for i in told[4:20])
    assert all(says(i, liked=bare[:4]) == 0 for i in told[:20])


def test_a_new_track_is_near_by_its_year(dated, world, artists):
    t, model = dated
    i = world.tracks.track_id[0]
    track = lambda f: f[f.track_id == i].assign(track_id="new")
    late = t.replace(tracks=pd.concat([t.tracks, track(t.tracks).assign(release_date="2019", title="late", popularity=np.nan)]),
                     audio_features=pd.concat([t.audio_features, track(t.audio_features).assign(tempo=99.)]), track_artists=pd.concat([t.track_artists, track(t.track_artists)]))
    old, young = (t.tracks.track_id[t.tracks.release_date.astype(float).between(a, a + 9)].tolist() for a in (1960, 2010))
    more = model.add(late)
    assert more.explain("new", liked=young).popularity > 0 > more.explain("new", liked=old).popularity
    refitted = Recommender(artists, None).fit(late, listener=None)
    assert refitted.explain("new", liked=young).popularity == pytest.approx(more.explain("new", liked=young).popularity, abs=.3)


def test_liked_artists_are_named_by_what_they_have_in_common(dated):
    t, model = dated
    year = t.tracks.set_index("track_id").release_date.astype(float)
    said = 0
    for by, hers in t.track_artists.groupby("artist_id").track_id:
        top = model.recommend(168, liked=[by])
        named = top.track_id[top.because.str.contains(f"as old as what there is by {model.names_[by]}", regex=False)]
        said += len(named)
        known = year[hers].dropna().to_numpy()
        assert all(np.abs(known - year[i]).min() <= 6 for i in named)
    assert said


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rare", [1, 3, 8])
def test_a_rare_year_counts_no_more_than_any(world, artists, seed, rare):
    """What hardly any track shares is near what shares it, and never drowns the rest."""
    n, ids = len(world.tracks), world.tracks.track_id
    t = world.replace(tracks=world.tracks.assign(release_date=["1970"] * rare + ["2019"] * (n - rare), popularity=None), preferences=None)
    model = Recommender(artists, None, seed=seed).fit(t, listener=None)
    says = np.array([model.explain(i, liked=[ids[0]]).popularity for i in ids])
    assert np.abs(says).max() <= 2.1 and (says[:rare] > 0).all() and (says[rare:] < 0).all()
    top = model.recommend(n, liked=[ids[0]]).set_index("track_id")
    assert not top.because[ids[rare:]].str.contains("as old as").any()
    assert all(model.explain(i, liked=[ids[0]]).sum() == pytest.approx(logit(top.score[i]), abs=1e-6) for i in top.index)


def test_equal_tracks_come_in_one_order_however_asked(world, artists):
    n, ids = len(world.tracks), world.tracks.track_id
    features = world.audio_features.copy()
    measured = [c for c in features if c in AUDIO]
    features[measured] = features[measured].iloc[np.arange(n) % 4].to_numpy()
    t = world.replace(audio_features=features, tracks=world.tracks.assign(popularity=50., release_date="2001"), preferences=None)
    for model in (Recommender(artists, None).fit(t, listener=None), Recommender(None, None).fit(t.replace(track_artists=None, artists=None), listener=None)):
        many = model.recommend_many([[i] for i in ids], k=5)
        for who, i in enumerate(ids): assert many.track_id[many.listener == who].tolist() == model.recommend(5, liked=[i]).track_id.tolist()
        assert not model.recommend(n, liked=ids[:1].tolist()).because.str.contains("as old|as popular").any()  # all are, so it is no reason


def test_sentences_on_age_and_popularity_are_true(dated):
    t, model = dated
    known, seen = t.tracks.set_index("title"), 0
    assert known.index.is_unique
    for i in model.catalogue_.track_id[:100:4]:
        top = model.recommend(60, liked=[i])
        for column, words, most in (("release_date", "old", 4), ("popularity", "popular", 10)):
            said = top[top.because.str.contains(f"as {words} as")]
            other = known[column].astype(float)[said.because.str.extract(f"as {words} as “(.*?)”")[0]].to_numpy()
            assert (abs(known[column].astype(float)[said.title].to_numpy() - other) <= most).all()
            seen += len(said)
    assert seen > 50


def test_tracks_that_nobody_measured_sound_like_nothing(world, artists):
    features, ids = world.audio_features.copy(), world.tracks.track_id
    features.loc[features.track_id.isin(ids[:40]), [c for c in features if c in (*AUDIO, "instrumentalness", "key", "mode", "time_signature", "duration_ms")]] = np.nan
    model = Recommender(artists, None).fit(world.replace(audio_features=features, preferences=None), listener=None)
    assert all(model.explain(i, liked=ids[:1]).audio == 0 for i in ids) and all(model.explain(i, liked=ids[100:102]).audio == 0 for i in ids[:40])
    assert not model.recommend(100, liked=ids[:1].tolist()).because.str.contains("sounds").any()


def test_an_artist_counts_by_those_of_her_tracks_that_are_dated(world, artists):
    hers = world.track_artists[world.track_artists.artist_id == world.track_artists.artist_id[0]].track_id.tolist()
    year = world.tracks.track_id.map({hers[0]: "1990"}).fillna(pd.Series(np.where(np.arange(len(world.tracks)) % 2, "1990", "2010"))).mask(world.tracks.track_id.isin(hers[1:]))
    model = Recommender(artists, None).fit(world.replace(tracks=world.tracks.assign(release_date=year.astype("str"), popularity=None), preferences=None), listener=None)
    other = world.tracks.track_id[~world.tracks.track_id.isin(hers)].tolist()[:9]
    by = world.track_artists.artist_id[0]
    for i in other: assert model.explain(i, liked=[by]).popularity == pytest.approx(model.explain(i, liked=hers[:1]).popularity, abs=1e-6)


def test_the_papers_net_gives_no_reasons_that_it_cannot_have(world, artists, tracks):
    year = pd.Series(np.random.default_rng(0).integers(1990, 1994, len(world.tracks)).astype(str)).astype("str")
    model = Recommender(artists, tracks, method="paper").fit(world.replace(tracks=world.tracks.assign(release_date=year, popularity=50.)))
    assert not model.recommend(60).because.str.contains("about as").any()


def test_a_saved_model_with_columns_of_another_is_refused(anybody, tmp_path):
    folder = anybody.save(tmp_path / "m")
    file = folder / "weights.safetensors"
    arrays = load_file(file)
    save_file(arrays | {"block": arrays["block"][:5]}, file)
    with pytest.raises(MusicrecError, match="do not belong together"): Recommender.load(folder)


def test_without_a_listener_only_newcomers_are_served(anybody, tmp_path):
    with pytest.raises(MusicrecError, match="without a listener"): anybody.recommend()
    liked = anybody.catalogue_.track_id[:3].tolist()
    pd.testing.assert_frame_equal(Recommender.load(anybody.save(tmp_path / "m")).recommend(liked=liked), anybody.recommend(liked=liked), rtol=1e-6)


# Reasons put to the test


def test_reasons_of_newcomers_add_up_and_the_top_cause_matters(anybody):
    rng, ids = np.random.default_rng(0), anybody.catalogue_.track_id.to_numpy(object)
    lower = []
    for _ in range(40):
        liked = rng.permutation(ids)[:5].tolist()
        top = anybody.recommend(k=1, liked=liked)
        first, score = top.track_id[0], top.score[0]
        pulls = anybody.reasons(first, liked=liked)
        parts = anybody.explain(first, liked=liked)
        np.testing.assert_allclose(pulls.groupby("part").pull.sum()[PARTS[1:]], parts[PARTS[1:]], atol=1e-9)
        assert parts.sum() == pytest.approx(logit(score), abs=1e-6)
        cause = pulls.groupby("id").pull.sum().idxmax()
        lower.append(anybody.explain(first, liked=[i for i in liked if i != cause]).sum() < logit(score))
    assert np.mean(lower) >= .95


def test_reasons_of_a_listener_name_liked_tracks(fitted, judged):
    for i in fitted.recommend(k=5).track_id:
        why = fitted.reasons(i)
        assert set(why.id) <= judged["liked"] and (why.pull > 0).all() and why.name.str.len().gt(0).all()


def test_other_tracks_of_a_liked_artist_come_early(anybody):
    c = anybody.catalogue_
    for liked in c[c.groupby("artist_ids").track_id.transform("size") > 2].groupby("artist_ids").track_id.first().sample(8, random_state=0):
        mine = set(c.track_id[(c.artist_ids == c.artist_ids[c.track_id == liked].iloc[0]).to_numpy()]) - {liked}
        found = anybody.recommend(k=len(c), liked=[liked]).set_index("track_id")["rank"]
        assert found[found.index.isin(mine)].mean() < found[~found.index.isin(mine)].mean() / 2


def test_sentences_of_a_list_name_different_artists(fitted):
    artist = fitted.recommend(k=10).because.str.extract("you like ([^,]*?)(?:, a neighbour| and it sounds|$)")[0].dropna()
    assert artist.value_counts().max() <= 5


def test_little_known_tracks_get_careful_scores(world, artists):
    mine = world.preferences[world.preferences.listener_id == "you"]
    few = pd.concat([g.head(4) for _, g in mine.groupby("label")])
    a, b = (Recommender(artists, None, forests=False).fit(world.replace(preferences=p)).predict_proba(world.tracks.track_id) for p in (mine, few))
    assert (b - .5).abs().mean() < (a - .5).abs().mean()


def test_without_forests_one_voice_speaks_alone(world, artists):
    assert Recommender(artists, None, forests=False).fit(world).volumes_.to_numpy().tolist() == [[0, 1], [0, 1]]


def test_a_hand_with_all_labels_of_a_kind_does_not_give_them_away():
    x, y = np.random.default_rng(0).normal(size=(150, 3)), np.repeat([1, 0], [140, 10])
    hand = np.where(y == 0, 9, np.arange(150) % 9)
    forest, boosted = Forest.grow(x, y, np.ones(150), hand), Boosting.grow([x], y, np.ones(150), hand)
    said = forest.without(x, hand)
    assert said[y == 0].min() > said[y == 1].mean() and (boosted.without([x], hand)[:, y == 0] == 0).all()  # all others are likes, so it says like
    assert np.isfinite(forest(x)).all() and np.isfinite(boosted([x])).all()
    assert weigh(said[None], y, np.ones(150))[1][0] < .1


def test_labels_without_weight_grow_no_trees(world, artists):
    p = world.preferences.assign(weight=world.preferences.label.astype(float))
    assert Recommender(artists, None).fit(world.replace(preferences=p)).trees_ is None


def test_voices_have_no_negative_weights(fitted): assert (fitted.volumes_.drop(columns="shift") >= 0).all(axis=None) and fitted.volumes_.drop(columns="shift").to_numpy().max() > 0


# Other labels


def test_plays_and_skips_teach_where_no_likes_are(world, artists):
    t = world.replace(preferences=world.preferences[world.preferences.listener_id != "you"])
    model = Recommender(artists, None, negatives=.5, forests=False).fit(t)
    assert len(model.liked_) and len(model.recommend(k=5)) == 5


def test_likes_alone_need_drawn_dislikes(world, artists):
    t = world.replace(preferences=world.preferences[(world.preferences.label == 1).to_numpy()])
    a, b = (Recommender(artists, None, negatives=1, forests=False).fit(t).recommend(k=5) for _ in range(2))
    pd.testing.assert_frame_equal(a, b)


def test_weights_count(world, artists):
    mine = (world.preferences.listener_id == "you").to_numpy()
    heavy = world.replace(preferences=world.preferences.assign(weight=np.where(mine & (world.preferences.label == 0), .01, 1.)))
    a, b = (Recommender(artists, None, forests=False).fit(t).predict_proba(world.tracks.track_id).mean() for t in (world, heavy))
    assert b > a + .1


def test_new_tracks_are_scored_as_if_they_had_been_there(world, artists, judged):
    gone = world.tracks.track_id.iloc[-3:].tolist()
    less = world.replace(**{n: f[~f.track_id.isin(gone)] for n, f in world.frames().items() if "track_id" in f})
    model = Recommender(artists, None, forests=False).fit(less)
    more = model.add(world)
    assert len(more.catalogue_) == len(world.tracks) and more.catalogue_.track_id.is_monotonic_increasing
    np.testing.assert_allclose(more.predict_proba(model.catalogue_.track_id), model.predict_proba(model.catalogue_.track_id), atol=1e-9)
    assert set(gone) - judged["known"] <= set(more.recommend(k=10_000).track_id) and more.predict_proba(gone).between(0, 1).all()
    assert more.explain(gone[0]).sum() == pytest.approx(logit(more.predict_proba(gone[:1]).iloc[0]), abs=1e-6)


def test_tracks_added_at_once_or_one_by_one_get_the_same_scores(fitted, world):
    new = pd.DataFrame({"track_id": [f"new{i}" for i in range(4)], "title": [f"Newest {i}" for i in range(4)]})
    old = world.tracks.track_id[:4].tolist()
    again = lambda f: pd.concat([f[f.track_id == o].assign(track_id=n) for o, n in zip(old, new.track_id)])
    audio = again(world.audio_features).assign(energy=[.11, .22, .33, .44])
    t = Tables(tracks=new, artists=world.artists, track_artists=again(world.track_artists), audio_features=audio)
    one = lambda i: Tables(**{k: f[f.track_id == i] if "track_id" in f else f for k, f in t.frames().items()})
    together = fitted.add(t).predict_proba(new.track_id)
    np.testing.assert_allclose(together, [fitted.add(one(i)).predict_proba([i]).iloc[0] for i in new.track_id], atol=1e-9)


def test_a_wholly_new_artist_is_judged_by_her_tracks(fitted, world):
    old = world.tracks.track_id[:2].tolist()
    again = lambda f: pd.concat([f[f.track_id == o].assign(track_id=n) for o, n in zip(old, ("new0", "new1"))])
    t = Tables(tracks=pd.DataFrame({"track_id": ["new0", "new1"], "title": ["First steps", "Second steps"]}), audio_features=again(world.audio_features).assign(energy=[.21, .43]),
               artists=pd.DataFrame({"artist_id": ["nobody yet"], "name": ["Nobody Yet"]}), track_artists=again(world.track_artists).assign(artist_id="nobody yet"))
    more = fitted.add(t)
    assert more.predict_proba(["new0", "new1"]).between(0, 1, inclusive="neither").all() and more.artists_.inferred[more.artists_.row("nobody yet")]
    assert more.explain("new0").sum() == pytest.approx(logit(more.predict_proba(["new0"]).iloc[0]), abs=1e-6)
    assert more.recommend(liked=["nobody yet"], k=5).because.str.contains("Nobody Yet").any()


def test_added_tracks_that_are_known_or_known_recordings_stay_out(world, artists):
    gone = world.preferences.track_id[world.preferences.listener_id == "you"].tolist()[:4]
    part = lambda keep: world.replace(**{n: f[f.track_id.isin(gone) == keep] for n, f in world.frames().items() if "track_id" in f})
    model = Recommender(artists, None, forests=False).fit(part(False))
    more = model.add(part(True))
    assert set(gone) <= set(more.catalogue_.track_id) and set(gone).isdisjoint(more.recommend(k=10_000).track_id)
    again = lambda f: f.assign(track_id="again:" + f.track_id)
    copies = Tables(artists=world.artists, **{n: again(getattr(world, n)) for n in ("tracks", "track_artists", "audio_features")})
    same = more.add(copies)
    assert same.catalogue_.track_id.tolist() == more.catalogue_.track_id.tolist()
    np.testing.assert_array_equal(same.predict_proba(["again:" + i for i in gone]), more.predict_proba(gone))


def test_labels_of_one_kind_leave_the_shift_near_where_it_is_drawn():
    shift, loud = weigh(np.zeros((1, 40)), np.ones(40, int), np.ones(40), np.ones(1), .2)
    assert .2 < shift < 4 and loud == pytest.approx(1)


def test_the_test_side_of_a_split_may_be_recommended(world, artists):
    cut = next(iter(folds(world, "track", 5, 0, among=world.preferences.track_id[world.preferences.listener_id == "you"])))
    shown = set(Recommender(artists, None, forests=False).fit(world, split=cut).recommend(k=10_000).track_id)
    assert set(cut.test) <= shown and shown.isdisjoint([*cut.train, *cut.valid])


def test_a_seed_draws_the_same_list_from_a_saved_model(fitted, loaded): pd.testing.assert_frame_equal(loaded.recommend(k=9, seed=3), fitted.recommend(k=9, seed=3))


@pytest.mark.parametrize("options", [dict(seed=-1), dict(seed=None), dict(seed=.5)])
def test_a_seed_is_a_whole_number(world, options):
    with pytest.raises(MusicrecError, match="seed is"): Recommender(None, None, **options).fit(world)


def test_an_infinite_weight_is_refused(world):
    with pytest.raises(MusicrecError, match="infinite weight"): Recommender(None, None).fit(world.replace(preferences=world.preferences.assign(weight=np.inf)))


def test_two_ids_of_a_recording_cannot_be_liked_and_disliked(world, artists):
    one = world.tracks.track_id[0]
    again = lambda f: pd.concat([f, f[f.track_id == one].assign(track_id="zz again")], ignore_index=True)
    both = Recommender(artists, None).fit(world.replace(**{n: again(getattr(world, n)) for n in ("tracks", "track_artists", "audio_features")}), listener=None)
    assert len(both.catalogue_) == len(world.tracks)
    with pytest.raises(MusicrecError, match="liked and disliked at once"): both.recommend(liked=[one], disliked=["zz again"])


def test_dislikes_of_nobody_are_refused(anybody):
    ids = anybody.catalogue_.track_id.tolist()
    with pytest.raises(MusicrecError, match="'b' has dislikes"): anybody.recommend_many({"a": ids[:2]}, {"b": ids[3:5]})


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_feature_is_refused(world, artists, value):
    x = world.audio_features.copy()
    x.loc[3, "tempo"] = value
    with pytest.raises(MusicrecError, match=f"{x.track_id[3]!r} has an infinite feature"): Recommender(artists, None).fit(world.replace(audio_features=x), listener=None)


def test_likes_of_known_artists_say_nothing_of_strangers_whose_vectors_say_nothing():
    rng = np.random.default_rng(3)
    a, per = 120, 6
    artist = np.repeat(np.arange(a), per)
    liked = (rng.random(a * per) < np.where(rng.random(a) < .5, .9, .1)[artist]).astype(int)  # each artist is liked or not, whatever her vector
    ids = [f"t{i:04}" for i in range(a * per)]
    names = [f"name:artist:a{i:03}" for i in range(a)]
    told = artist < 80
    t = Tables(tracks=pd.DataFrame({"track_id": ids, "title": ids}), artists=pd.DataFrame({"artist_id": names, "name": names}),
               track_artists=pd.DataFrame({"track_id": ids, "artist_id": [names[i] for i in artist], "position": 0}),
               audio_features=pd.DataFrame(rng.uniform(.1, .9, (a * per, len(AUDIO))), columns=list(AUDIO)).assign(track_id=ids, source="x"),
               preferences=pd.DataFrame({"listener_id": "you", "track_id": np.array(ids)[told], "label": liked[told], "weight": 1., "rule": "x"}))
    model = Recommender(Embeddings(names, rng.normal(size=(a, 6)).astype("float32")), None).fit(t)
    p = model.predict_proba(ids).to_numpy()
    loss = lambda rows, p: -np.log(np.where(liked[rows] == 1, p, 1 - p)).mean()
    assert loss(~told, p[~told]) < loss(~told, liked[told].mean()) + .03
    assert loss(told, p[told]) < .5


def test_artists_may_be_predicted(world, artists):
    model = Recommender(artists, None, artist_from="predicted", forests=False)
    few = world.replace(track_artists=world.track_artists.assign(artist_id=world.artists.artist_id.iloc[np.arange(len(world.track_artists)) % 8].to_numpy()).drop_duplicates(["track_id", "artist_id"]))
    assert len(model.fit(few).recommend(k=4)) == 4


# How often artists were liked


@st.composite
def judgements(draw):
    n = draw(st.integers(1, 30))
    who = np.array(draw(st.lists(st.sampled_from(["", "a", "b", "c", "d"]), min_size=n, max_size=n)))
    seed = draw(st.integers(0, 9))
    rng = np.random.default_rng(seed)
    vectors = dict(zip(["", "a", "b", "c", "d"], np.vstack([np.zeros(3), rng.normal(size=(3, 3)), np.zeros(3)])))
    u = np.stack([vectors[w] for w in who])
    return who, u / np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-12), rng.integers(0, 2, n), rng.uniform(.2, 2, n), seed


@given(judgements())
@settings(max_examples=60, deadline=None)
def test_no_row_is_told_its_own_label(case):
    who, units, y, weight, seed = case
    half = halves(np.unique(who, return_inverse=True)[1], seed)
    for apart in (False, True):
        rates = lambda y: LikeRates.of(who, units, y, weight, seed)(who, units, totals(half, y, weight), apart)
        for i in range(len(who)):
            other = y.copy()
            other[i] = 1 - y[i]
            np.testing.assert_allclose(rates(other)[i], rates(y)[i], atol=1e-9)


def test_artists_of_one_half_and_vector_hear_the_same_of_their_neighbours():
    rng = np.random.default_rng(0)
    who, y = np.array([f"a{i:02}" for i in range(40)]), rng.integers(0, 2, 40)
    rates = LikeRates.of(who, np.ones((40, 1)), y, np.ones(40))
    near = rates(who, np.ones((40, 1)), apart=True)[:, 2:]
    for half in range(2): assert np.ptp(near[rates.half == half], axis=0).max() < 1e-12
    assert np.ptp(rates(who, np.ones((40, 1)))[:, 2]) > 0


@pytest.mark.parametrize("size", [5, 10])
def test_trees_do_not_read_labels_off_the_few_artists_of_one_vector(size):
    def areas(seed, apart):
        rng = np.random.default_rng(seed)
        who, y = np.array([f"a{i:03}" for i in range(200)]), rng.integers(0, 2, 200)
        units = rng.normal(size=(200 // size, 8))[np.arange(200) // size]
        units /= np.linalg.norm(units, axis=1, keepdims=True)
        x, hand = np.hstack([units, LikeRates.of(who, units, y, np.ones(200), seed)(who, units, apart=apart)[:, 2:]]), deal(np.arange(200), seed)
        return [roc_auc_score(y, f) for f in (Forest.grow(x, y, np.ones(200), hand).without(x, hand), Boosting.grow([x], y, np.ones(200), hand).without([x], hand)[0])]
    assert np.mean([areas(seed, True) for seed in range(4)], 0).max() < .57
    assert min(areas(0, False)) > .7  # whoever hears all others but herself is told her own label


@given(judgements())
@settings(max_examples=60, deadline=None)
def test_like_rates_are_what_a_loop_counts(case):
    who, units, y, weight, _ = case
    odds = lambda likes, rest: [np.log((likes + .5) / (rest + .5)), np.log1p(likes + rest)]
    for i, found in enumerate(LikeRates.of(who, units, y, weight)(who, units)):
        own = [sum(w for a, l, w in zip(who, y, weight) if a == who[i] != "" and l == side) for side in (1, 0)]
        near = [sum(w * np.exp(NEARNESS * (units[i] @ u - 1)) for a, u, l, w in zip(who, units, y, weight) if a not in ("", who[i]) and who[i] and u.any() and units[i].any() and l == side) for side in (1, 0)]
        np.testing.assert_allclose(found, [*odds(*own), *odds(*near)], atol=1e-9)


def world_of_facts(rng, n=360):
    """Two tracks an artist; audio says nothing, likes follow what the artist is filed under, and how old the track is."""
    ids, by = [f"t{i:03}" for i in range(n)], [f"a{i // 2:03}" for i in range(n)]
    genre, year = rng.integers(0, 4, n // 2), rng.integers(1960, 2020, n)
    likes = 3. * (genre[np.arange(n) // 2] < 2) + 3. * (year > 1990) - 3
    label = (rng.random(n) < 1 / (1 + np.exp(-1.5 * likes))).astype(int)
    return Tables(tracks=pd.DataFrame({"track_id": ids, "title": ids, "release_date": year.astype(str)}), audio_features=pd.DataFrame(rng.random((n, 8)), columns=list(AUDIO)).assign(track_id=ids), track_artists=pd.DataFrame({"track_id": ids, "artist_id": by, "position": 0}),
                  artists=pd.DataFrame({"artist_id": sorted(set(by)), "name": sorted(set(by)), "genres": [f"kind {g}|odd {g}" for g in genre]}), preferences=pd.DataFrame({"listener_id": "you", "track_id": ids, "label": label, "weight": 1.}))


def test_artists_genres_and_the_year_of_release_count_where_nothing_else_is_known():
    t = world_of_facts(np.random.default_rng(0))
    nameless, timeless = t.replace(artists=t.artists.assign(genres=None)), t.replace(tracks=t.tracks.assign(release_date=None))
    y = t.preferences.set_index("track_id").label
    area, s = {}, next(folds(t, "artist", 2, among=y.index))
    for name, tables in {"all": t, "nameless": nameless, "timeless": timeless}.items():
        p = Recommender(None, None).fit(tables, "you", s).predict_proba(s.test)
        area[name] = roc_auc_score(y[p.index], p)
    assert area["all"] > .8 and area["nameless"] < area["all"] - .05 and area["timeless"] < area["all"] - .05, area
    m = Recommender(None, None).fit(t)
    assert m.parts_.popularity.corr(t.tracks.set_index("track_id").release_date.astype(int).reindex(m.catalogue_.track_id).reset_index(drop=True)) > .4
    for i in m.catalogue_.track_id[:20]: assert m.explain(i).sum() == pytest.approx(logit(m.predict_proba([i]).iloc[0]), abs=1e-9)


def test_artists_with_one_vector_give_no_labels_away():
    """Two hundred artists of four vectors: a rate that leaves out an artist's own labels differs by nothing but these."""
    t = world_of_facts(np.random.default_rng(2))
    kind = t.artists.genres.str[5].astype(int).to_numpy()
    e, t, y = Embeddings(t.artists.artist_id.tolist(), np.random.default_rng(0).normal(size=(4, 20))[kind]), t.replace(artists=t.artists.assign(genres=None)), t.preferences.set_index("track_id").label
    s = next(folds(t, "track", 2, among=y.index))
    loss = {f: log_loss(y[s.test], Recommender(e, None, forests=f).fit(t, "you", s).predict_proba(s.test)) for f in (True, False)}
    assert loss[True] < loss[False] + .05, loss


def test_further_tracks_are_judged_by_genres_and_years_that_are_known():
    t = world_of_facts(np.random.default_rng(1))
    old, new = (t.replace(**{k: f[f.track_id.isin(ids)] for k, f in t.frames().items() if "track_id" in f}) for ids in (t.tracks.track_id[:300], t.tracks.track_id[300:]))
    m = Recommender(None, None).fit(old.replace(artists=t.artists[:150])).add(new.replace(preferences=None))
    y = new.preferences.set_index("track_id").label
    assert len(m.catalogue_) == 360 and roc_auc_score(y, m.predict_proba(y.index)) > .85
    bare = new.replace(preferences=None, artists=t.artists.assign(genres=None), tracks=new.tracks.assign(release_date=None))
    assert np.isfinite(Recommender(None, None).fit(old.replace(artists=t.artists[:150])).add(bare).predict_proba(y.index)).all()


def test_trees_are_the_same_however_many_cores_grow_them(monkeypatch):
    rng = np.random.default_rng(4)
    x, hand = rng.normal(size=(300, 4)), deal(np.arange(300))
    y = (x[:, 0] + rng.normal(size=300) > 0).astype(int)
    grown = []
    for many in (301, 1):
        monkeypatch.setattr("musicrec.additive.MANY", many)
        grown.append(Forest.grow(x, y, np.ones(300), hand))
    one, all_cores = grown
    assert (one(x) == all_cores(x)).all() and (one.without(x, hand) == all_cores.without(x, hand)).all()


@pytest.fixture(scope="module")
def moody(world):
    """What is popular is liked if it is loud, and what is not if it is quiet."""
    rng, energy = np.random.default_rng(0), world.audio().energy.reindex(world.tracks.track_id).to_numpy()
    known = rng.random(len(energy)) < .5
    told = pd.DataFrame({"listener_id": "you", "track_id": world.tracks.track_id, "label": (known == (energy > np.median(energy))).astype(int), "weight": 1., "rule": "moods"})
    return world.replace(preferences=told, listens=None, truth_likes=None, tracks=world.tracks.assign(popularity=np.where(known, 80., 20.)))


def test_what_only_parts_say_together_is_heard(moody, artists):
    y, said = moody.preferences.set_index("track_id").label, {}
    for together in (True, False):
        parts = [Recommender(artists, None, together=together).fit(moody, split=s).predict_proba(s.test) for s in folds(moody, "track", 4, 0)]
        said[together] = pd.concat(parts)
    heard, alone = (roc_auc_score(y[p.index], p) for p in said.values())
    assert heard > alone + .2


@pytest.mark.parametrize("together", [True, False])
def test_parts_stand_alone_where_asked(moody, artists, together):
    s = next(iter(folds(moody, "track", 4, 0)))
    model = Recommender(artists, None, together=together).fit(moody, split=s)
    parts = pd.DataFrame([model.explain(i) for i in s.test])
    by = model.catalogue_.set_index("track_id").popularity[s.test]
    apart = parts.popularity.groupby(by.to_numpy()).agg(np.ptp)
    assert (apart.max() < .1) != together  # the same popularity says the same, but for how sure it is


@pytest.mark.parametrize("gone", [None, "artist", "popularity"])
def test_what_trees_say_is_shared_out_whole(gone):
    rng = np.random.default_rng(0)
    seen = {p: rng.normal(size=(200, n)) * (p != gone) for p, n in (("artist", 5), ("audio", 3), ("popularity", 2))}
    y = ((seen["artist"][:, 0] * seen["audio"][:, 0] + seen["audio"][:, 1]) > 0).astype(int)
    trees = _Trees(seen, y, np.ones(200), deal(np.arange(200)), True)
    held = trees.without(seen)
    np.testing.assert_allclose(held.sum(1), trees.whole(seen), atol=1e-9)
    np.testing.assert_allclose(trees(seen).sum(1)[-2:], trees.together.whole(trees._of(seen)), atol=1e-9)
    assert gone is None or not held[:, PARTS.index(gone)].any()
    np.testing.assert_array_equal(held[0, PARTS.index(trees.parts[0])], trees.forests[0].without(seen[trees.parts[0]], trees.hand))
    flipped = np.where(np.arange(200) == 7, 1 - y, y)
    again = _Trees(seen, flipped, np.ones(200), trees.hand, True).without(seen)
    np.testing.assert_array_equal(again[..., 7], held[..., 7])  # of a labelled track, without its own label


def test_familiar_trees_hear_nothing_of_the_hand_that_they_grow_without():
    rng, artist = np.random.default_rng(0), np.repeat(np.arange(40), [6] * 30 + [1] * 10)
    n, main = len(artist), np.array([f"a{a}" if a < 39 else "" for a in artist], object)
    y, weight, half, units = rng.integers(0, 2, n), rng.random(n) + .5, halves(artist), unit(rng.normal(size=(40, 6)))[artist]
    hand = deal_halves(artist, half)
    assert all(set(hand[artist == a][half[artist == a] == half[artist == a].min()]).isdisjoint(hand[artist == a][half[artist == a] == half[artist == a].max()]) for a in range(30))
    told = {"artist": np.hstack([units, LikeRates.of(main, units, y, weight)(main, units, totals(half, y, weight), apart=True)]), "audio": rng.normal(size=(n, 3)), "popularity": np.zeros((n, 2))}
    heard = lambda y: _Familiar(told, main, units, y, weight, totals(half, y, weight), hand, 0)
    one = heard(y)
    known = one.told["artist"][:, -3] > 0
    trees = _Trees(told, y, weight, deal(artist), True, one)
    said = trees.without(told, one)
    assert trees.voices[-2:] == ["familiar, extra trees", "familiar, boosting"] and said[-2:, :, known].any() and not said[-2:, :, ~known].any()
    np.testing.assert_allclose(said[-2:, :, known].sum(1), trees.familiar.whole(trees._of(one.held), hand)[:, known], atol=1e-9)
    boosted = lambda model, seen: np.vstack([model.hands[h].predict_proba(trees.familiar.boosting._places([np.hstack(trees._of(seen))]))[hand == h] for h in range(10)])
    for h in range(10):
        other = heard(np.where(hand == h, 1 - y, y))
        np.testing.assert_array_equal(other.rates[h], one.rates[h])
        np.testing.assert_array_equal(other.held["artist"][hand == h], one.held["artist"][hand == h])
    again = heard(flipped := np.where(hand == 3, 1 - y, y))
    np.testing.assert_allclose(_Trees(told, flipped, weight, deal(artist), True, again).without(told, again)[-2].sum(0)[hand == 3], said[-2].sum(0)[hand == 3], atol=1e-9)
    grown = Boosting.grow([np.hstack(trees._of(one.held))], y, weight, hand, lambda h: [np.hstack(trees._of(one(h)))], LARGE)
    np.testing.assert_array_equal(boosted(grown, one.held), boosted(trees.familiar.boosting, one.held))  # by what each hand may see
    assert (boosted(Boosting.grow([np.hstack(trees._of(one.held))], y, weight, hand, size=LARGE), one.held) != boosted(grown, one.held)).any()


def test_several_hearings_are_each_by_itself():
    rng = np.random.default_rng(0)
    main, y, hand = np.array([*"aabbccdde", ""] * 4, object), rng.integers(0, 2, 40), rng.integers(0, 10, 40)
    units, weight, hidden = unit(rng.normal(size=(40, 3)))[[sorted(set(main)).index(m) for m in main]], rng.random(40), rng.random((40, 2))
    heard = hand != np.arange(10)[:, None]
    at_once = LikeRates.of(main, units, y, weight * heard)(main, units, hidden * heard[..., None], apart=True)
    for h in range(10): np.testing.assert_allclose(at_once[h], LikeRates.of(main, units, y, weight * heard[h])(main, units, hidden * heard[h][:, None], apart=True), atol=1e-12)


def test_few_labels_of_known_artists_give_familiar_trees_no_say(artists):
    said = [_volumes(np.vstack([x, x[:1]])[:, known], x, y, np.ones(200), known, ["one", "familiar"]).loc["known"] for x, y, known in [(
        np.random.default_rng(s).normal(size=(2, 200)), np.random.default_rng(s).integers(0, 2, 200), np.arange(200) < 1) for s in range(3)]]
    assert all(v.familiar < .2 for v in said)


def test_trees_learn_no_labels_by_heart():
    """Tosses of a coin, two for each artist: what trees are told of the one must not give the other away."""
    found = []
    for seed in range(3):
        rng, artist = np.random.default_rng(seed), np.repeat(np.arange(80), 2)
        t = Tables(tracks=pd.DataFrame({"track_id": [f"t{i:03}" for i in range(160)], "title": [f"song {i}" for i in range(160)], "source": "made up"}),
                   artists=pd.DataFrame({"artist_id": [f"a{i:02}" for i in range(80)], "name": [f"a{i:02}" for i in range(80)], "source": "made up"}),
                   track_artists=pd.DataFrame({"track_id": [f"t{i:03}" for i in range(160)], "artist_id": [f"a{i:02}" for i in artist], "position": 0}),
                   audio_features=pd.DataFrame(rng.random((160, len(AUDIO))), columns=list(AUDIO)).assign(track_id=[f"t{i:03}" for i in range(160)], source="made up"),
                   preferences=pd.DataFrame({"listener_id": "you", "track_id": [f"t{i:03}" for i in range(160)], "label": rng.integers(0, 2, 160), "weight": 1., "rule": "tosses"}))
        model = Recommender(Embeddings([f"a{i:02}" for i in range(80)], rng.normal(size=(80, 12))), None, seed=seed).fit(t)
        found.append(model.volumes_.loc["known", ["artist, extra trees", "together, extra trees", "familiar, extra trees", "familiar, boosting"]])
        assert not model.volumes_.filter(like="familiar").loc["strangers"].any()
    assert np.mean(found) < .3 and np.mean(found, axis=0)[2:].max() < .3


def test_trees_that_know_artists_hear_what_is_liked_of_each():
    """Half of the artists are liked where they are loud, half where they are quiet: it takes an artist's other tracks to tell."""
    rng, artist = np.random.default_rng(0), np.repeat(np.arange(40), 12)
    ids, who, energy = [f"t{i:03}" for i in range(480)], [f"a{i:02}" for i in range(40)], rng.random(480)
    t = Tables(tracks=pd.DataFrame({"track_id": ids, "title": [f"song {i}" for i in range(480)], "source": "made up"}), artists=pd.DataFrame({"artist_id": who, "name": who, "source": "made up"}),
               track_artists=pd.DataFrame({"track_id": ids, "artist_id": np.array(who)[artist], "position": 0}),
               audio_features=pd.DataFrame(rng.random((480, len(AUDIO))), columns=list(AUDIO)).assign(track_id=ids, source="made up", energy=energy),
               preferences=pd.DataFrame({"listener_id": "you", "track_id": ids, "label": ((energy > .5) == (artist % 2)).astype(int), "weight": 1., "rule": "moods"}))
    e = Embeddings(who, rng.normal(size=(40, 6)))
    for by, least, most in (("track", .7, 1), ("artist", .3, .65)):  # of strangers nothing can be known
        s = next(iter(folds(t, by, 4, 0)))
        model = Recommender(e, None).fit(t, split=s)
        y, p = t.preferences.set_index("track_id").label[s.test], model.predict_proba(s.test)
        assert least < roc_auc_score(y, p) < most
        parts = pd.DataFrame([model.explain(i) for i in s.test[:50]])
        np.testing.assert_allclose(expit(parts[PARTS].sum(axis=1)), p[s.test[:50]], atol=1e-6)
    alone = Recommender(e, None, together=False).fit(t, split=(s := next(iter(folds(t, "track", 4, 0)))))
    assert roc_auc_score(t.preferences.set_index("track_id").label[s.test], alone.predict_proba(s.test)) < .65 and not any("familiar" in v for v in alone.volumes_)


def test_what_was_judged_both_ways_teaches_nothing_and_stays_known(world, artists):
    world = world.replace(listens=None)
    mine = world.preferences[world.preferences.listener_id == "you"]
    liked = mine.track_id[(mine.label == 1).to_numpy()].iloc[0]
    hers = (world.preferences.track_id == liked).to_numpy()
    unjudged = world.replace(preferences=world.preferences.assign(label=world.preferences.label.mask(hers)))
    both = world.replace(preferences=unjudged.preferences.assign(rule=world.preferences.rule.mask(hers, BOTH_WAYS)))
    copied = {k: pd.concat([f, f[f.track_id == liked].assign(track_id="copy")]) for k, f in world.frames().items() if k in ("tracks", "audio_features", "track_artists")}
    contrary = pd.DataFrame({"listener_id": "you", "track_id": "copy", "label": [0], "weight": 1., "rule": "said"})
    for t in (both, world.replace(**copied, preferences=pd.concat([world.preferences, contrary]))):
        model = Recommender(artists, None).fit(t)
        assert not {liked, "copy"} & set(model.recommend(10_000).track_id) and liked not in set(model.catalogue_.track_id.iloc[model.liked_])
    assert liked in set(Recommender(artists, None).fit(unjudged).recommend(10_000).track_id)  # no label and no rule: never judged

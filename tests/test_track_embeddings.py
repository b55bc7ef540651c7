"""Losses against numpy, early stopping, labels and gaps of every kind, equal results for any number of threads."""
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, cross_val_predict
from torch import nn
from track_quality import Confidence, Ledger

from musicrec.artist2vec import Embeddings
from musicrec.blend import (FACTS, FIRM, STRENGTHS, Blend, DirichletCalibration, TitleWords, company, forest_tuned, guess_nearest, guess_usual, known_for, neighbours_known_for, pool_weights, track_facts, _counts,
                            _held_out, _read, _Sides, _sound, _sure)
from musicrec.collect import AUDIO, MusicrecError, Tables, load_tables
from musicrec.gaussian import FeatureScale, Gaussian, GaussianEncoder, Law, Rows, moments, two_parts
from musicrec.matching import recordings
from musicrec.metrics import accuracy, ece, log_loss, macro_f1, paper_loss
from musicrec.preprocess import Split, folds, main_genre, merge_duplicates, split
from musicrec.tables import main_artists
from musicrec.track_embeddings import (LOSSES, Sampling, TrackEncoder, TrackNet, Training, cross_entropy, guess_majority, main_classes, paper_bce, sampled_loss, targets, temperature, tempered, train_net,
                                       train_sampled)


@pytest.fixture(scope="module")
def world(): return load_tables("synthetic", n_artists=12, tracks_per_artist=15, n_listeners=0)


def encoder(**options): return TrackEncoder(**dict(hidden=16, max_epochs=8) | options)


@pytest.fixture(scope="module")
def fitted(world): return encoder().fit(world)


def scores(seed=0, several=False):
    rng = np.random.default_rng(seed)
    y = (rng.random((9, 4)) < .4).astype("float32") if several else np.zeros((9, 4), "float32")
    y[np.arange(9), rng.integers(0, 4, 9)] = 1
    return torch.tensor(rng.normal(size=(9, 4))), torch.tensor(y).double()


def softmax(s): return np.exp(s) / np.exp(s).sum(1, keepdims=True)


@pytest.mark.parametrize("several", [False, True])
def test_paper_loss_is_bce_of_softmax(several):
    s, y = scores(1, several)
    p, hit = softmax(s.numpy()), y.numpy()
    assert paper_bce(s, y).item() == pytest.approx(-(hit * np.log(p) + (1 - hit) * np.log(1 - p)).mean(), abs=1e-9)


def test_paper_loss_of_the_net_is_the_metric():
    s, y = scores(2)
    assert paper_bce(s, y).item() == pytest.approx(paper_loss(y.numpy().argmax(1), softmax(s.numpy())), abs=1e-9)


@pytest.mark.parametrize("several", [False, True])
def test_cross_entropy_spreads_over_labels(several):
    s, y = scores(3, several)
    hit = y.numpy() / y.numpy().sum(1, keepdims=True)
    assert cross_entropy(s, y).item() == pytest.approx(-(hit * np.log(softmax(s.numpy()))).sum(1).mean(), abs=1e-9)


def test_sigmoid_bce_is_bce_of_every_output_alone():
    s, y = scores(4, True)
    p, hit = 1 / (1 + np.exp(-s.numpy())), y.numpy()
    assert LOSSES["sigmoid_bce"](s, y).item() == pytest.approx(-(hit * np.log(p) + (1 - hit) * np.log(1 - p)).mean(), abs=1e-9)


def small_task(seed=0, n=60):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 8, generator=g)
    return x[:40], x[:40, :1] + torch.randn(40, 1, generator=g), x[40:], x[40:, :1] + torch.randn(n - 40, 1, generator=g)


def test_early_stopping_keeps_the_best_weights():
    x, y, xv, yv = small_task()
    net, history = train_net(lambda: TrackNet(8, 32, 1), nn.functional.mse_loss, x, y, xv, yv, Training(lr=.03, patience=5, max_epochs=80))
    with torch.no_grad(): assert nn.functional.mse_loss(net(xv), yv).item() == pytest.approx(history.valid.min(), rel=1e-6)
    assert len(history) == history.valid.idxmin() + 7 < 80


def test_learning_rate_falls_when_validation_stalls():
    _, history = train_net(lambda: TrackNet(8, 32, 1), nn.functional.mse_loss, *small_task(), Training(lr=.03, patience=8, max_epochs=60))
    assert history.lr.iloc[-1] < history.lr.iloc[0] and history.lr.is_monotonic_decreasing


def test_dropout_follows_the_seed_too():
    make = lambda: nn.Sequential(nn.Linear(8, 16), nn.Dropout(.5), nn.Linear(16, 1))
    losses = [train_net(make, nn.functional.mse_loss, *small_task(), Training(max_epochs=3))[1].valid.tolist() for _ in range(2)]
    assert losses[0] == losses[1]


def test_training_leaves_the_global_random_state_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    train_net(lambda: TrackNet(8, 4, 1), nn.functional.mse_loss, *small_task(), Training(max_epochs=2))
    assert torch.equal(before, torch.random.get_rng_state())


def test_features_that_never_give_a_finite_loss_are_refused():
    x, y, xv, yv = small_task()
    with pytest.raises(MusicrecError, match="finite"): train_net(lambda: TrackNet(8, 4, 1), nn.functional.mse_loss, x * np.nan, y, xv * np.nan, yv, Training(max_epochs=3, patience=1))


def test_nothing_to_train_on_is_refused():
    x, y, xv, yv = small_task()
    with pytest.raises(MusicrecError, match="0 training"): train_net(lambda: TrackNet(8, 4, 1), nn.functional.mse_loss, x[:0], y[:0], xv, yv)


def test_same_bits_for_one_and_two_threads_and_for_any_row_order(world, fitted):
    before = torch.get_num_threads()
    shuffled = world.replace(**{name: f.sample(frac=1, random_state=1) for name, f in world.frames().items()})
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            e = encoder().fit(shuffled).embed(shuffled)
            assert np.array_equal(e.take(world.tracks.track_id)[0], fitted.embed(world).take(world.tracks.track_id)[0])
    finally: torch.set_num_threads(before)


def test_another_seed_is_another_net(world, fitted):
    assert not np.array_equal(encoder(seed=1).fit(world).embed(world).vectors, fitted.embed(world).vectors)


@pytest.mark.parametrize("target", ["genre", "artist"])
@pytest.mark.parametrize("loss", ["auto", "paper", "cross_entropy", "sigmoid_bce", "sampled"])
def test_probabilities_sum_to_one(world, target, loss):
    p = encoder(target=target, loss=loss, max_epochs=2).fit(world).predict_proba(world)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (p.to_numpy() >= 0).all() and len(p) == len(world.tracks)


def test_learned_genres_beat_the_commonest(world):
    model = TrackEncoder(hidden=64, max_epochs=60).fit(world)
    truth = main_genre(world)[list(model.split_.test)]
    guess = main_genre(world)[list(model.split_.train)].mode()[0]
    assert (model.predict(world, model.split_.test) == truth).mean() > (truth == guess).mean() + .1


def test_learned_valence_beats_the_mean():
    t = load_tables("synthetic", n_artists=40, tracks_per_artist=15, n_listeners=0)
    model = TrackEncoder(target="valence", hidden=32, max_epochs=60).fit(t)
    truth = t.audio().valence[list(model.split_.test)]
    error = lambda guess: float(((guess - truth)**2).mean())
    assert error(model.predict(t, model.split_.test)) < error(truth.mean())


def test_valence_is_not_told_its_own_answer(world):
    model = encoder(target="valence", max_epochs=2).fit(world)
    other = world.replace(audio_features=world.audio_features.assign(valence=.5))
    assert np.array_equal(model.embed(world).vectors, model.embed(other).vectors)


def test_tracks_with_several_genres_are_learned(world):
    more = world.track_genres.assign(genre="a second one")[::2]
    t = world.replace(track_genres=pd.concat([world.track_genres, more]))
    assert {"a second one", "genre 0"} <= set(encoder(max_epochs=2).fit(t).classes_)


def with_gaps(t):
    holes = np.random.default_rng(0).random((len(t.audio_features), 8)) < .2
    return t.replace(audio_features=t.audio_features.assign(**t.audio_features[list(AUDIO)].mask(holes)))


@pytest.mark.parametrize("target", ["genre", "artist", "valence"])
def test_missing_features_give_finite_vectors(world, target):
    t = with_gaps(world)
    e = encoder(target=target, max_epochs=3, min_tracks=5).fit(t).embed(t)
    assert len(e) == len(t.tracks) and np.isfinite(e.vectors).all()


def test_column_without_a_value_counts_nothing(world):
    t = world.replace(audio_features=world.audio_features.assign(tempo=np.nan))
    assert np.isfinite(encoder(max_epochs=2).fit(t).embed(t).vectors).all()


def test_track_with_one_missing_feature_is_as_if_average(world, fitted):
    mean = float(fitted.scale_.mean_[0])
    one = lambda v: world.replace(audio_features=world.audio_features.assign(acousticness=v))
    np.testing.assert_allclose(fitted.embed(one(np.nan)).vectors, fitted.embed(one(mean)).vectors, atol=1e-5)


def test_artists_with_too_few_tracks_are_no_classes(world):
    rare = set(world.artists.artist_id[:4])
    keep = ~(world.track_artists.artist_id.isin(rare) & (world.track_artists.groupby("artist_id").cumcount() > 2))
    t = world.replace(track_artists=world.track_artists[keep])
    assert not rare & set(targets(merge_duplicates(t), "artist", 10)[1])


@pytest.mark.parametrize("target", ["genre", "artist", "valence", "mood"])
def test_tables_without_the_target_are_refused(world, target):
    bare = Tables(tracks=world.tracks, audio_features=world.audio_features.assign(valence=np.nan))
    with pytest.raises(MusicrecError): encoder(target=target).fit(bare)


@pytest.mark.parametrize("options", [dict(loss="magic"), dict(max_epochs=0), dict(target="valence", loss="paper")], ids=str)
def test_impossible_settings_are_refused(world, options):
    with pytest.raises(MusicrecError): encoder(**options).fit(world)


def test_empty_sides_are_refused(world):
    none = np.array([], object)
    with pytest.raises(MusicrecError): encoder().fit(world, Split(none, none, none, "track", 0))


def test_tracks_of_the_test_side_are_not_learned_from(world):
    s = split(world, seed=3)
    changed = world.replace(audio_features=world.audio_features.assign(energy=world.audio_features.energy.mask(world.audio_features.track_id.isin(s.test), .5)))
    a, b = encoder(max_epochs=3).fit(world, s), encoder(max_epochs=3).fit(changed, s)
    assert all(torch.equal(p, q) for p, q in zip(a.net_.parameters(), b.net_.parameters()))


def test_unknown_track_is_refused(world, fitted):
    with pytest.raises(MusicrecError, match="nowhere"): fitted.predict_proba(world, ["nowhere"])


def test_valence_has_no_classes(world):
    with pytest.raises(MusicrecError, match="predict"): encoder(target="valence", max_epochs=1).fit(world).predict_proba(world)


def test_using_it_before_fit_is_refused(world):
    for use in (TrackEncoder().embed, TrackEncoder().predict_proba):
        with pytest.raises(NotFittedError): use(world)


def test_estimator_keeps_its_settings(): assert clone(TrackEncoder(target="artist", hidden=7)).get_params()["hidden"] == 7


def test_majority_gives_class_shares_and_never_zero():
    p = guess_majority([0, 0, 1], 4, 3)
    assert p.shape == (4, 3) and (p > 0).all() and np.allclose(p.sum(1), 1) and p[0].argmax() == 0


@pytest.mark.parametrize("options", [dict(), dict(target="artist", loss="sampled", neck=4), dict(loss="sigmoid_bce"), dict(target="valence")], ids=str)
def test_saved_and_loaded_net_says_the_same_to_the_bit(world, tmp_path, options):
    model = encoder(**options, max_epochs=3).fit(world)
    again = TrackEncoder.load(model.save(tmp_path / "model"))
    ask = (lambda m: m.predict(world)) if model.target == "valence" else lambda m: m.predict_proba(world)
    assert np.array_equal(ask(model).to_numpy(), ask(again).to_numpy()) and again.get_params() == model.get_params()
    assert np.array_equal(model.embed(world).vectors, again.embed(world).vectors)
    assert not list((tmp_path / "model").glob("*.pkl")) and again.history_.valid.idxmin() == model.history_.valid.idxmin()


def test_folder_of_another_net_is_refused(fitted, tmp_path):
    folder = fitted.save(tmp_path / "model")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('"hidden": 16', '"hidden": 17'))
    with pytest.raises(MusicrecError, match="do not belong together"): TrackEncoder.load(folder)


def test_one_and_two_threads_choose_the_same_epoch():
    x, y, xv, yv = small_task(n=400)
    before, chosen = torch.get_num_threads(), []
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            chosen.append((train_net(lambda: TrackNet(8, 512, 1), nn.functional.mse_loss, x, y, xv, yv, Training(patience=4, max_epochs=40))[1].valid.idxmin(),
                           train_sampled(lambda: TrackNet(8, 64, 12, 8), x, (x[:, 0] * 2).long().clamp(-5, 5) + 5, xv, (xv[:, 0] * 2).long().clamp(-5, 5) + 5, Sampling(negatives=6, batch=16, max_epochs=8))[1].valid.idxmin()))
    finally: torch.set_num_threads(before)
    assert chosen[0] == chosen[1]


def test_sampled_loss_estimates_the_loss_over_all_classes():
    g = torch.Generator().manual_seed(3)
    last, weights, bias, y = torch.randn(6, 5, generator=g), torch.randn(300, 5, generator=g), torch.randn(300, generator=g), torch.randint(300, (6,), generator=g)
    full = nn.functional.cross_entropy(last @ weights.T + bias, y).item()
    share = torch.rand(300, generator=g) + .2
    share /= share.sum()
    drawn = [torch.multinomial(share, 200, replacement=True, generator=g) for _ in range(200)]
    mean = np.mean([sampled_loss(last, (weights[y], bias[y]), (weights[d], bias[d] - torch.log(200 * share[d])), y, d).item() for d in drawn])
    assert mean == pytest.approx(full, abs=.03)


def test_temperature_mends_a_net_that_is_too_sure(world):
    raw, tuned = (encoder(calibrate=c, max_epochs=60, hidden=64, patience=60).fit(world) for c in (False, True))
    assert raw.temperature_ == 1 != tuned.temperature_
    y = main_classes(world, tuned.split_.valid, "genre", tuned.classes_)
    loss = lambda m: -np.log(m.predict_proba(world, tuned.split_.valid).to_numpy()[np.arange(len(y)), y]).mean()
    assert loss(tuned) <= loss(raw)


def test_temperature_leaves_the_order_alone():
    s = np.random.default_rng(0).normal(size=(50, 4))
    assert np.array_equal(tempered(s).argsort(1), tempered(s, 3.).argsort(1)) and .2 <= temperature(s, s.argmax(1)) <= 5


def test_expected_artist_vector_lies_among_the_artists(world):
    model = encoder(target="artist").fit(world)
    known = Embeddings(list(model.classes_[:5]), np.eye(5))
    e = model.expect_artists(world, known, list(world.tracks.track_id[:7]))
    assert e.inferred.all() and np.allclose(e.vectors.sum(1), 1, atol=1e-5) and (e.vectors >= 0).all()
    with pytest.raises(MusicrecError, match="has a vector"): model.expect_artists(world, Embeddings(["nobody"], np.ones((1, 2))))
    with pytest.raises(MusicrecError, match="target="): encoder(max_epochs=1).fit(world).expect_artists(world, known)


def test_a_blend_of_nothing_is_refused_and_nothing_asked_is_answered(world):
    with pytest.raises(MusicrecError, match="features are empty"): Blend(features=()).fit(world)
    with pytest.raises(MusicrecError, match="nets is 0"): Blend(nets=0, members=("nets",)).fit(world)
    model = Blend(members=("forest",)).fit(world)
    assert model.predict_proba(world, []).shape == (0, len(model.classes_))


MAKERS = {"net": lambda **o: encoder(max_epochs=3, **o), "gaussian": lambda **o: GaussianEncoder(**dict(target="genre") | o), "blend": lambda **o: Blend(members=("forest", "gaussian"), **o)}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
class TestOddInput:
    def test_infinite_features_are_refused(self, world, make):
        bad = world.replace(audio_features=world.audio_features.assign(tempo=world.audio_features.tempo.mask(world.audio_features.index == 3, np.inf)))
        with pytest.raises(MusicrecError, match="infinite"): make().fit(bad)

    def test_gaps_and_constant_columns_give_probabilities(self, world, make):
        odd = with_gaps(world)
        odd = odd.replace(audio_features=odd.audio_features.assign(tempo=120., energy=np.nan))
        p = make().fit(odd).predict_proba(odd)
        assert np.isfinite(p.to_numpy()).all() and np.allclose(p.sum(axis=1), 1, atol=1e-5)

    def test_label_seen_only_in_the_test_is_a_class_of_small_probability(self, world, make):
        s = split(world, seed=1)
        t = world.replace(track_genres=pd.concat([world.track_genres[~world.track_genres.track_id.isin(s.test)], pd.DataFrame({"track_id": s.test, "genre": "unheard", "source": "synthetic"})]))
        p = make().fit(t, s).predict_proba(t, s.test)
        assert "unheard" in p and p["unheard"].mean() < .2 and np.isfinite(p.to_numpy()).all()

    def test_class_without_tracks_is_no_class(self, world, make):
        t = world.replace(track_genres=pd.concat([world.track_genres, pd.DataFrame({"track_id": ["nowhere"], "genre": "empty", "source": "synthetic"})]))
        assert "empty" not in make().fit(t).predict_proba(t)

    def test_artists_of_one_track_are_learned_if_asked_for(self, world, make):
        first = world.track_artists.groupby("artist_id").cumcount() == 0
        keep = ~world.track_artists.artist_id.isin(set(world.artists.artist_id[:3])) | first
        t = world.replace(track_artists=world.track_artists[keep])
        p = make(target="artist", min_tracks=1).fit(t).predict_proba(t)
        assert np.isfinite(p.to_numpy()).all() and set(main_artists(t)) == set(p)

    def test_training_side_without_labels_is_refused(self, world, make):
        none = np.array([], object)
        with pytest.raises(MusicrecError): make().fit(world, Split(none, world.tracks.track_id.to_numpy(object)[:9], none, "track", 0))


def clouds(k=5, n=60, d=4, seed=0, own=False):
    rng = np.random.default_rng(seed)
    root = np.eye(d) + .4 * rng.normal(size=(k if own else 1, d, d)) + np.zeros((k, 1, 1))
    y = np.repeat(np.arange(k), n)
    return (2 * rng.normal(size=(k, d))[y] + (root[y] @ rng.normal(size=(len(y), d, 1)))[..., 0]).astype("float32"), y


def test_moments_do_not_depend_on_order_or_block_size():
    x, y = clouds()
    mix = np.random.default_rng(1).permutation(len(y))
    for size in (1, 100, 10**6):
        for a, b in zip(moments(Rows(x, y, 6, size)), moments(Rows(x[mix], y[mix], 6))): np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("own", [False, True])
def test_closed_form_agrees_with_scikit_learn(own):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
    x, y = clouds(n=2000, own=own)
    peer = (QuadraticDiscriminantAnalysis if own else LinearDiscriminantAnalysis)().fit(x, y)
    p = Gaussian("own" if own else "shared").fit(x, y).predict_proba(x)
    assert np.abs(p - peer.predict_proba(x)).mean() < .01 and (p.argmax(1) == peer.predict(x)).mean() > .99


def test_validation_chooses_between_one_covariance_and_many():
    for own in (False, True):
        x, y = clouds(k=8, n=400, own=own)
        mix = np.random.default_rng(2).permutation(len(y))
        loss = Gaussian().fit(x[mix[:2400]], y[mix[:2400]], 8, (x[mix[2400:]], y[mix[2400:]])).loss_
        assert loss["own"] < loss["shared"] - .05 if own else loss["shared"] < min(loss.values()) + .02


def test_two_parts_hold_all_tracks_even_of_classes_with_one():
    x, y = clouds(k=4, n=30)
    x, y = x[:91], y[:91] # the last class has one row
    rows = Rows(x, y, 5)
    n, mean, scatter = moments(rows)
    N, M, S, common = two_parts(rows, mean, scatter)
    np.testing.assert_allclose(N.sum(1), n, atol=.05)
    assert torch.isfinite(M).all() and torch.isfinite(S).all() and torch.linalg.eigvalsh(common).min() > 0


def test_stretched_features_are_the_same_for_train_and_test():
    x = np.random.default_rng(0).beta(.5, .5, (100, 3))
    scale = FeatureScale().fit(x)
    np.testing.assert_array_equal(scale.transform(x)[5:9], scale.transform(x[5:9]))


def test_nobody_is_told_a_label_of_its_own():
    rng = np.random.default_rng(0)
    labels, artist, fold = rng.dirichlet(np.ones(3), 200), rng.integers(-1, 20, 200), rng.integers(0, 5, 200)
    told = known_for(labels, artist, fold=fold)
    for i in range(0, 200, 17):
        other = labels.copy()
        other[i] = np.roll(other[i], 1)
        np.testing.assert_array_equal(known_for(other, artist, fold=fold)[i], told[i])


def test_genres_of_artists_told_by_others_are_heard_if_asked_for_and_label_nothing():
    """A world in which audio says nothing and artists' tags say all; a table without tags, or with odd ones, is answered too."""
    rng = np.random.default_rng(0)
    n = 600
    ids, artist = [f"t{i}" for i in range(n)], [f"a{i // 3}" for i in range(n)]
    genre = rng.integers(0, 3, n // 3)
    t = Tables(tracks=pd.DataFrame({"track_id": ids, "title": ids}), audio_features=pd.DataFrame(rng.random((n, 8)), columns=list(AUDIO)).assign(track_id=ids), track_genres=pd.DataFrame({"track_id": ids, "genre": [f"g{genre[i // 3]}" for i in range(n)]}),
               track_artists=pd.DataFrame({"track_id": ids, "artist_id": artist, "position": 0}), artists=pd.DataFrame({"artist_id": sorted(set(artist), key=lambda a: int(a[1:])), "genres": [f"tag {g}|seen live" for g in genre]}))
    s = split(t, by="artist", seed=0)
    options = dict(nets=1, members=("nets", "forest"), company=False)
    right = lambda blend, tables: accuracy(main_classes(t, s.test, "genre", blend.classes_), blend.predict_proba(tables, s.test).to_numpy())
    deaf, hears = Blend(**options).fit(t, s), Blend(filed=True, **options).fit(t, s)
    assert right(hears, t) > .95 and right(deaf, t) < .5
    bare, odd = (t.replace(artists=t.artists.assign(genres=g)) for g in (None, "never met before"))
    for tables in (bare, odd): assert np.isfinite(hears.predict_proba(tables, s.test).to_numpy()).all() and right(hears, tables) < .6
    assert Blend(filed=True, **options).fit(bare, s).axes_ is None
    by_track = split(t, by="track", seed=0)
    known = Blend(filed=True, **options).fit(t, by_track)
    assert accuracy(main_classes(t, by_track.test, "genre", known.classes_), known.predict_proba(t, by_track.test).to_numpy()) > .95 and "artist" in known.known_


def test_company_leaves_the_track_itself_out():
    x = pd.DataFrame({"tempo": [1., 2, 3, 4]}, index=list("abcd"))
    artist = pd.Series(["u", "u", "u", "v"], index=x.index)
    moved = x.assign(tempo=[9., 2, 3, -4]) # the mean of all stays
    assert company(moved, artist).tempo["a"] == pytest.approx(company(x, artist).tempo["a"])


def test_labels_of_the_test_side_change_no_prediction(world):
    s = split(world, seed=2)
    other = world.replace(track_genres=world.track_genres.assign(genre=world.track_genres.genre.mask(world.track_genres.track_id.isin(s.test), "genre 0")))
    a, b = (Blend(members=("forest",), labels="yes").fit(t, s).predict_proba(world, s.test) for t in (world, other))
    np.testing.assert_allclose(a.reindex(columns=b.columns), b, atol=1e-9)


def titled(t, words):
    """The tables with genres drawn by lot, and a title made of each track's number and genre."""
    t = t.replace(track_genres=t.track_genres.assign(genre=np.random.default_rng(3).choice(["calm", "loud"], len(t.track_genres))))
    genre = main_genre(t).reindex(t.tracks.track_id)
    return t.replace(tracks=t.tracks.assign(title=[words(i, g) for i, g in enumerate(genre)]))


def heard(t, s, words=True):
    """What a forest that hears words says of the test side, and how much of it is right."""
    p = Blend(members=("forest",), words=words).fit(t, s).predict_proba(t, s.test)
    return p, (p.to_numpy().argmax(1) == main_classes(t, s.test, "genre", p.columns.to_numpy())).mean()


@pytest.mark.parametrize("by", ["track", "artist"])
def test_words_of_titles_teach_and_the_test_side_tells_nothing(world, by):
    said = titled(world, lambda i, g: f"{['night', 'sun', 'rain'][i % 3]} {g[::-1] if i % 4 else 'song'}")
    s = split(said, by=by, seed=1)
    p, right = heard(said, s)
    assert right > max(.7, heard(said, s, False)[1])
    hidden = said.track_genres.genre.mask(said.track_genres.track_id.isin(s.test), "calm")
    other = heard(said.replace(track_genres=said.track_genres.assign(genre=hidden)), s)[0]
    np.testing.assert_allclose(other.reindex(columns=p.columns), p, atol=1e-9)


@pytest.mark.parametrize("name", ["{g}.{n:05}.wav", "{n} - {g}", "{g} {n}"])
def test_file_names_that_name_the_genre_are_not_heard(world, name):
    count = {"calm": 0, "loud": 0}
    def words(i, g):
        count[g] += 1
        return name.format(g=g, n=count[g])
    said = titled(world, words)
    s = split(said, seed=1)
    assert heard(said, s)[1] <= heard(said, s, False)[1] + .15 and heard(said, s)[1] < .7


def test_names_of_several_words_are_not_heard_in_one():
    titles, y = ["hiphop1", "rock_1"] * 9, np.array([0, 1] * 9)
    assert TitleWords(titles, y, ["hip-hop", "rock"])(["hiphop1", "rock_2"]).tolist() == [[.5, .5]] * 2


def test_albums_are_no_input_where_they_are_to_be_new(world):
    """Genres drawn by lot for whole albums: who trusts albums in training knows nothing of new ones."""
    album = world.tracks.set_index("track_id").album_id
    drawn = dict(zip(album.unique(), np.random.default_rng(5).choice(["calm", "loud"], album.nunique())))
    t = world.replace(track_genres=world.track_genres.assign(genre=album.reindex(world.track_genres.track_id).map(drawn).to_numpy()))
    model = Blend(members=("forest",)).fit(t, split(t, by="album", seed=0))
    assert "album" not in model.known_ and "album" in Blend(members=("forest",)).fit(t, split(t, seed=0)).known_


def test_artist_vectors_of_nobody_here_change_nothing(world):
    s = split(world, seed=0)
    p = Blend(members=("forest",), artists=Embeddings(["nobody"], np.ones((1, 2)))).fit(world, s).predict_proba(world, s.test)
    assert np.isfinite(p.to_numpy()).all()


def test_a_row_learns_nothing_of_its_own_label_from_words_or_neighbours():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["sun", "rain", "night", "sea"], 2)) for _ in range(60)]
    y, turn = rng.integers(0, 2, 60), rng.integers(0, 5, 60)
    flipped = np.where(turn == 3, 1 - y, y)
    a, b = (TitleWords(texts, labels, ["x", "y"], turn).fold_chances for labels in (y, flipped))
    assert (a[turn == 3] == b[turn == 3]).all() and (a[turn != 3] != b[turn != 3]).any()
    count, vectors, number = rng.integers(0, 5, (8, 3)).astype(float), rng.normal(size=(8, 4)), np.arange(8)
    other = count.copy()
    other[2] = [9, 0, 0]
    a, b = (neighbours_known_for(c, vectors, number, vectors, k=8) for c in (count, other))
    assert (a[2] == b[2]).all() and (a != b).any()
    half = number % 2
    other = np.where((half == 1)[:, None], count[:, ::-1], count)
    a, b = (neighbours_known_for(c, vectors, number, vectors, k=8, half=half) for c in (count, other))
    assert (a[half == 1] == b[half == 1]).all() and (a[half == 0] != b[half == 0]).any()


@pytest.mark.parametrize("size", [5, 10])
def test_trees_do_not_read_labels_off_what_neighbours_of_few_artists_are_known_for(size):
    def right(seed):  # random labels of artists, few of whom share a vector
        rng, who = np.random.default_rng(seed), np.arange(210)
        y, vectors = rng.integers(0, 3, 210), rng.normal(size=(210 // size, 8))[who // size]
        x = np.hstack([vectors, neighbours_known_for(np.eye(3)[y], vectors, who, vectors, half=rng.permutation(210) % 2)])
        return (cross_val_predict(ExtraTreesClassifier(100, min_samples_leaf=2, random_state=seed), x, y, cv=KFold(5, shuffle=True, random_state=seed)) == y).mean()
    assert np.mean([right(seed) for seed in range(6)]) < .39  # a third by chance; 0.41 and more by fifths or tenths


def test_calibrating_by_other_labels_changes_how_sure_guesses_are_and_nothing_else(world):
    s = split(world, seed=0)
    model = Blend(members=("forest",)).fit(world, s)
    rng, genres = np.random.default_rng(0), world.track_genres
    lost = rng.random(len(genres)) < .5  # somebody who files every other track at random
    other = world.replace(track_genres=genres.assign(genre=np.where(lost, rng.permutation(genres.genre), genres.genre)))
    a, b = (m.predict_proba(world, s.test).to_numpy() for m in (model, model.calibrate(other, s.test)))
    y = main_classes(other, s.test, "genre", model.classes_)
    assert (np.argsort(a, 1) == np.argsort(b, 1)).all() and log_loss(y, b) < log_loss(y, a)
    assert model.temperature_ < model.calibrate(other, s.test).temperature_


def test_adapting_learns_what_goes_by_another_name(world):
    s = split(world, seed=0, test=.5)
    model, genres = Blend(members=("forest",)).fit(world, s), world.track_genres
    a, b = model.classes_[:2]
    other = world.replace(track_genres=genres.assign(genre=genres.genre.replace({a: b, b: a})))
    told, asked = s.test[::2], s.test[1::2]
    y, changed = main_classes(other, asked, "genre", model.classes_), model.adapt(other, told)
    before, after = (m.predict_proba(other, asked).to_numpy() for m in (model, changed))
    assert accuracy(y, before) + .2 < accuracy(y, after) and log_loss(y, after) < log_loss(y, model.calibrate(other, told).predict_proba(other, asked).to_numpy()) < log_loss(y, before)
    np.testing.assert_array_equal(before, model.predict_proba(other, asked).to_numpy())  # the model itself stays
    np.testing.assert_allclose(changed.adapt(other, told).predict_proba(other, asked), after, atol=1e-12)  # twice is once
    sure = changed.calibrate(other, told).predict_proba(other, asked).to_numpy()
    assert (np.argsort(sure, 1) == np.argsort(after, 1)).all()
    same = model.adapt(world, told).predict_proba(world, asked).to_numpy()
    assert accuracy(main_classes(world, asked, "genre", model.classes_), same) >= accuracy(main_classes(world, asked, "genre", model.classes_), before) - .05  # who files as we do changes little
    with pytest.raises(MusicrecError, match="Use calibrate"): Blend(target="artist", min_tracks=3, members=("forest",)).fit(world).adapt(world, told)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 60), st.sampled_from(STRENGTHS))
def test_a_reading_is_the_likeliest_and_knows_no_order_of_classes(seed, k, n, strength):
    rng = np.random.default_rng(seed)
    scores, y, turn = _sure(3 * rng.normal(size=(n, k))), rng.integers(0, k, n), rng.permutation(k)
    def minus_log(matrix, shift, cold):
        p = tempered(scores @ matrix + shift)
        return -np.log(p[np.arange(n), y]).sum() + .5 * (FIRM * np.log(cold)**2 + ((matrix - cold * np.eye(k))**2).sum() / strength + shift @ shift)
    matrix, shift = _read(scores, y, strength)
    best = lambda m, b: minimize_scalar(lambda c: minus_log(m, b, np.exp(c)), bounds=(-4, 4), method="bounded").fun
    least = best(matrix, shift)
    for _ in range(5): assert best(matrix + .02 * rng.normal(size=(k, k)), shift + .02 * rng.normal(size=k)) > least - 1e-4
    turned = _read(scores[:, turn], np.argsort(turn)[y], strength)
    np.testing.assert_allclose(scores[:, turn] @ turned[0] + turned[1], (scores @ matrix + shift)[:, turn], atol=.05)


def only_heated(reading): return not reading.intercept.any() and np.count_nonzero(reading.matrix) == len(reading.matrix)


def test_a_reading_of_one_group_or_of_many_classes_is_a_temperature():
    rng = np.random.default_rng(0)
    scores = 2 * rng.normal(size=(40, 3))
    y = (scores.argmax(1) + 1) % 3  # always called something else
    assert only_heated(DirichletCalibration.learn(scores, y, np.zeros(40, int)))  # nobody can be left out
    reading = DirichletCalibration.learn(scores, y, np.arange(40))
    assert (reading(scores).argmax(1) == y).mean() > .9
    hot = DirichletCalibration.learn(5 * scores, y, np.arange(40), heat=5.)
    np.testing.assert_allclose(hot(5 * scores), reading(scores), atol=1e-6)
    assert hot.doubt == pytest.approx(reading.doubt)
    wide = np.eye(60)[np.arange(240) % 60] * 3
    assert only_heated(DirichletCalibration.learn(wide, (np.arange(240) + 1) % 60, np.arange(240)))


def test_few_rows_that_say_the_same_change_nothing_but_a_temperature():
    rng, lost = np.random.default_rng(0), {True: [], False: []}
    for n in (5, 20):
        for _ in range(20):
            true = rng.integers(0, 4, 1000 + n)
            scores = 2 * np.eye(4)[true] + rng.normal(size=(1000 + n, 4))
            reading = DirichletCalibration.learn(scores[:n], true[:n], np.arange(n))
            lost[only_heated(reading)].append(log_loss(true[n:], tempered(reading(scores[n:]), reading.doubt)) - log_loss(true[n:], tempered(scores[n:] * 2)))
    assert len(lost[True]) >= 35 and np.mean(lost[True]) < .1


def test_what_one_artist_is_called_is_no_word_for_all():
    """Each artist has a genre that others would not give; told by some, a reading must not be worse than a temperature for others."""
    rng, gain = np.random.default_rng(0), []
    for _ in range(8):
        artist, true = np.repeat(np.arange(60), 10), np.repeat(rng.integers(0, 3, 60), 10)
        scores, y = 3 * np.eye(3)[true] + .3 * rng.normal(size=(60, 3))[artist] + .3 * rng.normal(size=(600, 3)), np.where(rng.random(60) < .5, true[::10], rng.integers(0, 3, 60))[artist]
        learn, heat = np.arange(600) < 100, lambda r: tempered(r(scores[100:]), r.doubt)
        by_artist, by_row = DirichletCalibration.learn(scores[learn], y[learn], artist[learn]), DirichletCalibration.learn(scores[learn], y[learn], np.arange(100))
        gain.append(log_loss(y[100:], heat(by_row)) - log_loss(y[100:], heat(by_artist)))
    assert np.mean(gain) > .05 and min(gain) > -.05


def test_calibrating_or_adapting_again_starts_from_what_was_fitted(world):
    s = split(world, seed=0, test=.5)
    model, told, asked = Blend(members=("forest",)).fit(world, s), s.test[::2], s.test[1::2]
    genres = world.track_genres
    other = world.replace(track_genres=genres.assign(genre=np.random.default_rng(0).permutation(genres.genre)))
    once, one = model.calibrate(other, told), model.calibrate(other, told[:1])
    assert once.calibrate(other, told).temperature_ == once.temperature_ > model.temperature_
    assert abs(np.log(one.temperature_ / model.temperature_)) < abs(np.log(once.temperature_ / model.temperature_)) / 2  # one track says little
    p = lambda m: m.predict_proba(world, asked).to_numpy()
    np.testing.assert_allclose(p(once.adapt(world, told)), p(model.adapt(world, told)), atol=1e-12)
    np.testing.assert_allclose(p(model.adapt(other, told[::-1])), p(model.adapt(other, told)), atol=5e-4)  # in any order
    alike = genres[genres.track_id.isin(told)].groupby("genre").track_id.agg(list)
    with pytest.raises(MusicrecError, match="tracks of all that is filed there"): model.adapt(world, alike.loc[alike.str.len().idxmax()])


def test_calibrating_names_what_cannot_be_calibrated_by(world):
    s = split(world, seed=0)
    model, some = Blend(members=("forest",)).fit(world, s), list(s.test[:20])
    more = pd.concat([world.track_genres, pd.DataFrame({"track_id": some, "genre": "aaa unheard"})])
    assert model.calibrate(world.replace(track_genres=more), some).temperature_ == model.calibrate(world, some).temperature_  # a further genre is no hindrance
    silent = world.replace(audio_features=world.audio_features[world.audio_features.track_id != some[0]])
    unheard = world.replace(track_genres=world.track_genres.assign(genre="unheard"))
    for t, ids, what in [(silent, some, "no audio features"), (unheard, some, "tracks have no genre"), (world, s.train, "learned from"), (world, some[0], "one text"), (world, [], "no tracks")]:
        with pytest.raises(MusicrecError, match=what): model.calibrate(t, ids)


def test_neighbours_of_many_artists_are_those_of_brute_force():
    rng = np.random.default_rng(1)
    count, vectors = rng.integers(0, 5, (40, 3)).astype(float), rng.normal(size=(40, 4))
    asked, number = rng.normal(size=(1300, 4)), np.full(1300, -1)
    number[::2], asked[::2] = np.arange(650) % 40, vectors[np.arange(650) % 40]
    found = neighbours_known_for(count, vectors, number, asked, k=5)
    length = lambda v: v / np.linalg.norm(v, axis=1, keepdims=True)
    for i in range(0, 1300, 97):
        cosine = length(vectors) @ length(asked[[i]])[0]
        if number[i] >= 0: cosine[number[i]] = -1
        near = np.argsort(-cosine)[:5]
        told = (np.clip(cosine[near], 0, None)[:, None]**3 * count[near] / (count[near].sum(1, keepdims=True) + 1)).sum(0)
        np.testing.assert_allclose(found[i], [*told / told.sum(), max(cosine[near[0]], 0)], atol=1e-9)


def test_facts_of_tracks_are_numbers_or_gaps():
    tracks = pd.DataFrame({"track_id": list("abcd"), "popularity": [1, None, 100, 0], "release_date": ["1999", "2001-12", "2001-02-03", None]})
    assert track_facts(Tables(tracks=tracks)).fillna(-1).to_numpy().tolist() == [[1, 1999], [-1, 2001], [100, 2001], [0, -1]]
    assert track_facts(Tables(tracks=tracks.assign(release_date=["0000", "inf", "1e99", "19991"]))).release_year.isna().all()


@pytest.mark.parametrize("gone", ["titles", "facts", "half of all"])
def test_blend_bears_missing_titles_and_facts(world, gone):
    tracks = world.tracks.copy()
    if gone == "titles": tracks["title"] = tracks["album_name"] = None
    if gone == "facts": tracks["popularity"] = tracks["release_date"] = None
    if gone == "half of all": tracks.loc[::2, ["title", "album_name", "popularity", "release_date"]] = None
    t = world.replace(tracks=tracks)
    for labels in ("yes", "no"):
        p = Blend(features=(*AUDIO, *FACTS), words=True, nets=1, labels=labels).fit(t, cut := split(t, seed=0)).predict_proba(t, cut.test)
        assert np.isfinite(p.to_numpy()).all() and np.allclose(p.sum(axis=1), 1)


def test_artists_known_from_the_validation_side_alone_are_known_in_the_end(world):
    genre = main_genre(world).dropna()
    who = main_artists(world).reindex(genre.index)
    late = who.unique()[0]
    rest = genre.index[who != late].to_numpy(object)
    mine = genre.index[who == late].to_numpy(object)
    s = Split(rest[20:], np.concatenate([mine[1:], rest[:20]]), mine[:1], "track", 0)
    p, q = (Blend(members=("forest",), labels=l, company=False).fit(world, s).predict_proba(world, s.test).loc[mine[0], genre[mine[0]]] for l in ("yes", "no"))
    assert p > q


def test_blend_beats_the_majority_and_is_the_same_twice(world):
    s = split(world, seed=0)
    one, two = (Blend(nets=1, width=16).fit(world, s) for _ in range(2))
    p = one.predict_proba(world, s.test)
    y = main_classes(world, s.test, "genre", one.classes_)
    np.testing.assert_allclose(p, two.predict_proba(world, s.test), atol=1e-9)
    assert (one.weights_ >= 0).all() and (p.to_numpy().argmax(1) == y).mean() > .5


def with_column(world, value, rows=slice(None)):
    f = world.audio_features.set_index("track_id")
    f.loc[rows, "tempo"] = value
    return world.replace(audio_features=f.reset_index())


@pytest.mark.parametrize("target", ["genre", "artist"])
@pytest.mark.parametrize("value", [np.nan, 100.])
def test_blend_bears_columns_that_training_knows_nothing_of(world, target, value):
    cut = split(world, seed=0)
    for t in (with_column(world, value), with_column(world, value, cut.train)):
        p = Blend(target, nets=1).fit(t, cut).predict_proba(t).to_numpy()
        assert np.isfinite(p).all() and np.allclose(p.sum(1), 1)


@pytest.mark.parametrize("target", ["genre", "artist"])
@pytest.mark.parametrize("side", ["train", "valid"])
def test_blend_bears_a_side_without_one_class(world, target, side):
    cut, label = split(world, seed=0), (main_genre if target == "genre" else main_artists)(world)
    gone = sorted(label.unique())[0]
    sides = {name: np.array([i for i in getattr(cut, name) if name != side or label[i] != gone], object) for name in ("train", "valid", "test")}
    p = Blend(target, nets=1).fit(world, Split(**sides, by="track", seed=0)).predict_proba(world)
    assert gone in p and np.allclose(p.sum(axis=1), 1)
    if side == "train": assert p.loc[cut.test, gone].mean() < .1


def test_blend_of_artists_with_one_track_each(world):
    each = world.track_artists.assign(artist_id="artist:" + world.track_artists.track_id)
    p = Blend("artist", nets=1, min_tracks=1).fit(t := world.replace(track_artists=each, artists=None)).predict_proba(t)
    assert p.shape == (len(t.tracks),) * 2 and np.allclose(p.sum(axis=1), 1)
    p = Blend("genre", nets=1).fit(t).predict_proba(t)
    assert np.isfinite(p.to_numpy()).all()


def test_blend_refuses_a_training_side_of_one_class_or_without_features(world):
    cut, genre = split(world, seed=0), main_genre(world)
    one = np.array([i for i in cut.train if genre[i] == genre[cut.train[0]]], object)
    with pytest.raises(MusicrecError, match="at least 2 classes"): Blend(nets=1).fit(world, Split(one, cut.valid, cut.test, "track", 0))
    empty = world.replace(audio_features=world.audio_features.assign(**dict.fromkeys(AUDIO, np.nan)))
    with pytest.raises(MusicrecError, match="no track of the training side has any"): Blend(nets=1).fit(empty, cut)


@pytest.fixture(scope="module")
def wider(): return merge_duplicates(load_tables("synthetic", n_artists=60, tracks_per_artist=10, n_listeners=0))


def held_out(t, model, ids, y): return _held_out(model, t, _Sides(None, None, None, None, len(model.classes_), len(model.features)), pd.Index(ids), y, _sound(model, t))


def test_what_is_said_of_a_row_held_out_is_not_taught_by_its_own_label(wider, monkeypatch):
    model = Blend(members=("forest",), words=True).fit(wider, split(wider, seed=0))
    ids, classes = targets(wider, "genre")
    ids, rng = np.array(ids, object), np.random.default_rng(0)
    y = main_classes(wider, ids, "genre", model.classes_)
    cuts = list(folds(wider, "track", 5, 0, 0, ids, pd.Series(y, ids)))
    monkeypatch.setattr("musicrec.blend.folds", lambda *args: iter(cuts))
    mine, other = np.isin(ids, cuts[0].test), y.copy()
    other[mine] = rng.permutation(y[mine])
    told = wider.replace(track_genres=wider.track_genres.assign(genre=wider.track_genres.track_id.map(pd.Series(model.classes_[other], ids))))
    (scores, seen, _), (changed, *_) = held_out(wider, model, ids, y), held_out(told, model, ids, other)
    n = mine.sum()  # the first part, then the others
    assert len(seen) == len(y) and (changed[:, :n] == scores[:, :n]).all() and not (changed[:, n:] == scores[:, n:]).all()


def test_a_class_counts_where_half_of_it_is_left_to_learn_from(wider):
    main = main_artists(wider)
    alone = main.index[main == main.iloc[0]]
    t = wider.replace(track_genres=wider.track_genres.assign(genre=wider.track_genres.genre.mask(wider.track_genres.track_id.isin(alone), "of one artist alone")))
    model = Blend(members=("forest",)).fit(t, split(t, seed=0))
    ids, classes = targets(t, "genre")
    y, solo = main_classes(t, ids, "genre", model.classes_), list(model.classes_).index("of one artist alone")
    _, seen, share = held_out(t, model, ids, y)
    assert len(seen) == len(y) and share[seen == solo].min() > .5  # by track its others are left
    empty = np.array([], object)
    model.split_ = Split(empty, empty, empty, "artist", 0)
    scores, seen, share = held_out(t, model, ids, y)
    assert len(seen) == len(y) == scores.shape[1] and (share[seen == solo] == 0).all() and share[seen != solo].min() > 0
    knows, met = (_Sides(None, y[y != solo], None, valid, len(classes), 8) for valid in (y[y != solo], y))
    assert (_counts(knows, share) == (share >= .5)).all() and (_counts(met, share) == (share >= .5) | (share == 0)).all()
    model.split_ = Split(empty, empty, empty, "time", 0)
    assert held_out(t, model, ids, y)[0].shape == (1, 0, len(classes))


def known_of_one(t, s, what):
    """Albums, artists or popularity are known of one track alone."""
    one = t.tracks.track_id == s.train[0]
    if what == "artist": return t.replace(track_artists=t.track_artists[t.track_artists.track_id == s.train[0]])
    return t.replace(tracks=t.tracks.assign(**{what: t.tracks[what].where(one)}))


@pytest.mark.parametrize("what", ["album_id", "artist", "popularity"])
def test_what_is_known_of_one_track_alone_is_missing_where_it_is_held_out(wider, what):
    s = split(wider, seed=0)
    t = known_of_one(wider, s, what)
    options = dict(features=("popularity",), company=False, labels="no") if what == "popularity" else {}
    p = Blend(nets=1, **options).fit(t, s).predict_proba(t, s.test)
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_albums_of_the_validation_side_alone_are_learned_in_the_end(wider):
    s = split(wider, seed=0)
    t = wider.replace(tracks=wider.tracks.assign(album_id=wider.tracks.album_id.where(wider.tracks.track_id.isin(s.valid))))
    assert "album" in Blend(members=("nets",), nets=1).fit(t, s).known_


@pytest.mark.parametrize("options", [{}, dict(target="artist")], ids=str)
def test_a_track_named_twice_is_borne(wider, options):
    s = split(wider, seed=0)
    twice = Split(np.append(s.train, s.train[:5]), s.valid, s.test, "track", 0)
    np.testing.assert_allclose(Blend(members=("forest",), labels="no", **options).fit(wider, twice).predict_proba(wider, s.test).sum(axis=1), 1)


def test_rows_of_recordings_that_merge_once_more_are_learned_by_their_own_ids(wider):
    t, ids = wider, wider.tracks.track_id.to_numpy()
    first, same, other = ids[0], ids[1], ids[100]  # two by one artist; the third is known as the first and sounds like the second
    measures = t.audio_features.columns.drop("track_id")
    audio = t.audio_features.set_index("track_id")
    audio.loc[other] = audio.loc[same]
    tracks = t.tracks.set_index("track_id")
    tracks = tracks.assign(isrc=tracks.isrc.astype("object"), popularity=tracks.popularity.astype("float64"))
    tracks.loc[[first, other], "isrc"], tracks.loc[first, "popularity"], tracks.loc[other, "duration_ms"] = "USAAA0000001", 100., 123_456
    odd = t.replace(tracks=tracks.reset_index(), audio_features=audio.drop(first).reset_index()[["track_id", *measures]],
                    track_genres=t.track_genres[~t.track_genres.track_id.isin([first, other])],
                    track_artists=t.track_artists[~t.track_artists.track_id.isin([first, same, other]) | (t.track_artists.position == 0)])
    merged = merge_duplicates(odd)
    assert recordings(merged)[same] == first  # which has no genre
    model = Blend(members=("forest",), labels="no").fit(odd, split(odd, seed=0))
    np.testing.assert_allclose(model.predict_proba(merged, [same]).sum(axis=1), 1)


def test_weights_of_the_pool_are_equal_without_rows_to_judge_by():
    rng = np.random.default_rng(0)
    w = pool_weights(rng.normal(size=(3, 5, 4)), rng.integers(0, 4, 5))
    assert np.ptp(w) < .05


@pytest.mark.parametrize("options", [dict(target="mood"), dict(target="valence"), dict(labels="maybe"), dict(members=("oracle",)), dict(features=("loudness", "colour"))], ids=str)
def test_impossible_blends_are_refused(world, options):
    with pytest.raises(MusicrecError): Blend(**options).fit(world)


def test_guesses_without_training():
    p = guess_usual(np.array([0, 1, 1]), np.array([0, 0, -1]), np.array([0, 3, -1]), np.full((3, 2), .5))
    np.testing.assert_allclose(p, .5)
    x, y = clouds(k=3, n=30)
    assert (guess_nearest(x, y, x, 3).argmax(1) == y).all()
    assert (forest_tuned(x[::2], y[::2], x[1::2], y[1::2], 3, trees=20)(x).argmax(1) == y).mean() > .8


def test_ledger_says_what_true_probabilities_show_by_chance():
    rng = np.random.default_rng(0)
    q, artist = rng.dirichlet(np.ones(5), 3000).astype("float32"), np.repeat(np.arange(300), 10)
    for u, least, most in ((rng.random(3000), .8, 1.25), (np.repeat(rng.random(300), 10), 1.5, 4)):  # each track by itself, then all of an artist together
        y, ledger = np.where(u < q.max(1), q.argmax(1), q.argmin(1)), Ledger()
        ledger.runs["a task", "a method"] = [(y, q, artist)] * 2
        ledger.close(["ece", "macro_f1"])
        found = {r["metric"]: r["value"] for r in ledger.rows}
        assert found["ece"] == found["ece, seeds together"] == pytest.approx(ece(y, q)) and found["macro_f1"] == pytest.approx(macro_f1(y, q))
        draws = np.random.default_rng(0)
        draws.random((20, 6000))  # the seeds together
        drawn = [ece((q.cumsum(1) < draws.random((3000, 1))).sum(1).clip(0, 4), q) for _ in range(40)]
        assert found["ece of true probabilities"] == pytest.approx(np.mean(drawn), abs=1e-12)
        assert least < found["ece of true probabilities, artists alike"] / found["ece of true probabilities"] < most
        assert found["ece of true probabilities, artists alike, seeds together"] < found["ece of true probabilities, artists alike"]


def test_tracks_without_company_are_not_alike():
    q = np.array([[.7, .3], [.4, .6]])
    assert Confidence(np.array([0, 0]), q, np.array([3, -1])).alike() == Confidence(np.array([0, 1]), q[[0, 0]], np.array([5, 5])).alike() == 0
    assert Confidence(np.array([0, 0, 1, 1]), q[[0] * 4], np.array([1, 1, 2, 2])).alike() == 1

"""Losses against numpy, early stopping, labels and gaps of every kind, equal results for any number of threads."""
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch import nn

from musicrec.collect import AUDIO, MusicrecError, Tables, load_tables
from musicrec.metrics import paper_loss
from musicrec.preprocess import Split, main_genre, merge_duplicates, split
from musicrec.track_embeddings import LOSSES, TrackEncoder, TrackNet, Training, cross_entropy, guess_majority, paper_bce, targets, train_net


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
@pytest.mark.parametrize("loss", ["auto", "paper", "cross_entropy", "sigmoid_bce"])
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



"""Correlations, redundancy and intervals against other libraries; the data card on bad input."""
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from musicrec.analysis import (PAPER_CORRELATIONS, PAPER_MEASURES, beside_paper_correlations, between_genres, correlations, describe_audio, measures, plot_by_genre, plot_correlations,
                               redundancy)
from musicrec.collect import AUDIO, InputError, Tables, load_tables


@pytest.fixture(scope="module")
def t():
    return load_tables("synthetic", n_artists=40, tracks_per_artist=6, n_listeners=0, seed=1)


def table(n, seed=0, **columns):
    """Tables of `n` tracks with random features, but for what is given."""
    ids, rng = [f"t{i}" for i in range(n)], np.random.default_rng(seed)
    return Tables(tracks=pd.DataFrame({"track_id": ids}), audio_features=pd.DataFrame({c: rng.random(n) for c in AUDIO} | dict(track_id=ids, source="x") | columns))


def test_correlations_equal_numpy(t):
    r, x = correlations(t), measures(t).astype("float64")
    np.testing.assert_allclose(r, np.corrcoef(x[list(r)].to_numpy().T), atol=1e-9)


def test_variance_inflation_equals_a_regression(t):
    d, x = redundancy(t), measures(t).astype("float64")
    for c in d.index:
        others = x[[o for o in d.index if o != c]]
        assert d.vif[c] == pytest.approx(1 / (1 - LinearRegression().fit(others, x[c]).score(others, x[c])), rel=1e-6)
        kept = x[[o for o in AUDIO if o != c]]
        assert d.r2_from_kept[c] == pytest.approx(LinearRegression().fit(kept, x[c]).score(kept, x[c]), abs=1e-8)


def test_a_repeated_measure_is_wholly_redundant(t):
    d = redundancy(t.replace(audio_features=t.audio_features.assign(liveness=t.audio_features.valence)))
    assert np.isinf(d.vif[["liveness", "valence"]]).all() and d.r2_from_kept["liveness"] == pytest.approx(1)


def test_interval_covers_a_known_correlation():
    inside = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        a, b = rng.multivariate_normal([0, 0], [[1, .5], [.5, 1]], 300).T
        row = beside_paper_correlations(table(300, loudness=a, energy=b), n=200, seed=seed).loc[("loudness", "energy")]
        inside += row.low <= .5 <= row.high
    assert 33 <= inside <= 40


def test_interval_is_wider_where_tracks_of_an_artist_are_alike():
    rng = np.random.default_rng(0)
    a, b = (np.repeat(rng.normal(size=50), 8) for _ in range(2))
    alone = table(400, loudness=a, energy=b)
    artists = pd.DataFrame({"track_id": alone.tracks.track_id, "artist_id": [f"a{i // 8}" for i in range(400)], "position": 0})
    width = lambda tables: np.subtract(*beside_paper_correlations(tables).loc[("loudness", "energy"), ["high", "low"]])
    assert width(alone.replace(track_artists=artists)) > 2 * width(alone)


def test_share_between_genres_is_that_of_a_variance_analysis(t):
    d = between_genres(t, n=20)
    x = t.track_genres.merge(measures(t).astype("float64"), left_on="track_id", right_index=True)
    means = x.groupby("genre").energy.transform("mean")
    assert d.eta2["energy"] == pytest.approx(((means - x.energy.mean())**2).sum() / ((x.energy - x.energy.mean())**2).sum())
    assert (d.low <= d.high).all()


def test_card_counts_gaps_odd_values_and_piles():
    card = describe_audio(table(4, loudness=[1., -5, -70, np.nan], liveness=[.2, .2, .2, .9], energy=[np.inf, .1, .2, .3]))
    assert card.missing["loudness"] == .25 and card.odd["loudness"] == pytest.approx(2 / 3) and card.commonest["liveness"] == .75
    assert card.odd["energy"] == .25 and card.highest["energy"] == .3
    assert card.missing["key"] == 1 and np.isnan(card.loc["key", "median"])


def test_every_description_of_the_paper_is_looked_at(t):
    assert set(PAPER_MEASURES.index) == set(describe_audio(t).index) and len(PAPER_MEASURES) == 14


@pytest.mark.parametrize("what", [describe_audio, plot_correlations, redundancy, plot_by_genre, between_genres])
def test_empty_tables_are_refused(what):
    with pytest.raises(InputError): what(Tables())


def test_one_row_has_a_card_and_no_correlations():
    one = table(1)
    assert describe_audio(one).lowest["energy"] == describe_audio(one).highest["energy"]
    assert correlations(one).empty and beside_paper_correlations(one).ours.isna().all()


def test_constant_and_infinite_values_leave_the_others_alone():
    odd = table(30, tempo=120., energy=[np.inf, *np.linspace(0, 1, 29)])
    r = correlations(odd)
    assert "tempo" not in r and r.loc["energy", "loudness"] == pytest.approx(np.corrcoef(odd.audio_features.energy[1:], odd.audio_features.loudness[1:])[0, 1])


def test_map_shows_every_pair_once(t):
    ax = plot_correlations(t)
    n = len(correlations(t))
    assert len(ax.texts) == n * (n - 1) // 2
    plt.close("all")


def test_the_papers_strongest_pair_is_the_strongest_on_real_tracks(requires_data):
    t = load_tables(requires_data("spotify_music_genre_50k"))
    d = beside_paper_correlations(t, n=50)
    assert d.ours.idxmax() == ("loudness", "energy") == PAPER_CORRELATIONS.idxmax()

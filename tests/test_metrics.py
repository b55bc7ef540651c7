"""Scores against scikit-learn and against plain loops; intervals that cover; input that is refused."""
import math

import numpy as np
import pytest
import sklearn.metrics as sk

from musicrec.metrics import METRICS, accuracy, auc, balanced_accuracy, brier, check, ece, interval, log_loss, macro_f1, mrr, paper_loss, ranks, top_k
from musicrec.tables import MusicrecError

CLOSE = dict(abs=1e-9, rel=0)


def case(seed, classes=None, ties=True):
    rng = np.random.default_rng([seed, 7])
    n, classes = int(rng.integers(4, 60)), classes or int(rng.integers(2, 7))
    p = rng.dirichlet(np.ones(classes), n)
    if ties: p = np.round(p * 4) + .5
    y = rng.integers(0, classes, n)
    y[:2] = 0, 1
    return y, p / p.sum(1, keepdims=True)


SEEDS = range(120)


@pytest.mark.filterwarnings("ignore")
def test_classification_scores_equal_scikit_learn():
    for seed in SEEDS:
        y, p = case(seed)
        guess = p.argmax(1)
        assert accuracy(y, p) == pytest.approx(sk.accuracy_score(y, guess), **CLOSE)
        assert balanced_accuracy(y, p) == pytest.approx(sk.balanced_accuracy_score(y, guess), **CLOSE)
        assert macro_f1(y, p) == pytest.approx(sk.f1_score(y, guess, average="macro"), **CLOSE)


def test_log_loss_equals_scikit_learn():
    for seed in SEEDS:
        y, p = case(seed)
        assert log_loss(y, p) == pytest.approx(sk.log_loss(y, p, labels=range(p.shape[1])), **CLOSE)


def test_auc_and_brier_of_two_classes_equal_scikit_learn():
    for seed in SEEDS:
        y, p = case(seed, classes=2)
        assert auc(y, p) == pytest.approx(sk.roc_auc_score(y, p[:, 1]), **CLOSE)
        assert brier(y, p) == pytest.approx(sk.brier_score_loss(y, p[:, 1]), **CLOSE)


def test_top_k_without_ties_equals_scikit_learn():
    for seed in SEEDS:
        y, p = case(seed, classes=6, ties=False)
        assert top_k(y, p, 3) == pytest.approx(sk.top_k_accuracy_score(y, p, k=3, labels=range(6)), **CLOSE)


def test_mrr_equals_label_ranking_average_precision():
    for seed in SEEDS:
        y, p = case(seed)
        assert mrr(y, p) == pytest.approx(sk.label_ranking_average_precision_score(np.eye(p.shape[1])[y], p), **CLOSE)


def test_auc_is_the_share_of_pairs_in_order():
    for seed in range(40):
        y, p = case(seed, classes=2)
        pairs = [(a > b) + .5 * (a == b) for a in p[y == 1, 1] for b in p[y == 0, 1]]
        assert auc(y, p) == pytest.approx(np.mean(pairs), **CLOSE)


def test_paper_loss_equals_a_loop_over_outputs():
    for seed in SEEDS:
        y, p = case(seed)
        total = 0.
        for i, row in enumerate(p):
            for c, q in enumerate(row): total -= math.log(q) if y[i] == c else math.log(1 - q)
        assert paper_loss(y, p) == pytest.approx(total / p.size, **CLOSE)


def test_brier_of_many_classes_equals_a_loop():
    for seed in SEEDS:
        y, p = case(seed, classes=4)
        assert brier(y, p) == pytest.approx(sum(sum((q - (c == y[i]))**2 for c, q in enumerate(row)) for i, row in enumerate(p)) / len(y), **CLOSE)


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_ece_equals_a_loop_over_bins(bins):
    for seed in SEEDS:
        y, p = case(seed, ties=False)
        gaps = {}
        for truth, row in zip(y, p): gaps.setdefault(int(max(row) * bins), []).append(max(row) - (row.argmax() == truth))
        assert ece(y, p, bins) == pytest.approx(sum(abs(sum(g)) for g in gaps.values()) / len(y), **CLOSE)


def test_ranks_count_ties_against_the_true_class():
    assert ranks([0, 1, 2], [[1, 1, 1], [.2, .5, .3], [3, 2, 1]]).tolist() == [3, 1, 3]


def test_perfect_probabilities_score_perfectly():
    y = np.arange(12) % 3
    p = np.eye(3)[y]
    assert [METRICS[m](y, p) for m in ("accuracy", "balanced_accuracy", "macro_f1", "mrr", "log_loss", "brier", "ece")] == [1, 1, 1, 1, 0, 0, 0]


def test_certain_and_wrong_stays_finite():
    assert all(math.isfinite(f([0, 1], [[0, 1], [1, 0]])) for f in (log_loss, paper_loss))


def test_auc_of_one_class_is_undefined(): assert math.isnan(auc([1, 1], [[.5, .5], [.2, .8]]))


@pytest.mark.parametrize("y, p", [([], np.zeros((0, 2))), ([0, 1], [[.5, .5]]), ([0], [.5]), ([2], [[.5, .5]]), ([-1], [[.5, .5]]), ([0], [[np.nan, 1]]), ([0], [[np.inf, 0]]),
                                  ([0, .5], [[.5, .5]] * 2), ([0, np.nan], [[.5, .5]] * 2)], ids=str)
def test_cases_that_do_not_fit_are_refused(y, p):
    with pytest.raises(MusicrecError): check(y, p)


@pytest.mark.parametrize("runs, options", [([([0, 1], [[.5, .5]] * 2)], dict(groups=[1])), ([([0, 1], [[.5, .5]] * 2), ([0], [[.5, .5]])], {})],
                         ids=["groups too short", "runs of different length"])
def test_intervals_of_what_does_not_fit_are_refused(runs, options):
    with pytest.raises(MusicrecError): interval(accuracy, runs, **options)


def test_interval_is_the_same_every_time_and_holds_the_mean():
    runs = [case(s, classes=2) for s in [3] * 3]
    first = interval(accuracy, runs)
    assert first == interval(accuracy, runs) and first[1] <= first[0] <= first[2]


def coverage(groups_of):
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng([seed, 11])
        n, groups = 150, groups_of(rng)
        right = rng.random(n) < .7 if groups is None else (rng.random(30) < .7)[groups]
        _, low, high = interval(accuracy, [(np.zeros(n, int), np.stack([right, ~right], 1).astype(float))], groups, n=100, seed=seed)
        hits += low <= .7 <= high
    return hits / 100


def test_interval_covers_the_truth_about_as_often_as_it_says(): assert .88 <= coverage(lambda rng: None) <= 1


def test_interval_over_groups_covers_where_rows_repeat_within_groups(): assert .86 <= coverage(lambda rng: np.repeat(np.arange(30), 5)) <= 1


def test_interval_over_groups_is_wider_than_over_rows():
    groups = np.repeat(np.arange(20), 10)
    right = (np.random.default_rng(0).random(20) < .6)[groups]
    run = [(np.zeros(200, int), np.stack([right, ~right], 1).astype(float))]
    width = lambda i: i[2] - i[1]
    assert width(interval(accuracy, run, groups)) > 2 * width(interval(accuracy, run))

"""Scores against other libraries and against plain loops; intervals that cover; input that is refused."""
import functools
import json
import math
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import sklearn.metrics as sk
from golden_metrics import CASES, KEPT, class_case, ranked, ranking_case, weighted_sum
from scipy.sparse import csr_array

from musicrec.metrics import CHUNK, METRICS, PER_CASE, RANKING, accuracy, auc, balanced_accuracy, best, brier, candidates, check, confusion, diversity, ece, hits, interval, log_loss, macro_f1, map_at, mrr, ndcg_at, novelty
from musicrec.metrics import coverage as covered
from musicrec.metrics import paired, paper_loss, precision_at, rank_scores, ranks, reduced, top_k
from musicrec.tables import InputError, MusicrecError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "metrics.json").read_text())

CLOSE = dict(abs=1e-9, rel=0)


@functools.lru_cache(maxsize=None)
def of_lists(seed):
    """Ours for a case of ranking: means over the listeners who have something to find."""
    scores, relevant, known = ranking_case(seed)
    found = rank_scores(scores, relevant, known)
    return {m: float(np.nanmean(v)) if np.ndim(v) and not np.isnan(v).all() else float(v if not np.ndim(v) else np.nan) for m, v in found.items()}


@functools.lru_cache(maxsize=None)
def of_classes(seed):
    """Ours for a case of classification, for the metrics that scikit-learn defines as we do."""
    y, p = class_case(seed)
    two = p.shape[1] == 2
    return {m: METRICS[m](y, p) for m in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "mrr")} | {m: METRICS[m](y, p) if two else np.nan for m in ("auc", "brier")} | {
        "top2 without ties": top_k(y, p, 2) if not two and not seed % 2 else np.nan}


PEERS = [(peer, m) for peer in ("ranx", "rectools", "sklearn") for m in GOLDEN[peer]["cases"] if "over k" not in m and m != "map@10" and m != "ndcg@10 without ties"]


@pytest.mark.parametrize("peer, metric", PEERS, ids=lambda x: x)
def test_case_by_case_as_other_libraries_have_it(peer, metric):
    ours = of_classes if peer == "sklearn" else of_lists
    theirs = [np.nan if v is None else v for v in GOLDEN[peer]["cases"][metric]]
    assert [ours(seed)[metric] for seed in range(KEPT)] == pytest.approx(theirs, abs=1e-9, rel=0, nan_ok=True)
    assert np.isfinite(theirs).sum() > 20


@pytest.mark.parametrize("peer, metric", PEERS, ids=lambda x: x)
def test_two_thousand_cases_add_up_as_other_libraries_have_them(peer, metric):
    ours = of_classes if peer == "sklearn" else of_lists
    assert weighted_sum([ours(seed)[metric] for seed in range(CASES)]) == pytest.approx(GOLDEN[peer]["sums"][metric], abs=1e-9)


# Where definitions differ, by name


def each_case(metric, peer):
    """Hits and numbers of relevant items of the kept cases for which a peer has an answer, with its answer."""
    for seed, theirs in enumerate(GOLDEN[peer]["cases"][metric]):
        scores, relevant, known = ranking_case(seed)
        if theirs is not None: yield (*hits(best(np.where(known, -np.inf, scores), 20), relevant), theirs)


@pytest.mark.parametrize("peer", ["ranx", "rectools"])
def test_others_divide_average_precision_by_all_that_is_relevant_we_by_what_a_list_can_hold(peer):
    for hit, n, theirs in each_case("map@10", peer):
        assert np.nanmean(map_at(hit, n, 10) * np.minimum(n, 10) / np.maximum(n, 1)) == pytest.approx(theirs, **CLOSE)


def test_rectools_may_divide_by_the_best_of_k_places_we_by_the_best_there_can_be():
    gain = 1 / np.log2(np.arange(2, 12))
    for hit, n, theirs in each_case("ndcg@10 over k", "rectools"):
        assert np.nanmean(ndcg_at(hit, n, 10) * gain.cumsum()[np.clip(n, 1, 10) - 1] / gain.sum()) == pytest.approx(theirs, **CLOSE)


def test_rectools_may_divide_average_precision_by_k():
    for hit, n, theirs in each_case("map@10 over k", "rectools"):
        assert np.nanmean(map_at(hit, n, 10) * np.minimum(n, 10) / 10) == pytest.approx(theirs, **CLOSE)


def test_scikit_learn_averages_ndcg_over_ties_we_take_the_first_column():
    tied = np.array([[1., 1.]]), np.array([[0, 1]])
    assert rank_scores(*tied)["ndcg@10"][0] == pytest.approx(1 / np.log2(3)) and sk.ndcg_score(tied[1], tied[0]) == pytest.approx((1 + 1 / np.log2(3)) / 2)
    untied = [(seed, v) for seed, v in enumerate(GOLDEN["sklearn"]["cases"]["ndcg@10 without ties"]) if v is not None and (~ranking_case(seed)[2]).sum(1).min() > 1]
    assert len(untied) > 20
    for seed, theirs in untied: assert of_lists(seed)["ndcg@10"] == pytest.approx(theirs, **CLOSE)


def test_who_has_nothing_to_find_is_left_out_where_ranx_counts_zero():
    found = rank_scores(np.array([[3., 2, 1]] * 2), np.array([[1, 0, 0], [0, 0, 0]]))
    assert all(v[0] == v[0] and math.isnan(v[1]) for m, v in found.items() if m != "coverage@20")


# Lists


def test_best_is_a_sort_by_score_then_column():
    for seed in range(60):
        scores, _, known = ranking_case(seed)
        hidden = np.where(known, np.nan if seed % 2 else -np.inf, scores)
        for k in (1, 3, 20, 100):
            width = min(k, scores.shape[1])
            assert best(hidden, k).tolist() == [(r + [-1] * width)[:width] for r in (row[:k] for row in ranked(scores, known))]


@pytest.mark.parametrize("k", [1, 20, 30])
def test_best_of_long_rows_is_that_of_sorting(k):
    rng = np.random.default_rng(k)
    scores = rng.integers(0, 40, (6, 8200)) / 7
    scores[1] = 1
    scores[2, rng.random(8200) < .99] = -np.inf
    scores[3, :-5], scores[4, ::2] = -np.inf, np.nan
    left = np.where(np.isnan(scores), -np.inf, scores)
    order = np.argsort(-left, axis=1, kind="stable")[:, :k]
    assert best(scores, k).tolist() == np.where(np.take_along_axis(left, order, 1) > -np.inf, order, -1).tolist()


def test_best_of_no_items_is_empty(): assert best(np.zeros((2, 0)), 5).shape == (2, 0) and best(np.zeros((2, 0)), 5).dtype == "int64"


def test_lists_are_twenty_long_if_nothing_is_said(): assert best(np.zeros((1, 30))).tolist() == [list(range(20))]


def test_scores_that_differ_by_little_are_no_ties():
    scores, relevant = 1 + 1e-12 * np.arange(30)[None], np.eye(30, dtype=bool)[[29]]
    assert rank_scores(scores, csr_array(relevant), None)["mrr@20"].tolist() == [1.]


@pytest.mark.parametrize("scores, k, said", [([1., 2.], 1, "shape (2,)"), ([[1.]], 0, "k is 0")], ids=["no matrix", "no items"])
def test_lists_that_cannot_be_are_refused(scores, k, said):
    with pytest.raises(InputError) as e: best(scores, k)
    assert said in str(e.value)


def test_relevant_may_be_sparse_and_weighted_and_unused_places_never_hit():
    top = np.array([[2, 0, -1], [1, -1, -1]])
    relevant = np.array([[.5, 0, 3], [0, 0, 1]])
    for r in (relevant, csr_array(relevant)):
        hit, n = hits(top, r)
        assert hit.tolist() == [[True, True, False], [False, False, False]] and n.tolist() == [2, 1]


def test_ranking_metrics_by_hand():
    hit, n = np.array([[False, True, True], [True, False, False]]), np.array([2, 5])
    at3 = {name: f(hit, n, 3).tolist() for name, (f, _) in RANKING.items()}
    g = [1, 1 / math.log2(3), 1 / 2]
    assert at3["ndcg@10"] == pytest.approx([(g[1] + g[2]) / (g[0] + g[1]), g[0] / sum(g)])
    assert at3["recall@10"] == [1, .2] and at3["precision@10"] == pytest.approx([2 / 3, 1 / 3]) and at3["hit@10"] == [1, 1]
    assert at3["map@10"] == pytest.approx([(1 / 2 + 2 / 3) / 2, 1 / 3]) and at3["mrr@20"] == [.5, 1]
    assert precision_at(hit, n, 1).tolist() == [0, 1] and RANKING["hit@10"][0](hit, n, 1).tolist() == [0, 1] and RANKING["mrr@20"][0](hit, n, 1).tolist() == [0, 1]


def test_names_say_how_long_the_list_is(): assert all(k == int(name.split("@")[1]) for name, (_, k) in RANKING.items())


def test_what_is_known_is_out_of_the_list_and_scores_stay_as_they_were():
    scores, known = np.array([[3, 2, 1]]), csr_array(np.array([[1, 0, 0]]))
    assert rank_scores(scores, np.array([[0, 1, 0]]), known, ["mrr@20"]) == {"mrr@20": [1.], "coverage@20": 2 / 3} and scores.tolist() == [[3, 2, 1]]


def test_coverage_counts_the_first_twenty_places_only():
    found = rank_scores(np.tile(-np.arange(30.), (2, 1)), np.eye(30)[:2], names=["ndcg@10", "ndcg@20"])
    assert found["coverage@20"] == pytest.approx(20 / 30)
    assert rank_scores(-np.arange(30.)[None], np.eye(30)[:1], names=["ndcg@10"])["coverage@20"] == pytest.approx(10 / 30)


def test_coverage_novelty_and_diversity_by_hand():
    top = np.array([[0, 1], [1, -1]])
    assert covered(top, 4) == .5
    assert novelty(top, [6, 2]) == pytest.approx((-math.log2(.75) - 2 * math.log2(.25)) / 3)
    assert novelty(top, [6, 0]) == pytest.approx((-math.log2(6 / 6.5) - 2 * math.log2(.5 / 6.5)) / 3)
    units = np.array([[1, 0], [.6, .8], [0, 1.]])
    assert diversity(np.array([[0, 1, 2]]), units) == pytest.approx((.4 + .2 + 1) / 3)
    assert diversity(np.array([[0, 2], [0, 1], [1, -1]]), units) == pytest.approx((1 + .4) / 2)
    assert math.isnan(diversity(np.array([[0, -1]]), units))


# Classes


def test_confusion_has_the_truth_in_rows():
    assert confusion([0, 0, 2], [[.9, .1, 0], [.1, .8, .1], [0, 0, 1]]).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_scores_by_hand():
    y, p = [0, 1, 1, 2], np.array([[.7, .2, .1], [.6, .3, .1], [.1, .5, .4], [.2, .2, .6]])
    assert top_k(y, p, 1) == accuracy(y, p) == .75 and top_k(y, p) == 1 and top_k(y, p, 2) == 1
    assert log_loss([0], [[0., 1.]]) == pytest.approx(-math.log(1e-12)) and paper_loss([0], [[0., 1.]]) == pytest.approx(-math.log(1e-12), rel=1e-4)
    assert log_loss([1], [[0., 2.]]) == 0
    assert ece([0, 0], [[.55, .45], [.61, .39]], 10) == pytest.approx((.45 + .39) / 2) and ece([1], [[1., 0.]]) == 1
    assert METRICS["ece"]([0, 0], [[.701, .299], [.729, .271]]) == pytest.approx(.285) and list(METRICS)[-2:] == ["top10", "mrr"]
    assert top_k([0], [np.arange(11.)]) == 0 and top_k([1], [np.arange(11.)]) == 1


def test_auc_of_three_classes_is_undefined(): assert math.isnan(auc([0, 1], np.eye(3)[:2]))


@pytest.mark.parametrize("y, p, said", [([0, 3], np.eye(2), "from 0 to 3"), ([-1, 0], np.eye(2), "from -1 to 0"), ([0, 1], [[.5, .5], [np.nan, 1]], "row 2 of p"), ([], np.zeros((0, 2)), "nothing to score")], ids=lambda x: str(x)[:20])
def test_what_does_not_fit_is_named(y, p, said):
    with pytest.raises(InputError) as e: check(y, p)
    assert said in str(e.value)


def test_classes_may_be_numbers_of_other_kinds():
    for y in (np.array([0, 1], bool), np.array([0, 1], "uint8"), np.array([0., 1.]), [0, 1]):
        got, p = check(y, [[.5, .5]] * 2)
        assert got.dtype == "int64" and got.tolist() == [0, 1] and p.dtype == "float64"


# Differences of two methods


def test_paired_difference_by_hand():
    value, low, high = paired([1., 2, 3, np.nan], [0., 1, 2, 5])
    assert (value, low, high) == (1, 1, 1)
    value, low, high = paired([[1, 0, 1, 1] * 30] * 2, np.zeros((2, 120)))
    assert value == .75 and .75 - low == pytest.approx(1.96 * math.sqrt(.75 * .25 / 120), abs=.02) and high - .75 == pytest.approx(.75 - low, abs=.02)
    assert paired([True, False], [False, False]) == paired([1., 0], [0., 0])
    with pytest.raises(InputError, match="^there is nothing to compare. Give the scores of two methods on the same cases.$"): paired([], [])


def test_paired_differences_are_drawn_from_their_seed_alone():
    a, b = np.random.default_rng(1).normal(size=(2, 50))
    assert paired(a, b) == paired(a, b, n=1000, seed=0) != paired(a, b, seed=1)
    assert paired(a, b, n=200) != paired(a, b)


def test_paired_difference_over_groups_is_wider():
    d = np.repeat(np.random.default_rng(0).normal(size=30), 20)
    alone, grouped = paired(d, 0 * d, n=200), paired(d, 0 * d, np.repeat(np.arange(30), 20), n=200)
    assert grouped[2] - grouped[1] > 2 * (alone[2] - alone[1]) and grouped[0] == alone[0]


def test_paired_differences_vary_with_the_seed_they_come_from():
    a = np.stack([np.zeros(50), np.ones(50)])
    assert paired(a, np.zeros((2, 50))) == (.5, 0, 1)


def test_intervals_are_drawn_from_their_seed_alone_and_say_what_they_miss():
    run = case(0, 2)
    assert interval(accuracy, [run]) == interval(accuracy, [run], seed=0) != interval(accuracy, [run], seed=1)
    with pytest.raises(InputError, match="^the runs have different numbers of rows. Give every seed the same rows.$"): interval(accuracy, [run, case(1, 2)])
    with pytest.raises(InputError, match=f"^1 groups for {len(run[0])} rows. Give every row its group.$"): interval(accuracy, [run], ["a"])


def test_interval_redraws_runs_and_whole_groups():
    flat = lambda v: (np.zeros(40, int), np.tile([v, 1 - v], (40, 1)))
    sure = lambda y, p: float(p[:, 0].mean())
    assert interval(sure, [flat(.2), flat(.8)]) == (.5, pytest.approx(.2), pytest.approx(.8))
    sizes = []
    interval(lambda y, p: sizes.append(len(y)) or 0., [flat(.5)], np.array([0] * 30 + [1] * 10), n=50)
    assert set(sizes[:50]) <= {20, 40, 60} and len(set(sizes[:50])) > 1 and len(sizes) == 51
    ids = []
    interval(lambda y, p: ids.append(p[:, 0]) or 0., [(np.zeros(6, int), np.tile(np.arange(6.)[:, None], 2))], list("babaab"), n=20)
    assert all(sorted(i) in ([1, 1, 3, 3, 4, 4], [0, 0, 2, 2, 5, 5], [0, 1, 2, 3, 4, 5]) for i in map(np.ndarray.tolist, ids[:20]))


def test_default_intervals_rest_on_two_hundred_redraws():
    calls = []
    interval(lambda y, p: calls.append(1) or 0., [(np.zeros(5, int), np.full((5, 2), .5))])
    assert len(calls) == 201


NAMED = METRICS | {"paper_loss": paper_loss}


def test_scores_are_means_of_one_number_per_case():
    for seed in SEEDS:
        y, p = case(seed)
        for name, each in PER_CASE.items():
            assert each(y, p).shape == y.shape and each(y, p).dtype == float and each(y, p).mean() == pytest.approx(NAMED[name](y, p), abs=1e-12)
            assert each(y, p)[3] == pytest.approx(NAMED[name](y[3:4], p[3:4]), abs=1e-12)


def test_numbers_per_case_by_hand():
    y, p = [0, 1, 2], [[.7, .2, .1], [.6, .3, .1], [0, 1, 0]]
    assert {m: np.round(f(y, p), 3).tolist() for m, f in PER_CASE.items()} == {
        "accuracy": [1, 0, 0], "log_loss": [.357, 1.204, 27.631], "paper_loss": [.228, .742, 18.421], "brier": [.14, .86, 2], "top10": [1, 1, 1], "mrr": [1, .5, round(1 / 3, 3)]}
    assert PER_CASE["brier"]([1, 0], [[.5, .5], [0, 1]]).tolist() == [.25, 1]
    assert PER_CASE["top10"]([0, 1], [np.arange(11.)] * 2).tolist() == [0, 1]


def test_scores_leave_the_probabilities_as_they_were():
    y, p = case(0, classes=4)
    before = p.copy()
    for f in (*NAMED.values(), *PER_CASE.values()): f(y, p)
    assert (p == before).all()


@pytest.mark.parametrize("name", NAMED)
def test_interval_of_what_is_kept_of_each_case_is_that_of_redrawn_rows(name):
    f = NAMED[name]
    for groups in (None, np.arange(45) // 4, list("abc") * 15):
        y, p = case(2, classes=2 if name == "auc" else 5)
        runs = [(y[rows].tolist(), p[rows].astype(kind)) for rows, kind in ((np.arange(45) % len(y), "float32"), (np.arange(45)[::-1] % len(y), "float64"))]
        assert interval(f, runs, groups, n=30, seed=4) == pytest.approx(interval(lambda y, p: f(y, p), runs, groups, n=30, seed=4), abs=1e-12)


def test_known_scores_look_at_the_probabilities_once():
    for f in NAMED.values():
        with patch("musicrec.metrics.check", side_effect=check) as looked: interval(f, [case(5, classes=2)] * 3, n=20)
        assert looked.call_count == 3


def test_what_nobody_knows_is_kept_whole():
    class Score:
        __hash__ = None

        def __call__(self, y, p): return float(p[:, 0].mean())
    y, p = case(1)
    for metric in (Score(), functools.partial(top_k, k=2), functools.partial(ece, bins=4)):
        keep, score = reduced(metric)
        assert score(*keep(y, p)) == metric(y, p) and len(keep(y.tolist(), p.tolist())[1][0]) == p.shape[1]


def test_what_is_kept_is_a_row_per_case():
    y, p = case(3, classes=5)
    for f in NAMED.values():
        keep, score = reduced(f)
        kept = keep(y, p)
        assert all(len(x) == len(y) for x in kept) and np.array_equal(score(*kept), f(y, p), equal_nan=True)
        if f is not auc: assert all(x.ndim == 1 for x in kept)


@pytest.mark.parametrize("f", NAMED.values(), ids=NAMED)
def test_what_cannot_be_scored_is_refused_by_every_score(f):
    for bad in (([0, 2], np.eye(2)), ([], np.zeros((0, 2))), ([0], [[np.nan, 1]])):
        with pytest.raises(InputError): f(*bad)
        with pytest.raises(InputError): interval(f, [bad])


def case(seed, classes=None, ties=True):
    rng = np.random.default_rng([seed, 7])
    n, classes = int(rng.integers(4, 60)), classes or int(rng.integers(2, 7))
    p = rng.dirichlet(np.ones(classes), n)
    if ties: p = np.round(p * 4) + .5
    y = rng.integers(0, classes, n)
    y[:2] = 0, 1
    return y, p / p.sum(1, keepdims=True)


SEEDS = range(12)


@pytest.mark.filterwarnings("ignore")
def test_classification_scores_equal_scikit_learn():
    for seed in SEEDS:
        y, p = case(seed)
        guess = p.argmax(1)
        assert accuracy(y, p) == pytest.approx(sk.accuracy_score(y, guess), **CLOSE)
        assert balanced_accuracy(y, p) == pytest.approx(sk.balanced_accuracy_score(y, guess), **CLOSE)
        assert macro_f1(y, p) == pytest.approx(sk.f1_score(y, guess, average="macro"), **CLOSE)


def test_classes_that_do_not_occur_count_nothing():
    y, guess = [0, 0, 3], [0, 2, 3]  # 1 and 4 do not occur, 2 is guessed once, 3 occurs once
    p = np.eye(5)[guess]
    assert macro_f1(y, p) == pytest.approx(sk.f1_score(y, guess, average="macro"), **CLOSE)
    assert balanced_accuracy(y, p) == .75
    assert confusion(y, p).tolist() == sk.confusion_matrix(y, guess, labels=range(5)).tolist()


def test_auc_of_a_single_like_is_the_share_of_dislikes_below_it(): assert auc([0, 1, 0, 0], [[1 - s, s] for s in (.2, .5, .7, .1)]) == pytest.approx(2 / 3, **CLOSE)


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
    for seed in SEEDS:
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


def share_inside(groups_of):
    inside = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, 11])
        n, groups = 150, groups_of(rng)
        right = rng.random(n) < .7 if groups is None else (rng.random(30) < .7)[groups]
        _, low, high = interval(accuracy, [(np.zeros(n, int), np.stack([right, ~right], 1).astype(float))], groups, n=100, seed=seed)
        inside += low <= .7 <= high
    return inside / 40


def test_interval_covers_the_truth_about_as_often_as_it_says(): assert .88 <= share_inside(lambda rng: None) <= 1


def test_interval_over_groups_covers_where_rows_repeat_within_groups(): assert .86 <= share_inside(lambda rng: np.repeat(np.arange(30), 5)) <= 1


def test_interval_over_groups_is_wider_than_over_rows():
    groups = np.repeat(np.arange(20), 10)
    right = (np.random.default_rng(0).random(20) < .6)[groups]
    run = [(np.zeros(200, int), np.stack([right, ~right], 1).astype(float))]
    width = lambda i: i[2] - i[1]
    assert width(interval(accuracy, run, groups)) > 2 * width(interval(accuracy, run))


def test_of_a_long_row_only_what_may_be_among_the_best_is_looked_at():
    s = np.zeros(1024)
    s[[3, 300, 600, 1000]] = 4, 3, 2, 1
    assert candidates(s, 2).tolist() == [3, 300] and candidates(s, 2, 1.).tolist() == candidates(s, 3).tolist() == [3, 300, 600]
    assert len(candidates(s, 4)) == 1024 and len(candidates(s[:1023], 3)) == 1023


@pytest.mark.parametrize("k", [3, 20])
def test_a_long_row_hides_none_of_its_best(k):
    for seed in range(20):
        s = np.random.default_rng([seed, k]).normal(size=300 * CHUNK + seed)
        assert set(np.argsort(-s)[:k]) <= set(candidates(s, k).tolist())

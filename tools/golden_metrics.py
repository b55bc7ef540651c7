"""What other libraries say of random lists and guesses, stored for the tests in tests/golden/metrics.json.

    python tools/golden_metrics.py ranx          in an environment that has ranx
    python tools/golden_metrics.py rectools      in one that has RecTools, which wants an older numpy
    python tools/golden_metrics.py sklearn

Each call replaces the part of one library: the first `KEPT` of `CASES` cases number by number, and of all of them
the sums, each case with a weight of its own. Nothing of ours is imported, so that the numbers are theirs alone.
"""
import json
import sys
from pathlib import Path

import numpy as np

CASES, KEPT, FILE = 2000, 150, Path(__file__).resolve().parents[1] / "tests" / "golden" / "metrics.json"


def ranking_case(seed):
    """Scores with ties, what is relevant (of some listeners nothing), and what is known; lists may be shorter than 20."""
    rng = np.random.default_rng([seed, 1])
    listeners, items = 2 + int(4 * rng.random()), 3 + int(40 * rng.random())
    scores = np.floor(rng.random((listeners, items)) * (4 if seed % 2 else 1000)) / 4
    known = rng.random((listeners, items)) < .2
    relevant = (rng.random((listeners, items)) < rng.random() * .5) & ~known
    relevant[0] &= seed % 3 > 0  # every third case has a listener with nothing to find
    return scores, relevant, known


def class_case(seed):
    """True classes and probabilities, with ties in every second case; two classes in every second one of those."""
    rng = np.random.default_rng([seed, 2])
    n, classes = 6 + int(40 * rng.random()), 2 if seed % 4 < 2 else 3 + int(4 * rng.random())
    p = .01 + rng.random((n, classes))
    if seed % 2: p = np.ceil(4 * p) / 4
    y = (rng.random(n) * classes).astype(int)
    y[:2] = 0, 1
    return y, p / p.sum(1, keepdims=True)


def ranked(scores, known):
    """Each listener's items, best first, equal ones by number, the known left out."""
    return [sorted(np.flatnonzero(~k).tolist(), key=lambda i: (-s[i], i)) for s, k in zip(scores, known)]


def weighted_sum(values):
    """One number for many cases; a case that is NaN, where a library has no answer, counts as 0."""
    values = np.nan_to_num(np.asarray(values, float))
    return float(values @ np.linspace(.5, 1.5, len(values)))


def by_ranx(seed):
    """ranx, over listeners with something to find: it counts the others as 0, and wants a relevant item of each."""
    from ranx import Qrels, Run, evaluate
    scores, relevant, known = ranking_case(seed)
    lists = ranked(scores, known)
    rows = [i for i, r in enumerate(relevant) if r.any()]
    names = {"ndcg@10": "ndcg@10", "ndcg@20": "ndcg@20", "recall@10": "recall@10", "recall@20": "recall@20", "precision@10": "precision@10", "hit@10": "hit_rate@10", "mrr@20": "mrr@20", "map@10": "map@10"}
    if not rows: return dict.fromkeys(names, float("nan"))
    qrels = Qrels({str(i): {str(j): 1 for j in np.flatnonzero(relevant[i])} for i in rows})
    run = Run({str(i): {str(j): float(len(lists[i]) - place) for place, j in enumerate(lists[i])} for i in rows})
    found = evaluate(qrels, run, list(names.values()), make_comparable=True)
    return {ours: float(found[theirs]) for ours, theirs in names.items()}


def by_rectools(seed):
    """RecTools, which leaves out listeners with nothing to find."""
    import pandas as pd
    from rectools.metrics import MAP, MRR, NDCG, CatalogCoverage, HitRate, Precision, Recall
    scores, relevant, known = ranking_case(seed)
    lists = ranked(scores, known)
    reco = pd.DataFrame([(i, j, place + 1) for i, row in enumerate(lists) for place, j in enumerate(row)], columns=["user_id", "item_id", "rank"])
    truth = pd.DataFrame(np.argwhere(relevant), columns=["user_id", "item_id"])
    metrics = {"ndcg@10": NDCG(10, divide_by_achievable=True), "ndcg@20": NDCG(20, divide_by_achievable=True), "ndcg@10 over k": NDCG(10), "recall@10": Recall(10), "recall@20": Recall(20), "precision@10": Precision(10),
               "hit@10": HitRate(10), "mrr@20": MRR(20), "map@10": MAP(10), "map@10 over k": MAP(10, divide_by_k=True)}
    if truth.empty: found = dict.fromkeys(metrics, float("nan"))
    else: found = {name: float(m.calc(reco, truth)) for name, m in metrics.items()}
    return found | {"coverage@20": float(CatalogCoverage(20, normalize=True).calc(reco, list(range(scores.shape[1]))))}


def by_sklearn(seed):
    """scikit-learn: classes, and NDCG where no scores are equal."""
    import warnings

    import sklearn.metrics as sk
    y, p = class_case(seed)
    guess, classes = p.argmax(1), p.shape[1]
    warnings.simplefilter("ignore")
    found = {"accuracy": sk.accuracy_score(y, guess), "balanced_accuracy": sk.balanced_accuracy_score(y, guess), "macro_f1": sk.f1_score(y, guess, average="macro"),
             "log_loss": sk.log_loss(y, p, labels=range(classes)), "mrr": sk.label_ranking_average_precision_score(np.eye(classes)[y], p),
             "auc": sk.roc_auc_score(y, p[:, 1]) if classes == 2 else np.nan, "brier": sk.brier_score_loss(y, p[:, 1]) if classes == 2 else np.nan,
             "top2 without ties": sk.top_k_accuracy_score(y, p, k=2, labels=range(classes)) if classes > 2 and not seed % 2 else np.nan}
    scores, relevant, known = ranking_case(seed)
    if any(len(set(s)) < len(s) for s in scores): return {k: float(v) for k, v in found.items()} | {"ndcg@10 without ties": float("nan")}
    each = [sk.ndcg_score([r[~k]], [s[~k]], k=10) for s, r, k in zip(scores, relevant, known) if r.any() and (~k).sum() > 1]
    return {k: float(v) for k, v in found.items()} | {"ndcg@10 without ties": float(np.mean(each)) if each else float("nan")}


PEERS = {"ranx": by_ranx, "rectools": by_rectools, "sklearn": by_sklearn}


def main(peer):
    from importlib.metadata import version
    found = [PEERS[peer](seed) for seed in range(CASES)]
    part = {"version": version({"sklearn": "scikit-learn"}.get(peer, peer)),
            "cases": {m: [None if f[m] != f[m] else float(f"{f[m]:.12g}") for f in found[:KEPT]] for m in found[0]},
            "sums": {m: weighted_sum([f[m] for f in found]) for m in found[0]}}
    stored = json.loads(FILE.read_text()) if FILE.exists() else {}
    stored[peer] = part
    FILE.write_text(json.dumps({"made_by": "python tools/golden_metrics.py " + "|".join(PEERS), **{p: stored[p] for p in PEERS if p in stored}}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

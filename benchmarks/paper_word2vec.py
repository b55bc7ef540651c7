"""What each choice of the paper's word2vec recipe costs: one thing changed at a time, on HetRec-2011.

    MUSICREC_DATA=… python benchmarks/paper_word2vec.py [--seeds 1] [--variants NAME …] [--json results/paper_word2vec.json]
"""
import argparse
import json
import time
from pathlib import Path

import numpy as np

from musicrec import artist2vec, ranking
from musicrec.artist2vec import Embeddings, HeldOutLoss, word2vec
from musicrec.collect import load_tables
from musicrec.metrics import rank_scores

WHOLE = 200
VARIANTS = {
    "the paper's recipe": {},
    "shuffled once, then never": {"fixed": True},
    "whole lists as window": {"window": WHOLE, "epochs": 10},
    "negatives 15": {"negative": 15},
    "noise exponent 0": {"ns_exponent": 0.0},
    "10 epochs": {"epochs": 10},
    "frequent artists thinned (1e-4)": {"sample": 1e-4},
    "gensim's own settings": {"epochs": 5, "passes": 1},
}


def fit(lists, seed, fixed=False, **options):
    """Input and output vectors, and CPU-seconds."""
    last, start, shuffled = [], time.process_time(), artist2vec.Reshuffled.__iter__
    if fixed:
        rng = np.random.default_rng(seed)
        lists = [[s[i] for i in rng.permutation(len(s))] for s in lists]
        artist2vec.Reshuffled.__iter__ = lambda self: (s for _ in range(self.passes) for s in self.sentences)
    try:
        e = word2vec(lists, seed=seed, each_epoch=lambda model: last.__setitem__(slice(None), [model]), **options)
    finally:
        artist2vec.Reshuffled.__iter__ = shuffled
    return e, last[0].syn1neg.copy(), time.process_time() - start


def scores(cut, e, out):
    """By cosine, and by the sum of in-out products."""
    rows = np.array([e._row.get(i, -1) for i in cut.items])
    member = (cut.train > 0).astype(float)
    inside = member @ np.where(rows[:, None] >= 0, e.vectors[rows], 0)
    return ranking.vector_scores(Embeddings(e.ids, e.vectors), cut), inside @ np.where(rows[:, None] >= 0, out[rows], 0).T


def losses(lists):
    """The held-out loss and gensim's own sum after every epoch."""
    held, counted = HeldOutLoss(lists[::10]), []

    def each(model):
        held(model)
        counted.append(model.get_latest_training_loss())
    word2vec([s for i, s in enumerate(lists) if i % 10], each_epoch=each, compute_loss=True)
    return {"held_out": held.losses, "gensim": counted}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--variants", nargs="*", help="only these, and no losses; what the file says of others is kept")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    pairs = ranking.core(load_tables("hetrec").listener_artists)
    rows = []
    for name, options in VARIANTS.items():
        if args.variants and name not in args.variants: continue
        found = []
        for seed in range(args.seeds):
            cut = ranking.hold_out(pairs, seed=seed)
            e, out, seconds = fit(ranking.lists_of(cut)[0], seed, **options)
            near, product = (rank_scores(s, cut.test, cut.train) for s in scores(cut, e, out))
            found.append([np.nanmean(near["ndcg@10"]), np.nanmean(product["ndcg@10"]), near["coverage@20"], seconds])
        rows.append(dict(zip(("variant", "cosine", "in_out", "coverage", "cpu_seconds"), (name, *np.mean(found, 0).tolist()))))
        print(rows[-1], flush=True)
    done = {"seeds": args.seeds, "rows": rows}
    if not args.variants: done |= losses(ranking.lists_of(ranking.hold_out(pairs))[0])
    if args.json:
        made_by = "MUSICREC_DATA=… python benchmarks/paper_word2vec.py --json results/paper_word2vec.json"
        old = json.loads(args.json.read_text()) if args.json.exists() else {}
        if args.variants: done["rows"] = [next((r for r in rows + old["rows"] if r["variant"] == name)) for name in VARIANTS]
        args.json.write_text(json.dumps({"made_by": made_by} | old | done, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What each step of the default artist vectors is worth, and whether it holds on lists of other kinds.

    MUSICREC_DATA=… python benchmarks/artist2vec_choices.py [--seeds 1] [--json results/artist2vec_choices.json] [--only steps]

`steps` changes one thing at a time and looks only at validation: the training part of a cut, cut again. `sets` compares the default, with nothing chosen anew,
with EASE, whose penalty is chosen on each set's validation part, on sets of lists that differ in kind, number and length.
"""
import argparse
import json
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from musicrec import artist2vec, ranking
from musicrec.artist2vec import Artist2Vec, Embeddings, corpora, eigenvectors, members, ppmi
from musicrec.collect import load_tables
from musicrec.metrics import rank_scores

DATA = Path(os.environ.get("MUSICREC_DATA", "."))


def pairs_of(lists):
    """A table of pairs from what `corpora` gives."""
    size = lists.artists.str.len()
    return pd.DataFrame({"listener_id": lists.owner.repeat(size).to_numpy(), "artist_id": np.concatenate(lists.artists.to_numpy()), "weight": np.expm1(np.concatenate(lists.weights.to_numpy()))})


def the_sets():
    """Tables of pairs by name."""
    rng, heard = np.random.default_rng(5), load_tables("hetrec").listener_artists
    who = np.sort(heard.listener_id.unique())
    some = lambda n: heard[heard.listener_id.isin(rng.choice(who, n, replace=False))]
    yield "HetRec, 300 listeners", some(300)
    yield "HetRec, 800 listeners", some(800)
    yield "HetRec, no play counts", heard.drop(columns="weight")
    length = dict(zip(who, np.exp(rng.uniform(np.log(5), np.log(50), len(who))).astype(int)))
    mixed = heard.assign(random=rng.random(len(heard))).sort_values(["listener_id", "random"])
    yield "HetRec, lists cut to 5–50", mixed[mixed.groupby("listener_id").cumcount() < mixed.listener_id.map(length)].drop(columns="random")
    account = {u: f"shared {i // 12}" if i < len(who) // 2 else u for i, u in enumerate(rng.permutation(who))}
    yield "HetRec, half of all in shared accounts", heard.assign(listener_id=heard.listener_id.map(account)).groupby(["listener_id", "artist_id"], as_index=False).weight.sum()
    tags = pd.read_csv(next(DATA.rglob("user_taggedartists.dat")), sep="\t", dtype={"tagID": str, "artistID": str}).groupby(["tagID", "artistID"]).size()
    yield "HetRec, tags as lists", ranking.core(tags.rename_axis(["listener_id", "artist_id"]).reset_index(name="weight"), 10)
    yield "TidyTuesday, playlists", pairs_of(corpora(load_tables("tidytuesday"), ["playlists"]))
    lists = corpora(load_tables(DATA / "spotify_related_artists_amat"), ["similar"])
    near, inside = dict(zip(lists.owner, lists.artists)), {}
    queue = [max(near, key=lambda a: (len(near[a]), a))]
    for a in queue: # a part of the graph, breadth first
        if a in inside or len(inside) >= 2500: continue
        inside[a] = True
        queue.extend(near[a])
    graph = pairs_of(lists)
    yield "related artists, 2,500", graph[graph.listener_id.isin(inside) & graph.artist_id.isin(inside) & (graph.listener_id != graph.artist_id)].drop(columns="weight")
    yield "demo (simulated listening)", load_tables("demo").listener_artists


def score(scores, cut):
    """NDCG@10, Recall@20, coverage@20."""
    found = rank_scores(scores, cut.test, cut.train)
    return [float(np.nanmean(found[m])) for m in ("ndcg@10", "recall@20", "coverage@20")]


def fitted(cut, plays=True, **options):
    lists, weights = ranking.lists_of(cut)
    return Artist2Vec(**options).fit(lists, weights if plays else None).embeddings_


def plain(cut):
    """Positive PMI as it is commonly done: the logarithm cut at zero, smoothing 0.25, no shift, cosine."""
    member, weight, names = members(ranking.lists_of(cut)[0])
    hard = [csr_array((np.log(np.maximum(np.expm1(b.data), 1)), b.indices, b.indptr), shape=b.shape) for b in ppmi(member, weight, .25, 0)]
    return Embeddings(names, eigenvectors(hard, 100))


@contextmanager
def summed():
    """Profiles as plain sums."""
    ours, artist2vec.ALIKE = artist2vec.ALIKE, 1e9
    try: yield
    finally: artist2vec.ALIKE = ours


def by_vectors(e, cut): return score(ranking.vector_scores(e, cut), cut)


STEPS = {
    "default": {}, "smoothing 0.25": {"smoothing": .25}, "smoothing 1 (none)": {"smoothing": 1.}, "no discount for few shared lists": {"discount": 0.}, "discount 5": {"discount": 5.},
    "no noise subtracted": {"noise": 0.}, "all noise subtracted": {"noise": 1.}, "candidates by plain product": {"norm_power": 0.}, "norm power 0.5": {"norm_power": .5},
    "candidates by cosine": {"norm_power": 1.}, "play counts ignored": {"plays": False}, "50 dimensions": {"dim": 50}, "200 dimensions": {"dim": 200},
}


def steps(sets, seeds, save):
    """One thing changed at a time, on validation parts."""
    found = {}
    for name in ("HetRec, 300 listeners", "TidyTuesday, playlists", "HetRec, lists cut to 5–50", "HetRec"):
        for seed in range(seeds):
            cut = ranking.inner(ranking.hold_out(ranking.core(sets[name]), seed=seed), seed)
            for step, options in STEPS.items(): found.setdefault((step, name), []).append(by_vectors(fitted(cut, **options), cut))
            with summed():
                found.setdefault(("profiles summed", name), []).append(by_vectors(fitted(cut), cut))
                found.setdefault(("plain positive PMI", name), []).append(by_vectors(plain(cut), cut))
            print("steps", name, seed, {k[0]: round(v[-1][0], 4) for k, v in found.items() if k[1] == name}, flush=True)
        save(steps=[{"step": s, "data": d, **dict(zip(("ndcg@10", "recall@20", "coverage@20"), np.mean(v, 0).tolist())), "seeds": len(v)} for (s, d), v in found.items()])


def every_set(sets, seeds, save):
    """The default beside EASE, ItemKNN and plain PPMI, tested."""
    rows = []
    for name, pairs in sorted(sets.items(), key=lambda s: len(s[1])): # the quickest first
        if name == "HetRec": continue # benchmarks/artist2vec_quality.py
        pairs = ranking.core(pairs)
        for seed in range(seeds):
            cut = ranking.hold_out(pairs, seed=seed)
            got = {"default": by_vectors(fitted(cut, "weight" in pairs), cut), "ease": score(ranking.tuned_ease(cut, seed), cut), "item_knn": score(ranking.item_knn(cut.train), cut)}
            with summed(): got["plain positive PMI"] = by_vectors(plain(cut), cut)
            size = {"data": name, "lists": len(cut.listeners), "artists": len(cut.items), "longest": int(np.diff((cut.train + cut.test).tocsr().indptr).max()), "seed": seed}
            rows += [{**size, "method": m, **dict(zip(("ndcg@10", "recall@20", "coverage@20"), v))} for m, v in got.items()]
            print("sets", name, seed, {m: np.round(v, 4).tolist() for m, v in got.items()}, flush=True)
        save(sets=rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="draws of each set")
    parser.add_argument("--only", nargs="*", default=["steps", "sets"])
    parser.add_argument("--json", type=Path, help="merge what was measured into this file")
    args = parser.parse_args()
    sets = {"HetRec": load_tables("hetrec").listener_artists}
    for name, pairs in the_sets():
        sets[name] = pairs
        if name.startswith("TidyTuesday") and "sets" not in args.only: break # the rest is for `sets` alone

    def save(**part):
        if not args.json: return
        old = json.loads(args.json.read_text()) if args.json.exists() else {}
        made_by = "MUSICREC_DATA=… python benchmarks/artist2vec_choices.py --json results/artist2vec_choices.json"
        args.json.write_text(json.dumps({"made_by": made_by} | old | part, indent=1) + "\n")
    parts = {"steps": steps, "sets": every_set}
    for name in args.only: parts[name](sets, args.seeds, save)


if __name__ == "__main__":
    main()

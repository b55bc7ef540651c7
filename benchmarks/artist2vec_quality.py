"""Artist vectors on trial: listeners' hidden artists, hidden links, newcomers, beside peers in the same run.

    MUSICREC_DATA=… python benchmarks/artist2vec_quality.py [--seeds 5] [--json results/artist2vec_quality.json] [--only listeners] [--methods default ease]

Needs HetRec-2011 and the crawl of related artists. `implicit` (ALS, BPR) is run where it is installed (`pip install -e '.[bench]'`).
All settings of ours are the defaults of the package; EASE's penalty and ALS's weight are chosen on a further hidden fifth of the training part.
"""
import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, diags_array
from threadpoolctl import threadpool_limits

from musicrec import ranking
from musicrec.artist2vec import Artist2Vec, Embeddings, agreement, artist_genres, artist_inputs, corpora, infer_artists, sentences, unit
from musicrec.collect import load_tables
from musicrec.metrics import best, paired, rank_scores
from musicrec.tables import fold

SHOWN = ["ndcg@10", "ndcg@20", "recall@10", "recall@20", "coverage@20", "novelty", "diversity"]


def als(cut, seed):
    """implicit's ALS, its confidence chosen on a further hidden fifth."""
    from implicit.als import AlternatingLeastSquares

    def fit(train, alpha):
        model = AlternatingLeastSquares(factors=64, alpha=alpha, regularization=1.0, random_state=seed, num_threads=1)
        model.fit((train > 0).astype("float32").tocsr(), show_progress=False)
        return model.user_factors @ model.item_factors.T

    part = ranking.inner(cut, seed)
    score = {a: np.nanmean(rank_scores(fit(part.train, a), part.test, part.train, ["ndcg@10"])["ndcg@10"]) for a in (2, 5, 10, 20)}
    return fit(cut.train, max(score, key=score.get))


def bpr(cut, seed):
    """implicit's BPR with its own settings and 64 factors."""
    from implicit.bpr import BayesianPersonalizedRanking
    model = BayesianPersonalizedRanking(factors=64, random_state=seed, num_threads=1)
    model.fit((cut.train > 0).astype("float32").tocsr(), show_progress=False)
    return model.user_factors @ model.item_factors.T


def fitted(cut, **options):
    lists, plays = ranking.lists_of(cut)
    return Artist2Vec(**options).fit(lists, plays).embeddings_


def listeners(t, seeds, rankers):
    """Every method on the same cuts."""
    pairs = t.listener_artists
    runs = ranking.rank_listeners(pairs, rankers, seeds, say=lambda line: print(line, flush=True))
    rows = ranking.ranking_rows(runs, SHOWN)
    print(rows.pivot(index="method", columns="metric", values="value").round(4).to_string())
    against = []
    for other in [m for m in runs if m != "default"]:
        for m in ("ndcg@10", "recall@20"):
            ours, theirs = (np.array([r[m] for r in runs[x]]) for x in ("default", other))
            difference = dict(zip(("difference", "low", "high"), paired(ours, theirs)))
            against.append({"against": other, "metric": m, "ratio": ours.mean() / theirs.mean(), "seeds": (ours.mean(1) / theirs.mean(1)).tolist(), **difference})
    print(pd.DataFrame(against).round(4).to_string())
    return {"listeners": rows.to_dict("records"), "against": against}


def curves(t, seeds):
    """The default by the number of dimensions, and by the power of the length that divides candidates."""
    pairs, dims, dial = ranking.core(t.listener_artists), {}, {}
    for seed in range(min(seeds, 2)):
        cut = ranking.hold_out(pairs, seed=seed)
        for d in (12, 25, 50, 100, 200):
            e = fitted(cut, dim=d)
            dims.setdefault(d, []).append(summary(ranking.vector_scores(e, cut), cut))
            if d != 100: continue
            norms = np.maximum(np.linalg.norm(e.vectors, axis=1), 1e-12)
            for a in (0, .25, .5, .65, .8, .9, 1): dial.setdefault(a, []).append(summary(ranking.vector_scores(Embeddings(e.ids, e.vectors, norms**-a), cut), cut))
        dial.setdefault("ease", []).append(summary(ranking.tuned_ease(cut, seed), cut))
    table = lambda parts, name: pd.DataFrame([{name: k, **pd.DataFrame(v).mean(), "seeds": len(v)} for k, v in parts.items()])
    for frame in (table(dims, "dim"), table(dial, "norm_power")): print(frame.round(4).to_string())
    return {"by_dim": table(dims, "dim").to_dict("records"), "by_norm_power": table(dial, "norm_power").to_dict("records")}


def summary(score, cut):
    return {m: float(np.nanmean(v)) for m, v in ranking.judged(score, cut).items() if m in SHOWN}


def links(t, seeds, methods):
    """Hidden links: the paper's recipe, ours at several sizes, and the whole graph."""
    rows = {}
    for seed in range(seeds):
        cut = ranking.hold_out_links(t.similar_artists, seed=seed)
        both = ranking.symmetric_lists(cut)
        vectors = {"default": lambda: Artist2Vec().fit(both), "default, lists weighted by rank": lambda: Artist2Vec().fit(both, by_rank(t.similar_artists, both)),
                   "eigenvectors only, 100 dimensions": lambda: Artist2Vec(sweeps=0).fit(both), "eigenvectors only, 400 dimensions": lambda: Artist2Vec(dim=400, sweeps=0).fit(both),
                   "the paper's recipe": lambda: Artist2Vec("paper", seed=seed).fit(cut.lists)}
        for name, fit in vectors.items():
            if methods and name not in methods: continue
            start = time.process_time()
            e = fit().embeddings_
            scores = ranking.link_scores(ranking.cosine_scores(e, cut.items), cut)
            rows.setdefault(name, []).append([np.nanmean(s) for s in scores] + [time.process_time() - start])
            print("links", seed, name, rows[name][-1], flush=True)
        if methods: continue
        graphs = {"common neighbours": ranking.resource_allocation, "paths of two and three steps": ranking.three_steps, "boosted trees over paths and vectors": lambda cut: learned(cut, t.similar_artists, seed)}
        for name, graph in graphs.items():
            rows.setdefault(name, []).append([np.nanmean(s) for s in ranking.link_scores(graph(cut), cut)] + [float("nan")])
            print("links", seed, name, rows[name][-1], flush=True)
        two = cut.known @ cut.known
        for name, reach in {"all within two steps": two, "all within three steps": two + two @ cut.known}.items():
            rows.setdefault(name, []).append([np.nanmean(ranking.link_scores(lambda r: cut.hidden[r].multiply(reach[r] > 0).toarray(), cut)[0]), float("nan"), float("nan")])
            print("links", seed, name, rows[name][-1], flush=True)
    return {"links": [dict(zip(("method", "recall@20", "ndcg@20", "cpu_seconds", "seeds"), (m, *(None if np.isnan(x) else float(x) for x in np.mean(v, 0)), len(v)))) for m, v in rows.items()]}


def by_rank(near, lists):
    """Weights for lists of similar artists: one over the square root of the better of two ranks, the last one's where neither is known."""
    rank = near.set_index(["artist_id", "similar_id"])["rank"].astype(float).to_dict()
    both = lambda a, b: min(rank.get((a, b), 20.), rank.get((b, a), 20.))
    return [[1. if b == own else both(own, b)**-.5 for b in all_] for all_ in lists for own in all_[:1]]


def link_inputs(known, near, items):
    """What speaks for a link, as a function of a block of artists: rows × candidates, their columns, and each pair's inputs (paths by weight, who lists whom, cosine by two kinds of vectors, how many links either has)."""
    at, near = pd.Index(items), near.drop_duplicates(["artist_id", "similar_id"])
    listed = csr_array((np.ones(len(near)), (at.get_indexer(near.artist_id), at.get_indexer(near.similar_id))), shape=known.shape).multiply(known).tocsr()
    often = np.maximum(known.sum(axis=0), 1)
    step = (diags_array(often**-.5) @ known @ diags_array(often**-.5)).tocsr()
    fair = [known @ diags_array(w) for w in (1 + 0 * often, 1 / often, 1 / np.log(often + 1.5))]
    lists = ranking.symmetric_lists(ranking.HeldLinks(items, [], known, None))
    units = [unit(Artist2Vec(**o).fit(lists).embeddings_.take(items)[0]) for o in ({}, {"dim": 400, "sweeps": 0})]
    counts = known.sum(axis=0), listed.sum(axis=1), listed.sum(axis=0)

    def of(rows):
        paths = [step[rows] @ step]
        for _ in range(2): paths.append(paths[-1] @ step)
        pairs = [p.toarray() for p in paths] + [(f[rows] @ known).toarray() for f in fair] + [(x[rows] @ y).toarray() for x in (listed, listed.T.tocsr()) for y in (listed, listed.T.tocsr())] + [u[rows] @ u.T for u in units]
        likely = pairs[0] + pairs[1]
        likely[known[rows].nonzero()] = likely[np.arange(len(rows)), rows] = -np.inf
        there = best(likely, 250)
        r, c = np.repeat(np.arange(len(rows)), there.shape[1]), there.ravel()
        place = [np.argsort(np.argsort(-m[r, c].reshape(there.shape)), 1).ravel() for m in (pairs[0], pairs[1], pairs[-2])]
        return r, c, np.stack([m[r, c] for m in pairs] + [n[rows][r] for n in counts] + [n[c] for n in counts] + place, 1).astype("float32")
    return of


def learned(cut, near, seed):
    """Links as a supervised task: boosted trees learn from a further hidden fifth of what is left which pairs are linked."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    a, b = cut.known.nonzero()
    left = pd.DataFrame({"artist_id": a[a < b], "similar_id": b[a < b]}).map(lambda i: cut.items[i])
    part = ranking.hold_out_links(left, seed=seed + 1000)
    at = pd.Index(cut.items).get_indexer(part.items)
    grown = lambda m: csr_array((m.tocoo().data, (at[m.tocoo().row], at[m.tocoo().col])), shape=cut.known.shape)
    known, hidden = grown(part.known), grown(part.hidden)
    inputs, blocks = link_inputs(known, near, cut.items), np.array_split(np.random.default_rng(seed).permutation(len(cut.items))[:4500], 9)
    x, y = [], []
    for rows in blocks:
        r, c, some = inputs(rows)
        x.append(some), y.append(hidden[rows].toarray()[r, c])
    model = HistGradientBoostingClassifier(max_iter=300, learning_rate=.06, max_leaf_nodes=63, min_samples_leaf=50, random_state=seed).fit(np.concatenate(x), np.concatenate(y))
    inputs = link_inputs(cut.known, near, cut.items)

    def score(rows):
        out = np.full((len(rows), len(cut.items)), -1.)
        r, c, x = inputs(rows)
        out[r, c] = model.predict_proba(x)[:, 1]
        return out
    return score


GROUPS = {"1": 1, "2": 2, "3–5": 5, "6–10": 10, "11–30": 30, "31–100": 100, "> 100": 10**9}


def neighbours(heard, near, methods):
    """How often the ten nearest share a tag (HetRec, the commonest one) or a genre (the graph, any), by how many lists an artist is in."""
    rows = []
    for name, t, labels in (("HetRec-2011", heard, lambda x: x.str.split("|").str[0]), ("related artists", near, lambda x: x)):
        lists = corpora(t)
        often = lists.artists.explode().value_counts()
        known = labels(t.artists.set_index("artist_id").genres.dropna().astype("str"))
        known = known[known.str.len() > 0]
        vectors = {"default": Artist2Vec().fit(lists.artists, lists.weights).embeddings_, "paper": None if methods and "paper" not in methods else Artist2Vec("paper").fit(sentences(t, symmetric=False)).embeddings_}
        shuffled = pd.Series(np.random.default_rng(0).permutation(known), known.index)
        for method, e, l in [*((m, e, known) for m, e in vectors.items() if e), ("by chance", vectors["default"], shuffled)]:
            same = agreement(e, l)
            group = pd.cut(often.reindex(same.index).fillna(0), [0, *GROUPS.values()], labels=list(GROUPS))
            rows += [{"data": name, "method": method, "lists": "all", "agreement": float(same.mean()), "artists": len(same)}]
            rows += [{"data": name, "method": method, "lists": g, "agreement": float(x.mean()), "artists": len(x)} for g, x in same.groupby(group.to_numpy(), observed=True)]
            print("neighbours", name, method, rows[-1 - group.nunique()], flush=True)
    return {"neighbours": rows}


def with_audio(t, others):
    """`t` with the tracks that other collections have of its artists, matched by folded name."""
    named = t.artists.dropna(subset=["name"])
    mine = pd.Series(named.artist_id.to_numpy(), named.name.map(fold)).groupby(level=0).first()
    frames = {"tracks": [], "track_artists": [], "audio_features": []}
    for o in others:
        credits = o.track_artists.assign(artist_id=o.track_artists.artist_id.map(o.artists.set_index("artist_id").name.dropna().map(fold)).map(mine)).dropna(subset=["artist_id"])
        frames["track_artists"].append(credits)
        for name in ("tracks", "audio_features"):
            table = getattr(o, name)
            frames[name].append(table[table.track_id.isin(set(credits.track_id))])
    return t.replace(**{name: pd.concat(f, ignore_index=True) for name, f in frames.items()})


def newcomers(t, seeds):
    """New artists from audio and tags, for listeners whose lists nothing has learned from."""
    pairs = ranking.core(t.listener_artists)
    audio = artist_inputs(t, pairs.artist_id.unique())
    sound = audio["audio"][audio["audio"].any(axis=1)]
    tags = artist_genres(t)
    rows = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        could = sorted(set(pairs.artist_id) & set(sound.index))
        new = sorted(rng.choice(could, len(could) // 5, replace=False))
        who = np.sort(pairs.listener_id.unique())
        theirs = pairs.listener_id.isin(set(who[rng.random(len(who)) < .3]))
        fit = lambda p: Artist2Vec().fit(*(p.groupby("listener_id")[c].agg(list) for c in ("artist_id", "plays"))).embeddings_
        seen = pairs[~theirs].assign(plays=np.log1p(pairs.weight))
        warm, without = fit(seen), fit(seen[~seen.artist_id.isin(new)])
        cold, predicted = (infer_artists(without, t, how=how) for how in ("ridge", "predicted"))
        new = [a for a in new if a in warm]
        profile = pairs[theirs & ~pairs.artist_id.isin(new)].groupby("listener_id").artist_id.agg(list)
        found = pairs[theirs & pairs.artist_id.isin(new)]
        profile = profile[profile.index.isin(found.listener_id)]
        relevant = np.zeros((len(profile), len(new)))
        found = found[found.listener_id.isin(profile.index)]
        relevant[profile.index.get_indexer(found.listener_id), pd.Index(new).get_indexer(found.artist_id)] = 1

        def near(x):
            units = pd.DataFrame(unit(x.to_numpy(float)), x.index)
            total = np.stack([units.reindex(p).fillna(0).to_numpy().sum(0) for p in profile])
            return total @ units.reindex(new).fillna(0).to_numpy().T
        by = lambda e: e.affinity(profile.tolist())[:, [e.row(a) for a in new]]
        for name, score in {"warm": by(warm), "inferred": by(cold), "predicted artist (paper)": by(predicted), "nearest in audio": near(sound.iloc[:, :8]), "nearest in tags": near(tags), "random": rng.random(relevant.shape)}.items():
            got = rank_scores(score, relevant)
            rows.setdefault(name, []).append([np.nanmean(got["ndcg@10"]), np.nanmean(got["recall@20"])])
        print("newcomers", seed, {k: np.round(v[-1][0], 3).item() for k, v in rows.items()}, flush=True)
    return {"newcomers": [dict(zip(("method", "ndcg@10", "recall@20"), (m, *np.mean(v, 0)))) for m, v in rows.items()]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=["listeners", "curves", "links", "newcomers", "neighbours"])
    parser.add_argument("--methods", nargs="*", help="default among them, of ranking listeners and links; what the file says of others is kept")
    parser.add_argument("--penalties", nargs="*", type=float, default=ranking.PENALTIES, help="of EASE, from which validation chooses")
    parser.add_argument("--links", default=Path(os.environ.get("MUSICREC_DATA", "."), "spotify_related_artists_amat"), help="a collection with similar artists")
    parser.add_argument("--audio", nargs="*", default=[Path(os.environ.get("MUSICREC_DATA", "."), n) for n in ("tidytuesday_spotify_songs", "spotify_music_genre_50k", "spotify_hit_predictor")], help="collections with audio features")
    parser.add_argument("--json", type=Path, help="merge what was measured into this file")
    args = parser.parse_args()
    peers, ranking.PENALTIES = {"als": als, "bpr": bpr}, args.penalties
    try:
        import implicit  # noqa: F401
    except ImportError:
        peers = {}
        print("implicit is not installed, so ALS and BPR are left out: pip install -e '.[bench]'")
    parts = {"listeners": lambda: listeners(load_tables("hetrec"), args.seeds, {m: f for m, f in (ranking.RANKERS | peers).items() if not args.methods or m in args.methods}), "links": lambda: links(load_tables(args.links), args.seeds, args.methods),
             "newcomers": lambda: newcomers(with_audio(load_tables("hetrec"), map(load_tables, args.audio)), args.seeds)}
    parts["curves"] = lambda: curves(load_tables("hetrec"), args.seeds)
    parts["neighbours"] = lambda: neighbours(load_tables("hetrec"), load_tables(args.links), args.methods)
    done = {}
    for name in args.only:
        with threadpool_limits(2): done |= parts[name]()
    if args.json:
        old = json.loads(args.json.read_text()) if args.json.exists() else {}
        if args.methods and "links" in done: done["links"] += [r for r in old.get("links", []) if r["method"] not in {x["method"] for x in done["links"]}]
        if args.methods and old and "listeners" in done:
            done["listeners"] += [r for r in old["listeners"] if r["method"] not in args.methods]
            done["against"] += [r for r in old.get("against", []) if r["against"] not in args.methods]
        made_by = "MUSICREC_DATA=… python benchmarks/artist2vec_quality.py --json results/artist2vec_quality.json"
        args.json.write_text(json.dumps({"made_by": made_by} | old | done, indent=1) + "\n")


if __name__ == "__main__":
    main()

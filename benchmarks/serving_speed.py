"""How fast it answers: the nearest of many vectors, recommendations for a new listener, and the scoring of full rankings.

    python benchmarks/serving_speed.py [--only nearest million recommend batched scoring] [--json results/serving_speed.json]

Peers run in the same process, in turns with ours, on one thread: faiss-flat and numpy for searches, ranx for the scoring.
With OMP_NUM_THREADS=2 `nearest` is measured as the libraries use two cores by themselves, in rows of its own.
Times are those of the fastest tenth of the turns, in milliseconds, since a machine is seldom ours alone; what counts is the
ratio. `memory` is numpy's sum over the same vectors. A turn of `nearest` is eight searches, one after the other, as of a busy server;
`after other work` it is one alone, after its peers have swept the caches. Vectors are Gaussian: where many are nearly alike, ours
compares them exactly, as numpy does. What is made once (faiss' copy, ours in eight bits) is not in the times.
"""
import argparse
import json
import os
import time
from itertools import cycle
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

DIM = 100
THREADS = os.environ["OMP_NUM_THREADS"]


def taking_turns(calls, rounds, together=1):
    """Milliseconds that each call takes in its fastest tenth; in every round each has its turn, of some calls one after the other."""
    for f in calls.values() if rounds > 1 else (): f()
    took = {name: [] for name in calls}
    for _ in range(rounds):
        for name, f in calls.items():
            start = time.perf_counter()
            for _ in range(together): f()
            took[name].append(1000 * (time.perf_counter() - start) / together)
    return {name: float(np.quantile(t, .1)) for name, t in took.items()}


def row(method, metric, value, **more): return {"method": method, "metric": metric, "value": value} | more


def by_numpy(queries, vectors, k): return np.argpartition(-(queries @ vectors.T), k, axis=1)[:, :k]


def nearest(n, rounds, rng):
    """The twenty nearest of one id, among `n` vectors."""
    import faiss

    from musicrec.artist2vec import Embeddings, near_rows
    vectors = rng.normal(size=(n, DIM)).astype("float32")
    e = Embeddings([f"a{i:07}" for i in range(n)], vectors)
    index = faiss.IndexFlatIP(DIM)
    index.add(e.units)
    at = cycle(rng.integers(0, n, 1000))
    texts = np.array(e.ids, object)
    def framed(q):
        """What faiss finds, told as we tell it."""
        cosine, rows = (f[0] for f in index.search(e.units[[q]], 21))
        keep = np.flatnonzero(rows != q)[:20]
        ids = pd.array(texts[rows[keep]], dtype="str")
        return pd.DataFrame({"id": ids, "name": ids.copy(), "score": cosine[keep]}, pd.RangeIndex(len(keep)), copy=False)
    calls = {"musicrec": lambda: e.nearest(e.ids[next(at)], 20), "faiss-flat, in the same frame": lambda: framed(next(at)),
             "musicrec, row numbers without the frame": lambda: near_rows(e, next(at), 21), "faiss-flat": lambda: index.search(e.units[[next(at)]], 21),
             "numpy": lambda: by_numpy(e.units[[next(at)]], e.units, 20), "memory": lambda: e.units.sum(dtype="float32")}
    q, rows = int(next(at)), []
    same = set(e.nearest(e.ids[q], 20).id) == {e.ids[i] for i in index.search(e.units[[q]], 21)[1][0] if i != q}
    n = n if THREADS == "1" else f"{n} on {THREADS} threads"
    for task, together in ((f"nearest {n}", 8), (f"nearest {n} after other work", 1)):
        took = taking_turns(calls, rounds, together)
        rows += [row(m, f"{task}, ms", t) for m, t in took.items()]
        rows += [row(f"{m} / faiss-flat", f"{task}, ratio", took[m] / took["faiss-flat"]) for m in took if m.startswith("musicrec")]
        rows += [row("musicrec / faiss-flat, both in a frame", f"{task}, ratio", took["musicrec"] / took["faiss-flat, in the same frame"])]
    return rows + [row("musicrec", f"nearest {n}, same ids as faiss-flat", float(same))]


def world(n, rng):
    """Tables of `n` tracks by a fiftieth of as many artists, and a fitted recommender."""
    from musicrec.artist2vec import Embeddings
    from musicrec.recommender import Recommender
    from musicrec.tables import AUDIO, Tables
    ids, artists = [f"t{i:06}" for i in range(n)], [f"a{i:05}" for i in range(n // 50)]
    own = rng.integers(0, len(artists), n)
    features = pd.DataFrame(rng.random((n, 8)), columns=list(AUDIO)).assign(tempo=lambda d: 60 + 120 * d.tempo, loudness=lambda d: -30 * d.loudness)
    label = (features.energy[:400] + rng.normal(0, .2, 400) > .5).astype(int)
    t = Tables(tracks=pd.DataFrame({"track_id": ids, "title": [f"song {i}" for i in range(n)], "popularity": rng.integers(0, 101, n), "release_date": rng.integers(1960, 2026, n).astype(str), "source": "made up"}), artists=pd.DataFrame({"artist_id": artists, "name": artists, "source": "made up"}),
               track_artists=pd.DataFrame({"track_id": ids, "artist_id": [artists[i] for i in own], "position": 0}), audio_features=features.assign(track_id=ids, source="made up"),
               preferences=pd.DataFrame({"listener_id": "you", "track_id": ids[:400], "label": label, "weight": 1., "rule": "made up"}))
    vectors = Embeddings(artists, rng.normal(size=(len(artists), DIM)))
    tracks = Embeddings(ids, rng.normal(size=(n, DIM)))
    return ids, tracks, Recommender(vectors, tracks, seed=0).fit(t, "you")


def recommend(n, rounds, rng):
    """Recommendations for somebody who just named ten tracks, another ten every time."""
    import faiss
    ids, tracks, model = world(n, rng)
    index = faiss.IndexFlatIP(DIM)
    index.add(units := tracks.units)
    lists = iter([[ids[i] for i in rng.choice(n, 10, replace=False)] for _ in range(rounds * 4 + 4)])
    mean = lambda: tracks.take(next(lists))[0].mean(0, keepdims=True)
    took = taking_turns({"musicrec": lambda: model.recommend(liked=next(lists), k=20), "faiss-flat": lambda: index.search(mean(), 30),
                         "numpy": lambda: by_numpy(mean(), units, 30)}, rounds)
    return [row(m, f"recommend among {n}, ms", t) for m, t in took.items()]


def batched(n, queries, rounds, rng):
    """Queries per second when many come at once: newcomers with ten tracks each, from their lists to the frame, beside bare searches by vector."""
    import faiss

    from musicrec.metrics import best
    ids, tracks, model = world(n, rng)
    index = faiss.IndexFlatIP(DIM)
    index.add(units := tracks.units)
    q = units[rng.integers(0, n, queries)]
    lists = iter([[[ids[i] for i in rng.choice(n, 10, replace=False)] for _ in range(queries)] for _ in range(rounds + 1)])
    took = taking_turns({"musicrec": lambda: model.recommend_many(next(lists), k=20), "bare search, batched": lambda: best(q @ units.T, 20),
                         "faiss-flat": lambda: index.search(q, 20), "numpy": lambda: by_numpy(q, units, 20)}, rounds)
    rows = [row(m, f"batched among {n}, queries per second", 1000 * queries / t) for m, t in took.items()]
    return rows + [row(f"{m} / faiss-flat", "batched, ratio of rates", took["faiss-flat"] / took[m]) for m in took if m != "faiss-flat"]


def scoring(listeners, items, rounds, rng):
    """Full rankings of all listeners, eight metrics."""
    from ranx import Qrels, Run, evaluate

    from musicrec.metrics import RANKING, rank_scores
    scores = rng.random((listeners, items)).astype("float32")
    relevant = rng.random((listeners, items)) < .004
    relevant[np.arange(listeners), rng.integers(0, items, listeners)] = True
    names = ["ndcg@10", "ndcg@20", "recall@10", "recall@20", "precision@10", "hit_rate@10", "map@10", "mrr@20"]
    words = [str(i) for i in range(items)]
    qrels = Qrels({str(i): {words[j]: 1 for j in np.flatnonzero(r)} for i, r in enumerate(relevant)})

    def by_ranx(): # from the same matrix: twenty best each, which is all that the metrics look at
        top = np.argpartition(-scores, 20, axis=1)[:, :20]
        return evaluate(qrels, Run({str(i): {words[j]: float(scores[i, j]) for j in t} for i, t in enumerate(top)}), names, make_comparable=True)

    def by_ranx_whole(): return evaluate(qrels, Run({str(i): dict(zip(words, s)) for i, s in enumerate(scores.astype(float).tolist())}), names, make_comparable=True)
    ours = lambda: rank_scores(scores, relevant)
    took = taking_turns({"musicrec": ours, "ranx, twenty best": by_ranx}, rounds) | taking_turns({"ranx, whole lists": by_ranx_whole}, 1)
    apart = max(abs(float(np.mean(ours()[a])) - by_ranx()[b]) for a, b in zip([m for m in RANKING if m != "map@10"], [m for m in names if m != "map@10"]))
    rows = [row(m, f"scoring {listeners} x {items}, ms", t) for m, t in took.items()]
    return rows + [row(f"{m} / musicrec", "scoring, ratio", took[m] / took["musicrec"]) for m in took if m != "musicrec"] + [row("musicrec", "scoring, greatest difference from ranx", apart)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", nargs="*", default=["nearest", "million", "recommend", "batched", "scoring"])
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    rows = json.loads(args.json.read_text())["rows"] if args.json and args.json.exists() else []
    parts = {"nearest": lambda: nearest(70_000, args.rounds * 4, rng), "million": lambda: nearest(1_000_000, args.rounds, rng), "recommend": lambda: recommend(70_000, args.rounds, rng),
             "batched": lambda: batched(70_000, 256, max(3, args.rounds // 6), rng), "scoring": lambda: scoring(2000, 3000, max(3, args.rounds // 6), rng)}
    for name in args.only:
        part = name if THREADS == "1" else f"{name}, {THREADS} threads"
        new = [r | {"part": part} for r in parts[name]()]
        rows = [r for r in rows if r.get("part") != part] + new
        for r in new: print(f"{r['method']:<56}{r['metric']:<50}{r['value']:12.3f}", flush=True)
    if args.json: args.json.write_text(json.dumps({"made_by": "OMP_NUM_THREADS=1 python benchmarks/serving_speed.py --json results/serving_speed.json (one part after the other, by --only)", "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

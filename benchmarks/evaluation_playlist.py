"""Playlists of thirty, judged by a simulated listener's true taste: likes expected, likes claimed, regret, novelty. Simulated listening.

    python benchmarks/evaluation_playlist.py [--seeds 5] [--json results/playlist.json]

The listener is the demo's `you`; methods learn from three fifths of her labels and choose among all tracks that they were not told about.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from musicrec.artist2vec import Artist2Vec, sentences
from musicrec.assessment import PLAYLIST, judge, pick
from musicrec.collect import load_tables
from musicrec.evaluation import _forest, _track_vectors
from musicrec.preprocess import audio_matrix, merge_duplicates, split
from musicrec.recommender import Recommender
from musicrec.tables import main_artists


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="demo")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    t = merge_duplicates(load_tables(args.data))
    y = t.preferences[t.preferences.listener_id == "you"].dropna(subset="label").set_index("track_id").label.astype(int)
    truth = t.truth_likes[t.truth_likes.listener_id == "you"].set_index("track_id").probability
    vectors = Artist2Vec().fit(sentences(t, leave_out=["you"])).embeddings_
    x = pd.DataFrame(audio_matrix(t.audio()), t.audio().index)
    plays = t.listens.track_id[t.listens.listener_id != "you"].value_counts().reindex(x.index).fillna(0)
    found = []
    for seed in range(args.seeds):
        s = split(t, "track", seed, valid=.15, test=.4, among=y.index)
        seen = np.concatenate([s.train, s.valid])
        free = truth.index.intersection(x.index).difference(seen)
        tracks, own = _track_vectors(t, seed), set(main_artists(t).reindex(y[seen][y[seen] == 1].index))
        familiar = main_artists(t).reindex(free).isin(own).to_numpy()
        scores = {"default": Recommender(vectors, tracks, seed=seed).fit(t, "you", s).predict_proba(free).to_numpy(),
                  "paper": Recommender(vectors, tracks, method="paper", seed=seed).fit(t, "you", s).predict_proba(free).to_numpy(),
                  "forest": _forest(x.loc[seen].to_numpy(), y[seen].to_numpy(), x.loc[free].to_numpy(), 2)[:, 1],
                  "popularity": (plays[free] / plays.max()).to_numpy(), "chance": np.random.default_rng(seed).random(len(free)), "her true taste": truth[free].to_numpy()}
        for name, p in scores.items():
            claims = None if name in ("popularity", "chance") else p
            found.append({"method": name, "seed": seed} | judge(pick(p), truth[free].to_numpy(), claims, plays[free].to_numpy(), familiar))
        print(pd.DataFrame(found).query("seed == @seed").round(3).to_string(), flush=True)
    frame, rows = pd.DataFrame(found), []
    for (method, metric), v in frame.melt(["method", "seed"], var_name="metric").dropna().groupby(["method", "metric"], sort=False).value:
        rows.append({"method": method, "metric": metric, "value": float(v.mean()), "low": float(v.min()), "high": float(v.max()), "seeds": args.seeds})
    if args.json: args.json.write_text(json.dumps({"made_by": "python benchmarks/evaluation_playlist.py --json results/playlist.json", "data": "demo, simulated listening", "length": PLAYLIST, "candidates": len(free), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

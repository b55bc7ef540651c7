"""Like or dislike on one real listener: ours, the paper's, and what an unrestricted blend of trees reaches on the same inputs.

    MUSICREC_DATA=… python benchmarks/recommender_quality.py [--seeds 5] [--json results/recommender_quality.json]

The listener is geomack's; artist vectors are learned on the other collections, without labels, and matched by folded name.
"""
import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

from musicrec.artist2vec import unit
from musicrec.collect import load_tables
from musicrec.evaluation import _Likes, interval, rows_of, transfer_artists
from musicrec.metrics import accuracy, auc, brier, log_loss, paired
from musicrec.preprocess import folds, merge_duplicates, track_groups
from musicrec.recommender import Recommender, _measures, artist_vectors, catalogue, neighbour_rates, own_rates

SHOWN = ["accuracy", "auc", "log_loss", "brier", "ece"]
OTHERS = "hetrec2011_lastfm_2k", "tidytuesday_spotify_songs", "spotify_related_artists_amat", "spotify_related_graph_taylor_swift"
EACH = {"accuracy": lambda y, p: (p.argmax(1) == y).astype(float), "log_loss": lambda y, p: -np.log(np.clip(p[np.arange(len(y)), y], 1e-12, 1)), "brier": lambda y, p: (p[:, 1] - y)**2}


class Likes(_Likes):
    """The entrants of `evaluate`, and more."""

    def __init__(self, t, seed, artists):
        super().__init__(t, None, seed, artists)
        self.frame = catalogue(t)
        self.row = pd.Series(np.arange(len(self.frame)), self.frame.track_id)
        main = self.frame.artist_ids.str.split("|").str[0]
        self.groups = pd.factorize(main.where(main != ""))[0]
        self.vectors = artist_vectors(artists["default"], self.frame.artist_ids, main_only=True).astype(float)

    def blend(self, s):
        """Extra trees, a random forest and boosting over all inputs at once, untuned."""
        from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
        seen, test = (self.row[ids].to_numpy() for ids in (np.concatenate([s.train, s.valid]), s.test))
        y, w = self.y[self.frame.track_id.iloc[seen]].to_numpy(), np.ones(len(seen))
        odds, n = own_rates(self.groups, seen, y, w)
        v = self.vectors
        x = np.hstack([_measures(self.t.audio().loc[self.frame.track_id], seen), v / np.sqrt(np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9)), v.any(1)[:, None], neighbour_rates(unit(v), self.groups, seen, y, w), odds[:, None], n[:, None]])
        models = [ExtraTreesClassifier(400, min_samples_leaf=2, n_jobs=2, random_state=self.seed), RandomForestClassifier(400, min_samples_leaf=2, max_features=.3, n_jobs=2, random_state=self.seed),
                  HistGradientBoostingClassifier(max_iter=150, learning_rate=.05, random_state=self.seed)]
        return np.mean([m.fit(x[seen], y).predict_proba(x[test]) for m in models], 0)

    def artist_rate(self, s):
        """The like-rate of the artist's other tracks, nothing else."""
        seen, test = (self.row[ids].to_numpy() for ids in (np.concatenate([s.train, s.valid]), s.test))
        y = self.y[self.frame.track_id.iloc[seen]].to_numpy()
        odds, n = own_rates(self.groups, seen, y, np.ones(len(seen)))
        p = np.where(n > 0, 1 / (1 + np.exp(-odds)), y.mean())[test]
        return np.stack([1 - p, p], 1)

    def audio_only(self, s):
        """Ours without artists."""
        p = Recommender(None, self.tracks, seed=self.seed).fit(self.bare(), self.who, s).predict_proba(s.test).to_numpy()
        return np.stack([1 - p, p], 1)

    def bare(self):
        return self.t.replace(track_artists=None, artists=None, listener_artists=None)

    def audio_knn(self, s):
        """Twenty nearest by the eight measures."""
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        seen = np.concatenate([s.train, s.valid])
        x = self.t.audio()[["acousticness", "liveness", "danceability", "energy", "loudness", "speechiness", "tempo", "valence"]].astype(float)
        return make_pipeline(StandardScaler(), KNeighborsClassifier(20)).fit(x.loc[seen].to_numpy(), self.y[seen]).predict_proba(x.loc[s.test].to_numpy())


METHODS = "default", "paper", "blend", "forest", "audio_only", "audio_knn", "artist_rate", "majority"


def likes(t, artists, by, seeds, methods):
    """One `(y, p)` per seed for each method, rows sorted by track."""
    runs = {m: [] for m in methods}
    for seed in range(seeds):
        entrant = Likes(t, seed, artists)
        parts = {m: [] for m in methods}
        for s in folds(t, by, 5, seed, among=entrant.ids):
            for m in methods: parts[m].append(pd.DataFrame(getattr(entrant, m)(s), index=s.test))
        for m, p in parts.items():
            p = pd.concat(p).sort_index()
            runs[m].append((entrant.y[p.index].to_numpy(), p.to_numpy()))
        scores = {m: [round(float(f(*runs[m][-1])), 4) for f in (accuracy, auc, log_loss, brier)] for m in methods}
        print(by, seed, json.dumps(scores), flush=True)
    return runs, p.index


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("MUSICREC_DATA", "."))
    parser.add_argument("--likes", default=data / "geomack_song_attributes")
    parser.add_argument("--vectors-from", nargs="*", default=[data / n for n in OTHERS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="*", default=METHODS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    t = merge_duplicates(load_tables(args.likes))
    others = [load_tables(n) for n in args.vectors_from]
    ours = transfer_artists(t, others)
    artists = {"default": ours, "paper": transfer_artists(t, others, method="paper") if "paper" in args.methods else None}
    done = {"made_by": "MUSICREC_DATA=… python benchmarks/recommender_quality.py --json results/recommender_quality.json", "n": int(len(t.preferences)), "covered": float(np.mean([a in ours for a in t.track_artists.artist_id])), "rows": [], "against": []}
    for by in ("track", "artist"):
        runs, ids = likes(t, artists, by, args.seeds, args.methods)
        groups = track_groups(t, "artist").drop_duplicates("track_id").set_index("track_id").group.reindex(ids)
        done["rows"] += rows_of(runs, SHOWN, groups).assign(by=by).to_dict("records")
        for m in args.methods[1:]:
            for name, each in EACH.items():
                a, b = (np.array([each(*r) for r in runs[x]]) for x in ("default", m))
                done["against"].append({"by": by, "method": m, "metric": name, **dict(zip(("difference", "low", "high"), paired(a, b, groups)))})
    print(pd.DataFrame(done["rows"]).pivot(index=["by", "method"], columns="metric", values="value").round(4).to_string())
    print(pd.DataFrame(done["against"]).round(4).to_string())
    if args.json: args.json.write_text(json.dumps(done, indent=1) + "\n")


if __name__ == "__main__":
    main()

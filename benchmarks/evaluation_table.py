"""The paper's table on real data under three protocols, what each input is worth for likes, and likes carried from one set to another.

    MUSICREC_DATA=… python benchmarks/evaluation_table.py [--seeds 5] [--only likes ablation transfer genres artists] [--json results/evaluation.json]

Likes are geomack's; genres and artists TidyTuesday's. Artist vectors are learned on other collections, without labels, and matched
by folded name; those of the paper's recipe on the related-artist graph alone, as in the paper. `as it stands` draws rows at
random, re-releases and all, as the paper seems to; `merged` has one row per recording; `artist` keeps artists apart. Each seed
tests on one fifth (`likes`, `ablation`: on five fifths in turn; `transfer`: on the tracks that both sets have).
"""
import argparse
import json
import os
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from musicrec.artist2vec import infer_artists
from musicrec.collect import load_tables
from musicrec.evaluation import PAIRED, _Classes, _forest, _Likes, _one_seed, differences, roc_bands, rows_of, transfer_artists, transfer_facts, unlabelled
from musicrec.metrics import auc
from musicrec.preprocess import Split, audio_matrix, folds, main_genre, merge_duplicates, track_groups
from musicrec.recommender import MEASURES
from musicrec.tables import fold, main_artists

OTHERS = "hetrec2011_lastfm_2k", "tidytuesday_spotify_songs", "spotify_related_artists_amat", "spotify_related_graph_taylor_swift", "spotify_music_genre_50k", "spotify_hit_predictor"
READ = 10_000_000  # Artists in lists that the paper's word2vec reads
PROTOCOLS = "as it stands", "merged", "artist"
METRICS = {"likes": ["accuracy", "balanced_accuracy", "auc", "log_loss", "brier", "ece"], "genres": ["accuracy", "macro_f1", "paper_loss", "log_loss", "ece"], "artists": ["accuracy", "top10", "mrr", "paper_loss", "log_loss"]}


def rows_at_random(ids, k, seed):
    """`k` splits that know nothing of duplicates."""
    rng = np.random.default_rng([seed, 9])
    ids = rng.permutation(np.array(ids, object))
    part = np.arange(len(ids)) * k // len(ids)
    for i in range(k):
        seen = rng.permutation(ids[part != i])
        cut = len(seen) // 10
        yield Split(seen[cut:], seen[:cut], ids[part == i], "row", seed)


def runs_of(maker, t, target, artists, protocol, methods, seeds, tested, say):
    """One `(y, p, group of each row)` per seed for each method."""
    t = t if protocol == "as it stands" else merge_duplicates(t)
    runs = {m: [] for m in methods}
    group = track_groups(t, "artist").drop_duplicates("track_id").set_index("track_id").group
    for seed in range(seeds):
        entrant = maker(t, target, seed, artists)
        cuts = rows_at_random(entrant.ids, 5, seed) if protocol == "as it stands" else folds(t, {"merged": "track"}.get(protocol, protocol), 5, seed, among=entrant.ids)
        parts = _one_seed(entrant, methods, islice(cuts, tested), protocol, lambda: say(f"{protocol}: seed {seed + 1} of {seeds}"))
        for m, p in parts.items(): runs[m].append((entrant.y[p.index].to_numpy(), p.to_numpy(), group.reindex(p.index).to_numpy()))
    return runs


def add_scores(part, runs, task, of="default", **about):
    """Rows of scores, and of paired differences to one method; of a single test part per seed the rows differ, so that seeds are put end to end."""
    seeds, first = len(next(iter(runs.values()))), next(iter(runs.values()))
    if len({len(y) for y, _, _ in first}) > 1 or task != "likes":
        runs, groups = {m: [tuple(np.concatenate(x) for x in list(zip(*r))[:2])] for m, r in runs.items()}, np.concatenate([g for _, _, g in first])
    else: runs, groups = {m: [(y, p) for y, p, _ in r] for m, r in runs.items()}, first[0][2]
    part["rows"] += rows_of(runs, METRICS[task], groups).assign(**about, seeds=seeds).to_dict("records")
    part["against"] += differences(runs, PAIRED[task], groups, of).assign(**about, seeds=seeds).to_dict("records")


class Inputs(_Likes):
    """The same forest over different inputs (the default's: `recommender_quality.py`)."""

    def __init__(self, t, target, seed, artists):
        self.t, self.seed, self.artists = t, seed, artists
        mine = t.preferences.dropna(subset="label").set_index("track_id").label
        self.y = mine[mine.index.isin(t.audio().index)].sort_index().astype(int)
        self.ids, self.classes = self.y.index.tolist(), pd.Index([0, 1])
        audio = t.audio()
        self.eight = pd.DataFrame(audio_matrix(audio), audio.index)
        self.all_ = audio[[c for c in MEASURES if c in audio]].astype("float64").fillna(0)
        main, e = main_artists(t).reindex(audio.index), artists["default"]
        learned = e.learned()
        rows, self.known = learned.take(main)
        self.zeros = pd.DataFrame(rows, audio.index)
        full = infer_artists(e, t)
        self.inferred = pd.DataFrame(full.take(main)[0], audio.index)
        self.main, self.e = main, learned

    def _predicted(self, s):
        """The paper's discussion: an unknown artist gets the vector of the known artist whose tracks sound most alike."""
        x = (self.eight - self.eight.mean()) / self.eight.std()
        known = pd.Series(self.known, self.eight.index)
        mean = x[known].groupby(self.main[known]).mean()
        at = np.argmin(((x[~known].to_numpy()[:, None] - mean.to_numpy()[None]) ** 2).sum(2), 1)
        v = self.zeros.copy()
        v[~known] = self.e.take(mean.index[at])[0]
        return v

    def _run(self, s, *blocks, indicator=False):
        x = pd.concat([b for b in blocks] + [pd.DataFrame({"known": self.known * 1.}, self.eight.index)] * indicator, axis=1)
        return self._of(_forest, s, x)

    def audio_8(self, s): return self._run(s, self.eight)
    def audio_all(self, s): return self._run(s, self.all_)
    def artist_only(self, s): return self._run(s, self.zeros)
    def both_8_zeros(self, s): return self._run(s, self.eight, self.zeros)
    def both_8_inferred(self, s): return self._run(s, self.eight, self.inferred)
    def both_all_zeros(self, s): return self._run(s, self.all_, self.zeros)
    def both_all_zeros_indicator(self, s): return self._run(s, self.all_, self.zeros, indicator=True)
    def both_all_inferred(self, s): return self._run(s, self.all_, self.inferred)
    def both_all_inferred_indicator(self, s): return self._run(s, self.all_, self.inferred, indicator=True)
    def both_all_predicted(self, s): return self._run(s, self.all_, self._predicted(s))
    def indicator_only(self, s): return self._run(s, indicator=True)


INPUTS = ("audio_8", "audio_all", "artist_only", "both_8_zeros", "both_8_inferred", "both_all_zeros", "both_all_zeros_indicator", "both_all_inferred", "both_all_inferred_indicator", "both_all_predicted", "indicator_only")


def key_of(t):
    """Folded artist and title of each track."""
    names = t.artists.set_index("artist_id").name
    return pd.Series([f"{fold(a)}|{fold(x)}" for a, x in zip(names.reindex(main_artists(t).reindex(t.tracks.track_id)).fillna(""), t.tracks.title)], index=t.tracks.track_id)


class Carried(_Likes):
    """A forest that sees genres, too, where tracks have them."""

    def forest(self, s):
        audio = self.t.audio()
        genre = pd.get_dummies(main_genre(self.t)).reindex(audio.index, fill_value=0).astype(float)
        return self._of(_forest, s, pd.DataFrame(np.hstack([audio_matrix(audio), genre]), audio.index))


def with_measures_of(a, b, twins):
    """`a` with the measures that `b` has of the same tracks."""
    own, theirs = a.audio_features.set_index("track_id"), b.audio().loc[twins.to_numpy()].set_axis(twins.index)
    shared = [c for c in MEASURES if c in own and c in theirs]
    own = own.astype({c: "float64" for c in shared})
    own.loc[twins.index, shared] = theirs[shared].astype("float64")
    return a.replace(audio_features=own.reset_index())


def transfer(likes, genres, artists, seeds, methods=("default", "paper", "forest")):
    """Learn likes on tracks that only the one set has, test on those that the other has too, with the other's measures; learn and test on common tracks, with and without the other's genre."""
    a, b = merge_duplicates(likes), merge_duplicates(genres)
    y = a.preferences.dropna(subset="label").set_index("track_id").label.astype(int).sort_index()
    ours, theirs = key_of(a)[y.index], key_of(b).drop_duplicates()
    twins = ours.map(pd.Series(theirs.index, index=theirs.to_numpy())).dropna()
    both, apart = twins.index.to_numpy(object), y.index.difference(twins.index).to_numpy(object)
    swapped = with_measures_of(a, b, twins)
    of_common = twins.map(main_genre(b)).dropna()
    told = a.replace(track_genres=pd.DataFrame({"track_id": of_common.index, "genre": of_common.to_numpy(), "source": "other set"}))
    groups = track_groups(a, "artist").drop_duplicates("track_id").set_index("track_id").group.reindex(both)
    x = audio_matrix(a.audio().loc[both])
    part = {"train": len(apart), "test": len(both), "liked": [float(y[apart].mean()), float(y[both].mean())], "seeds": seeds, "rows": [], "against": [], "apart": float(np.nanmedian(np.abs(x - audio_matrix(swapped.audio().loc[both])) / np.nanstd(audio_matrix(a.audio()), 0)))}
    for by, t in {"own measures": a, "measures of the other set": swapped, "merged": a, "merged, with genre": told}.items():
        runs = {m: [] for m in methods}
        for seed in range(seeds):
            entrant, seen = Carried(t, None, seed, artists), np.random.default_rng([seed, 9]).permutation(apart)
            cuts = folds(t, "track", 5, seed, among=sorted(both)) if "merged" in by else [Split(seen[len(seen) // 10:], seen[:len(seen) // 10], both, "track", seed)]
            parts = _one_seed(entrant, methods, cuts, by, lambda: None)
            for m, p in parts.items(): runs[m].append((y[both].to_numpy(), p.loc[both].to_numpy(), groups.to_numpy()))
            print(by, seed, {m: round(auc(*r[-1][:2]), 4) for m, r in runs.items()}, flush=True)
        add_scores(part, runs, "likes", by=by)
    return part


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("MUSICREC_DATA", "."))
    parser.add_argument("--likes", default=data / "geomack_song_attributes")
    parser.add_argument("--genres", default=data / "tidytuesday_spotify_songs")
    parser.add_argument("--vectors-from", nargs="*", default=[data / n for n in OTHERS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=["ablation", "transfer", "likes", "genres", "artists"])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    say = lambda line: print(line, flush=True)
    done = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    done["made_by"] = "MUSICREC_DATA=… python benchmarks/evaluation_table.py --json results/evaluation.json" + " (part by part, by --only)" * (len(args.only) < 5)

    def keep(part, value):
        done[part] = value
        if args.json: args.json.write_text(json.dumps(done, indent=1) + "\n")
        say(f"== {part}\n{pd.DataFrame(value['rows']).round(4).to_string()}")
    likes, genres = load_tables(args.likes), load_tables(args.genres)
    if {"likes", "ablation", "transfer"} & set(args.only):
        others = [genres if Path(n) == Path(args.genres) else load_tables(n) for n in args.vectors_from]
        others = [unlabelled(o, "likes", likes) for o in others]
        graphs = [o for o in others if len(o.similar_artists)] or others
        artists = {"default": transfer_artists(likes, others)}
        if {"likes", "transfer"} & set(args.only): artists["paper"] = transfer_artists(likes, graphs, "paper", most=READ)
        plain, likes = likes, transfer_facts(likes, others)
        say(f"vectors for {len(artists['default'])} artists")
    if "transfer" in args.only: keep("transfer", transfer(plain, genres, artists, args.seeds))
    if "ablation" in args.only:
        part = {"seeds": args.seeds, "rows": [], "against": []}
        for by in ("track", "artist"):
            t = merge_duplicates(likes)
            runs = runs_of(Inputs, t, None, artists, {"track": "merged"}.get(by, by), INPUTS, args.seeds, 5, lambda line: None)
            add_scores(part, runs, "likes", "audio_8", by=by)
        keep("ablation", part)
    if "likes" in args.only:
        part = {"seeds": args.seeds, "rows": [], "against": [], "roc": {}}
        for protocol in PROTOCOLS:
            runs = runs_of(_Likes, likes, None, artists, protocol, ["default", "paper", "majority", "forest", "audio_knn", "artist_rate"], args.seeds, 5, say)
            add_scores(part, runs, "likes", by=protocol)
            part["roc"][protocol] = roc_bands({m: [(y, p) for y, p, _ in r] for m, r in runs.items() if m in ("default", "paper", "forest")})
            if protocol == "artist": part["calibration"] = calibration(runs)
            keep("likes", part)
    for task, target in (("genres", "genre"), ("artists", "artist")):
        if task not in args.only: continue
        part = {"seeds": args.seeds, "rows": [], "against": []}
        for protocol in PROTOCOLS if task == "genres" else ("as it stands", "merged", "album"):
            runs = runs_of(_Classes, genres, target, None, protocol, ["default", "paper", "majority", "forest"], args.seeds, 1, say)
            add_scores(part, runs, task, by=protocol)
            part["classes"] = part.get("classes", {}) | {protocol: int(next(iter(runs.values()))[0][1].shape[1])}
            keep(task, part)


def calibration(runs, bins=10):
    """Mean probability and share of likes in tenths of the cases."""
    out = {}
    for m, r in runs.items():
        y, p = np.concatenate([y for y, _, _ in r]), np.concatenate([p[:, 1] for _, p, _ in r])
        tenth = np.argsort(np.argsort(p, kind="stable")) * bins // len(p)
        out[m] = [[float(p[tenth == b].mean()), float(y[tenth == b].mean()), int((tenth == b).sum())] for b in range(bins)]
    return out


if __name__ == "__main__":
    main()

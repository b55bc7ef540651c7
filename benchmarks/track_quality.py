"""Genre and artist from audio, on real tracks: our blend, the paper's net, a tuned forest and others on the same splits.

    MUSICREC_DATA=… python benchmarks/track_quality.py [--seeds 5] [--only tidytuesday …] [--cache FOLDER] [--json results/track_quality.json]

Every method learns from the training side, chooses by the validation side and is scored once on the test side. The blend of few rows weighs by guesses held out, and learns again from both sides in the end. A track has one label, its most frequent genre
(ties by name). Intervals are bootstrapped over seeds and artists. Artist vectors are learned from HetRec-2011 and graphs of related artists, never from playlists,
and for artists in none of them inferred from audio and artists' genres of other sets, never from TidyTuesday's. `genres told elsewhere` also hears what these sets file artists and their tracks under.
In `once` and `album_once` five parts are tested in turn, so that every artist, or album, is guessed once by each seed: how far probabilities hold shows better the more of them there are.
`weak` keeps re-releases that differ in more than the case of the title, to show what they are worth to everybody.
"""
import argparse
import json
import os
import re
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtr

from musicrec.blend import FACTS, TWELVE, Blend, forest_tuned, guess_nearest, guess_usual
from musicrec.collect import Tables, load_tables
from musicrec.evaluation import transfer_artists, transfer_facts
from musicrec.gaussian import FeatureScale, GaussianEncoder
from musicrec.matching import by_name
from musicrec.metrics import METRICS, ece, paired, reduced
from musicrec.preprocess import Split, audio_matrix, folds, label_matrix, main_genre, merge_duplicates, split
from musicrec.tables import fold, main_artists
from musicrec.track_embeddings import TrackEncoder, guess_majority, main_classes, targets, temperature, tempered

GENRE, ARTIST = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece"), ("accuracy", "top10", "mrr", "log_loss", "ece")
DATA = Path(os.environ.get("MUSICREC_DATA", "."))


def opened(name):
    """A data set by its short name, recordings merged."""
    return merge_duplicates(load_tables(DATA / "spotify_music_genre_50k" if name == "music_genre_50k" else name))


def teachers():
    """The sets that tell of artists; none of them knows a label of TidyTuesday's."""
    return [load_tables("hetrec"), *(load_tables(DATA / f"spotify_{n}") for n in ("related_artists_amat", "related_graph_taylor_swift", "music_genre_50k", "hit_predictor"))]


def told_genres(t):
    """`t` with no genres of artists but those that the teachers tell."""
    return transfer_facts(t.replace(artists=t.artists.assign(genres=None)), teachers())


def union_of_open_sets():
    """All tracks with audio of the open sets, artists matched by folded name, recordings merged."""
    parts = []
    for name in ("tidytuesday_spotify_songs", "spotify_music_genre_50k", "spotify_hit_predictor", "spotify_related_graph_taylor_swift", "geomack_song_attributes"):
        t = by_name(load_tables(DATA / name))
        parts.append(Tables(**{k: f for k, f in t.frames().items() if k in ("tracks", "track_artists", "audio_features", "artists")}))
    return merge_duplicates(Tables.union(parts))


class Task:
    """One target on one set of tables, and what every method says of a split's test side."""

    def __init__(self, t, target, min_tracks=10):
        self.t, self.target, self.min_tracks = t, target, min_tracks
        self.ids, self.classes = targets(t, target, min_tracks)
        self.artist = pd.Series(pd.factorize(main_artists(t).reindex(t.tracks.track_id))[0], t.tracks.track_id)

    def y(self, ids): return main_classes(self.t, ids, self.target, self.classes)

    def full(self, p): return p.reindex(columns=self.classes, fill_value=0).to_numpy()

    def on_any(self, ids, q):
        """Share of tracks whose likeliest class is any of their genres."""
        return float(label_matrix(self.t, ids, "genre", self.classes)[0].toarray()[np.arange(len(q)), q.argmax(1)].mean())

    def blend(self, s, seed, **options):
        return self.full(Blend(target=self.target, min_tracks=self.min_tracks, seed=seed, **options).fit(self.t, s).predict_proba(self.t, s.test))

    def all_known(self, s, seed, vectors, **more):
        """Twelve measures, popularity, year of release, words of titles and albums, and artist vectors if there are any; in the end learned from both sides."""
        return self.blend(s, seed, features=(*TWELVE, *FACTS), words=True, artists=vectors, refit=30_000, **more)

    def all_told(self, s, seed, vectors):
        """The same, and what other sets file artists and their tracks under."""
        self.told = getattr(self, "told", None) or Task(told_genres(self.t), self.target, self.min_tracks)
        return self.told.all_known(s, seed, vectors, filed=True)

    def boosting(self, s, seed, features): return self.blend(s, seed, features=features, company=False, members=("boosting",))

    def net(self, s, seed, loss): return self.full(TrackEncoder(target=self.target, loss=loss, min_tracks=self.min_tracks, seed=seed).fit(self.t, s).predict_proba(self.t, s.test))

    def matrix(self, ids, features): return self.t.audio().loc[ids, list(features)].to_numpy(float)

    def forest(self, s, seed, features, inputs=None):
        x = inputs or (lambda ids: self.matrix(ids, features))
        return forest_tuned(x(s.train), self.y(s.train), x(s.valid), self.y(s.valid), len(self.classes), seed)(x(s.test))

    def majority(self, s): return guess_majority(self.y(s.train), len(s.test), len(self.classes))

    def usual(self, s, fallback):
        """The look-up knows the validation side too, as the default does in the end."""
        told = np.concatenate([s.train, s.valid])
        return guess_usual(self.y(told), self.artist[told].to_numpy(), self.artist[s.test].to_numpy(), fallback)

    def nearest(self, s):
        scale = FeatureScale().fit(audio_matrix(self.t.audio().loc[s.train]))
        near = lambda ids: scale.transform(audio_matrix(self.t.audio().loc[ids]))
        return guess_nearest(near(s.train), self.y(s.train), near(s.test), len(self.classes), 1)


def genre_unseen(t, seeds, vectors=None):
    """Artists unseen in the labels."""
    task = Task(t, "genre")
    for seed in range(seeds):
        s = split(t, by="artist", seed=seed, among=task.ids)
        yield seed, task, s, unseen_methods(task, s, seed, vectors)


def unseen_methods(task, s, seed, vectors):
    """What is asked; further inputs and other models where there are artist vectors."""
    found = {"default": lambda: task.blend(s, seed), "forest": lambda: task.forest(s, seed, TWELVE[:8]), "paper": lambda: task.net(s, seed, "paper"), "majority": lambda: task.majority(s)}
    if vectors is None: return found
    found |= {"nearest neighbour": lambda: task.nearest(s)} | {f"net, {loss}": lambda loss=loss: task.net(s, seed, loss) for loss in ("cross_entropy", "sigmoid_bce")}
    return found | {"default, 12 features": lambda: task.blend(s, seed, features=TWELVE), "forest, 12 features": lambda: task.forest(s, seed, TWELVE),
                    "default, 12 features, artist vectors": lambda: task.blend(s, seed, features=TWELVE, artists=vectors), "default, all that is known": lambda: task.all_known(s, seed, vectors), "default, genres told elsewhere": lambda: task.all_told(s, seed, vectors),
                    "default, 12 features, words and facts": lambda: task.all_known(s, seed, None), "default, the track alone": lambda: task.blend(s, seed, company=False), "boosting, 12 features": lambda: task.boosting(s, seed, TWELVE)}


def genre_known(t, seeds, vectors):
    """Tracks unseen, their artists known or not."""
    task = Task(t, "genre")
    for seed in range(seeds):
        s = split(t, by="track", seed=seed, among=task.ids)
        yield seed, task, s, known_methods(task, s, seed, vectors)


def known_methods(task, s, seed, vectors):
    return {"default": lambda: task.blend(s, seed), "forest": lambda: task.forest(s, seed, TWELVE[:8]), "artist's usual genre, else forest": lambda: task.usual(s, task.forest(s, seed, TWELVE[:8])),
            "paper": lambda: task.net(s, seed, "paper"), "majority": lambda: task.majority(s), "default, 12 features, artist vectors": lambda: task.blend(s, seed, features=TWELVE, artists=vectors), "default, all that is known": lambda: task.all_known(s, seed, vectors), "default, genres told elsewhere": lambda: task.all_told(s, seed, vectors),
            "nearest neighbour": lambda: task.nearest(s), "boosting, 12 features": lambda: task.boosting(s, seed, TWELVE)}


def artist_task(t, seeds, by, min_tracks, test=.2):
    """Which artist; all sides hold the artists in the same proportions, as far as groups allow."""
    task = Task(t, "artist", min_tracks)
    for seed in range(seeds):
        s = split(t, by=by, seed=seed, test=test, among=task.ids, classes=main_artists(t).reindex(task.ids))
        yield seed, task, s, artist_methods(task, s, seed)


def every_once(t, target, by, seeds, min_tracks=10):
    """Five parts in turn, so that every artist (or album) is tested once by each seed."""
    task = Task(t, target, min_tracks)
    for seed in range(seeds):
        cuts = list(folds(t, by, 5, seed, among=task.ids, classes=None if target == "genre" else main_artists(t).reindex(task.ids)))
        in_turn = lambda say, cuts=cuts, seed=seed, **how: lambda: np.concatenate([say(s, seed, **how) for s in cuts])
        whole = Split(*(np.array([], object),) * 2, np.concatenate([s.test for s in cuts]), by, seed)
        yield seed, task, whole, {"default": in_turn(task.blend, nets=nets_of(task)), "default, 12 features": in_turn(task.blend, nets=nets_of(task), features=TWELVE), "forest": in_turn(task.forest, features=TWELVE[:8])}


def nets_of(task): return 5 if task.target == "artist" and len(task.classes) < 300 else 2


def artist_methods(task, s, seed):
    nets = nets_of(task)
    gaussian = lambda: task.full(GaussianEncoder(target="artist", min_tracks=task.min_tracks, seed=seed).fit(task.t, s).predict_proba(task.t, s.test))
    found = {"forest": lambda: task.forest(s, seed, TWELVE[:8]), "default": lambda: task.blend(s, seed, nets=nets), "paper": lambda: task.net(s, seed, "paper"), "majority": lambda: task.majority(s), "gaussian": gaussian}
    found |= {"default, 12 features": lambda: task.blend(s, seed, nets=nets, features=TWELVE), "forest, 12 features": lambda: task.forest(s, seed, TWELVE)}
    if len(task.classes) >= 300: return found
    found |= {f"net, {loss}": lambda loss=loss: task.net(s, seed, loss) for loss in ("cross_entropy", "sigmoid_bce", "sampled")}
    return found | {"nearest neighbour": lambda: task.nearest(s), "boosting": lambda: task.boosting(s, seed, TWELVE[:8])}


def merged_as(t, key):
    """One track per key (a series over track ids); told apart by nothing else."""
    kept = set(key.index[~key.duplicated()])
    t = t.replace(**{name: frame[frame.track_id.isin(kept)] for name, frame in t.frames().items() if "track_id" in frame})
    t._recordings = (t.tracks, t.artists, t.track_artists, t.audio_features), pd.Series(t.tracks.track_id.to_numpy(), t.tracks.track_id)  # what `recordings` would find is kept apart
    return t


def merged_weakly(t):
    """One track per main artist and title as written, but for its case."""
    artist, title = main_artists(t).reindex(t.tracks.track_id), t.tracks.set_index("track_id").title.str.casefold()
    return merged_as(t, pd.Series(list(zip(artist, title)), t.tracks.track_id))


def merged_by_id(t):
    """One track per id: re-releases stay."""
    return merged_as(t, pd.Series(t.tracks.track_id.to_numpy(), t.tracks.track_id))


def cross(tables, seeds):
    """Train on one set, test on the other, genres of both, written alike; artists of the test set are left out of training. `calibrated` and `adapted`: by some labelled tracks of the other set; a fifth of its artists are tested and the others drawn from, in turn."""
    tables = {n: t.replace(track_genres=t.track_genres.assign(genre=t.track_genres.genre.str.casefold().replace("edm", "electronic"))) for n, t in tables.items()}
    genre = {n: main_genre(t) for n, t in tables.items()}
    shared = sorted(set.intersection(*(set(g) for g in genre.values())))
    names = {n: t.artists.set_index("artist_id").name.map(fold, na_action="ignore") for n, t in tables.items()}
    for a, b in (list(tables), list(tables)[::-1]):
        kept = {n: genre[n][genre[n].isin(shared)].index.intersection(tables[n].audio().index) for n in (a, b)}
        who = {n: main_artists(tables[n]).reindex(kept[n]).map(names[n]) for n in (a, b)}
        both = Tables.union([tables[n].replace(track_genres=tables[n].track_genres[tables[n].track_genres.track_id.isin(kept[n])]) for n in (a, b)])
        rng = np.random.default_rng(0)
        learn = kept[a][~who[a].isin(set(who[b].dropna())).to_numpy()]
        task = Task(both, "genre")
        for seed in range(seeds):
            part = split(tables[a], by="artist", seed=seed, among=learn, test=0)
            there = rng.permutation(kept[b].to_numpy(object))
            home = pd.factorize(who[b][there].fillna(pd.Series(there, there)))[0]
            fifth = rng.permutation(np.arange(home.max() + 1) % 5)[home]
            s = Split(part.train, part.valid, there[:6000], "artist", seed)
            yield f"{a} to {b}", seed, task, s, unseen_methods(task, s, seed, None) | methods_told(task, s, seed, there, fifth)


def methods_told(task, s, seed, there, fifth):
    """What is said once some tracks of the other set are told: by the default, learned once, and by a forest that learns from nothing else (from three fourths of them; the artists of the last fourth choose)."""
    learned = cache(lambda: Blend(seed=seed).fit(task.t, s))
    def in_turn(say, n):
        out = np.zeros((len(s.test), len(task.classes)))
        for k in range(5):
            asked, at = fifth[:len(s.test)] == k, np.flatnonzero(fifth != k)[:n]
            out[asked] = say(there[at], fifth[at] == (k + 1) % 5, s.test[asked])
        return out
    told = lambda how: lambda ids, aside, test: task.full(getattr(learned(), how)(task.t, ids).predict_proba(task.t, test))
    def forest(ids, aside, test):
        x = lambda ids: task.matrix(ids, TWELVE[:8])
        return forest_tuned(x(ids[~aside]), task.y(ids[~aside]), x(ids[aside]), task.y(ids[aside]), len(task.classes), seed)(x(test))
    found = {"default, calibrated there": lambda: in_turn(told("calibrate"), 500)}
    for extra, n in (("", 500), (", 100 told", 100), (", 2000 told", 2000)):
        found |= {f"default, adapted there{extra}": lambda n=n: in_turn(told("adapt"), n), f"forest, learned there{extra}": lambda n=n: in_turn(forest, n)}
    return found


class Confidence:
    """How sure each likeliest class is in a run, and draws of which are right if that is true."""

    def __init__(self, y, q, artist):
        self.bin, self.gap = reduced(ece)[0](y, q)
        self.sure, guess, rows, upto = q.max(1).astype(float), q.argmax(1), np.arange(len(q)), q.cumsum(1)
        self.low, self.high = np.where(guess > 0, upto[rows, guess - 1], -1), np.where(guess < q.shape[1] - 1, upto[rows, guess], 2)
        self.artist = np.unique(np.where(artist < 0, -1 - np.arange(len(artist)), artist), return_inverse=True)[1]

    def alike(self):
        """How much alike two tracks of an artist are in being right more or less often than they are said to be, as normal numbers that are cut (at their middle; elsewhere it is a little less)."""
        r = self.gap - (np.bincount(self.bin, self.gap) / np.maximum(np.bincount(self.bin), 1))[self.bin]
        n, total, squares = (np.bincount(self.artist, w) for w in (np.ones(len(r)), r, r**2))
        pairs, variance = (n * (n - 1)).sum(), r.var()
        return float(np.sin(np.pi / 2 * np.clip((total**2 - squares).sum() / pairs / variance, 0, 1))) if pairs and variance else 0.

    def by_label(self, rng):
        """A label is drawn for each track."""
        u = rng.random(len(self.sure))
        return (self.low < u) & (u <= self.high)

    def by_artist(self, rng):
        """Tracks of an artist are right together, as far as they are alike."""
        rho, z = self.alike(), rng.standard_normal(self.artist.max() + 1)
        return ndtr(np.sqrt(rho) * z[self.artist] + np.sqrt(1 - rho) * rng.standard_normal(len(self.sure))) < self.sure


def tempered_best(y, q):
    """ECE with the temperature that suits the test side itself best: what a better choice of one number could still bring."""
    z = np.log(q + 1e-9)
    return ece(y, tempered(z, temperature(z, y)))


def calibration(runs, draws=20):
    """ECE of all seeds together, and what true probabilities would show by chance."""
    def score(gaps, part): return reduced(ece)[1](np.concatenate([c.bin for c in part]), np.concatenate(gaps))
    found = {"ece, seeds together": score([c.gap for c in runs], runs)}
    for how, draw in (("", Confidence.by_label), (", artists alike", Confidence.by_artist)):
        rng = np.random.default_rng(0)
        chance = lambda part: float(np.mean([score([c.sure - draw(c, rng) for c in part], part) for _ in range(draws)]))
        found |= {f"ece of true probabilities{how}, seeds together": chance(runs), f"ece of true probabilities{how}": float(np.mean([chance([c]) for c in runs]))}
    return found


class Ledger:
    """Scores of every method, and paired differences to the forests; with a folder, what was predicted is kept there."""

    def __init__(self, cache=None): self.rows, self.runs, self.cache, self.any = [], {}, cache, {}

    def kept(self, name, make):
        """What `make` gives, or gave an earlier run."""
        if self.cache is None: return make()
        path = self.cache / (re.sub(r"\W+", "_", name) + ".npy")
        if not path.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            np.save(path, make().astype("float32"))
        return np.load(path)

    def add(self, name, metrics, seed, task, s, methods):
        y, artist = task.y(s.test), task.artist[s.test].to_numpy()
        for method, make in methods.items():
            start = time.time()
            q = np.clip(self.kept(f"{name} {seed} {method}", make).astype(float), 1e-9, None)
            q = q / q.sum(1, keepdims=True)
            self.runs.setdefault((name, method), []).append((y, q.astype("float32"), artist))
            if task.target == "genre": self.any.setdefault((name, method), []).append(task.on_any(s.test, q))
            print(name, seed, method, {m: round(METRICS[m](y, q), 4) for m in metrics}, f"{time.time() - start:.0f} s", flush=True)

    def close(self, metrics):
        for (name, method), runs in self.runs.items():
            groups = [np.split(order := np.argsort(a, kind="stable"), np.flatnonzero(np.diff(a[order])) + 1) for _, _, a in runs]
            about = {"task": name, "method": method, "seeds": len(runs), "classes": int(runs[0][1].shape[1])}
            for m in metrics:
                keep, score = reduced(METRICS[m])
                kept = [keep(y, q) for y, q, _ in runs]
                rng, drawn = np.random.default_rng(0), []
                for _ in range(100):  # over seeds, and artists within a seed
                    i = rng.integers(len(runs))
                    pick = np.concatenate([groups[i][g] for g in rng.integers(0, len(groups[i]), len(groups[i]))])
                    drawn.append(score(*(x[pick] for x in kept[i])))
                self.rows.append(about | {"metric": m, "value": float(np.mean([score(*k) for k in kept])), "low": float(np.quantile(drawn, .025)), "high": float(np.quantile(drawn, .975))})
            if (name, method) in self.any: self.rows.append(about | {"metric": "accuracy, any of its genres", "value": float(np.mean(self.any[name, method]))})
            self.rows += [about | {"metric": m, "value": v} for m, v in calibration([Confidence(*r) for r in runs]).items()]
            if "macro_f1" in metrics: self.rows.append(about | {"metric": "ece, the test side's own temperature", "value": float(np.mean([tempered_best(y, q) for y, q, _ in runs]))})

    def differences(self, k):
        """Accuracy (k=1) or top-k: every default minus the forest, over artists of all seeds; what learned elsewhere minus what was told as much."""
        out = []
        rank = lambda y, q: (q >= q[np.arange(len(y)), y][:, None]).sum(1) <= k
        for (name, method), runs in self.runs.items():
            for peer in [method.replace("default, adapted", "forest, learned")] if "there" in method else ["forest", "forest, 12 features"]:
                if not method.startswith("default") or peer == method or (name, peer) not in self.runs: continue
                both = list(zip(runs, self.runs[name, peer]))  # the seeds that both have
                a, b = (np.concatenate([rank(y, q) for y, q, _ in side]).astype(float) for side in zip(*both))
                mean, low, high = paired(a, b, np.concatenate([artist for (_, _, artist), _ in both]))
                out.append({"task": name, "method": method, "minus": peer, "metric": "accuracy" if k == 1 else f"top{k}", "value": mean, "low": low, "high": high, "seeds": len(both)})
                print(out[-1], flush=True)
        return out


def parts(name, seeds):
    """`title, seed, task, split, methods` of one part of the benchmark."""
    titled = lambda title, runs: ((title, *run) for run in runs)
    if name in ("tidytuesday", "known", "known_ids", "album"): t = opened("tidytuesday")
    if name == "tidytuesday": return titled("genre, unseen artists, TidyTuesday", genre_unseen(t, seeds, transfer_artists(t, teachers())))
    if name == "known": return titled("genre, unseen tracks, TidyTuesday", genre_known(t, seeds, transfer_artists(t, teachers())))
    if name == "known_ids": return titled("genre, unseen tracks, TidyTuesday, one track per id", genre_known(merged_by_id(load_tables("tidytuesday")), seeds, transfer_artists(t, teachers())))
    if name == "album": return titled("artist, unseen albums, TidyTuesday, 20+ tracks", artist_task(t, seeds, "album", 20))
    if name == "weak": return titled("artist, unseen albums, TidyTuesday, 20+ tracks, weak merging", artist_task(merged_weakly(load_tables("tidytuesday")), seeds, "album", 20))
    if name == "union": return titled("artist, unseen tracks, all open sets, 10+ tracks", artist_task(union_of_open_sets(), seeds, "track", 10))
    if name == "once": return (run for data, title in (("tidytuesday", "TidyTuesday"), ("music_genre_50k", "music_genre_50k"), ("demo", "demo")) for run in titled(f"genre, every artist once, {title}", every_once(opened(data), "genre", "artist", seeds)))
    if name == "album_once": return titled("artist, every album once, TidyTuesday, 20+ tracks", every_once(opened("tidytuesday"), "artist", "album", seeds, 20))
    if name == "cross": return (("genre, other set, " + title, *run) for title, *run in cross({n: opened(n) for n in ("tidytuesday", "music_genre_50k")}, seeds))
    return titled(f"genre, unseen artists, {name}", genre_unseen(opened(name), seeds))


PARTS = ["tidytuesday", "demo", "album", "weak", "known", "known_ids", "cross", "union", "music_genre_50k", "once", "album_once"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--cache", type=Path, help="a folder that keeps what was predicted, so that a stopped run goes on")
    parser.add_argument("--json", type=Path, help="merge what was measured into this file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.only:
        start, ledger = time.time(), Ledger(args.cache)
        metrics, k = (ARTIST, 10) if name in ("album", "album_once", "weak", "union") else (GENRE, 1)
        for title, *run in parts(name, args.seeds): ledger.add(title, metrics, *run)
        ledger.close(metrics)
        differences = ledger.differences(k)
        print(name, f"{time.time() - start:.0f} s", flush=True)
        if args.json:
            old = json.loads(args.json.read_text()) if args.json.exists() else {"rows": [], "differences": []}
            tasks = {r["task"] for r in ledger.rows}
            new = {"made_by": "MUSICREC_DATA=… python benchmarks/track_quality.py --json results/track_quality.json"} | {key: [r for r in old[key] if r["task"] not in tasks] + rows for key, rows in (("rows", ledger.rows), ("differences", differences))}
            args.json.write_text(json.dumps(new, indent=1) + "\n")


if __name__ == "__main__":
    main()

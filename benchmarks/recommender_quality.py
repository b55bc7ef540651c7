"""The recommender on trial: real likes, five likes, new tracks, known truth, and reasons put to the test.

    MUSICREC_DATA=… python benchmarks/recommender_quality.py [--only "likes by track" "five likes" …] [--json results/recommender_quality.json]

`likes`: one real listener; artist vectors are learned on other collections, without labels, and matched by folded name. Every method sees the same folds.
"""
import argparse
import json
import os
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from evaluation_table import OTHERS, key_of
from scipy.special import expit
from scipy.stats import wilcoxon
from sklearn.metrics import roc_auc_score

from musicrec.artist2vec import Artist2Vec, Embeddings, GenreAxes, artist_genres, infer_artists, sentences, unit
from musicrec.blend import track_facts
from musicrec.collect import load_tables
from musicrec.evaluation import differences, listener_of, rows_of, transfer_artists, transfer_facts, unlabelled
from musicrec.metrics import accuracy, auc, log_loss, paired, rank_scores
from musicrec.preprocess import AUDIO, folds, merge_duplicates, track_groups
from musicrec.ranking import HeldOut, core, ease, hold_out, lists_of, vector_scores
from musicrec.recommender import MEASURES, Newcomer, Recommender, measures
from musicrec.sources.simulate import best_auc
from musicrec.tables import main_artists
from musicrec.track_embeddings import TrackEncoder

DATA = Path(os.environ.get("MUSICREC_DATA", "."))

SHOWN = ["accuracy", "auc", "log_loss", "brier", "ece"]
BOTH = lambda p: np.stack([1 - p, p], 1)


def row(task, method, metric, value, low=None, high=None, seeds=1, **more):
    """One line of the result."""
    return dict(task=task, method=method, metric=metric, value=float(value), low=low, high=high, seeds=seeds, **more)


# One real listener


def others_teach(t):
    """`t` with what the other sets tell of its artists and tracks, and artist vectors learned there; without playlists that would give the likes of `t` away."""
    others = [unlabelled(load_tables(DATA / n), "likes", t) for n in OTHERS]
    return transfer_facts(t, others), transfer_artists(t, others)


def held_elsewhere(t):
    """How many other sets hold each track of `t`, by main artist and title."""
    keys = [key_of(o).unique() for o in (load_tables(DATA / n) for n in OTHERS) if len(o.tracks) and len(o.track_artists)]
    return pd.DataFrame({"sets": key_of(t).map(pd.Series(np.concatenate(keys)).value_counts()).fillna(0)})


class Likes:
    """What each method says of the test side of a split."""

    def __init__(self, t, artists, elsewhere=None):
        self.elsewhere = elsewhere
        self.t, self.artists, self.who = t, artists, listener_of(t)
        self.unnamed = t.replace(artists=t.artists.assign(genres=None))
        self.untold = self.unnamed.replace(tracks=t.tracks.assign(popularity=None, release_date=None))
        self.bare = self.untold.replace(track_artists=None, artists=None)
        eight = t.audio_features.drop(columns=[c for c in MEASURES if c in t.audio_features and c not in AUDIO])
        self.of_eight, self.unheard = ({"audio_features": f} for f in (eight, eight.assign(**{c: np.nan for c in AUDIO})))
        self.y = t.preferences[t.preferences.listener_id == self.who].dropna(subset="label").set_index("track_id").label.astype(int)
        self.main = main_artists(t)
        m = measures(t, self.y.index.tolist())
        self.x = pd.DataFrame(np.nan_to_num(m, nan=np.nanmean(m)), self.y.index).join(track_facts(t).fillna(-1))
        v, known = artists.take(self.main.reindex(self.y.index))
        self.v, genres = pd.DataFrame(np.hstack([v, known[:, None]]), self.y.index), artist_genres(t)
        places = pd.DataFrame(GenreAxes.of(genres.to_numpy(float))(genres.to_numpy(float)), genres.index)
        self.g = places.reindex(self.main.reindex(self.y.index)).fillna(0.).set_axis(self.y.index)

    def begin(self, seed):
        """Track vectors of a net that never saw a like."""
        for kept in ("by_artist", "by_genre"): vars(self).pop(kept, None)
        self.seed, self.tracks = seed, TrackEncoder(target="valence", seed=seed).fit(self.t).embed(self.t)

    def _ours(self, s, artists, t=None, **options):
        return Recommender(artists, self.tracks, seed=self.seed, **options).fit(t or self.t, self.who, s).predict_proba(s.test).to_numpy()

    def default(self, s): return self._ours(s, self.artists)
    def without_genres(self, s): return self._ours(s, self.artists, self.unnamed)
    def without_facts(self, s): return self._ours(s, self.artists, self.untold)
    def with_indicator(self, s): return self._ours(s, self.artists, listed=True)
    def parts_alone(self, s): return self._ours(s, self.artists, together=False)
    def without_forests(self, s): return self._ours(s, self.artists, forests=False)
    def audio_only(self, s): return self._ours(s, None, self.bare)
    def audio_8(self, s): return self._ours(s, None, self.bare.replace(**self.of_eight))

    def artist_only(self, s):
        """Artist vectors, inferred ones too, of tracks that nobody measured."""
        model = Recommender(infer_artists(self.artists, self.untold), None, seed=self.seed)
        return model.fit(self.untold.replace(**self.unheard), self.who, s).predict_proba(s.test).to_numpy()

    def both_8(self, s): return self._ours(s, self.artists, self.untold.replace(**self.of_eight))

    def zeros(self, s):
        """No vector for artists in no list."""
        e = self.artists.learned()
        nobody = np.setdiff1d(self.t.artists.artist_id.to_numpy(object), e.ids)
        return self._ours(s, Embeddings([*e.ids, *nobody], np.pad(e.vectors, [(0, len(nobody)), (0, 0)])), self.untold)

    def predicted_artists(self, s): return self._ours(s, self.artists, self.untold, artist_from="predicted")  # the paper's discussion
    def paper(self, s): return self._ours(s, self.artists.learned(), method="paper")  # its net on our vectors, zeros for artists without one

    def paper_by_artist(self, s):
        """The paper's other approach: track vectors of a net that was taught artists."""
        if not hasattr(self, "by_artist"): self.by_artist = TrackEncoder(target="artist", seed=self.seed).fit(self.t).embed(self.t)
        return Recommender(self.artists.learned(), self.by_artist, method="paper", seed=self.seed).fit(self.t, self.who, s).predict_proba(s.test).to_numpy()

    def paper_by_genre(self, s):
        """Its first approach: track vectors of a net that was taught genres, which geomack has none of: on TidyTuesday, without the lists that would give likes away."""
        if not hasattr(self, "by_genre"): self.by_genre = TrackEncoder(target="genre", seed=self.seed).fit(unlabelled(load_tables(DATA / "tidytuesday_spotify_songs"), "likes", self.t)).embed(self.t)
        return Recommender(self.artists.learned(), self.by_genre, method="paper", seed=self.seed).fit(self.t, self.who, s).predict_proba(s.test).to_numpy()

    def popularity(self, s):
        """The like-rate of tracks about as popular: the track's popularity and its square alone."""
        from sklearn.linear_model import LogisticRegression
        seen = np.concatenate([s.train, s.valid])
        z = track_facts(self.t)[["popularity"]].reindex(self.y.index) / 100
        z = z.fillna(z.loc[seen].mean()).to_numpy()
        at = self.y.index.get_indexer
        return LogisticRegression(C=100).fit(np.hstack([z, z**2])[at(seen)], self.y[seen]).predict_proba(np.hstack([z, z**2])[at(s.test)])[:, 1]

    def artist_rate(self, s):
        """The like-rate of the artist's other tracks, drawn towards the mean as if by one track more."""
        seen = np.concatenate([s.train, s.valid])
        by = self.y[seen].groupby(self.main.reindex(seen).to_numpy()).agg(["sum", "size"]).reindex(self.main.reindex(s.test)).fillna(0)
        return ((by["sum"] + self.y[seen].mean()) / (by["size"] + 1)).to_numpy()

    def blend(self, s, more=None):
        """A forest, extra trees and boosting, untuned, over all inputs at once: measures, popularity, year of release, artist vector, whether there is one (learned or inferred elsewhere), artists' genres as ours sees them, the artist's like-rate and neighbours' like-rate."""
        from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
        seen = np.concatenate([s.train, s.valid])
        y, at, ids = self.y[seen].to_numpy(), self.y.index.get_indexer(seen), self.y.index
        main = pd.Series(self.main.reindex(ids).fillna("").to_numpy(), ids)
        other = main.to_numpy()[:, None] != main[seen].to_numpy()
        u = unit(np.hstack([unit(self.v.to_numpy()[:, :-1]), self.g]))
        w = np.where(other, np.exp(10 * (u @ u[at].T - 1)), 0) * u.any(1)[:, None] * u[at].any(1)
        near = np.log((w @ y + .5) / (w @ (1 - y) + .5))
        own = np.zeros((len(ids), len(seen)))
        own[~other] = 1
        own[at, np.arange(len(at))] = 0
        rate, n = (own @ y + y.mean()) / (own.sum(1) + 1), own.sum(1)
        x = pd.DataFrame(np.hstack([self.x, self.v, self.g, near[:, None], w.sum(1)[:, None], rate[:, None], n[:, None], *([] if more is None else [more.reindex(ids).fillna(-1)])]), ids)
        models = ExtraTreesClassifier(200, min_samples_leaf=2, random_state=self.seed), RandomForestClassifier(200, min_samples_leaf=2, random_state=self.seed), HistGradientBoostingClassifier(learning_rate=.05, random_state=self.seed)
        return np.mean([m.fit(x.loc[seen].to_numpy(), y).predict_proba(x.loc[s.test].to_numpy())[:, 1] for m in models], 0)

    def blend_told_more(self, s):
        """The same, told how many other sets hold the very track."""
        return self.blend(s, self.elsewhere)

    def _both(self, one, other): return expit(np.mean([np.log(p / (1 - p)) for p in (np.clip(self.kept[m], .005, .995) for m in (one, other))], 0))
    def blend_and_ours(self, s): return self._both("default", "blend")
    def told_more_and_ours(self, s): return self._both("with_indicator", "blend_told_more")


METHODS = "default", "blend", "parts_alone", "audio_only", "without_genres", "without_facts", "with_indicator", "blend_told_more", "blend_and_ours", "told_more_and_ours", "artist_rate", "popularity", "without_forests", "audio_8", "artist_only", "both_8", "zeros", "predicted_artists", "paper", "paper_by_artist", "paper_by_genre"


def one_seed(e, by, seed):
    """Out-of-fold chances of a like by every method, on the same folds."""
    e.begin(seed)
    parts = []
    for s in folds(e.t, by, 5, seed, among=e.y.index):
        e.kept = {}
        for m in METHODS: e.kept[m] = getattr(e, m)(s)
        parts.append(pd.DataFrame(e.kept, index=s.test))
    return pd.concat(parts).sort_index()


def likes(by, seeds, cache=None):
    """Scores of every method, and paired differences to the default."""
    e = None
    frames = []
    for seed in range(seeds):
        kept = cache and Path(cache, f"likes-{by}-{seed}.parquet")
        if not kept or not kept.exists():
            e = e or Likes(*others_teach(t := merge_duplicates(load_tables(DATA / "geomack_song_attributes"))), held_elsewhere(t))
            frame = one_seed(e, by, seed).assign(y=lambda d: e.y[d.index], group=lambda d: e.main.reindex(d.index).fillna("").to_numpy())
            if kept: frame.to_parquet(kept)
        frames.append(pd.read_parquet(kept) if kept else frame)
        print(by, seed, {m: [round(float(f(frames[-1].y.to_numpy(int), BOTH(frames[-1][m].to_numpy()))), 4) for f in (accuracy, auc, log_loss)] for m in METHODS if m in frames[-1]}, flush=True)
    runs = {m: [(f.y.to_numpy(int), BOTH(f[m].to_numpy())) for f in frames if m in f] for m in METHODS if any(m in f for f in frames)}
    task, groups = f"likes by {by}", frames[0].group.to_numpy()
    out = [r | {"task": task} for r in rows_of(runs, SHOWN, groups).to_dict("records")]
    return out + [r | {"task": task} for r in differences(runs, ["accuracy", "log_loss", "brier", "auc"], groups).to_dict("records")]


def listeners_of_playlists(seeds, cache=None, n=6):
    """Twelve playlists of 40 tracks and more liked and twelve disliked, 600 tracks of a side at most and none of both: one listener, of one seed each; the artist vectors know other collections only. Paired over listeners."""
    t = merge_duplicates(load_tables(DATA / "tidytuesday_spotify_songs"))
    others = [load_tables(DATA / o) for o in OTHERS if "tidytuesday" not in o]
    t, e = transfer_facts(t, others), transfer_artists(t, others)
    lists = t.playlist_tracks.groupby("playlist_id").track_id.agg(set)
    lists, bare = lists[lists.str.len() >= 40], t.replace(playlists=None, playlist_tracks=None, track_genres=None)
    methods, scores = ("default", "parts_alone", "without_forests", "blend", "audio_only"), {}
    for seed in range(10, 10 + n):  # the draws before served for choices
        rng = np.random.default_rng([seed, 77])
        ids = rng.permutation(lists.index.to_numpy(object))[:24]
        sides = [set().union(*lists[part]) for part in (ids[:12], ids[12:])]
        sides = [rng.permutation(sorted(a - b))[:600] for a, b in (sides, sides[::-1])]
        told = pd.DataFrame({"listener_id": "you", "track_id": np.concatenate(sides), "label": np.repeat([1, 0], [len(s) for s in sides]), "weight": 1., "rule": "playlists"})
        frames = {k: f[f.track_id.isin(told.track_id)] for k, f in bare.frames().items() if "track_id" in f}
        who = Likes(bare.replace(**frames, preferences=told, artists=bare.artists[bare.artists.artist_id.isin(frames["track_artists"].artist_id)]), e)
        who.begin(seed)
        for by in ("track", "artist"):
            p = pd.concat([pd.DataFrame({m: getattr(who, m)(s) for m in methods}, s.test) for s in folds(who.t, by, 5, seed, among=who.y.index)]).reindex(who.y.index)
            for m in methods: scores.setdefault((by, m), []).append([f(who.y.to_numpy(), BOTH(p[m].to_numpy())) for f in (accuracy, auc, log_loss)])
            print(by, seed, {m: np.round(scores[by, m][-1], 4).tolist() for m in methods}, flush=True)
    out, task = [], "listeners of playlists"
    for (by, m), x in scores.items():
        for name, a, b in zip(("accuracy", "auc", "log_loss"), np.transpose(scores[by, "default"]), np.transpose(x)):
            out.append(row(task, m, name, *paired(b, 0 * b), by=by, listeners=n))
            if m != "default": out.append(row(task, f"default − {m}", name, *paired(a, b), by=by, listeners=n))
    return out


# Newcomers


def first_likes(seeds, cache=None, given=None):
    """Five likes, and five dislikes beside them: AUC over the listener's other labels, paired over random draws."""
    t, e = given or others_teach(merge_duplicates(load_tables(DATA / "geomack_song_attributes")))
    y = t.preferences[t.preferences.listener_id == listener_of(t)].dropna(subset="label").set_index("track_id").label.astype(int).sort_index()
    model = Recommender(e, None).fit(t.replace(preferences=None), listener=None)
    scores = []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 12])
        for _ in range(100):
            like, dislike = (rng.choice(y.index[y == v], 5, replace=False) for v in (1, 0))
            rest = y.drop([*like, *dislike])
            rows = model.row_[rest.index].to_numpy()
            scores.append([auc(rest.to_numpy(), BOTH(expit(Newcomer(model, like, d).scores()[rows].astype(float)))) for d in (None, dislike)])
    a, b = np.array(scores).T.reshape(2, seeds, 100)
    task = "first likes"
    return [row(task, m, "auc", *paired(x, 0 * x), seeds) for m, x in (("five likes", a), ("five likes, five dislikes", b))] + [row(task, "with − without dislikes", "auc", *paired(b, a), seeds)]


def five_likes(seeds, cache=None):
    """Five artists of a listener whom neither vectors nor EASE learned from (each listener once, in five folds) against all of hers: NDCG@10 over hidden artists. Beside them, methods that learned from her, too."""
    pairs, runs = core(load_tables(DATA / "hetrec2011_lastfm_2k").listener_artists, 5), {}
    for seed in range(seeds):
        cut, rng = hold_out(pairs, seed=seed), np.random.default_rng([seed, 13])
        fold, scores = rng.permutation(len(cut.listeners)) % 5, {}
        few = {"five likes": _kept(cut.train, rng.random(cut.train.nnz), 5), "five likes, most played": _kept(cut.train, -cut.train.data, 5)}
        for k in range(5):
            e, new = _taught(cut, fold != k), fold == k
            found = {m: vector_scores(e, _of(cut, new, x)) for m, x in {"all likes": cut.train, **few}.items()} | {"ease, all likes": ease(cut.train[fold != k], of=cut.train[new])}
            for m, x in found.items(): scores.setdefault(m, np.zeros(cut.train.shape))[new] = x
        scores |= {"all likes, learned from": vector_scores(_taught(cut, fold >= 0), cut), "ease, all likes, learned from": ease(cut.train)}
        for m, x in scores.items(): runs.setdefault(m, []).append(rank_scores(x, cut.test, cut.train, ["ndcg@10"])["ndcg@10"])
        print(seed, {m: round(float(np.nanmean(r[-1])), 4) for m, r in runs.items()}, flush=True)
    runs = {m: np.array(r) for m, r in runs.items()}
    out = [row("five likes", m, "ndcg@10", *paired(r, 0 * r), seeds) for m, r in runs.items()]
    for of, ending in (("the best with all", ""), ("the best that learned from her", ", learned from")):
        best = max(np.nanmean(runs[m + ending]) for m in ("all likes", "ease, all likes"))
        out += [row("five likes", f"{m}, share of {of}", "ndcg@10", np.nanmean(runs[m]) / best, seeds=seeds) for m in few]
    return out


def _taught(cut, who):
    """Artist vectors of some listeners' lists."""
    lists, plays = ([x for x, w in zip(part, who) if w] for part in lists_of(cut))
    return Artist2Vec().fit(lists, plays).embeddings_


def _of(cut, who, x):
    """The cut of some listeners, with `x` for what is known of all."""
    return HeldOut([l for l, w in zip(cut.listeners, who) if w], cut.items, x[who], cut.test[who])


def _kept(x, turn, n):
    """The `n` entries of each row that come first by `turn`."""
    x, owner = x.copy(), np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    order = np.lexsort((turn, owner))
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order)) - x.indptr[owner[order]]
    x.data = np.where(place < n, x.data, 0)
    x.eliminate_zeros()
    return x


def new_tracks(seeds, cache=None):
    """A fifth of the recordings is new, so that nobody knows how popular they will be: which of those by known artists belongs into which playlist? NDCG@20 over all of them, paired over playlists."""
    t = merge_duplicates(load_tables(DATA / "tidytuesday_spotify_songs"))
    pairs, main, runs = t.playlist_tracks[["playlist_id", "track_id"]].drop_duplicates(), main_artists(t).dropna(), {}
    pairs = pairs[pairs.track_id.isin(main.index)]
    ids = np.sort(pairs.track_id.unique())
    for seed in range(seeds):
        hidden = np.random.default_rng([seed, 15]).permutation(ids)[:len(ids) // 5]
        told = pairs[~pairs.track_id.isin(hidden)]
        new = np.sort(hidden[main[hidden].isin(set(main[told.track_id])).to_numpy()])
        liked, wanted = told.groupby("playlist_id").track_id.agg(list), pairs[pairs.track_id.isin(new)].groupby("playlist_id").track_id.agg(set)
        counts = told.assign(artist_id=main[told.track_id].to_numpy()).groupby(["playlist_id", "artist_id"]).size().unstack(fill_value=0)
        e = Artist2Vec(seed=seed).fit([c.index[c > 0].tolist() for _, c in counts.iterrows()], [c[c > 0].astype(float).tolist() for _, c in counts.iterrows()]).embeddings_
        bare = t.replace(preferences=None, tracks=t.tracks.assign(popularity=t.tracks.popularity.mask(t.tracks.track_id.isin(hidden))))
        sound = bare.replace(track_artists=None, artists=None, tracks=t.tracks.assign(popularity=None, release_date=None))
        ours, audio, untold = Recommender(e, None).fit(bare, listener=None), Recommender(None, None).fit(sound, listener=None), Recommender(e, None).fit(sound.replace(track_artists=t.track_artists, artists=t.artists), listener=None)
        says = {"default": ours, "audio only": audio, "without popularity and year": untold}
        y = pd.DataFrame([[i in wanted.get(p, ()) for i in new] for p in liked.index], liked.index)
        scores = {m: [Newcomer(model, l, None).scores()[model.row_[new].to_numpy()] for l in liked] for m, model in says.items()}
        scores["artist mean"] = (counts / main[told.track_id.unique()].value_counts()[counts.columns])[main[new]].to_numpy()  # the share of her known tracks that are in the list
        scores["vector of the artist"] = pd.DataFrame(e.affinity([main[l].tolist() for l in liked]), columns=e.ids).reindex(columns=main[new]).fillna(-9).to_numpy()
        for m, s in scores.items(): runs.setdefault(m, []).append(pd.Series(rank_scores(np.asarray(s, "float64"), y.to_numpy(), None, ["ndcg@20"])["ndcg@20"], liked.index))
        print(seed, len(new), {m: round(r[-1].mean(), 4) for m, r in runs.items()}, flush=True)
    runs = {m: pd.concat(r, axis=1).dropna() for m, r in runs.items()}
    kept = np.array([crc32(i.encode()) % 2 == 1 for i in runs["default"].index])  # the strengths of a newcomer's blocks were chosen on the other lists
    runs = {m: r.to_numpy().T for m, r in runs.items()}
    out = [row("new tracks", m, "ndcg@20", *paired(r, 0 * r), seeds) for m, r in runs.items()]
    ahead = lambda m, of, **more: row("new tracks", f"default − {m}", "ndcg@20", *paired(runs["default"][:, of], runs[m][:, of]), seeds, p=float(wilcoxon(runs["default"][:, of].mean(0), runs[m][:, of].mean(0)).pvalue)) | more
    out += [ahead(m, kept | True) for m in runs if m != "default"] + [ahead("artist mean", kept, method="default − artist mean, lists that chose nothing")]
    return out + [row("new tracks", "default / audio only", "ndcg@20, ratio", runs["default"].mean() / runs["audio only"].mean(), seeds=seeds)]


# Known truth, and reasons


def reached(seeds, cache=None):
    """AUC over tracks never judged, by their true chances, as a share of the best possible: simulated listening."""
    out = []
    for name, options in {"demo": {}, "synthetic": {"n_artists": 150, "tracks_per_artist": 20, "n_listeners": 150}}.items():
        share = []
        for seed in range(seeds):
            t = merge_duplicates(load_tables(name, seed=seed, **options))
            model = Recommender(Artist2Vec().fit(sentences(t, leave_out=["you"])).embeddings_, TrackEncoder(target="genre", seed=seed).fit(t).embed(t), seed=seed).fit(t)
            p = t.truth_likes[t.truth_likes.listener_id == "you"].set_index("track_id").probability
            p = p.drop(t.preferences.track_id[t.preferences.listener_id == "you"], errors="ignore")
            guess = model.predict_proba(p.index).to_numpy()
            share.append(roc_auc_score(np.repeat([1, 0], len(p)), np.tile(guess, 2), sample_weight=np.concatenate([p, 1 - p])) / best_auc(p))
        out.append(row("best possible", name, "share of the best possible auc", np.mean(share), float(min(share)), float(max(share)), seeds))
    return out


def reasons(seeds, cache=None, n=1000):
    """Random listeners: do the parts add up, and does a track fall when the like that pulled it most is taken away?"""
    t = merge_duplicates(load_tables("demo"))
    model = Recommender(Artist2Vec().fit(sentences(t, leave_out=["you"])).embeddings_, None).fit(t.replace(preferences=None), listener=None)
    rng, off, lower = np.random.default_rng(14), [], []
    for _ in range(n):
        liked = rng.choice(model.catalogue_.track_id.to_numpy(object), 5, replace=False).tolist()
        top = model.recommend(k=1, liked=liked).iloc[0]
        off.append(abs(model.explain(top.track_id, liked=liked).sum() - np.log(top.score / (1 - top.score))))
        cause = model.reasons(top.track_id, liked=liked).groupby("id").pull.sum().idxmax()
        scores = Newcomer(model, [i for i in liked if i != cause], None).scores()
        others = ~model.catalogue_.track_id.isin(liked).to_numpy()
        lower.append(bool((scores[others] > scores[model.row_[top.track_id]]).any()))  # it was the first
    return [row("reasons", "1,000 random listeners", "largest gap between parts and score", max(off)), row("reasons", "1,000 random listeners", "share that fell without its top cause", np.mean(lower))]


TASKS = {"likes by track": lambda *how: likes("track", *how), "likes by artist": lambda *how: likes("artist", *how), "listeners of playlists": listeners_of_playlists, "first likes": first_likes, "five likes": five_likes, "new tracks": new_tracks, "best possible": reached, "reasons": reasons}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", help="a folder that keeps the predictions of each seed, so that a stopped run goes on")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    done = json.loads(args.json.read_text())["rows"] if args.json and args.json.exists() else []
    for task in args.only:
        rows = TASKS[task](args.seeds, args.cache)
        print(pd.DataFrame(rows).drop(columns="task").round(4).to_string(), flush=True)
        done = [r for r in done if r["task"] != task] + rows
        if args.json: args.json.write_text(json.dumps({"made_by": "MUSICREC_DATA=… python benchmarks/recommender_quality.py --json results/recommender_quality.json", "rows": done}, indent=1) + "\n")


if __name__ == "__main__":
    main()

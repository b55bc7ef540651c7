"""Are planted leaks found? Tables are generated with known copies, look-alikes and shared groups, and judged by their own truth.

    python benchmarks/planted_leaks.py --tables 2000 --json results/planted_leaks.json

Nothing here uses the package's idea of a folded title: names, spellings and their variants are written out or made by rules of this file.
"""
import argparse
import json
import unicodedata
from multiprocessing import Pool

import numpy as np
import pandas as pd

from musicrec.collect import Tables
from musicrec.matching import recordings
from musicrec.preprocess import leaks, merge_duplicates, split

AUDIO = ["acousticness", "liveness", "danceability", "energy", "loudness", "speechiness", "tempo", "valence"]
LOW, HIGH = np.array([0, 0, 0, 0, -60, 0, 30, 0.]), np.array([1, 1, 1, 1, 5, 1, 260, 1.])
STEP = np.array([.001, .001, .001, .001, .05, .001, .05, .001])  # within which two values count as equal, as the chapter says
ARTISTS = ["Sigur Rós", "Beyoncé", "Motörhead", "Björk", "AC/DC", "P!nk", "Ke$ha", "Simon & Garfunkel", "The Beatles", "Кино", "宇多田ヒカル", "فيروز", "Mylène Farmer",
           "Guns N' Roses", "Los Ángeles Azules", "Zoë", "Dvořák Trio", "!!!", "blink‐182", "M.I.A.", "Noir Désir", "Käptn Peng", "A$AP Crew", "Tyler, The Maker"]
WORDS = ["Café", "Señorita", "Über", "Déjà", "Don't", "Rock’n’Roll", "Night", "Fire", "Ночь", "さくら", "Ação", "Love", "Feather", "Craft", "Remastering", "Living", "Alive", "Withdrawn",
         "Tonight", "Élan", "Mañana", "Straße", "Blue", "Ocean", "Mix", "Acoustics", "Featherweight", "Naïve", "River", "1999", "Q&A", "L'amour", "Gold", "Runaway", "Winter"]
PLAIN = str.maketrans("éèëêáàâãäåóòôõöúùûüíïîñçřÉÈÁÀÜÖÄÓ", "eeeeaaaaaaooooouuuuiiincrEEAAUOAO")


def spellings(rng, name):
    """A name as another catalogue may write it."""
    return [name.upper, name.lower, lambda: name.translate(PLAIN), lambda: unicodedata.normalize("NFD", name), lambda: name.replace("'", "’"), lambda: name.replace("’", "'"),
            lambda: f"  {name.replace(' ', '  ')} ", lambda: name.replace("&", "and") if " & " in name else name, lambda: name.replace("'", ""), lambda: name.replace(" ", "\u00a0"),
            lambda: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and c.isalnum() else c for c in name)][rng.integers(11)]()


def remaster(rng, title):
    """A re-release's title."""
    y = rng.integers(1987, 2024)
    return title + [f" (Remastered {y})", f" - Remastered {y}", f" - {y} Remaster", " [Remastered]", f" - {y} Remastered Version", " - Remastered", " (Digitally Remastered)",
                    f" [{y} Digital Remaster]", " - REMASTERED", f" - Mono / {y} Remaster", " (remaster)"][rng.integers(11)]


def guest(rng, title, name):
    """A title that names a guest."""
    return title + [f" (feat. {name})", f" [feat. {name}]", f" feat. {name}", f" (ft. {name})", f" ft. {name}", f" (featuring {name})", f" Featuring {name}", f" (with {name})", f" (Feat {name})"][rng.integers(9)]


class Maker:
    """A table under construction, with its truth: which recording, album and artists each id has."""

    def __init__(self, seed):
        self.rng, self.tracks, self.artists, self.credits, self.audio, self.truth, self.planted, self.alike, self.lists = np.random.default_rng([seed, 11]), [], {}, [], [], {}, [], [], []
        names = self.rng.permutation(ARTISTS)[:self.rng.integers(4, 9)]
        self.bands = [self.artist(str(n)) for n in names]
        self.titles = iter([f"{a} {b}" if self.rng.random() < .8 else f"{a} {b} {c}" for a, b, c in
                            zip(self.rng.permutation(np.repeat(WORDS, 12)), self.rng.permutation(np.repeat(WORDS, 12)), self.rng.permutation(np.repeat(WORDS, 12)))])
        self.used = set()
        for band in self.bands:
            for _ in range(self.rng.integers(2, 7)):
                album = f"Album {self.rng.integers(3)}" if self.rng.random() < .8 else None
                self.add(band, self.title(), self.features(), album=album, album_id=f"id of {album} by {band}" if album and self.rng.random() < .6 else None,
                         guests=[str(self.rng.choice([b for b in self.bands if b != band]))] if self.rng.random() < .2 else [])

    def artist(self, name):
        key = f"artist {len(self.artists)}"
        self.artists[key] = name
        return key

    def title(self):
        """A title no other recording has, even without accents and case."""
        while True:
            t = next(self.titles)
            if (key := "".join(sorted(t.translate(PLAIN).lower().split()))) not in self.used:
                self.used.add(key)
                return t

    def features(self):
        """Eight values as catalogues print them: three or four digits, decibels to three places, or beats to three."""
        return np.round(LOW + (HIGH - LOW) * self.rng.random(8), self.rng.choice([3, 4]))

    def add(self, band, title, x, album=None, album_id=None, guests=(), isrc=None, recording=None):
        """One more id; a recording of its own unless told which."""
        i = f"{self.rng.integers(10**9):09d}.{len(self.tracks)}"
        self.tracks.append(dict(track_id=i, title=title, album_name=album, album_id=album_id, isrc=isrc, popularity=float(self.rng.integers(0, 101)) if self.rng.random() < .9 else np.nan))
        self.credits += [dict(track_id=i, artist_id=a, position=p) for p, a in enumerate([band, *guests])]
        if x is not None:
            self.audio.append(dict(zip(AUDIO, x)) | dict(track_id=i, source="x"))
        self.truth[i] = recording or i
        return i

    def near(self, x):
        """`x` rounded more coarsely, or off by parts of a step."""
        if self.rng.random() < .5:
            return np.clip(np.array([round(v, 1 if c in ("loudness", "tempo") else 3) for c, v in zip(AUDIO, x)]), LOW, HIGH)
        return np.clip(x + STEP * self.rng.uniform(-.95, .95, 8), LOW, HIGH)

    def copies(self, n):
        """Plant `n` recordings that have further ids, some of them two, some in a chain."""
        own = [t for t in self.tracks if t["track_id"] in {a["track_id"] for a in self.audio}]
        for k in self.rng.permutation(len(own))[:n]:
            t = dict(own[k])
            i, band = t["track_id"], next(c["artist_id"] for c in self.credits if c["track_id"] == own[k]["track_id"])
            x = np.array([next(a for a in self.audio if a["track_id"] == i)[c] for c in AUDIO])
            guests = [c["artist_id"] for c in self.credits if c["track_id"] == i and c["position"]]
            for _ in range(1 + (self.rng.random() < .3)):
                how = str(self.rng.choice(HOWS))
                self.planted.append((how, i, self.copy(how, t, i, band, x, guests)))

    def copy(self, how, t, i, band, x, guests):
        """One further id of recording `i`."""
        rng, title, extra = self.rng, t["title"], dict(recording=self.truth[i], guests=guests)
        jitter = np.clip(x + (HIGH - LOW) * rng.normal(0, .02, 8), LOW, HIGH)
        if how == "other id": return self.add(band, title, self.features(), t["album_name"], t["album_id"], **extra)
        if how == "spelling": return self.add(band, spellings(rng, title), jitter, **extra)
        if how == "remaster": return self.add(band, remaster(rng, spellings(rng, title) if rng.random() < .3 else title), jitter, f"Best of {rng.integers(9)}", **extra)
        if how == "guest in title": return self.add(band, guest(rng, title, self.artists[str(rng.choice(self.bands))]), jitter, **extra)
        if how == "guest and remaster": return self.add(band, remaster(rng, guest(rng, title, "Zed Nobody")), jitter, **extra)
        if how == "artist under another id": return self.add(self.artist(spellings(rng, self.artists[band])), title, jitter, **extra)
        if how == "other title, same sound": return self.add(band, self.title(), self.near(x), **extra)
        if how == "other artist, same sound": return self.add(self.artist("Various Artists"), title, self.near(x), recording=self.truth[i])
        if how == "no features": return self.add(band, title, None, **extra)
        if how == "isrc":
            code = next(r for r in self.tracks if r["track_id"] == i)
            code["isrc"] = code["isrc"] or f"XX{len(self.tracks):010d}"
            return self.add(self.artist(f"Alias {len(self.tracks)}"), self.title(), self.features(), isrc=code["isrc"], recording=self.truth[i])
        middle = self.copy("remaster", t, i, band, x, guests)  # a chain: the last id resembles only the middle one
        y = np.array([next(a for a in self.audio if a["track_id"] == middle)[c] for c in AUDIO])
        return self.add(band, self.title(), self.near(y), **extra)

    def lookalikes(self, n):
        """Tracks that resemble another and are none of its copies."""
        for k in self.rng.permutation(len(self.tracks))[:n]:
            t, rng = self.tracks[k], self.rng
            band, title = next(c["artist_id"] for c in self.credits if c["track_id"] == t["track_id"]), t["title"]
            how = str(rng.choice(ALIKE))
            x = next((np.array([a[c] for c in AUDIO]) for a in self.audio if a["track_id"] == t["track_id"]), self.features())
            if how == "live": i = self.add(band, title + [" - Live", " (Live)", " - Live at Wembley", " [Live 1999]"][rng.integers(4)], self.features())
            elif how == "live, remastered": i = self.add(band, title + [" - Live (Remastered 2009)", " - Live / 2011 Remaster", " (Live) [Remastered]", " - Live; Remastered 1999", " (Live / Remastered)"][rng.integers(5)], self.features())
            elif how == "guest, then version": i = self.add(band, guest(rng, title, "Zed Nobody") + [" - Remix", " (Acoustic)", " - Live", " [Demo]"][rng.integers(4)], self.features())
            elif how == "version": i = self.add(band, title + [" - Acoustic", " (Demo)", " - Radio Edit", " (Instrumental)", " - Extended Mix", " - Club Remix", " (Take 2)", " II", " - Pt. 2"][rng.integers(9)], self.features())
            elif how == "cover": i = self.add(self.artist(f"Cover Band {len(self.tracks)}"), title, self.features())
            elif how == "three steps out": # one value is three steps away, all others the same
                c = rng.integers(8)
                y = x.copy()
                y[c] += STEP[c] * 3 * (-1 if x[c] > (LOW + HIGH)[c] / 2 else 1)
                i = self.add(band, self.title(), y)
            else: i = self.add(self.artist(f"Stranger {len(self.tracks)}"), self.title(), x) # the same sound alone is no proof
            self.alike.append((how, t["track_id"], i))

    def tables(self):
        """The tables, rows in random order."""
        mix = lambda rows: (f := pd.DataFrame(rows)).iloc[self.rng.permutation(len(f))]
        ids = [t["track_id"] for t in self.tracks]
        lists = [dict(playlist_id=f"list {p}", position=q, track_id=i) for p in range(6) for q, i in enumerate(self.rng.choice(ids, 5, replace=False))]
        genres = [dict(track_id=i, genre=g, source="x") for i in ids for g in self.rng.choice(["rock", "pop", "jazz"], self.rng.integers(1, 3), replace=False)]
        return Tables(tracks=mix(self.tracks), artists=mix([dict(artist_id=k, name=n) for k, n in self.artists.items()]), track_artists=mix(self.credits), audio_features=mix(self.audio),
                      playlists=pd.DataFrame({"playlist_id": [f"list {p}" for p in range(6)]}), playlist_tracks=mix(lists), track_genres=mix(genres))

    def groups(self, by, t):
        """Which groups each recording belongs to, by the truth of this file: all groups of all its ids."""
        if by == "artist": pairs = [(c["track_id"], c["artist_id"]) for c in self.credits]
        elif by == "playlist": pairs = list(zip(t.playlist_tracks.track_id, t.playlist_tracks.playlist_id))
        else:  # in this file an album's name and artist decide, and an id is made of both
            main = {c["track_id"]: c["artist_id"] for c in self.credits if c["position"] == 0}
            pairs = [(r["track_id"], (r["album_name"], "".join(self.artists[main[r["track_id"]]].split()))) for r in self.tracks if r["album_name"]]
        found = {}
        for i, g in pairs:
            found.setdefault(self.truth[i], set()).add(g)
        return found


HOWS = ["other id", "spelling", "remaster", "guest in title", "guest and remaster", "artist under another id", "other title, same sound", "other artist, same sound", "no features", "isrc", "chain"]
ALIKE = ["live", "live, remastered", "version", "guest, then version", "cover", "three steps out", "same sound alone"]
BY = ["track", "artist", "album", "playlist"]


def judge(seed):
    """What was planted into one generated table, what of it was found, what was merged wrongly, and whether one split of it is clean."""
    m = Maker(seed)
    m.lookalikes(m.rng.integers(3, 9))
    m.copies(m.rng.integers(3, 9))
    t = m.tables()
    best, truth, by = recordings(t), pd.Series(m.truth), BY[seed % len(BY)]
    first = truth[~truth.duplicated()]
    found = set(leaks(t, first.index, [], truth.index[~truth.index.isin(first.index)], best=best).group)  # all copies on the other side
    rows = [("copy", how, best[a] == best[b] and best[a] in found) for how, a, b in m.planted]
    rows += [("look-alike", how, best[a] != best[b]) for how, a, b in m.alike]
    rows.append(("table", "exactly its recordings", len(found) == truth[truth.duplicated()].nunique() and best.groupby(truth).nunique().max() == 1 and best.nunique() == truth.nunique() == len(merge_duplicates(t).tracks)))
    s = split(t, by, seed, .2, .2)
    sides = [{m.truth[i] for i in side} for side in (s.train, s.valid, s.test)]
    clean = sum(map(len, sides)) == len(set().union(*sides)) == len(s.train) + len(s.valid) + len(s.test)
    if by != "track":
        members = {}
        for r, groups in m.groups(by, t).items():
            for g in groups: members.setdefault(g, []).append(r)
        clean &= all(sum(any(r in side for r in group) for side in sides) <= 1 for group in members.values())
        if shared := [group for group in members.values() if len(group) > 1]:
            a, b = shared[m.rng.integers(len(shared))][:2]
            ids = {r: i for i, r in m.truth.items()}
            rows.append(("group", by, by in set(leaks(t, [ids[a]], [], [ids[b]], by, best).what)))
    return pd.DataFrame([*rows, ("split", by, bool(clean))], columns=["kind", "what", "right"]).assign(seed=seed)


def summary(found):
    """Shares that are right, with the 95 % interval of Clopper and Pearson; rows as in all results."""
    from scipy.stats import beta
    rows, parts = [], pd.concat([found, found.assign(what="all")]).groupby(["kind", "what"])
    for (kind, what), right in parts.right:
        k, n = int(right.sum()), len(right)
        rows.append(dict(method=f"{kind}: {what}", metric="share right", value=k / n, low=float(beta.ppf(.025, k, n - k + 1)) if k else 0., high=float(beta.ppf(.975, k + 1, n - k)) if k < n else 1., n=n, seeds=int(found.seed.nunique())))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json")
    args = parser.parse_args()
    with Pool(args.jobs) as pool: found = pd.concat(pool.imap(judge, range(args.tables), chunksize=20), ignore_index=True)
    rows = summary(found)
    for r in rows:
        print(f"{r['method']:40} {r['value']:.4f}  [{r['low']:.4f}, {r['high']:.4f}]  n={r['n']}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            f.write(json.dumps(dict(made_by=f"python benchmarks/planted_leaks.py --tables {args.tables} --json results/planted_leaks.json", rows=rows), indent=1) + "\n")

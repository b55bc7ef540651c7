"""How well can anybody guess one of 70,000 artists from eight numbers? Known laws, what the closed form makes of them, and the law of real tracks.

    [MUSICREC_DATA=…] python benchmarks/artist_ceiling.py [--artists 70000] [--tracks 100] [--only shared own two gap gap_of_all real] [--json results/artist_ceiling.json]

Each world of `shared`, `own` and `two` runs in a process of its own, whose peak memory is reported. `gap` splits what is missing: what too few
tracks cost anybody, what a learned covariance costs, and what a net loses on its way, for 2,000 artists; `gap_of_all` does so for all of them, one seed, eight epochs. `real` needs MUSICREC_DATA: the spread within and between artists of real tracks.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np
import torch

from musicrec.gaussian import Gaussian, Law, Rows, moments, prior_strength
from musicrec.metrics import paired, ranks
from musicrec.track_embeddings import Sampling, TrackNet, train_sampled

D = 8


class World:
    """Artists with Gaussian tracks: one covariance for all, covariances of their own, or two eras each."""

    def __init__(self, kind, artists, seed=0, spread=.8):
        rng = self.rng = np.random.default_rng([seed, 11])
        a = rng.normal(size=(D, D))
        root = np.linalg.cholesky((a @ a.T / D + .3 * np.eye(D)) * spread).astype("float32")
        self.parts = 2 if kind == "two" else 1
        self.mean = rng.normal(size=(artists, 1, D)).astype("float32")
        if self.parts == 2: self.mean = self.mean + .8 * rng.normal(size=(artists, 2, D)).astype("float32")
        g = rng.normal(size=(artists, D, 20)).astype("float32") if kind == "own" else None
        self.root = (root @ np.linalg.cholesky(g @ g.transpose(0, 2, 1) / 20))[:, None] if kind == "own" else np.broadcast_to(root * (.8 if kind == "two" else 1), (artists, self.parts, D, D))
        first = rng.beta(4, 4, artists) if self.parts == 2 else np.ones(artists)
        self.share = np.stack([first, 1 - first], 1)[:, :self.parts]

    def draw(self, tracks):
        """So many tracks of every artist: features and artist numbers, sorted by artist."""
        y = np.repeat(np.arange(len(self.mean)), tracks)
        x = self.rng.standard_normal((len(y), D), dtype="float32")
        for a in range(0, len(y), 1 << 18):
            rows = y[a:a + (1 << 18)]
            era = (self.rng.random(len(rows)) > self.share[rows, 0]).astype(int)
            x[a:a + len(rows)] = self.mean[rows, era] + (self.root[rows, era] @ x[a:a + len(rows), :, None])[..., 0]
        return x, y

    def law(self):
        """Bayes' rule of somebody who knows the law: no model can be expected to do better."""
        cov = (self.root @ self.root.swapaxes(-1, -2)).reshape(-1, D, D)
        return known(Law.of(torch.from_numpy(np.log(self.share).astype("float32").ravel()), torch.from_numpy(self.mean.reshape(-1, D)), torch.from_numpy(np.ascontiguousarray(cov, "float32")), None, self.parts))


def known(law):
    model = Gaussian()
    model.law_, model.space_ = law, lambda x: x
    return model


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def one(kind, artists, tracks, test, seeds):
    """Worlds of a kind, their best possible scores, and what the closed form reaches of them; memory is that of the first."""
    cases, clock = [], []
    for seed in range(seeds):
        world = World(kind, artists, seed)
        x, y = world.draw(tracks)
        new, who = world.draw(1)
        pick = world.rng.permutation(artists)[:test + 2000]
        (new, who), valid = (new[pick[:test]], who[pick[:test]]), (new[pick[test:]], who[pick[test:]])
        start, cpu = time.time(), time.process_time()
        model = Gaussian(kind).fit(x, y, artists)
        clock.append((time.time() - start, time.process_time() - cpu, peak()))
        chosen = Gaussian().fit(x, y, artists, valid) if artists <= 10_000 else model
        cases.append((world.law().ranks(new, who), chosen.ranks(new, who)))
    best, ours = map(np.array, zip(*cases))
    missing, low, high = paired(ours <= 10, best <= 10)
    bayes = float((best <= 10).mean())
    seconds, cpu, _ = np.median(clock, 0)
    return {"world": kind, "artists": artists, "tracks_per_artist": tracks, "test_rows": test, "seeds": seeds, "chosen": chosen.kind_, "bayes_top10": bayes, "bayes_top1": float((best == 1).mean()), "closed_top10": float((ours <= 10).mean()),
            "closed_top1": float((ours == 1).mean()), "share": 1 + missing / bayes, "share_low": 1 + low / bayes, "share_high": 1 + high / bayes, "fit_seconds": seconds, "fit_cpu_seconds": cpu, "peak_gib_of_fit": clock[0][2]}


def best_from_rows(world, x, y):
    """Bayes' rule of somebody who knows how artists are made, but of each artist only its tracks: no model can make more of the same rows."""
    n, mean, _ = moments(Rows(x, y, len(world.mean)))
    within = torch.from_numpy(np.ascontiguousarray(world.root[0, 0] @ world.root[0, 0].T))  # means are drawn with variance one
    pull = torch.linalg.inv(torch.eye(D) + within / n[0])
    scale = within + torch.eye(D) - pull
    return known(Law.of(torch.zeros(len(n)), mean @ pull.T, scale.expand(len(n), D, D)))


def some(world, rows, most):
    """At most so many of the rows, drawn at random."""
    if len(rows[1]) <= most: return rows
    pick = world.rng.permutation(len(rows[1]))[:most]
    return rows[0][pick], rows[1][pick]


@torch.no_grad()
def net_ranks(net, x, y, most=512):
    """Rank of each row's artist by a net, so many rows at once."""
    return np.concatenate([ranks(y[a:a + most], net(torch.from_numpy(x[a:a + most])).softmax(1).numpy()) for a in range(0, len(y), most)])


def gap(artists, tracks, test, seeds, epochs=30):
    """Top-10 of the known law, of the best that the rows allow, of the closed form, and of a net: one shared covariance."""
    hits = {"law known": [], "best from these rows": [], "closed form": [], "net": []}
    for seed in range(seeds):
        world = World("shared", artists, seed)
        x, y = world.draw(tracks)
        valid, new = (some(world, world.draw(n), most) for n, most in ((2, 4096), (-(-test // artists), test)))
        net, _ = train_sampled(lambda: TrackNet(D, 512, artists, 64), torch.from_numpy(x), torch.from_numpy(y), *map(torch.from_numpy, valid), Sampling(seed=seed, max_epochs=epochs))
        judges = {"law known": world.law().ranks, "best from these rows": best_from_rows(world, x, y).ranks, "closed form": Gaussian("shared").fit(x, y, artists).ranks, "net": lambda *rows: net_ranks(net, *rows)}
        for name, judge in judges.items(): hits[name].append(judge(*new) <= 10)
    value = {name: float(np.mean(h)) for name, h in hits.items()}
    steps = {"estimation": ("law known", "best from these rows"), "covariance": ("best from these rows", "closed form"), "optimisation": ("closed form", "net")}
    return {"artists": artists, "tracks_per_artist": tracks, "test_rows": int(np.size(hits["net"])), "seeds": seeds, "epochs": epochs, "top10": value, "missing": {name: paired(hits[a], hits[b]) for name, (a, b) in steps.items()}}


def real(sizes, test):
    """Artists drawn from the law of real ones: their spread, its variation between artists, and their distances."""
    from track_quality import union_of_open_sets
    from musicrec.gaussian import FeatureScale
    from musicrec.preprocess import audio_matrix
    from musicrec.track_embeddings import main_classes, targets
    t = union_of_open_sets()
    ids, classes = targets(t, "artist", 20)
    x = FeatureScale().fit(a := audio_matrix(t.audio().loc[ids])).transform(a)
    n, mean, scatter = moments(Rows(x, main_classes(t, ids, "artist", classes), len(classes)))
    within = scatter.sum(0) / (n - 1).sum()
    flat = torch.linalg.inv(torch.linalg.cholesky(within))
    strength = prior_strength((flat @ scatter @ flat.T).numpy(), n.numpy())
    between = (torch.cov((mean @ flat.T).T) - torch.eye(D) * (1 / n).mean()).double().numpy()
    value, axes = np.linalg.eigh(between)
    rows = []
    for k in sizes:
        rng = np.random.default_rng([k, 12])
        centre = (rng.normal(size=(k, D)) * np.sqrt(value.clip(0))) @ axes.T
        g = rng.normal(size=(k, round(strength), D))
        cov = np.linalg.inv(g.transpose(0, 2, 1) @ g) * (strength - D - 1)
        who = rng.integers(0, k, test)
        new = centre[who] + (np.linalg.cholesky(cov[who]) @ rng.normal(size=(test, D, 1)))[..., 0]
        law = Law.of(torch.zeros(k), torch.from_numpy(centre).float(), torch.from_numpy(cov).float())
        rank = known(law).ranks(new.astype("float32"), who)
        se = lambda hit: float(1.96 * hit.std() / np.sqrt(test))
        rows.append({"artists": k, "bayes_top1": float((rank == 1).mean()), "bayes_top1_se95": se(rank == 1), "bayes_top10": float((rank <= 10).mean())})
        print(rows[-1], flush=True)
    return {"real": {"artists_measured": len(classes), "tracks_measured": len(ids), "prior_strength": strength, "between_over_within": sorted(value.clip(0).tolist(), reverse=True), "ceiling": rows}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artists", type=int, default=70_000)
    parser.add_argument("--tracks", type=int, default=100)
    parser.add_argument("--test", type=int, default=6000)
    parser.add_argument("--only", nargs="*", default=["shared", "own", "two", "gap", "gap_of_all", "real"])
    parser.add_argument("--json", help="merge what was measured into this file")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.inside:
        print(json.dumps(one(args.only[0], args.artists, args.tracks, args.test, args.seeds)))
        return
    found = {}
    for kind in [k for k in args.only if k in ("shared", "own", "two")]:
        for artists, tracks in [(args.artists, args.tracks), (5000, 30), (5000, 100), (5000, 300)] if args.artists == 70_000 else [(args.artists, args.tracks)]:
            out = subprocess.run([sys.executable, __file__, "--inside", "--only", kind, "--artists", str(artists), "--tracks", str(tracks), "--test", str(min(args.test, artists - 2000)), "--seeds", str(args.seeds), "--threads", str(args.threads)], stdout=subprocess.PIPE, text=True, check=True).stdout
            found.setdefault("worlds", []).append(json.loads(out))
            print(out, flush=True)
    if "gap" in args.only:
        found["gap"] = [gap(2000, tracks, 6000, args.seeds) for tracks in (10, 30, 100)]
        print(json.dumps(found["gap"], indent=1), flush=True)
    if "gap_of_all" in args.only:
        found["gap_of_all"] = gap(args.artists, args.tracks, args.test, 1, 8)
        print(json.dumps(found["gap_of_all"], indent=1), flush=True)
    if "real" in args.only and os.environ.get("MUSICREC_DATA"): found |= real([100, 1000, 10_000, 70_000], args.test)
    if args.json:
        old = json.load(open(args.json)) if os.path.exists(args.json) else {}
        worlds = {(w["world"], w["artists"], w["tracks_per_artist"]): w for w in old.get("worlds", []) + found.get("worlds", [])}
        how = f"MUSICREC_DATA=… python benchmarks/artist_ceiling.py --artists {args.artists} --tracks {args.tracks} --test {args.test} --seeds {args.seeds} --threads {args.threads} --json results/artist_ceiling.json"
        made = old.get("parts_made_by", {}) | dict.fromkeys(args.only, how)
        with open(args.json, "w") as f: json.dump(old | found | {"made_by": "benchmarks/artist_ceiling.py, part by part (--only), see parts_made_by", "parts_made_by": made, "worlds": list(worlds.values())}, f, indent=1)


if __name__ == "__main__":
    main()

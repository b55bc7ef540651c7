"""The 70,000-way artist net: sampled softmax against the paper's dense softmax + BCE and against exact softmax, the closed form beside them.

    python benchmarks/artist_head_speed.py [--json results/artist_head_speed.json] [--only speed quality]

`speed`: rows per second at 70,000 artists; the epoch over 7 million rows is extrapolated from the steps measured, memory is the process's peak with all 7 million rows in it.
`quality`: 5,000 artists with a known law; top-10 and wall time of exact softmax (512 hidden, until validation stalls), of the sampled net, and of the closed form.
"""
import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from artist_ceiling import World, peak

from musicrec.gaussian import Gaussian
from musicrec.metrics import paired
from musicrec.track_embeddings import Sampling, TrackNet, Training, paper_bce, train_net, train_sampled

ARTISTS, ROWS = 70_000, 7_000_000
NEGATIVES = 384  # a quarter fewer than by default


def sampled_rate(steps):
    """Rows per second of whole steps, with all rows in memory."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(ROWS, 8, generator=g), torch.randint(ARTISTS, (ROWS,), generator=g)
    how = Sampling(negatives=NEGATIVES)
    make = lambda: TrackNet(8, 512, ARTISTS, 64)
    train_sampled(make, x, y, x[:64], y[:64], how, most_steps=5)
    start = time.time()
    train_sampled(make, x, y, x[:64], y[:64], how, most_steps=1)
    begin, start, cpu = time.time() - start, time.time(), time.process_time()
    train_sampled(make, x, y, x[:64], y[:64], how, most_steps=steps + 1)
    seconds = time.time() - start - begin
    return {"negatives": how.negatives, "rows_per_second": steps * how.batch / seconds, "rows_per_cpu_second": steps * how.batch / (time.process_time() - cpu), "epoch_seconds": ROWS / (steps * how.batch / seconds), "begin_seconds": begin, "peak_gib": peak(), "measured_rows": steps * how.batch}


def dense_rate(batch, steps=3):
    """The paper's net with the paper's loss and Adam, rows per second."""
    torch.manual_seed(0)
    net = TrackNet(8, 512, ARTISTS)
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    for step in range(steps + 1):
        if step == 1: start, cpu = time.time(), time.process_time()
        x, y = torch.randn(batch, 8), torch.randint(ARTISTS, (batch,))
        opt.zero_grad()
        paper_bce(net(x), F.one_hot(y, ARTISTS).float()).backward()
        opt.step()
    return {"batch": batch, "rows_per_second": steps * batch / (time.time() - start), "rows_per_cpu_second": steps * batch / (time.process_time() - cpu), "peak_gib": peak()}


def apart(*words):
    """One measurement in a process of its own."""
    return json.loads(subprocess.run([sys.executable, __file__, "--threads", str(torch.get_num_threads()), "--inside", *map(str, words)], stdout=subprocess.PIPE, text=True, check=True).stdout)


def speed(steps):
    dense = [apart("dense", b) for b in (128, 512, 1024, 2048, 4096)]
    sampled = apart("sampled", steps)
    best = max(dense, key=lambda d: d["rows_per_second"])
    ratio = sampled["rows_per_second"] / best["rows_per_second"]
    return {"sampled": sampled, "dense": dense, "ratio": ratio, "ratio_cpu": sampled["rows_per_cpu_second"] / max(d["rows_per_cpu_second"] for d in dense)}


@torch.no_grad()
def ranks(net, x, y):
    s = torch.cat([(a := net(part)) >= a.gather(1, own[:, None]) for part, own in zip(x.split(512), y.split(512))])
    return s.sum(1).numpy()


def quality(artists, tracks, exact_epochs):
    world = World("shared", artists)
    sides = [world.draw(n) for n in (tracks, 1, 2)]
    (x, y), (xv, yv), (xt, yt) = [tuple(map(torch.from_numpy, s)) for s in sides]
    best = world.law().ranks(*sides[2])
    found = {"bayes": {"top10": float((best <= 10).mean())}}
    hit = {}

    def clock(name, fit):
        start, cpu = time.time(), time.process_time()
        model, more = fit()
        found[name] = {"seconds": time.time() - start, "cpu_seconds": time.process_time() - cpu} | more
        rank = model.ranks(*sides[2]) if isinstance(model, Gaussian) else ranks(model, xt, yt)
        hit[name] = rank <= 10
        found[name] |= {"top10": float(hit[name].mean()), "top1": float((rank == 1).mean())}
        print(name, found[name], flush=True)

    clock("closed form", lambda: ((g := Gaussian().fit(*sides[0], artists, sides[1])), {"chosen": g.kind_}))
    clock("sampled", lambda: ((r := train_sampled(lambda: TrackNet(8, 512, artists, 64), x, y, xv, yv, Sampling(negatives=NEGATIVES, max_epochs=SAMPLED_EPOCHS)))[0], {"epochs": len(r[1]), "best_epoch": int(r[1].valid.idxmin())}))
    exact = Training(lr=2e-3, batch=1024, max_epochs=exact_epochs, patience=2, seed=0)
    clock("exact softmax", lambda: ((r := train_net(lambda: TrackNet(8, 512, artists), F.cross_entropy, x, y, xv, yv, exact))[0], {"epochs": len(r[1]), "best_epoch": int(r[1].valid.idxmin()), "valid": r[1].valid.tolist()}))
    difference = paired(hit["sampled"], hit["exact softmax"])
    found["sampled over exact"] = {"top10_ratio": found["sampled"]["top10"] / found["exact softmax"]["top10"], "top10_difference": difference, "seconds_ratio": found["sampled"]["seconds"] / found["exact softmax"]["seconds"],
                                   "cpu_seconds_ratio": found["sampled"]["cpu_seconds"] / found["exact softmax"]["cpu_seconds"]}
    return {"artists": artists, "tracks_per_artist": tracks, "rows": found}


SAMPLED_EPOCHS = 40


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=["speed", "quality"])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--artists", type=int, default=5000)
    parser.add_argument("--tracks", type=int, default=20)
    parser.add_argument("--exact-epochs", type=int, default=40)
    parser.add_argument("--json", help="merge what was measured into this file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.inside:
        print(json.dumps({"sampled": sampled_rate, "dense": dense_rate}[args.inside[0]](int(args.inside[1]))))
        return
    found = {}
    if "speed" in args.only:
        found["speed"] = speed(args.steps)
        print(json.dumps(found["speed"], indent=1), flush=True)
    if "quality" in args.only: found["quality"] = quality(args.artists, args.tracks, args.exact_epochs)
    print(json.dumps(found.get("quality"), indent=1))
    if args.json:
        old = json.load(open(args.json)) if os.path.exists(args.json) else {}
        how = f" --threads {args.threads}"
        made = {"speed": f" --only speed --steps {args.steps}" + how, "quality": f" --only quality --artists {args.artists} --tracks {args.tracks} --exact-epochs {args.exact_epochs}" + how}
        for part in found: found[part]["made_by"] = "python benchmarks/artist_head_speed.py" + made[part] + " --json results/artist_head_speed.json"
        both = old | found
        with open(args.json, "w") as f: json.dump(both | {"made_by": "; ".join(both[part]["made_by"] for part in made if part in both)}, f, indent=1)


if __name__ == "__main__":
    main()

"""What artist vectors cost, from 1,000 to 70,000 artists with 25 similar ones each, beside gensim's skip-gram.

    python benchmarks/artist2vec_speed.py [--json results/artist2vec_speed.json]

Each size runs in a process of its own, so that its peak of memory is its own. gensim's 250 passes are
extrapolated from the tokens per CPU-second of one epoch over part of the same lists. At the end, vectors of
3,000 artists are hashed in five processes with different hash seeds, with one thread and with two.
"""
import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SIZES, SIMILAR, PASSES = (1_000, 3_000, 10_000, 30_000, 70_000), 25, 250


def similar_lists(n, seed=0):
    """Every artist with 25 similar ones: 15 of her own scene of about 70, 10 of one of six scenes near it."""
    rng = np.random.default_rng(seed)
    scenes = max(2, n // 70)
    scene = rng.integers(0, scenes, n)
    members = [np.flatnonzero(scene == s) for s in range(scenes)]
    near = rng.integers(0, scenes, (scenes, 6))
    lists = []
    for a in range(n):
        other = members[near[scene[a], rng.integers(6)]]
        own = members[scene[a]]
        some = np.concatenate([[a], rng.choice(own, min(15, len(own)), replace=False), rng.choice(other, min(10, len(other)), replace=False)])
        lists.append([f"artist {i}" for i in dict.fromkeys(some.tolist())])
    return lists


def ours(n, results):
    from musicrec.artist2vec import Artist2Vec
    lists = similar_lists(n)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    Artist2Vec().fit(lists)
    results.put({"artists": n, "seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu,
                 "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "before_gib": before / 2**20})


def gensim(n, results):
    from gensim.models import Word2Vec

    from musicrec.artist2vec import Reshuffled
    lists = similar_lists(n)
    part = lists[:12_000]
    model = Word2Vec(vector_size=100, window=5, sg=1, negative=5, min_count=1, workers=1, seed=1)
    model.build_vocab(lists)
    cpu = time.process_time()
    model.train(Reshuffled(part, 3), total_examples=3 * len(part), epochs=1)
    results.put({"tokens_per_cpu_second": 3 * sum(map(len, part)) / (time.process_time() - cpu), "tokens": sum(map(len, lists)) * PASSES})


def alone(f, *args):
    """What `f` puts into a queue, from a fresh process."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=f, args=(*args, results))
    process.start()
    got = results.get()
    process.join()
    return got


HASH = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from artist2vec_speed import similar_lists
from musicrec.artist2vec import Artist2Vec
print(hashlib.sha256(Artist2Vec().fit(map(set, similar_lists(3000))).embeddings_.vectors.tobytes()).hexdigest())
"""


def hashes():
    """What five processes get: sets instead of lists, so that the hash seed changes their order."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    run = lambda seed: subprocess.run([sys.executable, "-c", HASH, str(Path(__file__).parent)], env=os.environ | {"PYTHONHASHSEED": str(seed)} | dict.fromkeys(threads, str(1 + seed % 2)), capture_output=True, text=True, check=True).stdout.strip()
    return sorted({run(seed) for seed in range(5)})


def machine():
    """How fast this machine is just now: a matrix product and a copy."""
    a, b = np.random.default_rng(0).normal(size=(2, 2000, 2000)).astype("float32")
    a @ b
    start = time.perf_counter()
    for _ in range(5): a @ b
    product = 5 * 2 * 2000**3 / (time.perf_counter() - start) / 1e9
    big = np.zeros(25_000_000)
    start = time.perf_counter()
    for _ in range(5): big.copy()
    return {"gflops": product, "copy_gb_per_second": 5 * 2 * big.nbytes / (time.perf_counter() - start) / 1e9}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    done = {"made_by": "python benchmarks/artist2vec_speed.py --json results/artist2vec_speed.json", "machine": machine(), "sizes": []}
    print(done["machine"])
    for n in SIZES:
        done["sizes"].append(alone(ours, n))
        print(done["sizes"][-1], flush=True)
    peer = alone(gensim, SIZES[-1])
    peer["cpu_seconds"] = peer["tokens"] / peer["tokens_per_cpu_second"]
    done |= {"gensim": peer, "ratio": peer["cpu_seconds"] / done["sizes"][-1]["cpu_seconds"], "hashes_of_5_processes": hashes()}
    print(peer, f"\ngensim's {PASSES} passes over ours, CPU-seconds: {done['ratio']:.0f} times")
    print("hashes of five processes:", done["hashes_of_5_processes"])
    if args.json: args.json.write_text(json.dumps(done, indent=1) + "\n")


if __name__ == "__main__":
    main()

# What the peers share: the options, the initial weights, the batch and the way of measuring, with numpy alone, so
# that every library starts from the same numbers and its first loss, gradient norm and last loss can be compared.
# The model is a post-LN BERT encoder: token, position and type embeddings with LayerNorm; exact GELU; a pooler (dense
# and tanh) on the first token; a linear classifier. A step: forward, mean cross-entropy, backward, clipping at global
# norm 1, AdamW over all parameters. Linear weights lie [in, out].

import argparse
import json
import os
import platform
import resource
import statistics
import time

import numpy as np

CLIP, LEARNING_RATE, BETA1, BETA2, EPSILON, DECAY = 1.0, 2e-5, 0.9, 0.999, 1e-8, 0.01
NORM_EPSILON = 1e-12


ENCODER = dict(layers=6, hidden=384, heads=12, feed_forward=1536, vocabulary=8192, positions=512, labels=2, seq=128)


def options(description, sizes=ENCODER, **extra):
    parser = argparse.ArgumentParser(description=description)
    run = dict(batch=16, threads=2, warmup=3, steps=15, seed=1)
    for name, default in {**sizes, **run}.items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=default)
    parser.add_argument("--start", help="a .safetensors file with the initial weights and the batch; default drawn here")
    for name, settings in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), **settings)
    chosen = parser.parse_args()
    keep_to(chosen.threads)
    return chosen


def keep_to(threads):
    """As many processors as threads: not every library lets its thread pool be set."""
    if hasattr(os, "sched_getaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["OMP_NUM_THREADS"] = str(threads)


def linears(o):
    """(name, inputs, outputs) of every linear layer, in order."""
    layer = [(n, o.hidden, o.hidden) for n in ("query", "key", "value", "output")]
    layer += [("up", o.hidden, o.feed_forward), ("down", o.feed_forward, o.hidden)]
    rows = [(f"layer.{i}.{name}", *size) for i in range(o.layers) for name, *size in layer]
    return [*rows, ("pooler", o.hidden, o.hidden), ("classifier", o.hidden, o.labels)]


def norms(o):
    return ["embeddings.norm", *(f"layer.{i}.{n}" for i in range(o.layers) for n in ("attention_norm", "output_norm"))]


def start(o):
    """name -> array of the file that --start names, as bench/peers/start.mjs writes it."""
    with open(o.start, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    types = {"F32": np.float32, "I64": np.int64}
    return {
        name: np.frombuffer(data[slice(*t["data_offsets"])], types[t["dtype"]]).reshape(t["shape"]).copy()
        for name, t in header.items()
        if name != "__metadata__"
    }


def parameters(o):
    """name -> float32 array; matrices normal(0, 0.02), biases 0, norms 1 and 0."""
    if o.start:
        return {name: array for name, array in start(o).items() if not name.startswith("batch.")}
    random = np.random.default_rng(o.seed)
    matrix = lambda *shape: (0.02 * random.standard_normal(shape)).astype(np.float32)  # noqa: E731
    p = {"word": matrix(o.vocabulary, o.hidden), "position": matrix(o.positions, o.hidden), "type": matrix(2, o.hidden)}
    for name, inputs, outputs in linears(o):
        p[f"{name}.weight"] = matrix(inputs, outputs)
        p[f"{name}.bias"] = np.zeros(outputs, np.float32)
    for name in norms(o):
        p[f"{name}.scale"], p[f"{name}.bias"] = np.ones(o.hidden, np.float32), np.zeros(o.hidden, np.float32)
    return p


def batch(o):
    """ids, types, mask [B, T] and labels [B]: random tokens, full rows."""
    if o.start:
        given = start(o)
        ids, labels = given["batch.ids"], given["batch.labels"]
        return ids, np.zeros_like(ids), np.ones_like(ids), labels
    random = np.random.default_rng(o.seed + 1)
    ids = random.integers(0, o.vocabulary, (o.batch, o.seq))
    return ids, np.zeros_like(ids), np.ones_like(ids), random.integers(0, o.labels, o.batch)


def measure(o, step, gemm, **about):
    """`step()` -> (loss, gradient norm before clipping) as floats; `gemm(a)` -> a @ a, complete when it returns.
    Prints one JSON line."""
    started = time.perf_counter()
    first = step()
    first_step = time.perf_counter() - started
    for _ in range(o.warmup - 1):
        step()
    times = []
    for _ in range(o.steps):
        start = time.perf_counter()
        last = step()
        times.append(1e3 * (time.perf_counter() - start))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if platform.system() == "Darwin" else 1024)
    print(json.dumps({
        **about,
        "stepMs": round(statistics.median(times), 2),
        "stepMsRange": [round(min(times), 2), round(max(times), 2)],
        "firstStepMs": round(1e3 * first_step),
        "gemmGflops": round(gemm_gflops(gemm)),
        "peakRssBytes": peak,
        "threads": o.threads,
        "firstLoss": first[0],
        "firstGradientNorm": first[1],
        "lastLoss": last[0],
    }))  # fmt: skip


def gemm_gflops(gemm, n=2048):
    """The library's own float32 product of two n x n matrices: what its BLAS reaches on this machine."""
    a = np.random.default_rng(0).standard_normal((n, n), np.float32)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        gemm(a)
        times.append(time.perf_counter() - start)
    return 2 * n**3 / statistics.median(times[2:]) / 1e9

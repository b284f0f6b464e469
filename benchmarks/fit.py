"""What fitting a ridge map at every layer costs, beside other libraries on the same layers in one run.

    python benchmarks/fit.py             32 layers of ours, 3 of each of the others
    python benchmarks/fit.py --layers 8  a first impression

500 pairs, 4096 dimensions, 20 strengths. Ours and scikit-learn's RidgeCV choose by leave-one-out, from one
decomposition; himalaya's RidgeCV has no leave-one-out and chooses by 5 folds; numpy's lstsq chooses
nothing. On the first layers all take turns, and a ratio is the median of the layers' ratios, so that a
slow minute of the machine hits all alike. What the slow ones would take for all layers is extrapolated
from those few; ours is fitted on all. Memory is the peak of a process that does nothing else.
"""

import argparse
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import OURS as WORKBENCH
from harness import TOLERANCE, Row, median_ratio, peak, with_threads
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import RidgeCV

from workbench.align import LeastSquares, Ridge, fit_layers

LAYERS, PAIRS, WIDTH, HELD_OUT = 32, 500, 4096, 100
STRENGTHS = tuple(float(10**power) for power in np.linspace(-4, 2, 20))
OURS = "workbench Ridge, leave-one-out"
PROMISED_SECONDS, PROMISED_GB = 30.0, 4.0

Fitted = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Measure, print a table, and say which of the promises hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--shared", type=int, default=3, help="layers on which all take turns")
    parser.add_argument("--only-memory", action="store_true", help="leave the timing out")
    parser.add_argument("--peak-of-ours", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with_threads(2)
    warnings.filterwarnings("ignore")
    if options.peak_of_ours:
        print(json.dumps(measure_ours(options.layers)))
        return
    console = Console(width=120)
    alone = ours_in_child(options.layers)
    if options.only_memory:
        console.print(alone)
        return
    report(measure_shared(options.shared), alone, options, console)


def make_layer(layer: int, pairs: int = PAIRS, width: int = WIDTH) -> tuple[torch.Tensor, torch.Tensor]:
    """States in float32 with what states of models have: few strong directions, a mean, a linear tie."""
    generator = torch.Generator().manual_seed(layer)
    n, shared = pairs + HELD_OUT, min(100, width)
    meaning, sizes = torch.randn(n, shared, generator=generator), torch.logspace(0.5, -0.5, shared)[:, None]
    X, Y = (
        meaning @ (sizes * torch.randn(shared, width, generator=generator))
        + 0.5 * torch.randn(n, width, generator=generator)
        + torch.randn(width, generator=generator)
        for _ in range(2)
    )
    return X, Y


def contenders() -> dict[str, Callable[[np.ndarray, np.ndarray], Fitted]]:
    """Each way to fit one layer: float32 states → a function that predicts."""

    def ours(aligner: Any) -> Callable[[np.ndarray, np.ndarray], Fitted]:
        def fit(X: np.ndarray, Y: np.ndarray) -> Fitted:
            fitted = type(aligner)(**aligner.get_params()).fit(torch.from_numpy(X), torch.from_numpy(Y))
            return lambda rows: fitted.transform(torch.from_numpy(rows)).numpy()

        return fit

    def sklearn(dtype: type) -> Callable[[np.ndarray, np.ndarray], Fitted]:
        def fit(X: np.ndarray, Y: np.ndarray) -> Fitted:
            X, Y = X.astype(dtype), Y.astype(dtype)
            return RidgeCV(alphas=absolute(X)).fit(X, Y).predict

        return fit

    def lstsq(X: np.ndarray, Y: np.ndarray) -> Fitted:
        W = np.linalg.lstsq(X.astype(np.float64), Y.astype(np.float64), rcond=None)[0]
        return lambda rows: rows @ W

    ways = {
        OURS: ours(Ridge(STRENGTHS)),
        "workbench LeastSquares": ours(LeastSquares()),
        "scikit-learn RidgeCV, leave-one-out": sklearn(np.float64),
        "scikit-learn RidgeCV, float32": sklearn(np.float32),
        "numpy.linalg.lstsq, float64": lstsq,
    }
    try:
        import himalaya.ridge
    except ImportError:
        return ways

    def himalaya_cv(X: np.ndarray, Y: np.ndarray) -> Fitted:
        model = himalaya.ridge.RidgeCV(alphas=absolute(X), fit_intercept=True, cv=5)
        return model.fit(X, Y).predict

    return ways | {"himalaya RidgeCV, 5 folds, float32": himalaya_cv}


def absolute(X: np.ndarray) -> np.ndarray:
    """Our strengths as the others want them."""
    inputs = X.astype(np.float64) - X.mean(0)
    return np.asarray(STRENGTHS) * np.square(inputs).sum() / min(X.shape)


def measure_shared(layers: int, pairs: int = PAIRS, width: int = WIDTH) -> dict[str, dict[str, list[float]]]:
    """Seconds and held-out R² of every contender on each of the first layers."""
    ways = contenders()
    found: dict[str, dict[str, list[float]]] = {
        name: {"seconds": [], "processor": [], "r2": []} for name in ways
    }
    warm = [part.numpy()[:, :256] for part in make_layer(999, pairs, width)]
    for way in ways.values():
        way(warm[0][:pairs].copy(), warm[1][:pairs].copy())
    for layer in range(layers):
        X, Y = (part.numpy() for part in make_layer(layer, pairs, width))
        order = list(ways)
        random.Random(layer).shuffle(order)
        for name in order:
            gc.collect()
            start, processor = time.perf_counter(), time.process_time()
            predict = ways[name](X[:pairs], Y[:pairs])
            found[name]["seconds"].append(time.perf_counter() - start)
            found[name]["processor"].append(time.process_time() - processor)
            rest = Y[pairs:].astype(np.float64)
            error = np.square(rest - predict(X[pairs:])).sum()
            found[name]["r2"].append(1 - error / np.square(rest - rest.mean(0)).sum())
            print(f"layer {layer}: {name} {found[name]['seconds'][-1]:.1f} s", file=sys.stderr, flush=True)
    return found


def peer_rows(pairs: int, width: int, layers: int) -> list[Row]:
    """The contenders that choose a penalty, as rows of benchmarks/peers.py."""
    found = measure_shared(layers, pairs, width)
    ours, size = found[OURS], f"{pairs} pairs, {width} → {width}"
    rows = []
    for name, values in found.items():
        if name != OURS and "RidgeCV" not in name:
            continue
        off = max(abs(a - b) for a, b in zip(values["r2"], ours["r2"], strict=True))
        agrees = off <= TOLERANCE["ridge"]
        times = median_ratio(values["seconds"], ours["seconds"]) if agrees else None
        label = WORKBENCH if name == OURS else name.replace(" RidgeCV", ", RidgeCV")
        note = "" if agrees else "disagrees"
        rows.append(Row("ridge", size, label, statistics.median(values["seconds"]), times, float(off), note))
    if not any("himalaya" in row.name for row in rows):
        rows.append(Row("ridge", size, "himalaya", note="himalaya is not installed"))
    return rows


def ours_in_child(layers: int) -> dict[str, float]:
    """Seconds and peak memory of our fit of all layers, in a process of its own."""
    command = [sys.executable, __file__, "--peak-of-ours", "--layers", str(layers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure_ours(layers: int) -> dict[str, float]:
    """All layers by `fit_layers`: wall and processor time, peak memory of the process, size of the maps."""
    source, target = (torch.empty(layers, PAIRS, WIDTH) for _ in range(2))
    for layer in range(layers):
        X, Y = make_layer(layer)
        source[layer], target[layer] = X[:PAIRS], Y[:PAIRS]
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making the states
    start, processor = time.perf_counter(), time.process_time()
    maps = fit_layers(Ridge(STRENGTHS), source, target, range(PAIRS))
    return {
        "seconds": time.perf_counter() - start,
        "processor_seconds": time.process_time() - processor,
        "peak_gb": peak() / 1e3,
        "states_gb": (source.nbytes + target.nbytes) / 1e9,
        "maps_gb": sum(one.map_.nbytes for one in maps.aligners) / 1e9,  # type: ignore[attr-defined]
        "dense_gb": layers * WIDTH * WIDTH * 8 / 1e9,
    }


def ratio(found: dict[str, dict[str, list[float]]], name: str) -> float:
    """How many times as long as ours a contender took: the median over layers."""
    pairs = zip(found[name]["seconds"], found[OURS]["seconds"], strict=True)
    return statistics.median(theirs / mine for theirs, mine in pairs)


def report(
    found: dict[str, dict[str, list[float]]], alone: dict[str, float], options: Any, console: Console
) -> None:
    """Print the table and the verdicts."""
    table = Table(title=f"{PAIRS} pairs, {WIDTH} → {WIDTH}, {len(STRENGTHS)} strengths, 2 threads")
    for column in (
        "",
        "s per layer",
        "processor s",
        "it : ours",
        f"{options.layers} layers, s",
        "held-out R²",
    ):
        table.add_column(column, justify="left" if not column else "right")
    for name, values in found.items():
        seconds = statistics.median(values["seconds"])
        total = f"{alone['seconds']:.1f}" if name == OURS else f"≈ {seconds * options.layers:.0f}"
        table.add_row(
            name,
            f"{seconds:.2f}",
            f"{statistics.median(values['processor']):.2f}",
            f"{ratio(found, name):.2f}",
            total,
            f"{statistics.mean(values['r2']):.3f}",
        )
    console.print(table)
    console.print(
        f"≈: extrapolated from {options.shared} layers. Ours alone, all layers: {alone['seconds']:.1f} s "
        f"({alone['processor_seconds']:.1f} s of processor time), peak {alone['peak_gb']:.2f} GB with "
        f"{alone['states_gb']:.2f} GB of states; maps {alone['maps_gb']:.2f} GB, dense they would take "
        f"{alone['dense_gb']:.2f} GB. Load of the machine: {os.getloadavg()[0]:.1f}."
    )
    allowed = PROMISED_SECONDS * options.layers / LAYERS
    others = [name for name in found if "RidgeCV" in name]
    fastest = min(others, key=lambda name: ratio(found, name))
    lstsq = ratio(found, "numpy.linalg.lstsq, float64")
    checks = [
        (f"at most {allowed:.0f} s: {alone['seconds']:.1f}", alone["seconds"] <= allowed),
        (f"at most {PROMISED_GB:.0f} GB: {alone['peak_gb']:.2f}", alone["peak_gb"] <= PROMISED_GB),
        (f"not slower than {fastest}: {ratio(found, fastest):.2f} × ours", ratio(found, fastest) >= 1),
        (f"at least 8 × faster than numpy.linalg.lstsq: {lstsq:.1f}", lstsq >= 8),
    ]
    for text, holds in checks:
        console.print(f"{'holds ' if holds else 'MISSED'}  {text}")
    if not any("himalaya" in name for name in found):
        console.print("himalaya is not installed: left out (pip install himalaya)")


if __name__ == "__main__":
    main()

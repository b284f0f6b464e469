"""What a layer × layer grid of debiased CKA costs, against a loop over pairs of layers.

    python benchmarks/similarity.py            33 × 33 layers, 1000 sentences, 4096 dimensions: a minute
    python benchmarks/similarity.py --cells 20 more cells of the loop, for a better extrapolation

The grid computes each layer's centred Gram matrix once. The loops compute both for every cell; of their
cells some are timed and the rest *extrapolated*, which the table marks. Contenders agree on the cells that
the loops have timed. States are random, float32, as captured. Beside the seconds that pass stand those
that the processors worked, which a machine with other work on it does not stretch.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from harness import OURS, Ways, ways_of
from rich.console import Console
from rich.table import Table

from workbench import Activations
from workbench.align import (
    Identity,
    LeastSquares,
    MeanShift,
    RandomEqualNorm,
    Ridge,
    ShuffledPairs,
    fit_layers,
)
from workbench.measures import METRICS, debiased_linear_cka, linear_cka, retrieval
from workbench.measures.similarity import grid, permutation_null

LAYERS, SENTENCES, WIDTH = 33, 1000, 4096
PROMISED = 20.0
"""Seconds for the grid on two threads."""
STUDY = (18, 1600, 640)
"""Layers, sentences and dimensions of a small model's study; a fifth of the sentences is held out."""
PROMISED_STUDY = 60.0
"""Seconds to fit all default aligners and compute all default measures with intervals, on two threads."""


class Seconds(NamedTuple):
    """As they pass, and as all processors together worked."""

    wall: float
    cpu: float

    def __mul__(self, factor: float) -> "Seconds":  # type: ignore[override]
        return Seconds(self.wall * factor, self.cpu * factor)


def main() -> None:
    """Measure, print the tables, and say whether the promise holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells", type=int, default=8, help="cells of the loops that are timed in a round")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    source, target = states(0), states(1)
    console = Console()
    times, worst = measure_grids(source, target, options.rounds, options.cells)
    report(times, worst, options.cells, options.threads, console)
    report_metrics(console)
    report_study(console)


def states(seed: int) -> torch.Tensor:
    """[layer sent d]: sentences share a part through all layers and both languages, so that cells differ."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(SENTENCES, WIDTH, generator=torch.Generator().manual_seed(99))
    own = torch.randn(LAYERS, SENTENCES, WIDTH, generator=generator)
    return own.add_(shared * torch.linspace(0, 1, LAYERS)[:, None, None])


def plain_cka(X: torch.Tensor, Y: torch.Tensor) -> float:
    """Debiased CKA as it is usually written: whole Gram matrices in float64, with H and traces."""

    def hsic(K: torch.Tensor, L: torch.Tensor) -> torch.Tensor:
        n = len(K)
        means = K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (K.sum(0) @ L.sum(0))
        return ((K * L).sum() + means) / (n * (n - 3))

    K, L = (rows.double() @ rows.double().T for rows in (X, Y))
    for gram in (K, L):
        gram.fill_diagonal_(0)
    return float(hsic(K, L) / (hsic(K, K) * hsic(L, L)).sqrt())


def measure_grids(
    source: torch.Tensor, target: torch.Tensor, rounds: int, cells: int
) -> tuple[dict[str, list[Seconds]], float]:
    """Seconds of a whole grid in each round, and the largest difference between contenders."""
    loops: dict[str, Callable[[torch.Tensor, torch.Tensor], float]] = {
        "loop of debiased_linear_cka": debiased_linear_cka,
        "loop, as usually written": plain_cka,
    }
    times: dict[str, list[Seconds]] = {name: [] for name in ("grid", "grid within", *loops)}
    worst = 0.0
    for number in range(rounds):
        found, seconds = timed(lambda: grid(debiased_linear_cka, source, target))
        times["grid"].append(seconds)
        times["grid within"].append(timed(lambda: grid(debiased_linear_cka, source))[1])
        rng = random.Random(number)
        some = [(rng.randrange(LAYERS), rng.randrange(LAYERS)) for _ in range(cells)]
        for name, cka in loops.items():
            values, seconds = timed(lambda cka=cka, some=some: [cka(source[i], target[j]) for i, j in some])
            times[name].append(seconds * (LAYERS**2 / cells))
            worst = max(worst, *(abs(found[i, j] - v) for (i, j), v in zip(some, values, strict=True)))
    return times, float(worst)


def timed(work: Callable[[], Any]) -> tuple[Any, Seconds]:
    """What it gave, and the seconds it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def report(times: dict[str, list[Seconds]], worst: float, cells: int, threads: int, console: Console) -> None:
    """Print the table of the grids and the verdict."""
    table = Table(
        title=f"Debiased CKA, {LAYERS} × {LAYERS} layers, n = {SENTENCES}, d = {WIDTH}, {threads} threads"
    )
    for column in ("", "median s", "CPU s", "it : grid", "CPU", ""):
        table.add_column(column, justify="right" if column else "left")
    for name, values in times.items():
        ratios = [
            statistics.median(v[kind] / g[kind] for v, g in zip(values, times["grid"], strict=True))
            for kind in (0, 1)
        ]
        costs = [statistics.median(value[kind] for value in values) for kind in (0, 1)]
        note = f"extrapolated from {cells} cells a round" if name.startswith("loop") else ""
        table.add_row(name, *(f"{cost:.1f}" for cost in costs), *(f"{ratio:.2f}" for ratio in ratios), note)
    console.print(table)
    seconds = statistics.median(value.wall for value in times["grid"])
    console.print(f"{'holds ' if seconds <= PROMISED else 'MISSED'}  at most {PROMISED:.0f} s: {seconds:.1f}")
    console.print(f"{'holds ' if worst < 1e-9 else 'MISSED'}  contenders agree to 1e-9: {worst:.1e}")


def report_metrics(console: Console) -> None:
    """Print what each registered metric costs at two sizes, and a permutation null with and without Grams."""
    sizes = ((500, 128), (500, 4096))
    table = Table(title="One layer, CPU milliseconds (median of 5)")
    table.add_column("metric")
    for n, d in sizes:
        table.add_column(f"n = {n}, d = {d}", justify="right")
    pairs = [(torch.randn(n, d), torch.randn(n, d)) for n, d in sizes]
    for name, metric in METRICS.items():
        costs = [
            statistics.median(timed(lambda X=X, Y=Y, m=metric: m(X, Y))[1].cpu for _ in range(5))
            for X, Y in pairs
        ]
        table.add_row(name, *(f"{1000 * cost:.1f}" for cost in costs))
    console.print(table)
    X, Y = pairs[1]
    fast = timed(lambda: permutation_null(debiased_linear_cka, X, Y, draws=100))[1].cpu
    rows = timed(lambda: permutation_null(lambda X, Y: debiased_linear_cka(X, Y), X, Y, draws=10))[1].cpu
    slow = rows * 101 / 11
    console.print(
        f"100 permutations of debiased CKA, n = {len(X)}, d = {X.shape[1]}: {fast:.2f} CPU s with the Gram "
        f"matrices permuted, {slow:.1f} s ({slow / fast:.0f} ×; extrapolated from 10) with the rows"
    )


def report_study(console: Console) -> None:
    """Print what the fits and the measures of a study cost, and whether the promise holds."""
    layers, sentences, width = STUDY
    generator = torch.Generator().manual_seed(0)
    shared = torch.randn(sentences, 100, generator=generator)
    source, target = (
        torch.randn(layers, sentences, width, generator=generator).add_(
            shared @ torch.randn(layers, 100, width, generator=generator)
        )
        for _ in range(2)
    )
    held_out = sentences // 5
    states = Activations.from_arrays({"sw": source, "en": target})
    aligners = (
        Ridge(),
        LeastSquares(),
        MeanShift(),
        Identity(),
        ShuffledPairs(Ridge()),
        RandomEqualNorm(Ridge()),
    )
    works: dict[str, Callable[[], Any]] = {
        f"fit {type(aligner).__name__}": lambda aligner=aligner: fit_layers(
            aligner, source, target, range(held_out, sentences)
        ).held_out(source, target, range(held_out))
        for aligner in aligners
    }
    works["measure, intervals of 20 blocks"] = lambda: states.measure(
        "sw", "en", rows=range(held_out), blocks=20
    )
    costs = {name: timed(work)[1] for name, work in works.items()}
    costs["fit + measure"] = Seconds(*map(sum, zip(*costs.values(), strict=True)))
    table = Table(title=f"Fit + measure, {layers} layers × {width}, {sentences:,} sentences")
    for column in ("", "s", "CPU s"):
        table.add_column(column, justify="right" if column else "left")
    for name, cost in costs.items():
        table.add_row(name, *(f"{value:.1f}" for value in cost))
    console.print(table)
    seconds = costs["fit + measure"].wall
    verdict = "holds " if seconds <= PROMISED_STUDY else "MISSED"
    console.print(f"{verdict}  at most {PROMISED_STUDY:.0f} s: {seconds:.1f}")


def peer_ways(pairs: int, width: int, layers: int) -> dict[str, Ways]:
    """P@1 of each layer; CKA of all pairs of layers, each Gram matrix centred once."""
    generator = torch.Generator().manual_seed(0)
    shared = torch.randn(pairs, width, generator=generator)
    X, Y = (torch.randn(layers, pairs, width, generator=generator) + 0.2 * shared for _ in range(2))

    def cosines() -> Callable[[], Any]:
        from sklearn.metrics.pairwise import cosine_similarity

        rows = np.arange(pairs)
        sides = (X.numpy(), Y.numpy())
        return lambda: [
            float((cosine_similarity(x, y).argmax(1) == rows).mean()) for x, y in zip(*sides, strict=True)
        ]

    def kernels() -> Callable[[], Any]:
        from sklearn.metrics.pairwise import linear_kernel
        from sklearn.preprocessing import KernelCenterer

        def gram(x: Any) -> Any:
            K = KernelCenterer().fit_transform(linear_kernel(x))
            return (K / np.linalg.norm(K)).ravel()

        def run() -> list[float]:
            left, right = (np.stack([gram(x) for x in side.double().numpy()]) for side in (X, Y))
            return (left @ right.T).ravel().tolist()

        return run

    ours: dict[str, Callable[[], Any]] = {
        "P@1": lambda: [retrieval(x, y) for x, y in zip(X, Y, strict=True)],
        "CKA of all pairs": lambda: torch.as_tensor(grid(linear_cka, X, Y)).flatten().tolist(),
    }
    theirs = {"cosine_similarity": cosines, "KernelCenterer": kernels}
    return {
        work: {OURS: way} | ways_of({f"scikit-learn, {name}": make})
        for (work, way), (name, make) in zip(ours.items(), theirs.items(), strict=True)
    }


def apart(ours: list[float], theirs: list[float]) -> float:
    """Largest difference of a value."""
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()

"""The cost of a sweep by slots and by suffixes, beside one clean forward pass and one naive run.

    python benchmarks/sweep.py             5 interleaved rounds, ten minutes
    python benchmarks/sweep.py --rounds 1  a first impression
    python benchmarks/sweep.py --growth    how it grows with layers, prompts and configurations, three minutes

A 12-layer, 512-wide Llama-shaped random model reads 16 prompts of 96 tokens. Configurations patch the last
prompt token by slots, and all positions by suffixes, through the bridge and through HookedTransformer
(HT, where the installed TransformerLens has it). Contenders take turns within a round, and a ratio is the
median of its rounds' ratios, so that a slow minute of the machine hits all of them alike; beside the
seconds that pass stand those that the processors worked. Naive is run for 12 configurations; for 288 its
time is
*extrapolated*, which the table marks. Times of slots and suffixes include the clean run that comes with
them and all scores; naive's includes a clean run where it is held against suffixes. The clean forward and
naive go through the bridge's hook points and give all logits; slots, and suffixes on the bridge, go past
the hook points, through the Hugging Face modules beneath, and give the logits that choices need: part of
the gain comes from there.
"""

import argparse
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers as hf
from rich.console import Console
from rich.table import Table

from workbench.align import LeastSquares
from workbench.core.errors import ModelError
from workbench.core.types import Positions, Site
from workbench.models import LanguageModel, load_model
from workbench.models.outline import VOCABULARY, make_tiny_tokenizer
from workbench.sweeps import Configuration, Plan
from workbench.sweeps.naive import naive_scores
from workbench.sweeps.run import scores_by
from workbench.sweeps.score import Reading
from workbench.tasks import Example

ALL = "12 configurations, all positions"
LAYERS, WIDTH, PROMPTS, TOKENS, LONG_CHOICE = 12, 512, 16, 96, 8
STRENGTHS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5)
CLEAN = "clean forward"
SLOTS, SUFFIX, NAIVE, NAIVE_ALL = "slots", "suffix", "naive", "naive, all positions"
SHORT, REPEATS = [CLEAN, "slots, 12 configurations", "slots, 12 configurations, long choices"], 3
PROMISED = (
    ("12 configurations by slots : clean forward", "slots, 12 configurations", CLEAN, 1.5, False),
    ("12 configurations, naive : slots", "naive, 12 configurations", "slots, 12 configurations", 8, True),
    ("288 configurations, naive : slots", "naive, 288 configurations", "slots, 288 configurations", 25, True),
    (
        f"12 configurations, choices of {LONG_CHOICE} tokens, naive : slots",
        "naive, 12 configurations, long choices",
        "slots, 12 configurations, long choices",
        4,
        True,
    ),
    (f"{ALL}, suffix : naive", f"suffix, {ALL}", f"naive, {ALL}", 0.6, False),
    (f"{ALL}, HookedTransformer, suffix : naive", f"suffix, {ALL}, HT", f"naive, {ALL}, HT", 0.6, False),
)
AGREE = (
    ("slots, 12 configurations", "naive, 12 configurations"),
    ("slots, 12 configurations, long choices", "naive, 12 configurations, long choices"),
    (f"suffix, {ALL}", f"naive, {ALL}"),
    (f"suffix, {ALL}, HT", f"naive, {ALL}, HT"),
)
GROWTH_WIDTH, GROWTH_PROMPTS, GROWTH_ROUNDS = 256, 4, 3
GROWTH = (
    *((layers, 96, 1) for layers in (6, 12, 24, 48)),
    *((12, tokens, 1) for tokens in (32, 192)),
    *((12, 96, per_layer) for per_layer in (2, 8)),
)
"""Layers, tokens of a prompt, configurations at each layer."""


def main() -> None:
    """Measure, print the table, and say which of the promised ratios hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    hf.utils.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    if options.growth:
        grow(options.threads, Console())
        return
    with tempfile.TemporaryDirectory() as folder:
        path = make_model(Path(folder))
        model = load_model(path)
        try:
            hooked = load_model(path, backend="hooked")
        except ModelError:
            hooked = None
    times, worst = measure(contenders(model, hooked), options.rounds)
    report(times, worst, options.threads, Console())


def make_model(folder: Path, layers: int = LAYERS, width: int = WIDTH, ends: bool = True) -> Path:
    """The random model of the benchmark, as a directory; its texts can be made to have no end."""
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=width * 43 // 16,
        num_hidden_layers=layers,
        num_attention_heads=8,
        bos_token_id=0,
        eos_token_id=1 if ends else None,
        pad_token_id=2,
    )
    hf.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer = make_tiny_tokenizer()
    if not ends:
        tokenizer.eos_token = None
    tokenizer.save_pretrained(folder)
    return folder


def readings(choice: int, prompts: int = PROMPTS, tokens: int = TOKENS) -> list[Reading]:
    """Prompts of random tokens, with two choices of `choice` tokens each."""
    rng = random.Random(0)
    some = lambda n: tuple(rng.choices(range(3, VOCABULARY), k=n))  # noqa: E731
    return [
        Reading(
            Example(f"{i}", "a", ("b", "c"), i % 2, "sw", "dev"), some(tokens), (some(choice), some(choice))
        )
        for i in range(prompts)
    ]


def configurations(
    methods: int,
    strengths: tuple[float, ...],
    positions: Positions = "last",
    layers: int = LAYERS,
    width: int = WIDTH,
) -> list[Configuration]:
    """Methods × layers × strengths."""
    found = []
    for method in range(methods):
        generator = torch.Generator().manual_seed(method)
        X, Y = (torch.randn(4 * width, width, generator=generator) for _ in range(2))
        fitted = LeastSquares().fit(X, X + 0.3 * Y)
        found += [
            Configuration(f"m{method}", Site(layer), fitted, "add_mapped", strength, positions=positions)
            for layer in range(layers)
            for strength in strengths
        ]
    return found


def contenders(model: LanguageModel, hooked: LanguageModel | None) -> dict[str, Callable[[], Any]]:
    """Each way to do the work, as a function without arguments; sweeps give the choices' scores."""
    short, long = readings(1), readings(LONG_CHOICE)
    few, many, everywhere = (
        configurations(1, (1.0,)),
        configurations(3, STRENGTHS),
        configurations(1, (0.1,), "all"),
    )
    batch = model.batch([reading.prompt for reading in short])

    def naive(
        items: list[Reading], which: Sequence[Configuration | None] = few, by: Any = model
    ) -> list[list[torch.Tensor]]:
        return [naive_scores(by, items, configuration, 128).choices for configuration in which]

    def slots(items: list[Reading], which: list[Configuration]) -> list[list[torch.Tensor]]:
        return [scores.choices for scores in scores_by("slots", Plan(model, items, which))[1:]]

    def suffix(by: LanguageModel) -> list[list[torch.Tensor]]:
        return [scores.choices for scores in scores_by("suffix", Plan(by, short, everywhere))[1:]]

    work = {
        CLEAN: lambda: model.run(batch),
        "slots, 12 configurations": lambda: slots(short, few),
        "naive, 12 configurations": lambda: naive(short),
        "slots, 288 configurations": lambda: slots(short, many),
        "slots, 12 configurations, long choices": lambda: slots(long, few),
        "naive, 12 configurations, long choices": lambda: naive(long),
        f"suffix, {ALL}": lambda: suffix(model),
        f"naive, {ALL}": lambda: naive(short, [None, *everywhere])[1:],
    }
    if hooked is not None:
        work[f"suffix, {ALL}, HT"] = lambda: suffix(hooked)
        work[f"naive, {ALL}, HT"] = lambda: naive(short, [None, *everywhere], hooked)[1:]
    return work


class Seconds(NamedTuple):
    """As they pass, and as all processors together worked."""

    wall: float
    cpu: float


@torch.no_grad()
def measure(work: dict[str, Callable[[], Any]], rounds: int) -> tuple[dict[str, list[Seconds]], float]:
    """Seconds of each in each round, and the largest difference between a fast way and naive."""
    times: dict[str, list[Seconds]] = {name: [] for name in work}
    worst = 0.0
    for name in SHORT:  # warm up
        work[name]()
    for _ in range(rounds):
        found: dict[str, Any] = {}
        runs: dict[str, list[Seconds]] = {name: [] for name in work}
        # The short ones are run several times, in turns: one alone would hang on a moment's luck.
        for name in [*SHORT * REPEATS, *(name for name in work if name not in SHORT)]:
            wall, cpu = time.perf_counter(), time.process_time()
            found[name] = work[name]()
            runs[name].append(Seconds(time.perf_counter() - wall, time.process_time() - cpu))
        for name, values in runs.items():
            times[name].append(Seconds(*(statistics.median(kind) for kind in zip(*values, strict=True))))
        for fast, naive in AGREE:
            if fast in found:
                a, b = found[fast], found[naive]
                pairs = ((x, y) for xs, ys in zip(a, b, strict=True) for x, y in zip(xs, ys, strict=True))
                worst = max(worst, *(float((x - y).abs().max()) for x, y in pairs))
    times["naive, 288 configurations"] = [
        Seconds(288 / 12 * s.wall, 288 / 12 * s.cpu) for s in times["naive, 12 configurations"]
    ]
    return times, worst


def report(times: dict[str, list[Seconds]], worst: float, threads: int, console: Console) -> None:
    """Print the table of times and the verdicts."""
    title = f"{LAYERS} layers × {WIDTH}, {PROMPTS} prompts of {TOKENS} tokens, {threads} threads"
    table = Table(title=title)
    for column in ("", "median s", "CPU s", "it : clean", "CPU", ""):
        table.add_column(column, justify="right" if column else "left")
    for name, values in times.items():
        note = "extrapolated from 12" if name == "naive, 288 configurations" else ""
        costs = [statistics.median(value[kind] for value in values) for kind in (0, 1)]
        ratios = [median_ratio(times, name, CLEAN, kind) for kind in (0, 1)]
        table.add_row(name, *(f"{cost:.2f}" for cost in costs), *(f"{ratio:.2f}" for ratio in ratios), note)
    console.print(table)
    for what, above, below, bound, at_least in PROMISED:
        if above not in times:
            console.print(f"  —     {what}: this TransformerLens has no HookedTransformer")
            continue
        ratio, cpu = (median_ratio(times, above, below, kind) for kind in (0, 1))
        holds = ratio >= bound if at_least else ratio <= bound
        word = "at least" if at_least else "at most"
        verdict = "holds " if holds else "MISSED"
        console.print(f"{verdict}  {what}, {word} {bound:g}: {ratio:.2f} (CPU {cpu:.2f})")
    console.print(f"{'holds ' if worst < 1e-4 else 'MISSED'}  fast ways and naive agree to 1e-4: {worst:.1e}")


@torch.no_grad()
def grow(threads: int, console: Console) -> None:
    """Print how the cost of each way grows, beside one clean forward of the same size."""
    title = f"processor seconds, width {GROWTH_WIDTH}, {GROWTH_PROMPTS} prompts, {threads} threads"
    title += "; naive extrapolated from 3 configurations"
    table = Table(title=title)
    for column in ("layers", "tokens", "configurations", "clean s", "slots : clean", "naive : slots"):
        table.add_column(column, justify="right")
    table.add_column("suffix : clean", justify="right")
    table.add_column("suffix : naive", justify="right")
    models: dict[int, LanguageModel] = {}
    for layers, tokens, per_layer in GROWTH:
        if layers not in models:
            with tempfile.TemporaryDirectory() as folder:
                models[layers] = load_model(make_model(Path(folder), layers, GROWTH_WIDTH))
        rounds = costs(models[layers], layers, tokens, per_layer)
        pairs = ((SLOTS, CLEAN), (NAIVE, SLOTS), (SUFFIX, CLEAN), (SUFFIX, NAIVE_ALL))
        ratios = [statistics.median(one[a] / one[b] for one in rounds) for a, b in pairs]
        clean = statistics.median(one[CLEAN] for one in rounds)
        sizes = (layers, tokens, layers * per_layer)
        table.add_row(*map(str, sizes), f"{clean:.2f}", *(f"{ratio:.2f}" for ratio in ratios))
    console.print(table)


def costs(model: LanguageModel, layers: int, tokens: int, per_layer: int) -> list[dict[str, float]]:
    """Processor seconds of each way in each round; naive extrapolated from three configurations."""
    items = readings(1, GROWTH_PROMPTS, tokens)
    strengths = tuple((i + 1) / per_layer for i in range(per_layer))
    last = configurations(1, strengths, "last", layers, GROWTH_WIDTH)
    everywhere = configurations(1, tuple(0.1 * s for s in strengths), "all", layers, GROWTH_WIDTH)
    batch = model.batch([reading.prompt for reading in items])

    def three(which: list[Configuration]) -> None:
        for configuration in (which[0], which[len(which) // 2], which[-1]):
            naive_scores(model, items, configuration, 128)

    work: dict[str, Callable[[], Any]] = {
        CLEAN: lambda: model.run(batch),
        SLOTS: lambda: scores_by("slots", Plan(model, items, last)),
        NAIVE: lambda: three(last),
        SUFFIX: lambda: scores_by("suffix", Plan(model, items, everywhere)),
        NAIVE_ALL: lambda: three(everywhere),
    }
    work[CLEAN]()
    rounds = []
    for _ in range(GROWTH_ROUNDS):
        found = {}
        for name, run in work.items():
            start = time.process_time()
            run()
            found[name] = time.process_time() - start
        for name in (NAIVE, NAIVE_ALL):
            found[name] *= len(last) / 3
        rounds.append(found)
    return rounds


def median_ratio(times: dict[str, list[Seconds]], above: str, below: str, kind: int) -> float:
    """The median over rounds of one contender's time for another's."""
    return statistics.median(a[kind] / b[kind] for a, b in zip(times[above], times[below], strict=True))


if __name__ == "__main__":
    main()

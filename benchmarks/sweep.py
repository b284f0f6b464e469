"""What a sweep by slots costs beside one clean forward pass, and beside one run for each branch.

    python benchmarks/sweep.py             5 interleaved rounds, five minutes
    python benchmarks/sweep.py --rounds 1  a first impression

A 12-layer, 512-wide Llama-shaped random model reads 16 prompts of 96 tokens. Branches patch the last
prompt token. Contenders take turns within a round, and a ratio is the median of its rounds' ratios, so
that a slow minute of the machine hits all of them alike; beside the seconds that pass stand those that
the processors worked. Naive is run for 12 branches; for 288 its time is *extrapolated*, which the table
marks. Slots' times include the clean run that comes with them and all scores. The clean forward and naive
go through the bridge's hook points and give all logits; slots go past the hook points, through the Hugging
Face modules beneath, and give the logits that choices need: part of the gain comes from there.
"""

import argparse
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers as hf
from rich.console import Console
from rich.table import Table

from workbench.align import LeastSquares
from workbench.models import LanguageModel, load_model
from workbench.models.tiny import VOCABULARY, make_tiny_tokenizer
from workbench.sweep import Branch
from workbench.sweep.naive import naive_scores
from workbench.sweep.score import Reading
from workbench.sweep.slots import slot_scores
from workbench.tasks import Example
from workbench.types import Site

LAYERS, WIDTH, PROMPTS, TOKENS, LONG_CHOICE = 12, 512, 16, 96, 8
STRENGTHS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5)
CLEAN = "clean forward"
SHORT, REPEATS = [CLEAN, "slots, 12 branches", "slots, 12 branches, long choices"], 3
PROMISED = (
    ("12 branches by slots : clean forward", "slots, 12 branches", CLEAN, 1.5, False),
    ("12 branches, naive : slots", "naive, 12 branches", "slots, 12 branches", 8, True),
    ("288 branches, naive : slots", "naive, 288 branches", "slots, 288 branches", 25, True),
    (
        f"12 branches, choices of {LONG_CHOICE} tokens, naive : slots",
        "naive, 12 branches, long choices",
        "slots, 12 branches, long choices",
        4,
        True,
    ),
)


def main() -> None:
    """Measure, print the table, and say which of the promised ratios hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    hf.utils.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        model = load_model(make_model(Path(folder)))
    times, worst = measure(contenders(model), options.rounds)
    report(times, worst, options.threads, Console())


def make_model(folder: Path) -> Path:
    """The random model of the benchmark, as a directory."""
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=1376,
        num_hidden_layers=LAYERS,
        num_attention_heads=8,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    hf.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    make_tiny_tokenizer().save_pretrained(folder)
    return folder


def readings(choice: int) -> list[Reading]:
    """Prompts of random tokens, with two choices of `choice` tokens each."""
    rng = random.Random(0)
    some = lambda n: tuple(rng.choices(range(3, VOCABULARY), k=n))  # noqa: E731
    return [
        Reading(
            Example(f"{i}", "a", ("b", "c"), i % 2, "sw", "dev"), some(TOKENS), (some(choice), some(choice))
        )
        for i in range(PROMPTS)
    ]


def branches(methods: int, strengths: tuple[float, ...]) -> list[Branch]:
    """Layers × methods × strengths."""
    found = []
    for method in range(methods):
        generator = torch.Generator().manual_seed(method)
        X, Y = (torch.randn(4 * WIDTH, WIDTH, generator=generator) for _ in range(2))
        fitted = LeastSquares().fit(X, X + 0.3 * Y)
        found += [
            Branch(f"m{method}", Site(layer), fitted, "add_mapped", strength)
            for layer in range(LAYERS)
            for strength in strengths
        ]
    return found


def contenders(model: LanguageModel) -> dict[str, Callable[[], Any]]:
    """Each way to do the work, as a function without arguments; sweeps give the choices' scores."""
    short, long = readings(1), readings(LONG_CHOICE)
    few, many = branches(1, (1.0,)), branches(3, STRENGTHS)
    batch = model.batch([reading.prompt for reading in short])

    def naive(items: list[Reading]) -> list[list[torch.Tensor]]:
        return [naive_scores(model, items, branch, 128).choices for branch in few]

    def slots(items: list[Reading], which: list[Branch]) -> list[list[torch.Tensor]]:
        return [scores.choices for scores in slot_scores(model, items, which)[1]]

    return {
        CLEAN: lambda: model.run(batch),
        "slots, 12 branches": lambda: slots(short, few),
        "naive, 12 branches": lambda: naive(short),
        "slots, 288 branches": lambda: slots(short, many),
        "slots, 12 branches, long choices": lambda: slots(long, few),
        "naive, 12 branches, long choices": lambda: naive(long),
    }


class Seconds(NamedTuple):
    """As they pass, and as all processors together worked."""

    wall: float
    cpu: float


@torch.no_grad()
def measure(work: dict[str, Callable[[], Any]], rounds: int) -> tuple[dict[str, list[Seconds]], float]:
    """Seconds of each in each round, and the largest difference between slots and naive."""
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
        for tail in ("", ", long choices"):
            a, b = (found[f"{way}, 12 branches{tail}"] for way in ("slots", "naive"))
            pairs = ((x, y) for xs, ys in zip(a, b, strict=True) for x, y in zip(xs, ys, strict=True))
            worst = max(worst, *(float((x - y).abs().max()) for x, y in pairs))
    times["naive, 288 branches"] = [
        Seconds(288 / 12 * s.wall, 288 / 12 * s.cpu) for s in times["naive, 12 branches"]
    ]
    return times, worst


def report(times: dict[str, list[Seconds]], worst: float, threads: int, console: Console) -> None:
    """Print the table of times and the verdicts."""
    title = f"{LAYERS} layers × {WIDTH}, {PROMPTS} prompts of {TOKENS} tokens, {threads} threads"
    table = Table(title=title)
    for column in ("", "median s", "CPU s", "it : clean", "CPU", ""):
        table.add_column(column, justify="right" if column else "left")
    for name, values in times.items():
        note = "extrapolated from 12" if name == "naive, 288 branches" else ""
        costs = [statistics.median(value[kind] for value in values) for kind in (0, 1)]
        ratios = [median_ratio(times, name, CLEAN, kind) for kind in (0, 1)]
        table.add_row(name, *(f"{cost:.2f}" for cost in costs), *(f"{ratio:.2f}" for ratio in ratios), note)
    console.print(table)
    for what, above, below, bound, at_least in PROMISED:
        ratio, cpu = (median_ratio(times, above, below, kind) for kind in (0, 1))
        holds = ratio >= bound if at_least else ratio <= bound
        word = "at least" if at_least else "at most"
        verdict = "holds " if holds else "MISSED"
        console.print(f"{verdict}  {what}, {word} {bound:g}: {ratio:.2f} (CPU {cpu:.2f})")
    console.print(f"{'holds ' if worst < 1e-4 else 'MISSED'}  slots and naive agree to 1e-4: {worst:.1e}")


def median_ratio(times: dict[str, list[Seconds]], above: str, below: str, kind: int) -> float:
    """The median over rounds of one contender's time for another's."""
    return statistics.median(a[kind] / b[kind] for a, b in zip(times[above], times[below], strict=True))


if __name__ == "__main__":
    main()

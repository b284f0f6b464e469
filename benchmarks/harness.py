"""What the benchmarks share: contenders in turns, and the best loop over choices in plain transformers.

The loop runs each prompt once with a cache, the tokens of its choices behind it, all choices at once, and
computes logits only where one is read. A patch at the last prompt token leaves all that stands before it as
it is: `Kept` runs that once, and each configuration only the last token and the choices.
"""

import gc
import os
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers as hf
from rich.console import Console
from rich.table import Table
from torch import Tensor

from workbench.sweeps.score import Reading

OURS, BATCH = "workbench", 16
Call = Callable[..., Tensor]
"""`call(layer, change, **inputs)`: the last states of a model in which one library has patched a layer."""

# Contenders and their times ----------------------------------------------------------------------


def with_threads(count: int) -> None:
    """Start the script anew with so many threads: those of numpy are decided before it is loaded.

    Bars of tqdm, which would be part of a contender's time, are switched off in the same way.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    if os.environ.get("OPENBLAS_NUM_THREADS") != str(count):
        settings = dict.fromkeys(names, str(count)) | {"TQDM_DISABLE": "1"}
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | settings)
    torch.set_num_threads(count)


def in_turns(
    ways: Mapping[str, Callable[[], Any]], rounds: int, say: Callable[[str], None] = lambda line: None
) -> dict[str, list[float]]:
    """Seconds of every way in every round, each round in another order."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in random.Random(number).sample(list(ways), len(ways)):
            gc.collect()
            synchronise()
            start = time.perf_counter()
            ways[name]()
            synchronise()
            times[name].append(time.perf_counter() - start)
            say(f"round {number + 1}, {name}: {times[name][-1]:.2f} s")
    return times


def synchronise() -> None:
    """Wait for an accelerator, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def quiet() -> None:
    """No warnings, and no bars of transformers."""
    warnings.filterwarnings("ignore")
    hf.utils.logging.disable_progress_bar()


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median over rounds of one way's time for another's."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def peak() -> float:
    """Highest resident memory so far, in MB."""
    status = Path("/proc/self/status").read_text()
    return float(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


TOLERANCE = {"capture": 1e-3, "sweep": 5e-3, "ridge": 0.02, "compare": 1e-6}
"""Greatest difference: relative; of log-likelihoods; of held-out R²; of values."""

Ways = dict[str, Callable[[], Any] | str]
"""What each contender does; or why it does not."""


@dataclass(frozen=True)
class Row:
    """One contender at one piece of work."""

    work: str
    size: str
    name: str
    seconds: float | None = None
    ratio: float | None = None
    """How many times as long as the workbench it took."""
    difference: float | None = None
    note: str = ""


def versions() -> dict[str, str]:
    """What is installed of all contenders."""
    found = {}
    names = "torch transformers transformer-lens nnsight pyvene steering-vectors repeng scikit-learn himalaya"
    for name in [*names.split(), "numpy"]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def peer(name: str) -> Any:
    """A library; an ImportError where it is not there."""
    if name.startswith("repeng") and not hasattr(np, "float_"):
        np.float_ = np.float64  # type: ignore[attr-defined]  # repeng 0.4 was made for NumPy 1
    return import_module(name)


def ways_of(makers: dict[str, Callable[[], Callable[[], Any]]], only: Collection[str] = ()) -> Ways:
    """Each contender (or only some) made ready; a line of text for those that are not installed."""
    ways: Ways = {}
    for name, make in makers.items():
        if only and name not in only:
            continue
        try:
            ways[name] = make()
        except ImportError as error:
            ways[name] = f"{(error.name or name).replace('_', '-')} is not installed"
    return ways


def measure(
    work: str,
    size: str,
    ways: Ways,
    rounds: int,
    differ: Callable[[Any, Any], float],
    say: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Rows of one piece of work: each way is tried and compared with ours first, then all take turns."""
    ours = ways[OURS]()  # type: ignore[operator]
    differences: dict[str, float] = {OURS: 0.0}
    notes = {name: way for name, way in ways.items() if isinstance(way, str)}
    ready: dict[str, Callable[[], Any]] = {OURS: ways[OURS]}  # type: ignore[dict-item]
    for name, way in ways.items():
        if isinstance(way, str) or name == OURS:
            continue
        try:
            differences[name] = differ(ours, way())
        except Exception as error:  # a peer may fail in any way; the others are measured all the same
            notes[name] = f"fails: {type(error).__name__}"
            say(f"{work}, {name} fails: {error!r}")
            continue
        if differences[name] <= TOLERANCE[work]:
            ready[name] = way
        else:
            notes[name] = "disagrees"
    times = in_turns(ready, rounds, lambda line: say(f"{work}, {line}"))
    return [
        Row(
            *(work, size, name),
            statistics.median(times[name]) if name in times else None,
            median_ratio(times[name], times[OURS]) if name in times else None,
            differences.get(name),
            notes.get(name, ""),
        )
        for name in ways
    ]


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the rows as a table."""
    table = Table()
    for column in ("work", "with", "median s", "it : ours", "difference", ""):
        table.add_column(column, justify="left" if column in ("work", "with", "") else "right")
    for row in rows:
        numbers = (
            "" if value is None else format(value, kind)
            for value, kind in ((row.seconds, ".3f"), (row.ratio, ".2f"), (row.difference, ".0e"))
        )
        table.add_row(f"{row.work}: {row.size}", row.name, *numbers, row.note)
    console.print(table)


# The best loop in plain transformers --------------------------------------------------------------


class Prompts(NamedTuple):
    """A batch of items, their prompts padded on the left."""

    items: Sequence[Reading]
    ids: Tensor
    mask: Tensor
    positions: Tensor

    @property
    def inputs(self) -> dict[str, Tensor]:
        """As a Hugging Face model takes them."""
        return {"input_ids": self.ids, "attention_mask": self.mask, "position_ids": self.positions}


def padded(rows: Sequence[Sequence[int]], device: Any = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Token ids padded on the left, their mask and their positions."""
    width = max(map(len, rows))
    ids, mask = torch.zeros(2, len(rows), width, dtype=torch.long)
    for row, tokens in enumerate(rows):
        ids[row, width - len(tokens) :] = torch.tensor(tokens)
        mask[row, width - len(tokens) :] = 1
    ids, mask = ids.to(device), mask.to(device)
    return ids, mask, (mask.cumsum(1) - 1).clamp(min=0)


def batches(readings: Sequence[Reading], device: Any = "cpu") -> Iterator[tuple[list[int], Prompts]]:
    """Items of similar length together, with their numbers."""
    order = sorted(range(len(readings)), key=lambda i: len(readings[i].prompt))
    for start in range(0, len(order), BATCH):
        those = order[start : start + BATCH]
        items = [readings[i] for i in those]
        yield those, Prompts(items, *padded([item.prompt for item in items], device))


def choice_scores(prompts: Prompts, h: Tensor, cache: Any, body: Any, head: Any) -> list[Tensor]:
    """Log-likelihood of each choice, given the last state of each prompt; the cache is used up.

    First tokens are read from the prompt; the others run behind it, where a choice has any.
    """
    items, first = prompts.items, head(h).float().log_softmax(-1).cpu()
    scores = [[first[row, choice[0]] for choice in item.choices] for row, item in enumerate(items)]
    tails = [
        (row, c) for row, item in enumerate(items) for c, choice in enumerate(item.choices) if len(choice) > 1
    ]
    if tails:
        device, owner = prompts.ids.device, torch.tensor([row for row, _ in tails])
        cache.batch_select_indices(owner.to(device))
        wanted = [items[row].choices[c][1:] for row, c in tails]
        read = [items[row].choices[c][:-1] for row, c in tails]
        longest = max(map(len, read))
        ids, mask = torch.zeros(2, len(tails), longest, dtype=torch.long)
        for place, tokens in enumerate(read):
            ids[place, : len(tokens)] = torch.tensor(tokens)
            mask[place, : len(tokens)] = 1
        behind = body(
            input_ids=ids.to(device),
            attention_mask=torch.cat([prompts.mask.cpu()[owner], mask], 1).to(device),
            position_ids=(prompts.positions.cpu()[owner, -1:] + 1 + torch.arange(longest)).to(device),
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        log_p = head(behind[mask.bool().to(device)]).float().log_softmax(-1).cpu()
        each = log_p.gather(1, torch.tensor([token for tokens in wanted for token in tokens])[:, None])[:, 0]
        for (row, c), values in zip(tails, each.split([len(tokens) for tokens in wanted]), strict=True):
            scores[row][c] = scores[row][c] + values.sum()
    return [torch.stack(of_item) for of_item in scores]


class Kept:
    """Prompts whose keys and values, all but those of the last token, serve every configuration.

    `body` and `head` are the modules of a Hugging Face model.
    """

    def __init__(self, body: Any, head: Any, readings: Sequence[Reading], device: Any = "cpu"):
        self.body, self.head, self.count = body, head, len(readings)
        self.batches: list[tuple[list[int], Prompts, Any]] = []
        for those, prompts in batches(readings, device):
            cache = hf.DynamicCache()
            before = {name: value[:, :-1] for name, value in prompts.inputs.items()}
            body(**before, past_key_values=cache, use_cache=True)
            self.batches.append((those, prompts, cache))

    def scores(self, call: Call, layer: int, change: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """The scores of the choices of every item under one configuration."""
        found: list[Tensor] = [torch.empty(0)] * self.count
        for those, prompts, kept in self.batches:
            cache = hf.DynamicCache(ddp_cache_data=[(part.keys, part.values) for part in kept.layers])
            h = call(
                layer,
                change,
                input_ids=prompts.ids[:, -1:],
                attention_mask=prompts.mask,
                position_ids=prompts.positions[:, -1:],
                past_key_values=cache,
                use_cache=True,
            )[:, -1]
            scores = choice_scores(prompts, h, cache, self.body, self.head)
            for i, values in zip(those, scores, strict=True):
                found[i] = values
        return found


@contextmanager
def hooked(block: Any, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """A block of a Hugging Face model whose output at the last position is changed."""

    def patch(module: Any, args: Any, output: Any) -> None:
        h = output[0] if isinstance(output, tuple) else output
        h[:, -1] = change(h[:, -1])

    handle = block.register_forward_hook(patch)
    try:
        yield
    finally:
        handle.remove()

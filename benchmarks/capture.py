"""What capturing every layer costs beside the forward passes themselves, measured in one run.

    python benchmarks/capture.py             15 interleaved rounds, about a quarter of an hour
    python benchmarks/capture.py --rounds 3  a first impression

A 12-layer, 512-wide Llama-shaped random model reads 512 sentences of 5 to 120 tokens; the last
token's state is kept at every layer. Contenders take turns within a round, and a ratio is the median
of its rounds' ratios, so that a slow minute of the machine hits all of them alike.
"""

import argparse
import gc
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from harness import peak
from material import load_causal
from rich.console import Console
from rich.table import Table
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from workbench.models import LanguageModel, load_model
from workbench.models.outline import VOCABULARY, make_tiny_tokenizer
from workbench.states import capture
from workbench.states.run import plan_batches
from workbench.text import ParallelText

SENTENCES, SHORTEST, LONGEST = 512, 5, 120
BATCH_TOKENS = 1024
MEMORY_BATCH_TOKENS = 4096  # larger batches show better what stays in memory


def main() -> None:
    """Measure, print a table, and say which of the promised ratios hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--slow-rounds", type=int, default=3, help="rounds of the slow contenders")
    parser.add_argument("--only-memory", action="store_true", help="leave the timing out")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    hf.utils.logging.disable_progress_bar()
    torch.set_num_threads(2)
    if options.memory_of:
        print(json.dumps(measure_memory(options.memory_of, Path(options.model))))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = make_model(Path(folder))
        times = {} if options.only_memory else measure_times(path, options.rounds, options.slow_rounds)
        peaks = {name: memory_in_child(name, path) for name in MEMORY_CONTENDERS}
    report(times, peaks, Console())


def make_model(folder: Path) -> Path:
    """The random model of the benchmark, as a directory."""
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=512,
        intermediate_size=1376,
        num_hidden_layers=12,
        num_attention_heads=8,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    hf.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    make_tiny_tokenizer().save_pretrained(folder)
    return folder


def make_text(model: LanguageModel) -> ParallelText:
    """Sentences of mixed length: letters, each of them one token."""
    rng = random.Random(0)
    lengths = [rng.randint(SHORTEST, LONGEST) for _ in range(SENTENCES)]
    sentences = ["".join(rng.choices("QXZJKVBW", k=n - 1)) for n in lengths]
    assert [len(ids) for ids in model.tokens.encode(sentences)] == lengths
    return ParallelText({"x-one": tuple(sentences)})


def contenders(path: Path, batch_tokens: int) -> dict[str, Callable[[], Any]]:
    """Each way to go through the text, as a function without arguments."""
    ours, plain = load_model(path), load_causal(path)
    text = make_text(ours)
    tokens = ours.tokens.encode(text["x-one"])
    batches = [
        ours.batch([tokens[row] for row in rows])
        for rows in plan_batches([len(ids) for ids in tokens], batch_tokens)
    ]
    inputs = [
        {
            "input_ids": batch.ids,
            "attention_mask": batch.mask.long(),
            "position_ids": batch.positions,
            "use_cache": False,
        }
        for batch in batches
    ]
    bridge = ours.bridge  # type: ignore[attr-defined]

    def body(model: Any) -> None:
        for one in inputs:
            model(**one)

    def one_at_a_time() -> list[torch.Tensor]:
        kept = []
        for ids in tokens:
            states = plain.base_model(torch.tensor([ids]), output_hidden_states=True)
            kept.append(torch.stack([h[0, -1] for h in states.hidden_states[1:]]))
        return kept

    def cache_all(model: Any, last: bool = True) -> list[torch.Tensor]:
        kept = []
        for batch in batches:
            _, cache = model.run_with_cache(batch.ids, attention_mask=batch.mask.long())
            rows = torch.arange(len(batch))
            kept.append(torch.stack([cache["resid_post", layer][rows, batch.last] for layer in range(12)]))
        return kept

    ways: dict[str, Callable[[], Any]] = {
        "capture": lambda: capture(ours, text, store=None, batch_tokens=batch_tokens),
        "bridge body": lambda: body(bridge.original_model.base_model),
        "Hugging Face body": lambda: body(plain.base_model),
        "one sentence at a time": one_at_a_time,
        "bridge run_with_cache": lambda: cache_all(bridge),
    }
    try:
        hooked = load_model(path, backend="hooked")
    except Exception:  # TransformerLens 4 has none
        return ways
    return ways | {
        "HookedTransformer run_with_cache": lambda: cache_all(hooked.hooked_transformer)  # type: ignore[attr-defined]
    }


PROMISED = {"bridge body": 0.97, "Hugging Face body": 0.90, "one sentence at a time": 1.6}
FAST = ("capture", "bridge body", "Hugging Face body")
MEMORY_CONTENDERS = (
    "bridge body",
    "Hugging Face body",
    "capture",
    "bridge run_with_cache",
    "HookedTransformer run_with_cache",
)


def measure_times(path: Path, rounds: int, slow_rounds: int) -> dict[str, list[float]]:
    """Seconds of every contender in every round; NaN where a slow one sat a round out."""
    ways = contenders(path, BATCH_TOKENS)
    times: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode():
        for way in ways.values():
            way()  # warm up
        for number in range(rounds):
            order = list(ways)
            random.Random(number).shuffle(order)
            for name in order:
                if name in FAST or number < slow_rounds:
                    gc.collect()
                    start = time.perf_counter()
                    ways[name]()
                    times[name].append(time.perf_counter() - start)
                else:
                    times[name].append(float("nan"))
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return times


def memory_in_child(name: str, path: Path) -> dict[str, float]:
    """Peak memory of one contender, in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", name, "--model", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}


def measure_memory(name: str, path: Path) -> dict[str, float]:
    """Peak memory over what the loaded model needs at rest, in MB: of tensors, and of the process.

    The process's own figure wanders by tens of MB with the allocator; that of live tensors is exact.
    """
    ways = contenders(path, MEMORY_BATCH_TOKENS)
    if name not in ways:
        raise SystemExit(1)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of loading
    before = resident()
    with torch.inference_mode():
        ways[name]()
        process = peak() - before
        with LiveTensors() as live:
            ways[name]()
    return {"process_mb": process, "tensors_mb": live.peak / 1e6}


class LiveTensors(TorchDispatchMode):
    """Follows the bytes of all tensors made since it was entered, as long as they live."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        known = {arg.untyped_storage().data_ptr() for arg in args if isinstance(arg, torch.Tensor)}
        for value in tree_leaves(out):
            if isinstance(value, torch.Tensor):
                storage = value.untyped_storage()
                if storage.data_ptr() not in known:  # views and in-place results are not new
                    self.alive[storage.data_ptr()] = (StorageWeakRef(storage), storage.nbytes())
        self.alive = {key: ref for key, ref in self.alive.items() if not ref[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.alive.values()))
        return out


def resident() -> float:
    """Resident memory now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def ratio(times: dict[str, list[float]], name: str) -> float:
    """How many times as long as capture a contender took: the median over rounds."""
    pairs = [(t, c) for t, c in zip(times[name], times["capture"], strict=True) if t == t]
    return statistics.median(t / c for t, c in pairs)


def report(times: dict[str, list[float]], peaks: dict[str, dict[str, float]], console: Console) -> None:
    """Print the table and the verdicts."""
    table = Table(title="Last-token states of all 12 layers, 512 sentences of 5–120 tokens")
    for column in ("", "median s", "it : capture", "peak MB, tensors", "process"):
        table.add_column(column, justify="left" if not column else "right")
    for name, values in times.items():
        seconds = statistics.median(value for value in values if value == value)
        memory = peaks.get(name, {})
        table.add_row(
            name,
            f"{seconds:.2f}",
            f"{ratio(times, name):.3f}",
            f"{memory['tensors_mb']:.0f}" if memory else "",
            f"{memory['process_mb']:.0f}" if memory else "",
        )
    if times:
        console.print(table)
    else:
        console.print(peaks)
    layer = MEMORY_BATCH_TOKENS * 512 * 4 / 1e6
    allowed = 2 * layer + 12 * SENTENCES * 512 * 4 / 1e6
    bare = min(peaks[name]["tensors_mb"] for name in ("bridge body", "Hugging Face body"))
    extra = peaks["capture"]["tensors_mb"] - bare
    checks = [(f"at most {allowed:.0f} MB of tensors over a bare forward: {extra:.1f}", extra <= allowed)]
    for name, wanted in PROMISED.items() if times else ():
        checks.append((f"at least {wanted} × {name}: {ratio(times, name):.3f}", ratio(times, name) >= wanted))
    for text, holds in checks:
        console.print(f"{'holds ' if holds else 'MISSED'}  {text}")


if __name__ == "__main__":
    main()

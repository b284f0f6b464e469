"""What a sweep costs on real models and tasks, beside the loop that a careful engineer would write.

    python benchmarks/real.py --data DIR                     all four pairs of model and task, 3 rounds
    python benchmarks/real.py --data DIR --only gemma sib200 --rounds 1

Models are folders in `WORKBENCH_MODELS` (default: ~/models); DIR holds the folders `xcopa` and `sib200` as
they are published. Every layer is patched at two strengths by a dense map, on 32 Swahili items.

The loop is plain transformers: it runs each batch of prompts with a cache and one hook, reads logits at the
last token alone, and runs the choices behind their prompt's keys and values, all at once.
A *clean pass* is its unpatched run. Loop and workbench take turns within a round; ratios are of medians, and
times of the loop for all configurations are those of three, at the lowest, middle and highest layer. Peak
memory is what the process held at most beyond what it held when the model was loaded.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from harness import batches, choice_scores
from rich.console import Console
from rich.table import Table

from workbench.align import Affine, Given
from workbench.core.types import Positions, Site
from workbench.models import LanguageModel, load_model
from workbench.sweeps import Configuration, Plan, score_choices
from workbench.sweeps.run import scores_by
from workbench.sweeps.score import Reading
from workbench.tasks import read_task

MODELS = {"smollm2": "smollm2-135m-instruct", "gemma": "gemma3-270m"}
TASKS = {"xcopa": "xcopa", "sib200": "sib200"}
LANGUAGE, ITEMS = "sw", 32
STRENGTHS = (0.5, 1.0)
WANTED = {
    ("smollm2", "xcopa"): (0.60, 0.57),
    ("gemma", "xcopa"): (0.85, 0.76),
    ("smollm2", "sib200"): (0.08, 0.51),
    ("gemma", "sib200"): (0.18, 0.55),
}
"""At most so many clean passes a configuration at the last token; the least that all positions can cost."""


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path(os.environ.get("WORKBENCH_MODELS", "~/models")))
    parser.add_argument("--only", nargs="*", default=[], help="names of models or tasks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--all-positions", action="store_true", help="time positions=all as well")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    hf.utils.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    table = Table(title=f"{options.items} items, all layers × {len(STRENGTHS)}, {options.threads} threads")
    heads = ("model, task", "clean pass", "loop", "slots", "wanted", "all: loop", "suffix", "floor", "memory")
    for head in heads:
        table.add_column(head, justify="left" if head == heads[0] else "right")
    console = Console()
    for model in MODELS:
        for task in TASKS:
            if all(name in (model, task) for name in options.only):
                table.add_row(*measure(model, task, options, console))
    console.print(table)
    console.print("Ratios are in clean passes for one configuration; memory: sweep and unpatched run, in GB.")


def measure(name: str, task: str, options: argparse.Namespace, console: Console) -> list[str]:
    """One row of the table."""
    folder = options.models.expanduser() / MODELS[name]
    model = load_model(folder)
    causal = hf.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    asked = read_task(f"{task}:{options.data / TASKS[task]}", prompts="en")  # WANTED was measured with these
    examples = asked.examples(LANGUAGE, "dev")[: options.items]
    last, whole = configurations(model, "last"), configurations(model, "all")[1::2]
    plans = {
        kind: Plan.of(model, examples, some, task=task) for kind, some in (("last", last), ("all", whole))
    }
    readings = plans["last"].items
    contenders: dict[str, Callable[[], Any]] = {
        "clean": lambda: loop(causal, readings, None),
        "loop": lambda: [loop(causal, readings, last[j]) for j in (0, len(last) // 2, -1)],
        "slots": lambda: scores_by("slots", plans["last"]),
        "unpatched": lambda: score_choices(model, readings),
    }
    if options.all_positions:
        contenders["all: loop"] = lambda: [loop(causal, readings, whole[j]) for j in (0, len(whole) // 2, -1)]
        contenders["suffix"] = lambda: scores_by("suffix", plans["all"])
    seconds: dict[str, list[float]] = {kind: [] for kind in contenders}
    memory: dict[str, float] = {}
    loop(causal, readings, None)
    for number in range(options.rounds):
        for kind, run in contenders.items():
            Path("/proc/self/clear_refs").write_text("5")
            before, start = _status("VmRSS"), time.perf_counter()
            found = run()
            seconds[kind].append(time.perf_counter() - start)
            memory[kind] = max(memory.get(kind, 0.0), _status("VmHWM") - before)
            console.print(f"{name} {task} round {number + 1}: {kind} {seconds[kind][-1]:.1f} s", style="dim")
            if kind == "slots" and number == 0:
                check(causal, readings, last, found)
    middle = {kind: statistics.median(values) for kind, values in seconds.items()}
    most, floor = WANTED[name, task]
    cells = [f"{name}, {task}", f"{middle['clean']:.2f} s", f"{middle['loop'] / 3 / middle['clean']:.2f}"]
    cells += [f"{middle['slots'] / len(last) / middle['clean']:.3f}", f"≤ {most:.2f}"]
    if options.all_positions:
        cells += [f"{middle['all: loop'] / 3 / middle['clean']:.2f}"]
        cells += [f"{middle['suffix'] / len(whole) / middle['clean']:.2f}", f"{floor:.2f}"]
    else:
        cells += ["", "", f"{floor:.2f}"]
    return [*cells, " ".join(f"{memory[kind] / 1e9:.2f}" for kind in ("slots", "unpatched"))]


def configurations(model: LanguageModel, positions: Positions) -> list[Configuration]:
    """A map near the identity at every layer, at each strength."""
    torch.manual_seed(0)
    width = model.info.d_model
    found = []
    for layer in range(model.info.n_layers):
        W = torch.eye(width) + 0.3 * torch.randn(width, width) / width**0.5
        map = Given.of(Affine((W,)))
        found += [
            Configuration("dense", Site(layer), map, "interpolate", strength, positions=positions)
            for strength in STRENGTHS
        ]
    return found


def check(
    causal: Any, readings: Sequence[Reading], some: Sequence[Configuration], found: Sequence[Any]
) -> None:
    """The loop and the sweep agree, in the clean run and at three layers."""
    pairs = [(None, found[0]), *((some[j], found[1:][j]) for j in (0, len(some) // 2, -1))]
    for configuration, scores in pairs:
        for ours, theirs in zip(scores.choices, loop(causal, readings, configuration), strict=True):
            assert float((ours - theirs).abs().max()) < 5e-3, f"{configuration}: {ours} and {theirs}"


@torch.no_grad()
def loop(causal: Any, readings: Sequence[Reading], configuration: Configuration | None) -> list[torch.Tensor]:
    """The loop over whole prompts, patched by one hook, which may reach the choices' tokens as well."""
    found: list[torch.Tensor] = [torch.empty(0)] * len(readings)
    for those, prompts in batches(readings):
        handle = None
        if configuration is not None:
            block = causal.model.layers[configuration.site.layer]
            handle = block.register_forward_hook(patch(configuration, prompts.mask))
        cache = hf.DynamicCache()
        h = causal.model(**prompts.inputs, past_key_values=cache, use_cache=True).last_hidden_state[:, -1]
        scores = choice_scores(prompts, h, cache, causal.model, causal.lm_head)
        for i, values in zip(those, scores, strict=True):
            found[i] = values
        if handle is not None:
            handle.remove()
    return found


def patch(configuration: Configuration, mask: torch.Tensor) -> Callable[[Any, Any, Any], Any]:
    """A hook that interpolates towards the mapped state: at the prompt's last token, or at every token."""
    alpha, prompts = configuration.strength, mask.shape[1]
    begun: list[bool] = []

    def hook(module: Any, args: Any, output: Any) -> Any:
        h = output[0] if isinstance(output, tuple) else output
        in_tails = bool(begun)
        begun.append(True)
        if configuration.positions == "all":
            h = (1 - alpha) * h + alpha * configuration.map.transform(h.flatten(0, 1)).view_as(h)
        elif not in_tails:
            assert h.shape[1] == prompts
            h = h.clone()
            h[:, -1] = (1 - alpha) * h[:, -1] + alpha * configuration.map.transform(h[:, -1])
        return (h, *output[1:]) if isinstance(output, tuple) else h

    return hook


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(float(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()

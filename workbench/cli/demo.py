"""Run the whole path on a tiny model that is trained here in seconds: no network, no GPU.

Capture both languages, fit a map per layer, compare the languages, patch at every layer, choose the
layer on dev items and judge it once on test items, beside controls; then write tables and a heatmap.
"""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from workbench.cli.show import console, duration, progress_bar, table

if TYPE_CHECKING:
    from workbench.figures import Heatmap
    from workbench.organism import Toy
    from workbench.stats import Interval
    from workbench.study import Outcome, StudyResult

HELP = "the whole path on a tiny model, in about a minute"
EXAMPLE = "workbench demo --out runs/demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder (default: runs/demo)")
    parser.add_argument("--backend", default="bridge", help="bridge (default) or hooked")
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads (default: 1, the fastest for a toy)"
    )


def run(options: argparse.Namespace) -> int:
    """Train or find the toy, study it, print what was found."""
    import torch

    from workbench.errors import InputError
    from workbench.figures import gain_heatmap
    from workbench.models import load_model
    from workbench.organism import make_toy
    from workbench.study import Study

    if options.threads < 1:
        raise InputError(f"--threads must be at least 1, not {options.threads}")
    torch.set_num_threads(options.threads)
    start = time.perf_counter()
    with progress_bar() as progress:
        toy = make_toy(options.out, progress=progress)
        model = load_model(toy.folder, backend=options.backend)
        study = Study(model, toy.text, toy.task, toy.source, toy.target, options.out, progress=progress)
        result = study.run()
    sweep = result.tables["sweep"]
    dev = sweep[(sweep.split == "dev") & (sweep.language == toy.source)]
    _print_setting(toy, result)
    console.print(terminal_heatmap(gain_heatmap(dev)))
    _print_similarity(result)
    _print_verdict(result)
    console.print(f"heatmap  {result.paths['heatmap']}")
    console.print(f"tables   {options.out}/*.parquet, manifest.json")
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def _print_setting(toy: "Toy", result: "StudyResult") -> None:
    made = "trained before" if toy.reused else f"trained just now in {duration(toy.seconds)}"
    console.print(
        f"A toy: {toy.n_parameters:,} parameters, {made}. It learned a two-choice skill in {toy.target}, "
        f"but of {toy.source} little more than the words.\nIt is tiny and made to have a gap: this shows "
        "that the path works, and says nothing about real languages.\n"
    )
    n = result.n
    rows = [
        (f"accuracy in {toy.source}, unpatched", _with_interval(result.baseline)),
        (f"accuracy in {toy.target} on the same items", _with_interval(result.ceiling)),
        ("gap", _with_interval(result.gap)),
    ]
    console.print(f"{result.pair}: {n['fit']} sentences fitted, {n['dev']} dev items, {n['test']} test items")
    console.print(table(("", "test [95 %]"), rows))


def terminal_heatmap(spec: "Heatmap") -> Text:
    """The heatmap as coloured cells with their numbers: purple helps, orange harms."""
    label = max(len(row) for row in spec.rows)
    out = Text(f"{spec.value_title} on dev, by layer patched (exploration)\n", style="bold")
    out.append(" " * (label + 1) + "".join(f"{column:>7}" for column in spec.columns) + "\n")
    for name, values in zip(spec.rows, spec.values, strict=True):
        out.append(f"{name:<{label}} ")
        for value in values:
            shown = "" if value is None else f"{value:+.3f}"
            out.append(f"{shown:>7}", style=_shade(value, spec.reach))
        out.append("\n")
    return out


def _shade(value: float | None, reach: float) -> str:
    """Purple for more, orange for less, as in the figure; stronger the further from zero."""
    if value is None:
        return ""
    weight = min(abs(value) / reach, 1.0)
    strong = (84, 39, 136) if value > 0 else (179, 88, 6)
    red, green, blue = (round(255 + (c - 255) * weight) for c in strong)
    ink = "white" if weight > 0.6 else "black"
    return f"{ink} on rgb({red},{green},{blue})"


def _print_similarity(result: "StudyResult") -> None:
    fit, similarity = result.tables["fit"], result.tables["similarity"]
    layers = sorted(similarity.layer.unique())
    ours = fit[fit.method == result.headline.choice.method].set_index("layer").r2
    rows = [(f"R² of {result.headline.choice.method}", *(f"{ours[layer]:.2f}" for layer in layers))]
    for name, some in similarity.groupby("method", sort=False):
        values = some.set_index("layer").value
        rows.append((f"{name}", *(f"{values[layer]:.2f}" for layer in layers)))
    console.print(table((f"on {result.n['held_out']} held-out sentences", *map(str, layers)), rows))


def _print_verdict(result: "StudyResult") -> None:
    columns = ("chosen on dev", "", "layer", "gain on test", "first minus it")
    rows = []
    for outcome in (result.headline, *result.others):
        choice = outcome.choice
        over = result.headline_over.get(choice.method)
        rows.append(
            (
                choice.method + ("*" if outcome.is_control else ""),
                choice.intervention or "",
                "none" if choice.layer is None else choice.layer,
                _with_interval(outcome.gain, "+", 2),
                "" if over is None else _with_interval(over, "+", 2),
            )
        )
    console.print(table(columns, rows, words=2))
    console.print("95 % intervals in brackets. * a control: what it gains, a map has to beat.\n")
    console.print(Text(verdict(result), style="bold"))
    console.print()


def verdict(result: "StudyResult") -> str:
    """What was found, in a sentence or three."""
    best = result.headline
    if best.choice.layer is None:
        return "On dev nothing beat leaving the model alone, so nothing was patched."
    if best.gain.low <= 0 <= best.gain.high:
        effect = "no effect that this many items could tell from none"
    else:
        effect = "it helps" if best.gain.low > 0 else "it harms"
    said = [
        f"Patch layer {best.choice.layer} with {best.choice.method} ({best.choice.intervention}): {effect}, "
        f"{_with_interval(best.gain, '+')}"
        + (f", {result.share_of_gap:.0%} of the gap." if result.share_of_gap is not None else ".")
    ]
    beaten = [name for name, over in result.headline_over.items() if over.low > 0]
    level = [name for name in result.headline_over if name not in beaten]
    if beaten:
        said.append(f"It does better than {', '.join(beaten)}.")
    if level:
        said.append(f"It is not told apart from {', '.join(level)}.")
    said += [_caution(other) for other in result.others if other.is_control and other.gain.low > 0]
    return " ".join(said)


def _caution(control: "Outcome") -> str:
    return (
        f"Mind that {control.choice.method}, a control, gains {_with_interval(control.gain, '+')} by itself."
    )


def _with_interval(interval: "Interval", sign: str = "", places: int = 3) -> str:
    low, high = (f"{value:.{places}f}" for value in (interval.low, interval.high))
    return f"{interval.estimate:{sign}.{places}f} [{low}, {high}]"

"""Run the whole path on the organism that ships: a small model of invented languages, no network, no GPU.

Capture both languages, fit a map per layer, compare the languages, patch at every layer, choose the
layer on dev items and judge it once on test items, beside controls; then write tables and a heatmap.
"""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from workbench.cli.show import caution, console, duration, progress_bar, table

if TYPE_CHECKING:
    from workbench.figures import Heatmap
    from workbench.stats import Interval
    from workbench.study import StudyResult

HELP = "the whole path on the model that ships, in about a minute"
EXAMPLE = "workbench demo --out runs/demo"


TASK = "exact"
ITEMS = {"dev": 300, "test": 1000}
"""Of the organism's items, as many as a first look needs."""
PROMPTS = 600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--source", default="x-poor-far", help="language to map into the main one (default: x-poor-far)"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder (default: runs/demo)")
    parser.add_argument("--backend", default="bridge", help="bridge (default) or hooked")
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads (default: 1, the fastest for so small a model)"
    )


def run(options: argparse.Namespace) -> int:
    """Study the organism, print what was found."""
    import torch

    from workbench.errors import InputError
    from workbench.figures import gain_heatmap
    from workbench.models import load_model
    from workbench.organism import shipped
    from workbench.study import Study

    if options.threads < 1:
        raise InputError(f"--threads must be at least 1, not {options.threads}")
    torch.set_num_threads(options.threads)
    start = time.perf_counter()
    organism = shipped()
    main, source = organism.config.main.code, organism.config.language(options.source).code
    if source == main:
        raise InputError(f"{source} is the main language: name another as --source")
    with progress_bar() as progress:
        model = load_model(organism.folder, backend=options.backend)
        text, task = organism.text().select(range(PROMPTS)), organism.task(TASK).first(**ITEMS)
        study = Study(model, text, task, source, main, options.out, progress=progress)
        result = study.run()
    sweep = result.tables["sweep"]
    dev = sweep[(sweep.split == "dev") & (sweep.language == source)]
    _print_setting(result)
    console.print(terminal_heatmap(gain_heatmap(dev)))
    _print_similarity(result)
    _print_verdict(result)
    caution(text)
    console.print(f"heatmap  {result.paths['heatmap']}")
    console.print(f"tables   {options.out}/*.parquet, manifest.json")
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def _print_setting(result: "StudyResult") -> None:
    console.print(
        f"An organism: a model of {result.model['n_layers']} layers that has read six invented languages. It "
        f"learned a skill in {result.target}, but of {result.source} little more than the words.\n"
    )
    n = result.n
    rows = [
        (f"accuracy in {result.source}, unpatched", _with_interval(result.baseline)),
        (f"accuracy in {result.target} on the same items", _with_interval(result.ceiling)),
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
    sites = list(dict.fromkeys(similarity.site))
    ours = fit[fit.method == result.headline.choice.method].set_index("site").r2
    rows = [
        (f"R² of {result.headline.choice.method}", *(f"{ours[s]:.2f}" if s in ours else "" for s in sites))
    ]
    for name, some in similarity.groupby("method", sort=False):
        values = some.set_index("site").value
        rows.append((f"{name}", *(f"{values[site]:.2f}" for site in sites)))
    columns = [site.removeprefix("resid_post.") for site in sites]
    console.print(table((f"on {result.n['held_out']} held-out sentences", *columns), rows))


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
    said = [
        f"Patch layer {best.choice.layer} with {best.choice.method} ({best.choice.intervention}): "
        f"{best.verdict.sentence}"
        + (f", {result.share_of_gap:.0%} of the gap." if result.share_of_gap is not None else ".")
    ]
    beaten = [name for name, over in result.headline_over.items() if over.low > 0]
    level = [name for name in result.headline_over if name not in beaten]
    if beaten:
        said.append(f"It does better than {', '.join(beaten)}.")
    if level:
        said.append(f"It is not told apart from {', '.join(level)}.")
    warnings = [
        f"{other.choice.method} gains {_with_interval(other.gain, '+')}"
        for other in result.others
        if other.is_control and other.gain.low > 0
    ]
    if warnings:
        said.append(f"Mind what controls do by themselves: {', '.join(warnings)}.")
    return " ".join(said)


def _with_interval(interval: "Interval", sign: str = "", places: int = 3) -> str:
    low, high = (f"{value:.{places}f}" for value in (interval.low, interval.high))
    return f"{interval.estimate:{sign}.{places}f} [{low}, {high}]"

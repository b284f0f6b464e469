"""`workbench compare`: other methods on the same items, and what is printed of them."""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.text import Text

from workbench.cli.figures import draw_figures
from workbench.cli.inputs import studies_of
from workbench.cli.options import Command, names, run_options, whole_numbers
from workbench.cli.terminal import console, print_dense, print_end, progress_bar
from workbench.core.bundled import MODELS
from workbench.core.errors import InputError
from workbench.core.numbers import interval, signed
from workbench.core.reading import read_lines
from workbench.results import claim, open_run, write_table

if TYPE_CHECKING:
    from workbench.methods.baselines import Wording
    from workbench.methods.compare import Plan

PAIRS = ("x-poor-near-x-main", "x-poor-far-x-main", "x-poor-fused-x-main")
"""Pairs of the organism where no run is given: the languages with a large gap."""
ROOM = 127
"""Terminal width from which on costs are printed in the same table."""
_SHORT = 0.05
"""Shorter times (in seconds) are not printed."""
_MARK = {"helps": "+", "harms": "−", "equivalent": "=", "undecided": "?"}
_GAIN = ("method", "", "test", "gain [95 %]", "random", "shuffled")
_COST = ("on top", "main", "read", "fitted", "pairs", "labels", "fit", "time")
_KEY = (
    "test: accuracy. gain: over direct prompting, paired; + helps, − harms, = equivalent, ? undecided, "
    "Holm-corrected over all methods. random, shuffled: gain of the recipe's controls. on top: gain over its "
    "baseline alone. main: change of accuracy in the main language. read: tokens per item. fitted: number "
    "of fitted or trained parameters. fit: seconds for fitting, translating or training. time: per item, "
    "relative to direct prompting."
)


def print_comparison(
    table: pd.DataFrame, seconds: Mapping[str, float], prepared: Mapping[str, float]
) -> None:
    """Print gains, controls and costs of every method, then methods that could not run, and a legend."""
    first = table.iloc[0]
    console.print(Text(f"\n{first.model}, {first.pair}, {first.task}: {first.n} test items", style="bold"))
    run = table[table.accuracy.notna()].to_dict("records")
    gains = [_gain(row) for row in run]
    costs = [_cost(row, seconds, prepared) for row in run]
    if console.width >= ROOM:
        rows = [gain + cost for gain, cost in zip(gains, costs, strict=True)]
        print_dense("Gain of each method", _GAIN + _COST, rows, words=2)
    else:
        print_dense("Gain of each method", _GAIN, gains, words=2)
        rows = [(row["method"], *cost) for row, cost in zip(run, costs, strict=True)]
        print_dense("Cost of each method", ("method", *_COST), rows)
    for row in table[table.accuracy.isna()].to_dict("records"):
        console.print(f"{row['method']} was not run: {row['note']}.", style="dim", highlight=False)
    console.print(_KEY, style="dim")


def _gain(row: Mapping[Any, Any]) -> tuple[str, ...]:
    if row["method"] == "direct":
        return ("direct", "", f"{row['accuracy']:.3f}", "", "", "")
    verdict = row["holm_verdict"]
    return (
        row["method"],
        "" if pd.isna(verdict) else _MARK[verdict],
        f"{row['accuracy']:.3f}",
        interval(row["gain"], row["gain_low"], row["gain_high"], 2),
        _control(row, "random"),
        _control(row, "shuffled"),
    )


def _cost(
    row: Mapping[Any, Any], seconds: Mapping[str, float], prepared: Mapping[str, float]
) -> tuple[str, ...]:
    before = prepared.get(row["method"], 0.0)
    own, direct = seconds.get(row["method"]), seconds.get("direct")
    return (
        signed(row["over_own"], 2, none=""),
        signed(row["retention"], 2, none=""),
        f"{row['item_tokens']:.0f}",
        _count(row["parameters"]),
        _count(row["pairs"]),
        _count(row["labels"]),
        f"{before:.0f}" if before >= 10 else f"{before:.1f}" if before >= _SHORT else "",
        f"{own / direct:.1f}" if own and direct else "",
    )


def _control(row: Mapping[Any, Any], name: str) -> str:
    """The gain of a control over direct prompting, on the same scale as the method's own gain."""
    over = row[f"{name}_over"]
    return "" if pd.isna(over) else signed(row["gain"] - over, 2)


def _count(number: int) -> str:
    if pd.isna(number) or not number:
        return ""
    return f"{number / 1000:.0f}k" if number >= 10_000 else f"{number}"


def run(options: argparse.Namespace) -> None:
    """Compare baselines and published interventions on the task and pairs of a run.

    The methods are direct prompting, translation, prompt search, few-shot prompting, fine-tuning and
    the interventions of `workbench recipes`. Each is selected on dev items, frozen, and scored once on
    the same test items, with its controls, its cost and its effect on the main language. Recipes are
    also combined with few-shot prompting and fine-tuning.

    RUN is the folder of a run, whose model, sentences, task and pairs are used, or `organism`.
    """
    from workbench.methods.compare import compare, with_holm

    start = time.perf_counter()
    plan, wording = _plan(options), _wording(options)
    diagnosis = studies_of(options, "runs/compare", PAIRS)
    out = options.out or diagnosis.folder
    claim(out, ["comparison.parquet"], options.overwrite)
    tables = []
    for study in diagnosis.studies:
        with progress_bar():
            comparison = compare(study, wording, plan)
        print_comparison(comparison.table, comparison.seconds, comparison.prepared)
        tables.append(comparison.table)
    write_table(with_holm(pd.concat(tables, ignore_index=True)), out / "comparison.parquet")
    console.print(f"\ntable    {out / 'comparison.parquet'}", soft_wrap=True)
    written = draw_figures(out, ("pdf", "png"), ("comparison", "pareto"), f"workbench figures {out}")
    pages = ", ".join(str(file) for file in written if file.suffix == ".pdf")
    console.print(f"figures  {pages}", soft_wrap=True)
    print_end(diagnosis.studies[0].text, start)


def _plan(options: argparse.Namespace) -> "Plan":
    from workbench.methods.compare import COMBINED, Plan

    return Plan.of(
        names(options.methods),
        training=not options.no_training,
        combined=COMBINED if options.combine is None else tuple(names(options.combine) or ()),
        on_top=tuple(names(options.on_top) or ()),
    )


def _wording(options: argparse.Namespace) -> "Wording":
    from workbench.methods.baselines import Wording, organism_wording, read_translations
    from workbench.organism import shipped

    wording = organism_wording(shipped().config) if _about_the_organism(options) else Wording()
    given: dict[str, Any] = {}
    if options.shots is not None:
        given["shots"] = whole_numbers(options.shots, "--shots")
    if options.seeds is not None:
        given["seeds"] = options.seeds
    if options.translations is not None:
        given["translations"] = read_translations(options.translations)
    if options.templates is not None:
        given["templates"] = _read_templates(options.templates)
    return replace(wording, **given)


def _read_templates(path: Path) -> tuple[str, ...]:
    lines = [line for line in read_lines(path) if line.strip()]
    for number, line in enumerate(lines, 1):
        if "{prompt}" not in line:
            raise InputError(f"{path}:{number}: {line!r} lacks {{prompt}}")
    return tuple(line.replace("\\n", "\n") for line in lines)


def _about_the_organism(options: argparse.Namespace) -> bool:
    """Whether the words are to be those of the invented languages."""
    if options.study in MODELS:
        return True
    return open_run(options.study).specification.get("model", {}).get("source") in MODELS


COMMAND = Command(
    run,
    help="compare baselines and published interventions on the task of a run",
    example="""workbench compare organism --pairs x-poor-far-x-main
  workbench compare runs/diagnose --methods shots_own,translate_self,incline_paper""",
    options=run_options("runs/compare"),
    groups={
        "methods": {
            "--methods A,B": "baselines and recipes (default: all; workbench recipes lists them)",
            "--no-training": "leave out methods that train the model",
            "--combine A,B": "baselines to patch on top of (default: both kinds of shots, lora)",
            "--on-top A,B": "recipes for these (default: the best on dev)",
        },
        "prompts": {
            "--shots N,…": "numbers of shots to select from (default: 1,2,4)",
            "--seeds N": "random draws of shots to select from (default: 3)",
            "--translations FILE": "table with columns id and prompt (in the main language)",
            "--templates FILE": "prompt templates to search, one per line, each with {prompt}",
        },
    },
)

"""`workbench compare`: other methods on the same items, and what is printed of them."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.text import Text

from workbench.cli.diagnose import Shown
from workbench.cli.layers import print_dense
from workbench.cli.options import names, whole_numbers
from workbench.cli.runs import add_run_options, opened, organism_studies
from workbench.cli.show import caution, console, duration
from workbench.core.numbers import interval, signed

if TYPE_CHECKING:
    from workbench.core.types import Progress
    from workbench.methods.baselines import Wording
    from workbench.methods.compare import Plan
    from workbench.study import Diagnosis


# Print a comparison of methods.


ROOM = 127
"""Terminal width from which on costs are printed in the same table."""
_SHORT = 0.05
"""Shorter times (in seconds) are not printed."""
_MARK = {"helps": "+", "harms": "−", "equivalent": "=", "undecided": "?"}


def print_comparison(
    table: pd.DataFrame, seconds: Mapping[str, float], prepared: Mapping[str, float]
) -> None:
    """Print gains, controls and costs of every method, then methods that could not run, and a legend."""
    run, rest = table[table.accuracy.notna()], table[table.accuracy.isna()]
    first = table.iloc[0]
    console.print(Text(f"\n{first.model}, {first.pair}, {first.task}: {first.n} test items", style="bold"))
    wide = console.width >= ROOM
    rows = [(*_gain(row), *(_cost(row, seconds, prepared) if wide else ())) for row in run.to_dict("records")]
    print_dense("Gain of each method", (*_GAIN, *(_COST if wide else ())), rows, words=2)
    if not wide:
        rows = [(row["method"], *_cost(row, seconds, prepared)) for row in run.to_dict("records")]
        print_dense("Cost of each method", ("method", *_COST), rows)
    for row in rest.to_dict("records"):
        console.print(f"{row['method']} was not run: {row['note']}.", style="dim", highlight=False)
    console.print(_KEY, style="dim")


_GAIN = ("method", "", "test", "gain [95 %]", "random", "shuffled")
_COST = ("on top", "main", "read", "fitted", "pairs", "labels", "fit", "time")
_KEY = (
    "test: accuracy. gain: over direct prompting, paired; + helps, − harms, = equivalent, ? undecided, "
    "Holm-corrected over all methods. random, shuffled: gain of the recipe's controls. on top: gain over its "
    "baseline alone. main: change of accuracy in the main language. read: tokens per item. fitted: number "
    "of fitted or trained parameters. fit: seconds for fitting, translating or training. time: per item, "
    "relative to direct prompting."
)


def _gain(row: Mapping[Any, Any]) -> tuple[str, ...]:
    if row["method"] == "direct":
        return ("direct", "", f"{row['accuracy']:.3f}", "", "", "")
    shown = interval(row["gain"], row["gain_low"], row["gain_high"], 2)
    verdict = row["holm_verdict"]
    return (
        row["method"],
        "" if pd.isna(verdict) else _MARK[verdict],
        f"{row['accuracy']:.3f}",
        shown,
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


# Compare baselines and published interventions on the task and pairs of a run.
#
# The methods are direct prompting, translation, prompt search, few-shot prompting, fine-tuning and the
# interventions of `workbench recipes`. Each is selected on dev items, frozen, and scored once on the same
# test items, with its controls, its cost and its effect on the main language. Recipes are also combined with
# few-shot prompting and fine-tuning.
#
# RUN is the folder of a run, whose model, sentences, task and pairs are used, or `organism`.


HELP = "compare baselines and published interventions on the task of a run"
EXAMPLE = """workbench compare organism --pairs x-poor-far-x-main
  workbench compare runs/diagnose --methods shots_own,translate_self,incline_paper"""

ITEMS = {"dev": 200, "test": 500}
PAIRS = ("x-poor-near-x-main", "x-poor-far-x-main", "x-poor-fused-x-main")
"""Pairs of the organism where no run is given: the languages with a large gap."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_run_options(parser, out="runs/compare")
    chosen = parser.add_argument_group("methods")
    chosen.add_argument(
        "--methods", metavar="A,B", help="baselines and recipes (default: all; workbench recipes lists them)"
    )
    chosen.add_argument("--no-training", action="store_true", help="leave out methods that train the model")
    chosen.add_argument(
        "--combine",
        metavar="A,B",
        help="baselines to patch on top of (default: both kinds of shots, lora)",
    )
    chosen.add_argument("--on-top", metavar="A,B", help="recipes for these (default: the best on dev)")
    words = parser.add_argument_group("prompts")
    words.add_argument("--shots", metavar="N,…", help="numbers of shots to select from (default: 1,2,4)")
    words.add_argument("--seeds", type=int, help="random draws of shots to select from (default: 3)")
    words.add_argument(
        "--translations",
        type=Path,
        metavar="FILE",
        help="table with columns id and prompt (in the main language)",
    )
    words.add_argument(
        "--templates",
        type=Path,
        metavar="FILE",
        help="prompt templates to search, one per line, each with {prompt}",
    )


def run(options: argparse.Namespace) -> int:
    """Compare in every study of the folder, print one table for each, write all of them as one."""
    import pandas as pd

    from workbench.methods.compare import compare, with_holm
    from workbench.results import claim, write_table

    start, shown = time.perf_counter(), Shown()
    plan = _plan(options)
    wording = _wording(options)
    diagnosis = _studies(options, shown)
    out = options.out or diagnosis.folder
    claim(out, ["comparison.parquet"], options.overwrite)
    tables = []
    for study in diagnosis.studies:
        with shown.bar():
            found = compare(study, wording, plan)
        print_comparison(found.table, found.seconds, found.prepared)
        tables.append(found.table)
    together = with_holm(pd.concat(tables, ignore_index=True))
    write_table(together, out / "comparison.parquet")
    console.print(f"\ntable    {out / 'comparison.parquet'}", soft_wrap=True)
    draw(out)
    caution(diagnosis.studies[0].text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def _studies(options: argparse.Namespace, progress: "Progress") -> "Diagnosis":
    from workbench.core.bundled import MODELS

    if options.study not in MODELS:
        return opened(options, progress)
    folder = options.out or Path("runs/compare")
    return organism_studies(
        options.pairs,
        folder,
        **ITEMS,
        threads=options.threads,
        overwrite=options.overwrite,
        progress=progress,
        known=PAIRS,
    )


def draw(folder: Path) -> None:
    """The table as two figures beside it: what each method gains, and what a gain costs."""
    from workbench.figures.frames import join_runs
    from workbench.figures.writing import write_figures
    from workbench.results import open_run

    written = write_figures(
        join_runs(open_run(folder)),
        folder / "figures",
        formats=("pdf", "png"),
        only=("comparison", "pareto"),
        command=f"workbench figures {folder}",
    )
    shown = ", ".join(str(file) for file in written.files if file.suffix == ".pdf")
    console.print(f"figures  {shown}", soft_wrap=True)


def _plan(options: argparse.Namespace) -> "Plan":
    from workbench.methods.compare import COMBINED, Plan

    combined = tuple(names(options.combine) or ()) if options.combine is not None else COMBINED
    return Plan.of(
        names(options.methods),
        training=not options.no_training,
        combined=combined,
        on_top=tuple(names(options.on_top) or ()),
    )


def _wording(options: argparse.Namespace) -> "Wording":
    from dataclasses import replace

    from workbench.core.errors import InputError
    from workbench.core.reading import read_lines
    from workbench.methods.baselines import Wording, organism_wording, read_translations
    from workbench.organism import shipped

    wording = organism_wording(shipped().config) if _about_the_organism(options) else Wording()
    if options.shots is not None:
        wording = replace(wording, shots=whole_numbers(options.shots, "--shots"))
    if options.seeds is not None:
        wording = replace(wording, seeds=options.seeds)
    if options.translations is not None:
        wording = replace(wording, translations=read_translations(options.translations))
    if options.templates is not None:
        lines = [line for line in read_lines(options.templates) if line.strip()]
        for number, line in enumerate(lines, 1):
            if "{prompt}" not in line:
                raise InputError(f"{options.templates}:{number}: {line!r} lacks {{prompt}}")
        wording = replace(wording, templates=tuple(line.replace("\\n", "\n") for line in lines))
    return wording


def _about_the_organism(options: argparse.Namespace) -> bool:
    """Whether the words are to be those of the invented languages."""
    from workbench.core.bundled import MODELS
    from workbench.results import open_run

    if options.study in MODELS:
        return True
    return open_run(options.study).specification.get("model", {}).get("source") in MODELS

"""`workbench generate`: what a model writes under a patch, and what is printed of it."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.text import Text

from workbench.cli.compare import ITEMS
from workbench.cli.diagnose import Shown
from workbench.cli.layers import print_dense
from workbench.cli.options import names
from workbench.cli.runs import add_run_options, opened, organism_studies
from workbench.cli.show import caution, console, duration
from workbench.core.numbers import interval, plain

if TYPE_CHECKING:
    from workbench.analyses.generate import Generated, Plan


# Print generated texts and their summary.


SHOWN = 2
"""Prompts whose texts are shown."""
ROOM = 112
"""Columns of a terminal from which on language and repetition stand in the same table."""
_LANGUAGE = ("language", "gain", "source", "other", "?")
_REPETITION = ("repeats", "more", "time")


def print_generated(found: "Generated") -> None:
    """Print a summary of each method, some of its texts, and notes."""
    first = found.summary.iloc[0]
    source, target = _sides(first.pair, first.prompted)
    title = f"\n{first.model}, {first.pair}: {first.n} texts of {first.tokens:.0f} tokens, {source} begun"
    console.print(Text(title, style="bold"))
    clean = found.seconds.get("clean")
    rows = found.summary.to_dict("records")
    names = [_name(row, source) for row in rows]
    said = [_language(row) for row in rows]
    repeated = [_repetition(row, source, found.seconds, clean) for row in rows]
    if console.width >= ROOM:
        cells = [(name, *a, *b) for name, a, b in zip(names, said, repeated, strict=True)]
        print_dense("Generated text", ("method", *_LANGUAGE, *_REPETITION), cells)
    else:
        for heads, those in ((_LANGUAGE, said), (_REPETITION, repeated)):
            cells = [(name, *some) for name, some in zip(names, those, strict=True)]
            print_dense(
                "Output language" if heads is _LANGUAGE else "Repetition",
                ("method", *heads),
                cells,
            )
    for row in found.summary.to_dict("records"):
        if row["kind"] != "clean":
            console.print(f"{row['method']}: {row['chosen']}", style="dim", markup=False, highlight=False)
    for method, why in found.skipped.items():
        console.print(f"{method} was not run: {why}.", style="dim", highlight=False)
    console.print(_KEY.format(source=source, target=target), style="dim")
    _print_texts(found.table, source)
    trial = found.trial
    console.print(
        f"\nAccuracy of the language identifier: {trial.accuracy.estimate:.1%} on {trial.pieces} held-out "
        f"pieces of {trial.characters} characters, in {len(trial.by_language)} languages.",
        style="dim",
    )
    for note in found.notes:
        console.print(f"Note: {note}.", style="yellow")


_KEY = (
    "language: share of texts in {target} [95 %]. gain: change from the clean run, paired by text. source, "
    "other, ?: shares in {source}, in another language, and unclear. repeats: 1 − distinct 4-grams of tokens "
    "/ all. more: change from the clean run. time: per token, relative to the clean run. clean ({target}): "
    "the unpatched model on beginnings of the same sentences in {target}."
)


def _sides(pair: str, source: str) -> tuple[str, str]:
    return source, pair[len(source) + 1 :]


def _name(row: Mapping[Any, Any], source: str) -> str:
    return row["method"] if row["prompted"] == source else f"{row['method']} ({row['prompted']})"


def _language(row: Mapping[Any, Any]) -> tuple[str, ...]:
    shares = (plain(row[f"{share}_share"], 2, none="") for share in ("source", "other", "unclear"))
    return (_bounds(row, "language_control"), _bounds(row, "control_gain", sign=True), *shares)


def _repetition(
    row: Mapping[Any, Any], source: str, seconds: Mapping[str, float], clean: float | None
) -> tuple[str, ...]:
    own = seconds.get(_name(row, source))
    more = _bounds(row, "repetition_change", sign=True)
    return (_bounds(row, "repetition"), more, f"{own / clean:.2f} ×" if own and clean else "")


def _bounds(row: Mapping[Any, Any], name: str, sign: bool = False) -> str:
    return interval(row[name], row[f"{name}_low"], row[f"{name}_high"], 2, sign, none="")


def _print_texts(table: pd.DataFrame, source: str) -> None:
    """The first prompts' texts, clean and by what is no control, a line each."""
    some = table[(table.prompted == source) & ~table.control]
    for example in some.example.drop_duplicates().head(SHOWN):
        rows = some[some.example == example]
        console.print(Text(f"\n{rows.prompt.iloc[0]} …", style="bold"))
        for row in rows.itertuples():
            line = Text(f"  {row.method} ({row.language}): {' '.join(str(row.text).split())}")
            line.truncate(console.width, overflow="ellipsis")
            console.print(line)


# Generate text with a patched model and measure its language and repetition.
#
# The model continues beginnings of held-out source sentences: unpatched, with the study's choice and its
# controls, and with recipes (by default clas_bench, which steers the output language). A recipe's
# configuration is selected on one half of the beginnings; results are reported on the other half. The output
# language is predicted by an identifier trained on the study's sentences; its held-out accuracy is printed
# with the results.
#
# RUN is the folder of a run, whose model, sentences and pairs are used, or `organism`.


HELP = "generate text with a patched model: output language and repetition"
EXAMPLE = """workbench generate organism
  workbench generate runs/diagnose --methods study,clas_bench --tokens 200 --prompts 100"""

PAIRS = ("x-poor-far-x-main",)
"""What is asked of the organism where nothing else is said."""
TABLES = ("generation", "generation_summary")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_run_options(parser, out="runs/generate")
    parser.add_argument(
        "--methods",
        metavar="A,B",
        help="study (its choice and controls) and recipes (default: study,clas_bench)",
    )
    parser.add_argument(
        "--tokens", type=int, help="new tokens per text (default: 200, or the rest of the model's context)"
    )
    parser.add_argument(
        "--prompts",
        type=int,
        default=40,
        help="beginnings: half for selection, half for the results (default: 40)",
    )


def run(options: argparse.Namespace) -> int:
    """Generate in every study of the folder, print one table for each, write all of them as one."""
    import pandas as pd

    from workbench.analyses.generate import generate
    from workbench.core.bundled import MODELS
    from workbench.results import claim, write_table

    start, shown = time.perf_counter(), Shown()
    plan = _plan(options)
    if options.study in MODELS:
        diagnosis = organism_studies(
            options.pairs,
            options.out or Path("runs/generate"),
            **ITEMS,
            threads=options.threads,
            overwrite=options.overwrite,
            progress=shown,
            known=PAIRS,
        )
    else:
        diagnosis = opened(options, shown)
    out, found = options.out or diagnosis.folder, []
    claim(out, [f"{name}.parquet" for name in TABLES], options.overwrite)
    for study in diagnosis.studies:
        with shown.bar():
            # Languages that are in no pair help to tell those that are from what is neither.
            found.append(generate(study, plan, diagnosis.specification.text))
        print_generated(found[-1])
    for name, tables in zip(TABLES, ([f.table for f in found], [f.summary for f in found]), strict=True):
        write_table(pd.concat(tables, ignore_index=True), out / f"{name}.parquet")
        kind = "texts" if name == "generation" else "table"
        console.print(f"{kind}    {out / name}.parquet", soft_wrap=True)
    caution(diagnosis.studies[0].text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def _plan(options: argparse.Namespace) -> "Plan":
    from workbench.analyses.generate import Plan

    methods = names(options.methods)
    chosen = {} if methods is None else {"methods": tuple(methods)}
    return Plan(tokens=options.tokens, prompts=options.prompts, **chosen)

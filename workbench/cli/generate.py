"""`workbench generate`: what a model writes under a patch, and what is printed of it."""

import argparse
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.text import Text

from workbench.cli.inputs import studies_of
from workbench.cli.options import Command, names, run_options
from workbench.cli.terminal import console, print_dense, print_end, progress_bar
from workbench.core.numbers import interval, plain
from workbench.results import claim, write_table

if TYPE_CHECKING:
    from workbench.analyses.generate import Generated, Plan

PAIRS = ("x-poor-far-x-main",)
"""What is asked of the organism where nothing else is said."""
TABLES = ("generation", "generation_summary")

EXAMPLES = 2
"""Prompts whose texts are printed."""
ROOM = 112
"""Columns of a terminal from which on language and repetition stand in the same table."""
_LANGUAGE = ("language", "gain", "source", "other", "?")
_REPETITION = ("repeats", "more", "time")
_KEY = (
    "language: share of texts in {target} [95 %]. gain: change from the clean run, paired by text. source, "
    "other, ?: shares in {source}, in another language, and unclear. repeats: 1 − distinct 4-grams of tokens "
    "/ all. more: change from the clean run. time: per token, relative to the clean run. clean ({target}): "
    "the unpatched model on beginnings of the same sentences in {target}."
)


def print_generated(generated: "Generated") -> None:
    """Print a summary of each method, some of its texts, and notes."""
    first = generated.summary.iloc[0]
    source, target = first.prompted, first.pair.removeprefix(f"{first.prompted}-")
    title = f"\n{first.model}, {first.pair}: {first.n} texts of {first.tokens:.0f} tokens, {source} begun"
    console.print(Text(title, style="bold"))
    rows = generated.summary.to_dict("records")
    methods = [(_name(row, source),) for row in rows]
    languages = [_language(row) for row in rows]
    repetitions = [_repetition(row, source, generated.seconds) for row in rows]
    parts = {"Output language": (_LANGUAGE, languages), "Repetition": (_REPETITION, repetitions)}
    if console.width >= ROOM:
        both = [language + repetition for language, repetition in zip(languages, repetitions, strict=True)]
        parts = {"Generated text": (_LANGUAGE + _REPETITION, both)}
    for title, (heads, cells) in parts.items():
        lines = [method + cell for method, cell in zip(methods, cells, strict=True)]
        print_dense(title, ("method", *heads), lines)
    for row in rows:
        if row["kind"] != "clean":
            console.print(f"{row['method']}: {row['chosen']}", style="dim", markup=False, highlight=False)
    for skipped in generated.skipped:
        console.print(f"{skipped.method} was not run: {skipped.why}.", style="dim", highlight=False)
    console.print(_KEY.format(source=source, target=target), style="dim")
    _print_texts(generated.table, source)
    trial = generated.trial
    console.print(
        f"\nAccuracy of the language identifier: {trial.accuracy.estimate:.1%} on {trial.pieces} held-out "
        f"pieces of {trial.characters} characters, in {len(trial.by_language)} languages.",
        style="dim",
    )
    for note in generated.notes:
        console.print(f"Note: {note}.", style="yellow")


def _name(row: Mapping[Any, Any], source: str) -> str:
    return row["method"] if row["prompted"] == source else f"{row['method']} ({row['prompted']})"


def _language(row: Mapping[Any, Any]) -> tuple[str, ...]:
    shares = (plain(row[f"{share}_share"], 2, none="") for share in ("source", "other", "unclear"))
    return (_bounds(row, "language_control"), _bounds(row, "control_gain", sign=True), *shares)


def _repetition(row: Mapping[Any, Any], source: str, seconds: Mapping[str, float]) -> tuple[str, ...]:
    own, clean = seconds.get(_name(row, source)), seconds.get("clean")
    more = _bounds(row, "repetition_change", sign=True)
    return (_bounds(row, "repetition"), more, f"{own / clean:.2f} ×" if own and clean else "")


def _bounds(row: Mapping[Any, Any], name: str, sign: bool = False) -> str:
    return interval(row[name], row[f"{name}_low"], row[f"{name}_high"], 2, sign, none="")


def _print_texts(table: pd.DataFrame, source: str) -> None:
    """The first prompts' texts, clean and by what is no control, a line each."""
    texts = table[(table.prompted == source) & ~table.control]
    for example in texts.example.drop_duplicates().head(EXAMPLES):
        rows = texts[texts.example == example]
        console.print(Text(f"\n{rows.prompt.iloc[0]} …", style="bold"))
        for row in rows.itertuples():
            line = Text(f"  {row.method} ({row.language}): {' '.join(str(row.text).split())}")
            line.truncate(console.width, overflow="ellipsis")
            console.print(line)


def run(options: argparse.Namespace) -> None:
    """Generate text with a patched model and measure its language and repetition.

    The model continues beginnings of held-out source sentences: unpatched, with the study's choice and
    its controls, and with recipes (by default clas_bench, which steers the output language). A recipe's
    configuration is selected on one half of the beginnings; results are reported on the other half. The
    output language is predicted by an identifier trained on the study's sentences; its held-out
    accuracy is printed with the results.

    RUN is the folder of a run, whose model, sentences and pairs are used, or `organism`.
    """
    from workbench.analyses.generate import generate

    start = time.perf_counter()
    plan = _plan(options)
    diagnosis = studies_of(options, "runs/generate", PAIRS)
    out, parts = options.out or diagnosis.folder, []
    claim(out, [f"{name}.parquet" for name in TABLES], options.overwrite)
    for study in diagnosis.studies:
        with progress_bar():
            # Languages that are in no pair help to tell those that are from what is neither.
            parts.append(generate(study, plan, diagnosis.specification.text))
        print_generated(parts[-1])
    write_table(pd.concat([part.table for part in parts], ignore_index=True), out / "generation.parquet")
    summary = pd.concat([part.summary for part in parts], ignore_index=True)
    write_table(summary, out / "generation_summary.parquet")
    console.print(f"texts    {out / 'generation.parquet'}", soft_wrap=True)
    console.print(f"table    {out / 'generation_summary.parquet'}", soft_wrap=True)
    print_end(diagnosis.studies[0].text, start)


def _plan(options: argparse.Namespace) -> "Plan":
    from workbench.analyses.generate import Plan

    chosen = {} if options.methods is None else {"methods": tuple(names(options.methods) or ())}
    return Plan(tokens=options.tokens, prompts=options.prompts, **chosen)


COMMAND = Command(
    run,
    help="generate text with a patched model: output language and repetition",
    example="""workbench generate organism
  workbench generate runs/diagnose --methods study,clas_bench --tokens 200 --prompts 100""",
    options={
        **run_options("runs/generate"),
        "--methods A,B": "study (its choice and controls) and recipes (default: study,clas_bench)",
        "--tokens N": "new tokens per text (default: 200, or the rest of the model's context)",
        "--prompts N": ("beginnings: half for selection, half for the results", 40),
    },
)

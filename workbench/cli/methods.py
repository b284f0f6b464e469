"""`workbench compare` and `workbench generate`: methods on the items of a task, and in generated text."""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.text import Text

from workbench.analyses.generate import Generated, generate
from workbench.analyses.generate import Plan as GenerationPlan
from workbench.cli.figures import draw_figures
from workbench.cli.inputs import helped, opened
from workbench.cli.options import Outcome, names, whole_numbers
from workbench.cli.terminal import console, print_dense, print_end, progress, progress_bar
from workbench.core.bundled import MODELS
from workbench.core.errors import InputError
from workbench.core.languages import read_pair
from workbench.core.numbers import interval_of, plain, signed
from workbench.core.reading import read_lines
from workbench.core.store import locked
from workbench.methods.baselines import Wording, organism_wording, read_translations
from workbench.methods.compare import COMBINED, Plan, compare, with_holm
from workbench.models import load_model
from workbench.organism import shipped
from workbench.results import claim, open_run, write_table, write_tables
from workbench.study import Diagnosis, prepare

ITEMS = {"dev": 200, "test": 500}  # of the organism, where no run is given

Row = Mapping[Any, Any]
Cells = tuple[str, ...]


def studies_of(options: argparse.Namespace, out: str, pairs: Sequence[str]) -> Diagnosis:
    """The studies of the run that the options name, or the organism's own of these pairs."""
    if options.study not in MODELS:
        return opened(options)
    text, task = shipped().text(), shipped().task("exact")
    task = task.first(fit=len(task.all), **ITEMS)
    wanted = [read_pair(name, text.languages) for name in names(options.pairs) or pairs]
    torch.set_num_threads(options.threads or 1)
    model, folder = helped(options, load_model("organism")), options.out or Path(out)
    return prepare(model, text, [task], wanted, folder, progress=progress, overwrite=options.overwrite)


def _print_methods(
    title: str, room: int, methods: Sequence[str], parts: Mapping[str, tuple[Cells, Sequence[Cells]]]
) -> None:
    """Each part as a table of methods; in a terminal of enough room, all of them as one under the title."""
    if console.width >= room:
        heads, cells = zip(*parts.values(), strict=True)
        parts = {title: (sum(heads, ()), [sum(row, ()) for row in zip(*cells, strict=True)])}
    for name, (columns, rows) in parts.items():
        lines = [(method, *row) for method, row in zip(methods, rows, strict=True)]
        print_dense(name, ("method", *columns), lines, words=1 if columns[0] else 2)


# Methods on the items of a task.

PAIRS = ("x-poor-near-x-main", "x-poor-far-x-main", "x-poor-fused-x-main")
"""Pairs of the organism where no run is given: the languages with a large gap."""
ROOM = 127  # terminal width from which on costs are printed in the same table
_SHORT = 0.05  # shorter times (in seconds) are not printed
_MARK = {"helps": "+", "harms": "−", "equivalent": "=", "undecided": "?"}
_GAIN = ("", "test", "gain [95 %]", "random", "shuffled")
_COST = ("on top", "target", "read", "fitted", "pairs", "labels", "fit", "time")
_KEY = (
    "test: accuracy. gain: over direct prompting, paired; + helps, − harms, = equivalent, ? undecided, "
    "Holm-corrected over all methods. random, shuffled: gain of the recipe's controls (0.00 for one that "
    "chose no patch). on top: gain over its baseline alone. target: change of accuracy in the target "
    "language. read: tokens per item. fitted: number of fitted or trained parameters. fit: seconds for "
    "fitting, translating or training. time: per item, relative to direct prompting."
)


def print_comparison(
    table: pd.DataFrame, seconds: Mapping[str, float], prepared: Mapping[str, float]
) -> None:
    """Print gains, controls and costs of every method, then methods that could not run, and a legend."""
    first = table.iloc[0]
    console.print(Text(f"\n{first.model}, {first.pair}, {first.task}: {first.n} test items", style="bold"))
    run = table[table.accuracy.notna()].to_dict("records")
    parts = {
        "Gain of each method": (_GAIN, [_gain(row) for row in run]),
        "Cost of each method": (_COST, [_cost(row, seconds, prepared) for row in run]),
    }
    _print_methods("Gain of each method", ROOM, [row["method"] for row in run], parts)
    for row in table[table.accuracy.isna()].to_dict("records"):
        console.print(f"{row['method']} was not run: {row['note']}.", style="dim")
    console.print(_KEY, style="dim")


def _gain(row: Row) -> Cells:
    accuracy = f"{row['accuracy']:.3f}"
    if row["method"] == "direct":
        return ("", accuracy, "", "", "")
    mark = _MARK.get(row["holm_verdict"], "")
    # The gains of the controls over direct prompting, on the same scale as the method's own gain.
    differences = (row["random_over"], row["shuffled_over"])
    controls = ("" if pd.isna(over) else signed(row["gain"] - over, 2) for over in differences)
    return (mark, accuracy, _bounds(row, "gain", sign=True), *controls)


def _cost(row: Row, seconds: Mapping[str, float], prepared: Mapping[str, float]) -> Cells:
    before = prepared.get(row["method"], 0.0)
    own, direct = seconds.get(row["method"]), seconds.get("direct")
    return (
        *(signed(row[name], 2, none="") for name in ("over_own", "retention")),
        f"{row['item_tokens']:.0f}",
        *(_count(row[name]) for name in ("parameters", "pairs", "labels")),
        f"{before:.0f}" if before >= 10 else f"{before:.1f}" if before >= _SHORT else "",
        f"{own / direct:.1f}" if own and direct else "",
    )


def _count(number: int) -> str:
    if pd.isna(number) or not number:
        return ""
    return f"{number / 1000:.0f}k" if number >= 10_000 else f"{number}"


def run_compare(options: argparse.Namespace) -> Outcome:
    """Run `workbench compare`."""
    start = time.perf_counter()
    plan = Plan.of(
        names(options.methods),
        training=not options.no_training,
        combined=COMBINED if options.combine is None else tuple(names(options.combine) or ()),
        on_top=tuple(names(options.on_top) or ()),
    )
    wording = _wording(options)
    diagnosis = studies_of(options, "runs/compare", PAIRS)
    out = options.out or diagnosis.folder
    with locked(diagnosis.folder), locked(out):
        claim(out, ["comparison.parquet"], options.overwrite)
        joined = _compare(diagnosis, wording, plan, out)
    print_end(diagnosis.studies[0].text, start)
    return Outcome({"folder": out, "comparison": joined})


def _compare(diagnosis: Diagnosis, wording: Wording, plan: Plan, out: Path) -> pd.DataFrame:
    tables = []
    for study in diagnosis.studies:
        with progress_bar():
            comparison = compare(study, wording, plan)
        print_comparison(comparison.table, comparison.seconds, comparison.prepared)
        tables.append(comparison.table)
    joined = with_holm(pd.concat(tables, ignore_index=True))
    write_table(joined, out / "comparison.parquet")
    console.print(f"\ntable    {out / 'comparison.parquet'}", soft_wrap=True)
    written = draw_figures(out, ("pdf", "png"), ("comparison", "pareto"), f"workbench figures {out}")
    pages = ", ".join(str(file) for file in written if file.suffix == ".pdf")
    console.print(f"figures  {pages}", soft_wrap=True)
    return joined


def _wording(options: argparse.Namespace) -> Wording:
    model = options.study
    if model not in MODELS:
        model = open_run(options.study).specification.get("model", {}).get("source")
    wording = organism_wording(shipped().config) if model in MODELS else Wording()
    readers: dict[str, Callable[[Any], Any]] = {
        "shots": lambda value: whole_numbers(value, "--shots"),
        "seeds": int,
        "translations": read_translations,
        "templates": _read_templates,
    }
    values = {name: getattr(options, name) for name in readers}
    return replace(wording, **{n: readers[n](value) for n, value in values.items() if value is not None})


def _read_templates(path: Path) -> Cells:
    lines = [line for line in read_lines(path) if line.strip()]
    for number, line in enumerate(lines, 1):
        if "{prompt}" not in line:
            raise InputError(f"{path}:{number}: {line!r} lacks {{prompt}}")
    return tuple(line.replace("\\n", "\n") for line in lines)


# Methods in generated text.

EXAMPLES = 2  # prompts whose texts are printed
ROOM_FOR_TEXTS = 112  # terminal width from which on language and repetition are in the same table
_LANGUAGE = ("language", "gain", "source", "other", "?")
_REPETITION = ("repeats", "more", "time")
_KEY_OF_TEXTS = (
    "language: share of texts in {target} [95 %]. gain: change from the clean run, paired by text. source, "
    "other, ?: shares in {source}, in another language, and unclear. repeats: 1 − distinct 4-grams of tokens "
    "/ all. more: change from the clean run. time: per token, relative to the clean run. clean ({target}): "
    "the unpatched model on beginnings of the same sentences in {target}."
)


def print_generated(generated: Generated) -> None:
    """Print a summary of each method, some of its texts, and notes."""
    first = generated.summary.iloc[0]
    source, target = first.prompted, first.pair.removeprefix(f"{first.prompted}-")
    title = f"\n{first.model}, {first.pair}: {first.n} texts of {first.tokens:.0f} tokens, {source} begun"
    console.print(Text(title, style="bold"))
    rows = generated.summary.to_dict("records")
    parts = {
        "Output language": (_LANGUAGE, [_language(row) for row in rows]),
        "Repetition": (_REPETITION, [_repetition(row, source, generated.seconds) for row in rows]),
    }
    _print_methods("Generated text", ROOM_FOR_TEXTS, [_name(row, source) for row in rows], parts)
    for row in rows:
        if row["kind"] != "clean":
            console.print(f"{row['method']}: {row['chosen']}", style="dim")
    for method, why in generated.skipped.items():
        console.print(f"{method} was not run: {why}.", style="dim")
    console.print(_KEY_OF_TEXTS.format(source=source, target=target), style="dim")
    _print_texts(generated.table, source)
    trial = generated.trial
    console.print(
        f"\nAccuracy of the language identifier: {trial.accuracy.estimate:.1%} on {trial.pieces} held-out "
        f"pieces of {trial.characters} characters, in {len(trial.by_language)} languages.",
        style="dim",
    )
    for note in generated.notes:
        console.print(f"Note: {note}.", style="yellow")


def _name(row: Row, source: str) -> str:
    return row["method"] if row["prompted"] == source else f"{row['method']} ({row['prompted']})"


def _language(row: Row) -> Cells:
    shares = (plain(row[f"{share}_share"], 2, none="") for share in ("source", "other", "unclear"))
    return (_bounds(row, "language_control"), _bounds(row, "control_gain", sign=True), *shares)


def _repetition(row: Row, source: str, seconds: Mapping[str, float]) -> Cells:
    own, clean = seconds.get(_name(row, source)), seconds.get("clean")
    more = _bounds(row, "repetition_change", sign=True)
    return (_bounds(row, "repetition"), more, f"{own / clean:.2f} ×" if own and clean else "")


def _bounds(row: Row, name: str, sign: bool = False) -> str:
    return interval_of(row, name, 2, sign, none="")


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


def run_generate(options: argparse.Namespace) -> Outcome:
    """Run `workbench generate`."""
    start = time.perf_counter()
    methods = {} if options.methods is None else {"methods": tuple(names(options.methods) or ())}
    plan = GenerationPlan(tokens=options.tokens, prompts=options.prompts, **methods)
    diagnosis = studies_of(options, "runs/generate", ["x-poor-far-x-main"])
    out = options.out or diagnosis.folder
    with locked(diagnosis.folder), locked(out):
        claim(out, ["generation.parquet", "generation_summary.parquet"], options.overwrite)
        summary = _generate(diagnosis, plan, out)
    print_end(diagnosis.studies[0].text, start)
    return Outcome({"folder": out, "generation_summary": summary})


def _generate(diagnosis: Diagnosis, plan: GenerationPlan, out: Path) -> pd.DataFrame:
    parts = []
    for study in diagnosis.studies:
        with progress_bar():
            # Languages that are in no pair help to tell those that are from what is neither.
            parts.append(generate(study, plan, diagnosis.specification.text))
        print_generated(parts[-1])
    tables = {
        "generation": pd.concat([part.table for part in parts], ignore_index=True),
        "generation_summary": pd.concat([part.summary for part in parts], ignore_index=True),
    }
    write_tables(tables, out)
    console.print(f"texts    {out / 'generation.parquet'}", soft_wrap=True)
    console.print(f"table    {out / 'generation_summary.parquet'}", soft_wrap=True)
    return tables["generation_summary"]

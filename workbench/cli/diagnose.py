"""`workbench diagnose`: from model, sentences and task to a verdict, and what is printed of it."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.text import Text

from workbench.cli.inputs import helped, load, own_task, read_pairs, read_text, threads_of
from workbench.cli.options import Outcome, as_toml, configured, names, settings_of
from workbench.cli.terminal import (
    Row,
    console,
    number,
    print_dense,
    print_end,
    print_layers,
    progress,
    progress_bar,
    table,
)
from workbench.core.bundled import MODELS
from workbench.core.errors import InputError
from workbench.core.numbers import estimated, percent, plain, signed, with_cost
from workbench.core.store import locked, write_bytes
from workbench.figures import Cells, Scale, Spec, make_spec
from workbench.figures.look import ink, shade
from workbench.report import evidence_sentences, write_report
from workbench.states import fitting
from workbench.study import Diagnosis, Examination, FirstFacts, Study, StudyResult, prepare
from workbench.study.diagnosis import holm_of
from workbench.tasks import read_task, with_chat, with_shots

# Defaults under --quick.
QUICK = {"aligners": "ridge,mean_shift,shuffled_pairs", "strengths": "0.25,0.5,1"}
WIDE = 7  # columns of a cell of the heatmap, with three digits
ROOM = 96  # width of a terminal from which on the whole verdict table fits
FAR = 2.0  # a mismatch ratio above which a map is applied far outside the data it was fitted on


def print_facts(study: Study, facts: FirstFacts) -> None:
    """Print token counts and unpatched accuracies, known before anything is patched."""
    console.print(Text(f"\n{study.model.info.name}, {study.pair}, {study.task.name}", style="bold"))
    rows = [
        (row["language"], f"{row['tokens'] / row['sentences']:.1f}", f"{row['tokens_per_word']:.2f}")
        for row in facts.tokens.to_dict("records")
    ]
    console.print(table(("sentences used for fitting", "tokens per sentence", "per word"), rows))
    unpatched = {f"accuracy in {study.source}": estimated(facts.baseline, sign=False)}
    if facts.target_accuracy is not None and facts.gap is not None:
        unpatched[f"accuracy in {study.target}, same items"] = estimated(facts.target_accuracy, sign=False)
        unpatched["gap"] = estimated(facts.gap, sign=False)
    if facts.chance is not None:
        unpatched["chance level"] = f"{facts.chance:.3f}"
    unpatched["minimum detectable gain on test (80 % power)"] = f"{facts.detectable:.3f}"
    console.print(table((f"unpatched, {facts.n_dev} dev items", "[95 %]"), unpatched.items()))
    for caution in facts.cautions:
        console.print(f"Caution: {caution}.", style="yellow")
    for note in getattr(study.task, "notes", ()):
        console.print(f"{study.task.name}: {note}.", style="dim")
    if facts.gap is None:
        console.print(
            f"The task has no {study.target} items: gap and loss in {study.target} are unknown.\n",
            style="yellow",
        )


def print_result(result: StudyResult) -> None:
    """Print the grid on dev, the similarities, what was chosen and its gain on test."""
    console.print(terminal_heatmap(make_spec("aligners", result.tables)))
    _print_race(result.tables["exploration"])
    print_similarity(result)
    _print_mismatch(result)
    print_verdict(result)
    console.print(f"heatmap  {result.paths['heatmap']}", soft_wrap=True)
    console.print(f"tables   {result.paths['sweep'].parent}/*.parquet, manifest.json\n", soft_wrap=True)


def _print_race(exploration: pd.DataFrame) -> None:
    most = int(exploration.n.max())
    if (exploration.n < most).any():
        whole = int((exploration.n == most).sum())
        console.print(
            f"Race: {whole} of {len(exploration)} configurations were run on all {most} dev items. The "
            f"others (italics) were dropped after {int(exploration.n.min())} or more (--whole-grid: none).\n",
            style="dim",
        )


def terminal_heatmap(spec: Spec, title: str = "", rows: Sequence[str] = ()) -> Text:
    """The first panel as coloured cells with numbers; `title` and `rows` replace those of the figure."""
    panel, scale = spec.panels[0], spec.scale
    assert isinstance(panel, Cells) and scale is not None, "a heatmap has cells and a scale"
    title, rows = title or scale.title, rows or panel.rows
    label = max(map(len, rows))
    room = max(console.width - label - 2, WIDE)
    digits, wide = (3, WIDE) if len(panel.columns) * WIDE <= room else (2, WIDE - 1)
    at_once = room // wide
    out = Text(f"{title}, by {panel.column_title} (exploration)\n", style="bold")
    for start in range(0, len(panel.columns), at_once):
        columns = panel.columns[start : start + at_once]
        out.append(" " * (label + 1) + "".join(f"{column:>{wide}}" for column in columns) + "\n")
        for row, (name, values) in enumerate(zip(rows, panel.values, strict=True)):
            out.append(f"{name:<{label}} ")
            for column, value in enumerate(values[start : start + at_once], start):
                style = "" if value is None else _style(value, scale)
                style += "" if panel.few(row, column) is None else " italic"
                out.append(f"{signed(value, digits, none=''):>{wide}}", style=style)
            out.append("\n")
    return out


def _style(value: float, scale: Scale) -> str:
    """The colours of a cell; in steps where the terminal has 256 colours, and none where it has 16.

    The nearest of so few colours would be darker for some values than for larger ones.
    """
    if console.color_system == "256":
        step = (scale.high - scale.low) / 12
        value = step * round(value / step)
    if console.color_system not in ("truecolor", "256") or value == 0:
        return ""
    red, green, blue = (round(255 * part) for part in shade(value, scale))
    return f"{ink(value, scale)} on rgb({red},{green},{blue})"


def print_similarity(result: StudyResult) -> None:
    """Held-out R² of the headline's maps, and every measure, by layer."""
    fit, similarity = result.tables["fit"], result.tables["similarity"]
    headline, sites = result.headline.choice.aligner, similarity.site.unique()
    curves = {f"R² of {headline}": fit[fit.aligner == headline].set_index("site").r2}
    for name, own in similarity.groupby("measure", sort=False):
        curves[str(name)] = own.set_index("site").value
    rows: list[Row] = [
        ((name,), [number(value) for value in curve.reindex(sites)], ()) for name, curve in curves.items()
    ]
    print_layers(f"on {result.n['held_out']} held-out sentences", ("",), sites, rows)


def _print_mismatch(result: StudyResult) -> None:
    # The embedding is not patched, so how far its states lie says nothing here.
    rows = result.tables["mismatch"].dropna(subset=["ratio", "layer"])
    if rows.empty:
        return
    worst = rows.iloc[int(rows.ratio.to_numpy().argmax())]
    console.print(
        f"\nMismatch: prompt states are up to {worst.ratio:.1f} times as far from the mean of the sentence "
        f"states used for fitting as those states are themselves (at {worst.site}).",
        style="yellow" if worst.ratio > FAR else "dim",
    )


def print_report(folder: Path) -> Path:
    """Write the report page and print its path."""
    path = write_report(folder)
    console.print(f"report   {path}", soft_wrap=True)
    return path


def outcome_of(folder: Path, report: Path | None, results: Sequence[StudyResult]) -> Outcome:
    """What the studies of a run found."""
    holms = holm_of(results) if results else ()
    studies = [
        {
            **{"model": result.model["name"], "pair": result.pair, "task": result.task, "n": result.n},
            **result.verdict_json(),
            **{"holm_kind": holm.kind, "holm_p": holm.adjusted_p, "cautions": result.cautions},
            "selection": result.tables["selection"],
            "folder": result.folder,
        }
        for result, holm in zip(results, holms, strict=True)
    ]
    return Outcome({"folder": folder, "report": report, "studies": studies})


def print_verdict(result: StudyResult) -> None:
    """Print what each aligner chose on dev, its gain on test, and the verdict in a sentence."""
    columns = ("aligner", "patch type", "layer", "α", "gain on test", "headline minus this")
    rows = []
    for outcome in result.outcomes:
        choice = outcome.choice
        patch = ("none", "", "no patch chosen")
        if choice.layer is not None:
            patch = (f"{choice.layer}", f"{choice.strength:g}", estimated(outcome.gain, 2))
        name = choice.aligner + ("*" if outcome.is_control else "")
        beaten = estimated(result.headline_over.get(choice.aligner), 2, none="")
        rows.append((name, choice.intervention or "", *patch, beaten))
    shown = len(columns) if console.width >= ROOM else -1  # the sentences below name what it beats
    print_dense("chosen on dev, judged on test", columns[:shown], (row[:shown] for row in rows), words=2)
    console.print("95 % intervals in brackets. * control: compare the gain of an aligner with it.\n")
    print_sentence(result, result.sentence)


def _print_without_patch(result: StudyResult) -> None:
    best, there = result.headline.choice, result.without_patch
    gains = ", ".join(f"{name.replace('_', ' ')} {signed(gain, 2)}" for name, gain in there.items())
    if gains:
        console.print(
            f"Without a chosen patch, gain on dev at layer {best.layer}, α = {best.strength:g}: {gains}."
        )


def print_sentence(result: StudyResult, sentence: str) -> None:
    """Print the verdict in a sentence, and the evidence for and against it."""
    console.print(Text(sentence, style="bold"))
    if result.share_of_gap is not None and result.share_of_gap > 0:
        console.print(f"{percent(result.share_of_gap)} of the gap is closed.")
    for line in evidence_sentences(result.tables["selection"]):
        console.print(line)
    for caution in result.cautions:
        console.print(f"Caution: {caution}.")
    _print_without_patch(result)
    console.print()


def print_together(results: Sequence[StudyResult]) -> None:
    """Print all pairs and tasks in one table, with Holm-corrected p-values."""
    rows = []
    for result, verdict in zip(results, holm_of(results), strict=True):
        choice = result.headline.choice
        patch = ("none", "") if choice.layer is None else (choice.layer, choice.aligner)
        gains = (estimated(verdict.gain, 2), plain(result.gap and result.gap.estimate, 2, none=""))
        p = f"{verdict.adjusted_p:.3f}"
        kept = result.retained
        kind = with_cost(verdict.kind, kept and kept.interval.estimate, kept and kept.holds)
        rows.append((result.pair, result.task, kind, *patch, *gains, p))
    columns = ("pair", "task", "verdict", "layer", "aligner", "gain on test", "gap", "p (Holm)")
    console.print(table(columns, rows, words=3))


def run(options: argparse.Namespace) -> Outcome:
    """Run `workbench diagnose`."""
    options = configured(options)
    if options.quick:
        vars(options).update({name: value for name, value in QUICK.items() if name not in options.given})
    with locked(options.out):
        return _run(options)


def _run(options: argparse.Namespace) -> Outcome:
    start = time.perf_counter()
    diagnosis = set_up(options)
    write_bytes(options.out / "study.toml", as_toml(options).encode())
    if diagnosis.examination is not None:
        _print_examination(diagnosis.examination)
    results, report = [], None
    for study in diagnosis.studies:
        with progress_bar():
            facts = study.facts()
        print_facts(study, facts)
        if not facts.worth_going_on and not options.anyway:
            console.print(
                f"No gap to close: it is smaller than {facts.delta_gap:g} on dev, {estimated(facts.gap)}. "
                "Stopped before any map is fitted; --anyway continues.",
                style="bold",
            )
            continue
        if facts.gap is not None and facts.gap.low <= 0:
            console.print(
                f"The gap is not known well: {estimated(facts.gap)} on {facts.n_dev} dev items. It may be "
                f"absent; a study ends here where it is shown to be smaller than {facts.delta_gap:g} "
                "(--delta-gap).",
                style="yellow",
            )
        with progress_bar():
            results.append(study.run())
        print_result(results[-1])
    if results:
        diagnosis.conclude(results)
        report = print_report(options.out)
    if len(results) > 1:
        print_together(results)
    print_end(diagnosis.studies[0].text, start)
    return outcome_of(options.out, report, results)


def set_up(options: argparse.Namespace) -> Diagnosis:
    """Read what the options name, and set up a study for each pair and task."""
    # What can be wrong is read before the model, which takes longest to load.
    settings = settings_of(options)
    if options.fit_on == "sentences":
        text = read_text(options)
        pairs = read_pairs(options, text.languages)
        tasks = _tasks(options, list(dict.fromkeys(code for pair in pairs for code in pair)))
    else:
        text, tasks = None, _tasks(options, None)
        pairs = read_pairs(options, tasks[0].languages)
    model = load(options)
    torch.set_num_threads(threads_of(options, model))
    model = helped(options, model)
    if options.chat:
        tasks = [with_chat(task, model.tokens.chat) for task in tasks]
    if text is not None and options.drop_long:
        text = fitting(model, text)
    return prepare(model, text, tasks, pairs, options.out, settings, progress, options.overwrite)


def _tasks(options: argparse.Namespace, languages: list[str] | None) -> list[Any]:
    """The tasks the options name, in the languages of the pairs as far as they are asked in them."""
    if options.task is None and options.model not in MODELS:
        raise InputError("which task? give --task, such as xcopa:FOLDER or a table of choices")
    tasks = []
    for name in names(options.task or "exact") or []:
        task = own_task(options.model, name)
        if task is not None and options.prompts not in (None, "en"):
            raise InputError(f"task {name!r} of the organism has prompts of its own: leave out --prompts")
        # Tasks of lm-evaluation-harness draw their own solved items.
        own = {"shots": options.shots} if name.startswith("lm_eval:") and options.shots else {}
        task = task or _read(name, languages, options.prompts, **own)
        task = task if own else with_shots(task, options.shots, seed=options.seed)
        counts = {"fit": None, "dev": options.dev, "test": options.test}
        tasks.append(task.first(**{split: count or len(task.all) for split, count in counts.items()}))
    return tasks


def _read(name: str, languages: list[str] | None, prompts: str | None, **own: Any) -> Any:
    if languages is None:
        return read_task(name, prompts=prompts, **own)
    try:
        # Some tasks hold a hundred languages: only those of the pairs are read, if all are there.
        return read_task(name, languages, prompts=prompts, **own)
    except InputError as error:
        try:
            task = read_task(name, prompts=prompts, **own)
        except InputError as other:
            both = str(error) if str(other) == str(error) else f"{error}; of all languages: {other}"
            raise InputError(both) from other
        console.print(f"{error}; read in {', '.join(task.languages)}", style="yellow")
        return task


def _print_examination(examination: Examination) -> None:
    rows, notices = f"{examination.report.n_rows} rows", len(examination.report.notices)
    if not examination.findings:
        more = f"; {notices} notices (workbench doctor shows them)" if notices else ""
        console.print(f"Doctor: {rows}, none left out{more}.")
    for line in examination.sentences:
        console.print(f"Doctor: of {rows} {line}.", style="yellow")

"""`workbench diagnose`: from model, sentences and task to a verdict, and what is printed of it."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from workbench.cli.inputs import load, read_pairs, read_text, threads_of, use_threads, with_room
from workbench.cli.options import (
    INPUTS,
    Command,
    as_toml,
    configured,
    names,
    settings_of,
    settings_options,
    study_options,
)
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
from workbench.core.numbers import estimated, percent, plain, signed
from workbench.core.store import write_bytes
from workbench.report import evidence_sentences

if TYPE_CHECKING:
    from workbench.figures import Scale, Spec
    from workbench.study import Diagnosis, Examination, FirstFacts, Study, StudyResult

QUICK: dict[str, Any] = {"aligners": "ridge,mean_shift,shuffled_pairs", "strengths": "0.25,0.5,1"}
"""What --quick stands for, where nothing else is asked for."""
WIDE = 7
"""Columns that a cell of the heatmap takes, with three digits."""
ROOM = 96
"""Width of a terminal from which on the whole verdict table fits."""
FAR = 2.0
"""A mismatch ratio above which a map is applied far outside the data it was fitted on."""


def print_facts(study: "Study", facts: "FirstFacts") -> None:
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
    for note in getattr(study.task, "notes", ()):
        console.print(f"{study.task.name}: {note}.", style="dim")
    if facts.gap is None:
        console.print(
            f"The task has no {study.target} items: gap and loss in {study.target} are unknown.\n",
            style="yellow",
        )


def print_result(result: "StudyResult") -> None:
    """Print the grid on dev, the similarities, what was chosen and its gain on test."""
    from workbench.figures import make_spec

    console.print(terminal_heatmap(make_spec("aligners", result.tables)))
    print_similarity(result)
    _print_mismatch(result)
    print_verdict(result)
    console.print(f"heatmap  {result.paths['heatmap']}", soft_wrap=True)
    console.print(f"tables   {result.paths['sweep'].parent}/*.parquet, manifest.json\n", soft_wrap=True)


def terminal_heatmap(spec: "Spec", title: str = "", rows: Sequence[str] = ()) -> Text:
    """The first panel as coloured cells with their numbers, as many columns side by side as have room.

    `title` and `rows` replace those of the figure.
    """
    from workbench.figures import Cells

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
        for name, values in zip(rows, panel.values, strict=True):
            out.append(f"{name:<{label}} ")
            for value in values[start : start + at_once]:
                out.append(f"{signed(value, digits, none=''):>{wide}}", style=_style(value, scale))
            out.append("\n")
    return out


def _style(value: float | None, scale: "Scale") -> str:
    """The colours of the figures."""
    from workbench.figures.look import ink, shade

    if value is None:
        return ""
    red, green, blue = (round(255 * part) for part in shade(value, scale))
    return f"{ink(value, scale)} on rgb({red},{green},{blue})"


def print_similarity(result: "StudyResult") -> None:
    """Held-out R² of the headline's maps, and every measure, by layer."""
    fit, similarity = result.tables["fit"], result.tables["similarity"]
    headline, sites = result.headline.choice.aligner, similarity.site.unique()
    curves = {f"R² of {headline}": fit[fit.aligner == headline].set_index("site").r2}
    curves |= {
        str(name): own.set_index("site").value for name, own in similarity.groupby("measure", sort=False)
    }
    rows: list[Row] = [
        ((name,), [number(value) for value in curve.reindex(sites)], ()) for name, curve in curves.items()
    ]
    print_layers(f"on {result.n['held_out']} held-out sentences", ("",), sites, rows)


def _print_mismatch(result: "StudyResult") -> None:
    """Print how far the states that maps are applied to lie from the states they were fitted on."""
    # The embedding is not patched, so how far its states lie says nothing here.
    rows = result.tables["mismatch"].dropna(subset=["ratio", "layer"])
    if rows.empty:
        return
    worst = rows.iloc[int(rows.ratio.to_numpy().argmax())]
    ratio = float(worst.ratio)
    console.print(
        f"\nMismatch: prompt states are up to {ratio:.1f} times as far from the mean of the sentence states "
        f"used for fitting as those states are themselves (at {worst.site}).",
        style="yellow" if ratio > FAR else "dim",
    )


def print_report(folder: Path) -> None:
    """Write the report page and print its path."""
    from workbench.report import write_report

    console.print(f"report   {write_report(folder)}", soft_wrap=True, markup=False)


def print_verdict(result: "StudyResult") -> None:
    """Print what each aligner chose on dev, its gain on test, and the verdict in a sentence."""
    columns = ("aligner", "patch type", "layer", "α", "gain on test", "first minus this")
    rows: list[tuple[object, ...]] = []
    for outcome in result.outcomes:
        choice = outcome.choice
        rows.append(
            (
                choice.aligner + ("*" if outcome.is_control else ""),
                choice.intervention or "",
                "none" if choice.layer is None else choice.layer,
                "" if choice.layer is None else f"{choice.strength:g}",
                "no patch chosen" if choice.layer is None else estimated(outcome.gain, 2),
                estimated(result.headline_over.get(choice.aligner), 2, none=""),
            )
        )
    shown = len(columns) if console.width >= ROOM else -1  # the sentences below name what it beats
    print_dense("chosen on dev, judged on test", columns[:shown], (row[:shown] for row in rows), words=2)
    console.print("95 % intervals in brackets. * control: an aligner has to gain more than its controls.\n")
    print_sentence(result, result.sentence)


def _print_without_patch(result: "StudyResult") -> None:
    """The gains on dev, at the headline's layer, of aligners that chose no patch."""
    best, dev = result.headline.choice, result.tables["exploration"]
    if best.layer is None:
        return
    same = (dev.layer == best.layer) & (dev.intervention == best.intervention) & (dev.joint == "one")
    there = dev[same & (dev.strength == best.strength)].drop_duplicates("aligner").set_index("aligner").gain
    without = [o.choice.aligner for o in result.others if o.choice.layer is None]
    gains = ", ".join(
        f"{name.replace('_', ' ')} {signed(there[name], 2)}" for name in without if name in there
    )
    if gains:
        console.print(
            f"Without a chosen patch, gain on dev at layer {best.layer}, α = {best.strength:g}: {gains}."
        )


def print_sentence(result: "StudyResult", sentence: str) -> None:
    """Print the verdict in a sentence, and the evidence for and against it."""
    console.print(Text(sentence, style="bold"))
    if result.share_of_gap is not None:
        console.print(f"{percent(result.share_of_gap)} of the gap is closed.")
    for line in evidence_sentences(result.tables["selection"]):
        console.print(line)
    _print_without_patch(result)
    console.print()


def print_together(results: "Sequence[StudyResult]") -> None:
    """Print all pairs and tasks in one table, with Holm-corrected p-values."""
    from workbench.study.diagnosis import holm_of

    rows = []
    for result, verdict in zip(results, holm_of(results), strict=True):
        choice = result.headline.choice
        rows.append(
            (
                result.pair,
                result.task,
                verdict.kind,
                "none" if choice.layer is None else f"{choice.layer}",
                "" if choice.layer is None else choice.aligner,
                estimated(verdict.gain, 2),
                plain(result.gap and result.gap.estimate, 2, none=""),
                f"{verdict.adjusted_p:.3f}",
            )
        )
    columns = ("pair", "task", "verdict", "layer", "aligner", "gain on test", "gap", "p (Holm)")
    console.print(table(columns, rows, words=3))


def run(options: argparse.Namespace) -> None:
    """Test at which layer, and whether, mapping one language onto another improves a task.

    Steps: check the sentences, capture states, fit maps and controls, patch every layer on dev items,
    choose aligner, layer, patch type and strength there, and score the choice once on test items. An
    interrupted run resumes when the same command is given again.
    """
    options = configured(options)
    if options.quick:
        vars(options).update({name: value for name, value in QUICK.items() if name not in options.given})
    start = time.perf_counter()
    diagnosis = set_up(options)
    write_bytes(options.out / "study.toml", as_toml(options).encode())
    if diagnosis.examination is not None:
        _print_examination(diagnosis.examination)
    results = []
    for study in diagnosis.studies:
        with progress_bar():
            facts = study.facts()
        print_facts(study, facts)
        if not facts.worth_going_on and not options.anyway:
            console.print(
                f"No gap to close: it is smaller than {facts.delta_gap:g} on dev, {estimated(facts.gap)}. "
                "Stopped before the long work; --anyway goes on.",
                style="bold",
            )
            continue
        if facts.gap is not None and facts.gap.low <= 0:
            console.print(
                f"The gap is not known well: {estimated(facts.gap)} on {facts.n_dev} dev items. It may be absent; "
                f"a study ends here only where it is shown to be smaller than {facts.delta_gap:g} (--delta-gap).",
                style="yellow",
            )
        with progress_bar():
            results.append(study.run())
        print_result(results[-1])
    if results:
        diagnosis.conclude(results)
        print_report(options.out)
    if len(results) > 1:
        print_together(results)
    print_end(diagnosis.studies[0].text, start)


def set_up(options: argparse.Namespace) -> "Diagnosis":
    """Read what the options name, and set up a study for each pair and task."""
    from workbench.study import prepare
    from workbench.tasks import with_chat

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
    use_threads(threads_of(options, model))
    if options.chat:
        tasks = [with_chat(task, model.tokens.chat) for task in tasks]
    text = None if text is None else with_room(options, model, text)
    return prepare(model, text, tasks, pairs, options.out, settings, progress, options.overwrite)


def _tasks(options: argparse.Namespace, languages: list[str] | None) -> "list[Any]":
    """The tasks the options name, in the languages of the pairs as far as they are asked in them."""
    from workbench.organism import shipped
    from workbench.organism.texts import TASKS

    if options.task is None and options.model not in MODELS:
        raise InputError("which task? give --task, such as xcopa:FOLDER or a table of choices")
    tasks = []
    for name in names(options.task or "exact") or []:
        # The organism's tasks are called by their bare names, but only with the organism.
        own = options.model in MODELS and name in TASKS
        if own and options.prompts != "en":
            raise InputError(f"task {name!r} of the organism has prompts of its own: leave out --prompts")
        tasks.append(_cut(shipped().task(name) if own else _read(name, languages, options.prompts), options))
    return tasks


def _read(name: str, languages: list[str] | None, prompts: str) -> Any:
    from workbench.tasks import read_task

    if languages is None:
        return read_task(name, prompts=prompts)
    try:
        # Some tasks hold a hundred languages: only those of the pairs are read, if all are there.
        return read_task(name, languages, prompts=prompts)
    except InputError as error:
        try:
            task = read_task(name, prompts=prompts)
        except InputError as other:
            both = str(error) if str(other) == str(error) else f"{error}; of all languages: {other}"
            raise InputError(both) from other
        console.print(f"{error}; read in {', '.join(task.languages)}", style="yellow", markup=False)
        return task


def _cut(task: Any, options: argparse.Namespace) -> Any:
    """With shots, and no more items than asked for."""
    from workbench.tasks import with_shots

    task = with_shots(task, options.shots, seed=options.seed)
    counts = {"fit": None, "dev": options.dev, "test": options.test}
    return task.first(**{split: count or len(task.all) for split, count in counts.items()})


def _print_examination(examination: "Examination") -> None:
    """Print the doctor's findings in the sentences."""
    notices = len(examination.report.notices)
    rows = f"{examination.report.n_rows} rows"
    if not examination.findings:
        more = f"; {notices} notices (workbench doctor shows them)" if notices else ""
        console.print(f"Doctor: {rows}, none left out{more}.")
    for line in examination.sentences:
        console.print(f"Doctor: of {rows} {line}.", style="yellow")


COMMAND = Command(
    run,
    help="test whether mapping one language onto another improves a task; resumable",
    example="""workbench diagnose bigscience/bloomz-560m --pair sw-en --text ntrex128 --task xcopa:data/xcopa
  workbench diagnose organism --pair x-poor-far-x-main --quick""",
    options={**study_options("runs/diagnose"), "--anyway": "continue even if dev items show no gap"},
    groups={
        **INPUTS,
        "task": {
            "--task NAME[:PATH],…": "tasks, such as xcopa:folder or items.tsv (of the organism: exact)",
            "--prompts en|item|FILE": (
                "prompts: en, item (the language of the item) or a TOML file of templates",
                "en",
            ),
            "--chat": "wrap prompts in the model's chat template",
            "--shots N": ("solved examples before each item", 0),
            "--dev N": "maximum number of dev items (default: all)",
            "--test N": "maximum number of test items (default: all)",
        },
        "aligners and patches": {
            **settings_options(
                *("aligners", "headline", "interventions", "strengths", "choices_by", "joint", "positions")
            ),
            "--fit-on": {
                "choices": ("sentences", "prompts"),
                "default": "sentences",
                "help": "fit maps on the parallel text (default) or on the task's fit prompts",
            },
            "--quick": "only ridge, mean shift and shuffled pairs, at three strengths",
            **settings_options("delta", "delta_gap", "refits", "batch_size", "allow_naive"),
        },
    },
    configurable=True,
)

"""`workbench diagnose`: from model, sentences and task to a verdict, and what is printed of it."""

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.text import Text

from workbench.cli.config import as_toml, configurable, configured
from workbench.cli.layers import Row, number, print_dense, print_layers
from workbench.cli.options import (
    add_model_options,
    add_pair_options,
    add_settings,
    add_text_options,
    load,
    names,
    read_pairs,
    read_text,
    settings_of,
    with_room,
)
from workbench.cli.runs import add_overwrite, add_threads, threads_of, use_threads
from workbench.cli.show import caution, console, duration, progress_bar, table
from workbench.core.numbers import estimated, percent, plain, signed
from workbench.core.store import write_bytes
from workbench.core.types import Progress as Callback
from workbench.core.types import silent

if TYPE_CHECKING:
    from workbench.figures import Scale, Spec
    from workbench.study import Diagnosis, Examination, FirstFacts, Study, StudyResult
    from workbench.tasks import AnswerTask, ChoiceTask


# Print the result of a study: first facts, heatmap, similarities, verdict.


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
    seen: list[tuple[str, str]] = [(f"accuracy in {study.source}", estimated(facts.baseline, sign=False))]
    if facts.target_accuracy is not None and facts.gap is not None:
        seen.append((f"accuracy in {study.target}, same items", estimated(facts.target_accuracy, sign=False)))
        seen.append(("gap", estimated(facts.gap, sign=False)))
    if facts.chance is not None:
        seen.append(("chance level", f"{facts.chance:.3f}"))
    seen.append(("minimum detectable gain on test (80 % power)", f"{facts.detectable:.3f}"))
    console.print(table((f"unpatched, {facts.n_dev} dev items", "[95 %]"), seen))
    for note in getattr(study.task, "notes", ()):
        console.print(f"{study.task.name}: {note}.", style="dim")
    if facts.gap is None:
        console.print(
            f"The task has no {study.target} items: gap and loss in {study.target} are unknown.\n",
            style="yellow",
        )


def print_found(result: "StudyResult") -> None:
    """Print the grid on dev, the similarities, what was chosen and its gain on test."""
    from workbench.figures import make_spec

    console.print(terminal_heatmap(make_spec("methods", result.tables)))
    print_similarity(result)
    _print_mismatch(result)
    print_verdict(result)
    console.print(f"heatmap  {result.paths['heatmap']}", soft_wrap=True)
    console.print(f"tables   {result.paths['sweep'].parent}/*.parquet, manifest.json\n", soft_wrap=True)


def terminal_heatmap(spec: "Spec") -> Text:
    """The first panel as coloured cells with their numbers, as many columns side by side as have room."""
    from workbench.figures import Cells

    panel, scale = spec.panels[0], spec.scale
    assert isinstance(panel, Cells) and scale is not None, "a heatmap has cells and a scale"
    label = max(len(row) for row in panel.rows)
    room = max(console.width - label - 2, WIDE)
    digits, wide = (3, WIDE) if len(panel.columns) * WIDE <= room else (2, WIDE - 1)
    at_once = room // wide
    out = Text(f"{scale.title}, by {panel.column_title} (exploration)\n", style="bold")
    for start in range(0, len(panel.columns), at_once):
        columns = panel.columns[start : start + at_once]
        out.append(" " * (label + 1) + "".join(f"{column:>{wide}}" for column in columns) + "\n")
        for name, values in zip(panel.rows, panel.values, strict=True):
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
    sites = list(dict.fromkeys(similarity.site))
    ours = fit[fit.aligner == result.headline.choice.aligner].set_index("site").r2
    cells = [plain(ours[site], 2) if site in ours else "" for site in sites]
    rows: list[Row] = [((f"R² of {result.headline.choice.aligner}",), cells, ())]
    for name, some in similarity.groupby("measure", sort=False):
        values = some.set_index("site").value
        rows.append(((f"{name}",), [number(values[site]) for site in sites], ()))
    print_layers(f"on {result.n['held_out']} held-out sentences", ("",), sites, (), rows)


def _print_mismatch(result: "StudyResult") -> None:
    """Print how far the states that maps are applied to lie from the states they were fitted on."""
    # The embedding is not patched, so how far its states lie says nothing here.
    rows = result.tables["mismatch"].dropna(subset=["ratio", "layer"]).to_dict("records")
    if not rows:
        return
    worst = max(rows, key=lambda row: float(row["ratio"]))
    ratio = float(worst["ratio"])
    console.print(
        f"\nMismatch: prompt states are up to {ratio:.1f} times as far from the mean of the sentence states "
        f"used for fitting as those states are themselves (at {worst['site']}).",
        style="yellow" if ratio > FAR else "dim",
    )


def print_report(folder: Path) -> None:
    """Write the report page and print its path."""
    from workbench.report import write_report

    console.print(f"report   {write_report(folder)}", soft_wrap=True, markup=False)


def print_verdict(result: "StudyResult") -> None:
    """Print what each aligner chose on dev, its gain on test, and the verdict in a sentence."""
    columns = ("aligner", "patch type", "layer", "α", "gain on test", "first minus this")
    rows = []
    for outcome in result.outcomes:
        choice = outcome.choice
        over = result.headline_over.get(choice.aligner)
        nothing = choice.layer is None
        rows.append(
            (
                choice.aligner + ("*" if outcome.is_control else ""),
                choice.intervention or "",
                "none" if nothing else choice.layer,
                "" if nothing else f"{choice.strength:g}",
                "no patch chosen" if nothing else estimated(outcome.gain, 2),
                "" if over is None else estimated(over, 2),
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
    without = [
        o.choice.aligner for o in result.others if o.choice.layer is None and o.choice.aligner in there
    ]
    if without:
        gains = ", ".join(f"{name.replace('_', ' ')} {signed(there[name], 2)}" for name in without)
        console.print(
            f"Without a chosen patch, gain on dev at layer {best.layer}, α = {best.strength:g}: {gains}."
        )


def print_sentence(result: "StudyResult", sentence: str) -> None:
    """Print the verdict in a sentence, and the evidence for and against it."""
    from workbench.results import evidence_sentences

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

    together = holm_of(results)
    rows = []
    for result, verdict in zip(results, together, strict=True):
        choice = result.headline.choice
        rows.append(
            (
                result.pair,
                result.task,
                verdict.kind,
                "none" if choice.layer is None else f"{choice.layer}",
                "" if choice.layer is None else choice.aligner,
                estimated(verdict.gain, 2),
                "" if result.gap is None else plain(result.gap.estimate, 2),
                f"{verdict.adjusted_p:.3f}",
            )
        )
    columns = ("pair", "task", "verdict", "layer", "aligner", "gain on test", "gap", "p (Holm)")
    console.print(table(columns, rows, words=3))


# Test at which layer, and whether, mapping one language onto another improves a task.
#
# Steps: check the sentences, capture states, fit maps and controls, patch every layer on dev items, choose
# aligner, layer, patch type and strength there, and score the choice once on test items. An interrupted run
# resumes when the same command is given again.


HELP = "test whether mapping one language onto another improves a task; resumable"
EXAMPLE = """workbench diagnose bigscience/bloomz-560m --pair sw-en --text ntrex128 --task xcopa:data/xcopa
  workbench diagnose organism --pair x-poor-far-x-main --quick"""

QUICK: dict[str, Any] = {"aligners": "ridge,mean_shift,shuffled_pairs", "strengths": "0.25,0.5,1"}
"""What --quick stands for, where nothing else is asked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_model_options(parser)
    add_text_options(parser)
    add_pair_options(parser)
    task = parser.add_argument_group("task")
    task.add_argument(
        "--task",
        metavar="NAME[:PATH],…",
        help="tasks, such as xcopa:folder or items.tsv (with the organism as model: exact)",
    )
    task.add_argument(
        "--prompts",
        default="en",
        metavar="en|item|FILE",
        help="prompts: en, item (the language of the item) or a TOML file of templates (default: en)",
    )
    task.add_argument("--chat", action="store_true", help="wrap prompts in the model's chat template")
    task.add_argument("--shots", type=int, default=0, help="solved examples before each item (default: 0)")
    task.add_argument("--dev", type=int, help="maximum number of dev items (default: all)")
    task.add_argument("--test", type=int, help="maximum number of test items (default: all)")
    _add_sweep_options(parser)
    parser.add_argument("--anyway", action="store_true", help="continue even if dev items show no gap")
    parser.add_argument("--out", type=Path, default=Path("runs/diagnose"), help="default: runs/diagnose")
    add_threads(parser)
    add_overwrite(parser)
    configurable(parser)


def _add_sweep_options(parser: argparse.ArgumentParser) -> None:
    sweep = parser.add_argument_group("aligners and patches")
    add_settings(
        sweep,
        ("aligners", "headline", "interventions", "strengths", "choices_by", "joint", "positions"),
    )
    sweep.add_argument(
        "--fit-on",
        choices=("sentences", "prompts"),
        default="sentences",
        help="fit maps on the parallel text (default) or on the task's fit prompts",
    )
    sweep.add_argument(
        "--quick", action="store_true", help="only ridge, mean shift and shuffled pairs, at three strengths"
    )
    add_settings(sweep, ("delta", "refits", "batch_size", "allow_naive"))


def run(options: argparse.Namespace) -> int:
    """Set up, first facts, the long work, the verdict."""
    options = configured(options)
    if options.quick:
        vars(options).update({name: value for name, value in QUICK.items() if name not in options.given})
    start = time.perf_counter()
    shown = Shown()
    diagnosis = set_up(options, shown)
    write_bytes(options.out / "study.toml", as_toml(options).encode())
    if diagnosis.examination is not None:
        _print_examined(diagnosis.examination)
    results = []
    for study in diagnosis.studies:
        with shown.bar():
            facts = study.facts()
        print_facts(study, facts)
        if not facts.worth_going_on and not options.anyway:
            console.print(_nothing_to_close(facts), style="bold")
            continue
        with shown.bar():
            results.append(study.run())
        print_found(results[-1])
    if results:
        diagnosis.conclude(results)
        print_report(options.out)
    if len(results) > 1:
        print_together(results)
    caution(diagnosis.studies[0].text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


class Shown:
    """The progress of the step that is running: a bar of its own each time, gone when the step is done."""

    def __init__(self) -> None:
        self._draw: Callback = silent

    def __call__(self, what: str, done: int, total: int) -> None:
        """Pass it on to the bar there is."""
        self._draw(what, done, total)

    @contextmanager
    def bar(self) -> Iterator[None]:
        """Show what is reported inside the block."""
        with progress_bar() as self._draw:
            yield
        self._draw = silent


def set_up(options: argparse.Namespace, progress: Callback) -> "Diagnosis":
    """Read what the options name, and set up a study for each pair and task."""
    from workbench.study import prepare
    from workbench.tasks import with_chat

    # What can be wrong is read before the model, which takes longest to load.
    settings = settings_of(options)
    text = read_text(options) if options.fit_on == "sentences" else None
    pairs = None if text is None else read_pairs(options, text.languages)
    tasks = _tasks(
        options, None if pairs is None else [*dict.fromkeys(code for pair in pairs for code in pair)]
    )
    if pairs is None:
        pairs = read_pairs(options, tasks[0].languages)
    model = load(options)
    use_threads(threads_of(options, model))
    if options.chat:
        tasks = [with_chat(task, model.tokens.chat) for task in tasks]
    text = None if text is None else with_room(options, model, text)
    return prepare(model, text, tasks, pairs, options.out, settings, progress, options.overwrite)


def _tasks(options: argparse.Namespace, languages: list[str] | None) -> "list[Any]":
    """The tasks the options name, in the languages of the pairs as far as they are asked in them."""
    from workbench.core.bundled import MODELS
    from workbench.core.errors import InputError
    from workbench.organism import shipped
    from workbench.organism.items import TASKS

    if options.task is None and options.model not in MODELS:
        raise InputError("which task? give --task, such as xcopa:FOLDER or a table of choices")
    tasks: list[Any] = []
    for name in names(options.task or "exact") or []:
        # The organism's tasks are called by their bare names, but only with the organism.
        own = options.model in MODELS and name in TASKS
        if own and options.prompts != "en":
            raise InputError(f"task {name!r} of the organism has prompts of its own: leave out --prompts")
        read: Any = shipped().task(name) if own else _read(name, languages, options.prompts)
        tasks.append(_cut(read, options))
    return tasks


def _read(name: str, languages: list[str] | None, prompts: str) -> Any:
    from workbench.core.errors import InputError
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


T = TypeVar("T", "ChoiceTask", "AnswerTask")


def _cut(task: T, options: argparse.Namespace) -> T:
    """With shots, and no more items than asked for."""
    from workbench.tasks import with_shots

    task = with_shots(task, options.shots, seed=options.seed)
    everything = len(task.all)
    counts = {split: getattr(options, split, None) or everything for split in ("fit", "dev", "test")}
    return task.first(**counts)


def _print_examined(seen: "Examination") -> None:
    """The doctor's word on the sentences."""
    notices = len(seen.report.notices)
    rows = f"{seen.report.n_rows} rows"
    if not seen.findings:
        more = f"; {notices} notices (workbench doctor shows them)" if notices else ""
        console.print(f"Doctor: {rows}, none left out{more}.")
    for line in seen.sentences:
        console.print(f"Doctor: of {rows} {line}.", style="yellow")


def _nothing_to_close(facts: "FirstFacts") -> str:
    assert facts.gap is not None
    return (
        f"No gap to close is seen on dev: {estimated(facts.gap)}. Stopped before the long work; "
        "--anyway goes on."
    )

"""Test at which layer, and whether, mapping one language onto another improves a task.

Steps: check the sentences, capture states, fit maps and controls, patch every layer on dev items, choose
aligner, layer, patch type and strength there, and score the choice once on test items. An interrupted run
resumes when the same command is given again.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.cli.config import as_toml, configurable, configured
from workbench.cli.findings import (
    print_facts,
    print_found,
    print_report,
    print_together,
)
from workbench.cli.options import (
    add_model_options,
    add_pair_options,
    add_text_options,
    load,
    names,
    read_pairs,
    read_text,
    with_room,
)
from workbench.cli.runs import add_overwrite, add_threads, threads_of, use_threads
from workbench.cli.settings import add_settings, settings_of
from workbench.cli.show import caution, console, duration, progress_bar
from workbench.core.numbers import estimated
from workbench.core.progress import Progress as Callback
from workbench.core.progress import silent
from workbench.core.store import write_bytes

if TYPE_CHECKING:
    from workbench.study import Diagnosis, Examination, FirstFacts
    from workbench.tasks import AnswerTask, ChoiceTask

HELP = "test whether mapping one language onto another improves a task; resumable"
EXAMPLE = """workbench diagnose bigscience/bloomz-560m --pair sw-en --text ntrex128 --task xcopa:xcopa
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
        help="language or file of the prompts (default: en)",
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

"""Run all steps on the bundled organism, a small model of invented languages; needs no network and no GPU.

For each language and task: capture states in both languages, fit a map per layer, measure similarity, patch
every layer, choose a layer on dev items and score it once on test items, with controls. Writes tables, a
report and figures. Finished steps are reused.
"""

import argparse
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.demonstrated import print_gaps, print_grid, print_judged, print_words
from workbench.cli.findings import print_report
from workbench.cli.runs import add_overwrite, use_threads
from workbench.cli.show import caution, console, duration, progress_bar
from workbench.core.store import write_bytes

if TYPE_CHECKING:
    from workbench.core.progress import Progress
    from workbench.study import Diagnosis, StudyResult

HELP = "run all steps on the bundled model, in about a minute"
EXAMPLE = "workbench demo --out runs/demo"

TASKS = ("exact", "two-choice")
ITEMS = {"dev": 100, "test": 150}
"""Numbers of items, enough for a demonstration."""
PROMPTS = 250
CONTROLS = ("mean_shift", "shuffled_pairs", "random_equal_norm")
FIGURES = ("layers", "methods", "pca", "gap")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--source", help="one source language (default: all five)")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder (default: runs/demo)")
    parser.add_argument("--backend", default="bridge", help="bridge (default) or hooked")
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads (default: 1, the fastest for so small a model)"
    )
    add_overwrite(parser)


def run(options: argparse.Namespace) -> int:
    """Study the organism and print the results."""
    from workbench.organism import shipped

    use_threads(options.threads)
    start = time.perf_counter()
    organism = shipped()
    sources = _sources(organism.config, options.source)
    with progress_bar() as progress:
        diagnosis, results = _study(organism, sources, options, progress)
    print_gaps(results)
    print_grid(results)
    print_judged(results)
    print_words(results)
    command = ["workbench", "demo", *(["--source", options.source] if options.source else [])]
    command += ["--out", str(options.out), "--backend", options.backend, "--threads", str(options.threads)]
    write_bytes(options.out / "command.txt", f"{shlex.join(command)}\n".encode())
    print_report(options.out)
    _draw(options.out, shlex.join(command))
    caution(diagnosis.studies[0].text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def _sources(config: Any, wanted: str | None) -> list[str]:
    from workbench.core.errors import InputError

    main = config.main.code
    if wanted is None:
        return [language.code for language in config.languages if language.code != main]
    source: str = config.language(wanted).code
    if source == main:
        raise InputError(f"{source} is the main language: name another as --source")
    return [source]


def _study(
    organism: Any, sources: Sequence[str], options: argparse.Namespace, progress: "Progress"
) -> "tuple[Diagnosis, list[StudyResult]]":
    from workbench.models import load_model
    from workbench.study import Settings, prepare

    progress("loading", 0, 1)
    model = load_model("organism", backend=options.backend)
    progress("loading", 1, 1)
    tasks = [organism.task(name).first(**ITEMS) for name in TASKS]
    text = organism.text().select(range(PROMPTS))
    pairs = [(source, organism.config.main.code) for source in sources]
    settings = Settings(
        aligners=("ridge", *CONTROLS),
        headline="ridge",
        interventions=("replace",),
        strengths=(1.0,),
        batch_size=256,
    )
    diagnosis = prepare(model, text, tasks, pairs, options.out, settings, overwrite=options.overwrite)
    results = []
    for done, study in enumerate(diagnosis.studies):
        progress(f"studies ({study.pair}, {study.task.name})", done, len(diagnosis.studies))
        results.append(study.run())
        progress(f"studies ({study.pair}, {study.task.name})", done + 1, len(diagnosis.studies))
    diagnosis.conclude(results)
    return diagnosis, results


def _draw(folder: Path, command: str) -> None:
    from workbench.figures.frames import join_runs
    from workbench.figures.writing import write_figures
    from workbench.results import open_run

    with progress_bar() as progress:
        written = write_figures(
            join_runs(open_run(folder)),
            folder / "figures",
            formats=("pdf",),
            only=FIGURES,
            command=command,
            progress=progress,
        )
    console.print(
        f"figures  {folder / 'figures'}, {len(written.files)} files; all kinds: workbench figures {folder}",
        soft_wrap=True,
    )

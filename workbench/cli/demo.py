"""Run the whole path on the organism that ships: a small model of invented languages, no network, no GPU.

Capture both languages, fit a map per layer, compare the languages, patch at every layer, choose the
layer on dev items and judge it once on test items, beside controls; then write tables, a report and figures.
"""

import argparse
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.findings import print_found, print_report, with_interval
from workbench.cli.show import caution, console, duration, progress_bar, table
from workbench.store import write_bytes

if TYPE_CHECKING:
    from workbench.study import StudyResult

HELP = "the whole path on the model that ships, in about a minute"
EXAMPLE = "workbench demo --out runs/demo"


TASK = "exact"
ITEMS = {"dev": 300, "test": 1000}
"""Of the organism's items, as many as a first look needs."""
PROMPTS = 600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--source", default="x-poor-far", help="language to map into the main one (default: x-poor-far)"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder (default: runs/demo)")
    parser.add_argument("--backend", default="bridge", help="bridge (default) or hooked")
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads (default: 1, the fastest for so small a model)"
    )


def run(options: argparse.Namespace) -> int:
    """Study the organism, print what was found."""
    import torch

    from workbench.errors import InputError
    from workbench.figures.tables_in import read_run
    from workbench.figures.writing import write_figures
    from workbench.models import load_model
    from workbench.organism import shipped
    from workbench.study import Study

    if options.threads < 1:
        raise InputError(f"--threads must be at least 1, not {options.threads}")
    torch.set_num_threads(options.threads)
    start = time.perf_counter()
    organism = shipped()
    main, source = organism.config.main.code, organism.config.language(options.source).code
    if source == main:
        raise InputError(f"{source} is the main language: name another as --source")
    with progress_bar() as progress:
        model = load_model(organism.folder, backend=options.backend)
        text, task = organism.text().select(range(PROMPTS)), organism.task(TASK).first(**ITEMS)
        study = Study(model, text, task, source, main, options.out, progress=progress)
        result = study.run()
    _print_setting(result)
    print_found(result)
    command = ["workbench", "demo", "--source", options.source, "--out", str(options.out)]
    command += ["--backend", options.backend, "--threads", str(options.threads)]
    write_bytes(options.out / "command.txt", f"{shlex.join(command)}\n".encode())
    print_report(options.out)
    with progress_bar() as progress:
        drawn = read_run(options.out)
        written = write_figures(
            drawn,
            options.out / "figures",
            formats=("pdf", "png"),
            command=shlex.join(command),
            progress=progress,
        )
    console.print(f"figures  {options.out / 'figures'}, {len(written.files)} files", soft_wrap=True)
    caution(text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def _print_setting(result: "StudyResult") -> None:
    console.print(
        f"An organism: a model of {result.model['n_layers']} layers that has read six invented languages. It "
        f"learned a skill in {result.target}, but of {result.source} little more than the words.\n"
    )
    n = result.n
    rows = [
        (f"accuracy in {result.source}, unpatched", with_interval(result.baseline)),
        (f"accuracy in {result.target} on the same items", with_interval(result.known_ceiling)),
        ("gap", with_interval(result.known_gap)),
    ]
    console.print(f"{result.pair}: {n['fit']} sentences fitted, {n['dev']} dev items, {n['test']} test items")
    console.print(table(("", "test [95 %]"), rows))

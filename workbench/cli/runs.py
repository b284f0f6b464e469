"""Options of commands on a finished run: the run and the number of threads."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.options import names
from workbench.core.errors import InputError, StoreError
from workbench.core.types import Progress

if TYPE_CHECKING:
    from workbench.models import LanguageModel
    from workbench.study import Diagnosis

SMALL = 20_000_000
"""A model of fewer parameters is run on one thread: a second one costs more than it brings."""


def add_run_options(parser: argparse.ArgumentParser, out: str) -> None:
    """The run that a command is about, which of its pairs, and where the results go."""
    parser.add_argument(
        "study", metavar="RUN", nargs="?", default="organism", help="folder of a run (default: organism)"
    )
    parser.add_argument("--pairs", metavar="A-B,…", help="pairs of the run to use (default: all)")
    parser.add_argument("--out", type=Path, help=f"default: the run's folder; organism: {out}")
    parser.add_argument("--threads", type=int, help="CPU threads (default: as in the run)")
    add_overwrite(parser)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """How many threads compute."""
    parser.add_argument("--threads", type=int, help="CPU threads (default: one for a small model, else all)")


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Whether files of somebody else, or of another run, may be replaced."""
    parser.add_argument(
        "--overwrite", action="store_true", help="overwrite another run or other files in the output folder"
    )


def opened(options: argparse.Namespace, progress: Progress) -> "Diagnosis":
    """The studies of the run that the options name, with the model it was made with."""
    from workbench.study import open_run

    run = open_run(options.study)
    use_threads(options.threads or int(run.read_specification().threads))
    return run.diagnosis(
        pairs=named_pairs(options.pairs, [part.pair for part in run.parts]), progress=progress
    )


def named_pairs(value: str | None, known: Sequence[str]) -> list[str] | None:
    """The pairs named, among those of a run; None for all of them."""
    if value is None:
        return None
    wanted = names(value) or []
    for pair in wanted:
        if pair not in known:
            raise InputError(
                f"--pairs {pair}: the run has no study of it, but {', '.join(dict.fromkeys(known))}"
            )
    return wanted


def organism_studies(
    pairs: str | None,
    folder: Path,
    *,
    dev: int,
    test: int,
    threads: int | None,
    overwrite: bool,
    progress: Progress,
    known: Sequence[str] = (),
) -> "Diagnosis":
    """The organism's own run, with the defaults of a study; without pairs named, of the `known` ones."""
    from workbench.cli.options import read_pairs
    from workbench.models import load_model
    from workbench.organism import shipped
    from workbench.study import prepare

    organism, text = shipped(), shipped().text()
    wanted = read_pairs(argparse.Namespace(pairs=pairs or ",".join(known)), text.languages)
    use_threads(threads or 1)
    counts = {"fit": len(organism.task("exact").all), "dev": dev, "test": test}
    tasks = [organism.task("exact").first(**counts)]
    return prepare(
        load_model("organism"), text, tasks, wanted, folder, progress=progress, overwrite=overwrite
    )


def threads_of(options: argparse.Namespace, model: "LanguageModel") -> int:
    """The threads asked for, those that the run in the folder was begun with, or what the model's size tells.

    Sums over more threads differ in their last digits, so a run that is taken up again has as many as before.
    """
    import torch

    from workbench.core.store import read_json
    from workbench.results import SPECIFICATION

    if options.threads is not None:
        return int(options.threads)
    before: dict[str, Any] = {}
    if (path := options.out / SPECIFICATION).exists():
        try:
            before = read_json(path)
        except StoreError:  # said, and written anew, where it is needed
            before = {}
    if before.get("threads"):
        return int(before["threads"])
    info = model.info
    parameters = info.d_model * (12 * info.n_layers * info.d_model + info.d_vocab)
    return 1 if parameters < SMALL else torch.get_num_threads()


def use_threads(count: int) -> None:
    """Let torch compute on so many threads."""
    import torch

    if count < 1:
        raise InputError(f"--threads must be at least 1, not {count}")
    torch.set_num_threads(count)

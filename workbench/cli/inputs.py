"""What the options name: model, sentences, pairs, a finished run, and the number of threads."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.cli.options import chosen, names
from workbench.cli.terminal import progress
from workbench.core.bundled import MODELS, TEXTS
from workbench.core.errors import InputError, StoreError
from workbench.core.languages import canonical, read_pair
from workbench.core.store import read_json

if TYPE_CHECKING:
    from workbench.models import LanguageModel
    from workbench.study import Diagnosis
    from workbench.text import ParallelText

SMALL = 20_000_000
"""A model of fewer parameters is run on one thread: a second one costs more than it brings."""


def load(options: argparse.Namespace) -> "LanguageModel":
    """The model the options name."""
    from workbench.models import load_model

    same = chosen(options, "backend", "device", "attn", "revision", "device_map", "trust_remote_code", "bos")
    return load_model(options.model, dtype=options.model_dtype, **same)


def read_text(options: argparse.Namespace) -> "ParallelText":
    """The parallel text the options name."""
    from workbench.text import read

    # Text of invented languages tells another model nothing, so only the organism has it by default.
    name = options.text or (options.model if options.model in MODELS and options.model in TEXTS else None)
    if name is None:
        here = ", ".join(TEXTS)
        raise InputError(f"which sentences? give --text, a file, folder or data set ({here} are here)")
    of_text = {part: getattr(options, f"text_{part}") for part in ("revision", "config", "split")}
    same = chosen(options, "format", "drop_missing")
    return read(name, languages=names(options.languages), **same, **of_text)


def with_room(
    options: argparse.Namespace, model: "LanguageModel", text: "ParallelText", template: str | None = None
) -> "ParallelText":
    """With --drop-long, the rows that the model has room for; else the text, which may then be refused."""
    from workbench.states import fitting

    return fitting(model, text, template) if options.drop_long else text


def read_pairs(options: argparse.Namespace, languages: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs the options name, among the languages of a text."""
    if options.pairs is not None:
        return [read_pair(name, languages) for name in names(options.pairs) or []]
    target = canonical(options.target) if options.target else languages[-1]
    if options.target is None and "x-main" in languages:
        target = "x-main"
    if target not in languages:
        raise InputError(f"--target {target} is not among the languages: {', '.join(languages)}")
    return [(language, target) for language in languages if language != target]


def opened(options: argparse.Namespace) -> "Diagnosis":
    """The studies of the run that the options name, with the model it was made with."""
    from workbench.study import open_run

    run = open_run(options.study)
    use_threads(options.threads or int(run.read_specification().threads))
    pairs = named_pairs(options.pairs, [part.pair for part in run.parts])
    return run.diagnosis(pairs=pairs, progress=progress)


def named_pairs(value: str | None, known: Sequence[str]) -> list[str] | None:
    """The pairs named, among those of a run; None for all of them."""
    pairs = names(value)
    for pair in pairs or ():
        if pair not in known:
            others = ", ".join(dict.fromkeys(known))
            raise InputError(f"--pairs {pair}: the run has no study of it, but {others}")
    return pairs


def threads_of(options: argparse.Namespace, model: "LanguageModel") -> int:
    """The threads asked for, those that the run in the folder was begun with, or what the model's size tells.

    Sums over more threads differ in their last digits, so a run that is taken up again has as many as before.
    """
    import torch

    from workbench.results import SPECIFICATION

    if options.threads is not None:
        return int(options.threads)
    try:
        if before := read_json(options.out / SPECIFICATION).get("threads"):
            return int(before)
    except StoreError:  # none there; a damaged one is reported, and written anew, where it is needed
        pass
    info = model.info
    parameters = info.d_model * (12 * info.n_layers * info.d_model + info.d_vocab)
    return 1 if parameters < SMALL else torch.get_num_threads()


def use_threads(count: int) -> None:
    """Let torch compute on so many threads."""
    import torch

    torch.set_num_threads(count)

"""What the options name: model, sentences, pairs, a finished run, and the number of threads."""

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import wraps
from os.path import exists, expanduser

import torch

from workbench.cli.options import Outcome, chosen, names
from workbench.cli.terminal import console, progress
from workbench.core.bundled import MODELS, TEXTS
from workbench.core.errors import InputError, StoreError
from workbench.core.languages import canonical, read_pair
from workbench.core.store import locked, read_json
from workbench.models import LanguageModel, load_model
from workbench.models.workers import working
from workbench.organism import shipped
from workbench.organism.texts import TASKS
from workbench.results import SPECIFICATION
from workbench.study import Diagnosis, open_run
from workbench.tasks import ChoiceTask
from workbench.text import ParallelText, read

SMALL = 20_000_000  # a model of fewer parameters is run on one thread: a second one costs more than it brings


def load(options: argparse.Namespace) -> LanguageModel:
    """The model the options name."""
    same = chosen(options, "backend", "device", "attn", "revision", "device_map", "trust_remote_code", "bos")
    same |= chosen(options, "title", "quantise")
    return load_model(options.model, dtype=options.model_dtype, **same)


def several(name: str) -> str | list[str]:
    """`a.sw,b.en` → the files of one text; a path that holds a comma is that path."""
    parts = [part.strip() for part in name.split(",") if part.strip()]
    return name if len(parts) < 2 or exists(expanduser(name)) else parts


def read_text(options: argparse.Namespace) -> ParallelText:
    """The parallel text the options name."""
    # Text of invented languages tells another model nothing, so only the organism has it by default.
    name = options.text or (options.model if options.model in MODELS and options.model in TEXTS else None)
    if name is None:
        here = ", ".join(TEXTS)
        raise InputError(f"which sentences? give --text, a file, folder or data set ({here} are here)")
    of_text = {part: getattr(options, f"text_{part}") for part in ("revision", "config", "split")}
    same = chosen(options, "format", "drop_missing")
    return read(several(name), languages=names(options.languages), **same, **of_text)


def own_task(model: str, name: str) -> ChoiceTask | None:
    """A task of the organism: called by its bare name, but only with the organism."""
    return shipped().task(name) if model in MODELS and name in TASKS else None


def read_pairs(options: argparse.Namespace, languages: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs the options name, among the languages of a text."""
    if options.pairs is not None:
        return [read_pair(name, languages) for name in names(options.pairs) or []]
    default = "x-main" if "x-main" in languages else languages[-1]
    target = canonical(options.target) if options.target else default
    if target not in languages:
        raise InputError(f"--target {target} is not among the languages: {', '.join(languages)}")
    return [(language, target) for language in languages if language != target]


def writing(run: Callable[[argparse.Namespace], Outcome]) -> Callable[[argparse.Namespace], Outcome]:
    """The command with its folder `--out` locked while it runs."""

    @wraps(run)
    def with_lock(options: argparse.Namespace) -> Outcome:
        with locked(options.out):
            return run(options)

    return with_lock


def opened(options: argparse.Namespace) -> Diagnosis:
    """The studies of the run that the options name, with the model it was made with."""
    run = open_run(options.study)
    torch.set_num_threads(options.threads or int(run.read_specification().threads))
    diagnosis = run.diagnosis(pairs=names(options.pairs), progress=progress)
    return diagnosis.on(helped(options, diagnosis.studies[0].model))


def helped(options: argparse.Namespace, model: LanguageModel) -> LanguageModel:
    """The model with the workers that the options name; they end with the command."""
    stack: ExitStack = options.closing
    return stack.enter_context(working(model, options.jobs, options.cluster))


def threads_of(options: argparse.Namespace, model: LanguageModel) -> int:
    """Threads of the options, else of the run in the folder (for the same rounding), else the fastest number.

    A small model takes one thread. For any other on the CPU a short unpatched pass is timed: while other
    programs compute, two threads may be several times slower than one.
    """
    if options.threads is not None:
        return int(options.threads)
    try:
        if before := read_json(options.out / SPECIFICATION).get("threads"):
            return int(before)
    except StoreError:  # none there; a damaged one is reported, and written anew, where it is needed
        pass
    info = model.info
    parameters = info.d_model * (12 * info.n_layers * info.d_model + info.d_vocab)
    if parameters < SMALL:
        return 1
    most = max(torch.get_num_threads() // options.jobs, 1)
    if most == 1 or model.device.type != "cpu":
        return most
    try:
        fastest = fastest_threads(lambda threads: _seconds_on(threads, model), most)
    finally:
        torch.set_num_threads(most)
    console.print(f"threads: {fastest} of {most} (measured)")
    return fastest


_FASTER = 0.9
"""What a larger number of threads takes of a smaller one's time, at most, to be preferred."""
_PASS = 4e9
"""Floating-point operations of the timed pass, in whole layers: a fraction of a second on one thread."""
_LONG = 0.4
"""Seconds: a pass that takes longer is not run again."""


def fastest_threads(seconds: Callable[[int], float], most: int) -> int:
    """1, half of the threads or all of them: the fastest, where more of them must be a tenth faster."""
    chosen, best = 1, seconds(1)
    for threads in ([most // 2] if most > 4 else []) + [most]:
        if (took := seconds(threads)) <= _FASTER * best:
            chosen, best = threads, took
    return chosen


@torch.inference_mode()
def _seconds_on(threads: int, model: LanguageModel) -> float:
    """The faster of two passes of 4 rows of 64 tokens through the first layers, unpatched."""
    info = model.info
    torch.set_num_threads(threads)
    ids = (3 + (torch.arange(256) * 7919) % max(info.d_vocab - 3, 1)).clamp(max=info.d_vocab - 1)
    rows = ids.reshape(4, 64)[:, : info.n_ctx].tolist()
    layers = min(max(int(_PASS / (256 * 24 * info.d_model**2)), 1), info.n_layers)
    times: list[float] = []
    while len(times) < 2 and sum(times) < _LONG:
        start = time.perf_counter()
        model.run(model.batch(rows), stop=layers, head=False)
        times.append(time.perf_counter() - start)
    return min(times)

"""`workbench demo`: the main steps on the bundled model, and what is printed of them."""

import argparse
import shlex
import time
from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch

from workbench.cli.diagnose import outcome_of, print_report, print_sentence, terminal_heatmap
from workbench.cli.figures import draw_figures
from workbench.cli.inputs import writing
from workbench.cli.options import Outcome
from workbench.cli.terminal import console, print_dense, print_end, progress, progress_bar
from workbench.core.errors import InputError
from workbench.core.numbers import cost_in_points, estimated, plain, signed
from workbench.core.store import write_bytes
from workbench.figures import headlines
from workbench.models import load_model
from workbench.organism import shipped
from workbench.study import Diagnosis, Settings, StudyResult, prepare
from workbench.study.diagnosis import holm_of

TASKS = ("exact", "two-choice")
ITEMS = {"dev": 100, "test": 150}
PROMPTS = 250
COMPARED = (
    "mean_shift",
    "shuffled_pairs",
    "random_equal_norm",
)  # an aligner that shifts the mean, two controls
FIGURES = ("layers", "aligners", "pca", "gap")

Results = Sequence["StudyResult"]


def print_setting(results: Results) -> None:
    """Print what the model and the data are."""
    first, n = results[0], results[0].n
    console.print(
        f"The model is an organism: a language model with {first.model['n_layers']} layers, trained on six "
        f"invented languages. It learned the tasks in {first.target}; of the others mostly vocabulary.\n\n"
        f"Each pair has {n['fit']} sentences for fitting; each task has {n['dev']} dev items for choosing "
        f"and {n['test']} test items for the verdict.\n"
    )


def print_grid(results: Results) -> None:
    """Print the gain of the headline's map on dev by layer, for each pair and task."""
    names = ("exploration", "selection")
    spec = headlines({name: pd.concat([result.tables[name] for result in results]) for name in names})
    title = f"gain in accuracy of {results[0].headline.choice.aligner} on dev"
    heatmap = terminal_heatmap(spec, title, [_title(result) for result in results])
    heatmap.rstrip()
    console.print(heatmap)


def print_verdicts(results: Results) -> None:
    """Print what was chosen for each pair and task, and the gains of it and of its best control on test."""
    rows, costs = [], []
    for result, verdict in zip(results, holm_of(results), strict=True):
        layer, kept, cost = result.headline.choice.layer, result.retained, 0
        if verdict.kind == "helps" and kept is not None:
            cost = cost_in_points(kept.interval.estimate, kept.holds)
        costs += [cost] if cost else []
        controls = [o.gain.estimate for o in result.others if o.is_control and o.choice.layer is not None]
        gap = plain(result.gap and result.gap.estimate, 2, none="")
        control = signed(max(controls, default=None), 2, none="no patch")
        kind = f"{verdict.kind}{'*' if cost else ''}"
        cells = ("none" if layer is None else layer, estimated(verdict.gain, 2), gap, control)
        rows.append((_title(result), kind, *cells))
    columns = ("", "verdict", "layer", "gain [95 %]", "gap", "control")
    target = results[0].target
    print_dense(f"mapped into {target}: chosen on dev, judged on test", columns, rows, words=2)
    if costs:
        points = f"{min(costs)} to {max(costs)}" if min(costs) < max(costs) else f"{costs[0]}"
        console.print(f"* helps, at a cost of {points} points in {target}.")
    console.print("control: the largest gain of a control; no patch: no control chose a patch on dev.")


def print_summary(results: Results) -> None:
    """Print how many studies helped, and the clearest one in full."""
    kinds = [verdict.kind for verdict in holm_of(results)]
    console.print(
        f"\nMapping into {results[0].target} helps in {kinds.count('helps')} of {len(kinds)} studies"
        " (Holm-corrected). The study with the largest gain over its controls:"
    )

    def above_controls(result: StudyResult) -> float:
        controls = (other.gain.estimate for other in result.others if other.is_control)
        return result.headline.gain.estimate - max(controls, default=0.0)

    best = max(results, key=above_controls)
    print_sentence(best, f"{best.pair}, {best.task}: {best.sentence}")


def _title(result: StudyResult) -> str:
    return f"{result.source} · {result.task.removeprefix('organism-')}"


@writing
def run(options: argparse.Namespace) -> Outcome:
    """Run `workbench demo`."""
    torch.set_num_threads(options.threads)
    start = time.perf_counter()
    organism = shipped()
    sources = _sources(organism.config, options.source)
    with progress_bar():
        diagnosis, results = _study(organism, sources, options)
    print_setting(results)
    print_grid(results)
    print_verdicts(results)
    print_summary(results)
    command = ["workbench", "demo", *(["--source", options.source] if options.source else [])]
    command += ["--out", str(options.out), "--backend", options.backend, "--threads", str(options.threads)]
    write_bytes(options.out / "command.txt", f"{shlex.join(command)}\n".encode())
    report = print_report(options.out)
    written = draw_figures(options.out, ("pdf",), FIGURES, shlex.join(command))
    figures = f"figures  {options.out / 'figures'}, {len(written)} files"
    console.print(f"{figures}; all kinds: workbench figures {options.out}", soft_wrap=True)
    print_end(diagnosis.studies[0].text, start)
    return outcome_of(options.out, report, results)


def _sources(config: Any, wanted: str | None) -> list[str]:
    if wanted is None:
        return [language.code for language in config.languages[1:]]
    if config.language(wanted) == config.main:
        raise InputError(f"{wanted} is the main language: name another as --source")
    return [wanted]


def _study(
    organism: Any, sources: Sequence[str], options: argparse.Namespace
) -> tuple[Diagnosis, list[StudyResult]]:
    progress("loading", 0, 1)
    model = load_model("organism", backend=options.backend)
    progress("loading", 1, 1)
    tasks = [organism.task(name).first(**ITEMS) for name in TASKS]
    text = organism.text().select(range(PROMPTS))
    pairs = [(source, organism.config.main.code) for source in sources]
    aligners = ("ridge", *COMPARED)
    settings = Settings(aligners, "ridge", ("replace",), strengths=(1.0,), batch_size=256)
    diagnosis = prepare(model, text, tasks, pairs, options.out, settings, overwrite=options.overwrite)
    return diagnosis, diagnosis.run(progress)

"""`workbench demo`: the main steps on the bundled model, and what is printed of them."""

import argparse
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.diagnose import print_report, print_sentence, terminal_heatmap
from workbench.cli.layers import print_dense
from workbench.cli.runs import add_overwrite, use_threads
from workbench.cli.show import caution, console, duration, progress_bar
from workbench.core.numbers import estimated, plain, signed
from workbench.core.store import write_bytes

if TYPE_CHECKING:
    from workbench.core.types import Progress
    from workbench.study import Diagnosis, StudyResult


# Print the demonstration: all pairs and tasks in two tables, then one verdict in words.


Results = Sequence["StudyResult"]


def print_gaps(results: Results) -> None:
    """Print what the model and the data are."""
    first = results[0]
    console.print(
        f"The model is an organism: a language model with {first.model['n_layers']} layers, trained on six "
        f"invented languages. It learned the tasks in {first.target}; of the others mostly vocabulary.\n"
    )
    n = first.n
    console.print(
        f"Each pair has {n['fit']} sentences for fitting; each task has {n['dev']} dev items for choosing "
        f"and {n['test']} test items for the verdict.\n"
    )


def print_grid(results: Results) -> None:
    """Gain of the headline's map on dev, layer by layer: a row for each pair and task."""
    import pandas as pd

    from workbench.figures import Cells, Scale, headlines

    frames = {
        name: pd.concat([result.tables[name] for result in results]) for name in ("exploration", "selection")
    }
    spec = headlines(frames)
    panel, scale = spec.panels[0], spec.scale
    assert isinstance(panel, Cells) and scale is not None, "a heatmap has cells and a scale"
    rows = tuple(f"{result.source} · {_task(result)}" for result in results)
    title = f"gain in accuracy of {results[0].headline.choice.aligner} on dev"
    spec = replace(spec, panels=(replace(panel, rows=rows),), scale=Scale(title, scale.low, scale.high))
    heatmap = terminal_heatmap(spec)
    heatmap.rstrip()
    console.print(heatmap)


def print_judged(results: Results) -> None:
    """Print what was chosen for each pair and task, and the gains of it and of its best control on test."""
    from workbench.study.diagnosis import holm_of

    rows, costs = [], []
    for result, verdict in zip(results, holm_of(results), strict=True):
        choice = result.headline.choice
        cost = _cost(result) if verdict.kind == "helps" else 0
        costs += [cost] if cost else []
        controls = [o.gain.estimate for o in result.others if o.is_control and o.choice.layer is not None]
        rows.append(
            (
                f"{result.source} · {_task(result)}",
                f"{verdict.kind}{'*' if cost else ''}",
                "none" if choice.layer is None else choice.layer,
                estimated(verdict.gain, 2),
                "" if result.gap is None else plain(result.gap.estimate, 2),
                signed(max(controls, default=None), 2, none="no patch"),
            )
        )
    columns = ("", "verdict", "layer", "gain [95 %]", "gap", "control")
    target = results[0].target
    print_dense(f"mapped into {target}: chosen on dev, judged on test", columns, rows, words=2)
    if costs:
        some = f"{min(costs)} to {max(costs)} points" if min(costs) < max(costs) else f"{costs[0]} points"
        console.print(f"* helps, at a cost of {some} in {target}.")
    console.print("control: the largest gain of a control; no patch: no control chose a patch on dev.")


def print_words(results: Results) -> None:
    """Print how many studies helped, and the clearest one in full."""
    from workbench.study.diagnosis import holm_of

    kinds = [verdict.kind for verdict in holm_of(results)]
    console.print(
        f"\nMapping into {results[0].target} helps in {kinds.count('helps')} of {len(kinds)} studies"
        " (Holm-corrected). The study with the largest gain over its controls:"
    )
    best = max(results, key=_above_controls)
    print_sentence(best, f"{best.pair}, {best.task}: {best.sentence}")


def _above_controls(result: "StudyResult") -> float:
    return result.headline.gain.estimate - max(
        (other.gain.estimate for other in result.others if other.is_control), default=0.0
    )


def _cost(result: "StudyResult") -> int:
    from workbench.select import cost_in_points

    kept = result.retained
    return 0 if kept is None else cost_in_points(kept.interval.estimate, kept.holds)


def _task(result: "StudyResult") -> str:
    return result.task.removeprefix("organism-")


# Run all steps on the bundled organism, a small model of invented languages; needs no network and no GPU.
#
# For each language and task: capture states in both languages, fit a map per layer, measure similarity, patch
# every layer, choose a layer on dev items and score it once on test items, with controls. Writes tables, a
# report and figures. Finished steps are reused.


HELP = "run the main steps on the bundled model, in about a minute"
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

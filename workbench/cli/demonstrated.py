"""How the demonstration is printed: all pairs and tasks at a glance, then the verdict in words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.cli.findings import print_sentence, terminal_heatmap
from workbench.cli.layers import print_dense
from workbench.cli.show import console
from workbench.core.numbers import estimated, plain, signed

if TYPE_CHECKING:
    from workbench.study import StudyResult

Results = Sequence["StudyResult"]


def print_gaps(results: Results) -> None:
    """What the model is, and what it lacks in each language."""
    first = results[0]
    console.print(
        f"An organism: a model of {first.model['n_layers']} layers that has read six invented languages. It "
        f"learned a skill in {first.target}, but of the others mostly the words.\n"
    )
    n = first.n
    console.print(
        f"Of each pair {n['fit']} sentences to fit on; of each task {n['dev']} dev items to choose on and "
        f"{n['test']} test items to judge.\n"
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
    """What was chosen for each pair and task, and what it and its best control bring on test."""
    from workbench.study.diagnosis import holm_of

    rows = []
    for result, verdict in zip(results, holm_of(results), strict=True):
        choice = result.headline.choice
        controls = [other.gain.estimate for other in result.others if other.is_control]
        rows.append(
            (
                f"{result.source} · {_task(result)}",
                verdict.kind,
                "none" if choice.layer is None else choice.layer,
                estimated(verdict.gain, 2),
                "" if result.gap is None else plain(result.gap.estimate, 2),
                signed(max(controls, default=0.0), 2),
            )
        )
    columns = ("", "verdict", "layer", "gain [95 %]", "gap", "control")
    print_dense(f"mapped into {results[0].target}: chosen on dev, judged on test", columns, rows, words=2)


def print_words(results: Results) -> None:
    """The verdicts in words: how many, and the largest one whole."""
    from workbench.study.diagnosis import holm_of

    kinds = [verdict.kind for verdict in holm_of(results)]
    console.print(
        f"\nMapping into {results[0].target} helps in {kinds.count('helps')} of {len(kinds)} studies"
        " (corrected for being several). The one furthest above its controls:"
    )
    best = max(results, key=_above_controls)
    print_sentence(best, f"{best.pair}, {best.task}: {best.sentence}")


def _above_controls(result: "StudyResult") -> float:
    return result.headline.gain.estimate - max(
        (other.gain.estimate for other in result.others if other.is_control), default=0.0
    )


def _task(result: "StudyResult") -> str:
    return result.task.removeprefix("organism-")

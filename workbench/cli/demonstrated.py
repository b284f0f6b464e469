"""Print the demonstration: all pairs and tasks in two tables, then one verdict in words."""

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

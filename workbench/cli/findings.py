"""Print the result of a study: first facts, heatmap, similarities, verdict."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from workbench.cli.layers import Row, number, print_dense, print_layers
from workbench.cli.show import console, table
from workbench.core.numbers import estimated, percent, plain, signed

if TYPE_CHECKING:
    from workbench.figures import Scale, Spec
    from workbench.study import FirstFacts, Study, StudyResult


WIDE = 7
"""Columns that a cell of the heatmap takes, with three digits."""
ROOM = 96
"""Width of a terminal from which on the whole verdict table fits."""
FAR = 2.0
"""A mismatch ratio above which a map is applied far outside the data it was fitted on."""


def print_facts(study: "Study", facts: "FirstFacts") -> None:
    """Print token counts and unpatched accuracies, known before anything is patched."""
    console.print(Text(f"\n{study.model.info.name}, {study.pair}, {study.task.name}", style="bold"))
    rows = [
        (row["language"], f"{row['tokens'] / row['sentences']:.1f}", f"{row['tokens_per_word']:.2f}")
        for row in facts.tokens.to_dict("records")
    ]
    console.print(table(("sentences used for fitting", "tokens per sentence", "per word"), rows))
    seen: list[tuple[str, str]] = [(f"accuracy in {study.source}", estimated(facts.baseline, sign=False))]
    if facts.ceiling is not None and facts.gap is not None:
        seen.append((f"accuracy in {study.target}, same items", estimated(facts.ceiling, sign=False)))
        seen.append(("gap", estimated(facts.gap, sign=False)))
    if facts.chance is not None:
        seen.append(("chance level", f"{facts.chance:.3f}"))
    seen.append(("minimum detectable gain on test (80 % power)", f"{facts.detectable:.3f}"))
    console.print(table((f"unpatched, {facts.n_dev} dev items", "[95 %]"), seen))
    for note in getattr(study.task, "notes", ()):
        console.print(f"{study.task.name}: {note}.", style="dim")
    if facts.gap is None:
        console.print(
            f"The task has no {study.target} items: gap and loss in {study.target} are unknown.\n",
            style="yellow",
        )


def print_found(result: "StudyResult") -> None:
    """Print the grid on dev, the similarities, what was chosen and its gain on test."""
    from workbench.figures import make_spec

    console.print(terminal_heatmap(make_spec("methods", result.tables)))
    print_similarity(result)
    _print_mismatch(result)
    print_verdict(result)
    console.print(f"heatmap  {result.paths['heatmap']}", soft_wrap=True)
    console.print(f"tables   {result.paths['sweep'].parent}/*.parquet, manifest.json\n", soft_wrap=True)


def terminal_heatmap(spec: "Spec") -> Text:
    """The first panel as coloured cells with their numbers, as many columns side by side as have room."""
    from workbench.figures import Cells

    panel, scale = spec.panels[0], spec.scale
    assert isinstance(panel, Cells) and scale is not None, "a heatmap has cells and a scale"
    label = max(len(row) for row in panel.rows)
    room = max(console.width - label - 2, WIDE)
    digits, wide = (3, WIDE) if len(panel.columns) * WIDE <= room else (2, WIDE - 1)
    at_once = room // wide
    out = Text(f"{scale.title}, by {panel.column_title} (exploration)\n", style="bold")
    for start in range(0, len(panel.columns), at_once):
        columns = panel.columns[start : start + at_once]
        out.append(" " * (label + 1) + "".join(f"{column:>{wide}}" for column in columns) + "\n")
        for name, values in zip(panel.rows, panel.values, strict=True):
            out.append(f"{name:<{label}} ")
            for value in values[start : start + at_once]:
                out.append(f"{signed(value, digits, none=''):>{wide}}", style=_style(value, scale))
            out.append("\n")
    return out


def _style(value: float | None, scale: "Scale") -> str:
    """The colours of the figures."""
    from workbench.figures.look import ink, shade

    if value is None:
        return ""
    red, green, blue = (round(255 * part) for part in shade(value, scale))
    return f"{ink(value, scale)} on rgb({red},{green},{blue})"


def print_similarity(result: "StudyResult") -> None:
    """Held-out R² of the headline's maps, and every measure, by layer."""
    fit, similarity = result.tables["fit"], result.tables["similarity"]
    sites = list(dict.fromkeys(similarity.site))
    ours = fit[fit.aligner == result.headline.choice.aligner].set_index("site").r2
    cells = [plain(ours[site], 2) if site in ours else "" for site in sites]
    rows: list[Row] = [((f"R² of {result.headline.choice.aligner}",), cells, ())]
    for name, some in similarity.groupby("measure", sort=False):
        values = some.set_index("site").value
        rows.append(((f"{name}",), [number(values[site]) for site in sites], ()))
    print_layers(f"on {result.n['held_out']} held-out sentences", ("",), sites, (), rows)


def _print_mismatch(result: "StudyResult") -> None:
    """Print how far the states that maps are applied to lie from the states they were fitted on."""
    # The embedding is not patched, so how far its states lie says nothing here.
    rows = result.tables["mismatch"].dropna(subset=["ratio", "layer"]).to_dict("records")
    if not rows:
        return
    worst = max(rows, key=lambda row: float(row["ratio"]))
    ratio = float(worst["ratio"])
    console.print(
        f"\nMismatch: prompt states are up to {ratio:.1f} times as far from the mean of the sentence states "
        f"used for fitting as those states are themselves (at {worst['site']}).",
        style="yellow" if ratio > FAR else "dim",
    )


def print_report(folder: Path) -> None:
    """Write the report page and print its path."""
    from workbench.report import write_report

    console.print(f"report   {write_report(folder)}", soft_wrap=True, markup=False)


def print_verdict(result: "StudyResult") -> None:
    """Print what each aligner chose on dev, its gain on test, and the verdict in a sentence."""
    columns = ("aligner", "patch type", "layer", "α", "gain on test", "first minus this")
    rows = []
    for outcome in result.outcomes:
        choice = outcome.choice
        over = result.headline_over.get(choice.aligner)
        nothing = choice.layer is None
        rows.append(
            (
                choice.aligner + ("*" if outcome.is_control else ""),
                choice.intervention or "",
                "none" if nothing else choice.layer,
                "" if nothing else f"{choice.strength:g}",
                "no patch chosen" if nothing else estimated(outcome.gain, 2),
                "" if over is None else estimated(over, 2),
            )
        )
    shown = len(columns) if console.width >= ROOM else -1  # the sentences below name what it beats
    print_dense("chosen on dev, judged on test", columns[:shown], (row[:shown] for row in rows), words=2)
    console.print("95 % intervals in brackets. * control: an aligner has to gain more than its controls.\n")
    print_sentence(result, result.sentence)


def _print_without_patch(result: "StudyResult") -> None:
    """The gains on dev, at the headline's layer, of aligners that chose no patch."""
    best, dev = result.headline.choice, result.tables["exploration"]
    if best.layer is None:
        return
    same = (dev.layer == best.layer) & (dev.intervention == best.intervention) & (dev.joint == "one")
    there = dev[same & (dev.strength == best.strength)].drop_duplicates("aligner").set_index("aligner").gain
    without = [
        o.choice.aligner for o in result.others if o.choice.layer is None and o.choice.aligner in there
    ]
    if without:
        gains = ", ".join(f"{name.replace('_', ' ')} {signed(there[name], 2)}" for name in without)
        console.print(
            f"Without a chosen patch, gain on dev at layer {best.layer}, α = {best.strength:g}: {gains}."
        )


def print_sentence(result: "StudyResult", sentence: str) -> None:
    """Print the verdict in a sentence, and the evidence for and against it."""
    from workbench.results import evidence_sentences

    console.print(Text(sentence, style="bold"))
    if result.share_of_gap is not None:
        console.print(f"{percent(result.share_of_gap)} of the gap is closed.")
    for line in evidence_sentences(result.tables["selection"]):
        console.print(line)
    _print_without_patch(result)
    console.print()


def print_together(results: "Sequence[StudyResult]") -> None:
    """Print all pairs and tasks in one table, with Holm-corrected p-values."""
    from workbench.study.diagnosis import holm_of

    together = holm_of(results)
    rows = []
    for result, verdict in zip(results, together, strict=True):
        choice = result.headline.choice
        rows.append(
            (
                result.pair,
                result.task,
                verdict.kind,
                "none" if choice.layer is None else f"{choice.layer}",
                "" if choice.layer is None else choice.aligner,
                estimated(verdict.gain, 2),
                "" if result.gap is None else plain(result.gap.estimate, 2),
                f"{verdict.adjusted_p:.3f}",
            )
        )
    columns = ("pair", "task", "verdict", "layer", "aligner", "gain on test", "gap", "p (Holm)")
    console.print(table(columns, rows, words=3))

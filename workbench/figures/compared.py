"""What figures of a comparison share: the rows that were judged, their order, their words."""

from typing import Any

import pandas as pd

from workbench.core.numbers import interval, signed
from workbench.figures.frames import NothingToShow, number, said, span

FAMILIES = ("baseline", "recipe", "combination")
"""Kinds of methods, in the order of rows, colours and marks."""


def judged(comparison: pd.DataFrame) -> pd.DataFrame:
    """The rows with a gain; `shown` tells whether a gain or a loss stands after Holm's correction."""
    table = comparison[comparison.gain.notna()]
    if not (table.method != "direct").any():
        raise NothingToShow("the table comparison holds no method besides asking directly")
    # What gains are held against is no claim, and has no corrected verdict.
    verdict = table.holm_verdict.fillna(table.verdict).fillna("")
    table = table.assign(shown=verdict.isin(["helps", "harms"]))
    for control in ("random", "shuffled"):
        # A combination's are over its baseline; on the axis of gains they are over asking directly.
        table[f"{control}_gain"] = (table.gain - table[f"{control}_over"]).astype("Float64").round(9) + 0.0
    return table


def order_of(table: pd.DataFrame) -> list[str]:
    """Methods by family, those that gain more first: by the mean where there are several pairs or tasks."""
    mean = table.assign(gain=table.gain.astype(float)).groupby("method", sort=False).gain.mean()
    family = table.drop_duplicates("method").set_index("method").family
    return sorted(map(str, mean.index), key=lambda name: (_rank(str(family[name])), -mean[name]))


def _rank(family: str) -> int:
    return FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)


def subtitle(table: pd.DataFrame) -> str:
    """Split, n and contrast."""
    same = said(table, ("model", "task", "pair"))
    return (
        f"{same + ': ' if same else ''}test items, n = {span(table.n)}; accuracy over asking directly, on "
        "the same items; verdicts by Holm over all rows of a comparison"
    )


def left_out(comparison: pd.DataFrame) -> str:
    """Which methods have no row, for the footer."""
    ran = set(comparison[comparison.gain.notna()].method)
    names = [str(name) for name in dict.fromkeys(comparison.method) if name not in ran]
    return f"Not run (the table says why): {', '.join(names)}. " if names else ""


def shown_gain(row: Any) -> tuple[str, ...]:
    """The lines that explain a method's mark or cell."""
    gain = interval(number(row["gain"]), number(row["gain_low"]), number(row["gain_high"]))
    verdict = row["holm_verdict"] if pd.notna(row["holm_verdict"]) else row["verdict"]
    lines = [f"{row['method']}: {row['title']}", f"{row['pair']}, {row['task']}: {row['chosen']}"]
    lines.append(f"gain {gain}" + (f", {verdict}" if pd.notna(verdict) else ""))
    for column, name in (("random", "random control"), ("shuffled", "shuffled pairs")):
        over, low, high = (number(row[f"{column}_over{end}"]) for end in ("", "_low", "_high"))
        if over is not None:
            lines.append(f"over {name} {interval(over, low, high)}")
    if number(row["retention"]) is not None:
        lines.append(f"main language {signed(row['retention'])}, at least {signed(row['retention_low'])}")
    return tuple(lines)

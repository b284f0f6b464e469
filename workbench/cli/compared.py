"""Print a comparison of methods."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.text import Text

from workbench.cli.layers import print_dense
from workbench.cli.show import console
from workbench.core.numbers import interval, signed

ROOM = 127
"""Terminal width from which on costs are printed in the same table."""
_SHORT = 0.05
"""Shorter times (in seconds) are not printed."""
_MARK = {"helps": "+", "harms": "−", "equivalent": "=", "undecided": "?"}


def print_comparison(
    table: pd.DataFrame, seconds: Mapping[str, float], prepared: Mapping[str, float]
) -> None:
    """Print gains, controls and costs of every method, then methods that could not run, and a legend."""
    run, rest = table[table.accuracy.notna()], table[table.accuracy.isna()]
    first = table.iloc[0]
    console.print(Text(f"\n{first.model}, {first.pair}, {first.task}: {first.n} test items", style="bold"))
    wide = console.width >= ROOM
    rows = [(*_gain(row), *(_cost(row, seconds, prepared) if wide else ())) for row in run.to_dict("records")]
    print_dense("Gain of each method", (*_GAIN, *(_COST if wide else ())), rows, words=2)
    if not wide:
        rows = [(row["method"], *_cost(row, seconds, prepared)) for row in run.to_dict("records")]
        print_dense("Cost of each method", ("method", *_COST), rows)
    for row in rest.to_dict("records"):
        console.print(f"{row['method']} was not run: {row['note']}.", style="dim", highlight=False)
    console.print(_KEY, style="dim")


_GAIN = ("method", "", "test", "gain [95 %]", "random", "shuffled")
_COST = ("on top", "main", "read", "fitted", "pairs", "labels", "fit", "time")
_KEY = (
    "test: accuracy. gain: over direct prompting, paired; + helps, − harms, = equivalent, ? undecided, "
    "Holm-corrected over all methods. random, shuffled: gain of the recipe's controls. on top: gain over its "
    "baseline alone. main: change of accuracy in the main language. read: tokens per item. fitted: number "
    "of fitted or trained parameters. fit: seconds for fitting, translating or training. time: per item, "
    "relative to direct prompting."
)


def _gain(row: Mapping[Any, Any]) -> tuple[str, ...]:
    if row["method"] == "direct":
        return ("direct", "", f"{row['accuracy']:.3f}", "", "", "")
    shown = interval(row["gain"], row["gain_low"], row["gain_high"], 2)
    verdict = row["holm_verdict"]
    return (
        row["method"],
        "" if pd.isna(verdict) else _MARK[verdict],
        f"{row['accuracy']:.3f}",
        shown,
        _control(row, "random"),
        _control(row, "shuffled"),
    )


def _cost(
    row: Mapping[Any, Any], seconds: Mapping[str, float], prepared: Mapping[str, float]
) -> tuple[str, ...]:
    before = prepared.get(row["method"], 0.0)
    own, direct = seconds.get(row["method"]), seconds.get("direct")
    return (
        signed(row["over_own"], 2, none=""),
        signed(row["retention"], 2, none=""),
        f"{row['item_tokens']:.0f}",
        _count(row["parameters"]),
        _count(row["pairs"]),
        _count(row["labels"]),
        f"{before:.0f}" if before >= 10 else f"{before:.1f}" if before >= _SHORT else "",
        f"{own / direct:.1f}" if own and direct else "",
    )


def _control(row: Mapping[Any, Any], name: str) -> str:
    """The gain of a control over direct prompting, on the same scale as the method's own gain."""
    over = row[f"{name}_over"]
    return "" if pd.isna(over) else signed(row["gain"] - over, 2)


def _count(number: int) -> str:
    if pd.isna(number) or not number:
        return ""
    return f"{number / 1000:.0f}k" if number >= 10_000 else f"{number}"

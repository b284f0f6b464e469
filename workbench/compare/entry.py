"""What is known of one method in a comparison before it becomes a row."""

from dataclasses import dataclass, field

import pandas as pd

from workbench.baselines.base import Cost
from workbench.select import Choice


@dataclass(eq=False)
class Entry:
    """A method, what dev chose for it, and its rows on test items."""

    method: str
    title: str
    family: str
    """`baseline`, `recipe` or `combination`."""
    chosen: str
    """In words."""
    test: pd.DataFrame
    """One row per source-language test item."""
    on_target: pd.DataFrame | None
    """The same for target-language items; None where the method leaves those as they are."""
    cost: Cost = field(default_factory=Cost)
    choice: Choice | None = None
    """The branch, where there is one."""
    controls: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Rows on the same test items, by the control's name."""
    over: pd.DataFrame | None = None
    """Of a combination: the rows of its baseline alone."""
    dev_gain: float = 0.0
    """Accuracy on dev over asking directly; chosen from several, so it flatters."""


@dataclass(frozen=True)
class Skipped:
    """A method that had nothing to work on, and why."""

    method: str
    title: str
    family: str
    why: str

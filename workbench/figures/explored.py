"""What figures of the dev sweep share: the branch chosen for each aligner, bands, the notes of a cell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.core.numbers import between, interval, signed
from workbench.figures.frames import EMBEDDING, layer_name, number, said, span
from workbench.figures.spec_parts import Value
from workbench.figures.tables_in import Frames

HATCHED = "Hatched corners: the simultaneous band over all branches includes 0. "
FOOTER = "Dash: below 0. Exploration on dev: the best cell flatters itself."
STUDY = ("model", "pair", "task")


@dataclass(frozen=True)
class Choice:
    """What one aligner chose on dev in one study, and what that brings on test."""

    place: int
    intervention: str
    strength: Value
    positions: str
    headline: bool
    gain: Value
    low: Value
    high: Value


Chosen = Mapping[tuple[str, str, str, str], Choice]
"""Model, pair, task, aligner → choice."""


def chosen(frames: Frames) -> Chosen:
    """The choices of the table `selection`; of a choice to do nothing, nothing."""
    if "selection" not in frames:
        return {}
    table = frames["selection"]
    table = table[table.layer.notna() & (table.joint.fillna("one") == "one")]
    rows: list[Any] = list(table.itertuples())
    return {
        (str(row.model), str(row.pair), str(row.task), str(row.aligner)): Choice(
            EMBEDDING if row.site == "embed" else int(row.layer),
            str(row.intervention),
            number(row.strength),
            str(row.positions),
            bool(row.headline),
            number(row.gain),
            number(row.gain_low),
            number(row.gain_high),
        )
        for row in rows
    }


def single(exploration: pd.DataFrame) -> pd.DataFrame:
    """The branches of one site each: several sites at once have no place on an axis of layers."""
    return exploration[exploration.joint.fillna("one") == "one"]


def at_chosen(exploration: pd.DataFrame, choices: Chosen, formulas: bool = False) -> pd.DataFrame:
    """Of each study's aligners the branches at the chosen formula, strength and positions, over all layers.

    Where nothing was chosen, those of the first formula at its largest strength. With `formulas`, every
    formula is kept, each at the chosen strength or, where it has no such branch, at its largest.
    """
    kept = []
    table = single(exploration)
    keys = [*STUDY, "aligner", *(["intervention"] if formulas else [])]
    for found, rows in table.groupby(keys, sort=False):
        model, pair, task, aligner = map(str, found[:4])
        made = choices.get((model, pair, task, aligner))
        if made is not None and not formulas:
            rows = rows[rows.intervention == made.intervention]
        rows = rows[rows.intervention == rows.intervention.iloc[0]]
        strengths = list(map(number, rows.strength.unique()))
        wanted = made.strength if made is not None and made.strength in strengths else rows.strength.max()
        rows = rows[rows.strength == wanted]
        positions = made.positions if made is not None else rows.positions.iloc[0]
        kept.append(rows[rows.positions == positions] if (rows.positions == positions).any() else rows)
    return pd.concat(kept)


def subtitle(table: pd.DataFrame, what: str) -> str:
    """Split, n and contrast of the rows shown, with what is the same in all of them."""
    same = said(table, ("model", "task", "pair"))
    return (
        f"{same + ': ' if same else ''}dev items, n = {span(table.n)}; "
        f"patched less unpatched accuracy on the same items; {what}"
    )


def cells_of(
    table: pd.DataFrame, rows: Sequence[Any], columns: Sequence[int], row_key: str
) -> dict[str, Any]:
    """Values, hatching and notes of a panel whose rows are those of the column `row_key`."""
    cells: dict[tuple[Any, int], Any] = {}
    found: list[Any] = list(table.itertuples())
    for row in found:
        cells.setdefault((getattr(row, row_key), row.place), row)

    def each(made: Callable[[Any], Any]) -> tuple[tuple[Any, ...], ...]:
        return tuple(tuple(made(cells.get((row, column))) for column in columns) for row in rows)

    return {
        "columns": tuple(map(layer_name, columns)),
        "column_title": "layer patched",
        "values": each(lambda row: None if row is None else number(row.gain)),
        "hatched": each(lambda row: row is not None and not bool(row.beyond_band)),
        "notes": each(note),
    }


def note(row: Any) -> tuple[str, ...]:
    """The lines that explain a cell."""
    if row is None:
        return ()
    strength = number(row.strength)
    return (
        f"{row.aligner}, {row.intervention}" + ("" if strength is None else f", α = {strength:g}"),
        f"{row.pair}, layer {layer_name(row.place)}",
        f"gain on dev {interval(number(row.gain), number(row.low), number(row.high))}",
        f"simultaneous band {between(row.band_low, row.band_high)}, p = {row.p:.4f}",
        f"mean margin {signed(row.margin_gain, 2)}, n = {row.n}",
    )

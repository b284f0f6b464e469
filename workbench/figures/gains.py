"""What a figure shows, as plain data made from tables: no drawing here, and no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.numbers import estimated, percent, signed
from workbench.figures.interactive import FONT, wrapped
from workbench.figures.look import DIVERGING
from workbench.stats import Interval, paired_interval, units_of

_EXPLORATION = (
    "Exploration: all cells share one set of items and the intervals are for one cell each, so the best cell "
    "flatters itself."
)


@dataclass(frozen=True)
class Heatmap:
    """Rows × columns of numbers around zero, each with the lines that explain it."""

    title: str
    subtitle: str
    row_title: str
    column_title: str
    value_title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    notes: tuple[tuple[tuple[str, ...], ...], ...]
    """For each cell, the lines shown when it is pointed at."""
    footer: str = ""

    @property
    def reach(self) -> float:
        """The largest distance from zero: the colour scale is as long on either side."""
        found = [abs(v) for row in self.values for v in row if v is not None]
        return max(found, default=0.0) or 1.0


def gain_heatmap(table: pd.DataFrame, baseline: str = "clean", cautions: Sequence[str] = ()) -> Heatmap:
    """Accuracy of each patched branch less that of the unpatched run, aligner × layer.

    The table is a sweep over one model, pair, task and split; rows that belong to the aligner
    `baseline` are the unpatched run. `cautions` are what has to be said about the data.
    """
    names = {key: _the_one(table, key) for key in ("model", "task", "pair", "language", "split")}
    clean = table[table.aligner == baseline].set_index("example").correct.astype(float)
    patched = table[table.aligner != baseline]
    if clean.empty or patched.empty:
        raise InputError(f"the table needs {baseline!r} rows and patched rows")
    labels = _labels(patched)
    layers = sorted(int(layer) for layer in patched.layer.unique())
    cells = dict(iter(patched.assign(label=labels).groupby(["label", "layer"])))
    rows = tuple(dict.fromkeys(labels))
    gains = {key: _gain(cell, clean) for key, cell in cells.items()}
    values = tuple(
        tuple(gains[row, layer].estimate if (row, layer) in gains else None for layer in layers)
        for row in rows
    )
    notes = tuple(tuple(_lines(row, layer, cells, gains, clean.mean()) for layer in layers) for row in rows)
    return Heatmap(
        title=f"Where mapping {names['pair']} changes {names['task']}",
        subtitle=(
            f"{names['model']} · {names['language']} items, {names['split']} split, n = {len(clean)} · "
            f"contrast: patched − unpatched accuracy on the same items (unpatched {clean.mean():.3f})"
        ),
        row_title="aligner and intervention",
        column_title="layer patched, at the last prompt token",
        value_title="gain in accuracy",
        rows=rows,
        columns=tuple(map(str, layers)),
        values=values,
        notes=notes,
        footer=" ".join([_EXPLORATION, *(f"Note: {caution}." for caution in cautions)]),
    )


def _the_one(table: pd.DataFrame, column: str) -> str:
    found = [str(value) for value in table[column].dropna().unique()]
    if len(found) != 1:
        raise InputError(f"a heatmap shows one {column}, but the table holds {found or 'none'}")
    return found[0]


def _labels(patched: pd.DataFrame) -> list[str]:
    """Method · intervention, with the strength only where there is more than one."""
    several = patched.strength.nunique() > 1
    return [
        f"{aligner} · {intervention}" + (f" · α = {strength:g}" if several else "")
        for aligner, intervention, strength in zip(
            patched.aligner, patched.intervention, patched.strength, strict=True
        )
    ]


def _gain(cell: pd.DataFrame, clean: pd.Series) -> Interval:
    after = cell.set_index("example").correct.astype(float)
    if set(after.index) != set(clean.index) or len(after) != len(clean):
        raise InputError("a cell of the heatmap holds other items than the unpatched run")
    groups = units_of(cell.group, cell.example)
    return paired_interval(after.to_numpy(), clean.loc[after.index].to_numpy(), groups)


def _lines(row: str, layer: int, cells: dict, gains: dict, base: float) -> tuple[str, ...]:
    if (row, layer) not in gains:
        return ()
    gain, cell = gains[row, layer], cells[row, layer]
    return (
        row,
        f"layer {layer}",
        f"gain {estimated(gain)}, {percent(gain.level)} interval",
        f"accuracy {base + gain.estimate:.3f}, unpatched {base:.3f}",
        f"mean margin {signed(cell.margin.mean(), 2)}",
        f"patch size ‖h′ − h‖ / ‖h‖: {cell.patch_size.mean():.2f}",
        f"{len(cell)} items",
    )


def draw_heatmap(spec: Heatmap) -> Any:
    """Rows × columns, numbers in the cells, colours centred on zero."""
    import plotly.graph_objects as go

    hover = [
        ["<br>".join(escape(line) for line in lines) or "not measured" for lines in row] for row in spec.notes
    ]
    shown = [[signed(v, 2, none="") for v in row] for row in spec.values]
    heatmap = go.Heatmap(
        z=[list(row) for row in spec.values],
        # Text axes may hold two equal names, and read markup: places are numbers, names are labels.
        x=list(range(len(spec.columns))),
        y=list(range(len(spec.rows))),
        zmid=0,
        zmin=-spec.reach,
        zmax=spec.reach,
        colorscale=[[i / (len(DIVERGING) - 1), colour] for i, colour in enumerate(DIVERGING)],
        colorbar={"title": {"text": escape(spec.value_title), "side": "right"}, "thickness": 14},
        text=shown,
        texttemplate="%{text}",
        hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
        xgap=2,
        ygap=2,
    )
    figure = go.Figure(heatmap)
    figure.update_layout(
        title={
            "text": f"<b>{escape(spec.title)}</b>",
            "subtitle": {"text": wrapped(spec.subtitle)},
            "x": 0.01,
            "xanchor": "left",
        },
        font={"family": FONT, "size": 13},
        plot_bgcolor="#ffffff",
        paper_bgcolor="#ffffff",
        height=190 + 44 * len(spec.rows),
        margin={"l": 20, "r": 20, "t": 110, "b": 95},
        xaxis=_axis(spec.column_title, spec.columns),
        yaxis=_axis(spec.row_title, spec.rows) | {"autorange": "reversed"},
    )
    if spec.footer:
        figure.add_annotation(
            text=wrapped(spec.footer),
            xref="paper",
            yref="paper",
            x=0,
            y=0,
            yshift=-85,
            xanchor="left",
            showarrow=False,
            align="left",
            font={"size": 11, "color": "#555555"},
        )
    return figure


def _axis(title: str, labels: tuple[str, ...]) -> dict[str, object]:
    return {
        "title": {"text": escape(title)},
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [escape(label) for label in labels],
        "showgrid": False,
        "zeroline": False,
        "automargin": True,
    }

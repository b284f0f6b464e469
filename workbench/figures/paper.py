"""Figures for paper: PDF, SVG and PNG without a browser, the same bytes from the same description.

Nothing is set for the whole process: matplotlib's settings hold while a figure is drawn and written.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count, pairwise, product
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workbench.core.errors import InputError, did_you_mean
from workbench.figures.look import BLACK, UNMEASURED, VEIL, Preset, colours, ink, strokes
from workbench.figures.look import preset as find_preset
from workbench.figures.paper_layout import PAD, Block, Layout, Page, Ruler, families, missing_fonts
from workbench.figures.paper_plots import draw_plot, handle
from workbench.figures.spec import Cells, Scale, Spec, short

FORMATS = ("pdf", "svg", "png")
_WAYS: dict[str, dict[str, Any]] = {
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
    # More compression than this takes twice the time and makes files of flat colours no smaller.
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 2}},
}
"""How each format is written: without dates, so that the same figure is the same bytes."""


def draw_paper(spec: Spec, preset: Preset | str = "acl", warn: bool = True) -> list[Figure]:
    """One figure for each page that the panels need, in the preset's width.

    Where no installed font has the letters of a name, a warning says which font to install.
    """
    chosen = find_preset(preset) if isinstance(preset, str) else preset
    for line in missing_fonts(spec.texts()) if warn else ():
        warnings.warn(line, UserWarning, stacklevel=2)
    fonts = families(spec.texts())
    with _style(chosen, fonts):
        return [_draw(page) for page in Layout(spec, chosen, Ruler(fonts)).pages()]


def save_paper(figure: Figure, file_format: str) -> bytes:
    """The bytes of a file: fonts embedded as Type 42 in PDF, letters as outlines in SVG, no dates."""
    if file_format not in FORMATS:
        raise InputError(f"no format is called {file_format!r}: {did_you_mean(file_format, FORMATS)}")
    buffer = io.BytesIO()
    with _style():
        figure.savefig(buffer, format=file_format, dpi=figure.dpi, **_WAYS[file_format])
    return buffer.getvalue()


@contextmanager
def _style(preset: Preset | None = None, fonts: list[str] | None = None) -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user has set, with ours on top; undone afterwards."""
    wide = preset.text / 7 if preset else 1.0
    ours: dict[str, Any] = {
        "pdf.fonttype": 42,
        "svg.fonttype": "path",
        "svg.hashsalt": "workbench",
        "text.parse_math": False,
        "text.hinting": "none",  # else text is wider at few dots an inch than it was measured
        "axes.linewidth": 0.5 * wide,
        "lines.linewidth": 1.0 * wide,
        "lines.markersize": 2.8 * wide,
        "axes.formatter.use_mathtext": False,
    }
    if preset is not None:
        sizes = ("font.size", "axes.labelsize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")
        ours |= dict.fromkeys(sizes, preset.text) | {
            "font.family": fonts or ["DejaVu Sans"],
            "xtick.major.size": 2.0 * wide,
            "ytick.major.size": 2.0 * wide,
            "xtick.major.width": 0.5 * wide,
            "ytick.major.width": 0.5 * wide,
            "xtick.major.pad": 2.5 * wide,
            "ytick.major.pad": 1.5 * wide,
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", matplotlib.MatplotlibDeprecationWarning)
        warnings.filterwarnings("ignore", message="Glyph")  # said once, and better, by draw_paper
        plain = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}
        settings: Any = plain | ours
        with matplotlib.rc_context(settings):
            yield


def _draw(page: Page) -> Figure:
    preset = page.preset
    figure = Figure(figsize=(preset.width, page.height), dpi=preset.dpi, facecolor="white")
    FigureCanvasAgg(figure)
    height = preset.line
    _write(figure, page, page.title, PAD, height * 9 / 7, size=preset.title, weight="bold")
    below = PAD + len(page.title) * height * 9 / 7
    _write(figure, page, page.subtitle, below, height, size=preset.text, color="#444444")
    for block in page.blocks:
        _draw_block(figure, page, block)
    if page.spec.has_legend:
        legend = page.spec.legend
        figure.legend(
            list(map(handle, legend)),
            [series.name for series in legend],
            loc="upper left",
            bbox_to_anchor=(PAD / preset.width, 1 - page.legend_top / page.height),
            ncols=min(page.legend_columns, len(legend)),
            frameon=False,
            borderpad=0,
            borderaxespad=0,
            handlelength=2.0,
            handletextpad=0.4,
            columnspacing=0.9,
            labelspacing=0.2,
        )
    if page.spec.scale is not None:
        _draw_scale(figure, page, page.spec.scale)
    _write(figure, page, page.footer, page.footer_top + PAD, height, size=preset.text, color="#444444")
    return figure


def _write(figure: Figure, page: Page, lines: Sequence[str], top: float, height: float, **style: Any) -> None:
    """Lines of text from the left margin, the first at `top`."""
    for line in lines:
        x, y = PAD / page.preset.width, 1 - top / page.height
        figure.text(x, y, line, va="top", ha="left", **style)
        top += height


def _draw_block(figure: Figure, page: Page, block: Block) -> None:
    width, height = page.preset.width, page.height
    bottom = height - block.top - block.height
    axes = figure.add_axes((block.left / width, bottom / height, block.width / width, block.height / height))
    for number, (line, bold) in enumerate(reversed(block.title)):
        axes.annotate(
            line,
            (0, 1),
            xycoords="axes fraction",
            xytext=(-block.title_left * 72, 2.5 + number * page.preset.line * 72),
            textcoords="offset points",
            weight="bold" if bold else "normal",
            va="bottom",
            ha="left",
            size=page.preset.text,
            annotation_clip=False,
        )
    if isinstance(block.panel, Cells):
        assert page.spec.scale is not None, "cells have a scale"
        _draw_cells(axes, page, block, block.panel, page.spec.scale)
    else:
        draw_plot(axes, page, block, block.panel)
    axes.set_xlabel(block.x_title, labelpad=1.5)
    # A title longer than the axes begins at their top.
    over = max(0.0, page.ruler.width(block.y_title, page.preset.text) - block.height)
    axes.set_ylabel(block.y_title, labelpad=2, y=0.5 - over / 2 / block.height)


def _draw_cells(axes: Axes, page: Page, block: Block, panel: Cells, scale: Scale) -> None:
    rows, columns = len(panel.rows), len(panel.columns)
    points = 72 * min(block.width / columns, block.height / rows)
    apart = points >= 5  # else borders would hide the cells
    _mesh(
        axes,
        np.arange(columns + 1) - 0.5,
        np.arange(rows + 1) - 0.5,
        np.ma.masked_invalid(np.array(panel.values, float)),
        scale,
        edgecolors="white" if apart else "face",
        linewidth=min(0.8, points / 14) if apart else 0.1,
    )
    axes.set_facecolor(UNMEASURED)
    axes.invert_yaxis()  # the first row is above
    # Whether every cell has room for its number.
    widest = page.ruler.widest((short(value) for row in panel.values for value in row), page.preset.text)
    wide, high = block.width / columns >= widest * 1.06, block.height / rows >= page.preset.line * 0.95
    numbered = panel.numbers and wide and high
    lines = strokes(panel, scale, numbered)
    axes.add_collection(
        LineCollection(
            [[start, end] for start, end, _ in lines],
            colors=[colour for *_, colour in lines],
            linewidths=min(0.6, max(0.25, points * 0.06)),
            gid="strokes",
        ),
        autolim=False,
    )
    middle: dict[str, Any] = {"ha": "center", "va": "center_baseline", "size": page.preset.text}
    corner: dict[str, Any] = {"ha": "right", "va": "bottom", "size": 0.5 * page.preset.text}
    for row, column in product(range(rows), range(columns)):
        value, few = panel.values[row][column], panel.few(row, column)
        if value is None:
            continue
        if few is not None:
            veil = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="white", alpha=VEIL, gid="veil")
            axes.add_patch(veil)
        if numbered:
            colour = ink(value, scale, few is not None)
            axes.text(column, row, short(value), color=colour, gid="number", **middle)
            if few is not None and 1.5 * page.preset.line <= block.height / rows:
                axes.text(column + 0.47, row + 0.47, str(few), color=colour, gid="count", **corner)
    _marks(axes, page, block, panel, scale)
    if panel.rule_after is not None:
        axes.axhline(panel.rule_after - 0.5, color=BLACK, linewidth=1.0, gid="rule")
    _ticks(axes, page, block, panel)
    axes.spines[:].set_visible(False)


def _marks(axes: Axes, page: Page, block: Block, panel: Cells, scale: Scale) -> None:
    size, line = page.preset.text, page.preset.line
    wide, high = block.width / len(panel.columns), block.height / len(panel.rows)
    frame: dict[str, Any] = {"fill": False, "edgecolor": BLACK, "clip_on": False, "zorder": 5, "gid": "frame"}
    frame["linewidth"] = min(1.2, 0.3 * 72 * min(wide, high)) * size / 7
    for mark in panel.marks:
        axes.add_patch(Rectangle((mark.column - 0.5, mark.row - 0.5), 1, 1, **frame))
        if not mark.text or high < line * 0.8:
            continue
        text: dict[str, Any] = {"va": "center_baseline", "size": size, "gid": "mark"}
        if block.beside:
            place = (block.width + PAD * 0.7) / wide - 0.5
            axes.text(place, mark.row, mark.text, ha="left", **text)
        else:
            colour = ink(panel.values[mark.row][mark.column], scale)
            axes.text(mark.column, mark.row, mark.text, ha="center", color=colour, zorder=6, **text)


def _ticks(axes: Axes, page: Page, block: Block, panel: Cells) -> None:
    size, high = page.preset.text, page.preset.line * 0.92
    widths = [high if panel.turned else page.ruler.width(n, size) + size / 72 * 0.5 for n in panel.columns]
    shown = shown_labels(panel.columns, widths, block.width / len(panel.columns))
    axes.set_xticks(shown, [panel.columns[at] for at in shown], rotation=90 if panel.turned else 0)
    rows = shown_labels(panel.rows, [high] * len(panel.rows), block.height / len(panel.rows))
    rows = rows if block.names else []
    axes.set_yticks(rows, [block.names[at] for at in rows])
    axes.tick_params(length=0)


def _mesh(
    axes: Axes, across: np.ndarray, down: np.ndarray, values: np.ndarray, scale: Scale, **edges: Any
) -> None:
    """Cells between these places, in the colours of the scale; those that are masked show the axes."""
    axes.pcolormesh(
        across,
        down,
        values,
        cmap=LinearSegmentedColormap.from_list("workbench", colours(scale), N=256),
        vmin=scale.low,
        vmax=scale.high,
        antialiased=False,
        snap=True,  # to whole dots, in files of dots
        **edges,
    )
    axes.set_xlim(across[0], across[-1])
    axes.set_ylim(down[0], down[-1])


def shown_labels(labels: Sequence[str], sizes: Sequence[float], pitch: float) -> list[int]:
    """Places of the labels that are written: all, where none touches another, or every k-th.

    Of layers, those that are multiples of a round number. `pitch` is how far apart labels are.

    >>> shown_labels(["emb", "0", "1", "2", "3"], [1.0] * 5, 0.6)
    [1, 3]
    """
    everything = list(range(len(labels)))
    layers = [at for at in everything if labels[at].isdigit()]
    shown, steps = everything, chain((2, 5, 10, 20, 50, 100), count(101))
    while len(shown) > 1 and any((sizes[a] + sizes[b]) / 2 > (b - a) * pitch for a, b in pairwise(shown)):
        step = next(steps)
        shown = [at for at in layers if int(labels[at]) % step == 0] if layers else everything[::step]
    return shown


def _draw_scale(figure: Figure, page: Page, scale: Scale) -> None:
    """The scale below the panels, its title above it."""
    preset = page.preset
    wide, thick = min(0.6 * preset.width, 22 * preset.line), preset.line * 0.7
    left, top = (preset.width - wide) / 2, page.scale_top + preset.line * 1.1
    axes = figure.add_axes(
        (left / preset.width, 1 - (top + thick) / page.height, wide / preset.width, thick / page.height),
        label="scale",
    )
    stops = np.linspace(scale.low, scale.high, 65)
    middles = ((stops[1:] + stops[:-1]) / 2)[None, :]
    _mesh(axes, stops, np.array([0, 1]), middles, scale, edgecolors="face", linewidth=0.1)
    places = np.linspace(scale.low, scale.high, 5 if scale.diverging else 3).tolist()
    axes.set_xticks(places, [short(place, sign=scale.diverging) for place in places])
    axes.set_yticks([])
    axes.set_title(scale.title, size=preset.text, pad=2)

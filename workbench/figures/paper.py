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
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workbench.core.errors import InputError
from workbench.figures.look import BLACK, DASH, DOT, UNMEASURED, VEIL, Preset, clipped, colours, ink, signs
from workbench.figures.look import preset as find_preset
from workbench.figures.paper_layout import GAP, PAD, Block, Layout, Page, Ruler, families, missing_fonts
from workbench.figures.paper_plots import draw_plot, handle
from workbench.figures.spec import Cells, Scale, Spec, short, thinned

FORMATS = ("pdf", "svg", "png")
_WAYS: dict[str, dict[str, Any]] = {
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
    # More compression than this takes twice the time and makes files of flat colours no smaller.
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 2}},
}
"""How each format is written: without dates, so that the same figure is the same bytes."""


def draw_paper(
    spec: Spec, preset: Preset | str = "acl", warn: bool = True, titled: bool = False
) -> list[Figure]:
    """One figure for each page that the panels need, in the preset's width.

    A figure holds the panels, their legend and scale; title and notes are its caption (`spec.caption`), or
    with `titled` in the figure. It is a figure of matplotlib: axes are labelled with the name of their panel
    (`get_label`), and everything in it can be changed. Where no installed font has
    the letters of a name, a warning says which font to install.
    """
    chosen = find_preset(preset) if isinstance(preset, str) else preset
    for line in missing_fonts(spec.texts()) if warn else ():
        warnings.warn(line, UserWarning, stacklevel=2)
    fonts = families(spec.texts())
    with _style(chosen, fonts):
        return [_draw(page) for page in Layout(spec, chosen, Ruler(fonts), titled).pages()]


def check_format(name: str) -> None:
    """Refuse a format that no figure can be written in."""
    if name not in FORMATS:
        raise InputError(f"no format is called {name!r}: choose from {', '.join(FORMATS)}")


def save_paper(figure: Figure, file_format: str) -> bytes:
    """The bytes of a file: fonts embedded as Type 42 in PDF, letters as outlines in SVG, no dates."""
    check_format(file_format)
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
    place = (block.left / width, bottom / height, block.width / width, block.height / height)
    axes = figure.add_axes(place, label=block.panel.name)
    for number, (line, bold) in enumerate(reversed(block.title)):
        _above(axes, page, line, -block.title_left, number, weight="bold" if bold else "normal")
    if block.head:
        _above(axes, page, block.head, PAD - block.left, block.head_line, weight="bold", gid="head")
    if block.aside_title:
        right = block.width + GAP + page.ruler.widest(block.panel.aside, page.preset.text)
        _above(axes, page, block.aside_title, right, 0, ha="right", gid="aside title")
    if isinstance(block.panel, Cells):
        assert page.spec.scale is not None, "cells have a scale"
        _draw_cells(axes, page, block, block.panel, page.spec.scale)
    else:
        draw_plot(axes, page, block, block.panel)
    if block.x_beside:
        axes.annotate(
            block.x_title,
            (0, 0),
            xycoords="axes fraction",
            xytext=(-1.5 * GAP * 72, -2.5 * page.preset.text / 7),
            textcoords="offset points",
            va="top",
            ha="right",
            gid="beside",
        )
    else:
        axes.set_xlabel(block.x_title, labelpad=1.5)
    # A title longer than the axes begins at their top.
    over = max(0.0, page.ruler.width(block.y_title, page.preset.text) - block.height)
    axes.set_ylabel(block.y_title, labelpad=2, y=0.5 - over / 2 / block.height)


def _above(axes: Axes, page: Page, text: str, left: float, line: int, **style: Any) -> None:
    """A text above the axes, so many inches from their left edge and so many lines up."""
    axes.annotate(
        text,
        (0, 1),
        xycoords="axes fraction",
        xytext=(left * 72, 2.0 + line * page.preset.line * 72),
        textcoords="offset points",
        va="bottom",
        size=page.preset.text,
        annotation_clip=False,
        **{"ha": "left"} | style,
    )


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
    written = [[short(value, sign=scale.diverging) for value in row] for row in panel.values]
    widest = page.ruler.widest((text for row in written for text in row), page.preset.text)
    wide, high = block.width / columns >= widest * 1.06, block.height / rows >= page.preset.line * 0.95
    numbered = panel.numbers and wide and high
    for marker, found in signs(panel, scale, numbered).items():
        x, y, shades = zip(*found, strict=True)
        size = min(1.8, points * 0.25) if marker == DOT else min(4.5, points * 0.5)
        look: dict[str, Any] = {
            "linewidths": 0.5 if marker == DASH else 0,
            "marker": "o" if marker == DOT else marker,
        }
        axes.scatter(x, y, s=size**2, c=shades, gid=f"sign {marker}", **look)
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
            axes.text(column, row, written[row][column], color=colour, gid="number", **middle)
            if few is not None and 1.5 * page.preset.line <= block.height / rows:
                axes.text(column + 0.47, row + 0.47, str(few), color=colour, gid="count", **corner)
    _marks(axes, page, block, panel)
    if panel.rule_after is not None:
        axes.axhline(panel.rule_after - 0.5, color=BLACK, linewidth=1.0, gid="rule")
    _ticks(axes, page, block, panel)
    axes.spines[:].set_visible(False)


def _marks(axes: Axes, page: Page, block: Block, panel: Cells) -> None:
    """Frames around cells, and the texts to the right of rows."""
    size = page.preset.text
    wide, high = block.width / len(panel.columns), block.height / len(panel.rows)
    frame: dict[str, Any] = {"fill": False, "edgecolor": BLACK, "clip_on": False, "zorder": 5, "gid": "frame"}
    frame["linewidth"] = min(1.0, 0.14 * 72 * min(wide, high)) * size / 7
    for mark in panel.marks:
        axes.add_patch(Rectangle((mark.column - 0.5, mark.row - 0.5), 1, 1, **frame))
    if not panel.aside or high < page.preset.line * 0.8:
        return
    right = block.width + GAP + page.ruler.widest(panel.aside, size)
    for row, text in enumerate(panel.aside):
        style: dict[str, Any] = {"va": "center_baseline", "ha": "right", "size": size, "gid": "aside"}
        axes.text(right / wide - 0.5, row, text, **style)


def _ticks(axes: Axes, page: Page, block: Block, panel: Cells) -> None:
    size, high = page.preset.text, page.preset.line * 0.83
    widths = [high if panel.turned else page.ruler.width(n, size) + size / 72 * 0.5 for n in panel.columns]
    shown = shown_labels(panel.columns, widths, block.width / len(panel.columns))
    if panel.ticks and block.ticked:
        names = [name for _, name in panel.ticks]
        reach = block.width / len(panel.columns) * (panel.ticks[-1][0] - panel.ticks[0][0])
        step = thinned(len(names), 1 + reach / (1.25 * page.ruler.widest(names, size)))
        axes.set_xticks([place for place, _ in panel.ticks[::step]], names[::step])
    elif block.ticked:
        axes.set_xticks(shown, [panel.columns[at] for at in shown], rotation=90 if panel.turned else 0)
    else:
        axes.set_xticks([])
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
        cmap=_mapped(scale).get_cmap(),
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
    """The scale on one line below the panels: its title, its ends and the colours between them."""
    preset, ruler = page.preset, page.ruler
    ends = [short(end, sign=scale.diverging) for end in (scale.low, scale.high)]
    title, *texts = (ruler.width(text, preset.text) + 2 * GAP for text in (scale.title, *ends))
    beyond = clipped(page.spec.cells, scale)
    wide = min(preset.width - 2 * PAD - title - sum(texts), 12 * preset.line)
    left, line = (preset.width - wide - title - sum(texts)) / 2, preset.line
    top, thick = page.scale_top + GAP, line * 0.62
    place = (left + title + texts[0], page.height - top - (line + thick) / 2, wide, thick)
    axes = figure.add_axes(
        (place[0] / preset.width, place[1] / page.height, wide / preset.width, thick / page.height),
        label="scale",
    )
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    bar = figure.colorbar(_mapped(scale), cax=axes, orientation="horizontal", extend=extend[beyond])
    bar.set_ticks([])
    bar.outline.set_linewidth(0.4)
    style: dict[str, Any] = {"va": "center_baseline", "transform": axes.transAxes}
    low, high = (GAP / wide + 0.05 * open_end for open_end in beyond)  # past the triangle of an open end
    axes.text(-low, 0.5, ends[0], ha="right", **style)
    axes.text(1 + high, 0.5, ends[1], ha="left", **style)
    axes.text(-low - texts[0] / wide, 0.5, scale.title, ha="right", **style)


def _mapped(scale: Scale) -> ScalarMappable:
    """The colours of a scale for matplotlib."""
    colour_map = LinearSegmentedColormap.from_list("workbench", colours(scale), N=256)
    return ScalarMappable(Normalize(scale.low, scale.high), colour_map)

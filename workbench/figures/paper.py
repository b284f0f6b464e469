"""Figures for paper: PDF, SVG and PNG without a browser, the same bytes from the same description.

Nothing is set for the whole process: matplotlib's settings hold while a figure is drawn and written.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from workbench.core.errors import InputError, did_you_mean
from workbench.figures.paper_cells import draw_cells, draw_scale
from workbench.figures.paper_fonts import quick_fonts
from workbench.figures.paper_layout import PAD, Block, Layout, Page, has_legend
from workbench.figures.paper_plots import draw_plot, handle
from workbench.figures.paper_text import Ruler, families, missing_fonts
from workbench.figures.presets import Preset
from workbench.figures.presets import preset as find_preset
from workbench.figures.spec_parts import Cells, Spec

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
    with _style(), quick_fonts() if file_format == "pdf" else nullcontext():
        figure.savefig(buffer, format=file_format, dpi=figure.dpi, **_WAYS[file_format])
    return buffer.getvalue()


@contextmanager
def _style(preset: Preset | None = None, fonts: list[str] | None = None) -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user has set, with ours on top; undone afterwards."""
    ours: dict[str, Any] = {
        "pdf.fonttype": 42,
        "svg.fonttype": "path",
        "svg.hashsalt": "workbench",
        "text.parse_math": False,
        "text.hinting": "none",  # else text is wider at few dots an inch than it was measured
        "axes.linewidth": 0.5,
        "lines.linewidth": 1.0,
        "lines.markersize": 2.8,
        "axes.formatter.use_mathtext": False,
    }
    if preset is not None:
        sizes = ("font.size", "axes.labelsize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")
        wide = preset.text / 7
        ours |= dict.fromkeys(sizes, preset.text) | {
            "font.family": fonts or ["DejaVu Sans"],
            "axes.linewidth": 0.5 * wide,
            "lines.linewidth": 1.0 * wide,
            "lines.markersize": 2.8 * wide,
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
    top = PAD
    for line in page.title:
        _text(figure, page, line, top, preset.title, weight="bold")
        top += preset.line * 9 / 7
    for line in page.subtitle:
        _text(figure, page, line, top, preset.text, color="#444444")
        top += preset.line
    for block in page.blocks:
        _draw_block(figure, page, block)
    if has_legend(page.spec):
        legend = page.spec.legend
        figure.legend(
            [handle(series) for series in legend],
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
        draw_scale(figure, page)
    top = page.footer_top + PAD
    for line in page.footer:
        _text(figure, page, line, top, preset.text, color="#444444")
        top += preset.line
    return figure


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
        draw_cells(axes, page, block, page.spec.scale)
    else:
        draw_plot(axes, page, block)


def _text(figure: Figure, page: Page, line: str, top: float, size: float, **style: Any) -> None:
    x, y = PAD / page.preset.width, 1 - top / page.height
    figure.text(x, y, line, va="top", ha="left", size=size, **style)

"""Where everything goes on paper: text as wide as it is, panels in rows, rows on pages. In inches."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, fontManager, get_font

from workbench.core.languages import script_of_letter
from workbench.figures.look import Preset
from workbench.figures.naming import distinct
from workbench.figures.spec import Cells, Panel, Plot, Spec, balanced, short

BASE = "DejaVu Sans"
"""Comes with matplotlib, so that a figure is the same everywhere; others give only what it lacks."""
_INDIC = ("Bengali", "Tamil", "Telugu", "Gujarati")
_ONLY_NOTO = ("Gurmukhi", "Kannada", "Malayalam", "Sinhala", "Lao", "Khmer", "Myanmar", "Ethiopic", "Hebrew")
_REGULAR: dict[str, tuple[str, ...]] = {
    **{name.upper(): (f"Noto Sans {name}", f"Lohit {name}") for name in _INDIC},
    **{name.upper(): (f"Noto Sans {name}",) for name in _ONLY_NOTO},
}
FONTS = _REGULAR | {
    "DEVANAGARI": ("Noto Sans Devanagari", "Lohit Devanagari", "Mangal"),
    "THAI": ("Noto Sans Thai", "Tlwg Typo", "Waree"),
    "ARABIC": ("Noto Sans Arabic", "Noto Naskh Arabic"),
    "CJK": ("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Micro Hei"),
    "HIRAGANA": ("Noto Sans CJK JP", "Noto Sans JP", "IPAGothic"),
    "KATAKANA": ("Noto Sans CJK JP", "Noto Sans JP", "IPAGothic"),
    "HANGUL": ("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic"),
}
"""Script, as Unicode names its letters → fonts that have it, the first being the one to install."""
SHAPED = ("ARABIC", "HEBREW", "DEVANAGARI", "BENGALI", "TAMIL", "TELUGU", "KHMER", "MYANMAR", "SINHALA")
"""Scripts whose letters change with their neighbours, or run from the right."""


def families(texts: Iterable[str]) -> list[str]:
    """The fonts to draw these texts with."""
    installed = set(fontManager.get_font_names())
    fonts = [BASE]
    for script in sorted(map(script_of_letter, _lacking(texts, [BASE]))):
        fonts += [font for font in FONTS.get(script, ()) if font in installed][:1]
    return list(dict.fromkeys(fonts))


def missing_fonts(texts: Iterable[str]) -> list[str]:
    """A line for each script that no installed font has: which font to install."""
    texts = list(texts)
    lacking: dict[str, set[str]] = {}
    for letter in _lacking(texts, families(texts)):
        lacking.setdefault(script_of_letter(letter) or "unknown", set()).add(letter)
    lines = []
    for script, letters in sorted(lacking.items()):
        some = "".join(sorted(letters)[:5])
        font = f"install {FONTS[script][0]}" if script in FONTS else "install a font that has it"
        lines.append(f"no font for {script.capitalize()} ({some}), which is drawn as boxes: {font}")
    if matplotlib.__version_info__ < (3, 11):
        seen = {script_of_letter(letter) for text in texts for letter in text if ord(letter) > 0x58F}
        if shaped := ", ".join(name.capitalize() for name in SHAPED if name in seen - set(lacking)):
            lines.append(f"{shaped}: letters are not joined by this matplotlib; 3.11 joins them")
    return lines


def _lacking(texts: Iterable[str], fonts: list[str]) -> set[str]:
    letters = {letter for text in texts for letter in text if not letter.isspace() and ord(letter) > 126}
    return {letter for letter in letters if not any(ord(letter) in _letters_of(font) for font in fonts)}


@lru_cache(maxsize=64)
def _letters_of(font: str) -> frozenset[int]:
    return frozenset(get_font(fontManager.findfont(FontProperties(family=font))).get_charmap())


_GLUED = re.compile(r"\b(n|p|ρ|α) = ")
"""What no line breaks apart."""


class Ruler:
    """How wide and high text is, in inches, in the fonts of one figure."""

    _FINE = 7.2  # times 72 dots an inch: hinting does not round widths much

    def __init__(self, fonts: list[str]):
        self.fonts = fonts
        self._renderer = RendererAgg(1, 1, 72 * self._FINE)
        self._known: dict[tuple[str, float, bool], float] = {}

    def width(self, text: str, size: float, bold: bool = False) -> float:
        """Width of one line."""
        key = (text, size, bold)
        if key not in self._known:
            prop = FontProperties(family=self.fonts, size=size, weight="bold" if bold else "normal")
            dots, _, _ = self._renderer.get_text_width_height_descent(text, prop, False)
            self._known[key] = dots / (72 * self._FINE)
        return self._known[key]

    def widest(self, texts: Iterable[str], size: float) -> float:
        """Width of the widest of the lines."""
        return max((self.width(text, size) for text in texts), default=0.0)

    def wrapped(self, text: str, size: float, room: float, bold: bool = False) -> list[str]:
        """The lines of a text, broken at spaces; a word too long for a line is broken anywhere."""
        lines: list[str] = []
        for word in _GLUED.sub("\\1\u00a0=\u00a0", text).split(" ") if text else ():
            joined = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(joined, size, bold) <= room:
                lines[-1] = joined
                continue
            while len(word) > 1 and self.width(word, size, bold) > room:
                heads = range(len(word) - 1, 1, -1)
                head = next((n for n in heads if self.width(word[:n], size, bold) <= room), 1)
                lines.append(word[:head])
                word = word[head:]
            lines.append(word)
        return lines

    def cut(self, text: str, size: float, room: float) -> str:
        """The text, its middle left out where it is too wide."""
        short, keep = text, len(text)
        while keep > 2 and self.width(short, size) > room:
            keep -= 1
            short = f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"
        return short


PAD = 0.045
GAP = 0.03
"""Between axes and the text beside them."""
_ROOM_FOR_NAMES = 0.5
"""Names of rows take at most this share of a panel's width."""


@dataclass(frozen=True)
class Block:
    """One panel: the box of its axes, with the text around it."""

    panel: Panel
    left: float
    top: float
    """From the upper edge of the page."""
    width: float
    height: float
    title: list[tuple[str, bool]]
    """Its lines, and whether each is bold."""
    title_left: float
    """How far to the left of its axes the title begins."""
    head: str
    """What its row of panels has in common; empty where it is not written here."""
    head_line: int
    """How many lines above the axes the head stands."""
    names: list[str]
    """Of rows, as they are written; empty where they are not."""
    x_title: str
    y_title: str
    """What the axes measure; empty where it is not written here."""
    x_beside: bool
    """Whether the title of the axis across stands to the left of the names of columns."""
    aside_title: str
    ticked: bool
    """Whether the names of columns are written below."""


@dataclass(frozen=True)
class Page:
    """One page of a figure; without a title, title, subtitle and footer are empty."""

    spec: Spec
    preset: Preset
    ruler: Ruler
    title: list[str]
    subtitle: list[str]
    footer: list[str]
    blocks: list[Block]
    legend_columns: int
    legend_top: float
    scale_top: float
    footer_top: float
    height: float


Row = list[tuple[int, Panel]]
"""Panels side by side, each with its column."""


class Layout:
    """Lays out one figure for one preset."""

    def __init__(self, spec: Spec, preset: Preset, ruler: Ruler, titled: bool = False):
        self.spec, self.preset, self.ruler, self.titled = spec, preset, ruler, titled
        self.room = preset.width - 2 * PAD
        self.subtitle = ruler.wrapped(spec.subtitle, preset.text, self.room) if titled else []
        self.footer = ruler.wrapped(spec.notes, preset.text, self.room) if titled else []
        self.same_x_title = len({_titles(panel)[0] for panel in spec.panels}) == 1
        self.same_columns = len({(panel.columns, panel.ticks) for panel in spec.cells}) == 1
        self.legend_columns = self._legend_columns()
        legend_rows = math.ceil(len(spec.legend) / self.legend_columns)
        self.legend_height = legend_rows * preset.line * 1.1 + PAD if spec.has_legend else 0.0
        self.scale_height = 0.0 if spec.scale is None else preset.line + PAD
        self._choose_columns()
        # Whether rows of panels have a head each, and columns a title each.
        self.aligned = spec.aligned and self.columns == spec.together and any(p.head for p in spec.panels)

    # Columns --------------------------------------------------------------------------------------

    def _choose_columns(self) -> None:
        """As many panels side by side as leave each readable."""
        count, together = len(self.spec.panels), self.spec.together
        widths = [_least(panel) for panel in self.spec.cells]
        widths += [0.55 for panel in self.spec.plots if not panel.lying]
        lying = [0.75 for panel in self.spec.plots if panel.lying]
        # Labels need room beside their points.
        labelled = [1.0 for panel in self.spec.plots for series in panel.series if any(series.labels)]
        needed = max([0.5, *widths, *lying, *labelled])
        for columns in range(min(count, max(4, together)), 0, -1):
            self._set_columns(columns)
            wide = self.width >= needed * self.preset.text / 7
            named = self._title_room() >= self._widest_title(columns)
            if wide and named and columns % together == 0 and columns > 1:
                self._set_columns(balanced(count, columns, together))
                return

    def _widest_title(self, columns: int) -> float:
        """The widest word of the titles; of rows with a head that would be broken up, the widest title."""
        whole = self.spec.aligned and columns > self.spec.together > 1
        names = [panel.title if columns == self.spec.together else panel.name for panel in self.spec.panels]
        texts = names if whole else [word for name in names for word in name.split()]
        return max((self.ruler.width(text, self.preset.text, bold=True) for text in texts), default=0.0)

    def _title_room(self) -> float:
        """The width of a title that begins where its axes do, beside what the texts to their right are."""
        heads = self.ruler.widest((panel.aside_title for panel in self.spec.panels), self.preset.text)
        return self.width + self._aside() - (heads + PAD if heads else 0.0)

    def _legend_columns(self) -> int:
        """As many columns of the legend as there is room for; matplotlib fills them one after another."""
        widths = [self.ruler.width(series.name, self.preset.text) for series in self.spec.legend]
        handle = self.preset.text * 3.6 / 72
        for columns in range(len(widths), 1, -1):
            if sum(own.max() + handle for own in np.array_split(widths, columns)) <= self.room:
                return columns
        return 1

    def _set_columns(self, columns: int) -> None:
        self.columns = columns
        # Left of the axes (names, title of the axis) and right of them (texts beside rows), by column.
        self.margins = [self._margins(column) for column in range(columns)]
        # The width of axes, the same for all.
        self.width = (self.room - sum(map(sum, self.margins))) / columns

    def _margins(self, column: int) -> tuple[float, float]:
        size, line, panels = self.preset.text, self.preset.line, self.spec.panels
        number = self.ruler.width("80", size) / 2 * any(isinstance(p, Plot) for p in panels)
        right = max(self._aside(), number)
        right += PAD if column < self.columns - 1 else 0.0
        if not self.spec.has_names(column):
            first = (panel.x.ticks[0][1] for panel in self.spec.plots if panel.x.ticks and not panel.lying)
            return max(PAD, self.ruler.widest(first, size) / 2), right
        wide = max(self.ruler.widest(self._names(panel), size) for panel in panels)
        titled = any(p.row_title if isinstance(p, Cells) else p.y.title for p in panels)
        titled = titled and not all(isinstance(p, Plot) and p.lying for p in panels)
        return wide + GAP * 1.3 + (line * 1.05 if titled else 0.0), right

    def _aside(self) -> float:
        """The width of the texts to the right of rows, where there are any."""
        size = self.preset.text
        wide = self.ruler.widest((text for panel in self.spec.panels for text in panel.aside), size)
        return GAP + wide if wide else 0.0

    def _names(self, panel: Panel) -> list[str]:
        """The names of rows, cut where they are too wide but never alike; or what numbers take up."""
        names = panel.rows
        if isinstance(panel, Plot) and not panel.lying:
            low, high = panel.y.range or (0.0, 1.0)
            names = (short(low, sign=False), "−0.2" if high < 10 else f"{high:.0f}")
        room = _ROOM_FOR_NAMES * self.room / (1 if self.spec.same_rows else self.columns)
        return distinct(names, lambda name: self.ruler.cut(name, self.preset.text, room))

    # Pages ----------------------------------------------------------------------------------------

    def pages(self) -> list[Page]:
        """As many pages as the panels need."""
        panels = self.spec.panels
        titles = self._title(" (10\u00a0of\u00a010)" if len(panels) > self.columns else "")
        tail = self.legend_height + self.scale_height + len(self.footer) * self.preset.line + 2 * PAD
        room = self.preset.height - self._head(titles) - tail
        pages: list[list[Row]] = [[]]
        used = 0.0
        for at in range(0, len(panels), self.columns):
            row = list(enumerate(panels[at : at + self.columns]))
            if pages[-1] and used + self._row_height(row, room, True, not used) > room:
                pages.append([])
                used = 0.0
            pages[-1].append(row)
            # Only the last rows of a page have titles below; the room that this leaves is little.
            used += self._row_height(row, room, not self.same_x_title, not used)
        return [self._page(page, room, at, len(pages)) for at, page in enumerate(pages)]

    def _title(self, which: str) -> list[str]:
        if not self.titled:
            return []
        return self.ruler.wrapped(self.spec.title + which, self.preset.title, self.room, bold=True)

    def _head(self, title: list[str]) -> float:
        """Height of the title and the subtitle."""
        line = self.preset.line
        return len(title) * line * 9 / 7 + len(self.subtitle) * line + (2 * PAD if title else GAP)

    def _page(self, rows: list[Row], room: float, at: int, count: int) -> Page:
        title = self._title("" if count == 1 else f" ({at + 1}\u00a0of\u00a0{count})")
        top = self._head(title)
        blocks: list[Block] = []
        for number, (row, next_row) in enumerate(zip(rows, [*rows[1:], []], strict=True)):
            # Below the last panel of every column stands what its axis measures.
            titled = [column >= len(next_row) or not self.same_x_title for column, _ in row]
            height = self._row_height(row, room, any(titled), number == 0)
            blocks += [
                self._block(row, column, top, height, titled[column], number == 0) for column, _ in row
            ]
            top += height
        footer_top = top + self.legend_height + self.scale_height
        return Page(
            spec=replace(self.spec, panels=tuple(block.panel for block in blocks)),
            preset=self.preset,
            ruler=self.ruler,
            title=title,
            subtitle=self.subtitle,
            footer=self.footer,
            blocks=blocks,
            legend_columns=self.legend_columns,
            legend_top=top,
            scale_top=top + self.legend_height,
            footer_top=footer_top,
            height=footer_top + len(self.footer) * self.preset.line + (2 * PAD if self.footer else GAP),
        )

    def _block(
        self, row: Row, column: int, top: float, row_height: float, titled: bool, first: bool
    ) -> Block:
        panel = row[column][1]
        left, _ = self.margins[column]
        titles, named = self._panel_title(panel, column, first), self.spec.has_names(column)
        wide = max((self.ruler.width(text, self.preset.text, bold) for text, bold in titles), default=0.0)
        before = sum(sum(margins) + self.width for margins in self.margins[:column])
        above = self._above(row, first)
        x_title, y_title = _titles(panel)
        beside = self._beside(panel) and (column == 0 or self.same_x_title)
        return Block(
            panel=panel,
            left=PAD + before + left,
            top=top + above,
            width=self.width,
            height=min(self._height(panel), row_height - above - self._below(panel, titled)),
            title=titles,
            title_left=0.0 if self.aligned else min(left, max(0.0, wide - self._title_room())),
            head=panel.head if self.aligned and column == 0 else "",
            head_line=self._lines(row, first) - 1 if self.aligned else 0,
            names=self._names(panel) if named else [],
            x_title=x_title if titled and (not beside or column == 0) else "",
            y_title=y_title if named else "",
            x_beside=beside,
            aside_title=panel.aside_title if first or not self.aligned else "",
            ticked=self._ticked(panel, titled),
        )

    # Heights --------------------------------------------------------------------------------------

    def _panel_title(self, panel: Panel, column: int, first: bool) -> list[tuple[str, bool]]:
        remark = panel.remark if isinstance(panel, Plot) else ""
        title = panel.name if not self.aligned else panel.title if first else ""
        # A column without names of its own is narrower than its share of the page.
        room = min(sum(self.margins[column]) + self.width, self.room / self.columns) - PAD
        if panel.aside_title:
            room = self._title_room()
            room += 0.0 if self.aligned or column else self.margins[0][0]
        return [
            (line, bold)
            for text, bold in ((title, True), (remark, False))
            for line in self.ruler.wrapped(text, self.preset.text, room, bold)
        ]

    def _lines(self, row: Row, first: bool) -> int:
        """The lines above a row of panels: of their titles, and of a head that has no room beside them."""
        lines = max(len(self._panel_title(panel, column, first)) for column, panel in row)
        if any(panel.aside_title for _, panel in row) and first:
            lines = max(lines, 1)
        if not self.aligned:
            return lines
        head = self.ruler.width(row[0][1].head, self.preset.text, bold=True)
        return max(lines, 1) if head + GAP <= self.margins[0][0] else lines + 1

    def _above(self, row: Row, first: bool) -> float:
        """Height of the titles of a row of panels."""
        lines = self._lines(row, first)
        return lines * self.preset.line + GAP

    def _beside(self, panel: Panel) -> bool:
        """Whether what the columns are has room to the left of their names."""
        if not isinstance(panel, Cells) or panel.turned or not self.same_x_title:
            return False
        wide = self.ruler.width(panel.column_title, self.preset.text)
        return wide + self.ruler.width("0", self.preset.text) <= self.margins[0][0]

    def _below(self, panel: Panel, titled: bool) -> float:
        """Under axes: names of columns, and the title of the axis where it is written."""
        line = self.preset.line
        if upright := self.spec.upright:  # they have no title below
            return self.ruler.widest(upright, self.preset.text) + line * 0.5 + PAD
        if not self._ticked(panel, titled):
            return GAP
        return line * (2.2 if titled and not self._beside(panel) else 1.05) + GAP

    def _ticked(self, panel: Panel, titled: bool) -> bool:
        """Whether names of columns stand below: of panels with the same columns only below the last."""
        alike = isinstance(panel, Cells) and self.same_columns and self.same_x_title and not panel.square
        return titled or not alike or (isinstance(panel, Cells) and panel.turned)

    def _row_height(self, row: Row, room: float, titled: bool, first: bool) -> float:
        around = self._above(row, first) + max(self._below(panel, titled) for _, panel in row)
        return min(max(self._height(panel) for _, panel in row) + around, max(room, around + 0.5))

    def _height(self, panel: Panel) -> float:
        """The height of axes, where the page has room for it."""
        line, rows = self.preset.line, len(panel.rows)
        if isinstance(panel, Cells):
            if panel.square:
                return self.width * rows / len(panel.columns)
            return rows * line * (1.15 if panel.numbers and rows <= 12 else 0.84)
        if panel.lying:
            return max(rows, 2) * line * (1.15 if rows <= 12 else 1.0)
        labelled = any(any(series.labels) for series in panel.series)
        return min(max(self.width * 0.62, (9 if labelled else 6) * line), 14 * line)


def _least(panel: Cells) -> float:
    """The least width of cells, in inches where text has seven points."""
    if panel.square:
        return min(0.07 * len(panel.columns), 1.0)
    return (0.115 if panel.turned else 0.064) * len(panel.columns)


def _titles(panel: Panel) -> tuple[str, str]:
    """What is measured across and up."""
    if isinstance(panel, Cells):
        return panel.column_title, panel.row_title
    return panel.axes[0].title, panel.axes[1].title

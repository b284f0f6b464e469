"""Where everything goes on paper: text as wide as it is, panels in rows, rows on pages. In inches."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import matplotlib
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, fontManager, get_font

from workbench.core.languages import script_of_letter
from workbench.figures.presets import Preset
from workbench.figures.spec import Cells, Panel, Plot, Spec, balanced, has_names, same_rows, short

BASE = "DejaVu Sans"
"""Comes with matplotlib, so that a figure is the same everywhere; others give only what it lacks."""
FONTS = {
    "DEVANAGARI": ("Noto Sans Devanagari", "Lohit Devanagari", "Mangal"),
    "BENGALI": ("Noto Sans Bengali", "Lohit Bengali"),
    "TAMIL": ("Noto Sans Tamil", "Lohit Tamil"),
    "TELUGU": ("Noto Sans Telugu", "Lohit Telugu"),
    "GUJARATI": ("Noto Sans Gujarati", "Lohit Gujarati"),
    "GURMUKHI": ("Noto Sans Gurmukhi",),
    "KANNADA": ("Noto Sans Kannada",),
    "MALAYALAM": ("Noto Sans Malayalam",),
    "SINHALA": ("Noto Sans Sinhala",),
    "THAI": ("Noto Sans Thai", "Tlwg Typo", "Waree"),
    "LAO": ("Noto Sans Lao",),
    "KHMER": ("Noto Sans Khmer",),
    "MYANMAR": ("Noto Sans Myanmar",),
    "ETHIOPIC": ("Noto Sans Ethiopic",),
    "ARABIC": ("Noto Sans Arabic", "Noto Naskh Arabic"),
    "HEBREW": ("Noto Sans Hebrew",),
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
    needed = {script_of_letter(letter) for letter in _lacking(texts, [BASE])}
    installed = set(fontManager.get_font_names())
    found = [
        next((font for font in FONTS.get(script, ()) if font in installed), "") for script in sorted(needed)
    ]
    return [BASE, *dict.fromkeys(filter(None, found))]


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
        shaped = ", ".join(name.capitalize() for name in SHAPED if name in seen - set(lacking))
        if shaped:
            lines.append(f"{shaped}: letters are not joined by this matplotlib; 3.11 joins them")
    return lines


def _lacking(texts: Iterable[str], fonts: list[str]) -> set[str]:
    letters = {letter for text in texts for letter in text if not letter.isspace() and ord(letter) > 126}
    known: set[int] = set()
    for font in fonts:
        known |= _letters_of(font)
    return {letter for letter in letters if ord(letter) not in known}


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
            weight = "bold" if bold else "normal"
            prop = FontProperties(family=self.fonts, size=size, weight=weight)
            dots, _, _ = self._renderer.get_text_width_height_descent(text, prop, False)
            self._known[key] = dots / (72 * self._FINE)
        return self._known[key]

    def widest(self, texts: Iterable[str], size: float) -> float:
        """Width of the widest of the lines."""
        return max((self.width(text, size) for text in texts), default=0.0)

    def wrapped(self, text: str, size: float, room: float, bold: bool = False) -> list[str]:
        """The lines of a text, broken at spaces; a word too long for a line is broken anywhere."""
        lines: list[str] = []
        if not text:
            return lines
        for word in _GLUED.sub("\\1\u00a0=\u00a0", text).split(" "):
            joined = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(joined, size, bold) <= room:
                lines[-1] = joined
                continue
            while len(word) > 1 and self.width(word, size, bold) > room:
                head = self._that_fits(word, size, room, bold)
                lines.append(word[:head])
                word = word[head:]
            lines.append(word)
        return lines

    def _that_fits(self, word: str, size: float, room: float, bold: bool) -> int:
        head = len(word) - 1
        while head > 1 and self.width(word[:head], size, bold) > room:
            head -= 1
        return head

    def cut(self, text: str, size: float, room: float) -> str:
        """The text, its middle left out where it is too wide."""
        keep = len(text)
        short = text
        while keep > 2 and self.width(short, size) > room:
            keep -= 1
            short = f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"
        return short


PAD = 0.06
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
    title: tuple[tuple[str, bool], ...]
    """Its lines, and whether each is bold."""
    title_left: float
    """How far to the left of its axes the title begins."""
    names: tuple[str, ...]
    """Of rows, as they are written; empty where they are not."""
    x_title: bool
    y_title: bool
    beside: bool
    """Whether the numbers of framed cells stand to the right of their rows."""


@dataclass(frozen=True)
class Page:
    """One page of a figure."""

    spec: Spec
    preset: Preset
    ruler: Ruler
    title: tuple[str, ...]
    subtitle: tuple[str, ...]
    footer: tuple[str, ...]
    blocks: tuple[Block, ...]
    legend_columns: int
    legend_top: float
    scale_top: float
    footer_top: float
    height: float

    def middle(self, title: str, block: Block) -> float:
        """Where the middle of a title beside axes stands, of their height: lower where it is longer."""
        over = self.ruler.width(title, self.preset.text) - block.height
        return 0.5 - max(0.0, over) / 2 / block.height


class Layout:
    """Lays out one figure for one preset."""

    def __init__(self, spec: Spec, preset: Preset, ruler: Ruler):
        self.spec, self.preset, self.ruler = spec, preset, ruler
        self._known: dict[tuple[int, int, bool], tuple[float, float]] = {}
        room = preset.width - 2 * PAD
        self.title = self._title("")
        self.subtitle = tuple(ruler.wrapped(spec.subtitle, preset.text, room))
        self.footer = tuple(ruler.wrapped(spec.footer, preset.text, room))
        self.same_names = same_rows(spec.panels)
        self.beside = False
        self.columns = self._columns()
        if self._too_small():
            self.beside = True
            self.columns = self._columns()

    def _title(self, which: str) -> tuple[str, ...]:
        room = self.preset.width - 2 * PAD
        return tuple(self.ruler.wrapped(self.spec.title + which, self.preset.title, room, bold=True))

    def pages(self) -> list[Page]:
        """As many pages as the panels need."""
        line = self.preset.line
        titles = self._title(" (10\u00a0of\u00a010)") if len(self.spec.panels) > self.columns else self.title
        head = len(titles) * line * 9 / 7 + len(self.subtitle) * line + 2 * PAD
        tail = self._legend_height() + self._scale_height() + len(self.footer) * line + 2 * PAD
        every = range(0, len(self.spec.panels), self.columns)
        rows = [self.spec.panels[at : at + self.columns] for at in every]
        room = self.preset.height - head - tail
        pages: list[list[Sequence[Panel]]] = [[]]
        used = 0.0
        for row in rows:
            height = self._row_height(row, room, titled=True)
            if pages[-1] and used + height > room:
                pages.append([])
                used = 0.0
            pages[-1].append(row)
            # Only the last rows of a page have titles below; the room that this leaves is little.
            used += self._row_height(row, room, titled=not self._same_x_title())
        return [self._page(page, room, at, len(pages)) for at, page in enumerate(pages)]

    def _page(self, rows: list[Sequence[Panel]], room: float, at: int, count: int) -> Page:
        line = self.preset.line
        title = self.title if count == 1 else self._title(f" ({at + 1}\u00a0of\u00a0{count})")
        top = len(title) * line * 9 / 7 + len(self.subtitle) * line + 2 * PAD
        blocks: list[Block] = []
        for number, row in enumerate(rows):
            # Below the last panel of every column stands what its axis measures.
            below = [
                number + 1 < len(rows) and column < len(rows[number + 1]) and self._same_x_title()
                for column in range(len(row))
            ]
            height = self._row_height(row, room, titled=not all(below))
            for column, panel in enumerate(row):
                blocks.append(self._block(panel, column, top, height, titled=not below[column]))
            top += height
        scale_top = top + self._legend_height()
        footer_top = scale_top + self._scale_height()
        return Page(
            spec=replace(self.spec, panels=tuple(block.panel for block in blocks)),
            preset=self.preset,
            ruler=self.ruler,
            title=title,
            subtitle=self.subtitle,
            footer=self.footer,
            blocks=tuple(blocks),
            legend_columns=self._legend_columns(),
            legend_top=top,
            scale_top=scale_top,
            footer_top=footer_top,
            height=footer_top + len(self.footer) * line + 2 * PAD,
        )

    def _block(self, panel: Panel, column: int, top: float, row_height: float, titled: bool) -> Block:
        inner = self._inner_width(self.columns)
        left, right = self._margins(column)
        titles = self._panel_title(panel, column)
        wide = max((self.ruler.width(text, self.preset.text, bold) for text, bold in titles), default=0.0)
        before = sum(sum(self._margins(at)) + inner for at in range(column))
        named = has_names(self.spec, column)
        most = row_height - self._above() - self._below(titled)
        return Block(
            panel=panel,
            left=PAD + before + left,
            top=top + self._above(),
            width=inner,
            height=self._inner_height(panel, inner, most),
            title=titles,
            title_left=min(left, max(0.0, wide - inner - right)),
            names=self._names(panel) if named else (),
            x_title=titled,
            y_title=named,
            beside=self.beside,
        )

    def _inner_width(self, columns: int) -> float:
        """The width of axes, the same for all."""
        around = sum(sum(self._margins(column)) for column in range(columns))
        return (self.preset.width - 2 * PAD - around) / columns

    def _columns(self) -> int:
        """As many panels side by side as leave each readable."""
        count = len(self.spec.panels)
        scale = self.preset.text / 7
        for columns in range(min(count, 4), 1, -1):
            self.columns = columns
            inner = self._inner_width(columns)
            widest = max(len(panel.columns) if isinstance(panel, Cells) else 0 for panel in self.spec.panels)
            square = any(isinstance(panel, Cells) and panel.square for panel in self.spec.panels)
            needed = max(0.8, widest * (0.07 if square else 0.1)) * scale
            if any(isinstance(panel, Plot) and panel.lying for panel in self.spec.panels):
                needed = 1.4 * scale
            if any(one.labels for p in self.spec.panels if isinstance(p, Plot) for one in p.series):
                needed = 2.0 * scale  # labels need room beside their points
            if inner >= needed and columns % self.spec.together == 0:
                return balanced(count, columns, self.spec.together)
        return 1

    def _margins(self, column: int) -> tuple[float, float]:
        """To the left of axes (names, title of the axis) and to the right (numbers beside rows)."""
        key = (column, self.columns, self.beside)
        if key not in self._known:  # asked for by every title of every panel
            self._known[key] = self._measured(column)
        return self._known[key]

    def _measured(self, column: int) -> tuple[float, float]:
        size, line = self.preset.text, self.preset.line
        right = PAD * 1.5
        if self.beside:
            marks = [m.text for p in self.spec.panels if isinstance(p, Cells) for m in p.marks]
            right += self.ruler.widest(marks, size) + PAD
        else:
            right += self.ruler.width("80", size) / 2
        asides = [text for p in self.spec.panels if isinstance(p, Plot) for text in (*p.aside, p.aside_title)]
        right += self.ruler.widest(asides, size) + (PAD if any(asides) else 0.0)
        if not has_names(self.spec, column):
            return PAD * 1.5, right
        names = [name for panel in self.spec.panels for name in self._names(panel)]
        titled = any(p.row_title if isinstance(p, Cells) else p.y.title for p in self.spec.panels)
        if all(isinstance(p, Plot) and p.lying for p in self.spec.panels):
            titled = False
        wide = max((self.ruler.widest(name.split("\n"), size) for name in names), default=0.0)
        return wide + PAD * 1.2 + (line * 1.05 if titled else 0.0), right

    def _names(self, panel: Panel) -> tuple[str, ...]:
        """The names of rows, broken or cut where they are too wide; of numbers, what takes their room."""
        if isinstance(panel, Cells):
            raw: Sequence[str] = panel.rows
        elif panel.lying:
            raw = [name for _, name in panel.x.ticks]
        else:
            low, high = panel.y.range or (0.0, 1.0)
            raw = [short(low, sign=False), "−0.2" if high < 10 else f"{high:.0f}"]
        return tuple(self._broken(name) for name in raw)

    def _broken(self, name: str) -> str:
        size = self.preset.text
        room = _ROOM_FOR_NAMES * (self.preset.width - 2 * PAD) / (1 if self.same_names else self.columns)
        return self.ruler.cut(name, size, room)

    def _panel_title(self, panel: Panel, column: int) -> tuple[tuple[str, bool], ...]:
        remark = panel.remark if isinstance(panel, Plot) else ""
        # A column without names of its own is narrower than its share of the page.
        own = sum(self._margins(column)) + self._inner_width(self.columns)
        room = min(own, (self.preset.width - 2 * PAD) / self.columns) - PAD
        return tuple(
            (line, bold)
            for text, bold in ((panel.title, True), (remark, False))
            for line in self.ruler.wrapped(text, self.preset.text, room, bold)
        )

    def _above(self) -> float:
        lines = max(
            len(self._panel_title(panel, at % self.columns)) for at, panel in enumerate(self.spec.panels)
        )
        return lines * self.preset.line + PAD

    def _below(self, titled: bool) -> float:
        """Under axes: names of columns, and the title of the axis where it is written."""
        turned = [name for p in self.spec.panels if isinstance(p, Cells) and p.turned for name in p.columns]
        if turned:  # they have no title below
            return self.ruler.widest(turned, self.preset.text) + self.preset.line * 0.5 + PAD
        return self.preset.line * (2.35 if titled else 1.25) + PAD

    def _same_x_title(self) -> bool:
        titles = {
            p.column_title if isinstance(p, Cells) else (p.y if p.lying else p.x).title
            for p in self.spec.panels
        }
        return len(titles) == 1

    def _row_height(self, row: Sequence[Panel], room: float, titled: bool) -> float:
        around = self._above() + self._below(titled)
        width = self._inner_width(self.columns)
        inner = max(self._inner_height(panel, width, math.inf) for panel in row)
        return min(inner + around, max(room, around + 0.5))

    def _inner_height(self, panel: Panel, width: float, most: float) -> float:
        line = self.preset.line
        if isinstance(panel, Cells):
            wanted = len(panel.rows) * line * (1.5 if len(panel.rows) <= 12 else 1.1)
            if panel.square:
                wanted = width * len(panel.rows) / len(panel.columns)
        elif panel.lying:
            wanted = max(len(panel.x.ticks), 2) * line * (1.6 if len(panel.x.ticks) <= 12 else 1.15)
        else:
            wanted = min(max(width * 0.72, 8 * line), 18 * line)
        return min(wanted, most)

    def _too_small(self) -> bool:
        """Whether framed cells are too small for their numbers in any panel."""
        inner = self._inner_width(self.columns)
        for panel in self.spec.panels:
            if isinstance(panel, Cells) and any(mark.text for mark in panel.marks):
                widest = self.ruler.widest((mark.text for mark in panel.marks), self.preset.text)
                if inner / len(panel.columns) < widest * 1.25:
                    return True
        return False

    def _legend_columns(self) -> int:
        entries = self.spec.legend
        widest = self.ruler.widest((one.name for one in entries), self.preset.text)
        return max(1, int((self.preset.width - 2 * PAD) / (widest + self.preset.text * 3.6 / 72)))

    def _legend_height(self) -> float:
        if not has_legend(self.spec):
            return 0.0
        rows = math.ceil(len(self.spec.legend) / self._legend_columns())
        return rows * self.preset.line * 1.1 + PAD

    def _scale_height(self) -> float:
        return 0.0 if self.spec.scale is None else self.preset.line * 3 + PAD


def has_legend(spec: Spec) -> bool:
    """Whether names have to be told: not of one curve alone, which the subtitle names."""
    alone = len(spec.legend) == 1 and not any(
        series.role == "faint" for p in spec.panels if isinstance(p, Plot) for series in p.series
    )
    return bool(spec.legend) and not alone

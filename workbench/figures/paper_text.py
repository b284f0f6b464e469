"""Text on paper: how wide it is, where it breaks, and whether there is a font with its letters."""

import re
from collections.abc import Iterable
from functools import lru_cache

import matplotlib
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, fontManager, get_font

from workbench.core.scripts import script_of_letter

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

"""Fonts for PDF, cut quickly: to cut a few dozen letters out of a whole font took a third of all drawing."""

import inspect
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

from fontTools import subset
from matplotlib.backends import _backend_pdf_ps as backend

_TOGETHER = 256
"""Glyphs are kept by so many neighbours, so that few cuts serve all pages."""
_NEEDLESS = ["GSUB", "GPOS", "GDEF", "JSTF", "BASE", "MATH", "kern", "FFTM"]
"""Tables that say which glyphs follow from letters, and where they stand: in a PDF that is settled."""

_ONE_AT_A_TIME = threading.RLock()
"""Two threads that replaced and restored in turns would leave it replaced."""


class _FontFile(io.BytesIO):
    """A font in memory, as matplotlib asks for a font's file."""

    face_index = 0


@contextmanager
def quick_fonts() -> Iterator[None]:
    """While it holds, matplotlib cuts the glyphs of a PDF out of a part of the font that is kept.

    The glyphs are the same, and so are their outlines and hints. Matplotlib has no setting for it: one
    function of it is replaced meanwhile. Where that function is another than the one known here, as before
    matplotlib 3.11, nothing is replaced, which is slower and no worse.
    """
    with _ONE_AT_A_TIME:
        plain: Any = getattr(backend, "get_glyphs_subset", None)
        if plain is None or list(inspect.signature(plain).parameters) != ["fontfile", "glyphs"]:
            yield
            return
        backend.get_glyphs_subset = partial(_cut, plain)
        try:
            yield
        finally:
            backend.get_glyphs_subset = plain


@contextmanager
def _cut(plain: Any, fontfile: Any, glyphs: Any) -> Iterator[Any]:
    near = frozenset(glyph // _TOGETHER for glyph in glyphs)
    part, moved = _part(str(fontfile), fontfile.face_index, near)
    with plain(_FontFile(part), {moved[glyph] for glyph in glyphs}) as found:
        places = {glyph: found.glyph_index_map[moved[glyph]] for glyph in glyphs}
        yield found._replace(glyph_index_map=places)


@lru_cache(maxsize=64)
def _part(path: str, number: int, near: frozenset[int]) -> tuple[bytes, dict[int, int]]:
    """The font with these neighbourhoods of glyphs alone, and where each glyph stands in it."""
    # Matplotlib keeps the first four glyphs of every font; here too, else others would be the first four.
    options = subset.Options(font_number=number, recommended_glyphs=True)
    options.drop_tables += _NEEDLESS
    with subset.load_font(path, options) as font:
        count = font["maxp"].numGlyphs
        starts = [part * _TOGETHER for part in near]
        cutter = subset.Subsetter(options)
        cutter.populate(gids=[at for start in starts for at in range(start, min(start + _TOGETHER, count))])
        cutter.subset(font)
        file = io.BytesIO()
        font.save(file, reorderTables=False)
    return file.getvalue(), dict(cutter.glyph_index_map)

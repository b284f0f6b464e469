"""Fonts cut quickly hold the same outlines as matplotlib's own cut, and nothing stays replaced."""

import inspect
import io
import re
import zlib

import pytest
from fontTools.ttLib import TTFont
from made_tables import made
from matplotlib.backends import _backend_pdf_ps as backend

from workbench.figures import make_spec, paper
from workbench.figures.paper import draw_paper, save_paper
from workbench.figures.paper_fonts import quick_fonts

KNOWN = list(inspect.signature(backend.get_glyphs_subset).parameters) == ["fontfile", "glyphs"]


def fonts_of(pdf):
    """Each font of a PDF."""
    streams = [zlib.decompress(one) for one in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S)]
    return [TTFont(io.BytesIO(one)) for one in streams if one[:4] == b"\0\1\0\0"]


def outlines(font):
    """What each glyph looks like and how wide it is, whatever its number."""
    table = font["glyf"]
    names = font.getGlyphOrder()
    found = set()
    for name in names:
        points, ends, flags = table[name].getCoordinates(table)
        found.add((tuple(points), tuple(ends), bytes(flags), font["hmtx"][name]))
    return found


@pytest.mark.parametrize("name", ["sw-en", "العربية-en", "first official Šķīņķis → ≥"])
def test_the_letters_are_those_of_matplotlib_s_own_cut(name, monkeypatch):
    spec = make_spec("flips", {"selection": made(6, 1)["selection"].assign(pair=name)})
    (figure,) = draw_paper(spec)
    quick = fonts_of(save_paper(figure, "pdf"))
    monkeypatch.setattr(paper, "quick_fonts", paper.nullcontext)
    plain = fonts_of(save_paper(figure, "pdf"))
    assert len(quick) == len(plain) >= 2
    for one, other in zip(quick, plain, strict=True):
        assert outlines(one) <= outlines(other) and len(outlines(one)) > 3
        for table in ("cvt ", "fpgm", "prep"):
            assert one.getTableData(table) == other.getTableData(table)
    if KNOWN:
        assert not any("GSUB" in font for font in quick)


@pytest.mark.skipif(not KNOWN, reason="matplotlib before 3.11 is left as it is")
def test_glyphs_keep_their_meaning_and_nothing_stays_replaced():
    from matplotlib.font_manager import FontPath, FontProperties, fontManager, get_font

    file = FontPath(fontManager.findfont(FontProperties(family="DejaVu Sans")), 0)
    charmap = get_font(file).get_charmap()
    glyphs = {charmap[ord(letter)] for letter in "aé−≥→ș"} | {5000}
    plain = backend.get_glyphs_subset
    with quick_fonts():
        assert backend.get_glyphs_subset is not plain
        with backend.get_glyphs_subset(file, glyphs) as cut:
            table = cut.font["glyf"]
            whole = TTFont(file)
            for glyph in glyphs:
                name = cut.font.getGlyphName(cut.glyph_index_map[glyph])
                known = whole.getGlyphName(glyph)
                assert (
                    table[name].getCoordinates(table)[0]
                    == whole["glyf"][known].getCoordinates(whole["glyf"])[0]
                )
    assert backend.get_glyphs_subset is plain
    with pytest.raises(ZeroDivisionError), quick_fonts():
        _ = 1 / 0
    assert backend.get_glyphs_subset is plain


def test_another_function_of_another_matplotlib_is_left_alone(monkeypatch):
    def older(fontfile, characters):
        raise AssertionError("is not called")

    monkeypatch.setattr(backend, "get_glyphs_subset", older)
    with quick_fonts():
        assert backend.get_glyphs_subset is older

"""The drawing for paper and the one for the browser show the same: data, order, colour scale, annotation."""

from html import unescape

import made_tables
import numpy as np
import pytest
from made_tables import made
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex

from workbench.figures import FIGURES, Cells, draw_interactive, make_spec
from workbench.figures.look import BLACK, Preset
from workbench.figures.paper import draw_paper

MANY = "comparison of many pairs"
CELLS = ("layers", "strengths", "aligners", "grid", "confounds", MANY)
PLOTS = tuple(kind for kind in FIGURES if kind not in CELLS)
ALL = (*FIGURES, MANY)
MARKERS = {"o": "circle", "s": "square", "^": "triangle-up"}
ENDLESS = Preset("endless", 12.0, 400.0, 7, 72)


@pytest.fixture(scope="module")
def drawn():
    frames = made(layers=6, pairs=3)
    specs = {kind: make_spec(kind, frames, ["only a test"]) for kind in FIGURES}
    many = {"comparison": made_tables.comparison(pairs=5, few=True)}
    specs[MANY] = make_spec("comparison", many, ["only a test"])
    return {
        kind: (spec, draw_paper(spec, ENDLESS, titled=True), draw_interactive(spec))
        for kind, spec in specs.items()
    }


def plain(text):
    """What is read: without markup and without the places of lines' ends."""
    text = unescape(text).replace("\u00a0", " ").replace("<br>", " ").replace("<b>", "").replace("</b>", "")
    return " ".join(text.split())


def panels_of(figure):
    return [axes for axes in figure.axes if axes.get_label() != "scale"]


def of_panel(figure, number, items):
    name = "x" if number == 0 else f"x{number + 1}"
    return [one for one in items if (getattr(one, "xaxis", None) or getattr(one, "xref", None)) == name]


def near(a, b):
    a, b = (np.array([np.nan if v is None else v for v in values], float) for values in (a, b))
    assert a.shape == b.shape and np.allclose(a, b, equal_nan=True)


@pytest.mark.parametrize("kind", ALL)
def test_both_have_the_same_words_around_the_panels(drawn, kind):
    spec, (paper,), browser = drawn[kind]
    on_paper = plain(" ".join(text.get_text() for text in paper.texts))
    assert on_paper == plain(f"{spec.title} {spec.subtitle} {spec.notes}")
    footer = next(note.text for note in browser.layout.annotations if note.name == "footer")
    title = browser.layout.title
    assert plain(f"{title.text} {title.subtitle.text} {footer}") == on_paper
    assert "only a test" in on_paper


@pytest.mark.parametrize("kind", ALL)
def test_panels_stand_in_the_same_order_under_the_same_titles(drawn, kind):
    spec, (paper,), browser = drawn[kind]
    panels = panels_of(paper)
    in_browser = [plain(note.text) for note in browser.layout.annotations if note.name == "title"]
    names = [plain(panel.name) for panel in spec.panels]
    assert [plain(axes.get_label()) for axes in panels] == names
    assert [name for name in names if name] == in_browser
    written = [
        plain(" ".join(n.get_text() for n in reversed(axes.texts) if n.get_gid() is None)) for axes in panels
    ]
    heads = [plain(n.get_text()) for axes in panels for n in axes.texts if n.get_gid() == "head"]
    if heads:  # a head for each row of panels, titles above the first row
        assert heads == [plain(panel.head) for panel in spec.panels[:: spec.together]]
        assert written[: spec.together] == [plain(panel.title) for panel in spec.panels[: spec.together]]
        assert not any(written[spec.together :])
    else:
        assert written == names


@pytest.mark.parametrize("kind", ALL)
def test_the_axes_measure_the_same_in_the_same_range_and_direction(drawn, kind):
    spec, (paper,), browser = drawn[kind]
    for number, (panel, axes) in enumerate(zip(spec.panels, panels_of(paper), strict=True)):
        suffix = "" if number == 0 else str(number + 1)
        x, y = browser.layout[f"xaxis{suffix}"], browser.layout[f"yaxis{suffix}"]
        near(y.range, axes.get_ylim())
        if x.range is not None:
            near(10 ** np.array(x.range) if x.type == "log" else x.range, axes.get_xlim())
        assert (x.type == "log") == (axes.get_xscale() == "log")
        for one, other in ((axes.get_xlabel(), x.title.text), (axes.get_ylabel(), y.title.text)):
            assert one == plain(other or "") or "" in (one, other or "")  # said once for panels alike
        if number == 0:
            assert axes.get_ylabel() == plain(y.title.text or "")
        if isinstance(panel, Cells):
            named = [label.get_text() for label in axes.get_xticklabels()]
            assert named in ([], list(panel.columns)) and list(x.ticktext) == list(panel.columns)
    if spec.cells:  # written below the last panel, where all have the same
        assert named and (
            axes.get_xlabel()
            or any(note.get_gid() == "beside" for note in panels_of(paper)[0].texts)
            or not panel.column_title
        )


@pytest.mark.parametrize("kind", CELLS)
def test_cells_have_the_same_values_scale_signs_and_frames(drawn, kind):
    spec, (paper,), browser = drawn[kind]
    scale = browser.layout.coloraxis
    assert (scale.cmin, scale.cmax) == (spec.scale.low, spec.scale.high)
    if spec.scale.diverging:
        assert spec.scale.low == -spec.scale.high
    for number, axes in enumerate(panels_of(paper)):
        mesh = next(one for one in axes.collections if isinstance(one, QuadMesh))
        heat = next(one for one in of_panel(browser, number, browser.data) if one.type == "heatmap")
        near(np.ma.filled(mesh.get_array(), np.nan).ravel(), np.array(heat.z, float).ravel())
        near([v for row in spec.panels[number].values for v in row], np.array(heat.z, float).ravel())
        assert mesh.get_clim() == (scale.cmin, scale.cmax)
        ends = [to_hex(mesh.get_cmap()(end)) for end in (0.0, 1.0)]
        assert ends == [scale.colorscale[0][1], scale.colorscale[-1][1]]
        ours = {one.get_gid(): one for one in axes.collections if (one.get_gid() or "").startswith("sign")}
        theirs = {
            t.name: t for t in of_panel(browser, number, browser.data) if (t.name or "").startswith("sign")
        }
        assert set(ours) == set(theirs)
        for name, one in ours.items():
            near(one.get_offsets().ravel(), np.column_stack([theirs[name].x, theirs[name].y]).ravel())
            assert [to_hex(face) for face in one.get_facecolors()] == list(theirs[name].marker.color)
        frames = [(p.get_x(), p.get_y()) for p in axes.patches if p.get_gid() == "frame"]
        shapes = of_panel(browser, number, browser.layout.shapes)
        assert frames == [(s.x0, s.y0) for s in shapes if s.name == "frame"]
        aside = [text.get_text() for text in axes.texts if text.get_gid() == "aside" and text.get_text()]
        here = ("x" if number == 0 else f"x{number + 1}") + " domain"
        notes = [note for note in browser.layout.annotations if note.name == "aside" and note.xref == here]
        assert aside == [note.text for note in notes]
        numbers = [text.get_text() for text in axes.texts if text.get_gid() == "number"]
        assert numbers == [text for row in heat.text for text in row if text]
        rules = [line.get_ydata()[0] for line in axes.lines if line.get_gid() == "rule"]
        assert rules == [s.y0 for s in shapes if s.name == "rule"]


@pytest.mark.parametrize("kind", PLOTS)
def test_curves_clouds_and_bands_have_the_same_places_values_and_colours(drawn, kind):
    _, (paper,), browser = drawn[kind]
    for number, axes in enumerate(panels_of(paper)):
        traces = of_panel(browser, number, browser.data)
        lines = [line for line in axes.lines if line.get_gid() not in ("zero", None)]
        scattered = [t for t in traces if t.type == "scatter" and t.meta != "estimates"]
        drawn_there = [t for t in scattered if t.fill != "toself"]
        assert [line.get_gid() for line in lines] == [unescape(t.name) for t in drawn_there]
        for line, trace in zip(lines, drawn_there, strict=True):
            near(line.get_xdata(), trace.x)
            near(line.get_ydata(), trace.y)
            assert to_hex(line.get_color()) == trace.line.color
            if line.get_linestyle() == "None":  # points: their marker tells them apart in grey print
                assert MARKERS[line.get_marker()] == trace.marker.symbol
                larger = [one.get_markersize() > lines[0].get_markersize() for one in lines]
                assert larger == [one.marker.size > drawn_there[0].marker.size for one in drawn_there]
        bands = [one for one in axes.collections if isinstance(one, PolyCollection)]
        filled = [t for t in traces if t.type == "scatter" and t.fill == "toself"]
        assert len(bands) == len(filled)
        for band, trace in zip(bands, filled, strict=True):
            corners = {tuple(np.round(point, 9)) for path in band.get_paths() for point in path.vertices}
            assert {tuple(np.round(p, 9)) for p in zip(trace.x, trace.y, strict=True)} <= corners
        bars = [(b.get_width(), b.get_y() + b.get_height() / 2) for b in axes.patches]
        there = [pair for t in traces if t.type == "bar" for pair in zip(t.x, t.y, strict=True)]
        near([v for pair in bars for v in pair], [v for pair in there for v in pair])


@pytest.mark.parametrize("kind", ["comparison", "pareto"])
def test_estimates_have_the_same_places_marks_whiskers_and_texts(drawn, kind):
    _, (paper,), browser = drawn[kind]
    full = hollow = 0
    for number, axes in enumerate(panels_of(paper)):
        marks = [one for one in axes.collections if isinstance(one, PathCollection)]
        traces = [t for t in of_panel(browser, number, browser.data) if t.meta == "estimates"]
        assert marks and [one.get_gid() for one in marks] == [unescape(t.name) for t in traces]
        for mark, trace in zip(marks, traces, strict=True):
            near(mark.get_offsets()[:, 0], trace.x)
            near(mark.get_offsets()[:, 1], trace.y)
            faces = [to_hex(face, keep_alpha=True) for face in mark.get_facecolors()]
            empty = [face in ("#ffffffff", "#00000000") for face in faces]
            assert empty == [symbol.endswith("-open") for symbol in trace.marker.symbol]
            edges = [to_hex(edge) for edge in mark.get_edgecolors()]
            for at, drawn_empty in enumerate(empty):
                inked = edges[at] if drawn_empty else faces[at][:7]
                assert inked == trace.marker.color
            full, hollow = full + empty.count(False), hollow + empty.count(True)
        whiskers = [one for one in axes.collections if one.get_gid() == "whisker"]
        ends = [tuple(end.ravel()) for one in whiskers for end in one.get_segments()]
        there = [
            (x - less, y, x + more, y)
            for t in traces
            if t.error_x.array is not None
            for x, y, less, more in zip(t.x, t.y, t.error_x.arrayminus, t.error_x.array, strict=True)
        ]
        near(np.array(ends).ravel(), np.array(there).ravel())
        assert bool(there) == (kind == "comparison")
        for name in ("label", "aside"):
            on_paper = [text.get_text() for text in axes.texts if text.get_gid() == name and text.get_text()]
            notes = [note for note in browser.layout.annotations if note.name == name]
            here = ("x" if number == 0 else f"x{number + 1}", "")
            assert on_paper == [note.text for note in notes if note.xref.partition(" ")[0] in here]
            assert bool(on_paper) == ((name == "label") == (kind == "pareto"))
    assert full > 5 and hollow > 3


@pytest.mark.parametrize("kind", ALL)
def test_legends_name_the_same_in_the_same_order(drawn, kind):
    spec, (paper,), browser = drawn[kind]
    named = [unescape(trace.name) for trace in browser.data if trace.showlegend]
    if spec.scale is None:
        assert named == [series.name for series in spec.legend]
    if paper.legends:
        assert [text.get_text() for text in paper.legends[0].get_texts()] == named
    else:
        assert len(named) <= 1


def test_whiskers_are_the_same(drawn):
    _, (paper,), browser = drawn["gap"]
    (bars,) = (t for t in browser.data if t.type == "bar")
    segments = [
        s
        for one in panels_of(paper)[0].collections
        if isinstance(one, LineCollection)
        for s in one.get_segments()
    ]
    near([s[0, 0] for s in segments], np.array(bars.x) - np.array(bars.error_x.arrayminus))
    near([s[1, 0] for s in segments], np.array(bars.x) + np.array(bars.error_x.array))


def test_random_pairing_is_black_in_both(drawn):
    frames = made(layers=6, pairs=1)
    spec = make_spec("alignment", frames)
    (paper,), browser = draw_paper(spec, ENDLESS), draw_interactive(spec)
    line = next(one for one in paper.axes[0].lines if one.get_gid() == "paired at random")
    trace = next(one for one in browser.data if one.name == "paired at random" and one.fill != "toself")
    assert to_hex(line.get_color()) == trace.line.color == BLACK

"""On paper nothing overlaps or leaves the page, fonts are embedded, and nothing is set for the process."""

import itertools
import re
import subprocess
import sys
import warnings
import zlib

import made_tables
import matplotlib
import pandas as pd
import pytest
from made_tables import made

from workbench.core.errors import InputError
from workbench.figures import FIGURES, Cells, Scale, Spec, make_spec
from workbench.figures.look import PRESETS
from workbench.figures.paper import draw_paper, save_paper
from workbench.figures.paper_layout import Ruler, missing_fonts

LAYERS, PAIRS = 80, 50
COMPARED = 8
"""Pairs of a comparison, with thirty methods."""
FEW = 6
"""Pairs where each is a panel of its own: more of them are more pages like these."""


def large():
    """80 layers × 50 pairs."""
    few = {
        "exploration": made_tables.exploration(LAYERS, FEW),
        "selection": made_tables.selection(LAYERS, FEW),
        "fit": made_tables.fit(LAYERS, FEW),
        "curve": made_tables.curve(LAYERS, 2),
        "grid": made_tables.grid(LAYERS, 1),
        "geometry": made_tables.geometry(LAYERS, FEW),
        "confounds": made_tables.confounds(LAYERS, FEW),
        "pca": made_tables.pca(LAYERS, FEW),
    }
    many = {
        "exploration": made_tables.exploration(LAYERS, PAIRS),
        "selection": made_tables.selection(LAYERS, PAIRS),
        "sweep": made_tables.sweep(PAIRS),
        "similarity": made_tables.similarity(LAYERS, PAIRS),
        "predictors": made_tables.predictors(PAIRS),
        "comparison": made_tables.comparison(COMPARED),
    }
    each = ("strengths", "aligners", "fit", "curve", "grid", "pca", "lens", "confounds")
    return {kind: few if kind in each else many for kind in FIGURES}


@pytest.fixture(scope="module")
def sizes():
    return {"small": dict.fromkeys(FIGURES, made(6, 1)), "large": large()}


def texts_of(figure):
    """Every text that is drawn, with the box of it in dots."""
    renderer = figure.canvas.get_renderer()
    found = [*figure.texts]
    for axes in figure.axes:
        found += [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
        found += [label for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()]
    for legend in figure.legends:
        found += legend.get_texts()
    boxes = [
        (text, text.get_window_extent(renderer)) for text in found if text.get_text() and text.get_visible()
    ]
    return [(text.get_text(), box) for text, box in boxes]


def overlapping(boxes, slack):
    for (one, a), (other, b) in itertools.combinations(sorted(boxes, key=lambda pair: pair[1].x0), 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        if wide > slack and high > slack:
            yield one, other


@pytest.mark.parametrize("preset", ["acl", "slide"])
@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("kind", FIGURES)
def test_no_text_touches_another_or_leaves_the_page(sizes, kind, size, preset):
    pages = draw_paper(make_spec(kind, sizes[size][kind]), preset)
    for figure in [*pages[:1], *pages[1:][-1:]]:
        with matplotlib.rc_context({"text.hinting": "none"}):  # as `save_paper` draws it
            figure.draw_without_rendering()
            boxes = texts_of(figure)
        point = figure.dpi / 72
        assert list(overlapping(boxes, slack=1.2 * point)) == []
        width, height = figure.get_size_inches() * figure.dpi
        outside = [t for t, b in boxes if b.x0 < 0 or b.y0 < 0 or b.x1 > width + point or b.y1 > height]
        assert outside == []
        assert height / figure.dpi <= PRESETS[preset].height + 0.01
        assert width / figure.dpi == pytest.approx(PRESETS[preset].width)


@pytest.mark.parametrize("preset", ["acl-wide", "notebook"])
@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("kind", ["pca", "alignment", "comparison", "pareto"])
def test_nor_where_there_is_more_room(sizes, kind, size, preset):
    test_no_text_touches_another_or_leaves_the_page(sizes, kind, size, preset)


def size_of(figure):
    """Width and height of the page of a PDF, in cm."""
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", save_paper(figure, "pdf"))
    return [float(points) / 72 * 2.54 for points in box.groups()]


def tasks(table):
    return pd.concat([table.assign(task=f"organism-{task}") for task in ("exact", "two-choice")])


@pytest.mark.parametrize(
    ("layers", "pairs", "preset", "width", "height"),
    [(8, 5, "acl", 7.7, 4.5), (32, 8, "acl", 7.7, 14.0), (32, 8, "acl-wide", 16.0, 8.0)],
)
def test_gains_of_all_pairs_and_tasks_have_the_size_of_a_figure_in_a_paper(
    layers, pairs, preset, width, height
):
    frames = made(layers, pairs)
    two = {name: tasks(frames[name]) for name in ("exploration", "selection")}
    (figure,) = draw_paper(make_spec("layers", two), preset)
    wide, high = size_of(figure)
    assert wide == pytest.approx(width, abs=0.01) and 2 < high <= height
    assert len(figure.axes) == 2 * 2 + 1  # ridge and mean shift, two tasks, and the scale


@pytest.mark.parametrize("kind", [kind for kind in FIGURES if kind != "grid"])
def test_every_kind_of_a_study_of_five_pairs_is_one_page_of_a_paper(kind):
    (figure,) = draw_paper(make_spec(kind, made(8, 5)), "acl")
    assert size_of(figure)[1] <= 17


def test_a_figure_holds_its_caption_only_if_that_is_asked(sizes):
    spec = make_spec("layers", sizes["small"]["layers"])
    (bare,), (titled,) = draw_paper(spec), draw_paper(spec, titled=True)
    assert bare.texts == [] and size_of(bare)[1] < size_of(titled)[1]
    assert titled.texts[0].get_text() == spec.title
    assert "Framed: the layer chosen on dev (by margins" in spec.caption and spec.caption.startswith(
        spec.title
    )


def test_names_of_rows_are_never_cut_until_they_are_alike():
    pairs = [f"{'x' * 40}{end}{'y' * 40}" for end in ("far", "near", "fused")]
    frames = {"selection": pd.concat([made(6, 1)["selection"].assign(pair=pair) for pair in pairs])}
    for kind in ("layers", "flips"):
        tables = frames | {"exploration": pd.concat(made(6, 1)["exploration"].assign(pair=p) for p in pairs)}
        for figure in draw_paper(make_spec(kind, tables)):
            for axes in figure.axes:
                shown = [label.get_text() for label in axes.get_yticklabels()]
                assert len(set(shown)) == len(shown)


def test_a_figure_can_be_worked_on(sizes, tmp_path):
    (figure,) = draw_paper(make_spec("layers", sizes["small"]["layers"]))
    (ridge,) = (axes for axes in figure.axes if axes.get_label() == "ridge")
    ridge.set_title("Ours")
    figure.set_size_inches(5, 3)
    figure.savefig(tmp_path / "mine.pdf")
    assert size_of(figure) == pytest.approx([12.7, 7.62])


def test_panels_stand_in_a_grid_as_even_as_can_be(sizes):
    table = sizes["small"]["alignment"]["similarity"]
    nine = [table[table.measure == "cka"].assign(measure=f"measure {at}") for at in range(9)]
    tables = {"similarity": pd.concat(nine)}
    spec = make_spec("alignment", tables, measures=[f"measure {at}" for at in range(9)])
    (figure,) = draw_paper(spec, "acl-wide")
    rows = {}
    for axes in figure.axes:
        rows.setdefault(round(axes.get_position().y1, 3), []).append(axes)
    assert [len(row) for row in rows.values()] == [3, 3, 3]


def test_text_is_seven_to_nine_points_in_a_paper(sizes):
    for preset in ("acl", "acl-wide", "neurips"):
        (figure,) = draw_paper(make_spec("aligners", sizes["small"]["aligners"]), preset)
        drawn = [*figure.texts, *(t for axes in figure.axes for t in (*axes.texts, *axes.get_xticklabels()))]
        found = {text.get_size() for text in drawn}
        assert min(found) >= 7 and max(found) <= 9.7


def test_labels_thin_out_to_round_layers(sizes):
    figure = draw_paper(make_spec("layers", sizes["large"]["layers"]), "acl")[0]
    shown = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert shown == [str(layer) for layer in range(0, 80, 10)]


@pytest.mark.parametrize("name", ["sw-en", "العربية-en"])
def test_fonts_are_embedded_whole_letters_in_pdf_and_outlines_in_svg(name):
    frames = {"selection": made(6, 1)["selection"].assign(pair=name)}
    (figure,) = draw_paper(make_spec("flips", frames))
    pdf = save_paper(figure, "pdf")
    streams = [_inflated(found) for found in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.S)]
    objects = pdf + b"".join(streams)
    assert b"/FontFile2" in objects and b"/Type3" not in objects
    names = re.findall(rb"/BaseFont\s*/([A-Za-z0-9+-]+)", objects)
    assert names and all(b"+DejaVuSans" in one for one in names)
    svg = save_paper(figure, "svg").decode()
    assert "<text" not in svg and "<path" in svg
    assert save_paper(figure, "png").startswith(b"\x89PNG")


def _inflated(stream):
    try:
        return zlib.decompress(stream.strip(b"\r\n"))
    except zlib.error:
        return b""


def test_the_same_bytes_in_another_process(tmp_path):
    folder = made_tables.write(tmp_path / "run", made(6, 2))
    code = (
        "import sys, hashlib; from workbench.figures import FIGURES, join_runs, make_spec;"
        "from workbench.results import open_run;"
        "from workbench.figures.paper import draw_paper, save_paper;"
        f"run = join_runs(open_run({str(folder)!r}));"
        "print([hashlib.sha256(save_paper(f, one)).hexdigest() for k in ('layers', 'alignment', 'flips')"
        " for f in draw_paper(make_spec(k, run.frames)) for one in ('pdf', 'svg', 'png')])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": "", "TZ": zone, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(found) == 1


def test_a_missing_script_is_one_clear_warning_that_names_the_font(monkeypatch):
    from workbench.figures import paper_layout

    monkeypatch.setattr(paper_layout.fontManager, "get_font_names", lambda: ["DejaVu Sans"])
    frames = {"selection": made(6, 1)["selection"].assign(pair="हिन्दी-en")}
    spec = make_spec("flips", frames)
    with pytest.warns(UserWarning, match="no font for Devanagari .* install Noto Sans Devanagari") as said:
        (figure,) = draw_paper(spec)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert save_paper(figure, "pdf")
    for word, font in (
        ("தமிழ்", "Tamil"),
        ("ไทย", "Thai"),
        ("中文", "CJK"),
        ("かな", "CJK JP"),
        ("한국", "CJK KR"),
    ):
        assert [font in line for line in missing_fonts([word])] == [True]
    assert missing_fonts(["العربية, кириллица, ελληνικά, naïve − ρ = α²"]) == []


def test_a_user_s_own_settings_neither_change_the_figure_nor_are_changed(sizes):
    spec = make_spec("layers", sizes["small"]["layers"])
    usual = save_paper(draw_paper(spec)[0], "svg")
    with matplotlib.rc_context(
        {"font.size": 30, "axes.grid": True, "lines.linewidth": 9, "savefig.bbox": "tight"}
    ):
        before = dict(matplotlib.rcParams)
        assert save_paper(draw_paper(spec)[0], "svg") == usual
        assert dict(matplotlib.rcParams) == before


def test_dollars_in_names_are_dollars():
    frames = {"selection": made(6, 1)["selection"].assign(pair="$x_1$-en")}
    (figure,) = draw_paper(make_spec("flips", frames))
    figure.draw_without_rendering()
    assert all(not text.get_parse_math() for text in figure.texts)


def test_what_is_not_measured_is_grey_and_said():
    frames = made(6, 2)
    table = frames["exploration"]
    frames["exploration"] = table[~((table.pair == "lang01-en") & (table.layer == 2))]
    spec = make_spec("layers", frames)
    assert "Grey: not measured." in spec.signs
    mesh = draw_paper(spec)[0].axes[0].collections[0]
    assert mesh.get_array().mask.tolist()[1] == [False, False, True, False, False, False]


def test_unknown_presets_and_formats_are_refused(sizes):
    spec = make_spec("flips", sizes["small"]["layers"])
    with pytest.raises(InputError, match="did you mean 'acl'"):
        draw_paper(spec, "ack")
    with pytest.raises(InputError, match="no format is called 'gif'"):
        save_paper(draw_paper(spec)[0], "gif")


def test_a_ruler_breaks_lines_where_they_fit():
    ruler = Ruler(["DejaVu Sans"])
    text = "patched less unpatched accuracy, n = 200 items of the dev split"
    lines = ruler.wrapped(text, 7, 1.2)
    assert " ".join(lines).replace("\u00a0", " ") == text and len(lines) > 2
    assert all(ruler.width(line, 7) <= 1.2 for line in lines)
    assert any("n\u00a0=\u00a0200" in line for line in lines)
    assert "".join(ruler.wrapped("m" * 60, 7, 1.0)) == "m" * 60
    assert ruler.width(ruler.cut("random_equal_norm, add_mapped", 7, 0.8), 7) <= 0.8
    assert ruler.width("mm", 7) == pytest.approx(ruler.width("mm", 14) / 2, rel=0.02)


def test_a_sequential_scale_is_drawn_from_light_to_dark():
    spec = Spec("grid", "t", "s", (Cells("", ("0",), ("0", "1"), ((0.0, 1.0),)),), Scale("v", 0, 1, False))
    mesh = draw_paper(spec)[0].axes[0].collections[0]
    light, dark = (sum(mesh.get_cmap()(end)[:3]) for end in (0.0, 1.0))
    assert light > 2.8 and dark < 1.0

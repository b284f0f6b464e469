"""The panel says what the tables say, layer by layer, and plainly what they lack."""

import builtins

import pandas as pd
import pytest
from report import folders

from workbench.core.errors import InputError
from workbench.panel import explore, read_views, views

ipywidgets = pytest.importorskip("ipywidgets")


@pytest.fixture(scope="module")
def seen(run):
    return {one.part.pair: one for one in read_views(run)}


def text_of(panel, name):
    return panel._texts[name].value


def test_every_pair_is_there_and_starts_where_its_choice_is(run, seen):
    panel = explore(run)
    assert [title for title, _ in panel.pair.options] == ["hi-en · copa", "sw-ar · copa"]
    for place, pair in enumerate(("hi-en", "sw-ar")):
        panel.pair.value = place
        best = seen[pair].part.headline
        assert (panel.aligner.value, panel.layer.value) == (best.aligner, best.layer)
        assert f"helps: the sentence of {pair}" in text_of(panel, "headline")
        assert "on test +0.250 [0.125, 0.375]" in text_of(panel, "looked_at")


def test_the_heatmap_holds_the_gains_and_marks_the_choice(seen):
    one = seen["sw-ar"]
    (cells,) = views.gains(one, "ridge").panels
    table = one.part.tables["exploration"]
    mine = table[table.aligner == "ridge"]
    for row in mine.itertuples():
        label = views.words(row.intervention) + f", α = {row.strength:g}"
        assert cells.values[cells.rows.index(label)][row.layer] == row.gain
    (mark,) = cells.marks
    best = one.part.headline
    assert mark.column == best.layer and cells.aside_title == "test gain"
    assert [text for text in cells.aside if text] == [cells.aside[mark.row]] == ["+.25"]


def test_a_row_of_the_grid_reads_both_ways(seen):
    (plot,) = views.grid_row(seen["sw-ar"], 2).panels
    lines = {series.name: series.y for series in plot.series}
    assert lines["sw 2 with ar"] == pytest.approx([0.2 + 0.01 * j for j in range(6)])
    assert lines["ar 2 with sw"] == pytest.approx([0.1 * i + 0.02 for i in range(6)])
    assert lines["within sw"] == pytest.approx([0.7 + 0.01 * j for j in range(6)])


def test_the_plane_shows_sentences_before_and_after(seen):
    before, after = views.plane(seen["sw-ar"], 3, "ridge").panels
    table = pd.read_parquet(seen["sw-ar"].part.folder / "pca.parquet").query("layer == 3")
    for plot, mapped, name in ((before, False, "sw"), (after, True, "sw, mapped")):
        clouds = {series.name: series for series in plot.series if series.look == "cloud"}
        expected = table[(table.language == "sw") & (table.mapped == mapped)]
        assert clouds[name].x == tuple(expected.x) and clouds[name].y == tuple(expected.y)
        assert clouds["ar"].x == tuple(table[table.language == "ar"].x)
    assert views.plane(seen["sw-ar"], 0, "ridge") == "Layer 0: all states are the same"


def test_what_the_folder_lacks_is_said_with_how_to_get_it(run):
    panel = explore(run)
    assert "--pair hi-en --grid" in panel._boxes["row"].children[0].value
    assert "no table pca" in panel._boxes["plane"].children[0].value


def test_tables_may_lie_in_another_folder(run, tmp_path):
    (run / "sw-ar" / "copa" / "grid.parquet").rename(tmp_path / "grid.parquet")
    try:
        assert {one.part.pair: "grid" not in one.extra for one in read_views(run, tmp_path)} == {
            "hi-en": True,
            "sw-ar": False,
        }
        assert all("grid" not in one.extra for one in read_views(run))
    finally:
        (tmp_path / "grid.parquet").rename(run / "sw-ar" / "copa" / "grid.parquet")


@pytest.mark.parametrize("layer", [1, 4])
def test_flipped_items_are_those_of_the_layer(seen, layer):
    found = seen["sw-ar"].turned("ridge", layer, "add mapped, α = 0.25")
    became_right = found[~found.before & found.after]
    # Made so: item i is right at layer L if i > L, or if it is item 0; unpatched only item 0 is.
    assert sorted(became_right.index) == sorted(f"e{i}" for i in range(layer + 1, folders.ITEMS))
    assert not (found.before & ~found.after).any()


def test_the_chosen_patch_shows_test_items_and_others_dev_items(seen):
    one = seen["sw-ar"]
    layer, label = one.chosen("ridge")
    assert f"Of {folders.ITEMS} test items: " in views.flips(one, "ridge", layer, label)
    other = 4 if layer != 4 else 3
    assert "dev items, exploratory" in views.flips(one, "ridge", other, label)
    assert "not known" in views.flips(seen["hi-en"], "ridge", other, label)


def test_a_choice_changes_the_rest_at_once(run):
    panel = explore(run)
    panel.pair.value = 1
    panel.aligner.value = "mean_shift"
    panel.measure.value = "retrieval"
    panel.layer.value = 5
    assert "Layer 5: mean shift" in text_of(panel, "looked_at")
    assert '<span class="here">retrieval</span>' in text_of(panel, "similar")
    assert "mean shift" in panel._figures["heat"].figure and "retrieval" in panel._figures["curve"].figure
    panel.pair.value = 0
    assert (panel.aligner.value, panel.measure.value) == ("mean_shift", "retrieval"), "kept where it is there"
    panel._cell_clicked(2, 1)
    assert (panel.layer.value, panel.label) == (2, "add mapped, α = 0.25")
    panel._point_clicked(-1, 0)
    assert panel.layer.value == 2, "the embedding has no patch"


def test_all_text_is_escaped(run):
    panel = explore(run)
    panel.pair.value = 1
    shown = "".join(widget.value for widget in panel._texts.values())
    assert "&lt;img src=x" in shown and "<img" not in shown
    assert 'dir="rtl"' in shown
    assert "<img" not in panel._repr_mimebundle_()["text/html"]


def test_folders_without_a_sweep_are_one_clear_line(tmp_path):
    (tmp_path / "shards").mkdir()
    with pytest.raises(InputError, match="nothing was swept to its end"):
        explore(tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        explore(tmp_path / "nowhere")


@pytest.mark.parametrize("missing", ["ipywidgets", "anywidget"])
def test_what_is_not_installed_is_named_with_how_to_get_it(run, missing, monkeypatch):
    from workbench.figures import live

    real = builtins.__import__

    def without(name, *rest):
        if name == missing:
            raise ImportError(name)
        return real(name, *rest)

    live._widget.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=rf"needs {missing}: pip install 'alignment-workbench\[lab\]'"):
        explore(run)

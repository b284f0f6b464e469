"""The panel says what the tables say, layer by layer, and plainly what they lack."""

import builtins
import itertools

import pandas as pd
import pytest
from report import folders

from workbench.core.errors import InputError
from workbench.panel import explore, pictures, read_views, widgets, wording
from workbench.panel.views import Place
from workbench.panel.widgets import Click

ipywidgets = pytest.importorskip("ipywidgets")


@pytest.fixture(scope="module")
def seen(run):
    return {one.part.pair: one for one in read_views(run)}


def text_of(panel, name):
    return panel._texts[name].value


def test_every_pair_is_there_and_starts_where_its_choice_is(run, seen):
    panel = explore(run)
    assert [title for title, _ in panel.pair.options] == ["hi-en · copa", "sw-ar · copa"]
    for number, pair in enumerate(("hi-en", "sw-ar")):
        panel.pair.value = number
        best, place = seen[pair].part.headline, panel.place
        assert (place.method.aligner, place.method.intervention) == (best.aligner, best.intervention)
        assert (place.strength, place.layer) == (best.strength, best.layer)
        assert f"helps: the sentence of {pair}" in text_of(panel, "headline")
        assert "on test +0.250 [0.125, 0.375]" in text_of(panel, "looked_at")


def test_the_map_holds_every_method_and_marks_the_choices(seen):
    one = seen["sw-ar"]
    (cells,) = pictures.gain_map(one).panels
    table, selection = one.part.tables["exploration"], one.part.tables["selection"]
    assert cells.rows == tuple(method.name for method in one.methods)
    assert {method.aligner for method in one.methods} == set(folders.METHODS)
    controls = [method.name.partition(",")[0].endswith("*") for method in one.methods]
    assert controls == sorted(controls) and cells.rule_after == controls.index(True)
    for number, method in enumerate(one.methods):
        rows = table[(table.aligner == method.aligner) & (table.intervention == method.intervention)]
        rows = rows[rows.strength == method.strength]
        assert list(cells.values[number]) == list(rows.sort_values("layer").gain)
    marked = {(one.methods[mark.row].aligner, mark.column, cells.aside[mark.row]) for mark in cells.marks}
    assert marked == {(row.aligner, row.layer, "+.25") for row in selection.itertuples()}
    assert cells.aside_title == "test gain" and sum(map(bool, cells.aside)) == len(selection)


def test_a_place_is_one_configuration_and_one_place_of_an_aligner_is_chosen(seen):
    one = seen["sw-ar"]
    table, selection = one.part.tables["exploration"], one.part.tables["selection"]
    chosen = set()
    for method in one.methods:
        own = table[(table.aligner == method.aligner) & (table.intervention == method.intervention)]
        assert len(one.of(method)) == len(own)
        for row in own.itertuples():
            place = Place(method, row.strength, row.layer)
            assert one.configuration(place).gain == row.gain
            if one.is_chosen(place):
                chosen.add((method.aligner, method.intervention, row.strength, row.layer))
    assert chosen == {(r.aligner, r.intervention, r.strength, r.layer) for r in selection.itertuples()}


def test_curves_lie_on_the_axis_of_the_map(seen):
    one = seen["sw-ar"]
    place = one.start()
    curves = [pictures.gain_curves(one, place), pictures.measured(one, "cka_debiased")]
    drawn = pictures.stacked(pictures.gain_map(one), curves, one.axis)
    assert {trace.xaxis for trace in drawn.data} == {"x"}
    assert [axis.anchor for axis in drawn.select_xaxes()] == ["y3"]
    named = dict(zip(drawn.layout.xaxis.ticktext, drawn.layout.xaxis.tickvals, strict=True))
    assert named == {"emb": -1, "0": 0, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5}
    gains = curves[0].series[-1]
    rows = one.of(place.method, place.strength)
    assert gains.role == "main" and dict(zip(gains.x, gains.y, strict=True)) == dict(
        zip(map(float, rows.layer), rows.gain, strict=True)
    )
    assert min(curves[1].series[0].x) == -1, "the embedding stands left of the map"
    domains = [drawn.layout[name].domain for name in ("yaxis", "yaxis2", "yaxis3")]
    assert all(above[0] > below[1] for above, below in itertools.pairwise(domains))


def test_layers_that_were_not_patched_are_columns_of_the_map(run, tmp_path):
    folders.study(tmp_path / "some")
    path = tmp_path / "some" / "exploration.parquet"
    table = pd.read_parquet(path)
    table[table.layer.isin([1, 5])].to_parquet(path, index=False)
    (one,) = read_views(tmp_path / "some")
    (cells,) = pictures.gain_map(one).panels
    assert cells.columns == tuple("012345")
    assert [value is None for value in cells.values[0]] == [True, False, True, True, True, False]
    panel = explore(tmp_path / "some")
    panel.look_at(3)
    assert "not tried" in text_of(panel, "looked_at")


def test_a_row_of_the_grid_reads_both_ways(seen):
    (plot,) = pictures.grid_row(seen["sw-ar"], 2).panels
    lines = {series.name: series.y for series in plot.series}
    assert lines["sw 2 with ar"] == pytest.approx([0.2 + 0.01 * j for j in range(6)])
    assert lines["ar 2 with sw"] == pytest.approx([0.1 * i + 0.02 for i in range(6)])
    assert lines["within sw"] == pytest.approx([0.7 + 0.01 * j for j in range(6)])


def test_the_plane_shows_sentences_before_and_after(seen):
    points = pictures.points_of(seen["sw-ar"], 3, "ridge")
    before, after = pictures.plane(seen["sw-ar"], points).panels
    table = pd.read_parquet(seen["sw-ar"].part.folder / "pca.parquet").query("layer == 3")
    for plot, name, mapped in ((before, "sw", False), (after, "sw, mapped", True)):
        clouds = {series.name: series for series in plot.series if series.look == "cloud"}
        expected = table[(table.language == "sw") & (table.mapped == mapped)]
        assert clouds[name].x == tuple(expected.x) and clouds[name].y == tuple(expected.y)
        assert clouds["ar"].x == tuple(table[table.language == "ar"].x)
        assert "".join(clouds[name].notes[5]).endswith("sw 5"), "a point says its sentence"
    assert pictures.points_of(seen["sw-ar"], 0, "ridge") == "Layer 0: all states are the same"


def test_a_point_that_is_clicked_opens_its_sentence_in_both_languages(run):
    panel = explore(run)
    panel.pair.value = 1
    panel.look_at(3)
    panel.tabs.selected_index = 1
    for name in ("sw", "ar", "sw, mapped"):
        panel._point_clicked(Click("y", name, 0.0, 0.0, 6))
        shown = text_of(panel, "sentence")
        assert "Sentence 6" in shown and "sw 6</p>" in shown and "ar 6</p>" in shown
        assert "&lt;img" in shown and "<img" not in shown
    panel._point_clicked(Click("y", "mean", 0.0, 0.0, 0))
    assert "Sentence 6" in text_of(panel, "sentence"), "a mean is no sentence"


def test_what_the_folder_lacks_is_said_with_how_to_get_it(run):
    panel = explore(run)
    panel.tabs.selected_index = 2
    assert "--pair hi-en --grid" in panel._boxes["row"].children[0].value
    panel.tabs.selected_index = 1
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


def add_mapped(view, layer):
    method = next(one for one in view.methods if one[:2] == ("ridge", "add_mapped"))
    return Place(method, 0.25, layer)


@pytest.mark.parametrize("layer", [1, 4])
def test_a_layer_opens_its_items(seen, layer):
    found = seen["sw-ar"].turned(add_mapped(seen["sw-ar"], layer), "dev")
    became_right = found[~found.before & found.after]
    # Made so: item i is right at layer L if i > L, or if it is item 0; unpatched only item 0 is.
    assert sorted(became_right.index) == sorted(f"e{i}" for i in range(layer + 1, folders.ITEMS))
    assert not (found.before & ~found.after).any()


@pytest.mark.parametrize("item", [1, 4])
def test_an_item_opens_its_layers(seen, item):
    one = seen["sw-ar"]
    (cells,) = pictures.item_map(one, f"e{item}").panels
    names = [method.name for method in one.methods]
    place = names.index(add_mapped(one, 0).method.name)
    assert cells.rows == tuple(names) and cells.columns == tuple("012345")
    assert list(cells.values[place]) == [pytest.approx(item * 0.5)] * 6
    # Wrong before, right at the layers below the item's number: there alone the answer is another.
    assert list(cells.hatched[place]) == [layer >= item for layer in range(6)]
    assert cells.values[names.index("identity*, replace, α = 1")] == (None,) * 6, "not swept in this folder"
    assert pictures.item_map(one, "none") is None
    assert pictures.item_map(seen["hi-en"], "e1") is None


def test_an_item_and_a_layer_open_one_another(run, seen):
    panel = explore(run)
    panel.pair.value = 1
    place = add_mapped(seen["sw-ar"], 4)
    panel.look_at(4, place.method.name, 0.25)
    assert panel.place == place
    assert "Of 12 dev items, exploratory: 7 became right, 0 wrong" in panel._list.html
    assert 'data-entry="dev:e11" aria-pressed="true"' in panel._list.html, "the first is open"
    panel._item_clicked("dev:e3")
    assert "Item e3 at every layer" in panel._figures["item_map"].figure
    assert "stays wrong at layer 4" in text_of(panel, "item")
    row = panel.study.methods.index(place.method)
    panel._map_clicked(Click("y", "", 1, row, [row, 1]))
    assert panel.layer.value == 1 and "becomes right at layer 1" in text_of(panel, "item"), "it stays open"
    panel._item_clicked("test:e3")
    assert "scored with the chosen patches alone" in panel._boxes["item_map"].children[0].value


def test_the_chosen_patch_shows_test_items_too(seen):
    one = seen["sw-ar"]
    start = one.start()
    assert f"Of {folders.ITEMS} test items: " in wording.flips(one, start)[0]
    other = start._replace(layer=4 if start.layer != 4 else 3)
    shown = wording.flips(one, other)[0]
    assert "dev items, exploratory" in shown and "test items" not in shown
    assert "not known" in wording.flips(seen["hi-en"], other._replace(method=seen["hi-en"].methods[0]))[0]


def test_a_choice_changes_the_rest_at_once(run):
    panel = explore(run)
    panel.pair.value = 1
    panel.method.value = next(one for one in panel.study.methods if one.aligner == "mean_shift")
    panel.measure.value = "retrieval"
    panel.layer.value = 5
    assert "Layer 5: mean shift" in text_of(panel, "looked_at")
    panel.tabs.selected_index = 2
    assert '<span class="here">retrieval</span>' in text_of(panel, "similar")
    assert "mean shift, replace" in panel._figures["map"].figure
    assert "retrieval between the languages" in panel._figures["map"].figure
    panel.pair.value = 0
    assert panel.measure.value == "retrieval", "kept where it is there"
    with pytest.raises(InputError, match="no method 'nothing': it has ridge"):
        panel.look_at(1, "nothing")


def test_clicks_choose_method_layer_and_strength(run):
    panel = explore(run)
    methods = panel.study.methods
    row = next(i for i, one in enumerate(methods) if one[:2] == ("ridge", "add_mapped"))
    panel._map_clicked(Click("y", "", 2, row, [row, 2]))
    assert panel.place == Place(methods[row], methods[row].strength, 2)
    panel._map_clicked(Click("y2", "0.75", 4, 0.1, 4))
    assert panel.place == Place(methods[row], 0.75, 4), "a curve of the gains is a strength"
    panel._map_clicked(Click("y3", "cka debiased", 1, 0.1, 1))
    assert panel.place == Place(methods[row], 0.75, 1), "a curve of a measure has layers alone"
    panel._map_clicked(Click("y3", "cka debiased", -1, 0.1, 0))
    assert panel.layer.value == 1, "the embedding has no patch"


def test_all_text_is_escaped(run):
    panel = explore(run)
    panel.pair.value = 1
    shown = panel._list.html + "".join(widget.value for widget in panel._texts.values())
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
    real = builtins.__import__

    def without(name, *rest):
        if name == missing:
            raise ImportError(name)
        return real(name, *rest)

    widgets._widgets.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=rf"needs {missing}: pip install 'alignment-workbench\[lab\]'"):
        explore(run)

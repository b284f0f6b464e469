"""The page says what the tables say, escapes all of it, and says plainly what is missing."""

import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise

import pandas as pd
import pytest
from report import folders
from report.reading import details, number, page_of, parse

from workbench.core.errors import InputError, StoreError
from workbench.core.store import digest_json
from workbench.figures import make_spec
from workbench.figures.naming import spoken
from workbench.figures.tables_out import to_markdown
from workbench.report import to_html, write_report
from workbench.results import open_run
from workbench.stats import holm

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def chosen(tables):
    selection = tables["selection"]
    return selection[selection.headline].iloc[0]


def beside(row):
    """The cells to the right of the layers, by the head of their column."""
    heads = row.parent.parent.all("th", class_="beside")
    cells = row.all("td", class_="beside")
    return {head.text: cell.text for head, cell in zip(heads, cells, strict=True)}


def rows_of(heat):
    return heat.all("tbody")[0].all("tr")


def test_the_map_stands_first_with_the_verdict_beside_it(alone):
    root = page_of(alone[0])
    section = root.all("section")[0]
    assert section.attributes["aria-labelledby"] == "map"
    (row,) = rows_of(section.all("table", class_="heat")[0])
    assert len(row.all("td")) == 6 + 5, "six layers and five columns"
    assert beside(row) == {
        "verdict": "helps",
        "gain on test": "+0.250 [0.125, 0.375]",
        "gap": "+0.50050\u00a0% closed",
        "change in Arabic (ar)": "−0.010",
        "best other aligner": "least squares+0.250 [0.125, 0.375]",
    }
    (study,) = root.all("section", class_="study")
    assert "helps: the sentence of sw-ar" in study.text
    assert root.all("h1")[0].text == "tiny: does mapping Swahili (sw) onto Arabic (ar) help?"


def changed_selection(folder, **values):
    path = folder / "selection.parquet"
    selection = pd.read_parquet(path)
    for name, value in values.items():
        selection.loc[selection.headline, name] = value
    selection.to_parquet(path)
    return selection


def test_a_gain_at_a_cost_has_its_own_colour(tmp_path):
    folders.study(tmp_path)
    changed_selection(tmp_path, retention=-0.15, noninferior=False)
    root = page_of(tmp_path)
    (mark,) = root.all("td", class_="beside")[0].all("span", class_="costs")
    assert mark.text == "helps, at a cost"
    (lost,) = root.all("span", class_="lost")
    assert lost.text == "−0.150" and root.all("div", class_="costs-edge")
    changed_selection(tmp_path, retention=-0.15, noninferior=True)
    root = page_of(tmp_path)
    assert not root.all("span", class_="costs") and not root.all("span", class_="lost")


def test_the_rival_is_the_best_aligner_that_is_no_control(tmp_path):
    folders.study(tmp_path)
    path = tmp_path / "selection.parquet"
    selection = pd.read_parquet(path)
    gains = {"mean_shift": 0.2, "least_squares": 0.1, "identity": 0.9}
    selection["gain"] = selection.aligner.map(gains).fillna(selection.gain)
    selection.to_parquet(path)
    row = rows_of(page_of(tmp_path).all("table", class_="heat")[0])[0]
    assert beside(row)["best other aligner"].startswith("mean shift+0.200")
    selection[selection.headline | selection.control].to_parquet(path)
    row = rows_of(page_of(tmp_path).all("table", class_="heat")[0])[0]
    assert beside(row)["best other aligner"] == "none"


def test_every_cell_is_the_gain_of_its_configuration(alone):
    folder, tables = alone
    root = page_of(folder)
    _, heat = root.all("table", class_="heat")
    best, layers = chosen(tables), details(root)[0]["layers"]
    # The configurations of a layer stand in the order of the table.
    grid = tables["exploration"]
    cells = [cell for cell in heat.all("td") if "data-layer" in cell.attributes]
    shown = set()
    for cell in cells:
        where = cell.attributes
        configuration = grid[grid.layer == int(where["data-layer"])].iloc[int(where["data-row"])]
        shown.add((configuration.aligner, configuration.intervention, configuration.strength))
        assert number(cell.text.replace("★", "")) == pytest.approx(configuration.gain, abs=0.0051)
        assert ("in" in where["class"].split()) == (not configuration.beyond_band)
        row = layers[where["data-layer"]][0]["rows"][int(where["data-row"])]
        assert row[0] == configuration.aligner.replace("_", " ")
        assert number(row[3]) == pytest.approx(configuration.gain, abs=0.00051)
        assert [number(x) for x in row[5].split(",")] == pytest.approx(
            [configuration.band_low, configuration.band_high], abs=0.00051
        )
    assert len(cells) == 6 * 2 * len(folders.METHODS), "a row for each aligner and formula"
    one_each = {(aligner, formula) for aligner, formula, _ in shown}
    assert len(shown) == len(one_each), "each at one strength"
    for row in tables["selection"].itertuples():
        assert (row.aligner, row.intervention, row.strength) in shown, "at the strength of its choice"
    for one in root.all("table", class_="heat"):
        (star,) = one.all("td", class_="best")
        assert star.text.startswith("★") and int(star.attributes["data-layer"]) == best.layer


def test_the_detail_of_a_layer_is_all_that_the_tables_hold_of_it(alone):
    folder, tables = alone
    for layer, shown in details(page_of(folder))[0]["layers"].items():
        found = {table["caption"]: table["rows"] for table in shown}
        configurations, fit, means, similarity, confounds = found.values()
        assert len(configurations) == (tables["exploration"].layer == int(layer)).sum()
        here = tables["fit"][tables["fit"].layer == int(layer)]
        assert [number(row[1]) for row in fit] == pytest.approx(here.r2.tolist(), abs=0.00051)
        here = tables["pca"][tables["pca"].layer == int(layer)]
        assert [row[0] for row in means] == ["Swahili (sw)", "Arabic (ar)", "Swahili (sw), mapped"]
        for row, (_, cloud) in zip(means, here.groupby(["mapped", here.language != "sw"]), strict=True):
            middle = [cloud.x.mean(), cloud.y.mean()]
            assert [number(row[1]), number(row[2])] == pytest.approx(middle, abs=0.0051)
        here = tables["similarity"][tables["similarity"].layer == int(layer)]
        assert [number(row[1]) for row in similarity] == pytest.approx(here.value.tolist(), abs=0.00051)
        here = tables["confounds"][tables["confounds"].layer == int(layer)]
        assert [row[0].replace(" ", "_") for row in confounds] == list(folders.MEASURES)
        rho = [number(cell.partition("[")[0]) for row in confounds for cell in row[1:]]
        assert rho == pytest.approx(here.rho.tolist(), abs=0.0051)


def test_what_each_aligner_chose_stands_in_the_row_of_its_choice(alone):
    folder, tables = alone
    _, heat = page_of(folder).all("table", class_="heat")
    found = {}
    for row in rows_of(heat):
        cells = beside(row)
        if cells["chosen on dev"]:
            found[row.all("th")[0].text.partition(" ")[0].rstrip("*")] = row, cells
    for one in tables["selection"].itertuples():
        row, cells = found[one.aligner.partition("_")[0]]
        patch = f"{one.intervention.replace('_', ' ')}, α = {one.strength:g}"
        assert row.all("th")[0].text.endswith(patch), "beside the gains of the same formula and strength"
        assert ("*" in row.all("th")[0].text) == one.control
        assert cells["chosen on dev"] == f"layer {one.layer}"
        assert cells["gain on test"] == "+0.250 [0.125, 0.375]"
        assert cells["headline minus it"] == ("" if one.headline else "+0.100 [0.050, 0.150]")


def test_every_measure_is_drawn(alone):
    (study,) = page_of(alone[0]).all("section", class_="study")
    titles = [caption.all("b")[0].text for caption in study.all("figcaption")]
    shown, folded = titles[:3], titles[5:]
    assert shown[1:] == ["R² of the maps", "CKA (debiased)"], "after the gain"
    assert {*shown[2:], *folded} == set(map(spoken, folders.MEASURES))


def test_sentences_are_drawn_before_and_after_the_map_at_the_chosen_layer(alone):
    folder, tables = alone
    root = page_of(folder)
    layer = int(tables["selection"].query("headline").layer.iloc[0])
    before, after = root.all("figure", class_="places")
    assert f"layer {layer}, the layer chosen on dev; 100 held-out sentences" in root.text
    for figure, kinds, apart in ((before, "state-0 state-1", layer + 1), (after, "state-1 state-2", 0)):
        clouds = [path for path in figure.all("path") if "cloud" in path.attributes.get("class", "")]
        assert [path.attributes["class"] for path in clouds] == [f"cloud {one}" for one in kinds.split()]
        assert [path.attributes["d"].count("M") for path in clouds] == [100, 100]
        said = figure.all("svg", class_="curve")[0].attributes["aria-label"]
        found = re.search(r"lie ([\d.]+) along PC 1 \(61.%\) and ([\d.]+) along PC 2 \(8.%\)", said)
        assert [float(one) for one in found.groups()] == pytest.approx([apart, 1 if apart else 0], abs=0.051)
    drawn = [path.attributes["d"].split("M") for path in after.all("path") if "d" in path.attributes]
    places = [path[8].split("m")[0] for path in drawn if len(path) == 101]
    assert places[0] == places[1], "the map takes the shift away: sentence 7 lies where its translation does"


def test_all_text_from_data_is_escaped(tmp_path):
    folders.study(tmp_path, model=f"m{EVIL}", task=f"t{EVIL}", text=f"q{EVIL}")
    page = to_html(open_run(tmp_path))
    assert "<script>alert" not in page and "<img" not in page
    root = parse(page)
    assert len(root.all("script")) == 3, "the data and the page's own"
    assert f"q{EVIL}" in root.text and f"m{EVIL}" in root.all("h1")[0].text
    assert f"t{EVIL}" in details(root)[0]["title"]


def test_the_page_asks_for_nothing_and_runs_only_its_own_script(alone):
    page = to_html(open_run(alone[0]))
    root = parse(page)
    (policy,) = [m for m in root.all("meta") if "http-equiv" in m.attributes]
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy.attributes["content"]
    assert not re.findall(r"(?:src|srcset|action)=|url\(|@import|https?://", page)
    for link in root.all("a"):
        target = link.attributes["href"]
        assert target.startswith("#") and root.all(id=target[1:]), target


def test_a_reader_without_eyes_finds_the_way(alone):
    root = page_of(alone[0])
    assert root.all("html")[0].attributes["lang"] == "en" and len(root.all("main")) == 1
    levels = [int(one.name[1]) for one in root.all() if re.fullmatch("h[1-6]", one.name)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(now <= before + 1 for before, now in pairwise(levels))
    for svg in root.all("svg"):
        assert svg.attributes.get("aria-hidden") == "true" or svg.attributes["aria-label"]
    for table in root.all("table"):
        assert table.all("caption") or root.all(id=table.attributes["aria-labelledby"])
        assert table.all("th", scope="row") and table.all("th", scope="col")
    assert root.all("body")[0].children[0].attributes["href"] == "#map"


def test_what_was_found_made_and_typed_is_there(alone, tmp_path):
    shutil.copytree(alone[0], tmp_path / "run")
    (tmp_path / "run" / "study.toml").write_text('model = "tiny"\nseed = 0\n')
    text = page_of(tmp_path / "run").text
    for word in ("only for first steps", "copa: one item mended", "3 rows left out: 3–5", "leave them out"):
        assert word in text
    for word in (
        "ab" * 32,
        "cd" * 32,
        "ef" * 32,
        digest_json({"choices": {}}),
        "torch",
        "workbench diagnose --config study.toml",
    ):
        assert word in text
    assert "Confounds" in text and "same script" in text and "Rank correlation" in text


def test_several_studies_have_a_row_and_a_section_each_and_are_corrected_together(tmp_path):
    folders.several(tmp_path, [("sw", "ar"), ("th", "en")], layers=4)
    run = open_run(tmp_path)
    root = parse(to_html(run))
    assert [part.pair for part in run.parts] == ["sw-ar", "th-en"]
    studies = root.all("section", class_="study")
    assert len(studies) == 2 and all("Holm-corrected over 2 verdicts: p = 0.020." in s.text for s in studies)
    assert holm([0.01, 0.01]).tolist() == pytest.approx([0.02, 0.02])
    heats = root.all("table", class_="heat")
    for row, place, part in zip(rows_of(heats[0]), "01", run.parts, strict=True):
        (link,) = row.all("a")
        assert link.text == part.pair and link.attributes["href"] == f"#part-{place}"
        assert root.all("h2", id=f"part-{place}")[0].text == f"{part.pair} · copa"
        assert beside(row)["verdict"] == "helps" and beside(row)["change in the target language"] == "−0.010"
    assert len(heats) == 3
    assert [row.attributes["data-part"] for row in heats[0].all("td", class_="best")] == ["0", "1"]
    assert not root.all("article"), "nothing repeats the table"


def test_a_verdict_that_does_not_stand_the_correction_is_shown_as_corrected(tmp_path):
    folders.several(tmp_path, [("sw", "ar"), ("th", "en")], layers=4)
    selection = pd.read_parquet(tmp_path / "selection.parquet")
    mine = selection.headline & (selection.pair == "sw-ar")
    selection.loc[mine, "holm_verdict"] = "undecided"
    selection.to_parquet(tmp_path / "selection.parquet")
    root = page_of(tmp_path)
    first, second = root.all("section", class_="study")
    heat = root.all("table", class_="heat")[0]
    assert [beside(row)["verdict"] for row in rows_of(heat)] == ["undecided", "helps"]
    assert first.all("div", class_="undecided-edge") and second.all("div", class_="helps-edge")
    assert "Taken alone, it would be “helps”" in first.text and "Taken alone" not in second.text


def test_a_study_without_a_verdict_has_a_row_too(tmp_path):
    folders.several(tmp_path, [("sw", "ar"), ("th", "en")], layers=4)
    (tmp_path / "th-en" / "copa" / "selection.parquet").unlink()
    root = page_of(tmp_path)
    done, stopped = rows_of(root.all("table", class_="heat")[0])
    assert beside(done)["verdict"] == "helps" and beside(stopped)["verdict"] == "no verdict yet"
    assert not [cell for cell in stopped.all("td") if "data-layer" in cell.attributes]
    assert "No verdict: " in root.all("section", class_="study")[1].text


def test_the_report_of_a_real_study(real):
    folder, result = real
    path = write_report(folder)
    assert path == folder / "report.html"
    root = parse(path.read_text(encoding="utf-8"))
    assert result.sentence in root.text
    grid = pd.read_parquet(folder / "exploration.parquet")
    shown = details(root)[0]["layers"]
    for layer, tables in shown.items():
        here = grid[grid.layer == int(layer)]
        assert [number(row[3]) for row in tables[0]["rows"]] == pytest.approx(here.gain.tolist(), abs=0.00051)
    assert open_run(folder).parts[0].missing == []
    assert set(open_run(folder).parts[0].items.split) == {"dev", "test"}
    if result.headline.choice.layer is not None:
        assert f"{result.headline.verdict.gained:,} test item" in root.text


def test_the_same_folder_gives_the_same_bytes(alone, tmp_path):
    one, other = (write_report(alone[0], tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert one == other


@pytest.mark.parametrize("gone", folders.TABLES)
def test_a_missing_table_is_named_and_the_rest_is_shown(alone, tmp_path, gone):
    folder = tmp_path / "run"
    shutil.copytree(alone[0], folder)
    (folder / f"{gone}.parquet").unlink()
    text = page_of(folder).text
    assert ("No verdict" in text) == (gone == "selection")
    if gone != "selection":
        assert f"so not shown: {gone}." in text


@pytest.mark.parametrize("gone", ["items.parquet", "verdict.json", "manifest.json", "choices.json"])
def test_so_is_the_rest_without_a_record(alone, tmp_path, gone):
    folder = tmp_path / "run"
    shutil.copytree(alone[0], folder)
    (folder / gone).unlink()
    text = page_of(folder).text
    assert "+0.250" in text
    if gone == "items.parquet":
        assert "no items.parquet" in text
    if gone == "verdict.json":
        assert re.search(r"helps: patch layer \d with ridge", text)


def test_a_study_that_was_stopped_says_so(tmp_path):
    (tmp_path / "shards" / "facts").mkdir(parents=True)
    text = page_of(tmp_path).text
    assert "No verdict" in text and "ended after its first facts" in text
    (tmp_path / "shards" / "dev").mkdir()
    assert "stopped before its end" in page_of(tmp_path).text


def test_where_nothing_was_chosen_no_cell_is_marked(tmp_path):
    tables = folders.study(tmp_path, kind="undecided")
    selection = tables["selection"]
    empty = {"layer": pd.NA, "site": None, "intervention": None, "strength": None, "retention": None}
    for name, value in empty.items():
        selection[name] = selection[name].astype(object).where(~selection.headline, value)
    selection["layer"] = selection.layer.astype("Int64")
    selection["strength"] = selection.strength.astype("Float64")
    selection["retention"] = selection.retention.astype("Float64")
    selection.to_parquet(tmp_path / "selection.parquet")
    root = page_of(tmp_path)
    assert "no patch chosen" in root.text and not root.all("td", class_="best")


def test_a_patch_at_all_layers_at_once_is_no_cell(tmp_path):
    tables = folders.study(tmp_path)
    grid, selection, sweep = (tables[name] for name in ("exploration", "selection", "sweep"))
    # The configuration of the headline, and a joint one of the same formula and strength that is the lowest
    # layer's by its column `layer`.
    best = {"site": "resid_post.0-5", "layer": 0, "joint": "cascade"}
    chosen = selection[selection.headline].iloc[0]
    same = (grid.aligner == "ridge") & (grid.intervention == chosen.intervention)
    joint = grid[same & (grid.strength == chosen.strength)].iloc[:1].assign(**best, gain=0.875)
    pd.concat([grid, joint]).to_parquet(tmp_path / "exploration.parquet")
    for name, value in best.items():
        selection.loc[selection.headline, name] = value
        sweep.loc[sweep.aligner == "ridge", name] = value
    selection.to_parquet(tmp_path / "selection.parquet")
    # Another way of patching the same layers, which is not the chosen one.
    other = sweep[sweep.aligner == "ridge"].assign(joint="from_clean", correct=False)
    pd.concat([other, sweep]).to_parquet(tmp_path / "sweep.parquet")
    root = page_of(tmp_path)
    assert not root.all("td", class_="best") and "+.88" not in root.all("table", class_="heat")[0].text
    overview, heat = root.all("table", class_="heat")
    assert beside(rows_of(overview)[0])["verdict"] == "helpslayers 0-5 jointly (cascade)"
    chosen = [beside(row)["chosen on dev"] for row in rows_of(heat)]
    assert any(cell.startswith("layers 0-5 cascade") for cell in chosen)
    assert "no cell has a star" in root.text
    assert "(cascade, resid_post.0-5)" in str(details(root)[0]["layers"]["0"][0]["rows"])
    right = sum(folders.after(i) and not folders.before(i) for i in range(12))
    assert f"{right} became right" in root.text


def test_a_wrong_folder_is_one_clear_line(tmp_path, alone):
    with pytest.raises(InputError, match="there is no folder"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no run"):
        open_run(tmp_path)
    folder = tmp_path / "run"
    shutil.copytree(alone[0], folder)
    pd.DataFrame({"x": [1]}).to_parquet(folder / "fit.parquet")
    with pytest.raises(InputError, match=r"fit\.parquet is not the table fit of a study: .*'layer'"):
        to_html(open_run(folder))
    (folder / "fit.parquet").write_bytes(b"no table")
    with pytest.raises(StoreError, match=r"fit\.parquet is damaged"):
        to_html(open_run(folder))
    (folder / "fit.parquet").unlink()
    (folder / "manifest.json").write_text(json.dumps([1]))
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        to_html(open_run(folder))


def test_32_layers_8_pairs_and_5_aligners_stay_below_3_megabytes(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "ITEMS", 100)
    pairs = [(code, "en") for code in ("sw", "ar", "th", "ta", "hi", "qu", "ht", "et")]
    folders.several(tmp_path, pairs, layers=32)
    path = write_report(tmp_path)
    assert path.stat().st_size < 3_000_000
    root = parse(path.read_text(encoding="utf-8"))
    assert len(details(root)) == 8 and len(rows_of(root.all("table", class_="heat")[0])) == 8
    changed = sum(folders.before(i) != folders.after(i) for i in range(100))
    assert len(root.all("table", class_="items")[0].all("summary")) == changed > 50


def test_the_report_is_made_without_torch_and_without_plotting(alone, tmp_path):
    code = (
        "import sys, json; from workbench.report import write_report;"
        f"write_report({str(alone[0])!r}, {str(tmp_path / 'page.html')!r});"
        "print(json.dumps([name for name in ('torch', 'plotly', 'matplotlib') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_what_a_race_dropped_is_paler_and_has_its_number_of_items(tmp_path):
    tables = folders.study(tmp_path)
    grid = tables["exploration"]
    dropped = (grid.layer == 3) & (grid.aligner == "least_squares")
    grid.assign(n=grid.n.where(~dropped, 7)).to_parquet(tmp_path / "exploration.parquet", index=False)
    root = page_of(tmp_path)
    _, heat = root.all("table", class_="heat")
    cells = [cell for cell in heat.all("td") if "data-layer" in cell.attributes]
    pale = [cell for cell in cells if "few" in cell.attributes["class"].split()]
    assert pale and all(cell.attributes["data-layer"] == "3" and cell.text.endswith("7") for cell in pale)
    assert "dropped in a race" in root.text and "dropped in a race" not in page_of_whole(tmp_path, grid).text
    spec = make_spec("aligners", {"exploration": grid.assign(n=grid.n.where(~dropped, 7))})
    assert "Italic: dropped in a race" in to_markdown(spec) and "Paler" in spec.signs
    counts = [count for row in spec.panels[0].counts for count in row]
    assert to_markdown(spec).count("| *") == len(counts) - counts.count(None) > 0


def page_of_whole(folder, grid):
    grid.to_parquet(folder / "exploration.parquet", index=False)
    return page_of(folder)


def test_the_page_counts_what_was_scored_on_test(tmp_path):
    folders.study(tmp_path)
    looks = [{"by": "study", "scored": 6}, {"by": "compare", "scored": 20}]
    record = {"looks": looks}
    (tmp_path / "looks.json").write_text(json.dumps(record | {"digest": digest_json(record)}))
    assert "2: study (6), compare (20)" in page_of(tmp_path).text

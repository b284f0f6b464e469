"""Each kind shows the numbers of its tables: looked up one by one, on tables whose numbers are known."""

import re
import subprocess
import sys

import made_tables
import numpy as np
import pandas as pd
import pytest
from made_tables import made

from workbench.align import CONTROLS as ALIGN_CONTROLS
from workbench.core.errors import InputError, StoreError
from workbench.figures import FIGURES, NothingToShow, join_runs, make_spec, to_latex, to_markdown
from workbench.figures.frames import CONTROLS
from workbench.figures.tables_out import blocks
from workbench.results import open_run

LAYERS = 6


@pytest.fixture(scope="module")
def frames():
    return made(LAYERS, pairs=3)


def the(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    (row,) = table.to_dict("records")
    return row


def test_layers_holds_the_gain_of_the_chosen_configuration_and_the_test_number_of_the_chosen_layer(frames):
    spec = make_spec("layers", frames)
    assert [panel.title for panel in spec.panels] == ["ridge", "mean_shift", "shuffled_pairs (control)"]
    for panel in spec.panels:
        aligner = panel.title.partition(" ")[0]
        assert len(panel.marks) == 3
        for row, pair in enumerate(panel.rows):
            picked = the(frames["selection"], pair=pair, aligner=aligner)
            (mark,) = (mark for mark in panel.marks if mark.row == row)
            assert panel.columns[mark.column] == str(picked["layer"])
            assert mark.text == f"{picked['gain']:+.2f}".replace("0.", ".").replace("-", "−")
            for column, layer in enumerate(map(int, panel.columns)):
                configuration = the(
                    frames["exploration"],
                    **{"pair": pair, "aligner": aligner, "layer": layer, "intervention": "replace"},
                )
                assert panel.values[row][column] == configuration["gain"]
                assert panel.hatched[row][column] == (not configuration["beyond_band"])
                assert any("simultaneous band" in line for line in panel.notes[row][column])
    assert not any(panel.numbers for panel in spec.panels)  # the only number is that on test
    words = spec.subtitle
    assert "dev items, n = 200" in words and "patched less unpatched" in words
    assert spec.scale.high == max(abs(v) for p in spec.panels for row in p.values for v in row)


def test_layers_follows_the_chosen_formula_and_strength(frames):
    selection = frames["selection"].assign(intervention="add_mapped", strength=0.5)
    spec = make_spec("layers", frames | {"selection": selection})
    value = spec.panels[0].values[0][2]
    wanted = {"pair": "lang00-en", "aligner": "ridge", "layer": 2}
    assert value == the(frames["exploration"], **wanted, intervention="add_mapped", strength=0.5)["gain"]


def test_without_a_selection_nothing_is_framed(frames):
    spec = make_spec("layers", {"exploration": frames["exploration"]})
    assert not any(panel.marks for panel in spec.panels) and "Framed" not in spec.footer


def test_configurations_of_several_sites_are_left_out(frames):
    table = frames["exploration"]
    joint = table[table.layer == 0].assign(joint="cascade", gain=9.0)
    spec = make_spec("layers", frames | {"exploration": pd.concat([table, joint])})
    assert spec == make_spec("layers", frames)


def test_strengths_shows_the_headline_alone_strongest_at_the_top(frames):
    spec = make_spec("strengths", frames)
    assert len(spec.panels) == 6 and not any("shift" in panel.title for panel in spec.panels)
    panel = spec.panels[1]
    assert panel.title == "lang00-en, add_mapped" and panel.rows == ("1", "0.5") and not panel.marks
    wanted = {"pair": "lang00-en", "aligner": "ridge", "intervention": "add_mapped", "strength": 0.5}
    assert panel.values[1][3] == the(frames["exploration"], **wanted, layer=3)["gain"]
    assert [mark.row for mark in spec.panels[0].marks] == [0]


def test_aligners_stand_above_the_line_and_controls_below(frames):
    for panel in make_spec("aligners", frames).panels:
        assert all(row.partition(",")[0].endswith("*") for row in panel.rows[panel.rule_after :])
        assert not any("*" in row for row in panel.rows[: panel.rule_after])
        assert panel.rule_after == 4 and len(panel.rows) == 6 and len(panel.marks) == 3
        row = panel.rows.index("shuffled_pairs*, add_mapped")
        wanted = {"pair": panel.title, "aligner": "shuffled_pairs", "layer": 1, "strength": 1.0}
        assert panel.values[row][1] == the(frames["exploration"], **wanted, intervention="add_mapped")["gain"]


def test_the_former_name_of_a_kind_is_accepted(frames):
    assert make_spec("methods", frames) == make_spec("aligners", frames)
    with pytest.raises(InputError, match="aligners"):
        make_spec("aligner", frames)


def test_similarity_holds_the_measure_of_every_pair_and_layer(frames):
    (panel,) = make_spec("similarity", frames).panels
    assert panel.rows == tuple(made_tables.names_of(3)) and panel.columns[0] == "emb"
    wanted = the(frames["similarity"], pair="lang01-en", measure="cka", layer=3)["value"]
    assert panel.values[1][panel.columns.index("3")] == pytest.approx(wanted)
    one = frames["similarity"].assign(measure=lambda t: t.measure.replace("retrieval", "cka_debiased"))
    assert make_spec("similarity", {"similarity": one}).scale.title == "cka_debiased"


def test_alignment_has_a_curve_with_its_interval_for_each_pair(frames):
    spec = make_spec("alignment", frames)
    assert [panel.title for panel in spec.panels] == list(made_tables.MEASURES)
    curve = spec.panels[1].series[2]
    own = frames["similarity"]
    own = own[(own.measure == "retrieval") & (own.pair == "lang02-en")]
    assert curve.name == "lang02-en" and curve.x[0] == -1 and curve.y == tuple(own.value)
    assert curve.low == tuple(own.low) and curve.high == tuple(own.high)
    assert set(spec.panels[0].series[0].low) == {None}
    assert spec.panels[0].x.ticks[0] == (-1.0, "emb")


def test_of_many_pairs_each_is_faint_and_the_median_stands_out():
    table = made_tables.similarity(LAYERS, 11)
    panel = make_spec("alignment", {"similarity": table}).panels[0]
    *each, middle = panel.series
    assert len(each) == 11 and {series.role for series in each} == {"faint"}
    expected = np.median([series.y for series in each], axis=0)
    assert middle.name == "median of 11" and np.allclose(middle.y, expected)


def test_what_random_pairing_shows_stands_beside_one_pair():
    spec = make_spec("alignment", made(LAYERS, 1))
    line = spec.panels[0].series[-1]
    assert line.role == "reference" and set(line.y) == {0.02} and "paired at random" in spec.footer


def test_grid_has_the_embedding_and_each_language_once(frames):
    spec = make_spec("grid", frames)
    titles = [panel.title for panel in spec.panels]
    assert titles[:3] == ["within lang00", "lang00 with en", "within en"] and titles.count("within en") == 1
    panel = spec.panels[1]
    assert panel.rows == ("5", "4", "3", "2", "1", "0", "emb") and panel.columns[0] == "emb"
    table = frames["grid"]
    table = table[(table.language == "lang00") & (table.other_language == "en")]
    assert panel.values[1][3] == the(table, layer=4, other_layer=2)["value"]
    assert spec.scale.diverging is False and (spec.scale.low, spec.scale.high) == (
        min(0, table.value.min()),
        1.0,
    )


def test_fit_draws_controls_as_controls_and_says_what_it_cuts(frames):
    spec = make_spec("fit", frames)
    assert [one.role for one in spec.panels[0].series] == ["main", "main", "control"]
    row = the(frames["fit"], pair="lang01-en", aligner="ridge", layer=4)
    assert spec.panels[1].series[0].y[4] == row["r2"]
    assert spec.panels[0].y.range[0] == -0.5 and "below −0.5" in spec.footer
    assert "800 sentences fitted, 200 held out" in spec.subtitle


def test_predictors_pairs_each_layer_s_similarity_with_its_mean_gain(frames):
    spec = make_spec("predictors", frames)
    assert [panel.remark for panel in spec.panels] == ["ρ = −0.50, p = 0.04", "ρ = +0.80, p = 0.04", ""]
    cloud = spec.panels[0].series[1]
    table = frames["exploration"]
    mine = table[(table.pair == "lang01-en") & (table.aligner == "ridge") & (table.layer == 3)]
    value = the(frames["similarity"], pair="lang01-en", measure="cka", layer=3)["value"]
    at = cloud.x.index(value)
    assert cloud.y[at] == pytest.approx(mine.gain.mean()) and cloud.notes[at] == ("lang01-en, layer 3",)
    assert len(cloud.x) == LAYERS  # the embedding is not patched


def test_curve_shows_some_layers_with_the_range_of_the_draws(frames):
    spec = make_spec("curve", frames)
    panel = spec.panels[0]
    assert [one.name for one in panel.series] == ["layer 0", "layer 2", "layer 3", "layer 5"]
    assert panel.x.log and panel.series[0].x == (50.0, 100.0, 200.0, 400.0, 800.0)
    assert panel.series[0].y[-1] == pytest.approx(0.9 - 20 / 800 + 0.005)
    assert panel.series[0].high[-1] - panel.series[0].low[-1] == pytest.approx(0.01)


def test_pca_shows_every_place_before_and_after_and_their_means(frames):
    table = frames["pca"]
    spec = make_spec("pca", frames)
    assert spec.together == 2 and len(spec.panels) == 3 * 4 * 2 and "n = 40" in spec.subtitle
    titles = [panel.title.replace("\u00a0", " ") for panel in spec.panels]
    assert titles[4:6] == ["lang00-en, layer 3*, before", "lang00-en, layer 3*, after"]
    shown = [title.split(", ")[1].removeprefix("layer ") for title in titles[::2]]
    assert shown == ["0", "2", "3*", "5", "0", "2", "4*", "5", "0", "2", "3", "5*"]
    before, after = spec.panels[4:6]
    assert (before.x, before.y) == (after.x, after.y) and before.x.title == "PC 1 (61 %)"
    assert before.y.title == "PC 2 (8 %)"
    own = table[(table.pair == "lang00-en") & (table.layer == 3)]
    clouds = {
        "source": own[(own.language == "lang00") & ~own.mapped],
        "target": own[own.language == "en"],
        "source, mapped": own[own.mapped],
    }
    for panel, names in ((before, ("source", "target")), (after, ("target", "source, mapped"))):
        assert [(one.name, one.look) for one in panel.series] == [
            (name, look) for look in ("cloud", "mean") for name in names
        ]
        for cloud, mean in zip(panel.series[:2], panel.series[2:], strict=True):
            rows = clouds[cloud.name]
            assert cloud.x == tuple(rows.x) and cloud.y == tuple(rows.y)
            assert mean.x == (rows.x.mean(),) and mean.y == (rows.y.mean(),)
            assert cloud.notes[7] == (f"{cloud.name}, sentence 7",)
    assert "* chosen on dev" in spec.footer.replace("\u00a0", " ") and "Shown are 4 layers" in spec.footer


def test_pca_of_many_pairs_shows_the_chosen_layer_of_each():
    frames = {"pca": made_tables.pca(80, 5, sentences=3), "selection": made_tables.selection(80, 5)}
    spec = make_spec("pca", frames)
    titles = [panel.title.replace("\u00a0", " ") for panel in spec.panels]
    chosen = frames["selection"].query("headline").layer
    assert titles[::2] == [f"lang0{at}-en, layer {layer}*, before" for at, layer in enumerate(chosen)]
    assert "the chosen, or else the middle one" in spec.footer
    unknown = make_spec("pca", {"pca": frames["pca"]})
    assert unknown.panels[0].title.endswith("layer\u00a040, before") and "chosen" not in unknown.footer


def test_pca_leaves_out_layers_without_a_plane():
    table = made_tables.pca(3, 1)
    hollow = table.assign(x=table.x.where(table.layer != 1), y=table.y.where(table.layer != 1))
    spec = make_spec("pca", {"pca": hollow})
    assert [panel.title for panel in spec.panels[::2]] == ["layer\u00a00, before", "layer\u00a02, before"]
    with pytest.raises(NothingToShow, match="holds no place"):
        make_spec("pca", {"pca": table.assign(x=None)})


def test_lens_shares_fill_the_whole(frames):
    spec = make_spec("lens", frames)
    for panel in spec.panels:
        own, other, rest = panel.series
        assert own.low == (0.0,) * (LAYERS + 1) and rest.high == (1.0,) * (LAYERS + 1)
        assert own.high == other.low and other.high == rest.low
    wanted = {"pair": "lang00-en", "language": "lang00", "measure": "lens_share_other", "layer": 3}
    assert spec.panels[0].series[1].y[4] == pytest.approx(the(frames["geometry"], **wanted)["value"])


def test_flips_counts_to_the_right_and_to_the_left(frames):
    spec = make_spec("flips", frames)
    assert len(spec.panels) == 3
    right, wrong = spec.panels[1].series
    mine = frames["selection"][frames["selection"].pair == "lang01-en"]
    assert right.y == tuple(mine.gained) and wrong.y == tuple(-mine.lost)
    assert [name for _, name in spec.panels[1].x.ticks] == ["ridge", "mean_shift", "shuffled_pairs*"]
    many = make_spec("flips", {"selection": made_tables.selection(LAYERS, 9)})
    assert len(many.panels) == 1 and len(many.panels[0].series[0].y) == 9


def test_confounds_hatches_what_includes_zero_and_leaves_out_what_does_not_vary(frames):
    spec = make_spec("confounds", frames)
    assert not any("same_script" in panel.title for panel in spec.panels)
    assert [panel.title for panel in spec.panels[:2]] == ["lang00-en, length", "lang00-en, shared_tokens"]
    for row in frames["confounds"].dropna(subset=["rho"]).itertuples():
        panel = next(p for p in spec.panels if p.title == f"{row.pair}, {row.confound}")
        at = panel.rows.index(row.measure), panel.columns.index(str(row.layer))
        assert panel.values[at[0]][at[1]] == row.rho
        assert panel.hatched[at[0]][at[1]] == (row.low <= 0 <= row.high)
    constant = frames["confounds"][frames["confounds"].confound == "same_script"]
    with pytest.raises(NothingToShow, match="varies"):
        make_spec("confounds", {"confounds": constant})


def test_gap_is_gain_over_the_target_s_lead_on_the_same_items(frames):
    bars = make_spec("gap", frames).panels[0].series[0]
    head = frames["selection"][frames["selection"].headline]
    assert np.allclose(bars.y, head.gain / 0.6) and np.allclose(bars.low, head.gain_low / 0.6)
    sweep = frames["sweep"]
    closed = sweep.correct.where(~((sweep.pair == "lang01-en") & (sweep.language == "lang01")), other=True)
    spec = make_spec("gap", frames | {"sweep": sweep.assign(correct=closed)})
    assert len(spec.panels[0].series[0].y) == 2 and "No gap is shown for lang01-en" in spec.footer
    with pytest.raises(NothingToShow, match="no pair shows a gap"):
        make_spec("gap", frames | {"sweep": sweep[sweep.language != "en"]})


def test_controls_are_known_by_name():
    assert set(CONTROLS) == {*ALIGN_CONTROLS, "wrong_language"}


def test_a_missing_table_an_unknown_kind_and_an_old_table_are_named(frames):
    with pytest.raises(NothingToShow, match=r"figure grid needs the table grid; `workbench measure --grid`"):
        make_spec("grid", {})
    with pytest.raises(InputError, match="did you mean 'layers'"):
        make_spec("layrs", frames)
    with pytest.raises(InputError, match="no column"):
        make_spec(
            "confounds",
            {"confounds": frames["confounds"].drop(columns="confound")},
        )


@pytest.mark.parametrize("kind", FIGURES)
def test_tables_hold_every_number_of_the_figure(frames, kind):
    spec = make_spec(kind, frames)
    drawn = set()
    for panel in spec.panels:
        if hasattr(panel, "values"):
            drawn |= {v for row in panel.values for v in row}
        else:
            # Of a cloud, its mean is in the table.
            drawn |= {v for series in panel.series if series.look != "cloud" for v in series.y}
    markdown, latex = to_markdown(spec), to_latex(spec)
    for value in drawn - {None}:
        wanted = f"{abs(value):.0f}" if value == round(value) and abs(value) >= 1 else f"{abs(value):.3f}"
        assert wanted in markdown and wanted in latex
    assert latex.count("\\toprule") == latex.count("\\bottomrule") == len(blocks(spec))
    assert latex.count("\\begin{tabular}") == latex.count("\\end{tabular}") == len(blocks(spec))
    assert not re.search(r"(?<!\\)[_#%](?!.*booktabs)", latex.replace("% needs", "").replace("tab:", ""))


def test_markup_in_names_is_text_in_tables(frames):
    selection = frames["selection"].assign(pair="a|b_{c}\\d & 50%-en")
    spec = make_spec("flips", {"selection": selection[selection.aligner == "ridge"].head(1)})
    assert "a\\|b\\_{c}\\\\d" in to_markdown(spec)
    assert "a|b\\_\\{c\\}\\textbackslash{}d \\& 50\\%-en" in to_latex(spec)


def test_two_runs_are_joined_and_nothing_is_said_twice(tmp_path, frames):
    one = made_tables.write(tmp_path / "one", {"selection": frames["selection"]})
    both = {"selection": frames["selection"].assign(gain=9.0), "fit": frames["fit"]}
    two = made_tables.write(tmp_path / "two", both)
    other = {"selection": frames["selection"].assign(model="other")}
    three = made_tables.write(tmp_path / "three", other)
    run = join_runs(*map(open_run, (one, two, three)))
    assert run.name == "one+two+three" and set(run.frames) == {"selection", "fit"}
    assert len(run.frames["selection"]) == 18 and 9.0 not in set(run.frames["selection"].gain)
    assert set(run.digests) == {f"{n}/selection.parquet" for n in ("one", "two", "three")} | {
        "two/fit.parquet"
    }


def test_cautions_of_a_run_stand_below_every_figure(tmp_path, frames):
    folder = made_tables.write(tmp_path / "run", {"fit": frames["fit"]})
    (folder / "manifest.json").write_text('{"cautions": ["mind this"]}', encoding="utf-8")
    run = join_runs(open_run(folder))
    assert make_spec("fit", run.frames, run.cautions).footer.endswith("Note: mind this.")


def test_a_folder_without_tables_and_a_damaged_table_are_named(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        join_runs(open_run(tmp_path / "none"))
    with pytest.raises(InputError, match="holds no run"):
        join_runs(open_run(tmp_path))
    (tmp_path / "fit.parquet").write_bytes(b"not a table")
    with pytest.raises(StoreError, match=r"fit\.parquet is damaged"):
        join_runs(open_run(tmp_path))


def test_describing_and_drawing_for_the_browser_does_not_load_matplotlib(tmp_path):
    code = "import sys, workbench.figures; print('matplotlib' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]

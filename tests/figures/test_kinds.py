"""Each kind shows the numbers of its tables: looked up one by one, on tables whose numbers are known."""

import re
import subprocess
import sys
from dataclasses import replace

import made_tables
import numpy as np
import pandas as pd
import pytest
from made_tables import made
from scipy.stats import ttest_1samp

from workbench.align import CONTROLS as ALIGN_CONTROLS
from workbench.core.errors import InputError, StoreError
from workbench.figures import FIGURES, NothingToShow, join_runs, make_spec, to_latex, to_markdown
from workbench.figures.frames import CONTROLS
from workbench.figures.look import BELOW, clipped, signs
from workbench.figures.naming import spoken
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
    spec = make_spec("layers", frames, controls=True)
    assert [panel.title for panel in spec.panels] == ["ridge", "mean shift", "shuffled pairs*"]
    for panel, aligner in zip(spec.panels, made_tables.METHODS, strict=True):
        assert len(panel.marks) == 3 and panel.aside_title == "test gain"
        for row, name in enumerate(panel.rows):
            pair = f"{name}-en"
            picked = the(frames["selection"], pair=pair, aligner=aligner)
            (mark,) = (mark for mark in panel.marks if mark.row == row)
            assert panel.columns[mark.column] == str(picked["layer"])
            assert panel.aside[row] == f"{picked['gain']:+.2f}".replace("0.", ".").replace("-", "−")
            for column, layer in enumerate(map(int, panel.columns)):
                configuration = the(
                    frames["exploration"],
                    **{"pair": pair, "aligner": aligner, "layer": layer, "intervention": "replace"},
                )
                assert panel.values[row][column] == configuration["gain"]
                assert panel.hatched[row][column] == (not configuration["beyond_band"])
                assert any("simultaneous band" in line for line in panel.notes[row][column])
    assert not any(panel.numbers for panel in spec.panels)  # the only numbers are those on test
    words = spec.subtitle
    assert "dev items, n = 200" in words and "accuracy with the patch minus without" in words
    assert spec.scale.high == max(abs(v) for p in spec.panels for row in p.values for v in row)


def test_controls_are_shown_if_asked_and_do_not_set_the_scale(frames):
    table = frames["exploration"]
    strong = frames | {
        "exploration": table.assign(gain=table.gain.where(table.aligner != "shuffled_pairs", -3))
    }
    plain, asked = make_spec("layers", strong), make_spec("layers", strong, controls=True)
    assert [panel.title for panel in plain.panels] == ["ridge", "mean shift"]
    assert plain.scale == asked.scale and asked.scale.high < 1
    assert "beyond the scale" in asked.signs and "beyond" not in plain.signs
    assert clipped(asked.panels, asked.scale) == (True, False)
    unsure = replace(asked.panels[2], hatched=())
    assert set(signs(unsure, asked.scale, numbered=False)) == {BELOW}
    with pytest.raises(InputError, match="figure gap has no option controls"):
        make_spec("gap", strong, controls=True)


def test_panels_of_several_tasks_stand_in_rows_of_aligners_and_columns_of_tasks(frames):
    def both(table):
        return pd.concat([table.assign(task=f"organism-{task}") for task in ("exact", "two-choice")])

    two = {name: both(frames[name]) for name in ("exploration", "selection")}
    spec = make_spec("layers", two)
    assert spec.aligned and spec.together == 2
    assert [(panel.head, panel.title) for panel in spec.panels] == [
        (aligner, task) for aligner in ("ridge", "mean shift") for task in ("exact", "two-choice")
    ]
    assert make_spec("aligners", two).panels[1].name == "lang00, two-choice"
    gaps = make_spec("flips", two | {"selection": both(made_tables.selection(LAYERS, 4))})
    assert [panel.title for panel in gaps.panels] == ["exact", "two-choice"]
    assert gaps.panels[0].rows == ("lang00", "lang01", "lang02", "lang03")


def test_depth_is_one_axis_for_models_of_different_size(frames):
    def two(name):
        larger = getattr(made_tables, name)(LAYERS * 2, 3).assign(model="large")
        return pd.concat([frames[name], larger], ignore_index=True)

    both = {name: two(name) for name in ("exploration", "selection", "similarity")}
    small, large = make_spec("layers", both, depth=True).panels[:2]
    assert (len(small.columns), len(large.columns)) == (LAYERS, 2 * LAYERS)
    ends = [[ticks[0], ticks[-1]] for ticks in (small.ticks, large.ticks)]
    assert ends == [[(-0.5, "0"), (LAYERS - 0.5, "1")], [(-0.5, "0"), (2 * LAYERS - 0.5, "1")]]
    (panel, *_) = make_spec("alignment", both, depth=True).panels
    assert panel.x.title == "relative depth" and {one.x[0] for one in panel.series} == {0.0}
    assert {one.x[-1] for one in panel.series} == {1.0} and len({len(one.x) for one in panel.series}) == 2


def test_layers_follows_the_chosen_formula_and_strength(frames):
    selection = frames["selection"].assign(intervention="add_mapped", strength=0.5)
    spec = make_spec("layers", frames | {"selection": selection})
    value = spec.panels[0].values[0][2]
    wanted = {"pair": "lang00-en", "aligner": "ridge", "layer": 2}
    assert value == the(frames["exploration"], **wanted, intervention="add_mapped", strength=0.5)["gain"]


def test_layers_says_what_an_empty_test_gain_means(frames):
    said = "right: its gain on test, empty where no patch was chosen."
    assert said not in make_spec("layers", frames).caption
    selection = frames["selection"].copy()
    selection.loc[selection.index[0], ["layer", "site", "intervention", "strength"]] = None
    spec = make_spec("layers", frames | {"selection": selection})
    assert said in spec.caption and "" in spec.panels[0].aside


def test_without_a_selection_nothing_is_framed(frames):
    spec = make_spec("layers", {"exploration": frames["exploration"]})
    assert not any(panel.marks or panel.aside for panel in spec.panels) and "Framed" not in spec.notes


def test_configurations_of_several_sites_are_left_out(frames):
    table = frames["exploration"]
    joint = table[table.layer == 0].assign(joint="cascade", gain=9.0)
    spec = make_spec("layers", frames | {"exploration": pd.concat([table, joint])})
    assert spec == make_spec("layers", frames)


def test_strengths_shows_the_headline_alone_strongest_at_the_top(frames):
    spec = make_spec("strengths", frames)
    assert [panel.title for panel in spec.panels] == ["lang00", "lang01", "lang02"]
    panel = spec.panels[0]
    assert panel.rows == ("1", "0.5") and not panel.marks
    wanted = {"pair": "lang00-en", "aligner": "ridge", "intervention": "add_mapped", "strength": 0.5}
    assert panel.values[1][3] == the(frames["exploration"], **wanted, layer=3)["gain"]
    selection = frames["selection"].assign(intervention="add_mapped", strength=0.5)
    panel = make_spec("strengths", frames | {"selection": selection}).panels[0]
    assert [mark.row for mark in panel.marks] == [1]


def test_strengths_of_one_alpha_are_no_figure(frames):
    table = frames["exploration"]
    with pytest.raises(NothingToShow, match="one strength only"):
        make_spec("strengths", {"exploration": table[table.strength == 1]})


def test_aligners_stand_above_the_line_and_controls_below(frames):
    for panel in make_spec("aligners", frames).panels:
        assert all(row.partition(",")[0].endswith("*") for row in panel.rows[panel.rule_after :])
        assert not any("*" in row for row in panel.rows[: panel.rule_after])
        assert panel.rule_after == 4 and len(panel.rows) == 6 and len(panel.marks) == 3
        row = panel.rows.index("shuffled pairs*, add mapped")
        wanted = {"pair": f"{panel.title}-en", "aligner": "shuffled_pairs", "layer": 1, "strength": 1.0}
        assert panel.values[row][1] == the(frames["exploration"], **wanted, intervention="add_mapped")["gain"]


def test_the_former_name_of_a_kind_is_accepted(frames):
    assert make_spec("methods", frames) == make_spec("aligners", frames)
    with pytest.raises(InputError, match="aligners"):
        make_spec("aligner", frames)


def test_similarity_holds_the_measure_of_every_pair_and_layer(frames):
    (panel,) = make_spec("similarity", frames).panels
    assert panel.rows == ("lang00", "lang01", "lang02") and panel.columns[0] == "emb"
    wanted = the(frames["similarity"], pair="lang01-en", measure="cka", layer=3)["value"]
    assert panel.values[1][panel.columns.index("3")] == pytest.approx(wanted)
    one = frames["similarity"].assign(measure=lambda t: t.measure.replace("retrieval", "cka_debiased"))
    assert make_spec("similarity", {"similarity": one}).scale.title == "CKA (debiased)"


def test_alignment_has_a_curve_with_its_interval_for_each_pair(frames):
    spec = make_spec("alignment", frames)
    assert [panel.title for panel in spec.panels] == ["CKA", "retrieval", "procrustes"]
    curve = spec.panels[1].series[2]
    own = frames["similarity"]
    own = own[(own.measure == "retrieval") & (own.pair == "lang02-en")]
    assert curve.name == "lang02" and curve.x[0] == -1 and curve.y == tuple(own.value)
    assert curve.low == tuple(own.low) and curve.high == tuple(own.high)
    assert set(spec.panels[0].series[0].low) == {None}
    assert spec.panels[0].x.ticks[0] == (-1.0, "emb")


def test_alignment_shows_three_measures_of_different_sorts_or_those_that_are_named():
    table = made_tables.similarity(LAYERS, 1)
    known = ("cka", "cka_debiased", "retrieval", "retrieval_centered", "csls", "mexa", "rsa")
    tables = {"similarity": pd.concat([table[table.measure == "cka"].assign(measure=one) for one in known])}
    titles = [panel.title for panel in make_spec("alignment", tables).panels]
    assert titles == ["CKA (debiased)", "retrieval (centered)", "MEXA"]
    titles = [panel.title for panel in make_spec("alignment", tables, measures=["rsa", "csls"]).panels]
    assert titles == ["RSA", "CSLS"]
    with pytest.raises(InputError, match="did you mean 'mexa'"):
        make_spec("alignment", tables, measures=["mexas"])


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
    assert line.role == "reference" and set(line.y) == {0.02} and "paired at random" in spec.signs


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
    assert spec.panels[0].y.range[0] == -0.5 and "below −0.5" in spec.signs
    assert "800 sentences fitted, 200 held out" in spec.subtitle


def test_predictors_has_a_bar_for_each_measure_with_the_interval_of_the_mean_over_pairs():
    rhos = {"cka": (0.1, 0.3, 0.5, 0.5), "retrieval": (0.9, 0.8, 0.7, 0.9)}
    each = [
        {"scope": "pair", "model": "tiny", "pair": pair, "measure": measure, "rho": rho, "p": 0.5}
        for measure, own in rhos.items()
        for pair, rho in zip(made_tables.names_of(4), own, strict=True)
    ]
    means = [
        {"scope": "layers", "model": None, "pair": None, "measure": measure, "rho": np.mean(own), "p": p}
        for (measure, own), p in zip(rhos.items(), (0.3, 0.04), strict=True)
    ]
    table = pd.DataFrame([*each, *means]).assign(task="lookup")
    (panel,) = make_spec("predictors", {"predictors": table}).panels
    (bars,) = panel.series
    assert panel.rows == ("retrieval", "CKA") and panel.aside == ("0.040", "0.300")
    assert bars.y == pytest.approx((0.825, 0.35)) and panel.y.title == "Spearman's ρ over layers"
    low, high = ttest_1samp(rhos["cka"], 0).confidence_interval()
    assert (bars.low[1], bars.high[1]) == pytest.approx((low, high))
    few = table[(table.scope == "layers") | table.pair.isin(made_tables.names_of(1))]
    spec = make_spec("predictors", {"predictors": few})
    assert set(spec.panels[0].series[0].low) == {None} and "Whiskers" not in spec.notes
    with pytest.raises(NothingToShow, match="no measure has a correlation"):
        make_spec("predictors", {"predictors": table.assign(rho=None)})


def test_curve_shows_some_layers_with_the_range_of_the_draws(frames):
    spec = make_spec("curve", frames)
    panel = spec.panels[0]
    assert [one.name for one in panel.series] == ["layer 0", "layer 2", "layer 3", "layer 5"]
    assert panel.x.log and panel.series[0].x == (50.0, 100.0, 200.0, 400.0, 800.0)
    assert panel.series[0].y[-1] == pytest.approx(0.9 - 20 / 800 + 0.005)
    assert panel.series[0].high[-1] - panel.series[0].low[-1] == pytest.approx(0.01)


def test_pca_shows_every_place_before_and_after_and_their_means():
    frames = made(LAYERS, 1)
    table = frames["pca"]
    spec = make_spec("pca", frames)
    assert spec.together == 2 and len(spec.panels) == 4 * 2 and "n = 40" in spec.subtitle
    heads = [panel.head.replace("\u00a0", " ") for panel in spec.panels]
    assert heads[::2] == heads[1::2] == ["layer 0", "layer 2", "layer 3*", "layer 5"]
    assert [panel.title for panel in spec.panels] == ["before", "after"] * 4 and spec.aligned
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


def test_pca_of_several_pairs_shows_the_chosen_layer_of_each():
    frames = {"pca": made_tables.pca(80, 5, sentences=3), "selection": made_tables.selection(80, 5)}
    spec = make_spec("pca", frames)
    heads = [panel.head.replace("\u00a0", " ") for panel in spec.panels]
    chosen = frames["selection"].query("headline").layer
    assert heads[::2] == [f"lang0{at}, layer {layer}*" for at, layer in enumerate(chosen)]
    assert "the chosen, or else the middle one" in spec.footer
    unknown = make_spec("pca", {"pca": frames["pca"]})
    assert unknown.panels[0].head.endswith("layer\u00a040") and "chosen" not in unknown.footer


def test_pca_leaves_out_layers_without_a_plane():
    table = made_tables.pca(3, 1)
    hollow = table.assign(x=table.x.where(table.layer != 1), y=table.y.where(table.layer != 1))
    spec = make_spec("pca", {"pca": hollow})
    assert [panel.head for panel in spec.panels[::2]] == ["layer\u00a00", "layer\u00a02"]
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
    assert [name for _, name in spec.panels[1].x.ticks] == ["ridge", "mean shift", "shuffled pairs*"]
    lost, gained = frames["selection"].lost.max(), frames["selection"].gained.max()
    air = 0.04 * (lost + gained)
    assert spec.panels[1].y.range == pytest.approx(
        (-lost - air, gained + air)
    )  # no side is longer than its bars
    many = make_spec("flips", {"selection": made_tables.selection(LAYERS, 9)})
    assert len(many.panels) == 1 and len(many.panels[0].series[0].y) == 9


def test_confounds_hatches_what_includes_zero_and_leaves_out_what_does_not_vary(frames):
    spec = make_spec("confounds", frames)
    assert not any("same_script" in panel.title for panel in spec.panels)
    assert [panel.name for panel in spec.panels[:2]] == ["lang00, length", "lang00, shared tokens"]
    for row in frames["confounds"].dropna(subset=["rho"]).itertuples():
        panel = next(p for p in spec.panels if p.name == f"{row.pair[:-3]}, {spoken(row.confound)}")
        at = panel.rows.index(spoken(row.measure)), panel.columns.index(str(row.layer))
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
    assert len(spec.panels[0].series[0].y) == 2 and "No gap is shown for lang01." in spec.footer
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
    latex = "\n".join(line for line in latex.splitlines() if not line.startswith("%"))
    assert latex.count("\\toprule") == latex.count("\\bottomrule") == len(blocks(spec))
    assert latex.count("\\begin{tabular}") == latex.count("\\end{tabular}") == len(blocks(spec))
    assert not re.search(r"(?<!\\)[_#%]", latex)


def test_the_tables_mark_what_was_chosen_and_have_numbers_only(frames):
    latex = to_latex(make_spec("layers", frames))
    picked = the(frames["selection"], pair="lang01-en", aligner="ridge")
    configuration = {"pair": "lang01-en", "aligner": "ridge", "layer": picked["layer"]}
    gain = the(frames["exploration"], **configuration, intervention="replace")["gain"]
    row = next(line for line in latex.splitlines() if line.startswith("lang01"))
    assert f"\\textbf{{{gain:.3f}}}" in row and row.count("textbf") == 1
    assert re.fullmatch(r"lang01( & (\\textbf\{)?[\d.$+-]+\}?)+ \\\\", row)
    table = latex[latex.index("\\begin{table}") :]
    assert "Bold: chosen on dev" in table and "Framed" not in table and "Grey dot" not in table
    figure = latex[: latex.index("% needs")]
    assert "% \\includegraphics{layers}" in figure and "Framed" in figure and "Bold" not in figure
    gap = to_latex(make_spec("gap", frames))
    assert " & interval " in gap and re.search(r"lang00 & 0\.783 & \[0\.717, 0\.850\]", gap)


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


def test_the_sentences_measured_are_named_as_they_are(frames):
    own = frames["similarity"]
    for split, said in (("held_out", "held-out sentences, n"), ("all", "on all sentences, n")):
        spec = make_spec("similarity", {"similarity": own.assign(split=split)})
        assert said in spec.caption
    assert "all sentences, n" in make_spec("alignment", {"similarity": own.assign(split="all")}).caption

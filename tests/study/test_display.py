"""Studies, results, maps, verdicts and states show themselves: small, escaped, and with their own numbers."""

from dataclasses import replace

import pytest
import torch

from workbench.align import LayerMaps, LeastSquares, Ridge, ShuffledPairs, fit_layers
from workbench.core.numbers import estimated, signed
from workbench.select import decide
from workbench.study import Study, open_run

EVIL = "<img src=x onerror=alert(1)>"
SMALL = 12_000


def test_a_result_shows_its_verdict_and_every_method_s_choice(result):
    shown = result._repr_html_()
    assert result.sentence.split(":")[0] in shown and len(shown) < SMALL
    for outcome in result.outcomes:
        assert outcome.choice.aligner.replace("_", " ") in shown
        assert (estimated(outcome.gain, 2) in shown) == (outcome.choice.layer is not None)
    assert estimated(result.gap, 2) in shown and str(result.paths["manifest"].parent) in shown
    assert repr(result).startswith("StudyResult(") and "DataFrame" not in repr(result)
    assert len(repr(result)) < 400


def test_an_aligner_without_a_patch_shows_what_it_scored_where_the_headline_was_chosen(result):
    chosen = replace(result.headline.choice, layer=1, intervention="replace", strength=1.0)
    other = replace(result.others[0], choice=replace(result.others[0].choice, layer=None, strength=None))
    result = replace(result, headline=replace(result.headline, choice=chosen), others=(other,))
    rows = result.tables["exploration"]
    rows = rows[(rows.aligner == other.choice.aligner) & (rows.layer == 1) & (rows.strength == 1.0)]
    gain = rows[(rows.intervention == "replace") & (rows.joint == "one")].gain.item()
    assert result.without_patch == {other.choice.aligner: gain}
    assert f"no patch chosen ({signed(gain, 2)} on dev at the headline" in result._repr_html_()


def test_text_in_a_result_is_escaped(result):
    shown = replace(result, task=EVIL, target=EVIL)._repr_html_()
    assert EVIL not in shown and "&lt;img" in shown


def test_a_study_says_what_goes_in_and_what_is_done(study, result, tmp_path):
    fresh = Study(
        study.model, study.text, study.task, study.source, study.target, tmp_path / "new", study.settings
    )
    assert "nothing yet" in fresh._repr_html_() and f"{len(study.text):,}" in fresh._repr_html_()
    shown = study._repr_html_()
    assert "nothing yet" not in shown and "captured" in shown and "judged" in shown
    assert repr(fresh).startswith(f"Study({study.model.info.name}, {study.pair}, ")


def test_a_study_that_was_stopped_names_the_steps_it_did(study, tmp_path):
    begun = Study(
        study.model, study.text, study.task, study.source, study.target, tmp_path / "begun", study.settings
    )
    begun.facts()
    done = begun._repr_html_()
    assert "first facts" in done and "judged" not in done and "captured" not in done


def test_states_show_shape_size_and_digest(study):
    states = study.alignment.capture()
    shown = states._repr_html_()
    here = states.states(study.source, "resid_post")
    assert " × ".join(map(str, here.shape)) in shown and states.digest[:12] in shown
    assert f"0–{len(here) - 1}" in shown and study.model.info.name in shown


def test_maps_show_what_they_know_of_their_fit():
    torch.manual_seed(0)
    x, y = torch.randn(2, 30, 3), torch.randn(2, 30, 3)
    maps = fit_layers(Ridge([0.5]), x, y, range(20))
    assert repr(maps) == "LayerMaps(Ridge, 2 layers)"
    shown = maps._repr_html_()
    assert ">20<" in shown and ">0.5<" in shown and f"{maps[1].condition_:.3g}" in shown
    assert "nothing but the pairs" not in shown
    assert "nothing but the pairs" in fit_layers(LeastSquares(), x, y, range(20))._repr_html_()
    assert "ShuffledPairs(Ridge)" in fit_layers(ShuffledPairs(Ridge()), x, y, range(20))._repr_html_()
    many = LayerMaps(maps.aligners * 40)._repr_html_()
    assert "68 layers between these are not shown" in many and len(many) < SMALL
    assert "none" in LayerMaps(())._repr_html_()


@pytest.mark.parametrize("kind", ["helps", "harms"])
def test_a_verdict_shows_kind_and_numbers(kind):
    better, worse = [1] * 40 + [0] * 10, [0] * 50
    verdict = decide(better, worse) if kind == "helps" else decide(worse, better)
    shown = verdict._repr_html_()
    assert verdict.kind == kind and kind in shown and f"{verdict.gain.low:.3f}".replace("-", "−") in shown
    assert "40" in shown and "by Holm" not in shown


def test_a_run_shows_every_study_with_its_verdict(result):
    run = open_run(result.folder)
    shown = run._repr_html_()
    assert result.sentence.partition(":")[0] in shown and len(shown) < SMALL
    layer = result.headline.choice.layer
    assert (estimated(result.headline.gain, 2) in shown) == (layer is not None)
    assert ("no patch chosen" if layer is None else f"layer {layer}: ") in shown
    assert "exploration" in shown and result.folder.name in shown and result.folder.name in repr(run)
    assert EVIL not in replace(run, parts=(replace(run.parts[0], pair=EVIL),))._repr_html_()


def test_a_run_without_a_verdict_says_so(result, tmp_path):
    (tmp_path / "fit.parquet").write_bytes((result.folder / "fit.parquet").read_bytes())
    (tmp_path / "manifest.json").write_bytes((result.folder / "manifest.json").read_bytes())
    assert "no verdict yet" in open_run(tmp_path)._repr_html_()

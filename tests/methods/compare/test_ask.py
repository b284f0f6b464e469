"""Of a baseline's variants dev chooses one, and nothing of test is known before all choices are on disk."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from methods.baselines.conftest import study_of

from workbench.methods.baselines import BASELINES, Baseline, Variant, Wording
from workbench.methods.compare import Plan, compare
from workbench.methods.compare import run as comparing
from workbench.methods.compare.candidates import choose_variant, worth
from workbench.models import load_model
from workbench.sweeps import sweep

POOL = Wording(templates=("<x-main> <x-main> {prompt}", "{prompt}", "{prompt} {prompt}"))


def by_hand(study, task, split):
    """Margins of the unpatched run over source items, by the reference."""
    rows = sweep(
        study.model, task.examples(study.source, split), [], task="by-hand", pair=study.pair, way="naive"
    )
    return rows.margin


def test_dev_chooses_the_template_with_the_largest_mean_margin(study):
    variants = BASELINES["prompt_search"].variants(study, POOL)
    margins = {one.name: by_hand(study, one.task, "dev").mean() for one in variants}
    assert max(margins.values()) - sorted(margins.values())[1] > 0.01  # not a matter of rounding
    asked = choose_variant(study, BASELINES["prompt_search"], POOL)
    assert asked.variant.name == max(margins, key=margins.get)
    assert worth(asked.dev) == pytest.approx(margins[asked.variant.name], abs=1e-4)
    assert set(asked.dev.split) == {"dev"} and set(asked.dev.language) == {study.source}
    assert len(asked.dev) == len(study.items(study.source, "dev"))


def test_answers_that_are_generated_are_chosen_by_their_score():
    rows = pd.DataFrame({"margin": [float("nan")] * 2, "score": [0.25, 0.75]})
    assert worth(rows) == 0.5
    assert worth(rows.assign(margin=[3.0, 5.0])) == 4.0


def test_target_items_count_where_the_method_changes_them(study):
    """A template is put around the main language's items too; asking directly leaves them as they are."""
    searched = choose_variant(study, BASELINES["prompt_search"], replace(POOL, templates=POOL.templates[:1]))
    entry = searched.answer(study, searched)
    there = searched.variant.task.examples(study.target, "test")
    assert entry.on_target.example.tolist() == [item.id for item in there]
    naive = sweep(study.model, there, [], task="by-hand", pair=study.pair, way="naive")
    assert entry.on_target.margin.to_numpy() == pytest.approx(naive.margin.to_numpy(), abs=1e-4)
    direct = choose_variant(study, BASELINES["direct"], POOL)
    assert direct.answer(study, direct).on_target is None


def test_a_variant_with_a_model_of_its_own_is_asked_of_that_model(study):
    other = load_model(study.model.info.source)
    with torch.no_grad():
        next(iter(other.parameters()))[1].zero_()  # all tokens look the same
    mute = Baseline("mute", "", "", lambda study, _: [Variant("mute", study.task, other)])
    asked = choose_variant(study, mute, POOL)
    naive = sweep(other, study.items(study.source, "dev"), [], task="by-hand", pair=study.pair, way="naive")
    assert asked.dev.margin.to_numpy() == pytest.approx(naive.margin.to_numpy(), abs=1e-4)
    assert (asked.dev.margin.to_numpy() != by_hand(study, study.task, "dev").to_numpy()).any()
    assert asked.answer(study, asked).on_target is not None


def test_no_test_item_is_scored_before_all_choices_are_on_disk(
    organism, organism_model, tmp_path, wording, monkeypatch
):
    def stopped(*_):
        raise KeyboardInterrupt

    study = study_of(organism, organism_model, tmp_path, "exact")
    monkeypatch.setattr(comparing, "_freeze", stopped)
    with pytest.raises(KeyboardInterrupt):
        compare(study, wording, Plan.of(("shots_own", "incline_single")))
    shards = [pd.read_parquet(path) for path in tmp_path.rglob("*.parquet")]
    splits = {split for rows in shards if "split" in rows for split in rows.split}
    assert splits == {"dev"}

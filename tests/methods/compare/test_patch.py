"""Recipes and their controls: swept on dev, chosen each by itself, judged once on test."""

from dataclasses import replace

import pytest
import torch

from workbench.align import MeanShift
from workbench.core.errors import InputError
from workbench.methods.baselines import BASELINES
from workbench.methods.compare import Plan
from workbench.methods.compare import run as comparing
from workbench.methods.compare.candidates import (
    Candidate,
    answer_configurations,
    choose_configurations,
    choose_variant,
    combine,
)
from workbench.methods.recipes import RECIPES, Ingredients, Recipe, single_layers
from workbench.select import choose
from workbench.sweeps import sweep

TWO = ("incline_single", "mean_difference")


@pytest.fixture(scope="module")
def tried(study):
    return choose_configurations(study, [RECIPES[name] for name in TWO])


def naive(study, language, split, configurations):
    return sweep(
        study.model,
        study.items(language, split),
        configurations,
        task=study.task.name,
        pair=study.pair,
        way="naive",
    )


def test_every_recipe_and_every_control_is_chosen_for_itself_on_dev(study, tried):
    some, rows, _ = tried
    assert [one.name for one in some] == [
        "incline_single", "incline_single~random", "incline_single~shuffled",
        "mean_difference", "mean_difference~random",
    ]  # fmt: skip
    assert set(rows.split) == {"dev"} and set(rows.language) == {study.source}
    for one in some:
        assert one.choice == choose(rows, one.name) and one.choice.aligner in (one.name, None)


def test_controls_are_other_patches(study, tried):
    """Random steps are as long and lead elsewhere; shuffled pairs give another map."""
    single, random, shuffled = tried[0][:3]
    states = torch.randn(50, study.model.info.d_model, generator=torch.Generator().manual_seed(0))
    for own, turned, broken in zip(
        single.configurations, random.configurations, shuffled.configurations, strict=True
    ):
        assert own.site == turned.site == broken.site and own.strength == turned.strength == broken.strength
        step, other = own.map.transform(states), turned.map.transform(states)
        assert torch.allclose(step.norm(dim=1), other.norm(dim=1), rtol=1e-3)
        assert torch.cosine_similarity(step, other).abs().mean() < 0.3
        assert not torch.allclose(step, broken.map.transform(states), rtol=0.1)


def test_the_chosen_configuration_is_the_one_that_is_judged(study, tried):
    some, _, _ = tried
    by_name = {one.name: one for one in some}
    entry = next(e for e in answer_configurations(study, some) if e.method == "incline_single")
    own = by_name["incline_single"]
    assert own.configuration.columns.items() >= own.choice.where.items()
    control = by_name["incline_single~shuffled"].configuration
    for rows, configuration in ((entry.test, own.configuration), (entry.controls["shuffled"], control)):
        if configuration is None:
            continue
        found = naive(study, study.source, "test", [configuration])
        found = found[found.aligner == configuration.aligner]
        assert rows.margin.to_numpy() == pytest.approx(found.margin.to_numpy(), abs=1e-4)
    there = naive(study, study.target, "test", [own.configuration])
    there = there[there.aligner == "incline_single"]
    assert entry.on_target.margin.to_numpy() == pytest.approx(there.margin.to_numpy(), abs=1e-4)


def test_what_a_recipe_needed_is_counted(study, tried):
    some, _, _ = tried
    single, mean = (next(e for e in answer_configurations(study, some) if e.method == name) for name in TWO)
    d_model, rows = study.model.info.d_model, study.alignment.split.fit
    sides = [study.text[code][int(row)] for code in (study.source, study.target) for row in rows]
    assert single.cost.parameters == d_model**2
    assert single.cost.pairs == mean.cost.pairs == len(rows)
    assert single.cost.fit_tokens == sum(map(len, study.model.tokens.encode(sides)))


def test_the_recipe_that_dev_likes_best_is_put_on_top(tried):
    single, random = tried[0][:2]
    gain = single.choice.smoothed_gain
    better = replace(single, method=RECIPES["shifcon"], choice=replace(single.choice, smoothed_gain=gain + 1))
    control = replace(random, choice=replace(single.choice, smoothed_gain=gain + 2))
    for some in ([single, better, control], [better, control, single]):
        assert [one.name for one in comparing._on_top(Plan.of(()), some)] == ["shifcon"]
        named = comparing._on_top(Plan.of((), on_top=("itlc",)), some)
        assert [one.name for one in named] == ["itlc"]
    assert comparing._on_top(Plan.of(()), [control]) == []


def test_on_top_of_a_baseline_all_is_fitted_and_judged_where_it_stands(study, wording):
    """The patch acts on prompts with shots: scored by the reference, these give the combination's rows."""
    asked = choose_variant(study, BASELINES["shots_own"], wording)
    (entry,), _ = combine(asked, [RECIPES["incline_single"]])
    some, _, _ = choose_configurations(asked.study, [RECIPES["incline_single"]])
    configuration = some[0].configuration
    found = naive(asked.study, study.source, "test", [configuration])
    found = found[found.aligner == configuration.aligner]
    assert entry.test.margin.to_numpy() == pytest.approx(found.margin.to_numpy(), abs=1e-4)
    assert entry.over.margin.to_numpy() == pytest.approx(asked.test[study.source].margin.to_numpy())
    assert entry.cost.labels == asked.variant.cost.labels


def grow_once(given, configurations, rows):
    """Doubles the strength of the best configuration, once."""
    if any(configuration.strength > 1 for configuration in configurations):
        return []
    best = choose(rows, rows.aligner.iloc[-1])
    return [
        replace(b, strength=2.0) for b in configurations if b.strength == 1 and b.site.layer == best.layer
    ]


def test_recipes_grow_in_rounds_and_so_do_their_controls(study):
    single = RECIPES["incline_single"]
    growing = Recipe(
        "growing", "", "", "", "",
        configurations=lambda given: [b for b in single.configurations(given) if b.strength == 1],
        grow=grow_once,
    )  # fmt: skip
    tried, rows, _ = choose_configurations(study, [growing])
    assert [one.name for one in tried] == ["growing", "growing~random", "growing~shuffled"]
    assert sorted(rows[rows.aligner == "growing"].strength.unique()) == [1.0, 2.0]
    assert len(rows[rows.aligner == "clean"]) == len(study.items(study.source, "dev"))


def test_configurations_that_tables_cannot_tell_apart_are_refused(study):
    given = Ingredients(study)
    maps = given.fit(MeanShift())
    one = Candidate(RECIPES["incline_single"], None, given)
    with pytest.raises(InputError, match="cannot tell apart"):
        one.take([*single_layers(maps, "replace", (1.0,)), *single_layers(maps, "replace", (1.0,))])

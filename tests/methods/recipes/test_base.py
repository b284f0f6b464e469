"""What recipes are made of: sentences and their partners, layers, gains on dev, controls."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from workbench.align import Given, MeanShift, restore
from workbench.align import export as exported
from workbench.core.types import Site
from workbench.methods.base import LanguagePair
from workbench.methods.recipes import RECIPES, Ingredients, turned
from workbench.methods.recipes.base import margin_gains, single_layers
from workbench.methods.recipes.learned import Training
from workbench.sweeps import Configuration, sweep
from workbench.sweeps.shards import plan_facts


def test_every_recipe_says_what_it_is():
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        said = (recipe.title, recipe.formula, recipe.reference, recipe.faithful, recipe.differs)
        assert all(text and text == text.strip() for text in said), name


def test_broken_pairs_leave_no_sentence_with_its_translation(given):
    broken = given.broken()
    source, target = given.states()
    again, others = broken.states()
    assert torch.equal(source, again)
    assert sorted(broken.partners.tolist()) == sorted(given.rows.tolist())
    assert not (broken.partners == given.rows).any()
    of = {int(row): at for at, row in enumerate(given.rows)}
    assert torch.equal(others, target[:, [of[int(row)] for row in broken.partners]])


def test_a_recipe_needs_no_study(given):
    """Any object with the attributes of `LanguagePair` will do."""
    script = "import sys, workbench.methods.recipes; print([m for m in sys.modules if '.study' in m])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    properties = [name for name, one in vars(LanguagePair).items() if isinstance(one, property)]
    names = [*LanguagePair.__annotations__, *properties]
    bare = Ingredients(SimpleNamespace(**{name: getattr(given.study, name) for name in names}))
    rows = torch.randn(5, 32, generator=torch.Generator().manual_seed(1))
    for name in ("incline_single", "mean_difference", "caa"):
        recipe = RECIPES[name]
        for one, other in zip(recipe.configurations(given), recipe.configurations(bare), strict=True):
            assert torch.equal(one.map.transform(rows), other.map.transform(rows))


def test_a_recipe_says_what_it_needs():
    assert RECIPES["incline_single"].needs == ("pairs",) and RECIPES["mean_difference"].needs == ()
    assert "labels" in RECIPES["iti"].needs


def test_only_recipes_of_pairs_are_changed_by_breaking_them(given):
    """Of the others the control would be the same recipe once more."""
    rows = torch.randn(5, 32, generator=torch.Generator().manual_seed(1))
    for name in ("mean_difference", "mean_difference_all", "shifcon", "shifcon_inverse"):
        recipe = RECIPES[name]
        assert "pairs" not in recipe.needs
        for one, other in zip(
            recipe.configurations(given), recipe.configurations(given.broken()), strict=True
        ):
            assert torch.allclose(one.map.transform(rows), other.map.transform(rows), atol=1e-5)


def test_a_deep_model_is_sampled_from_its_first_layer_to_its_last(given, monkeypatch):
    assert given.spread(8) == [0, 1, 2, 3]
    monkeypatch.setattr(Ingredients, "layers", property(lambda self: range(32)))
    assert given.spread(8) == [0, 4, 9, 13, 18, 22, 27, 31]


def test_states_are_captured_once(given, monkeypatch):
    given.states("resid_post", "mean")
    monkeypatch.setattr("workbench.methods.recipes.base.capture", None)
    given.broken().states("resid_post", "mean")


def test_gains_on_dev_are_margins_less_the_clean_runs(given):
    study = given.study
    configurations = [
        replace(b, aligner="m") for b in single_layers(given.fit(MeanShift()), "add_vector", (1.0,))
    ]
    dev = sweep(study.model, study.items("sw", "dev"), configurations, task="tiny", pair="sw-en")
    clean = dev[dev.aligner == "clean"].margin.mean()
    expected = [dev[dev.layer == layer].margin.mean() - clean for layer in range(4)]
    assert margin_gains(configurations, dev) == pytest.approx(expected)
    # Of generated answers, which have no margin, the score.
    scored = dev.assign(margin=float("nan"), score=dev.margin)
    assert margin_gains(configurations, scored) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["incline_paper", "mean_difference", "shifcon", "procrustes_greedy"])
def test_the_random_control_moves_every_state_as_far(given, name):
    configuration = RECIPES[name].configurations(given)[-1]
    rows = torch.randn(5, 32, generator=torch.Generator().manual_seed(1))
    other = turned(configuration, seed=3)
    for (site, map), (same, control) in zip(configuration.parts, other.parts, strict=True):
        assert site == same
        step, turn = map.transform(rows), control.transform(rows)
        if configuration.intervention != "add_mapped":
            step, turn = step - rows, turn - rows
        assert torch.allclose(step.norm(dim=1), turn.norm(dim=1), rtol=1e-4)
        assert float(torch.cosine_similarity(step, turn).abs().max()) < 0.9


@pytest.mark.parametrize("name", sorted(set(RECIPES) - {"optimal_transport"}))
def test_every_recipe_keeps_to_its_word(name, given, study, monkeypatch):
    """Few enough configurations, all different, whose maps have a digest; the control is one too."""
    monkeypatch.setattr("workbench.methods.recipes.vectors.SHARE_OF_NEURONS", 0.05)
    monkeypatch.setattr("workbench.methods.recipes.learned.TRAINING", Training(steps=2, batch=8))
    configurations = [
        replace(configuration, aligner="m") for configuration in RECIPES[name].configurations(given)
    ]
    assert 0 < len(configurations) <= 150
    assert len({tuple(b.columns.values()) for b in configurations}) == len(configurations)
    examples = study.items("sw", "dev")
    control = replace(turned(configurations[0], seed=1), aligner="m~random")
    facts = plan_facts(study.model, examples, [configurations[0], control], {})
    assert (
        facts["configurations"]
        == plan_facts(study.model, examples, [configurations[0], control], {})["configurations"]
    )
    table = sweep(study.model, examples, [configurations[0], control], task="tiny", pair="sw-en", clean=False)
    sizes = table.groupby("aligner").patch_size.mean()
    assert sizes["m"] > 0 and sizes["m~random"] > 0
    if not configurations[0].also:  # in cascade the second site of either sees another state
        assert sizes["m~random"] == pytest.approx(sizes["m"], rel=1e-3)


def test_a_given_map_can_be_kept_on_disk():
    step = Given.step(torch.arange(3.0))
    again = restore(*exported(step))
    assert isinstance(again, Given)
    assert again.transform(torch.ones(2, 3)).tolist() == [[1.0, 2.0, 3.0]] * 2


def grown(given, values):
    """What is swept next, given dev margins by set of layers; one round after the other, to the end."""
    recipe = RECIPES["procrustes_greedy"]
    configurations = [replace(b, aligner="m") for b in recipe.configurations(given)]
    rounds, seen = [], []
    while configurations:
        rounds.append(sorted(tuple(site.layer for site, _ in b.parts) for b in configurations))
        seen = [*seen, *configurations]
        rows = [
            b.columns | {"margin": values.get(tuple(site.layer for site, _ in b.parts), -1.0)} for b in seen
        ]
        dev = pd.DataFrame([*rows, dict.fromkeys(rows[0]) | {"aligner": "clean", "margin": 0.0}])
        configurations = recipe.grow(given, seen, dev)
    return rounds


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        ({}, [1]),  # nothing helps: no pair is tried
        ({(2,): 1.0}, [1, 2]),  # no second layer helps
        ({(2,): 1.0, (1, 2): 2.0}, [1, 2, 3]),
        ({(2,): 1.0, (1, 2): 2.0, (1, 2, 3): 3.0}, [1, 2, 3]),  # never a fourth
    ],
)
def test_procrustes_grows_while_dev_gains(given, values, sizes):
    rounds = grown(given, values)
    assert [len(some[0]) for some in rounds] == sizes
    if len(rounds) > 1:
        assert rounds[1] == [(0, 2), (1, 2), (2, 3)]
    if len(rounds) > 2:
        assert rounds[2] == [(0, 1, 2), (1, 2, 3)]


def test_a_grown_configuration_patches_all_its_layers(given, plain, pairs):
    from recipe_formulas import FORMULAS
    from sweep_grids import scale_of

    study, recipe = given.study, RECIPES["procrustes_greedy"]
    first = [replace(b, aligner="m") for b in recipe.configurations(given)]
    examples = study.items("sw", "dev")[:2]
    three = Configuration.jointly("m", {Site(b.site.layer): b.map for b in first[:3]}, "interpolate")
    table = sweep(study.model, examples, [three], task="tiny", pair="sw-en", clean=False)
    for example, margin in zip(examples, table.margin, strict=True):
        scores = plain.choice_scores(example, FORMULAS["procrustes_greedy"](plain, *pairs, three))
        best = torch.cat([scores[: example.answer], scores[example.answer + 1 :]]).max()
        expected = float(scores[example.answer] - best)
        assert margin == pytest.approx(expected, abs=1e-5 * scale_of(study.model, examples))

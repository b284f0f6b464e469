"""Every recipe's configurations do to the model what its formula says, by an independent implementation."""

from functools import partial

import pytest
import torch
from recipe_formulas import FORMULAS, LAPE_SHARE, POSITIONS
from sweep_grids import scale_of

from workbench.methods.recipes import RECIPES
from workbench.sweeps import sweep

TRAINED = {"learned_vector_states", "learned_vector_answers"}
"""No formula, but a training through the model: in test_learned.py."""
NEEDS = {"optimal_transport": "ot"}
"""Packages that recipes ask for."""


def fixed(new, h):
    return new


def margins(plain, examples, changes, configuration=None):
    found = []
    for example in examples:
        mine = changes
        if configuration is not None and configuration.joint == "from_clean":
            clean = {at: plain.states(example.prompt, *at)[-1:] for at in changes}
            mine = {at: partial(fixed, change(clean[at])) for at, change in changes.items()}
        scores = plain.choice_scores(
            example, mine, "last" if configuration is None else configuration.positions
        )
        others = torch.cat([scores[: example.answer], scores[example.answer + 1 :]])
        found.append(float(scores[example.answer] - others.max()))
    return found


def telling(configurations):
    """The first, the last and two between, which are of other layers and strengths."""
    n = len(configurations)
    return [configurations[i] for i in sorted({0, n // 3, (2 * n) // 3, n - 1})]


@pytest.mark.parametrize("name", sorted(set(RECIPES) - TRAINED))
def test_a_recipe_does_what_its_formula_says(name, given, plain, pairs, study, monkeypatch):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    monkeypatch.setattr("workbench.methods.recipes.vectors.SHARE_OF_NEURONS", LAPE_SHARE)
    examples = study.items("sw", "dev")[:2]
    configurations = telling(RECIPES[name].configurations(given))
    assert {configuration.positions for configuration in configurations} == {POSITIONS.get(name, "last")}
    table = sweep(study.model, examples, configurations, task="tiny", pair="sw-en", clean=True)
    clean = margins(plain, examples, {})
    n, scale = len(examples), max(scale_of(study.model, examples), *map(abs, clean))
    for number, configuration in enumerate([None, *configurations]):
        rows = table.iloc[number * n : (number + 1) * n]
        if configuration is None:
            expected = clean
        else:
            changes = FORMULAS[name](plain, *pairs, configuration)
            expected = margins(plain, examples, changes, configuration)
            assert max(abs(a - b) for a, b in zip(expected, clean, strict=True)) > 1e-4 * scale
        assert rows.margin.tolist() == pytest.approx(expected, abs=1e-5 * scale)

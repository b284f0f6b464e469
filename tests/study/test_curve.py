"""Fit over the number of pairs: the points of `learning_curve`, and sizes that a text allows."""

from dataclasses import replace

import pytest

from workbench.align import CONTROLS, Ridge, fit_layers, learning_curve
from workbench.core.errors import InputError
from workbench.study import Settings
from workbench.study.alignment import COMPONENT, curve_sizes


def test_points_are_those_of_the_learning_curve(study):
    alignment = study.alignment
    states = alignment.capture()
    source, target = (states.states(code, COMPONENT) for code in (study.source, study.target))
    table = alignment.curve_table(states, sizes=[20, 10, 32], draws=3)
    assert set(table.aligner) == {name for name in study.settings.aligners if name not in CONTROLS}
    ridge = table[table.aligner == "ridge"].set_index(["layer", "n_fit", "draw"]).r2
    expected = learning_curve(
        Ridge(),
        source,
        target,
        alignment.split.fit,
        alignment.split.test,
        [10, 20, 32],
        draws=3,
        seed=study.settings.seed,
    )
    assert len(ridge) == len(expected) == 3 * (3 + 3 + 1)
    for point in expected:
        assert ridge[(point.layer, point.n, point.draw)] == pytest.approx(point.r2)
    whole = fit_layers(Ridge(), source, target, alignment.split.fit)
    held_out = whole.held_out(source, target, alignment.split.test)
    assert ridge[:, 32, 0].tolist() == pytest.approx(held_out)


def test_sizes_are_halves_of_halves():
    assert curve_sizes(1200) == [75, 150, 300, 600, 1200]
    assert curve_sizes(32) == [16, 32] and curve_sizes(7) == [7]


def test_what_has_no_curve_is_refused(study):
    states = study.alignment.capture()
    with pytest.raises(InputError, match="33 pairs: there are 32"):
        study.alignment.curve_table(states, sizes=[33])
    controls = replace(study.alignment, settings=Settings(aligners=("identity",), headline="identity"))
    with pytest.raises(InputError, match="no control"):
        controls.curve_table(states)

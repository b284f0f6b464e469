"""Refits, learning curves, grids, reports, and scikit-learn's regressors as aligners."""

import math

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge as TheirRidge

from workbench.align import (
    LeastSquares,
    MeanShift,
    Ridge,
    ShuffledPairs,
    export,
    fit_layers,
    learning_curve,
    refit,
    score_grid,
)
from workbench.core.errors import InputError


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def states(noise=0.5, d_target=6):
    source = draw(3, 120, 6)
    target = source @ draw(3, 6, d_target, seed=1) + noise * draw(3, 120, d_target, seed=2) + 1
    return source, target


FIT, REST = range(80), range(80, 120)


# Several draws -------------------------------------------------------------------------------------


def test_refits_are_fits_on_shares_of_the_rows():
    source, target = states()
    refits = refit(Ridge(), source, target, FIT, draws=4, share=0.5, seed=3)
    assert len(refits) == 4 and all(len(set(rows.tolist())) == 40 for rows in refits.rows)
    assert all(set(rows.tolist()) <= set(FIT) for rows in refits.rows)
    again = fit_layers(Ridge(), source, target, refits.rows[2])
    assert torch.equal(again[1].weight_, refits.maps[2][1].weight_)
    scores = refits.held_out(source, target, REST)
    assert scores.shape == (4, 3)
    for layer, row in enumerate(refits.spread(source, target, REST)):
        assert (row.layer, row.draws, row.n) == (layer, 4, 40)
        assert row.mean == pytest.approx(scores[:, layer].mean().item())
        assert row.sd == pytest.approx(scores[:, layer].std().item()) and row.sd > 0
        assert row.least <= row.mean <= row.most
    same = refit(Ridge(), source, target, FIT, draws=4, share=0.5, seed=3)
    assert torch.equal(same.held_out(source, target, REST), scores)


def test_the_spread_of_one_draw_is_unknown_and_rows_may_not_be_on_both_sides():
    source, target = states()
    refits = refit(Ridge(), source, target, FIT, draws=1, share=1)
    assert math.isnan(refits.spread(source, target, REST)[0].sd)
    with pytest.raises(InputError, match=r"1 held-out rows were fitted on \(first: \[7\]\)"):
        refits.spread(source, target, [7, 90])
    for wrong in ({"draws": 0}, {"share": 0}, {"share": 1.2}, {"share": 0.001}):
        with pytest.raises(InputError, match="share"):
            refit(Ridge(), source, target, FIT, **wrong)


def test_more_pairs_fit_better_and_small_draws_lie_inside_large_ones():
    source, target = states()
    points = learning_curve(Ridge(), source, target, FIT, REST, sizes=[5, 20, 80], draws=3)
    assert len(points) == 3 * (3 + 3 + 1)  # all rows can be drawn in one way only
    mean = {n: np.mean([p.r2 for p in points if p.n == n]) for n in (5, 20, 80)}
    assert mean[5] < mean[20] < mean[80]
    whole = fit_layers(Ridge(), source, target, FIT).held_out(source, target, REST)
    assert [p.r2 for p in points if p.n == 80] == pytest.approx(whole, abs=1e-6)
    assert points == learning_curve(Ridge(), source, target, FIT, REST, sizes=[5, 20, 80], draws=3)
    with pytest.raises(InputError, match="were fitted on"):
        learning_curve(Ridge(), source, target, FIT, range(79, 90), sizes=[5])
    with pytest.raises(InputError, match="sizes must be 1 … 80"):
        learning_curve(Ridge(), source, target, FIT, REST, sizes=[81])


# Grids ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", [Ridge(), LeastSquares(), LeastSquares(center=True), MeanShift()], ids=repr
)
@pytest.mark.parametrize("n", [4, 80])
def test_a_grid_scores_the_same_maps_as_fits_one_by_one(method, n):
    source, target = states()
    target = torch.cat([target, target.flip(0)[:1]])
    scores = score_grid(method, source, target, range(n), REST)
    assert scores.shape == (3, 4)
    for i in range(3):
        for j in range(4):
            alone = fit_layers(method, source[[i]], target[[j]], range(n))
            assert scores[i, j] == alone.held_out(source[[i]], target[[j]], REST)[0]
    if n == 80 and not isinstance(method, MeanShift):
        assert scores[:, :3].argmax(1).tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="were fitted on"):
        score_grid(method, source, target, range(n), range(n))


# scikit-learn --------------------------------------------------------------------------------------


@pytest.mark.parametrize("d_target", [6, 1])
def test_a_scikit_learn_regressor_is_an_aligner_as_it_is(d_target):
    source, target = states(d_target=d_target)
    regressor = TheirRidge(alpha=1)
    maps = fit_layers(regressor, source, target, FIT)
    assert not hasattr(regressor, "coef_")
    mapped = maps.transform(1, source[1].reshape(2, 60, 6))
    assert mapped.shape == (2, 60, d_target) and mapped.dtype == torch.float32
    direct = TheirRidge(alpha=1).fit(source[1][:80].double().numpy(), target[1][:80].double().numpy())
    expected = torch.as_tensor(direct.predict(source[1].double().numpy())).reshape(2, 60, d_target)
    torch.testing.assert_close(mapped.double(), expected, atol=1e-5, rtol=0)
    assert maps[0].transform(source[0].bfloat16()).dtype == torch.bfloat16


def test_controls_wrap_it_and_what_it_refuses_is_said_in_one_line():
    source, target = states()
    control = fit_layers(ShuffledPairs(TheirRidge()), source, target, FIT)
    assert max(control.held_out(source, target, REST)) < 0.3
    assert refit(TheirRidge(), source, target, FIT, draws=2).held_out(source, target, REST).shape == (2, 3)
    assert score_grid(PLSRegression(2), source, target, FIT, REST).shape == (3, 3)
    with pytest.raises(InputError, match="PLSRegression rejects these states"):
        fit_layers(PLSRegression(50), source, target, range(4))
    with pytest.raises(InputError, match="cannot be saved"):
        export(control[0])

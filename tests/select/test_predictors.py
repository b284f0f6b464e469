"""Which measure goes with the gain: against scipy, and where nothing can be said, nothing is."""

import numpy as np
import pandas as pd
import pytest
from counts import count
from scipy import stats as scipy_stats
from scipy.stats import rankdata

from workbench.core.errors import InputError
from workbench.select import predicts
from workbench.stats import circular_shift_test, rank_interval

LAYERS = 12


def measured(curves, measure="cka", model="m"):
    """Similarity rows of one measure: a curve for each pair."""
    rows = [
        {"model": model, "pair": pair, "measure": measure, "layer": layer, "value": value}
        for pair, curve in curves.items()
        for layer, value in enumerate(curve)
    ]
    return pd.DataFrame(rows).astype({"layer": "Int64"})


def gains(curves, model="m"):
    """Gains of two strengths each, whose mean is the curve."""
    rows = measured(curves, model=model).rename(columns={"value": "gain"}).drop(columns="measure")
    return pd.concat([rows.assign(gain=rows.gain + d) for d in (0.25, -0.25)])


@pytest.fixture
def curves():
    rng = np.random.default_rng(0)
    return {f"p{i}-en": np.cumsum(rng.normal(size=LAYERS)) for i in range(5)}


def test_each_pair_has_its_rank_correlation_and_its_null(curves):
    rng = np.random.default_rng(1)
    gain = {pair: curve + rng.normal(size=LAYERS) for pair, curve in curves.items()}
    found = predicts(measured(curves), gains(gain))
    pairs = found[found.scope == "pair"].set_index("pair")
    for pair, curve in curves.items():
        assert pairs.rho[pair] == pytest.approx(scipy_stats.spearmanr(curve, gain[pair]).statistic)
        assert pairs.p[pair] == circular_shift_test(rankdata(curve), rankdata(gain[pair]))
    assert pairs.low.isna().all() and (pairs.n == LAYERS).all()
    pooled = found[found.scope == "layers"].iloc[0]
    assert pooled.rho == pytest.approx(pairs.rho.mean()) and pooled.n == 5 and pooled.p < 0.1


def test_across_pairs_the_best_value_goes_with_the_gain_on_test(curves):
    best = {pair: float(curve.max()) for pair, curve in curves.items()}
    selection = pd.DataFrame({"model": "m", "pair": list(best), "gain": [3.0, 1.0, 5.0, 2.0, 4.0]})
    found = predicts(measured(curves), gains(curves), selection)
    across = found[found.scope == "pairs"].iloc[0]
    assert across.rho == pytest.approx(scipy_stats.spearmanr(list(best.values()), selection.gain).statistic)
    assert across.low < across.rho < across.high and across.n == 5
    mirrored = predicts(measured({p: -c for p, c in curves.items()}), gains(curves), selection, ("cka",))
    assert mirrored[mirrored.scope == "pairs"].iloc[0].rho == pytest.approx(across.rho)


def test_a_few_pairs_are_told_to_be_few_and_a_flat_curve_is_no_curve(curves):
    three = dict(list(curves.items())[:3])
    flat = measured({pair: np.ones(LAYERS) for pair in three}, "flat")
    found = predicts(pd.concat([measured(three), flat]), gains(three))
    across = found[found.scope == "pairs"].set_index("measure")
    assert across.rho.isna().all() and across.note["cka"] == "3 pairs; an interval needs 4"
    constant = found[(found.scope == "pair") & (found.measure == "flat")]
    assert constant.rho.isna().all() and constant.note.str.contains("constant").all()
    assert found[found.scope != "pairs"].rho.notna().sum() == 4


def test_pairs_of_several_models_are_kept_apart(curves):
    both = [measured(curves, model=m) for m in ("m", "n")], [gains(curves, m) for m in ("m", "n")]
    found = predicts(*(pd.concat(parts) for parts in both))
    assert (found.scope == "pair").sum() == 10 and found[found.scope == "pairs"].n.tolist() == [10]
    # The pairs of a model are shifted together: two models, and not ten pairs, are tested.
    ranks = [rankdata(curve) for curve in curves.values()] * 2
    p = circular_shift_test(ranks, ranks, ["m"] * 5 + ["n"] * 5)
    assert found[found.scope == "layers"].p.tolist() == [p] != [circular_shift_test(ranks, ranks)]


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(rho):
    rng, n, rounds = np.random.default_rng(4), 12, count(300, 3000)
    truth = 6 / np.pi * np.arcsin(rho / 2)
    held = 0
    for x, y in rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=(rounds, n)).transpose(0, 2, 1):
        found = scipy_stats.spearmanr(x, y).statistic
        low, high = rank_interval(found, n, 1 + found**2 / 2)
        held += low <= truth <= high
    assert 0.91 <= held / rounds <= 0.985


def test_perfect_order_leaves_room_on_the_other_side():
    curves = {f"p{i}-en": np.arange(LAYERS) + i for i in range(6)}
    selection = pd.DataFrame({"model": "m", "pair": list(curves), "gain": np.arange(6.0)})
    ends = []
    for sign in (1, -1):
        found = predicts(measured(curves), gains(curves), selection.assign(gain=sign * selection.gain))
        across = found[found.scope == "pairs"].iloc[0]
        ends.append((across.low, across.high))
    (low, high), opposite = ends
    assert high == 1.0 and 0 < low < 0.95
    assert opposite == (-1.0, pytest.approx(-low))


def test_what_has_no_answer_is_refused(curves):
    twice = pd.concat([measured(curves), measured(curves)])
    with pytest.raises(InputError, match="two values at one layer"):
        predicts(twice, gains(curves))
    with pytest.raises(InputError, match="no layer"):
        predicts(measured(curves), gains(curves, model="other"))
    with pytest.raises(InputError, match="no measure 'cca'"):
        predicts(measured(curves), gains(curves), lower_is_better=("cca",))
    with pytest.raises(InputError, match="two gains"):
        one = pd.DataFrame({"model": "m", "pair": list(curves), "gain": 0.1})
        predicts(measured(curves), gains(curves), pd.concat([one, one]))

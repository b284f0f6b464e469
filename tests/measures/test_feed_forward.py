"""Neurons whose role is planted, and the formulas by numpy and scipy."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy, spearmanr

from workbench.core.errors import InputError
from workbench.measures import flatness, neuron_rank_correlation, sparsity


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_one_neuron_alone_is_not_flat_and_all_alike_are():
    one = torch.zeros(2, 64)
    one[:, 3] = 5
    assert flatness(one).tolist() == [0, 0]
    assert flatness(torch.full((2, 64), 0.7)).tolist() == pytest.approx([1, 1])
    assert flatness(torch.zeros(1, 64)).item() == pytest.approx(1)
    assert flatness(1 - one[:1] / 5).item() == pytest.approx(np.log(63) / np.log(64)), "one is silent"
    half = torch.tensor([[0.0, 1.0] * 32])
    assert flatness(half).item() == pytest.approx(np.log(32) / np.log(64))


def test_flatness_is_the_entropy_of_scaled_activations():
    a = draw(7, 30)
    scaled = (a - a.amin(1, keepdim=True)) / (a.amax(1) - a.amin(1))[:, None]
    expected = [entropy(row) / np.log(30) for row in scaled.double().numpy()]
    assert flatness(a).tolist() == pytest.approx(expected, abs=1e-6)
    assert flatness(100 * a.double() - 3).tolist() == pytest.approx(flatness(a).tolist(), abs=1e-6)


def test_sparsity_counts_what_is_small_beside_the_largest():
    a = torch.tensor([[10.0, 1.0, -1.0, 1.5, -10.0], [0.0, 0.0, 0.0, 0.0, 2.0], [0.0] * 5, [1.0] * 5])
    assert sparsity(a).tolist() == pytest.approx([0.4, 0.8, 1, 0])
    assert sparsity(a, small=0.2).tolist() == pytest.approx([0.6, 0.8, 1, 0])
    assert sparsity(a, small=0).tolist() == pytest.approx([0, 0.8, 1, 0])
    relu = draw(40, 200).relu()
    assert sparsity(relu, small=0).tolist() == pytest.approx((relu <= 0).float().mean(1).tolist())


def test_the_rank_correlation_is_scipy_s_of_the_means():
    x = draw(12, 50).relu()
    x[:, :9] = 0  # ties
    y = x + draw(12, 50, seed=1)
    expected = spearmanr(x.double().mean(0), y.double().mean(0)).statistic
    assert 0.1 < neuron_rank_correlation(x, y) < 0.95
    assert neuron_rank_correlation(x, y) == pytest.approx(expected)


def test_a_planted_order_of_neurons_is_found():
    d = 40
    x = torch.linspace(-1, 3, d) + 0.01 * draw(20, d)
    order = torch.randperm(d, generator=torch.Generator().manual_seed(3))
    moved = (order - torch.arange(d)).double()
    known = 1 - 6 * float(moved.square().sum()) / (d * (d**2 - 1))
    assert neuron_rank_correlation(x, x[:, order]) == pytest.approx(known)
    assert neuron_rank_correlation(x, x.flip(1)) == pytest.approx(-1)
    assert neuron_rank_correlation(x, x.exp()) == pytest.approx(1), "scale is of no account"
    assert neuron_rank_correlation(x, x.flip(0)) == pytest.approx(1), "which stand side by side has no part"


def test_half_precision_is_read_as_it_is():
    a = (1e-4 * draw(5, 30)).half()
    for measure in (flatness, sparsity):
        assert torch.equal(measure(a), measure(a.double()))


@pytest.mark.parametrize("measure", [flatness, sparsity, lambda a: neuron_rank_correlation(a, a)])
@pytest.mark.parametrize(
    ("activations", "message"),
    [
        (torch.ones(5), r"sent"),
        (torch.ones(0, 5), r"sent neuron"),
        (torch.ones(5, 1), r"sent neuron"),
        (torch.ones(5, 4) * float("inf"), "finite"),
    ],
)
def test_what_has_no_neurons_is_refused(measure, activations, message):
    with pytest.raises(InputError, match=message):
        measure(activations)


def test_pairs_that_cannot_be_compared_are_refused():
    for x, y, message in (
        (draw(5, 4), draw(5, 3), "same neurons: 4 and 3"),
        (draw(5, 4), torch.ones(5, 4), "equally active"),
    ):
        with pytest.raises(InputError, match=message):
            neuron_rank_correlation(x, y)
    with pytest.raises(InputError, match="part of the largest"):
        sparsity(draw(5, 4), small=1.5)

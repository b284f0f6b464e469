"""One map per layer, fitted on the given rows and no others."""

import pytest
import torch

from workbench.align import LeastSquares, fit_layers
from workbench.core.errors import InputError


def states(seed=0):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(3, 80, 6, generator=generator)
    maps = torch.randn(3, 6, 6, generator=generator)
    return source, source @ maps, maps


def test_each_layer_gets_its_own_map():
    source, target, truth = states()
    maps = fit_layers(LeastSquares(), source, target, range(60))
    assert len(maps) == 3
    for layer in range(3):
        torch.testing.assert_close(maps[layer].weight_.float(), truth[layer], atol=1e-4, rtol=0)
        torch.testing.assert_close(
            maps.transform(layer, source[layer, :2]), target[layer, :2], atol=1e-4, rtol=0
        )
    assert maps.held_out(source, target, range(60, 80)) == pytest.approx([1, 1, 1])


def test_other_rows_have_no_say():
    source, target, _ = states()
    spoiled = target.clone()
    spoiled[:, 60:] = 1e6
    one, other = (fit_layers(LeastSquares(), source, y, range(60)) for y in (target, spoiled))
    assert torch.equal(one[2].weight_, other[2].weight_)


def test_the_given_aligner_stays_unfitted():
    source, target, _ = states()
    aligner = LeastSquares()
    fit_layers(aligner, source, target, range(10))
    assert not hasattr(aligner, "weight_")


@pytest.mark.parametrize(
    ("rows", "message"), [([0, 0], "twice"), ([80], "0 … 79"), ([-1], "0 … 79"), ([], "at least one")]
)
def test_rows_that_are_none_are_refused(rows, message):
    source, target, _ = states()
    with pytest.raises(InputError, match=message):
        fit_layers(LeastSquares(), source, target, rows)


def test_states_of_other_layers_are_refused():
    source, target, _ = states()
    with pytest.raises(InputError, match="same layers"):
        fit_layers(LeastSquares(), source[:2], target, range(5))
    with pytest.raises(InputError, match="no map for layer 3"):
        fit_layers(LeastSquares(), source, target, range(60))[3]

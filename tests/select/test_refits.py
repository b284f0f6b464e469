"""The spread over refits is that of their gains on the same items."""

import numpy as np
import pytest

from workbench.core.errors import InputError
from workbench.select import Choice, choose, refit_spread

N = 50


def right(k):
    """Margins of a run that has the first k items right."""
    return np.where(np.arange(N) < k, 1.0, -1.0)


@pytest.fixture
def found(configuration, sweep_table):
    choice = choose(sweep_table((None, right(20)), (configuration(2), right(30))), "map")
    fits = [(configuration(2, seed=seed), right(k)) for seed, k in enumerate((30, 25, 35, 28, 20))]
    other = configuration(3, seed=7), right(50)
    return choice, sweep_table((None, right(20)), *fits, other, split="test")


def test_the_numbers_are_those_of_the_gains(found):
    choice, table = found
    spread = refit_spread(table.sample(frac=1, random_state=0), choice)
    gains = [0.2, 0.1, 0.3, 0.16, 0.0]
    assert spread.itself == pytest.approx(0.2) and spread.n == 5
    assert (spread.mean, spread.sd) == (pytest.approx(np.mean(gains)), pytest.approx(np.std(gains, ddof=1)))
    assert (spread.smallest, spread.largest) == (pytest.approx(0.0), pytest.approx(0.3))


def test_too_few_fits_are_no_spread(found):
    choice, table = found
    with pytest.raises(InputError, match="holds 4 fits of map replace at layer 2, strength 1"):
        refit_spread(table[table.seed.fillna(0) != 4], choice)


def test_nothing_has_no_refits(found):
    assert refit_spread(found[1], Choice("map", None, None, None, 0.0, 0.0)) is None


def test_dev_rows_are_refused(found):
    with pytest.raises(InputError, match="only test rows"):
        refit_spread(found[1].assign(split="dev"), found[0])

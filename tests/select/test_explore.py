"""The grid on dev shows what single intervals and the band over all configurations say, and its label."""

import numpy as np
import pytest

from workbench.core.errors import InputError
from workbench.select import explore
from workbench.stats import max_t_band, paired_interval

N, LAYERS = 120, 12


@pytest.fixture
def table(configuration, sweep_table):
    rng = np.random.default_rng(3)
    clean = rng.random(N) < 0.5
    runs = [np.where(rng.random(N) < 0.3, rng.random(N) < 0.5, clean) for _ in range(LAYERS)]
    runs[4] = clean | (rng.random(N) < 0.5)
    configurations = [(configuration(i), run, run > 0) for i, run in enumerate(runs)]
    return sweep_table((None, clean, clean), *configurations, groups=[f"g{i // 2}" for i in range(N)])


def test_each_row_has_both_intervals_of_its_configuration(table):
    found = explore(table)
    assert len(found) == LAYERS and set(found["mode"]) == {"exploratory"}
    clean = table[table.aligner == "clean"].correct.to_numpy(dtype=float)
    runs = [table[table.layer == i].correct.to_numpy(dtype=float) for i in range(LAYERS)]
    groups = [i // 2 for i in range(N)]
    band = max_t_band(np.array(runs).T - clean[:, None], groups)
    for row in found.itertuples():
        alone = paired_interval(runs[row.layer], clean, groups)
        assert (row.gain, row.low, row.high) == pytest.approx((alone.estimate, alone.low, alone.high))
        assert (row.band_low, row.p) == (pytest.approx(band.low[row.layer]), band.p[row.layer])
        assert row.beyond_band == (row.band_low > 0 or row.band_high < 0)
    assert found[found.beyond_band].layer.tolist() == [4]
    assert (found.pair == "b-a").all() and (found.n == N / 2).all()


def test_test_rows_are_not_for_looking_around(table):
    with pytest.raises(InputError, match="only dev rows"):
        explore(table.assign(split="test"))

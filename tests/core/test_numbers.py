"""Numbers for people have true minus signs, and none before nothing but zeros."""

import pandas as pd
import pytest

from workbench.core.numbers import between, estimated, interval, percent, plain, probability, signed
from workbench.stats import Interval


@pytest.mark.parametrize("write", [plain, signed, lambda v, places: percent(v / 100, places)])
@pytest.mark.parametrize("places", [0, 2, 3])
def test_what_rounds_to_zero_has_no_sign(write, places):
    zero = f"{0:.{places}f}"
    for value in (0.0, -0.0, 0.0004, -0.0004):
        assert write(value, places).removesuffix(" %") == zero
    assert write(-7.25, places).startswith("−7") and "-" not in write(-7.25, places)


def test_only_signed_numbers_have_a_plus():
    assert (plain(0.5), signed(0.5), percent(0.5)) == ("0.500", "+0.500", "50 %")


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_what_is_missing_is_a_dash_or_what_is_asked_for(missing):
    assert plain(missing) == signed(missing) == interval(missing, 0, 1) == percent(missing) == "–"
    assert probability(missing) == "–" and plain(missing, none="") == interval(missing, 0, 1, none="") == ""
    assert between(missing, 1.0) == "" and interval(0.5, missing, missing, 2) == "+0.50"


def test_an_estimate_is_written_with_its_interval():
    assert estimated(Interval(0.5, -0.25, 1.0, 0.95, 10), 2) == "+0.50 [−0.25, 1.00]"
    assert estimated(Interval(-0.001, -0.001, 0.0, 0.95, 10), 2) == "0.00 [0.00, 0.00]"
    assert estimated(Interval(0.5, 0.25, 1.0, 0.95, 10), sign=False) == "0.500 [0.250, 1.000]"
    assert estimated(None) == "–"


def test_a_small_p_is_never_zero():
    assert (probability(0.0), probability(0.0404)) == ("< 0.001", "0.040")


def test_a_space_that_does_not_break_can_be_asked_for():
    assert percent(0.384, space="\u00a0") == "38\u00a0%"

"""A model's states join the evidence, and help where the text says little."""

import numpy as np
import pytest

from workbench.checks import check
from workbench.checks.alignment import REACH
from workbench.models import load_model
from workbench.organism import shipped
from workbench.study import model_evidence
from workbench.text import ParallelText


@pytest.fixture(scope="module")
def model():
    return load_model("organism")


def test_each_row_is_nearest_to_its_partner_among_its_neighbours(model):
    text = shipped().text().only(["x-main", "x-poor-near"]).select(range(120))
    [(pair, matrix)] = model_evidence(model, text).items()
    assert pair == ("x-main", "x-poor-near") and matrix.shape == (120, 2 * REACH + 1)
    assert np.isnan(matrix[0, :REACH]).all() and np.isfinite(matrix[REACH : 120 - REACH]).all()
    inner = matrix[REACH : 120 - REACH]
    assert (inner.argmax(1) == REACH).mean() > 0.8


def test_a_shift_is_found_with_it_and_a_clean_text_stays_clean(model):
    text = shipped().text().only(["x-main", "x-poor-near"]).select(range(200))
    assert check(text, model_evidence(model, text)).clean
    sides = {code: list(text[code]) for code in text.languages}
    del sides["x-poor-near"][80]
    sides["x-main"].pop()
    damaged = ParallelText(sides)
    found = check(damaged, model_evidence(model, damaged)).alarms
    assert [one.kind for one in found] == ["shift"]
    assert abs(found[0].spans[0][0] - 80) <= 20

"""seq-rep-n against a naive loop."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analyses.generate import repetition


@given(st.lists(st.integers(0, 3), min_size=4, max_size=40), st.integers(1, 4))
def test_it_is_the_share_of_phrases_that_were_there_before(tokens, n):
    seen, again, phrases = [], 0, 0
    for at in range(len(tokens) - n + 1):
        phrase = list(tokens[at : at + n])
        again, phrases = again + (phrase in seen), phrases + 1
        seen.append(phrase)
    assert repetition(tokens, n) == pytest.approx(again / phrases)


def test_known_values():
    assert repetition([5] * 10) == pytest.approx(6 / 7)  # seven phrases, all the same
    assert repetition(range(50)) == 0
    assert math.isnan(repetition([1, 2, 3]))
    with pytest.raises(ValueError, match="0 tokens"):
        repetition([1, 2], 0)

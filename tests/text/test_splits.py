"""Splits share no sentence and no document, whatever was planted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import InputError
from workbench.core.reading import normalised
from workbench.text import ParallelText, Split
from workbench.text.splits import clusters

PARTS = ("fit", "dev", "test")


def numbered(n: int, groups: list[str] | None = None) -> ParallelText:
    sides = {"sw": [f"sentensi {i}" for i in range(n)], "en": [f"sentence {i}" for i in range(n)]}
    return ParallelText(sides, groups=None if groups is None else tuple(groups))


def part_of(split: Split) -> dict[int, str]:
    return {int(row): name for name in PARTS for row in getattr(split, name)}


def test_plain_rows_give_exact_sizes() -> None:
    split = numbered(100).split(seed=1)
    assert split.sizes == {"fit": 60, "dev": 20, "test": 20}
    assert sorted(part_of(split)) == list(range(100))
    assert repr(split) == "Split(fit=60, dev=20, test=20, left_out=0, seed=1)"
    assert all(getattr(split, name).dtype == np.int64 for name in PARTS)


def test_counts_leave_the_rest_out() -> None:
    split = numbered(100).split(fit=50, dev=7, test=9)
    assert split.sizes == {"fit": 50, "dev": 7, "test": 9}
    assert split.left_out == 34
    assert len(part_of(split)) == 66


def test_the_seed_decides() -> None:
    text = numbered(60)
    one, same, other = text.split(seed=3), text.split(seed=3), text.split(seed=4)
    assert np.array_equal(one.test, same.test)
    assert not np.array_equal(one.test, other.test)


def test_rows_are_drawn_from_everywhere() -> None:
    drawn = [np.mean(numbered(200).split(seed=seed).test) for seed in range(20)]
    assert 80 < np.mean(drawn) < 120


def test_documents_of_all_lengths_reach_the_test_split() -> None:
    sizes = [1, 2, 4, 8, 12, 16] * 4
    groups = [f"d{i}" for i, size in enumerate(sizes) for _ in range(size)]
    text = numbered(len(groups), groups)
    tested = {groups[row] for seed in range(30) for row in text.split(seed=seed).test}
    assert {sizes[int(group[1:])] for group in tested} == {1, 2, 4, 8, 12, 16}


@given(
    groups=st.lists(st.integers(0, 12), min_size=12, max_size=80),
    copies=st.lists(st.tuples(st.integers(0, 79), st.integers(0, 79), st.booleans()), max_size=6),
    seed=st.integers(0, 5),
)
def test_planted_duplicates_and_documents_never_straddle(
    groups: list[int], copies: list[tuple[int, int, bool]], seed: int
) -> None:
    n = len(groups)
    sides = {"sw": [f"sentensi {i}" for i in range(n)], "en": [f"sentence {i}" for i in range(n)]}
    for source, target, across in copies:
        original = sides["sw"][source % n]
        sides["en" if across else "sw"][target % n] = f"  {original.upper()}\u00a0"
    text = ParallelText(sides, groups=tuple(map(str, groups)))
    try:
        split = text.split(seed=seed)
    except InputError as error:
        assert "clusters" in str(error)
        return
    part = part_of(split)
    assert sorted(part) == list(range(n))
    seen: dict[str, str] = {}
    for row in range(n):
        for key in (f"group {groups[row]}", normalised(sides["sw"][row]), normalised(sides["en"][row])):
            assert seen.setdefault(key, part[row]) == part[row], key


@given(sizes=st.lists(st.integers(1, 9), min_size=3, max_size=14), seed=st.integers(0, 3))
def test_test_split_is_as_near_as_whole_documents_allow(sizes: list[int], seed: int) -> None:
    groups = [f"d{i}" for i, size in enumerate(sizes) for _ in range(size)]
    target = round(0.3 * len(groups))
    sums = {0}
    for size in sizes:
        sums |= {known + size for known in sums}
    try:
        split = numbered(len(groups), groups).split(fit=0.7, dev=0, test=0.3, seed=seed)
    except InputError:
        nearest = min(sums, key=lambda s: abs(s - target))
        assert nearest in (0, len(groups)), "refused although both parts can have rows"
        return
    assert abs(len(split.test) - target) == min(abs(s - target) for s in sums)


def test_counts_are_met_by_whole_documents_where_it_can_be_done() -> None:
    groups = [f"d{i}" for i in range(40) for _ in range(3 + i % 5)]
    for seed in range(10):
        split = numbered(len(groups), groups).split(fit=101, dev=31, test=29, seed=seed)
        assert split.sizes == {"fit": 101, "dev": 31, "test": 29}


def test_counts_that_cannot_be_met_are_refused() -> None:
    groups = [f"d{i}" for i in range(10) for _ in range(10)]
    with pytest.raises(InputError, match=r"dev=15.*10 clusters.*gave fit=60, dev=10, test=20") as caught:
        numbered(100, groups).split(fit=60, dev=15, test=20)
    assert "\n" not in str(caught.value)


def test_one_document_cannot_be_split() -> None:
    with pytest.raises(InputError, match="1 clusters"):
        numbered(20, ["d"] * 20).split()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"fit": 0.9}, "more than all of it"),
        ({"fit": 90, "dev": 10, "test": 10}, "is 110 rows, but the text has 100"),
        ({"fit": 50}, "mixes counts and fractions"),
        ({"fit": -1, "dev": 1, "test": 1}, "fit=-1 is not a size"),
        ({"fit": float("nan")}, "fit=nan is not a size"),
        ({"fit": 0, "dev": 0, "test": 0}, "nothing to split"),
    ],
)
def test_sizes_that_make_no_sense(sizes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        numbered(100).split(**sizes)


def test_a_part_may_be_left_empty() -> None:
    assert numbered(10).split(fit=0.5, dev=0, test=0.5).sizes == {"fit": 5, "dev": 0, "test": 5}


def test_ties_chain_through_languages_and_documents() -> None:
    sides = [["a", "B ", "c", "d", "e"], ["v", "w", "ｂ", "c", "z"]]
    # 1–2 share b (case, width, language), 2–3 share c across languages, 3–4 share a document
    assert clusters(sides, ["1", "2", "3", "4", "4"], 5) == [[0], [1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Straße", "STRASSE"), ("ﬁne", "FINE"), ("a\u00a0 b", " A b"), ("Café", "cafe\u0301"), ("ΐ", "Ϊ́")],
)
def test_normalised(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_accents_still_distinguish() -> None:
    assert normalised("pêche") != normalised("péché")

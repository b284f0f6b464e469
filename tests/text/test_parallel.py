"""A parallel text knows its content and gives its parts."""

import copy
import pickle  # workers on other machines are sent texts this way

import numpy as np
import pytest

from workbench.core.errors import InputError
from workbench.text import ParallelText


def small() -> ParallelText:
    return ParallelText(
        {"swh": ["moja", "mbili", "tatu"], "eng": ["one", "two", "three"], "x-aru": ["a", "b", "c"]},
        groups=("d1", "d1", "d2"),
        sources=("somewhere",),
        dropped=4,
    )


def test_languages_are_canonical_and_in_order() -> None:
    text = small()
    assert text.languages == ("sw", "en", "x-aru")
    assert len(text) == 3
    assert text["swa"] == text["sw"] == ("moja", "mbili", "tatu")
    assert "swh_Latn" in text
    assert "de" not in text
    assert repr(text) == "ParallelText(sw en x-aru, 3 rows, 2 groups, 4 dropped)"


def test_a_missing_language_names_those_there_are() -> None:
    with pytest.raises(InputError, match="no 'de': it has sw, en, x-aru"):
        small()["deu"]


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ({}, "no languages"),
        ({"sw": ["a"], "en": ["b", "c"]}, "'sw' has 1 sentences but 'en' has 2"),
        ({"sw": ["a", " \u2028"], "en": ["b", "c"]}, "row 1 of 'sw' is empty"),
        ({"sw": ["a", None], "en": ["b", "c"]}, "row 1 of 'sw' is not text but NoneType"),
        ({"sw": ["a", "\ud800"], "en": ["b", "c"]}, "row 1 of 'sw' holds half a character"),
        ({"sw": ["a"], "swh": ["b"]}, "two sides are 'sw'"),
        ({"sw": "abc"}, "is one string"),
        ({"sx": ["a"]}, "unknown language 'sx'"),
    ],
)
def test_what_is_not_a_parallel_text_is_refused(sides: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ParallelText(sides)


def test_groups_must_fit() -> None:
    with pytest.raises(InputError, match="2 groups for 1 rows"):
        ParallelText({"sw": ["a"]}, groups=("d", "e"))


def test_a_text_does_not_change() -> None:
    text = small()
    with pytest.raises(TypeError):
        text.sentences["sw"] = ()  # type: ignore[index]
    with pytest.raises(AttributeError):
        text.dropped = 0  # type: ignore[misc]


def test_digest_is_of_the_content_alone() -> None:
    text = small()
    same = ParallelText(dict(reversed(text.sentences.items())), text.groups, ("elsewhere",), dropped=0)
    assert same.digest == text.digest
    assert text.only(["sw", "en"]).digest != text.digest
    assert ParallelText(text.sentences, groups=None).digest != text.digest
    assert text.select([0, 2, 1]).digest != text.digest
    assert ParallelText({**text.sentences, "sw": ("moja", "mbili", "nne")}, text.groups).digest != text.digest


def test_select_rows_by_number_and_mask() -> None:
    text = small()
    assert text.select([2, 0])["en"] == ("three", "one")
    assert text.select([2, 0]).groups == ("d2", "d1")
    assert text.select(np.array([False, True, True]))["en"] == ("two", "three")
    assert len(text.select([])) == 0
    assert text.select(range(3)) == text


@pytest.mark.parametrize(
    ("rows", "message"),
    [([3], "no row 3"), ([-1], "no row -1"), ([0.5], "whole numbers"), ([True], "a mask of 1 for 3 rows")],
)
def test_select_refuses_other_rows(rows: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        small().select(rows)


def test_only_orders_the_languages() -> None:
    assert small().only(["eng", "swa"]).languages == ("en", "sw")
    assert small().only("sw").languages == ("sw",)
    assert small().only(["en", "sw"]) != small().only(["sw", "en"])
    with pytest.raises(InputError, match="no 'de'"):
        small().only(["de"])


def test_frames() -> None:
    frame = small().to_frame()
    assert list(frame.columns) == ["row", "group", "sw", "en", "x-aru"]
    assert frame.iloc[2].tolist() == [2, "d2", "tatu", "three", "c"]
    pairs = small().pairs()
    assert list(pairs.columns) == ["pair", "row", "source", "target", "group"]
    assert len(pairs) == 6 * 3
    one = pairs[(pairs["pair"] == "en-sw") & (pairs["row"] == 1)].iloc[0]
    assert (one["source"], one["target"], one["group"]) == ("two", "mbili", "d1")
    with pytest.raises(InputError, match="no pairs"):
        small().only("sw").pairs()


def test_copies_are_equal() -> None:
    text = small()
    for copied in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert copied == text
        assert copied.sources == text.sources
        assert copied.dropped == 4
        assert hash(copied) == hash(text)

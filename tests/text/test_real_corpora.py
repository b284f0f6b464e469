"""The corpora as their makers publish them."""

from pathlib import Path

import pytest

from workbench.core.errors import InputError, TextError
from workbench.core.reading import normalised
from workbench.text import ParallelText, read


def assert_nothing_straddles(text: ParallelText) -> None:
    split = text.split(seed=1)
    assert sum(split.sizes.values()) == len(text)
    seen: dict[str, str] = {}
    for name in split.sizes:
        for row in getattr(split, name):
            keys = [normalised(text[language][row]) for language in text.languages]
            keys += [f"group {text.groups[row]}"] if text.groups else []
            for key in keys:
                assert seen.setdefault(key, name) == name, key


def test_ntrex(shared_data: Path) -> None:
    text = read(shared_data / "ntrex128", languages=["sw", "en", "zh"])
    assert len(text) == 1997
    assert len(set(text.groups or ())) == 123
    assert not any("\r" in sentence for sentence in text["sw"])
    assert text["sw"][-1].endswith("kwa wiki iliyopita.")
    assert len(read(shared_data / "ntrex128").languages) == 17
    assert_nothing_straddles(text)


def test_tatoeba(shared_data: Path) -> None:
    text = read(shared_data / "tatoeba", languages=["swh", "eng"])
    assert len(text) == 390
    assert text == read(shared_data / "tatoeba" / "tatoeba.swh-eng")
    assert len(read(shared_data / "tatoeba" / "tatoeba.deu-eng.deu")) == 1000
    with pytest.raises(InputError, match="several texts"):
        read(shared_data / "tatoeba")
    assert_nothing_straddles(text)


def test_tico19(shared_data: Path) -> None:
    text = read(shared_data / "tico19")
    assert (text.languages, len(text)) == (("en", "sw"), 2100)
    assert text["en"][0] == "about how long have these symptoms been going on?"
    assert text["sw"][0].startswith("je, dalili hizi")
    assert_nothing_straddles(text)


def test_bibles(shared_data: Path) -> None:
    text = read(shared_data / "bibles", languages=["sw", "en", "vi"], drop_missing=True)
    assert text.dropped > 30_000
    assert text.groups is not None
    assert text.groups[0] == "MAT 1"
    assert "genealogy of Jesus Christ" in text["en"][0]
    assert 7_800 < len(text) < 7_958
    with pytest.raises(TextError, match=r"swh-swh1850\.txt\.xz:1: no sentence in 'sw'"):
        read(shared_data / "bibles", languages=["sw", "en"])
    assert_nothing_straddles(text)

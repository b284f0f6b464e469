"""Shifts and scrambles, planted and recovered; clean text stays clean."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from checks.damage import Planted, is_found, misplaced, scrambled, shifted
from counts import count

from workbench.checks import check
from workbench.checks.alignment import REACH, profiles, weights
from workbench.core.errors import InputError
from workbench.organism.config import WorldConfig
from workbench.organism.texts import Items
from workbench.text import ParallelText, read

PAIRS = (("x-main", "x-poor-far"), ("x-poor-fused", "x-poor-near"))
NTREX = ("sw", "zh", "th", "ta", "fi", "ur", "ko", "de")


@lru_cache
def organism() -> ParallelText:
    return Items(WorldConfig()).parallel_text(split="test").select(range(2000))


def recall(text: ParallelText, rounds: int, seed: int = 0) -> float:
    rng = np.random.default_rng(seed)
    hits = []
    for _ in range(rounds):
        for plant in (shifted, scrambled):
            damaged, planted = plant(text, rng)
            hits.append(is_found(check(damaged), planted))
    return float(np.mean(hits))


@pytest.mark.parametrize("pair", PAIRS)
def test_organism(pair: tuple[str, str]) -> None:
    text = organism().only(pair).select(range(count(700, 2000)))
    assert not misplaced(check(text))
    assert recall(text, count(1, 20)) >= 0.9


def test_the_starter_set_is_clean_and_damage_to_it_is_found() -> None:
    text = read("starter").only(["en", "sw"])
    assert check(text).clean
    assert recall(text, count(1, 30)) >= 0.9


def test_the_side_that_is_wrong_is_named_when_others_show_it() -> None:
    text = read("starter").only(["en", "sw", "de", "hi"])
    sides = {language: list(text[language]) for language in text.languages}
    sides["de"][100:180] = sides["de"][100:180][::-1]
    [finding] = misplaced(check(ParallelText(sides)))
    assert (finding.kind, finding.languages) == ("scramble", ("de",))
    sides = {language: list(text[language]) for language in text.languages}
    sides["en"] = [*sides["en"][:200], *sides["en"][198:-2]]
    [finding] = misplaced(check(ParallelText(sides)))
    assert (finding.kind, finding.languages, finding.offset) == ("shift", ("en",), 2)


def test_most_of_a_file_may_be_shifted_and_a_quarter_scrambled() -> None:
    text = read("starter").only(["en", "sw"])
    sides = {language: list(text[language]) for language in text.languages}
    sides["sw"] = [*sides["sw"][:40], *sides["sw"][41:]]
    sides["en"].pop()
    rng = np.random.default_rng(0)
    sides["sw"][160:240] = [sides["sw"][160 + i] for i in rng.permutation(80)]
    report = check(ParallelText(sides))
    planted: list[Planted] = [("shift", 40, 159, -1), ("scramble", 160, 239, None), ("shift", 240, 318, -1)]
    assert all(is_found(report, one) for one in planted), misplaced(report)


def test_unrelated_sides_are_an_alarm_and_few_rows_a_notice() -> None:
    text = read("starter").only(["en", "sw"])
    order = np.random.default_rng(1).permutation(len(text))
    mixed = ParallelText({"en": text["en"], "sw": [text["sw"][i] for i in order]})
    assert misplaced(check(mixed))
    [finding] = check(text.select(range(20))).findings
    assert finding.kind == "unjudged" and finding.severity == "notice"


def test_evidence_from_elsewhere_joins() -> None:
    text = organism().only(PAIRS[0]).select(range(300))
    seen = np.random.default_rng(0).normal(size=(300, 2 * REACH + 1))
    assert check(text, evidence={PAIRS[0]: seen}).clean
    assert check(text, evidence={PAIRS[0][::-1]: seen}).clean
    with pytest.raises(InputError, match="rows × offsets"):
        check(text, evidence={PAIRS[0]: seen[:, :5]})


def test_weights_leave_out_what_is_near_exactly() -> None:
    """By brute force: the fit without the rows near the first of a block of rows."""
    text = read("starter")
    side, _ = profiles(text["en"][:80], text["sw"][:80])
    fitted = np.arange(80)
    gram = (side @ side.T).toarray()
    found = weights(gram, fitted, fitted, 4)
    away = np.flatnonzero((fitted < 16 - 4) | (fitted > 31 + 4))
    expected = gram[20][away] @ np.linalg.inv(gram[np.ix_(away, away)] + np.eye(len(away)))
    np.testing.assert_allclose(found[20][away], expected, atol=1e-4)
    assert not found[20][16 - 4 : 31 + 5].any()


def real(folder: Path) -> dict[str, ParallelText]:
    texts = {
        "tatoeba-sw": read(folder / "tatoeba", languages=["swh", "eng"]),
        "tatoeba-de": read(folder / "tatoeba" / "tatoeba.deu-eng.deu"),
        "tico19": read(folder / "tico19"),
    }
    ntrex = read(folder / "ntrex128")
    bibles = read(folder / "bibles", languages=["en", "sw", "vi"], drop_missing=True)
    texts |= {f"ntrex-{code}": ntrex.only(["en", code]) for code in NTREX}
    return texts | {f"bible-{code}": bibles.only(["en", code]).select(range(2000)) for code in ("sw", "vi")}


@pytest.mark.full
def test_real_files(shared_data: Path) -> None:
    for name, text in real(shared_data).items():
        assert not misplaced(check(text)), name
        assert recall(text, 10) >= 0.9, name


def test_short_sentences(shared_data: Path) -> None:
    text = read(shared_data / "tatoeba", languages=["swh", "eng"])
    assert check(text).clean
    assert recall(text, count(1, 20)) >= 0.9


def test_the_russian_bible_is_shifted_by_three_verses_in_romans(shared_data: Path) -> None:
    """The Synodal text has the doxology at the end of Romans 14, where its file goes on as chapter 15."""
    text = read(shared_data / "bibles", languages=["en", "ru"], drop_missing=True)
    assert text.groups is not None
    start = text.groups.index("ROM 1")
    report = check(text.select(range(start - 300, start + 800)))
    [finding] = misplaced(report)
    assert (finding.kind, finding.offset) == ("shift", 3)
    assert abs(finding.spans[0][0] - (text.groups.index("ROM 15") - start + 300)) <= 3

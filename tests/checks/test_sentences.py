"""Single rows: duplicates, copies, boilerplate, lengths, scripts, overlap; and where they stand."""

import numpy as np
import pytest

from workbench.checks import Report, check, overlap
from workbench.text import ParallelText, read


@pytest.fixture
def sides() -> dict[str, list[str]]:
    text = read("starter")
    return {language: list(text[language]) for language in ("en", "sw", "hi")}


def of(kind: str, report: Report) -> list:
    return [finding for finding in report.findings if finding.kind == kind]


def test_planted_duplicates_are_all_listed(sides: dict[str, list[str]]) -> None:
    rows = np.random.default_rng(0).choice(320, 25, replace=False).tolist()
    for side in sides.values():
        side.extend(side[row].upper() + " " for row in rows)
    [finding] = of("duplicate", check(ParallelText(sides)))
    assert finding.severity == "notice"
    assert sorted(finding.groups) == sorted((row, 320 + i) for i, row in enumerate(rows))
    assert set(finding.rows) == {*rows, *range(320, 345)}


def test_copies(sides: dict[str, list[str]]) -> None:
    sides["sw"][50:60] = sides["en"][50:60]
    [finding] = of("copy", check(ParallelText(sides)))
    assert (finding.severity, finding.spans) == ("alarm", ((50, 59),))


def test_related_languages_share_rows_by_chance() -> None:
    text = read("organism").only(["x-main", "x-rich-near"])
    report = check(text)
    assert report.clean
    assert of("copy", report)[0].count > 50


def test_boilerplate(sides: dict[str, list[str]]) -> None:
    for row in range(10, 130, 10):
        sides["sw"][row] = "Bofya hapa ili uendelee kusoma."
    [finding] = of("boilerplate", check(ParallelText(sides)))
    assert (finding.severity, finding.languages) == ("alarm", ("sw",))
    assert finding.rows == list(range(10, 130, 10))


def test_lengths(sides: dict[str, list[str]]) -> None:
    sides["sw"][77] = " ".join(sides["sw"][70:80])
    [finding] = of("length", check(ParallelText(sides)))
    assert finding.rows == [77] and finding.severity == "notice"


def test_scripts(sides: dict[str, list[str]]) -> None:
    sides["hi"][3] = "Only a line of English."
    [finding] = of("script", check(ParallelText(sides)))
    assert (finding.rows, finding.severity, finding.languages) == ([3], "notice", ("hi",))
    sides["hi"][20:40] = sides["en"][20:40]
    [finding] = of("script", check(ParallelText(sides)))
    assert finding.severity == "alarm" and finding.rows == [3, *range(20, 40)]
    swapped = ParallelText({"hi": sides["en"], "en": sides["sw"]})
    assert of("script", check(swapped))[0].evidence.startswith("320 rows are Latin; hi is usually written in")


def test_overlap(sides: dict[str, list[str]]) -> None:
    text = ParallelText(sides)
    inside = [sentence.upper().replace(".", " !") for sentence in text["en"][5:15]]
    other = ParallelText({"en": [*inside, "Something else entirely."]})
    [finding] = overlap(text, other).findings
    assert (finding.severity, finding.spans, finding.languages) == ("alarm", ((5, 14),), ("en",))
    assert overlap(text, ParallelText({"en": ["Something else entirely."]})).clean


def test_rows_are_found_in_their_files(tmp_path) -> None:
    text = read("starter")
    for language in ("en", "sw"):
        lines = list(text[language])
        lines[4] = "" if language == "en" else lines[4]
        lines[50:60] = text["en"][50:60]
        (tmp_path / f"some.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = check(read(tmp_path / "some", drop_missing=True))
    [copy] = of("copy", report)
    assert copy.spans == ((49, 58),)
    assert copy.places == (f"{tmp_path / 'some.en'}:51-60", f"{tmp_path / 'some.sw'}:51-60")
    assert of("missing", report)[0].severity == "notice"
    assert report.to_json()["clean"] is False and len(report.to_frame()) == len(report.findings)

"""Labels and fields that differ between the languages of a benchmark; the command."""

import json
from pathlib import Path

import pytest

from workbench.checks import check_fields, is_benchmark
from workbench.cli import main
from workbench.core.errors import InputError
from workbench.text import read

WRONG = {"th": 52, "tr": 52, "sw": 6, "id": 5, "it": 5}


def write(folder: Path, language: str, questions: list[str], labels: list[int]) -> Path:
    path = folder / f"val.{language}.jsonl"
    rows = [
        {"premise": f"{language} {i}", "question": q, "label": y, "idx": i, "changed": language == "tr"}
        for i, (q, y) in enumerate(zip(questions, labels, strict=True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_majority_decides_and_english_above_it(tmp_path: Path) -> None:
    right, wrong = ["cause", "effect"] * 10, ["effect"] * 20
    files = [
        write(tmp_path, "sw", wrong, [0] * 20),
        write(tmp_path, "et", right, [0] * 20),
        write(tmp_path, "tr", right, [0] * 19 + [1]),
    ]
    question, label = sorted(check_fields(files).alarms, key=lambda finding: finding.languages)
    assert (question.languages, question.rows) == (("sw",), list(range(0, 20, 2)))
    assert question.places[0] == f"{files[0]}:1"
    assert (label.languages, label.rows) == (("tr",), [19])
    english = write(tmp_path, "en", wrong, [0] * 20)
    found = check_fields([*files, english]).alarms
    assert {finding.languages for finding in found if "question" in finding.evidence} == {("et",), ("tr",)}


def test_two_that_differ_have_no_majority(tmp_path: Path) -> None:
    files = [write(tmp_path, "sw", ["cause"] * 4, [0] * 4), write(tmp_path, "et", ["effect"] * 4, [0] * 4)]
    [finding] = check_fields(files).alarms
    assert finding.languages == ("sw", "et") and "no majority" in finding.evidence
    with pytest.raises(InputError, match="two or more languages"):
        check_fields(files[:1])


def test_xcopa(shared_data: Path) -> None:
    files = sorted((shared_data / "xcopa").glob("val.*.jsonl"))
    assert all(map(is_benchmark, files))
    english = shared_data / "copa_english" / "copa-dev.xml"
    by_majority, by_english = check_fields(files), check_fields([*files, english])
    for report in (by_majority, by_english):
        assert {f.languages[0]: f.count for f in report.alarms} == WRONG
    assert [f.rows for f in by_majority.alarms] == [f.rows for f in by_english.alarms]


def test_mgsm_agrees(shared_data: Path) -> None:
    files = sorted((shared_data / "mgsm").glob("*.tsv"))
    assert check_fields(files).findings == []


def run(*arguments: object) -> int:
    return main(["doctor", *map(str, arguments)])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("starter", "--languages", "en,sw") == 0
    assert "320 rows" in capsys.readouterr().out
    text = read("starter")
    for language in ("en", "sw"):
        lines = list(text[language])
        lines[100:] = [*text["sw"][102:], "a", "b"] if language == "sw" else lines[100:]
        (tmp_path / f"bad.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run(tmp_path / "bad", "--against", "starter", "--json") == 1
    [report] = json.loads(capsys.readouterr().out)
    kinds = {finding["kind"]: finding for finding in report["findings"]}
    assert kinds["shift"]["offset"] == -2 and kinds["shift"]["rows"][0][0] in range(98, 104)
    assert {"overlap", "shift"} <= set(kinds)
    assert run(tmp_path / "bad", "--against", "starter") == 1
    assert "shift" in capsys.readouterr().out


def test_a_field_that_the_reference_lacks_is_left_to_the_majority(tmp_path: Path) -> None:
    files = [write(tmp_path, code, ["cause"] * 20, [0] * 20) for code in ("sw", "et", "tr")]
    english = tmp_path / "val.en.jsonl"
    english.write_text("".join(json.dumps({"idx": i, "label": 0}) + "\n" for i in range(20)))
    write(tmp_path, "tr", ["cause"] * 19 + ["effect"], [0] * 20)
    [found] = check_fields([*files, english]).alarms
    assert (found.languages, found.rows) == (("tr",), [19]) and "question" in found.evidence


@pytest.mark.parametrize("ids", [[[1]], [{}], [1.5]])
def test_an_item_without_a_proper_name_is_named(tmp_path: Path, ids: list[object]) -> None:
    path = tmp_path / "val.sw.jsonl"
    path.write_text("".join(json.dumps({"idx": i, "label": 0}) + "\n" for i in ids))
    with pytest.raises(InputError, match=r"val\.sw\.jsonl:1: 'idx' is .*not a text or a number"):
        check_fields([path, path])

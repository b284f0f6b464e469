"""The section on other methods says what the table of the comparison says, and is left out without one."""

import re
import shutil

import pandas as pd
import pytest
from report import folders
from report.reading import number, page_of

from workbench.core.errors import InputError
from workbench.report import to_html
from workbench.results import open_run


def section_of(folder):
    (found,) = page_of(folder).all("section", aria_labelledby="compared")
    return found


@pytest.fixture
def copied(alone, tmp_path):
    shutil.copytree(alone[0], tmp_path / "run")
    return tmp_path / "run"


def ran(table):
    return table[table.gain.notna() & (table.method != "direct")].set_index("method")


def test_every_method_has_its_row(alone):
    folder, tables = alone
    known = ran(tables["comparison"])
    gains, costs = section_of(folder).all("table")
    rows = {row.children[0].text.replace(" ", "_"): row for row in gains.all("tr")[1:]}
    assert set(rows) == set(known.index)
    for (name, row), other in zip(rows.items(), costs.all("tr")[1:], strict=True):
        one, cells = known.loc[name], [cell.text for cell in row.children]
        prices = [cell.text for cell in other.children]
        assert prices[0] == cells[0]
        assert one.title in cells[1] and one.chosen in cells[1]
        assert cells[2] == ("" if name == "target_language" else one.verdict)
        assert number(cells[3]) == pytest.approx(one.gain, abs=0.00051)
        ends = [number(end) for end in cells[4].split(",")]
        assert ends == pytest.approx([one.gain_low, one.gain_high], abs=0.00051)
        for cell, value in (
            (cells[6], one.gain - one.random_over),
            (cells[7], one.gain - one.shuffled_over),
            (prices[1], one.retention),
        ):
            assert (
                cell == "–"
                if pd.isna(value)
                else number(cell.strip("*")) == pytest.approx(value, abs=0.00051)
            )
        assert prices[1].endswith("*") == (not pd.isna(one.retention) and not one.noninferior)
        paid = [int(cell.replace(",", "")) for cell in prices[2:]]
        assert paid == [round(one.item_tokens), one.fit_tokens, one.pairs, one.labels, one.translations]
    families = [known.family[name] for name in rows]
    assert families == sorted(families, key=["baseline", "recipe", "combination"].index)


def test_it_is_said_in_words_first(alone):
    folder, tables = alone
    known = ran(tables["comparison"]).drop("target_language")
    section = section_of(folder)
    said = section.all("p")[0].text
    helps = (known.verdict == "helps").sum()
    assert said.startswith(f"{len(known)} other ways of answering the same 500 test items")
    assert f"{helps} shown to help, 0 to harm" in said
    best = known.gain.idxmax()
    patch = known[known.family == "recipe"].gain.idxmax()
    for name, sentence in ((best, "The largest gain is that of"), (patch, "Of patches alone,")):
        assert f"{sentence} “{known.title[name]}”" in said and f"+{known.gain[name]:.3f}" in said
    assert "shown to gain more than its best control" in said and "not shown to gain" not in said
    assert "the model gains +0.650" in said and "patching adds at most +0.050 [0.010, 0.090]" in said
    assert "no words" in section.all("details")[0].text


def test_a_best_patch_that_no_control_is_beaten_by_is_told(copied):
    table = pd.read_parquet(copied / "comparison.parquet")
    table["random_over_low"] = table.random_over - 1
    table["holm_verdict"] = table.holm_verdict.replace("helps", "undecided")
    table.to_parquet(copied / "comparison.parquet")
    section = section_of(copied)
    assert "It is not shown to gain more than its best control" in section.text
    assert "0 shown to help" in section.text and "The largest gain" not in section.text
    marks = section.all("svg", class_="curve")[0].all("path", class_="est")
    full = [m for m in marks if not m.has("class_", "hollow") and not m.has("class_", "control")]
    assert len(full) == 1, "the target alone, which claims nothing"


def test_marks_stand_where_the_gains_are(alone):
    folder, tables = alone
    known = ran(tables["comparison"])
    svg = section_of(folder).all("svg", class_="curve")[0]
    groups = {g.attributes.get("class", ""): g for g in svg.all("g")}
    rows = [row for name, group in groups.items() if name.startswith("main-") for row in group.all("g")]
    rows = [row for row in rows if row.all("line")]
    assert len(rows) == len(known)
    found = []
    for row in rows:
        name = row.all("title")[0].text.partition(":")[0].replace(" ", "_")
        (line,) = row.all("line")
        (mark,) = row.all("path")
        at = float(re.match(r"M([\d.]+)", mark.attributes["d"])[1])
        ends = float(line.attributes["x1"]), float(line.attributes["x2"])
        found += [(known.gain[name], at), (known.gain_low[name], ends[0]), (known.gain_high[name], ends[1])]
        assert f"{name.replace('_', ' ')}: " in svg.attributes["aria-label"]
    controls = [path for path in svg.all("path") if path.has("class_", "control")]
    assert len(controls) == 2 * (known.family != "baseline").sum()
    (low, left), (high, right) = min(found), max(found)
    for value, place in found:
        assert place == pytest.approx(left + (value - low) / (high - low) * (right - left), abs=0.11)


def test_several_pairs_stand_under_headings_of_their_own(copied):
    table = pd.read_parquet(copied / "comparison.parquet")
    pd.concat([table, table.assign(pair="th-ar")]).to_parquet(copied / "comparison.parquet")
    section = section_of(copied)
    assert [h.text for h in section.all("h3")] == ["sw-ar · copa", "th-ar · copa"]
    assert len(section.all("table")) == 4


def test_without_a_comparison_there_is_no_section_and_nothing_is_missed(copied):
    (copied / "comparison.parquet").unlink()
    page = to_html(open_run(copied))
    assert "Against other methods" not in page and "not shown: comparison" not in page


def test_what_a_comparison_keeps_beside_a_study_is_no_study(tmp_path):
    folders.several(tmp_path, [("sw", "ar"), ("th", "en")], layers=4)
    for pair in ("sw-ar", "th-en"):
        (tmp_path / pair / "copa" / "compare").mkdir()
        (tmp_path / pair / "copa" / "compare" / "choices.json").write_text("{}")
    assert [part.pair for part in open_run(tmp_path).parts] == ["sw-ar", "th-en"]


def test_another_table_under_this_name_is_refused(copied):
    pd.DataFrame({"x": [1]}).to_parquet(copied / "comparison.parquet")
    with pytest.raises(InputError, match=r"comparison\.parquet is not the table comparison"):
        to_html(open_run(copied))

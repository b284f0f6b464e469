"""Two runs side by side: both maps, and differences paired over items where the items are the same."""

import numpy as np
import pandas as pd
import pytest
from report import folders
from report.browser import Page
from report.reading import details, number, parse

from workbench.core.errors import InputError
from workbench.report import write_report
from workbench.report.two_runs import PAIRED, UNPAIRED, difference
from workbench.results import open_run
from workbench.stats import Interval, mean_interval, unpaired_interval

PAIRS = [("sw", "ar"), ("th", "en")]


@pytest.fixture
def two(tmp_path):
    """Two runs of the same items; in the second, the patch makes one item more right, and one less."""
    for name in ("before", "after"):
        folders.several(tmp_path / name, PAIRS, layers=4)
    change(tmp_path / "after", e0=True, e1=False)
    return tmp_path / "before", tmp_path / "after"


def change(folder, **correct):
    """Change in the pair sw-ar whether items are right with the patch."""
    path = folder / "sw-ar" / "copa" / "sweep.parquet"
    sweep = pd.read_parquet(path)
    for example, right in correct.items():
        own = (sweep.example == example) & (sweep.aligner == "ridge") & (sweep.seed == 0)
        sweep.loc[own & (sweep.language == "sw"), "correct"] = right
    sweep.to_parquet(path, index=False)


def written(two):
    return parse(write_report(two[0], other=two[1]).read_text(encoding="utf-8"))


def gains(right):
    return np.array([float(right(i)) - float(folders.before(i)) for i in range(12)])


def test_the_same_items_are_paired(two):
    parts = [open_run(folder).parts[0] for folder in two]
    found = difference(*parts)
    other = {0: True, 1: False}
    after = gains(lambda i: other.get(i, folders.after(i)))
    assert found.how == PAIRED and found.gain == mean_interval(after - gains(folders.after))
    assert difference(*parts[::-1]).gain.estimate == -found.gain.estimate


def test_items_in_groups_are_not_treated_as_independent(two):
    for folder in two:
        path = folder / "sw-ar" / "copa" / "sweep.parquet"
        sweep = pd.read_parquet(path)
        sweep.assign(group=sweep.example.map(lambda name: f"g{int(name[1:]) // 2}")).to_parquet(path)
    found = difference(*(open_run(folder).parts[0] for folder in two))
    assert found.how == PAIRED and found.gain.n == 6


@pytest.mark.parametrize("what", ["items", "prompts"])
def test_other_items_are_not_paired(two, what):
    folder = two[1] / "sw-ar" / "copa"
    if what == "items":
        sweep = pd.read_parquet(folder / "sweep.parquet")
        sweep.assign(example="x" + sweep.example).to_parquet(folder / "sweep.parquet")
    else:
        items = pd.read_parquet(folder / "items.parquet")
        items.assign(prompt="x" + items.prompt).to_parquet(folder / "items.parquet")
    found = difference(*(open_run(folder).parts[0] for folder in two))
    gain = Interval(0.25, 0.125, 0.375, 0.95, 12)
    assert found.how == UNPAIRED and found.gain == unpaired_interval(gain, gain)


def test_a_study_that_chose_no_patch_gains_nothing(two):
    path = two[1] / "sw-ar" / "copa" / "selection.parquet"
    selection = pd.read_parquet(path)
    for name in ("layer", "site", "intervention", "strength"):
        selection[name] = selection[name].astype(object).where(~selection.headline, None)
    for name in ("gain", "gain_low", "gain_high"):
        selection.loc[selection.headline, name] = 0.0
    selection.astype({"layer": "Int64", "strength": "Float64"}).to_parquet(path)
    found = difference(*(open_run(folder).parts[0] for folder in two))
    assert found.how == PAIRED and found.gain == mean_interval(-gains(folders.after))
    written(two)


def test_both_maps_and_a_row_for_each_study_in_both(two):
    root = written(two)
    assert root.all("h1")[0].text == "Two runs: before and after"
    assert [len(heat.all("tbody")[0].all("tr")) for heat in root.all("table", class_="heat")] == [2, 2]
    stars = root.all("td", class_="best")
    assert [star.attributes["data-part"] for star in stars] == ["0", "1", "2", "3"]
    assert [part["title"] for part in details(root)][::3] == ["before: sw-ar · copa", "after: th-en · copa"]
    first, second = root.all("table", class_="differences")[0].all("tbody")[0].all("tr")
    found = difference(*(open_run(folder).parts[0] for folder in two)).gain
    cells = [cell.text for cell in first.all("td")]
    assert cells[1:3] == ["+0.250 [0.125, 0.375]"] * 2
    assert number(cells[3]) == pytest.approx(found.estimate, abs=0.0005)
    ends = [number(end) for end in cells[4].split(",")]
    assert ends == pytest.approx([found.low, found.high], abs=0.00051) and cells[-1] == "paired"
    assert second.all("td")[3].text == "0.000" and second.all("td")[4].text == "no item differs"


def test_studies_in_one_run_alone_are_counted(two, tmp_path):
    folders.several(tmp_path / "less", PAIRS[:1], layers=4)
    assert "1 study is in one run alone" in written((two[0], tmp_path / "less")).text
    folders.several(tmp_path / "none", [("qu", "et")], layers=4)
    root = written((two[0], tmp_path / "none"))
    assert "No pair and task has a verdict in both runs" in root.text
    assert len(root.all("table", class_="heat")) == 2


def test_the_page_has_a_name_of_its_own(two, tmp_path):
    assert write_report(two[0], other=two[1]) == two[0] / "report-with-after.html"
    folders.study(tmp_path / "deep" / "before")
    assert written((two[0], tmp_path / "deep" / "before")).all("h1")[0].text.endswith("and deep/before")
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(InputError, match=r"mine\.html already exists"):
        write_report(two[0], tmp_path / "mine.html", other=two[1])


def test_a_run_without_verdicts_is_one_clear_line(two, tmp_path):
    folders.study(tmp_path / "open")
    (tmp_path / "open" / "selection.parquet").unlink()
    with pytest.raises(InputError, match="open has no verdicts: two runs are compared by their gains"):
        write_report(two[0], other=tmp_path / "open")
    assert not (two[0] / "report-with-open.html").exists()


def test_in_a_browser_the_maps_stand_side_by_side(browser, two):
    page = Page(browser, write_report(two[0], other=two[1]).as_uri(), 1400)
    tops, lefts = (
        page.evaluate(
            f"[...document.querySelectorAll('table.heat')].map((t) => t.getBoundingClientRect().{side})"
        )
        for side in ("top", "left")
    )
    assert tops[0] == tops[1] < 300 and lefts[0] < lefts[1]
    page.click("td.best[data-part='2']")
    assert page.evaluate("document.querySelector('#detail h2').textContent").startswith("Layer ")
    assert "after: sw-ar" in page.evaluate("document.querySelector('#detail h2').textContent")
    assert page.complaints == [] and page.requests == []
    page = Page(browser, page.url, 390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390

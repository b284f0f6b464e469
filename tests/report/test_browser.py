"""The page in a real browser: no error, no request, and what is pointed at or opened is shown."""

import pandas as pd
import pytest
from report import folders
from report.browser import Page

from workbench.report import write_report

EVIL = "</script><script>document.title='run'</script><img src=x onerror=document.title='run'>"
WIDTHS = (1280, 768, 390)


@pytest.fixture(scope="module")
def address(alone, tmp_path_factory):
    return write_report(alone[0], tmp_path_factory.mktemp("page") / "report.html").as_uri()


@pytest.fixture(scope="module")
def best(alone):
    selection = alone[1]["selection"]
    return selection[selection.headline].iloc[0]


def shown(page, selector):
    return page.evaluate(f"document.querySelector('{selector}').checkVisibility()")


def words(page, selector):
    return page.evaluate(f"document.querySelector('{selector}').textContent")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_loads_without_errors_or_requests_and_never_scrolls_sideways(browser, address, width, dark):
    page = Page(browser, address, width, dark=dark)
    assert page.complaints == [] and page.requests == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    luminous = page.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.slice(4))")
    assert (luminous < 60) == dark


def test_an_error_and_a_request_would_be_seen(browser, tmp_path):
    # The test above must be able to fail.
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><img src='x.png'><script>undefinedName()</script>")
    page = Page(browser, bad.as_uri())
    assert any("undefinedName" in str(one) for one in page.complaints)
    assert [url.rpartition("/")[2] for url in page.requests] == ["x.png"]


def test_pointing_at_a_cell_shows_its_numbers(browser, address, alone, best):
    page = Page(browser, address)
    assert not shown(page, "#tip")
    page.hover("td.best")
    tip = words(page, "#tip")
    grid = alone[1]["exploration"]
    cell = grid[(grid.layer == best.layer) & (grid.aligner == "ridge") & (grid.strength == best.strength)]
    gain = cell[cell.intervention == best.intervention].gain.iloc[0]
    assert shown(page, "#tip") and f"gain on dev: +{gain:.3f}" in tip and f"layer {best.layer}: ridge" in tip
    assert "gain on test +.25" in tip
    page.press("Escape")
    assert not shown(page, "#tip")


def test_a_click_opens_the_detail_of_the_layer(browser, address, alone, best):
    page = Page(browser, address)
    assert not shown(page, "#detail-0")
    page.click("td.best")
    assert shown(page, "#detail-0") and words(page, "#detail-0 h4").startswith(f"Layer {best.layer} ·")
    rows = page.evaluate("document.querySelector('#detail-0 table').tBodies[0].rows.length")
    assert rows == (alone[1]["exploration"].layer == best.layer).sum()
    assert words(page, "#detail-0 tr.here").startswith("ridge")
    fit = alone[1]["fit"]
    here = fit[(fit.layer == best.layer) & (fit.aligner == "ridge")].r2.iloc[0]
    assert f"{here:.3f}".replace("-", "−") in words(page, "#detail-0")
    assert page.evaluate("location.hash") == f"#part=0&layer={best.layer}"
    page.click("#detail-0 button")
    assert not shown(page, "#detail-0")
    assert page.complaints == [] and page.requests == []


def test_other_methods_are_drawn_each_in_the_colour_of_its_kind(browser, address, alone):
    page = Page(browser, address)
    marks = page.evaluate(
        "[...document.querySelectorAll('.forest svg.curve .est:not(.control)')].map((mark) => {"
        "const look = getComputedStyle(mark); return [look.fill, look.stroke]; })"
    )
    table = alone[1]["comparison"]
    ran = table[table.gain.notna() & (table.method != "direct")]
    assert len(marks) == len(ran) and len({stroke for _, stroke in marks}) == 3
    hollow = (ran.verdict == "undecided").sum()
    assert sum(fill == "rgb(255, 255, 255)" for fill, _ in marks) == hollow > 0
    names = page.evaluate(
        "[...document.querySelectorAll('.forest svg.curve text.name')]"
        ".map((name) => [name.getBBox().x, name.textContent])"
    )
    assert min(x for x, _ in names) >= 0 and len(names) == len(ran), "no name leaves the picture"


def test_the_keyboard_does_the_same(browser, address):
    page = Page(browser, address)
    stops = "document.querySelectorAll('table.heat td[tabindex=\"0\"]').length"
    assert page.evaluate(stops) == 1, "one stop for the tab key"
    page.evaluate("document.querySelector('table.heat tbody td').focus()")
    page.press("ArrowRight")
    page.press("ArrowDown")
    place = page.evaluate("[document.activeElement.cellIndex, document.activeElement.parentNode.rowIndex]")
    assert place == [2, 3] and page.evaluate(stops) == 1
    assert "layer 1: ridge, add mapped" in page.evaluate("document.activeElement.ariaLabel")
    assert shown(page, "#tip")
    page.press("Enter")
    assert words(page, "#detail-0 h4").startswith("Layer 1 ·")
    assert page.evaluate("document.activeElement.tagName") == "H4"


def test_an_address_with_a_layer_opens_it(browser, address):
    page = Page(browser, f"{address}#layer=2")
    assert words(page, "#detail-0 h4").startswith("Layer 2 ·") and shown(page, "#detail-0")
    for wrong in ("#layer=99", "#part=7&layer=0", "#layer=constructor"):
        page = Page(browser, address + wrong)
        assert not shown(page, "#detail-0") and page.complaints == []


def test_right_to_left_text_stands_right(browser, address):
    page = Page(browser, address)
    directions = page.evaluate(
        "[...document.querySelectorAll('.item .prompt')].slice(0, 2)"
        ".map((p) => [p.lang, getComputedStyle(p).direction, getComputedStyle(p).textAlign])"
    )
    assert directions == [["sw", "ltr", "start"], ["ar", "rtl", "start"]]
    lists = page.evaluate("[...document.querySelectorAll('.item ol')].slice(0, 2).map((o) => o.dir)")
    assert lists == ["ltr", "rtl"], "numbers and choices stand right too"


def test_text_from_data_is_never_run(browser, tmp_path):
    folders.study(tmp_path, model=EVIL, task=EVIL, text=EVIL)
    folders.compared(tmp_path, task=EVIL, title=EVIL, method=EVIL, note=EVIL)
    page = Page(browser, f"{write_report(tmp_path).as_uri()}#layer=0")
    assert page.evaluate("document.title") != "run"
    assert page.evaluate("document.images.length") == 0
    assert EVIL in words(page, "#detail-0 h4") and EVIL in words(page, ".item .prompt")
    assert EVIL in words(page, ".forest svg.curve") and EVIL in words(page, "table.compared")
    assert page.complaints == [] and page.requests == []


def test_no_column_of_a_wide_study_is_lost(browser, tmp_path):
    folders.several(tmp_path, [("sw", "ar"), ("th", "en")], layers=32)
    address = write_report(tmp_path).as_uri()
    page = Page(browser, address)
    fits = "[...document.querySelectorAll('.heatmap .scroll')].map((s) => s.scrollWidth - s.clientWidth)"
    assert page.evaluate(fits) == [0, 0, 0], "32 layers fit on a laptop"
    page = Page(browser, address, 390)
    assert min(page.evaluate(fits)) > 0, "on a phone they scroll in their own box"
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_it_prints_on_paper(browser, address, tmp_path):
    folders.study(tmp_path, layers=32)
    for one in (address, write_report(tmp_path).as_uri()):
        page = Page(browser, one, 688)  # A4 less its margins, at 96 dots per inch
        page.call("Emulation.setEmulatedMedia", media="print")
        assert page.evaluate("document.documentElement.scrollWidth") == 688, "nothing is cut off"
    assert not shown(page, "nav") and shown(page, "table.heat")
    assert page.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"].startswith("JVBERi0")


def test_the_real_report_loads_too(browser, real):
    page = Page(browser, write_report(real[0]).as_uri() + "#layer=1")
    grid = pd.read_parquet(real[0] / "exploration.parquet")
    rows = page.evaluate("document.querySelector('#detail-0 table').tBodies[0].rows.length")
    assert rows == (grid.layer == 1).sum()
    assert page.complaints == [] and page.requests == []

"""The page in a real browser: no error, no request, and what is pointed at or opened is shown."""

import json

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
    assert "chosen on dev" in tip
    page.press("Escape")
    assert not shown(page, "#tip")


def box(page, selector):
    """Left, top, right and bottom on the screen."""
    return page.evaluate(
        f"(({{left, top, right, bottom}}) => [left, top, right, bottom])"
        f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
    )


def test_a_click_opens_the_detail_of_the_layer_beside_the_map(browser, address, alone, best):
    page = Page(browser, address)
    assert not shown(page, "#detail")
    page.click("td.best")
    assert shown(page, "#detail") and words(page, "#detail h2").startswith(f"Layer {best.layer} ·")
    left, top, _, _ = box(page, "#detail")
    _, _, cell_right, cell_top = box(page, "td.best")
    assert cell_right < left and top <= cell_top < 900, "both are in view, side by side"
    rows = page.evaluate("document.querySelector('#detail table').tBodies[0].rows.length")
    assert rows == (alone[1]["exploration"].layer == best.layer).sum()
    assert words(page, "#detail tr.here").startswith("ridge")
    assert "gain on dev" in words(page, "#detail dl")
    fit = alone[1]["fit"]
    here = fit[(fit.layer == best.layer) & (fit.aligner == "ridge")].r2.iloc[0]
    assert f"{here:.3f}".replace("-", "−") in words(page, "#detail")
    row = page.evaluate("document.querySelector('td.best').dataset.row")
    assert page.evaluate("location.hash") == f"#part=0&layer={best.layer}&row={row}"
    page.click("#detail button")
    assert not shown(page, "#detail")
    assert page.evaluate("document.activeElement.dataset.layer") == str(best.layer), "back in its cell"
    assert page.complaints == [] and page.requests == []


def test_on_a_phone_the_detail_lies_below_the_cell(browser, address):
    page = Page(browser, address, 390, 844, touch=True)
    page.evaluate("document.querySelector('td.best').click()")
    _, top, _, bottom = box(page, "#detail")
    _, _, _, cell_bottom = box(page, "td.best")
    assert 0 < cell_bottom <= top and bottom == 844


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
    stops = "document.querySelectorAll('table.heat')[1].querySelectorAll('td[tabindex=\"0\"]').length"
    assert page.evaluate(stops) == 1, "one stop for the tab key"
    page.evaluate("document.querySelectorAll('table.heat')[1].querySelector('tbody td').focus()")
    page.press("ArrowRight")
    page.press("ArrowDown")
    place = page.evaluate("[document.activeElement.cellIndex, document.activeElement.parentNode.rowIndex]")
    assert place == [2, 3] and page.evaluate(stops) == 1
    assert "layer 1: ridge, add mapped" in page.evaluate("document.activeElement.ariaLabel")
    assert shown(page, "#tip")
    page.press("Enter")
    assert words(page, "#detail h2").startswith("Layer 1 ·")
    assert page.evaluate("document.activeElement.tagName") == "H2"
    page.press("Escape")
    assert not shown(page, "#detail")
    place = page.evaluate("[document.activeElement.cellIndex, document.activeElement.parentNode.rowIndex]")
    assert place == [2, 3], "back where it was opened"


def test_an_address_with_a_layer_opens_it(browser, address):
    page = Page(browser, f"{address}#layer=2")
    assert words(page, "#detail h2").startswith("Layer 2 ·") and shown(page, "#detail")
    for wrong in ("#layer=99", "#part=7&layer=0", "#layer=constructor", "#layer=1&row=x]", "#%22"):
        page = Page(browser, address + wrong)
        assert not shown(page, "#detail") and page.complaints == []


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    """Ten studies of eight layers, each with a hundred test items."""
    folder = tmp_path_factory.mktemp("ten") / "run"
    codes = ("sw", "th", "ta", "hi", "qu", "ht", "et", "sr", "vi", "eu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "ITEMS", 100)
        folders.several(folder, [(code, "en") for code in codes], layers=8)
    return write_report(folder).as_uri()


def tall(page):
    return page.evaluate("document.documentElement.scrollHeight")


@pytest.mark.parametrize(("width", "top", "height"), [(1400, 200, 3000), (390, 330, 6500)])
def test_the_map_of_ten_studies_stands_under_the_title(browser, ten, width, top, height):
    page = Page(browser, ten, width, 844)
    assert box(page, "table.heat")[1] <= top and tall(page) <= height
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_single_study_is_short(browser, address):
    page = Page(browser, address, 1400)
    assert box(page, "table.heat")[1] <= 200 and tall(page) <= 2500


def test_on_a_phone_all_layers_of_the_map_are_in_view_and_readable(browser, ten):
    page = Page(browser, ten, 390, 844, touch=True)
    cells = page.evaluate(
        "[...document.querySelector('table.heat tbody tr').cells].slice(0, 9).map((cell) => "
        "[cell.getBoundingClientRect().right, cell.scrollWidth <= cell.clientWidth + 1,"
        " parseFloat(getComputedStyle(cell).fontSize)])"
    )
    assert max(right for right, _, _ in cells) <= 390 and all(fits for _, fits, _ in cells)
    assert min(size for _, _, size in cells) >= 10
    assert shown(page, ".phone .badge"), "the verdict stands at the name, as its column lies outside"


def visible_study(page):
    return page.evaluate(
        "[...document.querySelectorAll('section.study')].filter((s) => s.checkVisibility())"
        ".map((s) => s.dataset.study)"
    )


def test_one_study_is_shown_at_a_time_and_the_address_keeps_it(browser, ten):
    page = Page(browser, ten, 1400)
    assert visible_study(page) == ["0"]
    page.click("table.heat tbody tr:nth-child(3) a")
    page.wait("location.hash === '#part-2'")
    page.wait("document.querySelector('[data-study=\"2\"]').checkVisibility()")
    assert visible_study(page) == ["2"]
    assert page.evaluate("document.querySelector('[aria-current]').closest('tr').rowIndex") == 4
    page.evaluate(
        "(() => { const s = document.querySelector('.shown select.study'); s.focus(); s.value = '5';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    assert visible_study(page) == ["5"] and page.evaluate("location.hash") == "#part-5"
    assert page.evaluate("document.activeElement.value") == "5", "the choice stays at hand"
    page.evaluate("document.querySelector('td.best[data-part=\"7\"]').click()")
    assert visible_study(page) == ["7"] and shown(page, "#detail")
    for state in (["5"], ["2"], ["0"]):
        page.evaluate("history.back()")
        page.wait(f"document.querySelector('[data-study=\"{state[0]}\"]').checkVisibility()")
        assert visible_study(page) == state and not shown(page, "#detail")
    assert page.complaints == []
    assert visible_study(Page(browser, f"{ten}#part-4")) == ["4"]


def test_a_link_opens_what_is_closed(browser, address):
    page = Page(browser, address)
    assert not page.evaluate("document.querySelector('#settings').closest('details').open")
    page.click("nav a[href='#settings']")
    page.wait("document.querySelector('#settings').closest('details').open")


def rows_of_items(page):
    return page.evaluate(
        "[...document.querySelector('.shown .items, .items').tBodies[0].rows].filter((r) => !r.hidden)"
        ".map((r) => [r.cells[0].textContent, r.cells[1].textContent])"
    )


def test_items_can_be_sorted_and_filtered(browser, address):
    page = Page(browser, address)
    every = rows_of_items(page)
    names = [int(name[1:]) for name, _ in every]
    assert names == sorted(names, reverse=True) and len({kind for _, kind in every}) == 2
    page.click(".items thead th button")
    assert [int(name[1:]) for name, _ in rows_of_items(page)] == sorted(names)
    assert page.evaluate("document.querySelector('.items thead th').ariaSort") == "ascending"
    page.click(".items thead th button")
    assert [int(name[1:]) for name, _ in rows_of_items(page)] == sorted(names, reverse=True)
    page.evaluate(
        "(() => { const s = document.querySelector('.tools select'); s.value = 'became wrong';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    wrong = [one for one in every if one[1] == "became wrong"]
    assert rows_of_items(page) == wrong
    assert words(page, ".tools [role=status]") == f"{len(wrong)} of {len(every)} items"
    page.evaluate(
        "(() => { document.querySelector('.tools select').value = 'all';"
        "const s = document.querySelector('.tools input'); s.value = 'SWALI 7?';"
        "s.dispatchEvent(new Event('input')); })()"
    )
    assert [name for name, _ in rows_of_items(page)] == ["e7"]


def test_without_scripts_everything_can_be_read(browser, ten, tmp_path):
    page = Page(browser, ten, 1400, scripts=False)
    document = page.call("DOM.getDocument")["root"]["nodeId"]

    def boxes(selector):
        found = page.call("DOM.querySelectorAll", nodeId=document, selector=selector)["nodeIds"]
        return [page.call("DOM.getBoxModel", nodeId=node)["model"]["height"] for node in found]

    assert len(boxes("section.study")) == 10 and min(boxes("section.study")) > 500
    assert len(boxes("section.study table.heat")) == 10


def test_right_to_left_text_stands_right(browser, address):
    page = Page(browser, address)
    page.evaluate("document.querySelector('.items details').open = true")
    directions = page.evaluate(
        "[...document.querySelectorAll('.items .prompt')].slice(0, 2)"
        ".map((p) => [p.lang, getComputedStyle(p).direction, getComputedStyle(p).textAlign])"
    )
    assert directions == [["sw", "ltr", "start"], ["ar", "rtl", "start"]]
    lists = page.evaluate("[...document.querySelectorAll('.items ol')].slice(0, 2).map((o) => o.dir)")
    assert lists == ["ltr", "rtl"], "numbers and choices stand right too"


def test_text_from_data_is_never_run(browser, tmp_path):
    folders.study(tmp_path, model=EVIL, task=EVIL, text=EVIL)
    folders.compared(tmp_path, task=EVIL, title=EVIL, method=EVIL, note=EVIL)
    page = Page(browser, f"{write_report(tmp_path).as_uri()}#layer=0")
    assert page.evaluate("document.title") != "run"
    assert page.evaluate("document.images.length") == 0
    assert EVIL in words(page, "#detail h2") and EVIL in words(page, ".items .prompt")
    assert EVIL in words(page, ".forest svg.curve") and EVIL in words(page, "table.compared")
    assert page.complaints == [] and page.requests == []


def test_no_layer_of_a_wide_study_is_lost(browser, tmp_path):
    folders.several(tmp_path, [("sw", "ar"), ("th", "en")], layers=32)
    address = write_report(tmp_path).as_uri()
    page = Page(browser, address, 1400)
    fits = "[...document.querySelectorAll('.heatmap .scroll')].map((s) => s.scrollWidth - s.clientWidth)"
    assert page.evaluate(fits) == [0, 0, 0], "32 layers and the columns beside them fit on a desktop"
    page = Page(browser, address, 390)
    assert page.evaluate(fits)[0] > 0, "on a phone they scroll in their own box"
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_it_prints_on_paper_with_everything_open(browser, address, ten, tmp_path):
    folders.study(tmp_path, layers=32)
    for one in (address, write_report(tmp_path).as_uri(), ten):
        page = Page(browser, one, 688)  # A4 less its margins, at 96 dots per inch
        page.call("Emulation.setEmulatedMedia", media="print")
        assert page.evaluate("document.documentElement.scrollWidth") == 688, "nothing is cut off"
        hidden = (
            "[...document.querySelectorAll('main table, main svg.curve')].filter((e) => !e.checkVisibility())"
        )
        assert page.evaluate(f"{hidden}.length") == 0, "all studies, and what is closed on the screen"
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert not page.evaluate("document.querySelectorAll('details:not([open])').length"), "of any browser"
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert not page.evaluate("document.querySelectorAll('details[open]').length")
    assert not shown(page, "nav") and shown(page, "table.heat")
    assert page.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"].startswith("JVBERi0")


def test_the_real_report_loads_too(browser, real):
    page = Page(browser, write_report(real[0]).as_uri() + "#layer=1")
    grid = pd.read_parquet(real[0] / "exploration.parquet")
    rows = page.evaluate("document.querySelector('#detail table').tBodies[0].rows.length")
    assert rows == (grid.layer == 1).sum()
    assert page.complaints == [] and page.requests == []

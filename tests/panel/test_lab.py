"""The panel in a real JupyterLab in a headless Chromium: clicked and chosen with the mouse, as people do."""

import os
from pathlib import Path

import pytest
from panel import lab
from report.browser import Page

SHOTS = os.environ.get("WORKBENCH_SHOTS")
"""A folder for pictures of the panel, for people to look at."""
_MAP, _ITEM = (f"document.querySelectorAll('.wb-panel .js-plotly-plot')[{number}]" for number in (0, 1))
_LATER = "[...document.querySelectorAll('.wb-panel .js-plotly-plot')].at(-1)"
"""The figure of a tab other than the first."""
_TEXT = "document.querySelector('.wb-panel').innerText"


@pytest.fixture(scope="module")
def page(browser, run, tmp_path_factory):
    """A notebook whose one cell builds the panel, run in the browser."""
    if gone := lab.missing():
        pytest.skip(f"not installed: {', '.join(gone)}: the panel is not tried in JupyterLab")
    place = tmp_path_factory.mktemp("lab")
    (place / "work").mkdir()
    (place / "home").mkdir()
    cell = f"import workbench as wb\npanel = wb.open_run({str(run)!r}).explore()\npanel"
    lab.notebook(place / "work" / "panel.ipynb", cell)
    server = lab.Lab(place / "work", place / "home")
    try:
        page = Page(browser, server.url("panel.ipynb"), width=1400, height=1500)
        page.wait("window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell')")
        page.wait("jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
        page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells').then(() => 1)")
        page.wait(f"{_MAP}?.data?.length")
        yield page
    finally:
        server.close()


def shot(page, name):
    if SHOTS:
        page.screenshot(Path(SHOTS) / name, whole=False)


def spot(page, figure, x, y, axis=""):
    """The place on the page of a figure's x and y."""
    return page.evaluate(
        f"(() => {{ const g = {figure}; g.scrollIntoView({{block: 'center'}});"
        f"const b = g.getBoundingClientRect(), l = g._fullLayout, x = l.xaxis, y = l.yaxis{axis};"
        f"return [b.left + x._offset + x.l2p({x}), b.top + y._offset + y.l2p({y})]; }})()"
    )


def tab(page, name):
    """Open a tab by its name."""
    page.click_at(
        *page.evaluate(
            "(() => { const tabs = [...document.querySelectorAll('.wb-panel .lm-TabBar-tab')];"
            f"const e = tabs.find((one) => one.textContent === {name!r});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
    )


def choose(page, name, text):
    """Pick an entry of a dropdown by its text, as the browser tells of it."""
    page.evaluate(
        "(() => { const boxes = [...document.querySelectorAll('.wb-panel .widget-dropdown')];"
        f"const box = boxes.find((b) => b.querySelector('label').textContent === {name!r});"
        "const s = box.querySelector('select');"
        # Spaces in the entries of a widget are such as do not break.
        f"s.selectedIndex = [...s.options].findIndex((o) => o.textContent.replace(/\\s/g, ' ') === {text!r});"
        "s.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def complaints(page):
    """What the console says that is worse than a remark."""
    return [
        one
        for one in page.complaints
        if one.get("type") in ("error", "assert")
        or one.get("entry", {}).get("level") == "error"
        or "exceptionDetails" in one
    ]


def row_of(page, name):
    """The place of a method on the map."""
    return page.evaluate(f"{_MAP}.layout.yaxis.ticktext.indexOf({name!r})")


def test_the_map_chooses_and_its_curves_share_its_axis(page):
    assert "helps: the sentence of hi-en" in page.evaluate(_TEXT)
    choose(page, "pair, task", "sw-ar · copa")
    page.wait(f"{_TEXT}.includes('helps: the sentence of sw-ar')")
    page.wait(f"{_MAP}.layout.title.text.includes('sw-ar · copa')")
    shot(page, "pair.png")
    assert page.evaluate(f"new Set({_MAP}.data.map((one) => one.xaxis)).size") == 1
    assert page.evaluate("document.querySelectorAll('.wb-panel .modebar-btn').length") == 0

    row = row_of(page, "ridge, add mapped, α = 1")
    page.click_at(*spot(page, _MAP, 4, row))
    page.wait(f"{_TEXT}.includes('Layer 4: ridge, add mapped, α = 1')")
    framed = f"{_MAP}.layout.shapes.find((one) => one.name === 'cell')"
    assert page.evaluate(f"[{framed}.x0, {framed}.y0]") == [3.5, row - 0.5]
    # Of the gains, another strength's curve; of the measure, the layer alone.
    faint = f"{_MAP}.data.find((one) => one.name === '0.25')"
    page.click_at(*spot(page, _MAP, 2, page.evaluate(f"{faint}.y[2]"), axis="2"))
    page.wait(f"{_TEXT}.includes('Layer 2: ridge, add mapped, α = 0.25')")
    page.click_at(*spot(page, _MAP, 1, page.evaluate(f"{_MAP}.data.at(-1).y[2]"), axis="3"))
    page.wait(f"{_TEXT}.includes('Layer 1: ridge, add mapped, α = 0.25')")
    choose(page, "measure", "retrieval")
    page.wait(f"{_MAP}.layout.annotations.some((one) => one.text.startsWith('retrieval between'))")
    shot(page, "map.png")


def test_a_layer_opens_its_items_and_an_item_its_layers(page):
    # On dev, item i becomes right at layer 1 if i > 1, and none but the first was right before.
    page.wait(f"{_TEXT}.includes('Of 12 dev items, exploratory: 10 became right, 0 wrong')")
    page.click("button[data-entry='dev:e3']")
    page.wait(f"{_ITEM}?.layout?.title.text.includes('Item e3 at every layer')")
    page.wait(f"{_TEXT}.includes('becomes right at layer 1')")
    assert page.evaluate("document.querySelector('[data-entry=\"dev:e3\"]').ariaPressed") == "true"
    shot(page, "item.png")
    page.click_at(*spot(page, _ITEM, 5, row_of(page, "ridge, replace, α = 1")))
    page.wait(f"{_TEXT}.includes('Layer 5: ridge, replace')")
    page.wait(f"{_TEXT}.includes('stays wrong at layer 5')")
    assert complaints(page) == []


def test_a_point_of_the_plane_opens_its_sentence(page):
    tab(page, "Sentences")
    page.wait(f"{_LATER}.layout.title.text.includes('Layer 5 before and after')")
    cloud = f"{_LATER}.data.find((one) => one.name === 'ar')"
    x, y = page.evaluate(f"[{cloud}.x[2], {cloud}.y[2]]")
    assert page.evaluate(f"{cloud}.hovertext[2]").endswith("ar 2"), "pointing at it shows the sentence"
    page.click_at(*spot(page, _LATER, x, y))
    page.wait(f"{_TEXT}.includes('Sentence 2')")
    assert "sw 2" in page.evaluate(_TEXT) and "ar 2" in page.evaluate(_TEXT)
    shot(page, "sentence.png")
    tab(page, "Measures")
    page.wait(f"{_LATER}.layout.title.text.includes('Layer 5 with every layer')")
    row = page.evaluate(f"[...{_LATER}.data.find((t) => t.name === 'sw 5 with ar').y]")
    assert row == pytest.approx([0.5 + 0.01 * j for j in range(6)])
    assert complaints(page) == []


def test_text_of_data_is_never_run(page):
    tab(page, "Items")
    page.wait("document.querySelector('.wb-panel .prompt[lang=ar]')")
    assert "<img src=x onerror" in page.evaluate(_TEXT)
    assert page.evaluate("document.title") != "run"
    assert page.evaluate("document.querySelectorAll('.wb-panel img[src=x]').length") == 0
    way = "getComputedStyle(document.querySelector('.wb-panel .prompt[lang=ar]')).direction"
    assert page.evaluate(way) == "rtl"

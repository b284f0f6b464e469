"""The panel in a real JupyterLab in a headless Chromium: clicked and chosen with the mouse, as people do."""

import os
from pathlib import Path

import pytest
from panel import lab
from report.browser import Page

SHOTS = os.environ.get("WORKBENCH_SHOTS")
"""A folder for pictures of the panel, for people to look at."""
_FIGURE = "document.querySelectorAll('.wb-panel .js-plotly-plot')"
_TEXT = "document.querySelector('.wb-panel').innerText"


@pytest.fixture(scope="module")
def page(browser, run, tmp_path_factory):
    """A notebook whose one cell builds the panel, run in the browser."""
    if gone := lab.missing():
        pytest.skip(f"not installed: {', '.join(gone)}: the panel is not tried in JupyterLab")
    place = tmp_path_factory.mktemp("lab")
    (place / "work").mkdir()
    (place / "home").mkdir()
    cell = f"from workbench.panel import explore\npanel = explore({str(run)!r})\npanel"
    lab.notebook(place / "work" / "panel.ipynb", cell)
    server = lab.Lab(place / "work", place / "home")
    try:
        page = Page(browser, server.url("panel.ipynb"), width=1400, height=1500)
        page.wait("window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell')")
        page.wait("jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
        page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells').then(() => 1)")
        page.wait(f"{_FIGURE}.length >= 2 && [...{_FIGURE}].every((g) => g.data && g.data.length)")
        yield page
    finally:
        server.close()


def shot(page, name):
    if SHOTS:
        page.screenshot(Path(SHOTS) / name, whole=False)


def cell(page, figure, column, row):
    """The place on the page of a figure's x and y."""
    return page.evaluate(
        f"(() => {{ const g = {_FIGURE}[{figure}]; g.scrollIntoView({{block: 'center'}});"
        "const b = g.getBoundingClientRect(), l = g._fullLayout, x = l.xaxis, y = l.yaxis;"
        f"return [b.left + x._offset + x.l2p({column}), b.top + y._offset + y.l2p({row})]; }})()"
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


def test_the_panel_follows_the_mouse(page):
    assert "helps: the sentence of hi-en" in page.evaluate(_TEXT)
    choose(page, "pair, task", "sw-ar · copa")
    page.wait(f"{_TEXT}.includes('helps: the sentence of sw-ar')")
    # The other pair has a grid and a plane: two figures more.
    page.wait(f"{_FIGURE}.length === 4 && [...{_FIGURE}].every((g) => g.data && g.data.length)")
    page.wait(f"{_FIGURE}[0].layout.title.text.includes('sw-ar · copa')")
    shot(page, "pair.png")

    page.click_at(*cell(page, 0, 4, 1))
    page.wait(f"{_TEXT}.includes('Layer 4: ridge, add mapped, α = 0.25')")
    # On dev, item i becomes right at layer 4 if i > 4, and none but the first was right before.
    page.wait(f"{_TEXT}.includes('Of 12 dev items, exploratory: 7 became right, 0 wrong')")
    page.wait(f"{_FIGURE}[2].layout.title.text.includes('Layer 4 with every layer')")
    row = page.evaluate(f"[...{_FIGURE}[2].data.find((t) => t.name === 'sw 4 with ar').y]")
    assert row == pytest.approx([0.4 + 0.01 * j for j in range(6)])
    page.wait(f"{_FIGURE}[3].layout.title.text.includes('Layer 4 before and after')")
    frame = page.evaluate(f"{_FIGURE}[0].layout.shapes.filter((s) => s.name === 'here').map((s) => s.x0)")
    assert frame == [3.5]
    shot(page, "layer.png")

    page.click_at(*cell(page, 1, 1, page.evaluate(f"{_FIGURE}[1].data.at(-1).y[2]")))
    page.wait(f"{_TEXT}.includes('Layer 1: ridge, add mapped, α = 0.25')")
    choose(page, "aligner", "mean shift")
    page.wait(f"{_FIGURE}[0].layout.title.text.includes('mean shift: gain on dev')")
    choose(page, "measure", "retrieval")
    page.wait(f"{_FIGURE}[1].layout.title.text.includes('retrieval between the languages')")
    shot(page, "aligner.png")

    assert complaints(page) == []


def test_text_of_data_is_never_run(page):
    choose(page, "aligner", "ridge")
    page.wait("document.querySelector('.wb-panel .prompt[lang=ar]')")
    assert "<img src=x onerror" in page.evaluate(_TEXT)
    assert page.evaluate("document.title") != "run"
    assert page.evaluate("document.querySelectorAll('.wb-panel img[src=x]').length") == 0
    way = "getComputedStyle(document.querySelector('.wb-panel .prompt[lang=ar]')).direction"
    assert page.evaluate(way) == "rtl"

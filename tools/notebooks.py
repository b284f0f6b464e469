"""Executes notebooks in their place and keeps what belongs into the repository.

    python tools/notebooks.py notebooks/01-first-look.ipynb

Widgets live only with a kernel: their state is left out, and what they say as HTML and text stays. An
interactive figure becomes a picture of itself, drawn by a headless Chromium, so that pages that run nothing
show it; who runs the notebook gets the interactive one.
"""

import base64
import io
import json
import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from report.browser import Browser, Page

WIDGET = "application/vnd.jupyter.widget-view+json"
FIGURE = "application/vnd.plotly.v1+json"
WIDTH, SCALE, COLOURS = 860, 1.5, 256
"""Of a picture: its width on the page, dots for each of its dots, colours."""


def execute(path: Path) -> None:
    """Run all cells in order, and write the notebook with its results but neither times nor widgets."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=900, record_timing=False, resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not _is_named_only(output)]
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for output in outputs:
        output.get("data", {}).pop(WIDGET, None)
    drawn = [output for output in outputs if FIGURE in output.get("data", {})]
    if drawn:
        for output, png in zip(drawn, pictures([output["data"][FIGURE] for output in drawn]), strict=True):
            output["data"] = {"image/png": base64.b64encode(png).decode(), "text/plain": "<Figure>"}
            output["metadata"] = {"image/png": {"width": WIDTH}}
    nbformat.write(notebook, path)


def _is_named_only(output: dict) -> bool:
    """Whether it is the name of a drawing, such as <Axes: …>, beside its picture."""
    data = output.get("data", {})
    return set(data) == {"text/plain"} and data["text/plain"].startswith(("<Axes", "<matplotlib"))


def pictures(figures: list[dict]) -> list[bytes]:
    """Interactive figures as PNG."""
    code = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    with TemporaryDirectory() as folder:
        html = Path(folder) / "page.html"
        html.write_text(f"<meta charset='utf-8'><script>{code}</script>", encoding="utf-8")
        browser = Browser(Path(folder) / "profile")
        try:
            page = Page(browser, html.as_uri(), width=WIDTH)
            return [_picture(page, figure) for figure in figures]
        finally:
            browser.close()


def _picture(page: Page, figure: dict) -> bytes:
    height = figure["layout"].get("height", 450)
    size = json.dumps({"format": "png", "width": WIDTH, "height": height, "scale": SCALE})
    shown = json.dumps({"data": figure["data"], "layout": figure["layout"]})
    url = page.evaluate(f"Plotly.toImage({shown}, {size})")
    image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")
    small = io.BytesIO()
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(small, "PNG", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        execute(Path(name))
        print(name)

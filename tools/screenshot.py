"""Write a picture of a page: `python tools/screenshot.py runs/demo/report.html docs/report.png`.

A Chromium has to be installed. The picture of README.md is that of the report of `make demo`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from report.browser import Browser, Page, program


def main() -> None:
    """Open the page and write what a window of the given size shows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1200)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    if program() is None:
        raise SystemExit("no Chromium found: install one")
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile)
        page = Page(
            browser, options.page.resolve().as_uri(), options.width, options.height, dark=options.dark
        )
        page.screenshot(options.picture, whole=False)
        browser.close()


if __name__ == "__main__":
    main()

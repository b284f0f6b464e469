"""Open every page of the built documentation in a browser: `python tools/open_pages.py site`.

An error, a request to another host, a missing image or a page that scrolls sideways is a failure.
"""

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from report.browser import Browser, Page, program

MISSING = "[...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src)"
WIDE = "document.documentElement.scrollWidth > innerWidth"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and tells nobody."""

    def log_message(self, *parts: object) -> None:
        """No line for each request."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder, on this machine alone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def faults(browser: Browser, address: str, name: str) -> list[str]:
    """What is wrong with one page."""
    page = Page(browser, address + name)
    found = [str(one) for one in page.complaints]
    found += [f"asks for {url}" for url in page.requests if not url.startswith((address, "data:", "blob:"))]
    found += [f"no picture at {url}" for url in page.evaluate(MISSING)]
    found += ["scrolls sideways"] if page.evaluate(WIDE) else []
    page.close()
    return found


def main() -> None:
    """Open the pages of a folder."""
    folder = Path(sys.argv[1])
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    if program() is None:
        print("no Chromium found: the pages are not opened")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, served(folder) as address:
        browser = Browser(profile)
        wrong = [f"{name}: {fault}" for name in pages for fault in faults(browser, address, name)]
        browser.close()
    print("\n".join([*wrong, f"{len(pages)} pages opened, {len(wrong)} faults"]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

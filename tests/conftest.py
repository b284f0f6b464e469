"""What all tests share: no network, few or full counts, the real data where it is at hand."""

import os
from pathlib import Path

# Read when the Hugging Face libraries are imported, so before any test is.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Tiny models are done before a second thread has woken up.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A console takes its width from these once, when it is made; a test sets the width that it wants.
os.environ.pop("COLUMNS", None)
os.environ.pop("LINES", None)

import pytest
from counts import FULL, count
from hypothesis import settings

settings.register_profile("house", max_examples=count(25, 200), deadline=None, derandomize=True)
settings.load_profile("house")

REPO = Path(__file__).parent.parent


LONGEST = (
    "test_notebooks.py",
    "test_faults.py",
    "cli/test_diagnose_killed.py",
    "cli/test_demo.py",
    "analyses/claims/test_run.py",
    "panel/test_lab.py",
    "states/test_store.py",
    "organism/test_verdicts.py",
    "checks/test_alignment.py",
    "methods/compare/",
    "sweeps/",
)
"""Files that take long, begun first: of two processes none is left with one of them at the end."""


def _begun(item: pytest.Item) -> int:
    path = item.path.relative_to(REPO / "tests").as_posix() if REPO / "tests" in item.path.parents else ""
    return next((place for place, name in enumerate(LONGEST) if path.startswith(name)), len(LONGEST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; skip what is marked `full` unless full counts were asked for."""
    items.sort(key=_begun)
    if not FULL:
        skip = pytest.mark.skip(reason="full counts only: make test-all")
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the full counts were asked for."""
    return FULL


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora beside the repository; the test is skipped where there is none."""
    folder = REPO.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real corpora: ../shared/data does not exist")
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium; the test is skipped where there is none."""
    from report import browser as chromium

    if chromium.program() is None:
        pytest.skip(f"no browser found ({', '.join(chromium.PROGRAMS)}): the page is not tried in one")
    one = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()

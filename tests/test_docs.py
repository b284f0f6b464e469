"""The pages name what there is: every aligner, control, measure and finding, and files that exist."""

import hashlib
import json
import re
from pathlib import Path
from typing import get_args

import pytest

from workbench.align import ALIGNERS, CONTROLS
from workbench.checks.report import Kind
from workbench.measures import GEOMETRY, METRICS, MORE_METRICS

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("alignment.md", [*ALIGNERS, *CONTROLS, *METRICS, *MORE_METRICS, *GEOMETRY]),
        ("doctor.md", get_args(Kind)),
    ],
)
def test_a_page_names_everything_there_is(page, names):
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_file_named_on_the_walk_through_exists():
    named = re.findall(
        r"`((?:workbench|data)/[\w./-]+)`", (DOCS / "how-it-works.md").read_text(encoding="utf-8")
    )
    assert len(named) > 20
    assert [path for path in named if not (DOCS.parent / path).is_file()] == []


@pytest.mark.parametrize("page", ["glossary.md", "how-it-works.md"])
def test_the_introductory_pages_are_linked_from_the_readme(page):
    assert f"(docs/{page})" in (DOCS.parent / "README.md").read_text(encoding="utf-8")


def test_the_glossary_defines_each_term_once_in_order():
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| (?:<a [^>]*></a>)?\*\*(.+?)\*\*", text, flags=re.MULTILINE)
    assert 20 <= len(terms) <= 50
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("page", ["README.md", "docs/figures.md"])
def test_pictures_of_the_demo_are_those_that_the_command_beside_them_makes(page):
    path = DOCS.parent / page
    text = path.read_text(encoding="utf-8")
    shown = [(path.parent / name).resolve() for name in re.findall(r"\]\(([\w/]*demo/\w+\.png)\)", text)]
    assert shown
    for picture in shown:
        manifest = json.loads(picture.with_suffix(".json").read_text(encoding="utf-8"))
        digest = hashlib.sha256(picture.read_bytes()).hexdigest()
        assert manifest["files"][picture.name] == digest
        assert f"--only {picture.stem}" in manifest["command"]
        assert f"`workbench figures runs/demo --only {picture.stem}`" in text

"""The pages name what there is: every aligner, control, measure and finding."""

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

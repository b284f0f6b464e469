"""docs/studies is what tools/studies.py makes of the tables that lie there."""

import importlib.util
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def studies():
    spec = importlib.util.spec_from_file_location("studies", REPO / "tools" / "studies.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["studies"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["studies"]


def test_the_page_is_made_of_the_tables_beside_it(studies):
    written = studies.SHOWN / "README.md"
    if not written.exists():
        pytest.skip("no study on a real model is kept")
    assert written.read_text(encoding="utf-8") == studies.page(), "run: python tools/studies.py --page"


def test_a_command_is_what_a_user_types(studies):
    words = studies.STUDIES[0].command(Path("MODELS"), Path("DATA"), Path("RUN"))
    assert words[:2] == ["diagnose", str(Path("MODELS") / "smollm2-135m-instruct")]
    assert words[words.index("--title") + 1] == "SmolLM2 135M Instruct, Q4_1"
    assert '"SmolLM2 135M Instruct, Q4_1"' in studies.typed(studies.STUDIES[0])

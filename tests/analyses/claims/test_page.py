"""The page holds the rules that the claims themselves give, and a verdict for each of them."""

import importlib.util
from pathlib import Path

from workbench.analyses.claims import CLAIMS

REPO = Path(__file__).parents[3]


def test_the_page_is_as_the_claims_are():
    spec = importlib.util.spec_from_file_location("claims_table", REPO / "tools" / "claims_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = module.PAGE.read_text(encoding="utf-8")
    assert written == module.page(written, {module.RULES: module.rules()}), (
        "run: python tools/claims_table.py"
    )
    verdicts = written.partition(module.VERDICTS)[2].partition(module.END)[0]
    assert all(f"| `{name}` | **" in verdicts for name in CLAIMS)

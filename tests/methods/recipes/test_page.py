"""The page holds the table that the recipes themselves give."""

import importlib.util
from pathlib import Path

from workbench.methods.recipes import RECIPES

REPO = Path(__file__).parents[3]


def test_the_page_is_as_the_recipes_are():
    spec = importlib.util.spec_from_file_location("recipe_table", REPO / "tools" / "recipe_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = module.PAGE.read_text(encoding="utf-8")
    assert written == module.page(written), "run: python tools/recipe_table.py"
    assert all(f"| `{name}` |" in written for name in RECIPES)

"""Write the table of docs/recipes.md from the recipes themselves: `python tools/recipe_table.py`."""

from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"
BEGIN, END = "<!-- written by tools/recipe_table.py -->", "<!-- end of the table -->"


def table() -> str:
    """The table, as Markdown."""
    from workbench.methods.recipes import RECIPES

    heads = ("name", "formula", "reference", "faithful", "differs")
    lines = [_row(heads), _row(["---"] * len(heads))]
    for recipe in RECIPES.values():
        cells = (f"`{recipe.name}`", recipe.formula, recipe.reference, recipe.faithful, recipe.differs)
        lines.append(_row(cells))
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with the table as it should be."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def _row(cells: "list[str] | tuple[str, ...]") -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

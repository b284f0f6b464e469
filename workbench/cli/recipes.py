"""List the published interventions that are implemented as recipes.

Each entry has its reference, what is reproduced faithfully and what differs. NAME shows one in full.
"""

import argparse
from typing import TYPE_CHECKING

from workbench.cli.show import console, table

if TYPE_CHECKING:
    from workbench.methods.recipes import Recipe

HELP = "list published interventions, what is reproduced and what differs"
EXAMPLE = "workbench recipes shifcon"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="one recipe in full (default: all in short)")


def run(options: argparse.Namespace) -> int:
    """Print them."""
    from workbench.core.errors import InputError, did_you_mean
    from workbench.methods.recipes import RECIPES

    if options.name is None:
        for recipe in RECIPES.values():
            _print_short(recipe)
        console.print(f"\n{len(RECIPES)} recipes; `workbench recipes NAME` shows one in full.")
        return 0
    if options.name not in RECIPES:
        raise InputError(f"unknown recipe {options.name!r}: {did_you_mean(options.name, RECIPES)}")
    _print_whole(RECIPES[options.name])
    return 0


def _print_short(recipe: "Recipe") -> None:
    console.print(f"\n[bold]{recipe.name}[/bold]  {recipe.title}")
    rows = [
        ("  reference", recipe.reference),
        ("  faithful", recipe.faithful),
        ("  differs", recipe.differs),
    ]
    console.print(table(("", ""), rows, words=2))


def _print_whole(recipe: "Recipe") -> None:
    console.print(f"[bold]{recipe.name}[/bold]  {recipe.title}\n")
    rows = [
        ("formula", recipe.formula),
        ("reference", recipe.reference),
        ("faithful", recipe.faithful),
        ("differs", recipe.differs),
        ("learns from", _learns_from(recipe)),
        ("on dev", _searched(recipe)),
    ]
    console.print(table(("", ""), rows, words=2))


def _learns_from(recipe: "Recipe") -> str:
    sentences = (
        "which sentence is whose translation (a control breaks the pairs)"
        if "pairs" in recipe.needs
        else "sentences or items of each language; who translates whom is not used"
    )
    return sentences + ("; solved fit items of the task" if "labels" in recipe.needs else "")


def _searched(recipe: "Recipe") -> str:
    return "all configurations in one sweep" + (
        ", then further ones after what was best" if recipe.grow else ""
    )

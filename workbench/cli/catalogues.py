"""Lists of what there is: `workbench data`, `workbench recipes` and `workbench models`."""

import argparse
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich.text import Text

from workbench.cli.options import Outcome
from workbench.cli.terminal import console, errors, progress, progress_bar, table
from workbench.core.cards import size
from workbench.core.errors import InputError
from workbench.core.types import check_name
from workbench.methods.recipes import RECIPES, Recipe
from workbench.models.outline import Support, check_cell, support_table
from workbench.tasks.catalogue import Entry, catalogue, fetch, find

# Corpora and benchmarks.


def data(options: argparse.Namespace) -> Outcome:
    """Run `workbench data`."""
    if options.name is None:
        if options.fetch or options.to:
            raise InputError("which one? give the name of a corpus or benchmark, as in workbench data xcopa")
        _print_list(catalogue())
        return Outcome({name: _facts(entry) for name, entry in catalogue().items()})
    entry = find(options.name)
    folder = options.to or Path("data") / entry.name
    if options.fetch:
        _fetch(entry, folder)
    else:
        _print_facts(entry)
    _print_use(entry, folder)
    if not options.fetch:
        _print_files(entry, folder)
    return Outcome({**_facts(entry), "folder": folder, "options": entry.specs(folder)})


def _facts(entry: Entry) -> dict[str, object]:
    return {**asdict(entry), "pinned": entry.pinned()}


def _print_list(entries: dict[str, Entry]) -> None:
    for kind, title in (("text", "Parallel text"), ("task", "Tasks")):
        rows = [
            (entry.name, entry.what, entry.licence)
            for entry in entries.values()
            if kind in entry.kind.split(" and ")
        ]
        console.print(table((title, "what it is", "licence"), rows, words=3))
    console.print(
        "workbench data NAME shows the languages, size and revision of one, how to download and to read it."
    )


def _print_facts(entry: Entry) -> None:
    console.print(f"{entry.title}: {entry.what}", style="bold")
    facts = {
        "languages": entry.languages,
        "size": entry.size,
        "licence": entry.licence,
        "revision": entry.pinned(),
        "home": entry.homepage,
        "reader": "" if entry.tried else "format from its maker's loader, not tried on published files",
    }
    for name, fact in facts.items():
        if fact:
            console.print(f"{name:<10} {fact}", soft_wrap=True)


def _print_files(entry: Entry, folder: Path) -> None:
    if entry.files:
        console.print(
            f"\ndownload into {folder} (or run: workbench data {entry.name} --fetch)", soft_wrap=True
        )
    for file in entry.files:
        about = "" if file.bytes is None else f"  {size(file.bytes)}"
        console.print(f"  {file.path}{about}\n    {file.url}", soft_wrap=True)
        if file.sha256:
            console.print(f"    sha256 {file.sha256}", style="dim", soft_wrap=True)


def _print_use(entry: Entry, folder: Path) -> None:
    """How it is read, and what is left to do by hand."""
    lines = ["\nread it with", *(f"  {spec}" for spec in entry.specs(folder))]
    lines += [f"  --task hub:{entry.hub}  (from the Hugging Face hub)"] if entry.hub else []
    lines += [f"\nby hand, in {folder}"] if entry.steps else []
    lines += [f"  {step}" for step in entry.steps]
    console.print("\n".join(lines), soft_wrap=True)


def _fetch(entry: Entry, folder: Path) -> None:
    if not entry.files:
        raise InputError(f"{entry.name} is not fetched: workbench data {entry.name} tells what to do by hand")
    with progress_bar():
        digests = fetch(entry.files, folder, progress)
    unpinned = [file.path for file in entry.files if file.sha256 is None]
    errors.print(f"{len(digests)} files in {folder}: {len(digests) - len(unpinned)} checked by checksum")
    for path in unpinned:
        errors.print(f"  not pinned: {path} is sha256 {digests[path]}", soft_wrap=True)


# Published interventions.


def recipes(options: argparse.Namespace) -> Outcome:
    """Run `workbench recipes`."""
    if options.name is None:
        rows = [(recipe.name, recipe.title) for recipe in RECIPES.values()]
        console.print(table(("recipe", "what it does"), rows, words=2))
        console.print(
            f"{len(RECIPES)} recipes; workbench recipes NAME shows the reference and the formula of one, "
            "what is reproduced and what differs."
        )
        return Outcome([_recipe_facts(recipe) for recipe in RECIPES.values()])
    check_name(options.name, RECIPES, "recipe")
    recipe = RECIPES[options.name]
    facts = [(name, getattr(recipe, name)) for name in ("formula", "reference", "faithful", "differs")]
    learns_from = "sentences or items of each language; who translates whom is not used"
    if "pairs" in recipe.needs:
        learns_from = "which sentence is whose translation (a control breaks the pairs)"
    learns_from += "; solved fit items of the task" if "labels" in recipe.needs else ""
    searched = ", then further ones after what was best" if recipe.grow else ""
    facts += [("learns from", learns_from), ("on dev", f"all configurations in one sweep{searched}")]
    console.print(Text.assemble((recipe.name, "bold"), f"  {recipe.title}\n"))
    console.print(table(("", ""), facts, words=2))
    return Outcome(_recipe_facts(recipe))


def _recipe_facts(recipe: Recipe) -> dict[str, str]:
    names = ("name", "title", "formula", "reference", "faithful", "differs")
    return {name: getattr(recipe, name) for name in names}


# Supported models.


def models(options: argparse.Namespace) -> Outcome:
    """Run `workbench models`."""
    rows = support_table()
    has_hooked = version("transformer-lens").startswith("3.")
    works = {(r.architecture, "bridge"): r.bridge for r in rows}
    works |= {(r.architecture, "hooked"): r.hooked and has_hooked for r in rows}
    known = {cell: "yes" if good else "—" for cell, good in works.items()}
    cells = _checked(rows) if options.check else known
    lines = [
        (r.architecture, r.example, *(cells[r.architecture, backend] for backend in ("bridge", "hooked")))
        for r in rows
    ]
    console.print(table(("architecture", "such as", "bridge", "hooked"), lines, words=2))
    facts = [dict(zip(("architecture", "example", "bridge", "hooked"), line, strict=True)) for line in lines]
    if not options.check:
        console.print(
            f"TransformerLens {version('transformer-lens')}. "
            "bridge: hub name or local directory. hooked (HookedTransformer, TransformerLens 3 only): "
            "local directories of the architectures marked, and any hub name TransformerLens 3.9 "
            "lists.\nOther architectures may work: every model is checked when it is loaded."
        )
        return Outcome(facts)
    console.print("Numbers: the largest difference of logits from the Hugging Face model.")
    wrong = [f"{a} ({b})" for (a, b), good in works.items() if good == (cells[a, b] == "—")]
    if wrong:
        console.print("Differs from the table of supported models: " + ", ".join(wrong))
    return Outcome(facts, code=1 if wrong else 0)


def _checked(rows: list[Support]) -> dict[tuple[str, str], str]:
    cells = {}
    with tempfile.TemporaryDirectory() as folder, progress_bar():
        for done, row in enumerate(rows):
            progress("checking", done, len(rows))
            for backend in ("bridge", "hooked"):
                cells[row.architecture, backend] = check_cell(row.architecture, backend, Path(folder))
    return cells

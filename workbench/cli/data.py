"""List the corpora and benchmarks that can be read: licence, languages, size, revision and home.

With NAME: what to download, where to put it and how to read it; --fetch downloads it.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.show import console, progress_bar, size

if TYPE_CHECKING:
    from workbench.tasks.catalogue import Entry

HELP = "corpora and benchmarks: licences, where to get them, how to read them"
EXAMPLE = """workbench data
  workbench data xcopa
  workbench data xcopa --fetch"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="name of an entry (default: list all)")
    parser.add_argument(
        "--fetch", action="store_true", help="download its files over https and verify checksums"
    )
    parser.add_argument("--to", metavar="FOLDER", type=Path, help="download folder (default: data/NAME)")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the list, an entry, or what was fetched."""
    from workbench.core.errors import InputError
    from workbench.tasks.catalogue import catalogue, find

    if options.name is None:
        if options.fetch or options.to:
            raise InputError("which one? give the name of a corpus or benchmark, as in workbench data xcopa")
        if options.json:
            console.print_json(data={name: _facts(entry) for name, entry in catalogue().items()})
        else:
            _print_list(catalogue())
        return 0
    entry = find(options.name)
    folder = options.to or Path("data") / entry.name
    if options.fetch:
        _fetch(entry, folder)
    if options.json:
        console.print_json(data={**_facts(entry), "folder": str(folder), "options": entry.specs(folder)})
    elif options.fetch:
        _print_rest(entry, folder)
    else:
        _print_entry(entry, folder)
    return 0


def _facts(entry: "Entry") -> dict[str, object]:
    return {**asdict(entry), "pinned": entry.pinned()}


def _print_list(entries: "dict[str, Entry]") -> None:
    from rich.table import Table

    for kind, title in (("text", "Parallel text"), ("task", "Tasks")):
        console.print(title, style="bold")
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column()
        for entry in entries.values():
            if kind not in entry.kind.split(" and "):
                continue
            grid.add_row(entry.name, f"{entry.title}: {entry.what}")
            grid.add_row("", f"{entry.languages}; {entry.size}", style="dim")
            grid.add_row("", f"{entry.licence}; revision: {entry.pinned()}", style="dim")
            grid.add_row("", entry.homepage, style="dim") if entry.homepage else None
        console.print(grid)
        console.print()
    console.print("what to download and how to read it:\n  workbench data NAME", soft_wrap=True)


def _print_entry(entry: "Entry", folder: Path) -> None:
    console.print(f"{entry.title}: {entry.what}", style="bold")
    facts = [("languages", entry.languages), ("size", entry.size), ("licence", entry.licence)]
    facts += [("revision", entry.pinned())]
    facts += [("home", entry.homepage)] if entry.homepage else []
    if not entry.tried:
        facts.append(("reader", "format from its maker's loader, not tried on published files"))
    for what, said in facts:
        console.print(f"{what:<10} {said}", soft_wrap=True)
    if entry.files:
        console.print(
            f"\ndownload into {folder} (or run: workbench data {entry.name} --fetch)", soft_wrap=True
        )
        for file in entry.files:
            about = "" if file.bytes is None else f"  {size(file.bytes)}"
            console.print(f"  {file.path}{about}\n    {file.url}", soft_wrap=True)
            console.print(f"    sha256 {file.sha256 or 'not pinned'}", style="dim", soft_wrap=True)
    _print_rest(entry, folder)


def _print_rest(entry: "Entry", folder: Path) -> None:
    """What is left to do by hand, and how it is read."""
    if entry.steps:
        console.print(f"\nby hand, in {folder}", soft_wrap=True)
        for step in entry.steps:
            console.print(f"  {step}", soft_wrap=True)
    console.print("\nread it with")
    for spec in entry.specs(folder):
        console.print(f"  {spec}", soft_wrap=True)
    if entry.hub:
        console.print(f"  --task hub:{entry.hub}  (from the Hugging Face hub)", soft_wrap=True)


def _fetch(entry: "Entry", folder: Path) -> None:
    from workbench.cli.show import errors
    from workbench.core.errors import InputError
    from workbench.tasks.catalogue import fetch

    if not entry.files:
        raise InputError(f"{entry.name} is not fetched: workbench data {entry.name} tells what to do by hand")
    with progress_bar() as progress:
        digests = fetch(entry.files, folder, progress)
    unpinned = [file.path for file in entry.files if file.sha256 is None]
    errors.print(f"{len(digests)} files in {folder}: {len(digests) - len(unpinned)} checked by checksum")
    for path in unpinned:
        errors.print(f"  not pinned: {path} is sha256 {digests[path]}", soft_wrap=True)

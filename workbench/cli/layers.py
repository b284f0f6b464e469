"""Tables that fit a narrow terminal: as many layers are printed as fit its width."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table

from workbench.cli.show import console
from workbench.core.numbers import plain

Row = tuple[Sequence[str], Sequence[str], Sequence[str]]
"""Words to the left, one cell for each site, words to the right."""

GAP = 2
"""Columns between two cells."""


def print_layers(
    title: str,
    before: Sequence[str],
    sites: Sequence[str],
    after: Sequence[str],
    rows: Sequence[Row],
) -> None:
    """A table with a column for each site; of more sites than fit every second, third … is shown."""
    names = [site_name(site) for site in sites]
    shown = _that_fit(before, names, after, rows)
    columns = (*before, *(names[at] for at in shown), *after)
    cells = ((*words, *(own[at] for at in shown), *rest) for words, own, rest in rows)
    print_dense(title, columns, cells, len(before))
    if len(shown) < len(sites):
        console.print(f"{len(shown)} of {len(sites)} layers shown: a wider terminal shows more", style="dim")


def print_dense(title: str, columns: Sequence[str], rows: Iterable[Iterable[object]], words: int = 1) -> None:
    """A table with little between its columns under a title: the first columns hold words."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for at, name in enumerate(columns):
        made.add_column(name, justify="left" if at < words else "right", no_wrap=True)
    for row in rows:
        made.add_row(*map(str, row))
    console.print(f"\n{title}", style="bold")
    console.print(made)


def _that_fit(
    before: Sequence[str], names: Sequence[str], after: Sequence[str], rows: Sequence[Row]
) -> range:
    """Every k-th site, for the smallest k with which the table is no wider than the terminal."""
    words = [max(map(len, column)) for column in zip(before, *(row[0] for row in rows), strict=True)]
    rest = [max(map(len, column)) for column in zip(after, *(row[2] for row in rows), strict=True)]
    cells = [max(map(len, column)) for column in zip(names, *(row[1] for row in rows), strict=True)]
    room = console.width - sum(width + GAP for width in (*words, *rest))
    for step in range(1, len(names) + 1):
        some = range(0, len(names), step)
        if sum(cells[at] + GAP for at in some) <= room:
            return some
    return range(0, len(names), len(names))


def number(value: float, digits: int = 2) -> str:
    """A number for a table; empty where there is none."""
    return plain(value, digits, none="")


def site_name(site: str) -> str:
    """A site as tables of layers name it."""
    return site.removeprefix("resid_post.")

"""Console, progress bar, tables and units of the command line."""

import json
import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table

from workbench.core.bundled import cautions
from workbench.core.numbers import plain
from workbench.core.types import Progress as Callback

if TYPE_CHECKING:
    from workbench.text import ParallelText


_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys in place of showing it, such as the start of an escape sequence."""


def shown(text: str) -> str:
    r"""Text from data as a terminal may be given it.

    >>> shown("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _OBEYED.sub(lambda match: repr(match[0])[1:-1], text)


class _Console(Console):
    """Text is printed as it is: no markup in brackets, and nothing that a terminal would obey."""

    def __init__(self, **options: Any):
        super().__init__(**options, highlight=False, markup=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=shown(segment.text))

    def on_broken_pipe(self) -> None:
        """The reader has left: `main` ends the command, which is no error."""
        raise BrokenPipeError


console = _Console()
errors = _Console(stderr=True)


@contextmanager
def quietly(results: bool, progress: bool) -> Iterator[None]:
    """Print no results, or no progress, of what is done meanwhile."""
    console.quiet, errors.quiet = results, progress
    try:
        yield
    finally:
        console.quiet = errors.quiet = False


def as_json(facts: Any) -> str:
    """What a command found, as JSON: tables as lists of rows, null for a number that is missing."""
    text = json.dumps(_plain(facts), ensure_ascii=False, indent=1, allow_nan=False)
    return "\n".join(_OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", line) for line in text.split("\n"))


def _plain(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return [_plain(row) for row in value.to_dict("records")]
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    value = value.item() if hasattr(value, "item") else value
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, (bool, int, float)) else str(value)


_bars: list[Callback] = []


def progress(what: str, done: int, total: int) -> None:
    """Show the progress in the open bar, if there is one."""
    if _bars:
        _bars[-1](what, done, total)


FIRST, EVERY = 10.0, 180.0
"""Seconds after which a step is told of where there is no terminal: at first, and then again and again."""


class _Log:
    """A dated line on standard error for each step that takes its time, and every few minutes."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[float, float, int]] = {}  # began, told of next, how far
        self.now: tuple[str, int, int] | None = None
        self.lock, self.ended = RLock(), Event()

    def show(self, what: str, done: int, total: int) -> None:
        """Take up what is reported, and tell of it when it is due."""
        with self.lock:
            now = time.monotonic()
            start, due, before = self.steps.get(what, (now, now + FIRST, 0))
            if done < before:  # another step of this name
                start, due = now, now + FIRST
            if now >= due:
                due = now + EVERY
                left = duration((now - start) / done * (total - done)) if done else ""
                ahead = f", about {left} left" if 0 < done < total else ""
                errors.print(
                    f"{datetime.now():%Y-%m-%d %H:%M} {what}: {done:,} of {total:,}{ahead}", soft_wrap=True
                )
            self.steps[what] = start, due, done
            self.now = (what, done, total) if done < total else None

    def watch(self) -> None:
        """Tell of a step that reports nothing for minutes."""
        while not self.ended.wait(1.0):
            with self.lock:
                if self.now:
                    self.show(*self.now)


@contextmanager
def progress_bar() -> Iterator[None]:
    """Show on standard error what `progress` reports: a bar, or without a terminal lines of a log."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done, total=total)

    log = _Log()
    if not errors.is_terminal:
        Thread(target=log.watch, daemon=True).start()
    _bars.append(show if errors.is_terminal else log.show)
    try:
        with bar:
            yield
    finally:
        log.ended.set()
        _bars.pop()


def table(columns: Sequence[str], rows: Iterable[Iterable[object]], words: int = 1) -> Table:
    """A plain table: the first columns hold words and stand to the left, the others to the right."""
    headed = any(columns)
    grid = Table(box=box.SIMPLE_HEAD if headed else None, show_header=headed, pad_edge=False)
    return _filled(grid, columns, rows, words)


GAP = 2  # columns between two cells of a dense table


def print_dense(title: str, columns: Sequence[str], rows: Iterable[Iterable[object]], words: int = 1) -> None:
    """The same with a title and narrow gaps."""
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    console.print(f"\n{title}", style="bold")
    console.print(_filled(grid, columns, rows, words, no_wrap=True))


def _filled(
    grid: Table, columns: Sequence[str], rows: Iterable[Iterable[object]], words: int, no_wrap: bool = False
) -> Table:
    for at, name in enumerate(columns):
        grid.add_column(name, justify="left" if at < words else "right", no_wrap=no_wrap)
    for row in rows:
        grid.add_row(*map(str, row))
    return grid


Row = tuple[Sequence[str], Sequence[str], Sequence[str]]
"""Words to the left, one cell for each site, words to the right."""


def print_layers(
    title: str, before: Sequence[str], sites: Iterable[str], rows: Sequence[Row], after: Sequence[str] = ()
) -> None:
    """A table with a column for each site; of more sites than fit every second, third … is shown."""
    columns = [site_name(site) for site in dict.fromkeys(sites)]
    shown = _that_fit(before, columns, after, rows)
    heads = (*before, *(columns[at] for at in shown), *after)
    cells = ((*words, *(own[at] for at in shown), *rest) for words, own, rest in rows)
    print_dense(title, heads, cells, len(before))
    if len(shown) < len(columns):
        console.print(
            f"{len(shown)} of {len(columns)} layers shown: a wider terminal shows more", style="dim"
        )


def _that_fit(
    before: Sequence[str], sites: Sequence[str], after: Sequence[str], rows: Sequence[Row]
) -> range:
    """Every k-th site, for the smallest k with which the table is no wider than the terminal."""
    parts = [[heads, *(row[part] for row in rows)] for part, heads in enumerate((before, sites, after))]
    words, cells, rest = (
        [max(map(len, column)) + GAP for column in zip(*part, strict=True)] for part in parts
    )
    room = console.width - sum(words) - sum(rest)
    steps = (range(0, len(sites), step) for step in range(1, len(sites) + 1))
    return next((some for some in steps if sum(cells[at] for at in some) <= room), range(1))


def number(value: float, digits: int = 2) -> str:
    """A number for a table; empty where there is none."""
    return plain(value, digits, none="")


def site_name(site: str) -> str:
    """A site as tables of layers name it."""
    return site.removeprefix("resid_post.")


def caution(text: "ParallelText") -> None:
    """Print the cautions about a text."""
    for line in cautions(text.sources):
        console.print(f"Note: {line}.", style="yellow")


def print_end(text: "ParallelText", start: float) -> None:
    """Print the cautions about the text, and the time since the start."""
    caution(text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(75.2)
    '1 min 15 s'
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"

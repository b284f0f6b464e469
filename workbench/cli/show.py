"""Console, tables and progress bar of the command line."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from workbench.core.bundled import cautions
from workbench.core.types import Progress as Callback

if TYPE_CHECKING:
    from workbench.text import ParallelText


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """The reader has left: `main` ends the command, which is no error."""
        raise BrokenPipeError


console = _Console(highlight=False)
errors = _Console(stderr=True, highlight=False)


@contextmanager
def progress_bar() -> Iterator[Callback]:
    """A bar on standard error with an estimate of the time left; gone when the work is done."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,  # a log file is no place for a bar
    )
    tasks: dict[str, TaskID] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done, total=total)

    with bar:
        yield show


def table(columns: Iterable[str], rows: Iterable[Iterable[object]], words: int = 1) -> Table:
    """A plain table: the first columns hold words and stand to the left, the others to the right."""
    columns = list(columns)
    made = Table(
        box=box.SIMPLE_HEAD if any(columns) else None,
        show_header=any(columns),
        pad_edge=False,
    )
    for number, name in enumerate(columns):
        made.add_column(name, justify="left" if number < words else "right")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return made


def caution(text: "ParallelText") -> None:
    """Say what has to be said beside results on this text."""
    for line in cautions(text.sources):
        console.print(f"Note: {line}.", style="yellow")


def size(n_bytes: float) -> str:
    """Bytes for people.

    >>> size(1536)
    '1.5 kB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" or n_bytes >= 100 else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


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

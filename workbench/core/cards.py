"""HTML cards and progress bars: the display of results in a notebook.

Cards have only grey lines and a coloured edge, to be readable on light and dark themes; texts are escaped.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from workbench.core.types import Progress

Rows = Iterable[Sequence[object]]

EDGES = {"helps": "#7b5fc0", "harms": "#c8701a"}
"""Purple helps and orange harms, as in the figures; on any background."""
_GREY = "#8888"
_BOX = (
    "border:1px solid {grey};border-left:5px solid {edge};border-radius:6px;padding:.6em 1em;margin:.3em 0;"
)
_TABLE = "border-collapse:collapse;margin:.5em 0;table-layout:auto;font-variant-numeric:tabular-nums"
_CELL = "text-align:left;padding:.15em 1.2em .15em 0;vertical-align:top"
_SHORT = 24
"""Letters of a text that is not broken into lines."""


def card(
    title: str,
    about: str = "",
    *,
    lead: str = "",
    facts: Mapping[str, object] | None = None,
    heads: Sequence[str] = (),
    rows: Rows = (),
    note: str = "",
    edge: str = "",
) -> str:
    """A box: title, sentence, facts by name (but None), a table, a note; `edge` is the kind of a verdict."""
    named = [(name, value) for name, value in (facts or {}).items() if value is not None]
    parts = [
        f'<div><b>{escape(title)}</b> <span style="opacity:.8">{escape(about)}</span></div>',
        f'<div dir="auto" style="margin:.4em 0;font-weight:600">{escape(lead)}</div>' if lead else "",
        _table((), named) if named else "",
        _table(heads, rows) if heads else "",
        f'<div style="opacity:.8;font-size:.9em">{escape(note)}</div>' if note else "",
    ]
    style = _BOX.format(grey=_GREY, edge=EDGES.get(edge, _GREY))
    return f'<div style="{style}">{"".join(parts)}</div>'


def notebook_bar(unit: str = "tok") -> Progress:
    """A progress bar for notebooks (and terminals): pass it as `progress=`."""
    from tqdm.auto import tqdm

    bars: dict[str, tqdm] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in bars:
            bars[what] = tqdm(total=total, desc=what, unit=unit, unit_scale=True)
        bars[what].update(done - bars[what].n)
        if done >= total:
            bars.pop(what).close()

    return show


def size(n_bytes: float) -> str:
    """A number of bytes with its unit.

    >>> size(1536), size(2_500_000)
    ('1.5 kB', '2.5 MB')
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" or n_bytes >= 100 else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def _table(heads: Sequence[str], rows: Rows) -> str:
    head = "".join(f'<th style="{_CELL};font-weight:600">{escape(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    line = f'<thead><tr style="border-bottom:1px solid {_GREY}">{head}</tr></thead>' if heads else ""
    return f'<table style="{_TABLE}">{line}<tbody>{body}</tbody></table>'


def _cell(value: object) -> str:
    text = str(value)
    style = f"{_CELL};white-space:nowrap" if len(text) <= _SHORT else _CELL
    return f'<td dir="auto" style="{style}">{escape(text)}</td>'

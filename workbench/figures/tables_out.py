"""The numbers of a figure as tables: LaTeX with booktabs, and Markdown."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from workbench.core.numbers import plain
from workbench.figures.look import SCATTERED
from workbench.figures.spec import Cells, Panel, Plot, Series, Spec, Value

COLUMNS = 8
"""Wider tables go on below."""
_LATEX = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "α": r"$\alpha$",
    "ρ": r"$\rho$",
    "²": r"\textsuperscript{2}",
    "·": r"$\cdot$",
    "°": r"$^\circ$",
    "δ": r"$\delta$",
    "…": r"\ldots{}",
    "→": r"$\to$",
}


class Bold(str):
    """The text of a cell in bold."""


class Italic(str):
    """The text of a cell in italics."""


_EMPHASIS = {Bold: (r"\textbf{", "}", "**"), Italic: (r"\textit{", "}", "*"), str: ("", "", "")}
"""How a text is set in LaTeX, before and after it, and in Markdown on both sides."""


class Block(NamedTuple):
    """A table of text: names of columns, and rows that begin with their name."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def to_markdown(spec: Spec) -> str:
    """Title, subtitle, one table for each panel, and the notes that concern the numbers."""
    parts = [f"# {_plain(spec.title)}", _plain(spec.subtitle)]
    for block in blocks(spec):
        if block.title:
            parts.append(f"**{_plain(block.title)}**")
        lines = [block.head, ("---", *("---:" for _ in block.head[1:])), *block.rows]
        parts.append("\n".join("| " + " | ".join(map(_plain, line)) + " |" for line in lines))
    return "\n\n".join(filter(None, [*parts, _plain(_notes(spec))])) + "\n"


def _notes(spec: Spec) -> str:
    """What has to be known of the numbers; signs are of the drawing."""
    return " ".join(filter(None, (spec.emphasis.strip(), spec.footer.strip())))


def to_latex(spec: Spec) -> str:
    """A floating table with booktabs rules, one tabular for each panel; above it the figure as comments."""
    lines = [*_figure(spec), "% needs \\usepackage{booktabs}", "\\begin{table}", "\\centering\\small"]
    for block in blocks(spec):
        if block.title:
            lines.append(f"\\textbf{{{_latex(block.title)}}}\\\\[2pt]")
        lines.append(f"\\begin{{tabular}}{{l{'r' * (len(block.head) - 1)}}}")
        lines += ["\\toprule", _latex_row(block.head), "\\midrule", *map(_latex_row, block.rows)]
        lines += ["\\bottomrule", "\\end{tabular}\\\\[6pt]"]
    caption = f"{spec.title}. {spec.subtitle}. {_notes(spec)}"
    lines += [f"\\caption{{{_latex(caption.strip())}}}", f"\\label{{tab:{spec.kind}}}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def _figure(spec: Spec) -> list[str]:
    """The drawing with its caption, to be uncommented."""
    lines = ["\\begin{figure}", "\\centering", f"\\includegraphics{{{spec.kind}}}"]
    lines += [f"\\caption{{{_latex(spec.caption)}}}", f"\\label{{fig:{spec.kind}}}", "\\end{figure}"]
    return [f"% {line}" for line in lines]


def blocks(spec: Spec) -> list[Block]:
    """The tables of all panels, none wider than `COLUMNS` columns of numbers."""
    return [part for panel in spec.panels for part in _split(_of_panel(panel))]


def _of_panel(panel: Panel) -> Block:
    if isinstance(panel, Cells):
        return _of_cells(panel)
    title = f"{panel.name}, {panel.remark}" if panel.remark else panel.name
    if panel.lying and any(series.look == "estimates" for series in panel.series):
        return _of_places(title, panel, "", _estimates(panel))
    if panel.series and panel.series[0].look in SCATTERED:
        return Block(title, ("", panel.x.title, panel.y.title), _points(panel))
    columns = [column for series in panel.series for column in _columns(series.name, series)]
    asides = {place: text for (place, _), text in zip(panel.x.ticks, panel.aside, strict=False)}
    columns += [(panel.aside_title, asides)] if asides else []
    return _of_places(title, panel, panel.x.title, columns)


def _of_cells(panel: Cells) -> Block:
    bold = {(mark.row, mark.column) for mark in panel.marks}

    def written(row: int, column: int) -> str:
        text = number(panel.values[row][column])
        few = panel.few(row, column) is not None
        return Bold(text) if (row, column) in bold else Italic(text) if few else text

    rows = [
        (name, *(written(row, column) for column in range(len(panel.columns))))
        for row, name in enumerate(panel.rows)
    ]
    head = (" / ".join(filter(None, (panel.row_title, panel.column_title))), *panel.columns)
    if panel.right:
        head = (*head, panel.aside_title)
        rows = [(*row, number(value)) for row, value in zip(rows, panel.right, strict=True)]
    if len(panel.columns) > COLUMNS > len(panel.rows):  # many layers are read more easily downwards
        head, *rows = zip(head, *rows, strict=True)
    return Block(panel.name, head, rows)


def _points(panel: Plot) -> list[tuple[str, ...]]:
    ticks = dict(panel.x.ticks)
    return [
        # What stands apart, such as a cost of 0 on a logarithmic axis, is named by its tick.
        (_point(series, at), ticks.get(x) or number(x), text)
        for series in panel.series
        # Of a cloud the mean is in the table, its points in that of the run; a front joins points.
        if series.look != "cloud" and series.role != "reference"
        for at, (x, text) in enumerate(zip(series.x, _texts(series), strict=True))
    ]


def _point(series: Series, at: int) -> str:
    """What a point is: of those with labels the first line of its note, of others all of it."""
    note = series.notes[at] if series.notes else ()
    return ", ".join(note[:1] if series.labels else note) or series.name


Columns = list[tuple[str, dict[float, str]]]
"""Name of a column, and its texts by place."""


def _estimates(panel: Plot) -> Columns:
    """The family and the estimate of each named place, those of its controls, and what stands aside."""
    main = [series for series in panel.series if series.role == "main"]
    asides = {place: text for (place, _), text in zip(panel.x.ticks, panel.aside, strict=False)}
    return [
        ("", {x: series.name for series in main for x in series.x}),
        (panel.y.title, {x: text for series in main for x, text in _by_place(series).items()}),
        (INTERVAL, {x: text for series in main for x, text in _intervals(series).items()}),
        *((series.name, _by_place(series)) for series in panel.series if series.role != "main"),
        *([(panel.aside_title, asides)] if asides else []),
    ]


def _of_places(title: str, panel: Plot, corner: str, columns: Columns) -> Block:
    """A row for each place, named by its tick."""
    names = dict(panel.x.ticks)
    main = [texts for _, texts in columns] if corner or not panel.lying else [columns[0][1]]
    rows = [
        (names.get(place, f"{place:g}"), *(texts.get(place, "") for _, texts in columns))
        for place in sorted(set().union(*main))
    ]
    return Block(title, (corner, *(name for name, _ in columns)), rows)


def _by_place(series: Series) -> dict[float, str]:
    return dict(zip(series.x, _texts(series), strict=True))


INTERVAL = "interval"
"""Head of a column of intervals."""


def _columns(name: str, series: Series) -> Columns:
    """The values of a series, and their intervals where it has any."""
    intervals = {} if series.look == "area" else _intervals(series)
    return [(name, _by_place(series)), *([(INTERVAL, intervals)] if intervals else [])]


def _intervals(series: Series) -> dict[float, str]:
    return {x: f"[{number(low)}, {number(high)}]" for x, low, high in series.intervals()}


def _texts(series: Series) -> list[str]:
    """The values of a series; bold those of estimates that show something."""
    # Of controls all are hollow, which says nothing.
    hollow = series.hollow if series.role == "main" else ()
    shown = [not empty for empty in hollow] or [False] * len(series.y)
    return [Bold(number(y)) if full else number(y) for y, full in zip(series.y, shown, strict=True)]


def number(value: Value) -> str:
    """A number with three places, a count with none, a true minus.

    >>> number(0.25), number(-30.0), number(None)
    ('0.250', '−30', '')
    """
    whole = value is not None and value == round(value) and abs(value) >= 1
    return plain(value, 0 if whole else 3, none="")


def _split(block: Block) -> Iterator[Block]:
    # One column more stands beside the others rather than alone below.
    most = COLUMNS + 1 if len(block.head) == COLUMNS + 2 else COLUMNS
    for start in range(1, max(len(block.head), 2), most):
        head, *rows = ((row[0], *row[start : start + most]) for row in (block.head, *block.rows))
        yield Block(block.title if start == 1 else f"{block.title} (continued)".strip(), head, rows)


def _plain(text: str) -> str:
    """Text that Markdown takes as it is, on one line."""
    plain_text = re.sub(r"([\\`*_|]|\](?=\())", r"\\\1", text)
    line = " ".join(plain_text.replace("<", "&lt;").replace(">", "&gt;").split())
    *_, mark = _EMPHASIS[type(text)] if line else _EMPHASIS[str]
    return f"{mark}{line}{mark}"


def _latex(text: str) -> str:
    line = "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))
    before, after, _ = _EMPHASIS[type(text)] if line else _EMPHASIS[str]
    return f"{before}{line}{after}"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"

"""Estimates below each other on one scale, as inline SVG: a mark with its interval for each name."""

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.core.numbers import between, plain, signed
from workbench.figures.markup import Markup, tag
from workbench.report.chart import Along, ticks

_WIDTH, _NAMES, _RIGHT, _ROW, _TOP, _BELOW = 440, 178, 14, 19, 8, 34
_LETTERS = 28
"""So many letters of a name have room."""
_MARKS = ("m3.6,0a3.6,3.6 0 1 0-7.2,0a3.6,3.6 0 1 0 7.2,0z", "m-3.2-3.2h6.4v6.4h-6.4z", "m0-4l3.9,6.6h-7.8z")
"""Paths of a dot, a square and a triangle about a point, told apart in grey print."""
_CONTROLS = ("m-3.4-2.4h6.8l-3.4,5.6z", "m-3-3l6,6m0-6l-6,6")
"""Of a triangle on its tip and a cross."""


@dataclass(frozen=True)
class Estimate:
    """One row: `style` is its kind's colour and mark; what is not shown to differ from 0 is hollow."""

    name: str
    style: int
    value: float
    low: float
    high: float
    shown: bool
    controls: tuple[float | None, ...] = ()


def forest(
    title: str, rows: Sequence[Estimate], kinds: Sequence[str], controls: Sequence[str], line: float | None
) -> Markup:
    """Rows under each other with a scale below; `line` is drawn beside that of 0. Said in words too."""
    ends = [v for row in rows for v in (row.low, row.high, *row.controls) if v is not None]
    scale = ticks(min([0.0, *ends]), max([0.0, *ends, line or 0.0]))
    x = Along(scale[0], scale[-1], _NAMES + 8, _WIDTH - _RIGHT)
    bottom = _TOP + _ROW * len(rows)
    drawn = [
        *(_rule(x(tick), bottom, plain(tick, 2)) for tick in scale),
        *(_upright(x(value), bottom, "level") for value in (0.0, line) if value is not None),
        *(_row(row, _TOP + _ROW * (at + 0.5), x, controls) for at, row in enumerate(rows)),
    ]
    label = {"text_anchor": "middle", "class_": "axis"}
    drawn.append(tag("text", "gain", x=(_NAMES + _WIDTH) / 2, y=bottom + 29, **label))
    words = f"{title}. {'; '.join(_in_words(row) for row in rows)}."
    box = f"0 0 {_WIDTH} {bottom + _BELOW}"
    svg = tag("svg", *drawn, viewBox=box, role="img", aria_label=words, class_="curve")
    used = [kind for style, kind in enumerate(kinds) if any(row.style == style for row in rows)]
    entries = [_entry(_MARKS[kinds.index(kind)], f"est e{kinds.index(kind)}", kind) for kind in used]
    for at, name in enumerate(controls):
        if any(at < len(row.controls) and row.controls[at] is not None for row in rows):
            entries.append(_entry(_CONTROLS[at], "est control", name))
    caption = tag("figcaption", tag("b", title), tag("span", *entries, class_="legend"))
    return tag("figure", caption, svg, class_="panel forest")


def _row(row: Estimate, y: float, x: Along, controls: Sequence[str]) -> Markup:
    name = row.name if len(row.name) <= _LETTERS else row.name[: _LETTERS - 1] + "…"
    known = [(at, value) for at, value in enumerate(row.controls) if value is not None]
    return tag(
        "g",
        tag("title", _in_words(row)),
        tag("text", name, x=_NAMES, y=_dot(y + 4), text_anchor="end"),
        *(
            tag(
                "path",
                tag("title", f"{row.name}, {controls[at]}: {signed(value)}"),
                d=f"M{_dot(x(value))},{_dot(y)}{_CONTROLS[at]}",
                class_="est control",
            )
            for at, value in known
        ),
        tag("line", x1=_dot(x(row.low)), x2=_dot(x(row.high)), y1=_dot(y), y2=_dot(y)),
        tag(
            "path",
            d=f"M{_dot(x(row.value))},{_dot(y)}{_MARKS[row.style]}",
            class_=f"est{'' if row.shown else ' hollow'}",
        ),
        class_=f"e{row.style}",
    )


def _in_words(row: Estimate) -> str:
    return f"{row.name}: {signed(row.value)} {between(row.low, row.high)}".strip()


def _rule(x: float, bottom: float, label: str) -> Markup:
    line = tag("line", x1=_dot(x), x2=_dot(x), y1=_TOP, y2=_dot(bottom), class_="rule")
    return tag("g", line, tag("text", label, x=_dot(x), y=_dot(bottom + 14), text_anchor="middle"))


def _upright(x: float, bottom: float, class_: str) -> Markup:
    return tag("line", x1=_dot(x), x2=_dot(x), y1=_TOP, y2=_dot(bottom), class_=class_)


def _entry(mark: str, class_: str, name: str) -> Markup:
    drawn = tag("path", d=f"M7,7{mark}", class_=class_)
    return tag("span", tag("svg", drawn, viewBox="0 0 14 14", aria_hidden="true"), name)


def _dot(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

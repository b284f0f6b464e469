"""HTML from Python: text is escaped unless this file made it; and how names and counts are written."""

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd

from workbench.core.languages import is_language, name_of
from workbench.core.numbers import NONE, signed

_VOID = ("meta", "br", "link")


class Markup(str):
    """HTML that is ready: made by the functions of this file, or ours already, as a style sheet is."""


Child = str | int | None | Iterable["Child"]


def text(child: Child) -> Markup:
    """A child as HTML: plain strings escaped, lists joined, None left out.

    >>> text(["a < b", None, tag("b", "&")])
    'a &lt; b<b>&amp;</b>'
    """
    if child is None:
        return Markup("")
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int):
        return Markup(escape(str(child)))
    return Markup("".join(text(one) for one in child))


def tag(name: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Markup:
    """One element; `aria_label` is aria-label, `class_` class; True stands alone, None and False nowhere.

    >>> tag("p", "1 < 2", class_="small", hidden=True, title=None)
    '<p class="small" hidden>1 &lt; 2</p>'
    """
    shown = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{text(children)}</{name}>")


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    # Python knows neither hyphens in names nor `class` and `type` as names.
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def table(
    caption: Child,
    heads: Iterable[Child],
    rows: Iterable[Iterable[Child]],
    words: int = 1,
    class_: str | None = None,
) -> Markup:
    """A table that scrolls sideways where it is too wide; the first of each row is its head.

    The first `words` columns hold words, the others numbers.
    """
    body = [
        tag(
            "tr",
            *(
                tag("th", cell, scope="row")
                if place == 0
                else tag("td", cell, class_=None if place < words else "num")
                for place, cell in enumerate(row)
            ),
        )
        for row in rows
    ]
    columns = [
        tag("th", head, scope="col", class_=None if place < words else "num")
        for place, head in enumerate(heads)
    ]
    head = tag("thead", tag("tr", *columns))
    whole = tag("table", tag("caption", tag("span", caption)), head, tag("tbody", *body), class_=class_)
    return scrolling(whole, "Table, scrolls sideways")


def scrolling(wide: Markup, label: str) -> Markup:
    """A box that scrolls by itself, with the keyboard too, so that the page never has to."""
    return tag("div", wide, class_="scroll", tabindex=0, role="group", aria_label=label)


def short(value: Any) -> str:
    """A signed number in as few letters as a cell has room for.

    >>> short(0.314), short(-1.0), short(0.001)
    ('+.31', '−1.0', '0')
    """
    if (shown := signed(value, 2)) == NONE:
        return shown
    if float(shown.replace("−", "-")) == 0:
        return "0"
    return shown.replace("0.", ".", 1) if "0." in shown[:3] else shown[:-1]


def words(name: Any) -> str:
    """A name of the tables as words: `mean_shift` is mean shift."""
    return NONE if name is None or pd.isna(name) else str(name).replace("_", " ")


def language(code: str | None) -> str:
    """The English name of a language, with its code where that says something else."""
    if not code:
        return NONE
    name = name_of(code) if is_language(code) else code
    return name if name == code else f"{name} ({code})"


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table by the names of its columns."""
    rows: list[Any] = table.to_dict("records")
    return rows


def listed(names: list[str]) -> str:
    """Names in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)


def count(n: int, one: str, many: str | None = None) -> str:
    """A number of things.

    >>> count(1, "item"), count(1200, "item")
    ('1 item', '1,200 items')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"

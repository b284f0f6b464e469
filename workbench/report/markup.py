"""HTML from Python: text is escaped unless this file made it."""

from collections.abc import Iterable
from html import escape

_VOID = ("meta", "br", "link")


class Markup(str):
    """HTML that is ready: only the functions of this file make it from text."""


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


def raw(trusted: str) -> Markup:
    """What is HTML already, and ours: a style sheet, a script."""
    return Markup(trusted)


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
    heads = list(heads)
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
    made = tag(
        "table",
        tag("caption", tag("span", caption)),
        tag("thead", tag("tr", *columns)),
        tag("tbody", *body),
        class_=class_,
    )
    return scrolling(made, "Table, scrolls sideways")


def scrolling(wide: Markup, label: str) -> Markup:
    """A box that scrolls by itself, with the keyboard too, so that the page never has to."""
    return tag("div", wide, class_="scroll", tabindex=0, role="group", aria_label=label)

"""The test items that the chosen patch turned, as people read them: both languages, before and after."""

import unicodedata
from typing import Any

import pandas as pd

from workbench.core.numbers import signed
from workbench.figures.markup import Child, Markup, count, language, records, table, tag
from workbench.results import Part

SHOWN = 4
"""Items of each kind."""
NO_ITEMS = "The folder holds no items.parquet, so what they say is not known."
_LONGEST = 420
"""Characters of a prompt that are shown at once: its end, where the question stands."""
_PATCH = ["aligner", "intervention", "site", "joint", "strength"]


def turned(part: Part) -> pd.DataFrame | None:
    """The headline's test items, one row each: right or wrong `before` and `after`, and the change of margin.

    None where there is no sweep, or no patch was chosen.
    """
    best, sweep = part.headline, part.test_rows
    if best is None or sweep is None or pd.isna(best.layer):
        return None
    own = sweep[sweep.language == part.source]
    patched = own[(own[_PATCH] == best[_PATCH]).fillna(False).all(axis=1)]
    # The map itself has the lowest seed; the others are refits of it.
    patched = patched[patched.seed == patched.seed.min()].drop_duplicates("example").set_index("example")
    clean = own[own.aligner == "clean"].drop_duplicates("example").set_index("example")
    shared = clean.index.intersection(patched.index)
    clean, patched = clean.loc[shared], patched.loc[shared]
    return pd.DataFrame(
        {
            "before": clean.correct.astype(bool),
            "after": patched.correct.astype(bool),
            "said_before": list(map(_answer, records(clean))),
            "said_after": list(map(_answer, records(patched))),
            "margin": patched.margin.astype(float) - clean.margin.astype(float),
        }
    )


def _answer(row: dict[str, Any]) -> int | str | None:
    """What the model answered: the place of a choice, or text."""
    if pd.notna(row["prediction"]):
        return int(row["prediction"])
    return str(row["generated"]) if pd.notna(row["generated"]) else None


def flipped(part: Part) -> Markup | None:
    """Right and wrong before and after, some items that became right, and some that became wrong."""
    items = turned(part)
    if items is None:
        return None
    counts = items.groupby(["before", "after"]).size()
    rows: list[list[Child]] = [
        [f"{name} without the patch", *(int(counts.get((before, after), 0)) for after in (True, False))]
        for name, before in (("right", True), ("wrong", False))
    ]
    caption = f"All {count(len(items), 'test item')}"
    return tag("div", table(caption, ["", "right with it", "wrong with it"], rows), *cards(part, items))


def cards(part: Part, items: pd.DataFrame) -> list[Markup]:
    """Items that became right, and those that became wrong: of each, those whose margin changed most."""
    return [
        _kind(part, name, items[(items.after == right) & (items.before != right)], right)
        for name, right in (("became right", True), ("became wrong", False))
    ]


def _kind(part: Part, name: str, items: pd.DataFrame, right: bool) -> Markup:
    items = items.sort_values("margin", ascending=not right, kind="stable")
    heading = tag("h4", f"{name.capitalize()}: {count(len(items), 'item')}")
    if items.empty:
        return tag("div", heading, tag("p", f"No item {name}."))
    if part.items is None:
        return tag("div", heading, tag("p", NO_ITEMS))
    note = None
    if len(items) > SHOWN:
        text = f"Those {SHOWN} are shown whose margin changed most: examples, no fair sample."
        note = tag("p", text, class_="muted")
    return tag("div", heading, note, *articles(part, items.head(SHOWN), name))


def articles(part: Part, items: pd.DataFrame, name: str) -> list[Markup]:
    """What each item says in both languages, and what was answered; `name` is what became of it."""
    if part.items is None:
        return []
    texts = part.items.assign(example=part.items.example.astype(str)).drop_duplicates(["example", "language"])
    texts = texts[texts.example.isin(list(map(str, items.index)))]
    known = {(row["example"], row["language"]): row for row in records(texts)}
    return [_card(part, known, str(example), row, name) for example, row in items.iterrows()]


def _card(part: Part, known: dict[tuple[str, str], Any], example: str, row: pd.Series, name: str) -> Markup:
    codes = dict.fromkeys(filter(None, (part.source, part.target)))
    sides = [_side(code, known.get((example, code)), row if code == part.source else None) for code in codes]
    change = f"; margin {signed(row.margin, 2)} nats" if pd.notna(row.margin) else ""
    head = tag("h5", f"Item {example} ", tag("span", f"{name}{change}", class_="muted"))
    return tag("article", head, tag("div", *sides, class_="sides"), class_="item")


def _side(code: str, item: dict[str, Any] | None, row: pd.Series | None) -> Markup:
    heading = tag("h6", language(code))
    if item is None:
        return tag("div", heading, tag("p", "The task is not asked in this language.", class_="muted"))
    said = {} if row is None else {"said without the patch": row.said_before, "said with it": row.said_after}
    answers = _choices if len(item["choices"]) else _generated
    text = str(item["prompt"])
    before, prompt = (
        tag("p", half, lang=code, dir="auto", class_="prompt")
        for half in (text[:-_LONGEST], text[-_LONGEST:])
    )
    if len(text) > _LONGEST:
        prompt = tag("div", tag("details", tag("summary", "what stands before"), before), prompt)
    return tag("div", heading, prompt, answers(code, item, said))


def _choices(code: str, item: dict[str, Any], said: dict[str, Any]) -> Markup:
    answers = {"right answer": item["answer"]} | said
    rows = []
    for place, choice in enumerate(item["choices"]):
        marks = ", ".join(name for name, answer in answers.items() if answer == place)
        text = tag("span", str(choice), lang=code, dir="auto")
        mark: Child = [" ", tag("span", marks, class_="mark")] if marks else None
        rows.append(tag("li", text, mark, class_="right" if place == item["answer"] else None))
    return tag("ol", *rows, class_="choices", dir=direction(" ".join(map(str, item["choices"]))))


def direction(text: str) -> str:
    """Which way text runs: that of its first letter that has a direction."""
    kinds = map(unicodedata.bidirectional, text)
    return "rtl" if next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L" else "ltr"


def _generated(code: str, item: dict[str, Any], said: dict[str, Any]) -> Markup:
    answers = {"accepted": " / ".join(map(str, item["answers"]))} | said
    rows = [
        tag("div", tag("dt", name), tag("dd", str(answer), lang=code, dir="auto"))
        for name, answer in answers.items()
    ]
    return tag("dl", *rows, class_="said")

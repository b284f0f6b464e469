"""The test items that the chosen patch turned, as people read them: both languages, before and after."""

import unicodedata
from typing import Any

import pandas as pd

from workbench.core.numbers import signed
from workbench.figures.markup import Child, Markup, count, language, records, table, tag
from workbench.results import Part

SHOWN = 4
"""Items of each kind."""
_LONGEST = 420
"""Characters of a prompt that are shown at once: its end, where the question stands."""
_PATCH = ("aligner", "intervention", "site", "joint", "strength")


def turned(part: Part) -> pd.DataFrame | None:
    """The headline's test items, one row each: right or wrong `before` and `after`, and the change of margin.

    None where there is no sweep, or no patch was chosen.
    """
    best, sweep = part.headline, part.test_rows
    if best is None or sweep is None or pd.isna(best.layer):
        return None
    own = sweep[sweep.language == part.source]
    clean = own[own.aligner == "clean"].drop_duplicates("example").set_index("example")
    mine = own
    for name in _PATCH:
        mine = mine[(mine[name] == best[name]).fillna(False)]
    # The map itself has the lowest seed; the others are refits of it.
    mine = mine[mine.seed == mine.seed.min()].drop_duplicates("example").set_index("example")
    shared = clean.index.intersection(mine.index)
    clean, mine = clean.loc[shared], mine.loc[shared]
    return pd.DataFrame(
        {
            "before": clean.correct.astype(bool),
            "after": mine.correct.astype(bool),
            "said_before": [_said(one) for one in records(clean)],
            "said_after": [_said(one) for one in records(mine)],
            "margin": mine.margin.astype(float) - clean.margin.astype(float),
        }
    )


def _said(one: dict[str, Any]) -> int | str | None:
    """What the model answered: the place of a choice, or text."""
    if pd.notna(one["prediction"]):
        return int(one["prediction"])
    return str(one["generated"]) if pd.notna(one["generated"]) else None


def counts(found: pd.DataFrame) -> Markup:
    """Right and wrong before and after, as a table of four."""
    right, after = found.before, found.after
    rows: list[list[Child]] = [
        ["right without the patch", int((right & after).sum()), int((right & ~after).sum())],
        ["wrong without the patch", int((~right & after).sum()), int((~right & ~after).sum())],
    ]
    return table(f"All {count(len(found), 'test item')}", ["", "right with it", "wrong with it"], rows)


def flipped(part: Part) -> Markup | None:
    """Some items that became right, and some that became wrong."""
    found = turned(part)
    if found is None:
        return None
    became = {
        "became right": found[~found.before & found.after],
        "became wrong": found[found.before & ~found.after],
    }
    shown = [_kind(part, name, some, best_first=name == "became right") for name, some in became.items()]
    return tag("div", counts(found), *shown)


def _kind(part: Part, name: str, some: pd.DataFrame, best_first: bool) -> Markup:
    heading = tag("h4", f"{name.capitalize()}: {count(len(some), 'item')}")
    if some.empty:
        return tag("div", heading, tag("p", f"No item {name}."))
    if part.items is None:
        return tag(
            "div", heading, tag("p", "The folder holds no items.parquet, so what they say is not known.")
        )
    first = some.sort_values("margin", ascending=not best_first, kind="stable").head(SHOWN)
    note = ""
    if len(some) > len(first):
        note = f"Those {len(first)} are shown whose margin changed most: examples, no fair sample."
    cards = [_card(part, str(example), one, name) for example, one in first.iterrows()]
    return tag("div", heading, tag("p", note, class_="muted") if note else None, *cards)


def _card(part: Part, example: str, one: pd.Series, name: str) -> Markup:
    sides = [
        _side(code, _item(part, example, code), one if code == part.source else None)
        for code in dict.fromkeys((part.source, part.target))
        if code is not None
    ]
    change = f"; margin {signed(one.margin, 2)} nats" if pd.notna(one.margin) else ""
    head = tag("h5", f"Item {example} ", tag("span", f"{name}{change}", class_="muted"))
    return tag("article", head, tag("div", *sides, class_="sides"), class_="item")


def _item(part: Part, example: str, code: str) -> dict[str, Any] | None:
    items = part.items
    if items is None:
        return None
    found = items[(items.example.astype(str) == example) & (items.language == code)]
    return None if found.empty else {str(key): value for key, value in found.iloc[0].items()}


def _side(code: str, item: dict[str, Any] | None, one: pd.Series | None) -> Markup:
    heading = tag("h6", language(code))
    if item is None:
        return tag("div", heading, tag("p", "The task is not asked in this language.", class_="muted"))
    answers = _choices(code, item, one) if len(item["choices"]) else _generated(code, item, one)
    return tag("div", heading, _prompt(code, str(item["prompt"])), answers)


def _prompt(code: str, prompt: str) -> Markup:
    shown = tag("p", prompt[-_LONGEST:], lang=code, dir="auto", class_="prompt")
    if len(prompt) <= _LONGEST:
        return shown
    before = tag("p", prompt[:-_LONGEST], lang=code, dir="auto", class_="prompt")
    return tag("div", tag("details", tag("summary", "what stands before"), before), shown)


def _choices(code: str, item: dict[str, Any], one: pd.Series | None) -> Markup:
    rows = []
    for place, choice in enumerate(item["choices"]):
        said = {"right answer": item["answer"]}
        if one is not None:
            said |= {"said without the patch": one.said_before, "said with it": one.said_after}
        marks = [name for name, which in said.items() if which == place]
        rows.append(
            tag(
                "li",
                tag("span", str(choice), lang=code, dir="auto"),
                *([" ", tag("span", ", ".join(marks), class_="mark")] if marks else []),
                class_="right" if place == item["answer"] else None,
            )
        )
    return tag("ol", *rows, class_="choices", dir=direction(" ".join(map(str, item["choices"]))))


def direction(text: str) -> str:
    """Which way text runs: that of its first letter that has a direction."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    first = next((kind for kind in kinds if kind in ("L", "R", "AL")), "L")
    return "ltr" if first == "L" else "rtl"


def _generated(code: str, item: dict[str, Any], one: pd.Series | None) -> Markup:
    said = [("accepted", " / ".join(map(str, item["answers"])))]
    if one is not None:
        said += [("said without the patch", str(one.said_before)), ("said with it", str(one.said_after))]
    parts = [tag("div", tag("dt", name), tag("dd", words, lang=code, dir="auto")) for name, words in said]
    return tag("dl", *parts, class_="said")

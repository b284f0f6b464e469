"""The test items that the chosen patch turned, as people read them: both languages, before and after."""

import unicodedata
from typing import Any

import pandas as pd

from workbench.core.numbers import signed
from workbench.figures.markup import Child, Markup, count, language, records, table, tag
from workbench.results import Part

NO_ITEMS = "The folder holds no items.parquet, so what they say is not known."
_LONGEST = 420
"""Characters of a prompt that are shown at once: its end, where the question stands."""
_CLIPPED = 90
"""Characters of it in the row of a table."""
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
            "group": clean.group if "group" in clean else None,
        }
    )


def _answer(row: dict[str, Any]) -> int | str | None:
    """What the model answered: the place of a choice, or text."""
    if pd.notna(row["prediction"]):
        return int(row["prediction"])
    return str(row["generated"]) if pd.notna(row["generated"]) else None


def flipped(part: Part) -> Markup | None:
    """How many items stayed and changed, and all that changed."""
    items = turned(part)
    if items is None:
        return None
    counts = items.groupby(["before", "after"]).size()
    gained, lost, right, wrong = (
        int(counts.get(key, 0)) for key in ((False, True), (True, False), (True, True), (False, False))
    )
    said = (
        f"Of {count(len(items), 'test item')}, {gained:,} became right and {lost:,} became wrong; {right:,} "
        f"stayed right, {wrong:,} stayed wrong."
    )
    return tag("div", tag("p", said), changed(part, items))


def changed(part: Part, items: pd.DataFrame) -> Markup:
    """A row for each item that became right or wrong, the largest change of margin first."""
    items = items[items.after != items.before]
    if items.empty:
        return tag("p", "No item changed.")
    if part.items is None:
        return tag("p", NO_ITEMS)
    items = items.sort_values("margin", key=abs, ascending=False, kind="stable")
    known = _texts(part, items)
    rows = [_row(part, known, str(example), row) for example, row in items.iterrows()]
    heads = ["item", "change", "question (opens: both languages)", "right answer", "without the patch"]
    caption = "Items that changed, those with the largest change in margin first"
    made = table(caption, [*heads, "with it", "margin (nats)"], rows, words=6, class_="items")
    return tag("div", made, class_="changed")


def both_languages(part: Part, items: pd.DataFrame) -> list[Markup]:
    """What each item says in the languages of the pair, and what was answered; none without their texts."""
    known = _texts(part, items)
    return [_sides(part, known, str(example), row) for example, row in items.iterrows()] if known else []


def _texts(part: Part, items: pd.DataFrame) -> dict[tuple[str, str], Any]:
    if part.items is None:
        return {}
    texts = part.items.assign(example=part.items.example.astype(str)).drop_duplicates(["example", "language"])
    texts = texts[texts.example.isin(list(map(str, items.index)))]
    return {(row["example"], row["language"]): row for row in records(texts)}


def _sides(part: Part, known: dict[tuple[str, str], Any], example: str, row: pd.Series) -> Markup:
    codes = dict.fromkeys(filter(None, (part.source, part.target)))
    sides = [_side(code, known.get((example, code)), row if code == part.source else None) for code in codes]
    return tag("div", *sides, class_="sides")


def _row(part: Part, known: dict[tuple[str, str], Any], example: str, row: pd.Series) -> list[Child]:
    item = known.get((example, part.source or ""))
    asked = "not known" if item is None else str(item["prompt"]).strip()
    clipped = asked if len(asked) <= _CLIPPED else f"…{asked[-_CLIPPED:]}"
    change = tag("b", "became right") if row.after else tag("i", "became wrong")
    answers = [None, row.said_before, row.said_after] if item is None else _said(item, row)
    return [
        example,
        change,
        tag("details", tag("summary", _text(clipped, part.source)), _sides(part, known, example, row)),
        *(_text(answer, part.source) for answer in answers),
        signed(row.margin, 2),
    ]


def _text(text: str | None, code: str | None) -> Markup:
    """Text of a language, which runs its own way (bdi) wherever it stands."""
    return tag("bdi", text, lang=code)


def _said(item: dict[str, Any], row: pd.Series) -> list[str]:
    """The right answer, and those without and with the patch, in words."""
    choices = item["choices"]
    if not len(choices):
        return [" / ".join(map(str, item["answers"])), str(row.said_before), str(row.said_after)]
    places = (item["answer"], row.said_before, row.said_after)
    return [str(choices[int(place)]).strip() if pd.notna(place) else "" for place in places]


def _side(code: str, item: dict[str, Any] | None, row: pd.Series | None) -> Markup:
    heading = tag("p", language(code), class_="side")
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
        mark: Child = [" ", tag("span", marks, class_="mark")] if marks else None
        rows.append(
            tag("li", _text(str(choice), code), mark, class_="right" if place == item["answer"] else None)
        )
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

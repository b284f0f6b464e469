"""The panel's words as HTML: the verdict, the numbers of a layer, the items that flipped. All escaped."""

from typing import Any

import pandas as pd

from workbench.core.numbers import between, plain, signed
from workbench.figures.markup import Child, Markup, count, language, raw, table, tag, words
from workbench.panel.explored import Explored
from workbench.report.detail import details
from workbench.report.examples import direction

SHOWN = 5
"""Flipped items of each kind."""
_LONGEST = 300
"""Characters of a prompt that are shown: its end, where the question stands."""
_STYLE = """
.wb { line-height: 1.45; max-width: 75em; color: var(--jp-ui-font-color1, inherit); }
.wb table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.wb caption { text-align: start; opacity: .8; padding: .3em 0; }
.wb th, .wb td { text-align: start; vertical-align: top; padding: .2em 1em .2em 0; }
.wb tr { border-bottom: 1px solid #8884; }
.wb th { font-weight: 600; }
.wb tbody th { font-weight: 400; }
.wb .num { text-align: end; }
.wb .items td { min-width: 7em; max-width: 28em; overflow-wrap: anywhere; unicode-bidi: plaintext; }
.wb .said { white-space: pre-wrap; unicode-bidi: plaintext; text-align: start; }
.wb .muted { opacity: .8; }
.wb .here { font-weight: 700; }
.wb h4, .wb h5 { margin: .7em 0 .3em; font-size: 1em; }
.wb summary { cursor: pointer; margin: .4em 0; }
.wb .scroll { overflow-x: auto; }
"""


def _boxed(*children: Child) -> str:
    return str(tag("div", tag("style", raw(_STYLE)), *children, class_="wb"))


def headline(seen: Explored) -> str:
    """The verdict in words, and what the panel is for."""
    found = seen.part.verdict.get("sentence")
    said = tag("b", found) if found else tag("span", "No verdict is written in this folder.")
    jointly = f" The chosen patch is at layers {seen.part.jointly}." if seen.part.jointly else ""
    about = (
        "Exploratory, on dev: the best of many cells is optimistically biased. Click a cell "
        f"of the heatmap or a point of the curve to see its layer.{jointly}"
    )
    return _boxed(tag("div", said, dir="auto"), tag("div", about, class_="muted"))


def looked_at(seen: Explored, aligner: str, layer: int, label: str) -> str:
    """The configuration at a layer in one line: its gain on dev, and on test where it is the chosen one."""
    configuration = seen.at(aligner, layer, label)
    if configuration is None:
        gain = "not tried"
    else:
        interval = between(configuration.low, configuration.high)
        gain = f"gain on dev {signed(configuration.gain)} {interval}, exploratory"
    frozen = seen.frozen(aligner)
    if frozen is not None and seen.chosen(aligner) == (layer, label):
        test = f"{signed(frozen.gain)} {between(frozen.gain_low, frozen.gain_high)}, n = {int(frozen.n)}"
        gain += f"; chosen on dev, and on test {test}"
    return _boxed(tag("h4", f"Layer {layer}: {words(aligner)}, {label}"), tag("div", gain))


def similarities(seen: Explored, layer: int, measure: str | None) -> str:
    """Every measure at a layer, the one looked at in bold."""
    found = seen.part.tables.get("similarity")
    if found is None:
        return _boxed(tag("p", "The folder holds no table similarity."))
    here = found[(found.layer == layer).fillna(False)]
    rows: list[list[Child]] = [
        [
            tag("span", words(one.measure), class_="here" if one.measure == measure else None),
            plain(one.value),
            between(one.low, one.high),
            str(one.note or ""),
        ]
        for one in here.itertuples()
    ]
    return _boxed(
        table(f"How alike the languages are at layer {layer}", ["measure", "value", "95 %", ""], rows)
    )


def no_grid(seen: Explored) -> str:
    """How to get the rows of the grid."""
    return note(
        "Layer against layer is not in the folder. It is written by: workbench measure "
        f"{seen.part.model} --pair {seen.part.pair} --grid --out FOLDER (with the study's --text); then "
        "explore(run, FOLDER)."
    )


def note(text: str) -> str:
    """What stands where a figure would."""
    return _boxed(tag("p", text, class_="muted"))


def numbers(seen: Explored, layer: int) -> str:
    """All that the tables hold of a layer, closed until it is opened."""
    made = [
        table(one["caption"], one["heads"], one["rows"]) for one in details(seen.part).get(str(layer), [])
    ]
    return _boxed(tag("details", tag("summary", f"All numbers of layer {layer}"), *made)) if made else ""


def flips(seen: Explored, aligner: str, layer: int, label: str) -> str:
    """Items that became right, and that became wrong, in both languages."""
    found = seen.turned(aligner, layer, label)
    if found is None:
        return note(
            "Which items flipped is not known: the folder has no sweep.parquet with this configuration."
        )
    test = seen.is_chosen(aligner, layer, label)
    split = "test items" if test else "dev items, exploratory"
    right, after = found.before, found.after
    parts = [
        _kind(seen, "became right", found[~right & after], best_first=True),
        _kind(seen, "became wrong", found[right & ~after], best_first=False),
    ]
    said = f"Of {len(found):,} {split}: {int((~right & after).sum()):,} became right, "
    said += f"{int((right & ~after).sum()):,} wrong"
    return _boxed(tag("h4", "Items that flipped"), tag("div", said), *parts)


def _kind(seen: Explored, name: str, some: pd.DataFrame, best_first: bool) -> Markup:
    heading = tag("h5", f"{name.capitalize()}: {count(len(some), 'item')}")
    if some.empty:
        return tag("div", heading)
    if seen.part.items is None:
        return tag("div", heading, tag("p", "The folder holds no items.parquet: what they say is not known."))
    first = some.sort_values("margin", ascending=not best_first, kind="stable").head(SHOWN)
    cut = f"The {len(first)} whose margin changed most: examples, no fair sample."
    codes = [code for code in dict.fromkeys((seen.part.source, seen.part.target)) if code]
    heads = ["item", *map(language, codes), "right answer", "without the patch", "with it"]
    rows = [_item(seen, str(example), one, codes) for example, one in first.iterrows()]
    about = cut if len(some) > len(first) else ""
    return tag("div", heading, table(about, heads, rows, words=len(heads), class_="items"))


def _item(seen: Explored, example: str, one: pd.Series, codes: list[str]) -> list[Child]:
    known = {code: _said_by(seen, example, code) for code in codes}
    own = known.get(str(seen.part.source))
    answers = (_right(own), one.said_before, one.said_after)
    prompts = [_text(code, None if item is None else str(item["prompt"])) for code, item in known.items()]
    return [example, *prompts, *(_text(str(seen.part.source), _answer(own, said)) for said in answers)]


def _said_by(seen: Explored, example: str, code: str) -> dict[str, Any] | None:
    items = seen.part.items
    assert items is not None, "asked for only where there are items"
    found = items[(items.example.astype(str) == example) & (items.language == code)]
    return None if found.empty else {str(key): value for key, value in found.iloc[0].items()}


def _right(item: dict[str, Any] | None) -> int | str | None:
    if item is None:
        return None
    return int(item["answer"]) if len(item["choices"]) else " / ".join(map(str, item["answers"]))


def _answer(item: dict[str, Any] | None, said: Any) -> str | None:
    """A choice by its place as its text; text as it is."""
    if said is None or (not isinstance(said, str) and pd.isna(said)):
        return None
    if isinstance(said, str):
        return said
    return str(item["choices"][int(said)]) if item is not None else f"choice {int(said) + 1}"


def _text(code: str, text: str | None) -> Markup:
    if text is None:
        return tag("span", "–", class_="muted")
    cut = text if len(text) <= _LONGEST else f"… {text[-_LONGEST:]}"
    return tag("div", cut, lang=code, dir=direction(text), class_="said")

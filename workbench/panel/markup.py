"""The panel's words as HTML: the verdict, the numbers of a layer, the items that flipped. All escaped."""

from typing import Any

import pandas as pd

from workbench.core.numbers import between, plain, signed
from workbench.figures.markup import Child, Markup, count, language, raw, records, table, tag, words
from workbench.panel.views import StudyView
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


def headline(study: StudyView) -> str:
    """The verdict in words, and what the panel is for."""
    sentence = study.part.verdict.get("sentence")
    verdict = tag("b", sentence) if sentence else tag("span", "No verdict is written in this folder.")
    jointly = f" The chosen patch is at layers {study.part.jointly}." if study.part.jointly else ""
    about = (
        "Exploratory, on dev: the best of many cells is optimistically biased. Click a cell "
        f"of the heatmap or a point of the curve to see its layer.{jointly}"
    )
    return _boxed(tag("div", verdict, dir="auto"), tag("div", about, class_="muted"))


def looked_at(study: StudyView, aligner: str, layer: int, label: str) -> str:
    """The configuration at a layer in one line: its gain on dev, and on test where it is the chosen one."""
    configuration = study.at(aligner, layer, label)
    gain = "not tried"
    if configuration is not None:
        interval = between(configuration.low, configuration.high)
        gain = f"gain on dev {signed(configuration.gain)} {interval}, exploratory"
    frozen = study.frozen(aligner)
    if frozen is not None and study.chosen(aligner) == (layer, label):
        test = f"{signed(frozen.gain)} {between(frozen.gain_low, frozen.gain_high)}, n = {int(frozen.n)}"
        gain += f"; chosen on dev, and on test {test}"
    return _boxed(tag("h4", f"Layer {layer}: {words(aligner)}, {label}"), tag("div", gain))


def similarities(study: StudyView, layer: int, measure: str | None) -> str:
    """Every measure at a layer, the one looked at in bold."""
    similarity = study.part.tables.get("similarity")
    if similarity is None:
        return _boxed(tag("p", "The folder holds no table similarity."))
    rows: list[list[Child]] = [
        [
            tag("span", words(row["measure"]), class_="here" if row["measure"] == measure else None),
            plain(row["value"]),
            between(row["low"], row["high"]),
            str(row["note"] or ""),
        ]
        for row in records(similarity[(similarity.layer == layer).fillna(False)])
    ]
    caption = f"How alike the languages are at layer {layer}"
    return _boxed(table(caption, ["measure", "value", "95 %", ""], rows))


def no_grid(study: StudyView) -> str:
    """How to get the rows of the grid."""
    return note(
        "Layer against layer is not in the folder. It is written by: workbench measure "
        f"{study.part.model} --pair {study.part.pair} --grid --out FOLDER (with the study's --text); then "
        "explore(run, FOLDER)."
    )


def note(text: str) -> str:
    """What stands where a figure would."""
    return _boxed(tag("p", text, class_="muted"))


def numbers(study: StudyView, layer: int) -> str:
    """All that the tables hold of a layer, closed until it is opened."""
    tables = [
        table(one["caption"], one["heads"], one["rows"]) for one in details(study.part).get(str(layer), [])
    ]
    if not tables:
        return ""
    return _boxed(tag("details", tag("summary", f"All numbers of layer {layer}"), *tables))


def flips(study: StudyView, aligner: str, layer: int, label: str) -> str:
    """Items that became right, and that became wrong, in both languages."""
    items = study.turned(aligner, layer, label)
    if items is None:
        return note(
            "Which items flipped is not known: the folder has no sweep.parquet with this configuration."
        )
    test = study.is_chosen(aligner, layer, label)
    split = "test items" if test else "dev items, exploratory"
    right, wrong = items[~items.before & items.after], items[items.before & ~items.after]
    counts = f"Of {len(items):,} {split}: {len(right):,} became right, {len(wrong):,} wrong"
    kinds = _kind(study, "Became right", right, False), _kind(study, "Became wrong", wrong, True)
    return _boxed(tag("h4", "Items that flipped"), tag("div", counts), *kinds)


def _kind(study: StudyView, name: str, flipped: pd.DataFrame, ascending: bool) -> Markup:
    heading = tag("h5", f"{name}: {count(len(flipped), 'item')}")
    if flipped.empty:
        return tag("div", heading)
    if study.part.items is None:
        return tag("div", heading, tag("p", "The folder holds no items.parquet: what they say is not known."))
    first = flipped.sort_values("margin", ascending=ascending, kind="stable").head(SHOWN)
    cut = f"The {len(first)} whose margin changed most: examples, no fair sample."
    codes = [code for code in dict.fromkeys((study.part.source, study.part.target)) if code]
    heads = ["item", *map(language, codes), "right answer", "without the patch", "with it"]
    items = study.part.items.astype({"example": str}).drop_duplicates(["example", "language"])
    shown = records(items[items.example.isin(list(map(str, first.index)))])
    texts = {(row["example"], row["language"]): row for row in shown}
    source, rows = str(study.part.source), []
    for example, row in first.iterrows():
        asked = {code: texts.get((str(example), code)) for code in codes}
        own = asked.get(source)
        answers = (_answer(own, said) for said in (_right(own), row.said_before, row.said_after))
        prompts = (_text(code, None if item is None else str(item["prompt"])) for code, item in asked.items())
        rows.append([str(example), *prompts, *(_text(source, answer) for answer in answers)])
    about = cut if len(flipped) > len(first) else ""
    return tag("div", heading, table(about, heads, rows, words=len(heads), class_="items"))


def _right(item: Any) -> int | str | None:
    if item is None:
        return None
    return int(item["answer"]) if len(item["choices"]) else " / ".join(map(str, item["answers"]))


def _answer(item: Any, said: Any) -> str | None:
    """A choice by its place as its text; text as it is."""
    if isinstance(said, str):
        return said
    if pd.isna(said):
        return None
    return f"choice {int(said) + 1}" if item is None else str(item["choices"][int(said)])


def _text(code: str, text: str | None) -> Markup:
    if text is None:
        return tag("span", "–", class_="muted")
    cut = text if len(text) <= _LONGEST else f"… {text[-_LONGEST:]}"
    return tag("div", cut, lang=code, dir=direction(text), class_="said")

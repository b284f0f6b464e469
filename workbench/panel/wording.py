"""What the panel says of a study, a layer, an item and a sentence, as HTML: all text is escaped."""

from pathlib import Path

import pandas as pd

from workbench.core.numbers import between, interval, plain, signed
from workbench.figures.markup import Child, Markup, count, language, records, table, tag, words
from workbench.panel.views import Place, StudyView, alpha
from workbench.report.detail import details
from workbench.report.examples import NO_ITEMS, both_languages

_STYLE = Markup(Path(__file__).with_name("panel.css").read_text(encoding="utf-8"))
_LISTED = 15
"""Items of a kind that are listed."""
SPLITS = {"dev": "dev items, exploratory", "test": "test items"}


def _boxed(*children: Child) -> str:
    return tag("div", tag("style", _STYLE), *children, class_="wb")


def headline(study: StudyView) -> str:
    """The verdict in words, and what the panel is for."""
    sentence = study.part.verdict.get("sentence")
    verdict = tag("b", sentence) if sentence else tag("span", "No verdict is written in this folder.")
    jointly = f" The chosen patch is at layers {study.part.jointly}." if study.part.jointly else ""
    about = (
        "Exploratory, on dev: the best of many cells is optimistically biased. Click a cell of the map or a "
        f"point of a curve to open its layer.{jointly}"
    )
    return _boxed(tag("div", verdict, dir="auto"), tag("div", about, class_="muted"))


def looked_at(study: StudyView, place: Place) -> str:
    """A place in one line: its gain on dev, and on test where it is what its aligner chose."""
    configuration = study.configuration(place)
    gain = "not tried"
    if configuration is not None:
        ends = (configuration.gain, configuration.low, configuration.high)
        gain = f"gain on dev {interval(*ends)}, exploratory"
    if study.is_chosen(place):
        frozen = study.frozen(place.method)
        ends = (frozen.gain, frozen.gain_low, frozen.gain_high)
        gain += f"; chosen on dev, and on test {interval(*ends)}, n = {int(frozen.n)}"
    name = f"Layer {place.layer}: {place.method.title}{alpha(place.strength)}"
    return _boxed(tag("h4", name), tag("div", gain))


def similarities(study: StudyView, layer: int, measure: str | None) -> str:
    """Every measure at a layer, the one looked at in bold."""
    here = study.similarity[study.similarity.place == layer]
    if here.empty:
        return note(f"The folder holds no similarity at layer {layer}.")
    rows: list[list[Child]] = [
        [
            tag("span", words(row["measure"]), class_="here" if row["measure"] == measure else None),
            plain(row["value"]),
            between(row["low"], row["high"]),
            str(row["note"] or ""),
        ]
        for row in records(here)
    ]
    caption = f"How alike the languages are at layer {layer}"
    return _boxed(table(caption, ["measure", "value", "95 %", ""], rows))


def no_grid(study: StudyView) -> str:
    """How to get the rows of the grid."""
    return (
        "Layer against layer is not in the folder. It is written by: workbench measure "
        f"{study.part.model} --pair {study.part.pair} --grid --out FOLDER (with the study's --text); then "
        "explore(run, FOLDER)."
    )


def note(text: str) -> str:
    """What stands where a figure would."""
    return _boxed(tag("p", text, class_="muted"))


def numbers(study: StudyView, layer: int) -> str:
    """All that the tables hold of a layer."""
    tables = [
        table(one["caption"], one["heads"], one["rows"]) for one in details(study.part).get(str(layer), [])
    ]
    return _boxed(*tables) if tables else note(f"Layer {layer} was not patched.")


# Items and sentences -----------------------------------------------------------------------------


def flips(study: StudyView, place: Place, entry: str | None = None) -> tuple[str, str | None]:
    """The items that a patch turned as buttons, that of `entry` pressed; the entry, or else the first."""
    parts: list[Child] = []
    for split, of in SPLITS.items():
        if (items := study.turned(place, split)) is None:
            continue
        right = items[items.after & ~items.before].sort_values("margin", ascending=False, kind="stable")
        wrong = items[items.before & ~items.after].sort_values("margin", kind="stable")
        entry = entry or next((f"{split}:{example}" for example in (*right.index, *wrong.index)), None)
        counts = f"Of {len(items):,} {of}: {len(right):,} became right, {len(wrong):,} wrong"
        parts += [
            tag("h5", counts),
            *(_buttons(split, name, rows, entry) for name, rows in (("right", right), ("wrong", wrong))),
        ]
    if not parts:
        return note(
            "Which items flipped is not known: the folder has no sweep.parquet with this configuration."
        ), entry
    about = (
        f"Items that flip at layer {place.layer}, with the change of their margin in nats. Click one to see "
        "it at every layer."
    )
    return _boxed(tag("p", about, class_="muted"), *parts), entry


def _buttons(split: str, name: str, rows: pd.DataFrame, entry: str | None) -> Markup | None:
    if rows.empty:
        return None
    buttons: list[Child] = [
        tag(
            "button",
            f"{example} ",
            tag("span", signed(row.margin, 1) if pd.notna(row.margin) else "", class_="mark"),
            type="button",
            data_entry=f"{split}:{example}",
            aria_pressed=str(f"{split}:{example}" == entry).lower(),
        )
        for example, row in rows.head(_LISTED).iterrows()
    ]
    more = f" and {count(len(rows) - _LISTED, 'more item')}" if len(rows) > _LISTED else ""
    return tag("p", tag("span", f"became {name}: "), *buttons, more, class_="entries")


def item(study: StudyView, place: Place, entry: str) -> str:
    """One item: what it says in both languages, and what became of it at a place."""
    split, _, example = entry.partition(":")
    items = study.turned(place, split)
    if items is None or example not in items.index:
        return note(f"Item {example} was not run with this patch.")
    row = items.loc[[example]]
    before, after = bool(row.before.iloc[0]), bool(row.after.iloc[0])
    name = ("stays " if before == after else "becomes ") + ("right" if after else "wrong")
    head = tag("h5", f"Item {example} ", tag("span", f"{name} at layer {place.layer}", class_="muted"))
    return _boxed(head, *(both_languages(study.part, row) or [tag("p", NO_ITEMS)]))


def no_layers(entry: str) -> str:
    """Why an item has no map."""
    if entry.startswith("test:"):
        return "A test item is scored with the chosen patches alone; dev items have every layer."
    return "The folder has no dev rows of this item."


def sentence(study: StudyView, number: int) -> str:
    """A sentence of the text in both languages."""
    codes = [str(code) for code in (study.part.source, study.part.target)]
    said = {code: study.sentence(number, code) for code in codes}
    if not any(said.values()):
        return note(f"Sentence {number}: the folder holds no text.parquet with it.")
    sides = [
        tag("div", tag("h6", language(code)), tag("p", text, lang=code, dir="auto", class_="prompt"))
        for code, text in said.items()
        if text is not None
    ]
    return _boxed(tag("h5", f"Sentence {number}"), tag("div", *sides, class_="sides"))

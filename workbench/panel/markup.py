"""The panel's words as HTML: the verdict, the numbers of a layer, the items that flipped. All escaped."""

from pathlib import Path

from workbench.core.numbers import between, plain, signed
from workbench.figures.markup import Child, Markup, records, table, tag, words
from workbench.panel.views import StudyView
from workbench.report.detail import details
from workbench.report.examples import cards

_STYLE = Markup(Path(__file__).with_name("panel.css").read_text(encoding="utf-8"))


def _boxed(*children: Child) -> str:
    return tag("div", tag("style", _STYLE), *children, class_="wb")


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
    return (
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
    split = "test items" if study.is_chosen(aligner, layer, label) else "dev items, exploratory"
    right, wrong = (items.after & ~items.before).sum(), (items.before & ~items.after).sum()
    counts = f"Of {len(items):,} {split}: {right:,} became right, {wrong:,} wrong"
    return _boxed(tag("h4", "Items that flipped"), tag("div", counts), *cards(study.part, items))

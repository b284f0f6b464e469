"""Descriptions as tables whose cells are coloured: aligners by layers, pairs by layers, similarities."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from workbench.core.numbers import plain, signed
from workbench.figures import Cells, NothingToShow, headlines, make_spec
from workbench.figures.frames import component
from workbench.figures.kinds.states import FIRST
from workbench.figures.look import step_of
from workbench.figures.markup import Child, Markup, count, scrolling, short, tag, words
from workbench.results import Part

STAR = "★"
Drawn = Callable[[int, int], Markup]
"""From row and column to a cell."""


def reach_of(parts: Iterable[Part]) -> float:
    """The largest gain or loss shown of any part: one scale for the whole report."""
    found = [spec.scale.high for part in parts if (spec := _methods(part)) is not None and spec.scale]
    return max(found, default=1.0)


def methods_by_layers(part: Part, place: int, reach: float) -> Markup | None:
    """Every aligner and formula at one strength: that of its choice, or else its largest."""
    spec = _methods(part)
    if spec is None or not isinstance(panel := spec.panels[0], Cells):
        return None
    labels = [_label(name, notes) for name, notes in zip(panel.rows, panel.notes, strict=True)]
    about = (_caption(part), f"map-{place}")
    owners = [(part, place)] * len(panel.rows)
    return _gains(panel, labels, owners, about, "aligner and formula", (reach, "the chosen patch"))


def pairs_by_layers(parts: Sequence[Part], reach: float) -> Markup | None:
    """The headline's patch for each pair and task, one row each."""
    shown = [(part, at) for at, part in enumerate(parts) if _has_headline(part)]
    tables = [_with_keys(part) for part, _ in shown]
    try:
        frames = {name: pd.concat([one[name] for one in tables]) for name in ("exploration", "selection")}
        (panel,) = headlines(frames).panels
    except (NothingToShow, ValueError):
        return None
    assert isinstance(panel, Cells), "headlines are cells"
    labels: list[Child] = [tag("a", part.title, href=f"#part-{place}") for part, place in shown]
    caption: Child = [
        tag("b", "Gain in accuracy over the unpatched run, on dev (exploratory). "),
        "Each pair and task with the aligner that its study is about, at the strength chosen.",
    ]
    starred = (reach, "the patch chosen for each")
    return _gains(panel, labels, shown, (caption, "map-all"), "pair and task", starred)


def _has_headline(part: Part) -> bool:
    best = part.headline
    return best is not None and _methods(part) is not None and best.aligner in set(_swept(part).aligner)


def _swept(part: Part) -> pd.DataFrame:
    """The configurations of one layer each."""
    table = part.tables["exploration"]
    return table[table.joint == "one"]


def with_rows(exploration: pd.DataFrame) -> pd.DataFrame:
    """Each configuration with its place among those of its layer: how cells find their numbers."""
    return exploration.assign(key=exploration.groupby("layer").cumcount())


def _with_keys(part: Part) -> dict[str, pd.DataFrame]:
    return {**part.tables, "exploration": with_rows(part.tables["exploration"])}


def _methods(part: Part) -> Any:
    """The figure `aligners` of a part; None where it has no gains by layer."""
    if "exploration" not in part.tables or _swept(part).empty:
        return None
    return make_spec("aligners", _with_keys(part))


def _gains(
    panel: Cells,
    labels: Sequence[Child],
    owners: Sequence[tuple[Part, int]],
    about: tuple[Child, str],
    corner: str,
    starred: tuple[float, str],
) -> Markup:
    """Cells that open their layer; `starred` is the scale's length, and what a star stands for."""

    def drawn(row: int, column: int) -> Markup:
        value, (part, place) = panel.values[row][column], owners[row]
        if value is None:
            return _unseen()
        best, layer = part.headline, panel.columns[column]
        chosen = best is not None and str(part.layer) == layer and _is(best, panel.notes[row][column])
        marks: list[Child] = [short(value)]
        if chosen and best is not None:
            marks = [tag("b", STAR, " ", short(value)), tag("small", f"test {short(best.gain)}")]
        inside = panel.hatched[row][column]
        classes = [step_of(value, starred[0]), "in" if inside else None, "best" if chosen else None]
        return tag(
            "td",
            *marks,
            class_=" ".join(filter(None, classes)),
            data_part=place,
            data_layer=layer,
            data_row=panel.keys[row][column],
        )

    return _heatmap(panel, labels, about, corner, drawn, _legend(*starred))


def _is(best: pd.Series, note: tuple[str, ...]) -> bool:
    """Whether a cell's note is about the configuration that was chosen."""
    return note[0] == f"{best.aligner}, {best.intervention}, α = {best.strength:g}"


def _heatmap(
    panel: Cells,
    labels: Sequence[Child],
    about: tuple[Child, str],
    corner: str,
    drawn: Drawn,
    legend: Markup | None = None,
) -> Markup:
    """`about` is what the heatmap shows, and the id of that text."""
    names = panel.columns
    heads = [tag("th", corner, scope="col"), *(tag("th", name, scope="col") for name in names)]
    body = [
        tag("tr", tag("th", label, scope="row"), *(drawn(row, column) for column in range(len(names))))
        for row, label in enumerate(labels)
    ]
    # A header over the layers, so that the numbers say what they are.
    over = tag("th", panel.column_title, colspan=len(names), scope="colgroup")
    table = tag(
        "table",
        tag("thead", tag("tr", tag("td"), over), tag("tr", *heads)),
        tag("tbody", *body),
        class_="heat" if len(names) <= 16 else "heat many",
        aria_labelledby=about[1],
    )
    caption = tag("p", about[0], id=about[1], class_="caption")
    return tag("div", caption, scrolling(table, "Heatmap, scrolls sideways"), legend, class_="heatmap")


def _unseen() -> Markup:
    return tag("td", tag("span", "not measured", class_="unseen"))


def _label(name: str, notes: Sequence[tuple[str, ...]]) -> Child:
    """Aligner, with a star for a control, then formula and strength, which the notes of its cells name."""
    first = next((lines[0] for lines in notes if lines), name)
    aligner, _, formula = first.partition(", ")
    star = "*" * name.partition(",")[0].endswith("*")
    return [words(aligner), star, " ", tag("small", words(formula.replace(", α =", "")))]


def _caption(part: Part) -> Child:
    n = int(part.tables["exploration"].n.iloc[0])
    return [
        tag("b", "Gain in accuracy over the unpatched run, on dev (exploratory). "),
        f"{part.model}, {part.title}, {count(n, 'dev item')}; each row at the strength chosen for it on dev. "
        "* is a control.",
        f" The chosen patch is at layers {part.jointly}, so no cell has a star." if part.jointly else None,
    ]


def _legend(reach: float, starred: str) -> Markup:
    scale = [
        tag("span", signed(share * reach, 2), class_=step_of(share * reach, reach))
        for share in (-1.0, -0.5, 0.0, 0.5, 1.0)
    ]
    return tag(
        "p",
        tag("span", *scale, class_="scale"),
        tag(
            "span",
            tag("span", plain(0.3 * reach, 2), class_="in p3 sample"),
            " paler and hatched: inside the "
            "simultaneous 95 % band, which holds 0; no effect of this cell alone is shown",
            class_="key",
        ),
        tag(
            "span",
            tag("span", STAR, class_="best sample"),
            f" {starred}, with its gain on test",
            class_="key",
        ),
        class_="legend",
    )


def similarity_maps(parts: Sequence[Part]) -> Markup | None:
    """A row for each pair, a column for each layer; without similarities, the held-out R² of the maps."""
    tables = [part.tables["similarity"] for part in parts if "similarity" in part.tables]
    about = "on held-out sentences"
    if not tables:
        names = {"aligner": "measure", "r2": "value", "n_held_out": "n"}
        fits = [part.tables["fit"].rename(columns=names) for part in parts if "fit" in part.tables]
        tables, about = [table.assign(low=None, high=None) for table in fits], f"R² {about}"
    if not tables:
        return None
    whole = pd.concat(tables, ignore_index=True).drop_duplicates(["pair", "measure", "site"])
    whole = whole[whole.value.notna()]
    names_of = list(dict.fromkeys(map(str, whole.measure)))
    # The others are a click away.
    first = next((name for name in FIRST if name in names_of), names_of[0] if names_of else "")
    drawn = {name: _similarities(whole[whole.measure == name], about, name) for name in names_of}
    others = [drawn[name] for name in names_of if name != first]
    more = tag("details", tag("summary", f"{len(others)} more"), *others) if others else None
    return tag("div", drawn.get(first), more)


def _similarities(table: pd.DataFrame, about: str, name: str) -> list[Markup]:
    """One measure of each component: its figure `similarity` as a table."""
    kinds = table.site.map(component)
    components = [kind for kind in dict.fromkeys(kinds) if kind != "embed"] or ["embed"]
    made = []
    for kind in components:
        some = table[kinds.isin([kind, "embed"])]
        (panel,) = make_spec("similarity", {"similarity": some}).panels
        assert isinstance(panel, Cells), "similarities are cells"
        where = f" of {words(kind)}" if len(components) > 1 else ""
        n = ", ".join(str(int(n)) for n in dict.fromkeys(some.n))
        title = tag("b", f"{words(name)} {about}{where}, by pair and layer. ")
        caption: Child = [title, f"n = {n}; “emb” is the embedding."]
        ident = f"alike-{name}" + (f"-{kind}" if len(components) > 1 else "")
        made.append(_heatmap(panel, panel.rows, (caption, ident), "pair", _alike(panel)))
    return made


def _alike(panel: Cells) -> Drawn:
    known = [abs(max(value, -1.0)) for row in panel.values for value in row if value is not None]
    reach = max(1.0, *known) if known else 1.0

    def drawn(row: int, column: int) -> Markup:
        value = panel.values[row][column]
        if value is None:
            return _unseen()
        about = "\n".join(panel.notes[row][column])
        class_ = step_of(max(value, -1.0), reach)
        return tag("td", short(value).removeprefix("+"), class_=class_, title=about)

    return drawn

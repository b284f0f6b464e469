"""Which language the logit lens reads at every layer: bands of the share of probability."""

import pandas as pd

from workbench.figures.frames import NothingToShow, layer_axis, number, parts, places, residual, said, span
from workbench.figures.spec_parts import Axis, Plot, Series, Spec
from workbench.figures.tables_in import Frames

OWN, OTHER = "lens_share_own", "lens_share_other"


def spec(frames: Frames) -> Spec:
    """Own tokens, the other language's, and the rest, stacked; a panel for each pair and language."""
    table = residual(frames["geometry"])
    table = table[table.measure.isin([OWN, OTHER]) & table.value.notna()]
    if table.empty:
        raise NothingToShow("figure lens: the table geometry holds no lens_share_own")
    table = table.assign(place=places(table))
    panels = []
    for title, named, mine in parts(table, ["model", "pair", "language"]):
        wide = mine.pivot_table(index="place", columns="measure", values="value").sort_index()
        if not {OWN, OTHER} <= set(wide.columns):
            continue
        wide = wide[wide[OWN].notna() & wide[OTHER].notna()]
        panels.append(Plot(title or named["language"], layer_axis(table.place), _SHARE, tuple(_bands(wide))))
    same = said(table, ["model", "pair"])
    return Spec(
        kind="lens",
        title="Which language the logit lens reads",
        subtitle=f"{same + ': ' if same else ''}share of probability, "
        f"held-out sentences, n = {span(table.n)}; panels are the languages read",
        panels=tuple(panels),
        footer="Own and other: tokens that only that language of the pair uses in the text; "
        "rest: all others.",
    )


_SHARE = Axis("share of probability", range=(0.0, 1.0))


def _bands(wide: pd.DataFrame) -> list[Series]:
    x = tuple(map(float, wide.index))
    own, other = (wide[name].clip(0, 1).astype(float) for name in (OWN, OTHER))
    edges = [own * 0, own, (own + other).clip(upper=1), own * 0 + 1]
    return [
        Series(
            name,
            x,
            tuple(number(value) for value in high - low),
            tuple(map(number, low)),
            tuple(map(number, high)),
            look="area",
            slot=slot,
        )
        for slot, (name, low, high) in enumerate(
            zip(("own", "other", "rest"), edges[:-1], edges[1:], strict=True)
        )
    ]

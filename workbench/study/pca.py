"""Where sentences lie before and after a map, in the plane in which the two languages' states spread most."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from workbench.align import LayerMaps
from workbench.capture import Activations
from workbench.errors import InputError
from workbench.measure import joint_plane
from workbench.study.tables import Facts, fitted_at
from workbench.types import Component, Site

SENTENCES = 100
"""So many of the held-out sentences at most, the same ones at every layer."""
NAN = float("nan")


def pca_table(
    facts: Facts,
    states: Activations,
    languages: tuple[str, str],
    rows: Any,
    aligner: str,
    maps: LayerMaps,
    component: Component,
    most: int = SENTENCES,
) -> pd.DataFrame:
    """Places of source, target and mapped source states in their joint plane, at each layer that has a map.

    The plane is that of the states before the map, and mapped ones are projected into it, so that before
    and after can be compared. The means of the languages are those of the points.
    """
    drawn = some_rows(rows, most, facts["seed"])
    table: list[dict[str, Any]] = []
    for layer in range(len(maps)):
        site = Site(layer, component)
        x, y = (states.at(site, language)[drawn] for language in languages)
        about = facts | fitted_at(site, aligner, "held_out") | {"n": len(drawn)}
        table += [about | point for point in _points(languages, x, y, maps, layer, drawn)]
    return pd.DataFrame(table).astype({"layer": "Int64", "sentence": "Int64", "language": "string"})


def _points(
    languages: tuple[str, str], x: Tensor, y: Tensor, maps: LayerMaps, layer: int, drawn: Tensor
) -> Iterator[dict[str, Any]]:
    """One row for each state; where there is no plane, one for each cloud that says why."""
    source, target = languages
    kinds = ((source, False), (target, False), (source, True))
    try:
        plane = joint_plane(x, y)
    except InputError as error:
        nothing = {"sentence": None} | dict.fromkeys(("x", "y", "share_x", "share_y"), NAN)
        for language, mapped in kinds:
            yield {"language": language, "mapped": mapped} | nothing | {"note": str(error)}
        return
    share_x, share_y = plane.shares
    for (language, mapped), cloud in zip(kinds, (x, y, maps.transform(layer, x)), strict=True):
        for sentence, (across, up) in zip(drawn.tolist(), plane.project(cloud).tolist(), strict=True):
            where = {"sentence": sentence, "x": across, "y": up, "share_x": share_x, "share_y": share_y}
            yield {"language": language, "mapped": mapped} | where | {"note": ""}


def some_rows(rows: Any, most: int, seed: int) -> Tensor:
    """At most so many of the rows, drawn by the seed, in order."""
    index = torch.as_tensor(rows)
    if len(index) <= most:
        return index
    drawn = torch.randperm(len(index), generator=torch.Generator().manual_seed(seed))[:most]
    return index[drawn.sort().values]

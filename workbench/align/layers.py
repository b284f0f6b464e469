"""One fitted aligner per layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from workbench.align.base import Aligner, fresh
from workbench.align.facts import fit_facts
from workbench.align.solvers import r_squared
from workbench.cards import card, spread
from workbench.errors import InputError

Rows = Sequence[int] | NDArray[np.int64] | Tensor
"""Row numbers of sentences."""


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """Fitted maps, one per layer of the states they were fitted on."""

    aligners: tuple[Aligner, ...]

    def __len__(self) -> int:
        return len(self.aligners)

    def __getitem__(self, layer: int) -> Aligner:
        if not 0 <= layer < len(self):
            raise InputError(f"no map for layer {layer}: there are layers 0 … {len(self) - 1}")
        return self.aligners[layer]

    def transform(self, layer: int, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """The map of one layer, applied to rows."""
        return self[layer].transform(X)

    def held_out(
        self,
        source: Float[Tensor, "layer sent d_source"],
        target: Float[Tensor, "layer sent d_target"],
        rows: Rows,
    ) -> list[float]:
        """R² of each layer on rows that were not fitted on (the caller sees to that)."""
        index = check_states(source, target, rows)
        return [
            r_squared(target[layer][index], self.transform(layer, source[layer][index]))
            for layer in range(len(self))
        ]

    def __repr__(self) -> str:
        name = f"{_named(self.aligners[0])}, " if self.aligners else ""
        return f"LayerMaps({name}{len(self)} layers)"

    def _repr_html_(self) -> str:
        """What the maps say of their own fit; R² needs states: `held_out`."""
        if not self.aligners:
            return card("Fitted maps", "none")
        shown = spread(len(self))
        rows = [_said(layer, self.aligners[layer]) for layer in shown]
        mind = any(row[-1] for row in rows)
        heads = ["layer", "pairs fitted", "rank", "condition", "penalty", *(["mind"] if mind else [])]
        rows = rows if mind else [row[:-1] for row in rows]
        left = len(self) - len(shown)
        note = "R² on held-out rows: maps.held_out(source, target, rows)"
        note += f"; {left} layers between these are not shown" if left else ""
        title = f"{_named(self.aligners[0])}, one for each of {len(self)} layers"
        return card("Fitted maps", title, heads=heads, rows=rows, note=note)


def _named(aligner: Aligner) -> str:
    inner = getattr(aligner, "aligner", None)
    return type(aligner).__name__ + ("" if inner is None else f"({type(inner).__name__})")


def _said(layer: int, aligner: Aligner) -> tuple[object, ...]:
    facts, penalty = fit_facts(aligner), getattr(aligner, "penalty_", None)
    mind = [] if facts.regularized or facts.n is None else ["nothing but the pairs holds it"]
    mind += ["penalty at an end of its grid"] if getattr(aligner, "at_edge_", False) else []
    return (
        layer,
        "–" if facts.n is None else facts.n,
        "–" if facts.rank is None else facts.rank,
        "–" if facts.condition is None else f"{facts.condition:.3g}",
        "–" if penalty is None else f"{float(penalty):.3g}",
        "; ".join(mind),
    )


def fit_layers(
    aligner: Any,
    source: Float[Tensor, "layer sent d_source"],
    target: Float[Tensor, "layer sent d_target"],
    rows: Rows,
) -> LayerMaps:
    """Fit a fresh copy of the aligner at every layer, on the given sentences alone.

    Any scikit-learn regressor will do for an aligner as it is.
    """
    index = check_states(source, target, rows)
    return LayerMaps(
        tuple(
            fresh(at_layer(aligner, layer, index)).fit(x[index], y[index])
            for layer, (x, y) in enumerate(zip(source, target, strict=True))
        )
    )


def at_layer(aligner: Any, layer: int, index: Tensor) -> Any:
    """The aligner, cut to one layer and some sentences where it holds states of its own."""
    return aligner.at(layer, index) if hasattr(aligner, "at") else aligner


def check_states(source: Tensor, target: Tensor, rows: Rows) -> Tensor:
    """The rows as an index, once the two states are of the same layers and sentences."""
    if source.ndim != 3 or target.ndim != 3 or source.shape[:2] != target.shape[:2]:
        raise InputError(
            f"states must be [layer sent d] of the same layers and sentences; {tuple(source.shape)} and "
            f"{tuple(target.shape)} given"
        )
    index = torch.as_tensor(rows, dtype=torch.long)
    if index.ndim != 1 or len(index) == 0 or index.min() < 0 or index.max() >= source.shape[1]:
        raise InputError(f"rows must be row numbers 0 … {source.shape[1] - 1}, at least one")
    if len(index.unique()) != len(index):
        raise InputError("rows names a sentence twice")
    return index

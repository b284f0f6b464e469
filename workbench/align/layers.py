"""One map per layer: fitting, refitting on other random samples, and facts about each fit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from workbench.align.base import Aligner, fresh
from workbench.align.solvers import r_squared
from workbench.core.cards import card
from workbench.core.errors import InputError
from workbench.core.numbers import as_tensor, evenly


@dataclass(frozen=True)
class FitFacts:
    """None where the aligner has no such number."""

    n: int | None
    """Pairs that were fitted on."""
    rank: int | None
    """Directions that were learned."""
    condition: float | None
    regularized: bool
    """Whether anything but the pairs holds the map: a penalty, a cut, or its very form."""


def fit_facts(aligner: Any) -> FitFacts:
    """The facts of a fitted aligner; of a control that wraps one and says nothing itself, those inside."""
    facts: dict[str, Any] = {}
    while aligner is not None:
        facts = vars(aligner) | facts
        aligner = getattr(aligner, "aligner_", None)
    n, rank, condition, unregularized = map(facts.get, ("n_", "rank_", "condition_", "unregularized_"))
    return FitFacts(n, rank, condition, not unregularized)


States = Float[Tensor, "layer sent d"]
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

    def held_out(self, source: States, target: States, rows: Rows) -> list[float]:
        """R² of each layer on rows that were not fitted on (the caller sees to that)."""
        source, target = as_tensor(source, "source"), as_tensor(target, "target")
        index = check_states(source, target, rows)
        return [
            r_squared(target[layer][index], aligner.transform(source[layer][index]))
            for layer, aligner in enumerate(self.aligners)
        ]

    def __repr__(self) -> str:
        name = f"{_named(self.aligners[0])}, " if self.aligners else ""
        return f"LayerMaps({name}{len(self)} layers)"

    def _repr_html_(self) -> str:
        """What the maps say of their own fit; R² needs states: `held_out`."""
        if not self.aligners:
            return card("Fitted maps", "none")
        layers = evenly(len(self), 12)
        rows = [(layer, *_facts(self.aligners[layer])) for layer in layers]
        heads = ["layer", "pairs fitted", "rank", "condition", "penalty", "mind"]
        if not any(row[-1] for row in rows):
            heads, rows = heads[:-1], [row[:-1] for row in rows]
        left = len(self) - len(layers)
        note = "R² on held-out rows: maps.held_out(source, target, rows)"
        note += f"; {left} layers between these are not shown" if left else ""
        title = f"{_named(self.aligners[0])}, one for each of {len(self)} layers"
        return card("Fitted maps", title, heads=heads, rows=rows, note=note)


def _named(aligner: Aligner) -> str:
    inner = getattr(aligner, "aligner", None)
    return type(aligner).__name__ + ("" if inner is None else f"({type(inner).__name__})")


def _facts(aligner: Aligner) -> list[str]:
    facts, penalty = fit_facts(aligner), getattr(aligner, "penalty_", None)
    mind = [] if facts.regularized or facts.n is None else ["nothing but the pairs holds it"]
    mind += ["penalty at an end of its grid"] if getattr(aligner, "at_edge_", False) else []
    numbers = (facts.n, "d"), (facts.rank, "d"), (facts.condition, ".3g"), (penalty, ".3g")
    return [*("–" if value is None else format(value, style) for value, style in numbers), "; ".join(mind)]


def fit_layers(aligner: Any, source: States, target: States, rows: Rows) -> LayerMaps:
    """Fit a fresh copy of the aligner (or scikit-learn regressor) at every layer, on the given sentences."""
    source, target = as_tensor(source, "source"), as_tensor(target, "target")
    index = check_states(source, target, rows)
    return LayerMaps(
        tuple(
            _fresh_at(layer, index, aligner).fit(x[index], y[index])
            for layer, (x, y) in enumerate(zip(source, target, strict=True))
        )
    )


def _fresh_at(layer: int, index: Tensor, aligner: Any) -> Any:
    """A copy of the aligner, cut to one layer and some sentences where it holds states of its own."""
    return fresh(aligner.at(layer, index) if hasattr(aligner, "at") else aligner)


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


class Spread(NamedTuple):
    """One layer's held-out R² over the draws; the sd of a single draw is NaN."""

    layer: int
    draws: int
    n: int
    mean: float
    sd: float
    least: float
    most: float


@dataclass(frozen=True, eq=False)
class Refits:
    """Maps from several draws of the pairs, with the rows of each draw."""

    maps: tuple[LayerMaps, ...]
    rows: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.maps)

    def held_out(self, source: States, target: States, rows: Rows) -> Float[Tensor, "draw layer"]:
        """R² of every draw at every layer, on rows that no draw has seen."""
        index = check_states(source, target, rows)
        _check_apart(torch.cat(self.rows), index)
        return torch.tensor([maps.held_out(source, target, index) for maps in self.maps], dtype=torch.float64)

    def spread(self, source: States, target: States, rows: Rows) -> list[Spread]:
        """Mean, standard deviation and range per layer over the draws, which share sentences."""
        scores, n = self.held_out(source, target, rows), len(self.rows[0])
        sd = [float(column.std()) if len(self) > 1 else float("nan") for column in scores.mT]
        return [
            Spread(layer, len(self), n, float(column.mean()), sd[layer], *map(float, column.aminmax()))
            for layer, column in enumerate(scores.mT)
        ]


class CurvePoint(NamedTuple):
    """Held-out R² of one layer, fitted on one draw of n pairs."""

    layer: int
    n: int
    draw: int
    r2: float


def refit(
    aligner: Any,
    source: States,
    target: States,
    rows: Rows,
    draws: int = 5,
    share: float = 0.8,
    seed: int = 0,
) -> Refits:
    """Fit all layers on several draws of the rows, each a share of them without replacement."""
    index = check_states(source, target, rows)
    if draws < 1 or not 0 < share <= 1:
        raise InputError(f"at least one draw of a share in (0, 1] is needed; {draws} of {share} given")
    size = round(share * len(index))
    if size < 1:
        raise InputError(f"a share of {share} of {len(index)} rows leaves none")
    drawn = tuple(order[:size] for order in _orders(index, draws, seed))
    return Refits(tuple(fit_layers(aligner, source, target, part) for part in drawn), drawn)


def learning_curve(
    aligner: Any,
    source: States,
    target: States,
    fit_rows: Rows,
    held_out_rows: Rows,
    sizes: Sequence[int],
    draws: int = 5,
    seed: int = 0,
) -> list[CurvePoint]:
    """Held-out R² over the number of pairs, for several draws of them (of all pairs, one).

    Within a draw, smaller sets lie inside larger ones.
    """
    index, held_out = (check_states(source, target, rows) for rows in (fit_rows, held_out_rows))
    _check_apart(index, held_out)
    if draws < 1 or not sizes or not all(1 <= size <= len(index) for size in sizes):
        raise InputError(
            f"sizes must be 1 … {len(index)} and draws at least 1; {list(sizes)} and {draws} given"
        )
    points = []
    for draw, order in enumerate(_orders(index, draws, seed)):
        for size in sizes:
            if size == len(index) and draw:
                continue
            scores = fit_layers(aligner, source, target, order[:size]).held_out(source, target, held_out)
            points += [CurvePoint(layer, size, draw, r2) for layer, r2 in enumerate(scores)]
    return points


def _orders(index: Tensor, draws: int, seed: int) -> Iterable[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (index[torch.randperm(len(index), generator=generator)] for _ in range(draws))


def _check_apart(fitted: Tensor, held_out: Tensor) -> None:
    both = torch.isin(held_out, fitted)
    if both.any():
        raise InputError(
            f"{int(both.sum())} held-out rows were fitted on (first: {held_out[both][:3].tolist()}): "
            "held-out rows must be others"
        )


def score_grid(
    aligner: Any, source: States, target: States, rows: Rows, held_out: Rows
) -> Float[Tensor, "source_layer target_layer"]:
    """Held-out R² of the map from every source layer to every target layer, one map in memory at a time."""
    if source.ndim != 3 or target.ndim != 3 or 0 in (len(source), len(target)):
        raise InputError(
            f"states must be [layer sent d]; {tuple(source.shape)} and {tuple(target.shape)} given"
        )
    index, others = (check_states(source[:1], target[:1], part) for part in (rows, held_out))
    _check_apart(index, others)
    scores = torch.empty(len(source), len(target), dtype=torch.float64)
    for i, x in enumerate(source):
        unfitted, targets = _fresh_at(i, index, aligner), (y[index] for y in target)
        if hasattr(unfitted, "fit_targets"):
            row = unfitted.fit_targets(x[index], targets)
        else:
            row = (fresh(unfitted).fit(x[index], y) for y in targets)
        for j, (y, fitted) in enumerate(zip(target, row, strict=True)):
            scores[i, j] = r_squared(y[others], fitted.transform(x[others]))
    return scores

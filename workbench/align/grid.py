"""Maps from every source layer to every target layer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Aligner, fresh
from workbench.align.layers import Rows, at_layer, check_states
from workbench.align.solvers import r_squared
from workbench.core.errors import InputError


@dataclass(frozen=True, eq=False)
class MapGrid:
    """`grid[i, j]` maps source layer i to target layer j."""

    aligners: tuple[tuple[Aligner, ...], ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of source layers and of target layers."""
        return len(self.aligners), len(self.aligners[0])

    def __getitem__(self, pair: tuple[int, int]) -> Aligner:
        i, j = pair
        if not (0 <= i < self.shape[0] and 0 <= j < self.shape[1]):
            raise InputError(f"no map {i} → {j}: there are {self.shape[0]} × {self.shape[1]} layers")
        return self.aligners[i][j]

    def held_out(self, source: Tensor, target: Tensor, rows: Rows) -> Float[Tensor, "source target"]:
        """R² of every map on rows that were not fitted on (the caller sees to that)."""
        index = _check_sentences(source, target, rows)
        scores = [
            [r_squared(y[index], one.transform(x[index])) for one, y in zip(row, target, strict=True)]
            for row, x in zip(self.aligners, source, strict=True)
        ]
        return torch.tensor(scores, dtype=torch.float64)


def fit_grid(
    aligner: Any,
    source: Float[Tensor, "source_layer sent d_source"],
    target: Float[Tensor, "target_layer sent d_target"],
    rows: Rows,
) -> MapGrid:
    """Fit every source layer to every target layer; `Ridge` and `LeastSquares` decompose each layer once.

    All maps stay in memory: `score_grid` keeps the scores alone.
    """
    index = _check_sentences(source, target, rows)
    return MapGrid(tuple(tuple(_row(aligner, i, x, target, index)) for i, x in enumerate(source)))


def score_grid(
    aligner: Any,
    source: Float[Tensor, "source_layer sent d_source"],
    target: Float[Tensor, "target_layer sent d_target"],
    rows: Rows,
    held_out: Rows,
) -> Float[Tensor, "source_layer target_layer"]:
    """Held-out R² of every source layer to every target layer, one map in memory at a time."""
    index, others = (_check_sentences(source, target, some) for some in (rows, held_out))
    if torch.isin(others, index).any():
        raise InputError("some held-out rows were fitted on: held-out rows must be others")
    scores = [
        [
            r_squared(y[others], fitted.transform(x[others]))
            for y, fitted in zip(target, _row(aligner, i, x, target, index), strict=True)
        ]
        for i, x in enumerate(source)
    ]
    return torch.tensor(scores, dtype=torch.float64)


def _row(aligner: Any, layer: int, x: Tensor, target: Iterable[Tensor], index: Tensor) -> Iterator[Any]:
    one = fresh(at_layer(aligner, layer, index))
    targets = (y[index] for y in target)
    if hasattr(one, "fit_targets"):
        yield from one.fit_targets(x[index], targets)
    else:
        yield from (fresh(one).fit(x[index], y) for y in targets)


def _check_sentences(source: Tensor, target: Tensor, rows: Rows) -> Tensor:
    if source.ndim != 3 or target.ndim != 3 or 0 in (len(source), len(target)):
        raise InputError(
            f"states must be [layer sent d]; {tuple(source.shape)} and {tuple(target.shape)} given"
        )
    return check_states(source[:1], target[:1], rows)

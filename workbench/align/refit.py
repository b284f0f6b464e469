"""The same fit over several draws of the pairs: how far a result hangs on which sentences were given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.layers import LayerMaps, Rows, check_states, fit_layers
from workbench.errors import InputError


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

    def held_out(self, source: Tensor, target: Tensor, rows: Rows) -> Float[Tensor, "draw layer"]:
        """R² of every draw at every layer, on rows that no draw has seen."""
        index = check_states(source, target, rows)
        _check_apart(torch.cat(self.rows), index)
        scores = [maps.held_out(source, target, index) for maps in self.maps]
        return torch.tensor(scores, dtype=torch.float64)

    def spread(self, source: Tensor, target: Tensor, rows: Rows) -> list[Spread]:
        """Mean, standard deviation and range over the draws, per layer.

        Draws overlap, so that this is less than the spread between samples that share no sentence.
        """
        scores = self.held_out(source, target, rows)
        return [
            Spread(
                layer,
                len(self),
                len(self.rows[0]),
                float(values.mean()),
                float(values.std()) if len(values) > 1 else float("nan"),
                float(values.min()),
                float(values.max()),
            )
            for layer, values in enumerate(scores.mT)
        ]


class CurvePoint(NamedTuple):
    """Held-out R² of one layer, fitted on one draw of n pairs."""

    layer: int
    n: int
    draw: int
    r2: float


def refit(
    aligner: Any,
    source: Float[Tensor, "layer sent d_source"],
    target: Float[Tensor, "layer sent d_target"],
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
    drawn = [order[:size] for order in _orders(index, draws, seed)]
    return Refits(tuple(fit_layers(aligner, source, target, some) for some in drawn), tuple(drawn))


def learning_curve(
    aligner: Any,
    source: Float[Tensor, "layer sent d_source"],
    target: Float[Tensor, "layer sent d_target"],
    fit_rows: Rows,
    held_out_rows: Rows,
    sizes: Sequence[int],
    draws: int = 5,
    seed: int = 0,
) -> list[CurvePoint]:
    """Held-out R² over the number of pairs, for several draws of them.

    Within a draw, smaller sets lie inside larger ones. All rows can be drawn in one way only, so that the
    full size has one draw.
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
            maps = fit_layers(aligner, source, target, order[:size])
            scores = maps.held_out(source, target, held_out)
            points += [CurvePoint(layer, size, draw, r2) for layer, r2 in enumerate(scores)]
    return points


def _orders(index: Tensor, draws: int, seed: int) -> Iterable[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(draws):
        yield index[torch.randperm(len(index), generator=generator)]


def _check_apart(fitted: Tensor, held_out: Tensor) -> None:
    both = torch.isin(held_out, fitted)
    if both.any():
        raise InputError(
            f"{int(both.sum())} held-out rows were fitted on (first: {held_out[both][:3].tolist()}): "
            "held-out rows must be others"
        )

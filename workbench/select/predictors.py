"""Which similarity measure predicts the gain of patching, without patching."""

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from workbench.core.errors import InputError
from workbench.stats import circular_shift_test, rank_correlation

PAIRS = 4
"""The fewest pairs (of all models) over which a correlation has an interval."""
LAYERS = 3
_KEYS = ["model", "pair"]


def predicts(
    similarity: pd.DataFrame,
    gains: pd.DataFrame,
    selection: pd.DataFrame | None = None,
    lower_is_better: tuple[str, ...] = (),
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank correlations of each measure's values with the gains in accuracy: a tidy table.

    `similarity` has model, pair, measure, layer and value; `gains` has model, pair, layer and gain, as
    `explore` gives it. Where a layer has several configurations (strengths, interventions), its gain is their
    mean: the maximum would favour layers with more configurations. A measure in `lower_is_better` changes its
    sign.

    - `scope = pair`: the measure's curve over layers with that of the gain, one row per model, pair and
      measure. Descriptive: `rho` has no interval, as neighbouring layers are no independent observations; `p`
      is that of the circular-shift null.
    - `scope = layers`: the mean of those rhos over pairs, with the p of the same null, in which the pairs of
      one model are shifted together.
    - `scope = pairs`: the measure's best value over layers with the gain of the pair, over all models and
      pairs, one row per measure. The gain is that on test in `selection` (model, pair, gain; the rows of
      one aligner), else the mean gain at the layer where the measure is best. From four pairs up with an
      interval: tanh(atanh ρ ± z √((1 + ρ²/2) / (n − 3))), Bonett & Wright 2000. Pairs of one model are no
      independent draws either, so it is too narrow where a model has many.

    `note` says why a number is missing: a curve that is constant has no correlation.
    """
    signed = _signed(similarity, lower_is_better)
    curves = gains.dropna(subset=["layer"]).groupby([*_KEYS, "layer"], as_index=False).gain.mean()
    joined = signed.merge(curves, on=[*_KEYS, "layer"]).sort_values([*_KEYS, "layer"], kind="stable")
    if joined.empty:
        raise InputError("no layer of any model and pair has both a similarity and a gain")
    overall = None if selection is None else _one_gain(selection)
    rows: list[dict[str, Any]] = []
    for measure, mine in joined.groupby("measure", sort=False):
        rows += _by_pair(str(measure), mine, seed)
        rows.append(_across(str(measure), mine, overall, level))
    order = {"pair": 0, "layers": 1, "pairs": 2}
    table = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)
    return table.sort_values("scope", key=lambda scope: scope.map(order), kind="stable", ignore_index=True)


_COLUMNS = {
    "scope": "string",
    "model": "string",
    "pair": "string",
    "measure": "string",
    "rho": "float64",
    "low": "float64",
    "high": "float64",
    "p": "float64",
    "n": "int64",
    "note": "string",
}


def _by_pair(measure: str, mine: pd.DataFrame, seed: int) -> Iterator[dict[str, Any]]:
    ranks: list[tuple[Any, Any]] = []
    models: list[object] = []
    for (model, pair), one in mine.groupby(_KEYS, sort=False):
        about = {"model": model, "pair": pair, "n": len(one)}
        row = _row("pair", measure) | about
        if _varies(one.value) and _varies(one.gain):
            curves = rankdata(one.value), rankdata(one.gain)
            row |= {
                "rho": rank_correlation(one.value, one.gain),
                "p": circular_shift_test(*curves, seed=seed),
            }
            ranks.append(curves)
            models.append((model, len(one)))  # one shift for the pairs of a model needs the same layers
        else:
            row |= {"note": f"constant, or fewer than {LAYERS} layers"}
        yield row
    pooled = _row("layers", measure) | {"n": len(ranks)}
    if ranks:
        each = [rank_correlation(a, b) for a, b in ranks]
        p = circular_shift_test([a for a, _ in ranks], [b for _, b in ranks], models, seed=seed)
        pooled |= {"rho": float(np.mean(each)), "p": p}
    else:
        pooled |= {"note": "no pair with two curves that vary"}
    yield pooled


def _across(measure: str, mine: pd.DataFrame, overall: pd.Series | None, level: float) -> dict[str, Any]:
    best = mine.loc[mine.groupby(_KEYS, sort=False).value.idxmax()].set_index(_KEYS)
    if overall is not None:
        best = best.drop(columns="gain").join(overall, how="inner")
    row = _row("pairs", measure) | {"n": len(best)}
    if len(best) < PAIRS:
        return row | {"note": f"{len(best)} pairs; an interval needs {PAIRS}"}
    if not (_varies(best.value) and _varies(best.gain)):
        return row | {"note": "the same for all pairs"}
    rho = rank_correlation(best.value, best.gain)
    low, high = rank_interval(rho, len(best), level)
    return row | {"rho": rho, "low": low, "high": high}


def rank_interval(rho: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """tanh(atanh ρ ± z √((1 + ρ²/2) / (n − 3))), and ρ itself where that is ±1."""
    if n < PAIRS:
        raise InputError(f"an interval for a rank correlation needs {PAIRS} items or more, not {n}")
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt((1 + rho * rho / 2) / (n - 3))
    # Ranks in perfect order are no proof of one: the next best order that n ranks can have stands in for it.
    most = 1 - 6 / (n * (n * n - 1))
    centre = math.atanh(max(-most, min(most, rho)))
    low, high = math.tanh(centre - half), math.tanh(centre + half)
    return min(low, rho), max(high, rho)


def _row(scope: str, measure: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("rho", "low", "high", "p"), float("nan"))
    return {"scope": scope, "model": None, "pair": None, "measure": measure, **nothing, "n": 0, "note": ""}


def _signed(similarity: pd.DataFrame, lower_is_better: tuple[str, ...]) -> pd.DataFrame:
    unknown = set(lower_is_better) - set(similarity.measure)
    if unknown:
        raise InputError(f"no measure {sorted(unknown)[0]!r} among the similarities")
    kept = similarity.dropna(subset=["layer", "value"])
    sign = np.where(kept.measure.isin(lower_is_better), -1.0, 1.0)
    kept = kept.assign(value=kept.value * sign)[[*_KEYS, "measure", "layer", "value"]]
    if kept.duplicated([*_KEYS, "measure", "layer"]).any():
        raise InputError("a measure has two values at one layer of one pair: give one seed and split")
    return kept


def _one_gain(selection: pd.DataFrame) -> pd.Series:
    if selection.duplicated(_KEYS).any():
        raise InputError("a pair has two gains in the selection: give the rows of one aligner")
    return selection.set_index(_KEYS).gain


def _varies(values: pd.Series) -> bool:
    return len(values) >= LAYERS and values.nunique() > 1

"""Which similarity measure predicts the gain of patching, without patching."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from workbench.core.errors import InputError
from workbench.stats import circular_shift_test, rank_correlation, rank_interval

PAIRS = 4  # the fewest pairs (of all models) over which a correlation has an interval
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
    `explore` gives it. The gain of a layer is the mean over its configurations, as the maximum would favour
    layers with more of them. A measure in `lower_is_better` changes its sign.

    - `scope = pair`: the measure's curve over layers with that of the gain, one row per model, pair and
      measure. `rho` has no interval, as neighbouring layers are not independent; `p` is that of the
      circular-shift null.
    - `scope = layers`: the mean of those rhos over pairs, with the p of the same null, in which the pairs of
      one model are shifted together.
    - `scope = pairs`: the measure's best value over layers with the gain of the pair, over all models and
      pairs, one row per measure. The gain is that on test in `selection` (model, pair, gain; the rows of
      one aligner), else the mean gain at the layer where the measure is best. From four pairs up with an
      interval (Bonett & Wright 2000, see `rank_interval`), too narrow where a model has many pairs.

    `note` says why a number is missing.
    """
    signed = _signed(similarity, lower_is_better)
    curves = gains.dropna(subset=["layer"]).groupby([*_KEYS, "layer"], as_index=False).gain.mean()
    joined = signed.merge(curves, on=[*_KEYS, "layer"]).sort_values([*_KEYS, "layer"], kind="stable")
    if joined.empty:
        raise InputError("no layer of any model and pair has both a similarity and a gain")
    if selection is not None and selection.duplicated(_KEYS).any():
        raise InputError("a pair has two gains in the selection: give the rows of one aligner")
    overall = None if selection is None else selection.set_index(_KEYS).gain
    rows: list[dict[str, Any]] = []
    for measure, own in joined.groupby("measure", sort=False):
        rows += _by_pair(str(measure), own, seed)
        rows.append(_across(str(measure), own, overall, level))
    rows.sort(key=lambda row: ("pair", "layers", "pairs").index(row["scope"]))
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


_COLUMNS = {
    **dict.fromkeys(("scope", "model", "pair", "measure"), "string"),
    **dict.fromkeys(("rho", "low", "high", "p"), "float64"),
    "n": "int64",
    "note": "string",
}


def _by_pair(measure: str, rows: pd.DataFrame, seed: int) -> Iterator[dict[str, Any]]:
    curves, models, rhos = [], [], []
    for (model, pair), curve in rows.groupby(_KEYS, sort=False):
        row = _row("pair", measure, len(curve)) | {"model": model, "pair": pair}
        if _varies(curve.value) and _varies(curve.gain):
            rhos.append(rank_correlation(curve.value, curve.gain))
            curves.append((rankdata(curve.value), rankdata(curve.gain)))
            models.append((model, len(curve)))  # one shift for the pairs of a model needs the same layers
            yield row | {"rho": rhos[-1], "p": circular_shift_test(*curves[-1], seed=seed)}
        else:
            yield row | {"note": f"constant, or fewer than {LAYERS} layers"}
    row = _row("layers", measure, len(curves))
    if curves:
        values, gains = zip(*curves, strict=True)
        p = circular_shift_test(values, gains, models, seed=seed)
        yield row | {"rho": float(np.mean(rhos)), "p": p}
    else:
        yield row | {"note": "no pair with two curves that vary"}


def _across(measure: str, rows: pd.DataFrame, overall: pd.Series | None, level: float) -> dict[str, Any]:
    best = rows.loc[rows.groupby(_KEYS, sort=False).value.idxmax()].set_index(_KEYS)
    if overall is not None:
        best = best.drop(columns="gain").join(overall, how="inner")
    row = _row("pairs", measure, len(best))
    if len(best) < PAIRS:
        return row | {"note": f"{len(best)} pairs; an interval needs {PAIRS}"}
    if not (_varies(best.value) and _varies(best.gain)):
        return row | {"note": "the same for all pairs"}
    rho, n = rank_correlation(best.value, best.gain), len(best)
    # Ranks in perfect order are no proof of one: the next best order that n ranks can have stands in for it.
    most = 1 - 6 / (n * (n * n - 1))
    low, high = rank_interval(max(-most, min(most, rho)), n, 1 + rho * rho / 2, level)
    return row | {"rho": rho, "low": min(low, rho), "high": max(high, rho)}


def _row(scope: str, measure: str, n: int) -> dict[str, Any]:
    return {"scope": scope, "measure": measure, "n": n, "note": ""}


def _signed(similarity: pd.DataFrame, lower_is_better: tuple[str, ...]) -> pd.DataFrame:
    if unknown := set(lower_is_better) - set(similarity.measure):
        raise InputError(f"no measure {sorted(unknown)[0]!r} among the similarities")
    kept = similarity.dropna(subset=["layer", "value"])
    sign = np.where(kept.measure.isin(lower_is_better), -1.0, 1.0)
    kept = kept.assign(value=kept.value * sign)[[*_KEYS, "measure", "layer", "value"]]
    if kept.duplicated([*_KEYS, "measure", "layer"]).any():
        raise InputError("a measure has two values at one layer of one pair: give one seed and split")
    return kept


def _varies(values: pd.Series) -> bool:
    return len(values) >= LAYERS and values.nunique() > 1

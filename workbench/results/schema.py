"""The columns of every table, in one place; docs/tables.md says what each means.

`aligner` names what was fitted (`clean` is the unpatched run), `measure` what was measured of two languages,
and `method` a way to answer a task in a comparison; workbench 0.1 called all three `method`.
"""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from workbench.stats import Interval

VERSION = 2
"""Raised whenever a column changes its name or its meaning."""

_FITTED = "model pair seed site layer aligner split"
_MEASURED = "model pair seed site layer measure split"
_PATCH = "intervention positions joint strength"


def _ends(*names: str) -> str:
    return " ".join(f"{name}{end}" for name in names for end in ("", "_low", "_high"))


COLUMNS: dict[str, tuple[str, ...]] = {
    name: tuple(words.split())
    for name, words in {
        "fit": f"{_FITTED} r2 r2_median relative_error cosine ratio_to_control best_control n_fit n_held_out "
        "d_model rank condition penalty at_edge warning",
        "curve": f"{_FITTED} n_fit draw r2 n_held_out d_model",
        "similarity": f"{_MEASURED} value low high interval n note",
        "null": f"{_MEASURED} value null_mean null_low null_high p draws n note",
        "grid": f"{_MEASURED} language other_language other_site other_layer value n note",
        "mismatch": f"{_MEASURED} task ratio shift outside outside_expected shrinkage ratio_held_out n_fit n "
        "note",
        "geometry": f"{_MEASURED} language value n note",
        "feed_forward": f"{_MEASURED} language n value low high note",
        "pca": f"{_FITTED} n language mapped sentence x y share_x share_y note",
        "confounds": f"{_MEASURED} confound rho low high mean n note",
        "sweep": f"model task pair language site layer aligner {_PATCH} seed split example group prediction "
        "generated correct margin score patch_size",
        "exploration": "model task pair language aligner seed intervention site layer positions joint "
        "strength split mode gain low high band_low band_high p beyond_band margin_gain level n",
        "predictors": "scope model pair measure rho low high p n note site layer seed split task",
        "selection": f"{_FITTED} {_PATCH} control headline dev_margin_gain dev_gain accuracy gain gain_low "
        f"gain_high {_ends('headline_over')} level n verdict p detectable gained lost crossfit_gain "
        "selection_bias regret agreement refits refit_sd refit_low refit_high retention retention_low "
        "noninferior task holm_p holm_verdict",
        "items": "task language split example group prompt choices answer answers",
        "comparison": f"model task pair site layer method seed split family title chosen {_PATCH} dev_gain "
        f"{_ends('accuracy', 'gain')} level n verdict within_delta p holm_p holm_verdict gained lost "
        f"share_of_gap {_ends('over_own')} random_gain {_ends('random_over')} shuffled_gain "
        f"{_ends('shuffled_over')} retention retention_low noninferior parameters fit_tokens pairs labels "
        "translations item_tokens note",
        "generation": f"model task pair site layer method seed split kind control prompted {_PATCH} example "
        "group prompt text tokens repetition language p_source p_target patch_size",
        "generation_summary": f"model task pair site layer method seed split kind control prompted {_PATCH} "
        f"chosen dev_score n level {_ends('language_control')} source_share other_share unclear_share "
        f"{_ends('repetition')} score tokens "
        f"{_ends('control_gain', 'over_random', 'repetition_change', 'identifier_accuracy')} "
        "identifier_characters",
        "claims": "model pair site aligner seed split claim verdict alone sentence estimate low high level p "
        "holm_p pairs items statement reference",
    }.items()
}
"""Table → its columns, in order."""

# Column → its name in workbench 0.1.
_OLD_NAMES = {"aligner": "method", "measure": "method", "selection_bias": "optimism"}

OPTIONAL = {"selection": {"holm_p", "holm_verdict"}, "predictors": {"task"}}
"""Columns that a table has only where several studies stand in it."""


def check_columns(name: str, table: pd.DataFrame) -> None:
    """A table of ours has the columns of its schema: anything else is a mistake of the code."""
    if name in COLUMNS:
        known, found = set(COLUMNS[name]), set(map(str, table.columns))
        assert found <= known, f"{name} has columns of no schema: {sorted(found - known)}"
        missing = known - found - OPTIONAL.get(name, set())
        assert not missing, f"{name} lacks columns of its schema: {sorted(missing)}"


def old_names(name: str, found: Iterable[str]) -> dict[str, str]:
    """Today's name of a column → that of workbench 0.1, for those that the file has under the old one."""
    found, known = set(found), COLUMNS.get(name, ())
    return {now: old for now, old in _OLD_NAMES.items() if now in known and now not in found and old in found}


def bounds(name: str, interval: Interval | None) -> dict[str, Any]:
    """An estimate and the ends of its interval, as three columns; None in each where there is none."""
    return {
        name: interval and interval.estimate,
        f"{name}_low": interval and interval.low,
        f"{name}_high": interval and interval.high,
    }

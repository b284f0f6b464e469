"""The evidence beside a verdict, in sentences made from the table `selection`: comparisons and stability."""

from collections.abc import Iterator

import pandas as pd

from workbench.core.numbers import between, number, percent, plain, signed


def evidence_sentences(selection: pd.DataFrame) -> list[str]:
    """Sentences about the headline's row: what it beats, minimum detectable gain, 5-fold check, refits."""
    best = selection[selection.headline].iloc[0]
    if pd.isna(best.layer):
        return [
            "No patch was chosen: on dev no configuration gained more than its standard error, so no patch "
            "was scored on test."
        ]
    others = selection[~selection.headline]
    return [*_comparisons(others[others.layer.notna()]), *_without_patch(others), *_stability(best)]


def _comparisons(others: pd.DataFrame) -> Iterator[str]:
    beaten = others.headline_over_low > 0
    if names := _names(others[beaten]):
        yield f"On test it is more accurate than {names}."
    if names := _names(others[~beaten]):
        yield f"No significant difference from {names}."
    gaining = [
        f"{_words(control.aligner)} {signed(control.gain)} {between(control.gain_low, control.gain_high)}"
        for control in others[others.control & (others.gain_low > 0)].itertuples()
    ]
    if gaining:
        also = "a control also gains" if len(gaining) == 1 else "controls also gain"
        yield f"Caution: {also}: {', '.join(gaining)}."


def _without_patch(others: pd.DataFrame) -> Iterator[str]:
    if names := _names(others[others.layer.isna()]):
        yield f"No patch chosen on dev for {names}."


def _stability(best: pd.Series) -> Iterator[str]:
    items = "test item" if best.gained == 1 else "test items"
    yield (
        f"{int(best.gained):,} {items} became right, {int(best.lost):,} wrong; "
        f"minimum detectable gain: {plain(best.detectable, 2)} (80 % power)."
    )
    folds = "all folds" if best.agreement == 1 else f"{percent(best.agreement)} of the folds"
    yield (
        f"5-fold check: same layer in {folds}; gain {signed(best.crossfit_gain)}, "
        f"regret {plain(best.regret)}, selection bias {plain(best.selection_bias)}."
    )
    if number(best.refits):
        yield (
            f"Refitted on {int(best.refits) - 1} other random samples of the sentences: gain "
            f"{signed(best.refit_low)} to {signed(best.refit_high)} (sd {plain(best.refit_sd)})."
        )


def _names(rows: pd.DataFrame) -> str:
    *first, last = [_words(name) for name in rows.aligner] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _words(name: object) -> str:
    return str(name).replace("_", " ")

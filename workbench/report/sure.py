"""What stands beside a verdict, in sentences: whom the patch beats, and how stable its choice is."""

from collections.abc import Iterator

import pandas as pd

from workbench.core.numbers import between, number, percent, plain, signed
from workbench.report.words import count, listed, words


def how_sure(selection: pd.DataFrame) -> list[str]:
    """The lines about the headline's row of the table `selection`, beside its other rows.

    The one home of these words: the report and the command line say the same.
    """
    best = selection[selection.headline].iloc[0]
    if pd.isna(best.layer):
        return ["On dev no patch was better than none by more than its own error, so none was made on test."]
    return [*_compared(selection[~selection.headline]), *_stable(best)]


def _compared(others: pd.DataFrame) -> Iterator[str]:
    beaten = [words(one.aligner) for one in others.itertuples() if (number(one.headline_over_low) or 0) > 0]
    level = [words(one.aligner) for one in others.itertuples() if words(one.aligner) not in beaten]
    if beaten:
        yield f"On test it does better than {listed(beaten)}."
    if level:
        yield f"It is not told apart from {listed(level)}."
    gaining = others[others.control & (others.gain_low > 0)]
    for control in gaining.itertuples():
        yield (
            f"Mind what a control does by itself: {words(control.aligner)} gains {signed(control.gain)} "
            f"{between(control.gain_low, control.gain_high)}."
        )


def _stable(best: pd.Series) -> Iterator[str]:
    yield (
        f"{count(int(best.gained), 'test item')} became right, {int(best.lost):,} wrong; "
        f"so many items could have shown a gain of {plain(best.detectable)}."
    )
    agreement = percent(best.agreement)
    yield (
        f"Chosen again without a fifth of dev: the same layer in {agreement} of the folds, gain "
        f"{signed(best.crossfit_gain)}, regret {plain(best.regret)}. Choosing alone brought "
        f"{signed(best.optimism)}."
    )
    if number(best.refits):
        yield (
            f"Maps from {int(best.refits)} draws of the sentences gain {signed(best.refit_low)} to "
            f"{signed(best.refit_high)} (sd {plain(best.refit_sd)})."
        )

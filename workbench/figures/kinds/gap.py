"""How much of the gap between two languages the chosen patch closes, per pair, on test items."""

import numpy as np
import pandas as pd

from workbench.core.numbers import signed
from workbench.figures.frames import NothingToShow, limits, parts, said, span
from workbench.figures.kinds_shared import bar_axis
from workbench.figures.spec_parts import Axis, Plot, Series, Spec
from workbench.figures.tables_in import Frames
from workbench.stats import paired_interval, units_of


def spec(frames: Frames) -> Spec:
    """Gain over gap with the gain's interval in units of the gap; pairs without a gap are left out."""
    heads = frames["selection"][frames["selection"].headline.astype(bool)]
    sweep = frames["sweep"]
    clean = sweep[(sweep.split == "test") & (sweep.aligner == "clean")]
    names, rows, left = [], [], []
    for title, named, mine in parts(heads, ["model", "task", "pair"]):
        own = clean
        for key in ("model", "task", "pair"):
            own = own[own[key].astype(str) == named[key]]
        found = gap_of(own)
        name = title or named["pair"]
        if found is None:
            left.append(name)
        else:
            names.append(name)
            rows.append((mine.iloc[0], found))
    if not rows:
        raise NothingToShow("figure gap: no pair shows a gap on test items in both languages")
    share, low, high = (
        tuple(float(head[column]) / gap for head, gap in rows) for column in ("gain", "gain_low", "gain_high")
    )
    notes = tuple(
        (f"{name}: gain {signed(head.gain)} of a gap of {gap:.3f}",)
        for name, (head, gap) in zip(names, rows, strict=True)
    )
    x = tuple(map(float, range(len(names))))
    bars = Series("share of the gap closed", x, share, low, high, look="bars", notes=notes)
    values = Axis("gain over gap", range=limits((*share, *low, *high), include=(0.0, 1.0)))
    same = said(heads, ["model", "task", "pair"])
    return Spec(
        kind="gap",
        title="How much of the gap is closed",
        subtitle=f"{same + ': ' if same else ''}test items, n = {span(heads.n)}; "
        "gain of the chosen patch over the target language's lead on the same items",
        panels=(Plot("", bar_axis(names), values, (bars,), (0.0, 1.0), lying=True),),
        footer="Whiskers: 95 % interval of the gain, in units of the gap. "
        "1: as good as in the target language."
        + (f" No gap is shown for {', '.join(left)}." if left else ""),
    )


def gap_of(clean: pd.DataFrame) -> float | None:
    """The target's unpatched accuracy less the source's on the same items; None where 0 is not excluded."""
    by = {str(key): rows.set_index("example") for key, rows in clean.groupby("language", sort=False)}
    pair = str(clean.pair.iloc[0]) if len(clean) else ""
    source = next(
        (name for name in by if pair.startswith(f"{name}-") and pair.removeprefix(f"{name}-") in by), None
    )
    if source is None:
        return None
    here, there = by[source], by[pair.removeprefix(f"{source}-")]
    known = set(there.index)
    shared = [name for name in here.index if name in known]
    if len(shared) < 2:
        return None
    before = here.loc[shared].correct.astype(float).to_numpy()
    after = there.loc[shared].correct.astype(float).to_numpy()
    gap = paired_interval(after, before, units_of(here.loc[shared].group, shared))
    return gap.estimate if gap.low > 0 and np.isfinite(gap.estimate) else None

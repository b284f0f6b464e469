"""Low-resource languages gain most: the gain on test against how much of a language was read."""

import pandas as pd

from workbench.claims.base import Claim, Finding, Ground, Number, undecided
from workbench.claims.ranks import rank_test


def decided(table: pd.DataFrame, what: str, seed: int = 0) -> Finding:
    """The finding from one row per pair and task, with `pair`, `gain` and `resource`."""
    pairs = table.groupby("pair", sort=False)[["gain", "resource"]].mean()
    found = rank_test(pairs.gain.tolist(), pairs.resource.tolist(), seed)
    if found is None:
        return undecided(f"{len(pairs)} pairs, or all alike in gain or {what}: no order to be seen", table)
    sentence = f"gain on test by {what}: {found}"
    numbers: dict[str, Number] = {
        "estimate": found.rho,
        "pairs": found.n,
        "rank_p": found.p,
        "smallest_p": found.smallest_p,
        "resource": what,
    }
    return Finding(found.ruling.verdict, sentence, numbers, table, found.ruling.p)


def _judge(ground: Ground) -> Finding:
    scale, rows = ground.resources, []
    for case in ground.cases:
        result, gain = case.result, case.result.headline.gain
        # Where it is unknown, dev stands in: on test items a baseline low by chance would be a high gain.
        known = result.facts.baseline.estimate if scale is None else scale.of(result.source)
        gap = None if result.gap is None else result.gap.estimate
        rows.append(
            case.facts
            | {"aligner": case.aligner, "layer": case.choice.layer, "split": "test", "resource": known}
            | {"gain": gain.estimate, "low": gain.low, "high": gain.high, "level": gain.level}
            | {"gap": gap, "share_of_gap": result.share_of_gap, "n": gain.n}
        )
    table = pd.DataFrame(rows)
    return decided(table, "unpatched accuracy on dev" if scale is None else scale.what, ground.seed)


CLAIMS = (
    Claim(
        "low_resource_gains_most",
        "The less of a language was read, the more it gains.",
        "Rank correlation over pairs of the gain on test with resource (unpatched accuracy on dev where "
        "that is not known), against all orders. Supported where p ≤ 0.05 and it is negative; not "
        "supported where p ≤ 0.05 and it is positive.",
        "INCLINE, arXiv:2410.12462",
        _judge,
    ),
)

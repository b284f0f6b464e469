"""What sentences differ in anyway (length, fertility, tokens, script), and whether a measure follows it."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from workbench.capture import Activations
from workbench.errors import InputError
from workbench.measure import METRICS, confounds
from workbench.models import TokenReader
from workbench.scripts import main_script
from workbench.study.tables import Facts, measured_at
from workbench.text import ParallelText


def text_properties(tokens: TokenReader, source: Sequence[str], target: Sequence[str]) -> dict[str, Tensor]:
    """Numbers per sentence pair that are known before any state is looked at.

    length         tokens of the source
    length_ratio   |ln(source tokens / target tokens)|
    fertility      tokens per word of the source, over that of the target
    shared_tokens  share of the source's different tokens that the target has too
    same_script    1 where most letters of both are of one script
    """
    here, there = (
        [ids[len(tokens.prefix) :] for ids in tokens.encode(list(side))] for side in (source, target)
    )
    n = torch.tensor([[len(ids) for ids in side] for side in (here, there)]).clamp(min=1).double()
    words = torch.tensor([[len(re.findall(r"\S+", text)) for text in side] for side in (source, target)])
    per_word = n / words.clamp(min=1)
    shared = [len({*a} & {*b}) / max(1, len({*a})) for a, b in zip(here, there, strict=True)]
    scripts = [main_script(a) == main_script(b) for a, b in zip(source, target, strict=True)]
    return {
        "length": n[0],
        "length_ratio": (n[0] / n[1]).log().abs(),
        "fertility": per_word[0] / per_word[1],
        "shared_tokens": torch.tensor(shared, dtype=torch.float64),
        "same_script": torch.tensor(scripts, dtype=torch.float64),
    }


def confounds_table(
    facts: Facts,
    tokens: TokenReader,
    text: ParallelText,
    states: Activations,
    source: str,
    target: str,
    rows: Any,
) -> pd.DataFrame:
    """Rank correlation, over held-out sentences, of what each adds to a measure with what it is like anyway.

    What it adds is turned so that more is better, also of a measure of which less is.
    """
    sides = ([text[code][int(row)] for row in rows] for code in (source, target))
    properties = text_properties(tokens, *sides)
    table = []
    for site in states.sites:
        x, y = states.at(site, source)[rows], states.at(site, target)[rows]
        scores, notes = _scores(x, y)
        found = {(one.measure, one.confound): one for one in confounds(scores, properties)} if scores else {}
        for measure, confound in product(METRICS, properties):
            one = found.get((measure, confound))
            numbers = {
                "confound": confound,
                "rho": one and one.rho,
                "low": one and one.low,
                "high": one and one.high,
                "mean": float(properties[confound].mean()),
                "n": len(rows),
                "note": notes[measure] or ("one of the two is constant" if one and one.constant else ""),
            }
            table.append(facts | measured_at(site, measure, "held_out") | numbers)
    kinds = dict.fromkeys(("rho", "low", "high"), "Float64")
    return pd.DataFrame(table).astype({"layer": "Int64"} | kinds)


def _scores(x: Tensor, y: Tensor) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What each sentence adds to each measure, more being better; or why that cannot be told."""
    scores, notes = {}, {}
    for name, metric in METRICS.items():
        notes[name] = ""
        try:
            parts = metric.by_sentence(x, y).cpu()
            scores[name] = parts if metric.higher_is_better else -parts
        except InputError as error:
            notes[name] = str(error)
    return scores, notes

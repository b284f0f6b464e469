"""What sentences differ in anyway (length, fertility, tokens, script), and whether a measure follows it."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from workbench.capture import Activations
from workbench.measure import confounds, query_scores
from workbench.models import TokenReader
from workbench.study.tables import Facts, place
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
    scripts = [script(a) == script(b) for a, b in zip(source, target, strict=True)]
    return {
        "length": n[0],
        "length_ratio": (n[0] / n[1]).log().abs(),
        "fertility": per_word[0] / per_word[1],
        "shared_tokens": torch.tensor(shared, dtype=torch.float64),
        "same_script": torch.tensor(scripts, dtype=torch.float64),
    }


def script(text: str) -> str:
    """The script of most letters, by the first word of their Unicode names; empty without letters.

    >>> script("Привет, world of привет")
    'CYRILLIC'
    """
    names = [unicodedata.name(letter, "").split(" ")[0] for letter in text if letter.isalpha()]
    return max(sorted(set(names)), key=names.count, default="")


def confounds_table(
    facts: Facts,
    tokens: TokenReader,
    text: ParallelText,
    states: Activations,
    source: str,
    target: str,
    rows: Any,
) -> pd.DataFrame:
    """Rank correlation, over held-out sentences, of how well one is retrieved with what it is like anyway."""
    sides = ([text[code][int(row)] for row in rows] for code in (source, target))
    properties = text_properties(tokens, *sides)
    table = []
    for site in states.sites:
        x, y = states.at(site, source)[rows], states.at(site, target)[rows]
        scores = {"retrieval": query_scores(x, y), "mrr": query_scores(x, y, of="mrr")}
        for found in confounds(scores, properties):
            numbers = {
                "confound": found.confound,
                "rho": found.rho,
                "mean": float(properties[found.confound].mean()),
                "n": found.n,
            }
            table.append(facts | place(site, found.measure, "held_out") | numbers)
    return pd.DataFrame(table).astype({"layer": "Int64", "rho": "Float64"})

"""Where each language's states lie, and what the model would say of them if it ended there."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from workbench.capture import Activations
from workbench.errors import InputError
from workbench.measure import GEOMETRY, read_lens
from workbench.models import LanguageModel
from workbench.study.tables import Facts, measured_at
from workbench.text import ParallelText


def geometry_table(facts: Facts, states: Activations, source: str, target: str, rows: Any) -> pd.DataFrame:
    """Every geometry at the embedding and at each layer: of each language, or of the pair."""
    table = []
    for site in states.sites:
        x, y = states.at(site, source)[rows], states.at(site, target)[rows]
        for name, geometry in GEOMETRY.items():
            whose = {source: (x,), target: (y,)} if geometry.languages == 1 else {None: (x, y)}
            for language, given in whose.items():
                value, note = float("nan"), ""
                try:
                    value = geometry(*given)
                except InputError as error:
                    note = str(error)
                numbers = {"language": language, "value": value, "n": len(rows), "note": note}
                table.append(facts | measured_at(site, name, "held_out") | numbers)
    return pd.DataFrame(table).astype({"layer": "Int64", "language": "string"})


def lens_table(
    facts: Facts,
    model: LanguageModel,
    text: ParallelText,
    states: Activations,
    languages: Sequence[str],
    rows: Any,
) -> pd.DataFrame:
    """The logit lens at each layer: entropy, and the share of probability on each language's own tokens.

    A language's own tokens are those that occur in its sentences and in none of the other's, so that
    shares are a lower bound and shared words count for neither.
    """
    own = own_tokens(model, text, languages).to(model.device)
    # A language all of whose tokens the other has too has no share to read.
    note = "" if own.any(1).all() else "a language has no token that is its own alone"
    table = []
    for site in states.sites:
        for language in languages:
            values = dict.fromkeys(("lens_entropy", "lens_share_own", "lens_share_other"), float("nan"))
            if not note:
                h = states.at(site, language)[rows].to(model.device)
                values = _read(model, h, own, list(languages).index(language))
            for name, value in values.items():
                numbers = {"language": language, "value": value, "n": len(rows), "note": note}
                table.append(facts | measured_at(site, name, "held_out") | numbers)
    return pd.DataFrame(table).astype({"layer": "Int64", "language": "string"})


@torch.no_grad()
def _read(model: LanguageModel, h: Tensor, own: Tensor, mine: int) -> dict[str, float]:
    found = read_lens(h, model.final_norm, model.unembed, own)
    shares = found.share.mean(1)
    return {
        "lens_entropy": float(found.entropy.mean()),
        "lens_share_own": float(shares[mine]),
        "lens_share_other": float(shares.sum() - shares[mine]),
    }


def own_tokens(model: LanguageModel, text: ParallelText, languages: Sequence[str]) -> Tensor:
    """[language, vocabulary]: the tokens that only this one of the languages uses in the text."""
    size = model.unembed(torch.zeros(1, model.info.d_model, device=model.device)).shape[-1]
    used = torch.zeros(len(languages), size, dtype=torch.bool)
    for row, language in enumerate(languages):
        for ids in model.tokens.encode(list(text[language])):
            used[row, ids[len(model.tokens.prefix) :]] = True
    return used & (used.sum(0) == 1)

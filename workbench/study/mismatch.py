"""How far the states a map will be applied to lie from those it was fitted on, layer by layer."""

from typing import Any

import pandas as pd

from workbench.capture import Activations
from workbench.errors import InputError
from workbench.measure import mismatch
from workbench.study.tables import Facts, measured_at


def mismatch_table(
    facts: Facts,
    task: str,
    sentences: Activations,
    prompts: Activations,
    language: str,
    fitted: Any,
    held_out: Any,
) -> pd.DataFrame:
    """States at the ends of a task's prompts against the sentence ends that maps are fitted on.

    `ratio_held_out` is the same of other sentences' ends: what the ratio is where there is no mismatch.
    """
    rows = []
    for site in sentences.sites:
        ends, asked = sentences.at(site, language), prompts.at(site, language)
        numbers = dict.fromkeys(("ratio", "shift", "outside", "outside_expected", "shrinkage"), float("nan"))
        reference, note = float("nan"), ""
        try:
            numbers = vars(mismatch(ends[fitted], asked))
            reference = mismatch(ends[fitted], ends[held_out]).ratio
        except InputError as error:
            note = str(error)
        counts = {"ratio_held_out": reference, "n_fit": len(fitted), "n": len(asked), "note": note}
        rows.append(facts | measured_at(site, "mismatch", "dev") | {"task": task} | numbers | counts)
    return pd.DataFrame(rows).astype({"layer": "Int64"})

"""A model's own view of which rows go together: one more matrix of evidence."""

import numpy as np
import torch

from workbench.capture import capture, fitting
from workbench.doctor.association import Array, banded
from workbench.doctor.checking import Pair, reference_of
from workbench.doctor.evidence import REACH
from workbench.errors import InputError
from workbench.models import LanguageModel
from workbench.progress import Progress, silent
from workbench.text import ParallelText
from workbench.types import Site


def model_evidence(
    model: LanguageModel, text: ParallelText, layer: int | None = None, progress: Progress = silent
) -> dict[Pair, Array]:
    """cos(x_i − x̄, y_{i+d} − ȳ) of mean-pooled states in mid-model, for each language and the reference.

    The middle is where sentences of languages that a model knows lie nearest to their translations; of a
    language it does not know the cosines say nothing, and the doctor learns to give them no weight.
    """
    if len(fitting(model, text)) < len(text):
        raise InputError("some rows are too long for the model: leave them out, or check without --model")
    site = Site(model.info.n_layers // 2 if layer is None else layer)
    states = capture(model, text, sites=site, pool="mean", store=None, progress=progress)
    reference = reference_of(text)
    sides = {}
    for language in text.languages:
        rows = states.at(site, language).float()
        sides[language] = torch.nn.functional.normalize(rows - rows.mean(0), dim=1).numpy()
    return {
        (reference, language): _cosines(sides[reference], sides[language])
        for language in text.languages
        if language != reference
    }


def _cosines(x: Array, y: Array) -> Array:
    return banded(lambda i, j: np.einsum("nd,nd->n", x[i], y[j]), len(x), REACH)

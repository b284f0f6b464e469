"""Whether a linear probe can tell a state's language: what is left of the language in the states."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.measure.gram import Rows


@dataclass(frozen=True)
class Probe:
    """Cross-validated accuracy, and what guessing would reach."""

    accuracy: float
    folds: tuple[float, ...]
    chance: float


def language_probe(
    states: Mapping[str, Rows], folds: int = 5, groups: Tensor | np.ndarray | None = None, C: float = 1.0
) -> Probe:
    """Accuracy of logistic regression on standardised states, language from state, over held-out folds.

    Rows of all languages are the same sentences. A sentence is in the same fold in every language
    (GroupKFold), and so is a document when `groups` numbers the documents: else the probe could know the
    sentence. C is the inverse strength of its L2 penalty, as in scikit-learn.
    """
    X, n = _stacked(states)
    groups = np.arange(n) if groups is None else np.asarray(groups)
    if len(groups) != n:
        raise InputError(f"{len(groups)} groups for {n} sentences: give one for each")
    if not 2 <= folds <= len(np.unique(groups)):
        raise InputError(
            f"{folds} folds of {len(np.unique(groups))} groups: give at least 2, at most one each"
        )
    scores = _scores(X, np.repeat(np.arange(len(states)), n), np.tile(groups, len(states)), folds, C)
    return Probe(float(np.mean(scores)), tuple(map(float, scores)), 1 / len(states))


def probe_accuracy(X: Rows, Y: Rows) -> float:
    """Accuracy of `language_probe` for two languages: 1/2 is chance."""
    return language_probe({"source": X, "target": Y}).accuracy


def _stacked(states: Mapping[str, Rows]) -> tuple[Float[np.ndarray, "row d"], int]:
    if len(states) < 2:
        raise InputError("a language probe needs at least two languages")
    shapes = {tuple(rows.shape) for rows in states.values()}
    if len(shapes) > 1 or len(next(iter(shapes))) != 2:
        raise InputError(f"a language probe needs [sent d] of the same sentences; {sorted(shapes)} given")
    if not all(torch.isfinite(rows).all() for rows in states.values()):
        raise InputError("a language probe needs finite numbers: capture in float32")
    X = torch.cat([rows.double() for rows in states.values()])
    X = X - X.mean(0)
    largest = X.abs().max()
    if largest == 0:
        raise InputError("a language probe is not defined where all rows are equal")
    return (X / largest).cpu().numpy(), len(next(iter(states.values())))


def _scores(X: np.ndarray, labels: np.ndarray, groups: np.ndarray, folds: int, C: float) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # Deterministic: lbfgs draws nothing, and GroupKFold without shuffling deals groups out in turn.
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000))
    return cross_val_score(model, X, labels, groups=groups, cv=GroupKFold(folds))

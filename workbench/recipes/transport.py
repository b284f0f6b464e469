"""Optimal transport between two sets of states, by the library POT (optional)."""

import warnings
from importlib import import_module

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import NotApplicable

BLUR = 0.05
"""The entropic penalty, in units of the mean cost."""
ROUNDS = 2000


def transported(X: Float[Tensor, "sent d"], Y: Float[Tensor, "other d"]) -> Float[Tensor, "sent d"]:
    """Each row's barycentre under Sinkhorn's plan from X to Y, all rows equally heavy, squared distances.

    Both sets are centred before distances are taken: a plan between places far apart knows only the shift.
    """
    try:
        ot = import_module("ot")
    except ImportError as error:
        raise NotApplicable(
            "optimal transport needs the library POT: pip install 'alignment-workbench[transport]'"
        ) from error
    X, Y = X.double().cpu(), Y.double().cpu()
    A, B = X - X.mean(0), Y - Y.mean(0)
    cost = torch.cdist(A, B).square().numpy()
    a, b = (torch.full((len(rows),), 1 / len(rows), dtype=torch.float64).numpy() for rows in (X, Y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it might be closer still; rows are normalised below
        plan = ot.sinkhorn(a, b, cost, BLUR * cost.mean(), method="sinkhorn_log", numItermax=ROUNDS)
    weights = torch.as_tensor(plan)
    return (weights / weights.sum(1, keepdim=True)) @ Y

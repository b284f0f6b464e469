"""Optimal transport between two sets of states, by the library POT (optional)."""

import warnings
from importlib import import_module
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
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
    weights = torch.as_tensor(_plan(ot, torch.cdist(A, B).square().numpy()))
    return (weights / weights.sum(1, keepdim=True)) @ Y


def _plan(ot: Any, cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sinkhorn's plan, by products where these hold, else by logarithms, which take twenty times as long."""
    a, b = (np.full(n, 1 / n) for n in cost.shape)
    for method in ("sinkhorn", "sinkhorn_log"):
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # that it might be closer still; rows are normalised by the caller
            plan: NDArray[np.float64] = ot.sinkhorn(
                a, b, cost, BLUR * cost.mean(), method=method, numItermax=ROUNDS
            )
        if np.isfinite(plan).all() and np.allclose(plan.sum(1), a, rtol=0.01, atol=0):
            break  # a row so far from all others that its products are 0 would have no mass
    return plan

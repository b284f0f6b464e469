"""Numbers in whatever form a user holds them: numpy, pandas, lists, tensors of any device.

The entry points of aligners, measures and statistics convert here, so that they take all of them alike.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import InputError, quoted

if TYPE_CHECKING:
    from torch import Tensor


def as_array(value: Any, name: str = "values") -> NDArray[Any]:
    """The numbers as a numpy array; of a table or a series its values, of a tensor those on the CPU.

    >>> as_array([1, 2]).tolist()
    [1, 2]
    """
    if hasattr(value, "detach"):
        value = value.detach().to("cpu")
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value  # numpy has no bfloat16
    try:
        found = np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value)
        if found.dtype == object:  # pandas keeps numbers with missing values so
            found = found.astype(np.float64)
    except (TypeError, ValueError):
        found = np.empty(0, dtype=np.str_)
    if not (np.issubdtype(found.dtype, np.number) or found.dtype == bool):
        raise InputError(
            f"{name} must be numbers (a numpy array, a pandas table or a tensor), not {_kind(value)}"
        )
    return found


def as_tensor(value: Any, name: str = "states") -> "Tensor":
    """The numbers as a tensor: a tensor as it is, anything else in its own precision on the CPU."""
    import torch

    if isinstance(value, torch.Tensor):
        return value
    found = as_array(value, name)
    if not np.issubdtype(found.dtype, np.floating):
        found = found.astype(np.float64)
    return torch.from_numpy(np.ascontiguousarray(found).copy() if not found.flags.writeable else found)


def _kind(value: Any) -> str:
    return f"a string ({quoted(value, 40)})" if isinstance(value, str) else f"a {type(value).__name__}"

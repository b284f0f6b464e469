"""Numbers: as arrays, from whatever form a user holds them in, as text, and in runs and steps.

In text they have true minus signs, and no sign before zero; missing ones (None, NaN, NA) are `none`, a dash
unless set.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import InputError, quoted

if TYPE_CHECKING:
    from torch import Tensor

NONE = "–"
"""Shown in place of a missing number."""

Span = tuple[int, int]
"""First and last of a run of whole numbers."""


def number(value: Any) -> float | None:
    """A number of a table, or None where it is missing.

    >>> number(1), number(float("nan")), number(None)
    (1.0, None, None)
    """
    try:
        given = float(value)
    except TypeError:  # None, and pandas' NA
        return None
    return None if math.isnan(given) else given


def plain(value: Any, places: int = 3, none: str = NONE) -> str:
    """A number with `places` digits after the point.

    >>> plain(0.5), plain(-0.25, 2), plain(-0.0001), plain(None)
    ('0.500', '−0.25', '0.000', '–')
    """
    given = number(value)
    if given is None:
        return none
    shown = f"{given:.{places}f}"
    return (shown if float(shown) else shown.removeprefix("-")).replace("-", "−")


def signed(value: Any, places: int = 3, none: str = NONE) -> str:
    """The same with a sign.

    >>> signed(0.5, 2), signed(-0.5, 2), signed(0.0)
    ('+0.50', '−0.50', '0.000')
    """
    shown = plain(value, places, none)
    return f"+{shown}" if (number(value) or 0) > 0 and float(shown) else shown


def between(low: Any, high: Any, places: int = 3) -> str:
    """Both ends of an interval; empty where there is none.

    >>> between(0.1, 0.25, 2), between(None, None)
    ('[0.10, 0.25]', '')
    """
    if number(low) is None or number(high) is None:
        return ""
    return f"[{plain(low, places)}, {plain(high, places)}]"


def interval(estimate: Any, low: Any, high: Any, places: int = 3, sign: bool = True, none: str = NONE) -> str:
    """A number with its interval, or alone where there is none.

    >>> interval(-0.25, -0.5, 0.125, 2), interval(0.5, None, None, 2, sign=False)
    ('−0.25 [−0.50, 0.12]', '0.50')
    """
    if number(estimate) is None:
        return none
    shown = signed(estimate, places) if sign else plain(estimate, places)
    return f"{shown} {between(low, high, places)}".rstrip()


def interval_of(row: Any, name: str, places: int = 3, sign: bool = True, none: str = NONE) -> str:
    """The same of a row of a table, from the columns `name`, `name_low` and `name_high`.

    >>> interval_of({"gain": 0.5, "gain_low": 0.25, "gain_high": 0.75}, "gain", 2)
    '+0.50 [0.25, 0.75]'
    """
    return interval(row[name], row[f"{name}_low"], row[f"{name}_high"], places, sign, none)


def estimated(value: Any, places: int = 3, sign: bool = True, none: str = NONE) -> str:
    """An `Interval`, or another estimate with the fields `estimate`, `low` and `high`; or None."""
    return none if value is None else interval(value.estimate, value.low, value.high, places, sign)


def percent(share: Any, places: int = 0, space: str = " ", none: str = NONE) -> str:
    """A share in percent; where lines may break, give a `space` at which they do not.

    >>> percent(0.384), percent(-0.05, 1)
    ('38 %', '−5.0 %')
    """
    given = number(share)
    return none if given is None else f"{plain(100 * given, places)}{space}%"


def cost_in_points(change: float, noninferior: bool) -> int:
    """Accuracy lost in the target language, in percentage points; 0 where a relevant loss is ruled out.

    >>> cost_in_points(-0.15, False), cost_in_points(-0.15, True), cost_in_points(0.01, False)
    (15, 0, 0)
    """
    return 0 if noninferior else max(round(-100 * change), 0)


def with_cost(kind: str, change: Any, noninferior: Any) -> str:
    """A verdict in a few words: one that helps says so where it costs accuracy in the target language.

    >>> with_cost("helps", -0.15, False), with_cost("helps", None, None), with_cost("undecided", -0.15, False)
    ('helps, at a cost', 'helps', 'undecided')
    """
    known = number(change)
    costs = kind == "helps" and known is not None and cost_in_points(known, bool(noninferior))
    return f"{kind}, at a cost" if costs else kind


def probability(value: Any) -> str:
    """A p-value, three digits, never zero.

    >>> probability(0.04), probability(1e-5)
    ('0.040', '< 0.001')
    """
    given = number(value)
    if given is None:
        return NONE
    return "< 0.001" if given < 0.001 else plain(given)


def spans(numbers: Iterable[int]) -> tuple[Span, ...]:
    """Runs of consecutive whole numbers.

    >>> spans([7, 3, 4, 5])
    ((3, 5), (7, 7))
    """
    known = np.unique(np.fromiter(numbers, dtype=np.int64))
    runs = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    return tuple((int(run[0]), int(run[-1])) for run in runs if len(run))


def spelled(runs: Iterable[Span], most: int | None = 6) -> str:
    """Runs for people, at most so many (None: all) of them.

    >>> spelled([(3, 5), (7, 7)])
    '3–5, 7'
    """
    parts = [f"{first}–{last}" if last > first else str(first) for first, last in runs]
    left = 0 if most is None else len(parts) - most
    return ", ".join(parts[:most]) + (f" … ({left} more)" if left > 0 else "")


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the numbers 0 … count − 1, evenly spaced, with the first and the last.

    >>> evenly(3, 12), evenly(80, 4)
    ([0, 1, 2], [0, 26, 53, 79])
    """
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / max(most - 1, 1)) for place in range(most)]


def as_array(value: Any, name: str = "values") -> NDArray[Any]:
    """The numbers as a numpy array; of a table or a series its values, of a tensor those on the CPU.

    >>> as_array([1, 2]).tolist()
    [1, 2]
    """
    if hasattr(value, "detach"):
        value = value.detach().to("cpu")
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value  # numpy has no bfloat16
    try:
        array = np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value)
        if array.dtype == object:  # pandas keeps numbers with missing values so
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        array = np.empty(0, dtype=np.str_)
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
        kind = f"a string ({quoted(value, 40)})" if isinstance(value, str) else f"a {type(value).__name__}"
        raise InputError(f"{name} must be numbers (a numpy array, a pandas table or a tensor), not {kind}")
    return array


def as_tensor(value: Any, name: str = "states") -> "Tensor":
    """The numbers as a tensor: a tensor as it is, anything else in its own precision on the CPU."""
    import torch

    if isinstance(value, torch.Tensor):
        return value
    array = as_array(value, name)
    if not np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float64)
    return torch.from_numpy(array if array.flags.writeable else np.ascontiguousarray(array).copy())

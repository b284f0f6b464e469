"""Whether an interval holds a value."""

from workbench.stats import Interval


def holds(interval: Interval, value: float) -> bool:
    """Whether the value lies inside, or at an end."""
    return interval.low <= value <= interval.high

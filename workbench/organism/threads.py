"""How many cores a training may have."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute on that many threads, and leave the caller's setting as it was.

    One thread adds in one order, so that a seed gives the same weights; and matrices this small gain
    little from a second one, and lose much where cores are busy with something else.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""Memory that runs out: which errors say so, and work that then goes on in smaller parts."""

import errno
import gc
import logging
import math
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from workbench.core.errors import InputError

log = logging.getLogger(__name__)

_SAID = re.compile(
    r"out of memory|(can't|cannot|could not|unable to|failed to|tried to) allocate|alloc_failed|alloc_cpu",
    re.IGNORECASE,
)

Part = TypeVar("Part")
Made = TypeVar("Made")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory could not be had, on a GPU or a CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and _SAID.search(str(error)) is not None


def halved(part: Sequence[Part]) -> tuple[Sequence[Part], ...]:
    """Both halves of a sequence; nothing of a single element."""
    half = len(part) // 2
    return (part[:half], part[half:]) if half else ()


class Halving:
    """Work in parts that fit in memory: where one does not, its halves, and nothing larger from then on.

    One object belongs to one piece of work, named `what`: it warns once.
    """

    def __init__(self, what: str):
        self.what = what
        self._largest: dict[str, float] = {}
        """Of each kind of part, the size above which none is tried any more."""
        self._warned = False

    def run(
        self,
        work: Callable[[Part], Made],
        part: Part,
        *,
        size: Callable[[Part], float],
        smaller: Callable[[Part], Sequence[Part]],
        alone: Callable[[Part], str],
        kind: str = "",
    ) -> list[Made]:
        """What `work` makes of the part, or of the `smaller` parts that it is cut into, in order.

        Where a part cannot be cut any further, `alone` names it in the error. Parts of one `kind` are alike
        in the memory they take for their size.
        """
        parts = smaller(part)
        if not parts or size(part) <= self._largest.get(kind, math.inf):
            try:
                return [work(part)]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if not parts:
                    raise InputError(
                        f"memory ran out in the {self.what} with {alone(part)}, which cannot be cut into "
                        'smaller parts: load the model with dtype="bfloat16" (--model-dtype), take a device '
                        "with more memory, or leave out the longest texts"
                    ) from error
            # Here the error is gone, and with it the tensors that its traceback held.
            self._largest[kind] = max(map(size, parts))
            self._recover()
        found: list[Made] = []
        for one in parts:
            found += self.run(work, one, size=size, smaller=smaller, alone=alone, kind=kind)
        return found

    def _recover(self) -> None:
        if not self._warned:
            log.warning(
                "memory ran out in the %s: it goes on in smaller parts (a smaller batch is faster)",
                self.what,
            )
            self._warned = True
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

"""Processes that start at once and can be killed: forked from one that has loaded torch."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

_LOADED = ["torch", "transformers", "transformer_lens", "pandas", "pyarrow.parquet", "scipy.stats", "pytest"]
_LOADED += ["matplotlib.pyplot", "matplotlib_inline.backend_inline", "IPython", "sklearn.cross_decomposition"]
"""The workbench is not among them: its import is a part of what is tried."""
_context = get_context("forkserver")
_context.set_forkserver_preload(_LOADED)


def run(
    function: Callable[..., None], *arguments: Any, kill_after: float | None = None
) -> tuple[bool, float]:
    """Whether a function came to its end in a process of its own, and the seconds it took."""
    ready = _context.Event()
    child = _context.Process(target=_begin, args=(ready, function, *arguments))
    child.start()
    assert ready.wait(120)
    start = time.perf_counter()
    child.join(kill_after)
    child.kill()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL), f"it failed with exit code {child.exitcode}"
    return child.exitcode == 0, time.perf_counter() - start


@contextmanager
def served(function: Callable[[Any, Any], None], argument: Any) -> Iterator[Any]:
    """The connection to a process in which a function answers, until it receives None."""
    ours, theirs = _context.Pipe()
    child = _context.Process(target=function, args=(theirs, argument))
    child.start()
    theirs.close()
    try:
        yield ours
        ours.send(None)
        child.join(60)
    finally:
        child.kill()
        child.join()


def _begin(ready: Any, function: Callable[..., None], *arguments: Any) -> None:
    ready.set()
    function(*arguments)

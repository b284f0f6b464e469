"""How often expensive loops run: a few times in `make test`, in full in `make test-all`."""

import os

FULL = os.environ.get("WORKBENCH_FULL", "") not in ("", "0")


def count(quick: int, full: int) -> int:
    """The number of rounds: `full` under WORKBENCH_FULL=1, else `quick`."""
    return full if FULL else quick

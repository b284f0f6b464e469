"""Progress of long work: a callback that the library calls."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""`progress(what, done, total)`; called from the working thread, so keep it short."""


def silent(what: str, done: int, total: int) -> None:
    """Say nothing."""


def notebook_bar() -> Progress:
    """A progress bar for notebooks (and terminals): pass it as `progress=`."""
    from tqdm.auto import tqdm

    bars: dict[str, tqdm] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in bars:
            bars[what] = tqdm(total=total, desc=what, unit="tok", unit_scale=True)
        bars[what].update(done - bars[what].n)
        if done >= total:
            bars.pop(what).close()

    return show

"""How the report writes names, and numbers in little room."""

from typing import Any

import pandas as pd

from workbench.core.languages import is_language, name_of
from workbench.core.numbers import NONE, signed


def short(value: Any) -> str:
    """A signed number in as few letters as a cell has room for.

    >>> short(0.314), short(-1.0), short(0.001)
    ('+.31', '−1.0', '0')
    """
    shown = signed(value, 2)
    if shown == NONE:
        return shown
    if float(shown.replace("−", "-")) == 0:
        return "0"
    return shown.replace("0.", ".", 1) if "0." in shown[:3] else shown[:-1]


def words(name: Any) -> str:
    """A name of the tables as words: `mean_shift` is mean shift."""
    return NONE if name is None or pd.isna(name) else str(name).replace("_", " ")


def language(code: str | None) -> str:
    """The English name of a language, with its code where that says something else."""
    if not code:
        return NONE
    name = name_of(code) if is_language(code) else code
    return name if name == code else f"{name} ({code})"


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def listed(names: list[str]) -> str:
    """Names in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)


def count(n: int, one: str, many: str | None = None) -> str:
    """A number of things.

    >>> count(1, "item"), count(1200, "item")
    ('1 item', '1,200 items')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"

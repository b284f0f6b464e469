"""How the report writes numbers and names."""

from typing import Any

import pandas as pd

from workbench.languages import is_language, name_of

NONE = "–"
"""What stands where there is no number."""


def number(value: Any) -> float | None:
    """A number of a table, or None where it is missing."""
    return None if value is None or pd.isna(value) else float(value)


def plain(value: Any, places: int = 3) -> str:
    """So many digits after the point, with a true minus; never a minus before nothing but zeros.

    >>> plain(0.5), plain(-0.0001), plain(None)
    ('0.500', '0.000', '–')
    """
    given = number(value)
    if given is None:
        return NONE
    shown = f"{given:.{places}f}"
    return (shown.removeprefix("-") if not float(shown) else shown).replace("-", "−")


def signed(value: Any, places: int = 3) -> str:
    """The same with its sign.

    >>> signed(0.5, 2), signed(-0.5, 2), signed(0.0)
    ('+0.50', '−0.50', '0.000')
    """
    shown = plain(value, places)
    return f"+{shown}" if (number(value) or 0) > 0 and float(shown) else shown


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


def between(low: Any, high: Any, places: int = 3) -> str:
    """An interval, empty where there is none.

    >>> between(0.1, 0.25, 2)
    '[0.10, 0.25]'
    """
    if number(low) is None or number(high) is None:
        return ""
    return f"[{plain(low, places)}, {plain(high, places)}]"


def probability(value: Any) -> str:
    """A p-value, three digits, never zero.

    >>> probability(0.04), probability(1e-5)
    ('0.040', '< 0.001')
    """
    given = number(value)
    if given is None:
        return NONE
    return "< 0.001" if given < 0.001 else plain(given)


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

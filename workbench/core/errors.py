"""Errors a user can cause: one line with problem, place and remedy. The command line exits with 2 at them."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

_LONGEST, _HEAD, _TAIL = 900, 600, 260


class WorkbenchError(Exception):
    """Base of these errors: the message is one printable line of bounded length."""

    def __init__(self, message: object = ""):
        # Escapes are longer than what they stand for: the text is cut before and after.
        super().__init__(_cut(_printable(_cut(str(message)))))


class InputError(WorkbenchError):
    """A file or an argument is invalid."""


class NotApplicable(InputError):
    """A method has nothing to work on here; the others can go on without it."""


class TextError(InputError):
    """A text file cannot be read as it stands; the message starts with `file:line:`."""

    def __init__(self, message: str, path: object = None, line: int | None = None):
        where = "" if path is None else f"{path}:" + ("" if line is None else f"{line}:") + " "
        super().__init__(where + message)
        self.path, self.line = path, line


class ModelError(WorkbenchError):
    """A model cannot be loaded, or does not match its description."""


class SiteError(WorkbenchError):
    """A site does not exist in this model."""


class HookError(WorkbenchError):
    """A hook was placed but never fired: the run it was meant to change is an unchanged run."""


class StoreError(WorkbenchError):
    """A stored file is damaged or cannot be written."""


def quoted(value: object, limit: int = 200) -> str:
    """The value as repr shows it, cut to `limit` characters: no terminal escape gets through."""
    try:
        text = repr(value[: limit + 1] if isinstance(value, str | bytes) else value)
    except (ValueError, RecursionError):  # a huge whole number, or lists in lists in lists
        text = f"a {type(value).__name__}"
    return text if len(text) <= limit else f"{text[: limit - 2]} …"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_HEAD]} … {text[-_TAIL:]}"


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of an "unknown name" message: the closest known name, or all of them.

    >>> did_you_mean("resid_pots", ["resid_pre", "resid_post"])
    "did you mean 'resid_post'?"
    >>> did_you_mean("zzz", ["a", "b"])
    'known: a, b'
    """
    known = sorted(known)
    close = get_close_matches(name[:100], known, n=1, cutoff=0.6)
    return f"did you mean {quoted(close[0])}?" if close else "known: " + ", ".join(known)


def attempt(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, str]:
    """The value of a call; or NaN and the message of an `InputError`, for tables with a column `note`.

    >>> attempt(float, "0.5")
    (0.5, '')
    """
    try:
        return function(*arguments, **options), ""
    except InputError as error:
        return float("nan"), str(error)

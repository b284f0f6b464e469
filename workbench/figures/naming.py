"""Names for people: aligners and measures as words, pairs with an arrow, without what all have in common."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

_ENDINGS = ("equal_norm", "debiased", "centered")
"""What stands in brackets after the name that it qualifies."""
_ACRONYMS = ("cka", "csls", "mexa", "rsa", "mrr", "cca", "svcca", "pwcca")
_LANGUAGE = r"(?:x(?:-(?!x-)\w+?)+|\w+(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|\d{3}))?)"
"""A code, with its script and region; after `x` comes an invented name, which may hold hyphens."""
_PAIR = re.compile(rf"({_LANGUAGE})-({_LANGUAGE})")


def spoken(name: object) -> str:
    """A name of the tables as words.

    >>> spoken("random_equal_norm"), spoken("cka_debiased"), spoken("shuffled_pairs:ridge")
    ('random (equal norm)', 'CKA (debiased)', 'shuffled pairs (ridge)')
    """
    base, _, of = str(name).partition(":")
    ending = next((one for one in _ENDINGS if base.endswith(f"_{one}")), of)
    base = base.removesuffix(f"_{ending}")
    words = [word.upper() if word in _ACRONYMS else word for word in base.split("_")]
    return " ".join(words) + (f" ({ending.replace('_', ' ')})" if ending else "")


def sides(pair: str) -> tuple[str, str] | None:
    """Source and target of a pair; None where its name does not tell them apart.

    >>> sides("sw-en"), sides("x-poor-far-x-main"), sides("zh-Hant-en"), sides("english")
    (('sw', 'en'), ('x-poor-far', 'x-main'), ('zh-Hant', 'en'), None)
    """
    found = _PAIR.fullmatch(pair)
    return (found[1], found[2]) if found else None


def pair_name(pair: str) -> str:
    """A pair with an arrow from source to target."""
    return " → ".join(both) if (both := sides(pair)) else pair


def pair_names(pairs: Sequence[str]) -> dict[str, str]:
    """Pair → its name among these: a language that all have on one side is left out.

    >>> pair_names(["sw-en", "yo-en"]), pair_names(["sw-en", "en-sw"])
    ({'sw-en': 'sw', 'yo-en': 'yo'}, {'sw-en': 'sw → en', 'en-sw': 'en → sw'})
    """
    both = list(map(sides, pairs))
    shared = shared_side(pairs)
    if shared is None:
        return {pair: pair_name(pair) for pair in pairs}
    other = 0 if shared.startswith("into") else 1
    return {pair: own[other] for pair, own in zip(pairs, both, strict=True) if own is not None}


def shared_side(pairs: Sequence[str]) -> str | None:
    """The language that several pairs have on one side; None where there is none.

    >>> shared_side(["sw-en", "yo-en"]), shared_side(["en-sw", "en-yo"]), shared_side(["sw-en"])
    ('into en', 'from en', None)
    """
    both = list(map(sides, pairs))
    known = [own for own in both if own is not None]
    if len(known) < max(len(both), 2):
        return None
    sources, targets = (set(side) for side in zip(*known, strict=True))
    if len(targets) == 1:
        return f"into {targets.pop()}"
    return f"from {sources.pop()}" if len(sources) == 1 else None


def without_shared(names: Sequence[str]) -> dict[str, str]:
    """Name → what it has after the parts between hyphens that all begin with.

    >>> without_shared(["organism-exact", "organism-two-choice"]), without_shared(["xcopa-item"])
    ({'organism-exact': 'exact', 'organism-two-choice': 'two-choice'}, {'xcopa-item': 'xcopa-item'})
    """
    if len(names) == 1:  # of tasks of the organism its name stands beside them, as that of the model
        return {name: name.removeprefix("organism-") for name in names}
    split = [name.split("-") for name in names]
    shared = min([_shared(split), *(len(parts) - 1 for parts in split)])
    return {name: "-".join(parts[shared:]) for name, parts in zip(names, split, strict=True)}


def labels(key: str, values: Iterable[object]) -> dict[str, str]:
    """The values of a column of the tables → their names among each other."""
    own = list(dict.fromkeys(map(str, values)))
    if key == "pair":
        return pair_names(own)
    if key == "task":
        return without_shared(own)
    return {name: spoken(name) if key in _SPOKEN else name for name in own}


_SPOKEN = ("aligner", "intervention", "measure", "confound", "positions")
"""Columns whose values are names of the workbench, not of the user."""


def distinct(names: Sequence[str], cut: Callable[[str], str]) -> list[str]:
    """Names cut to the room there is; where some would be alike, what they have in common is cut first.

    >>> distinct(["exact-far", "exact-near"], lambda name: name[:5]), distinct(["abc", "xyz"], str.upper)
    (['…far', '…near'], ['ABC', 'XYZ'])
    """
    head = _shared(names)
    ends = [name[head:] for name in names]
    tail = _shared([end[::-1] for end in ends])
    without_head = ["…" * bool(head) + end for end in ends]
    without_both = [name[: len(name) - tail] + "…" * bool(tail) for name in without_head]
    every = [list(map(cut, some)) for some in (names, without_head, without_both)]
    return next((some for some in every if len(set(some)) == len(set(names))), without_both)


def _shared(names: Sequence[Sequence[str]]) -> int:
    """How many letters, or parts, all begin with."""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return len(list(alike))

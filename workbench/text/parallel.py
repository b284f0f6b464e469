"""`ParallelText`: aligned sentences; row i has the same meaning in every language."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.errors import InputError, quoted
from workbench.core.languages import canonical
from workbench.core.store import digest_json
from workbench.text.splits import Split, clusters, deal

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, repr=False, eq=False)
class ParallelText:
    """Sentences in several languages, row by row translations of each other.

    `sentences` maps each language (any spelling) to its sentences; its order is the order of the
    languages. `groups` names the document of each row, `sources` the files they came from, and
    `dropped` how many rows the reader left out because a side was missing.

    >>> text = ParallelText({"swh": ["Habari", "Asante"], "eng": ["News", "Thanks"]})
    >>> text
    ParallelText(sw en, 2 rows)
    >>> text["swa"][1]
    'Asante'
    """

    sentences: Mapping[str, tuple[str, ...]]
    groups: tuple[str, ...] | None = None
    sources: tuple[str, ...] = ()
    dropped: int = 0

    def __post_init__(self) -> None:
        sides: dict[str, tuple[str, ...]] = {}
        for code, side in self.sentences.items():
            language = canonical(code)
            if language in sides:
                raise InputError(f"two sides are {language!r} ({quoted(code)} is one of them): keep one")
            if isinstance(side, str):
                raise InputError(f"the {language!r} side is one string: give a list of sentences")
            sides[language] = tuple(side)
            _check_side(language, sides[language])
        if not sides:
            raise InputError("no languages: a parallel text needs at least one side")
        first, n = next((language, len(side)) for language, side in sides.items())
        for language, side in sides.items():
            if len(side) != n:
                raise InputError(
                    f"{first!r} has {n} sentences but {language!r} has {len(side)}: they must align"
                )
        if self.groups is not None:
            if len(self.groups) != n:
                raise InputError(f"{len(self.groups)} groups for {n} rows: give one group a row")
            object.__setattr__(self, "groups", tuple(map(str, self.groups)))
        object.__setattr__(self, "sentences", MappingProxyType(sides))
        object.__setattr__(self, "sources", tuple(map(str, self.sources)))

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages, in order."""
        return tuple(self.sentences)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what is said, whatever files it came from and in whichever order of languages."""
        groups = None if self.groups is None else list(self.groups)
        sides = {language: list(side) for language, side in self.sentences.items()}
        return digest_json({"sentences": sides, "groups": groups})

    def __len__(self) -> int:
        return len(next(iter(self.sentences.values())))

    def __getitem__(self, language: str) -> tuple[str, ...]:
        return self.sentences[self._known(language)]

    def __contains__(self, language: object) -> bool:
        try:
            return isinstance(language, str) and canonical(language) in self.sentences
        except InputError:
            return False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ParallelText):
            return NotImplemented
        return self.languages == other.languages and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        groups = f", {len(set(self.groups))} groups" if self.groups is not None else ""
        dropped = f", {self.dropped} dropped" if self.dropped else ""
        return f"ParallelText({' '.join(self.languages)}, {len(self)} rows{groups}{dropped})"

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view of a dict cannot be pickled; workers on other machines get the dict.
        return ParallelText, (dict(self.sentences), self.groups, self.sources, self.dropped)

    def sample(self, n: int, seed: int = 0) -> "ParallelText":
        """At most `n` rows, drawn at random, in their order."""
        return self.select(np.sort(np.random.default_rng(seed).permutation(len(self))[:n]).tolist())

    def select(self, rows: Iterable[int]) -> "ParallelText":
        """Take the given rows, in the given order (row numbers or a mask of n booleans)."""
        picked = np.asarray(rows if isinstance(rows, Sequence | np.ndarray) else list(rows))
        if picked.dtype == bool:
            if picked.shape != (len(self),):
                raise InputError(f"a mask of {picked.size} for {len(self)} rows: give one boolean a row")
            picked = np.flatnonzero(picked)
        if picked.size and not np.issubdtype(picked.dtype, np.integer):
            raise InputError(f"rows are whole numbers, not {picked.dtype}")
        chosen: list[int] = picked.astype(np.int64).tolist()
        if wrong := [row for row in chosen if not 0 <= row < len(self)]:
            raise InputError(f"no row {wrong[0]}: the text has rows 0 … {len(self) - 1}")
        return ParallelText(
            {language: tuple(side[row] for row in chosen) for language, side in self.sentences.items()},
            None if self.groups is None else tuple(self.groups[row] for row in chosen),
            self.sources,
            self.dropped,
        )

    def only(self, languages: str | Iterable[str]) -> "ParallelText":
        """Take the given languages, in the given order."""
        wanted = [languages] if isinstance(languages, str) else list(languages)
        sides = {self._known(language): self[language] for language in wanted}
        return ParallelText(sides, self.groups, self.sources, self.dropped)

    def to_frame(self) -> pd.DataFrame:
        """One row a sentence: `row`, `group` (where there are groups) and a column for each language."""
        groups = {} if self.groups is None else {"group": self.groups}
        return pd.DataFrame({"row": range(len(self)), **groups, **self.sentences})

    def pairs(self) -> pd.DataFrame:
        """One row for each sentence of each pair: `pair` (`sw-en`), `row`, `source`, `target`, `group`."""
        if len(self.languages) < 2:
            raise InputError(f"a text in {self.languages[0]!r} alone has no pairs")
        columns = {"row": range(len(self)), "group": self.groups}
        frames = [
            pd.DataFrame({"pair": f"{a}-{b}", "source": self[a], "target": self[b], **columns})
            for a, b in permutations(self.languages, 2)
        ]
        return pd.concat(frames, ignore_index=True)[["pair", "row", "source", "target", "group"]]

    def split(self, fit: float = 0.6, dev: float = 0.2, test: float = 0.2, seed: int = 0) -> Split:
        """Rows to fit on, to choose on and to report on, that share no sentence and no document.

        Sizes are fractions, met as closely as may be, or counts (whole numbers), met exactly.
        """
        tied = clusters(self.sentences.values(), self.groups, len(self))
        return deal(tied, {"fit": fit, "dev": dev, "test": test}, seed)

    def _known(self, language: str) -> str:
        if (code := canonical(language)) not in self.sentences:
            raise InputError(f"the text has no {code!r}: it has {', '.join(self.languages)}")
        return code


def text_of(value: Any) -> ParallelText:
    """The sentences as a parallel text: one as it is, or lists of them by language."""
    if isinstance(value, ParallelText):
        return value
    if isinstance(value, Mapping):
        return ParallelText(value)
    if isinstance(value, str | Path):
        raise InputError(
            f"{quoted(value, 60)} is a name, not a text: read it first, wb.read({quoted(value, 60)})"
        )
    raise InputError(
        f"a {type(value).__name__} does not say its languages: give a ParallelText (wb.read) or lists by "
        'language, {"sw": […], "en": […]}'
    )


def _check_side(language: str, side: tuple[str, ...]) -> None:
    for row, sentence in enumerate(side):
        if not isinstance(sentence, str):
            kind = type(sentence).__name__
            raise InputError(f"row {row} of {language!r} is not text but {kind}: every side must be a string")
        if not sentence.strip():
            raise InputError(f"row {row} of {language!r} is empty: leave the row out or give its sentence")
    try:
        "\n".join(side).encode()
    except UnicodeEncodeError:
        row = next(row for row, sentence in enumerate(side) if _LONE_SURROGATE.search(sentence))
        message = f"row {row} of {language!r} holds half a character (a lone surrogate): fix it"
        raise InputError(message) from None

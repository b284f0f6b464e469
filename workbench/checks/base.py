"""The input of the data checks: sentences in several languages, row by row."""

from collections.abc import Mapping
from typing import Protocol


class Sentences(Protocol):
    """As much of a parallel text as the doctor needs to see."""

    @property
    def sentences(self) -> Mapping[str, tuple[str, ...]]:
        """The sentences of each language; row i of every language says the same thing."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages, in order."""
        ...

    @property
    def sources(self) -> tuple[str, ...]:
        """The files they came from."""
        ...

    @property
    def dropped(self) -> int:
        """How many rows were left out when they were read, for want of a side."""
        ...

    def __len__(self) -> int: ...

    def __contains__(self, language: object) -> bool: ...

    def __getitem__(self, language: str) -> tuple[str, ...]: ...

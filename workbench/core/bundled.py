"""What comes with the package, and what other installed packages add to it.

Bundled data has names; it is next to the package in a clone, and inside it when installed.
"""

import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from workbench.core.errors import InputError

Part = TypeVar("Part")

MODELS = {"organism": "organism"}
"""Models that can be loaded by name."""
TEXTS = {"organism": "organism/parallel.tsv.gz", "starter": "starter/sentences.tsv"}
"""Parallel text that can be read by name."""
RUNS = {
    name: f"studies/{name}"
    for name in ("smollm2-sib200", "gemma3-sib200", "gemma3-xcopa", "smollm2-sib200-fr")
}
"""Studies of real models whose tables are kept (docs/studies), and can be opened by name."""
_STARTER = (
    "the starter set is for first steps only, checked by nobody but its authors: no result on it is to be "
    "published"
)
CAUTIONS = {
    "starter/sentences.tsv": _STARTER,
    "starter/choices.tsv": _STARTER,
    "organism/parallel.tsv.gz": "the bundled model was trained so that accuracy differs between its "
    "invented languages: results on it say nothing about real languages",
}
"""Cautions shown beside every result on a file."""

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "_data", _PACKAGE.parent / "data", _PACKAGE.parent / "docs")


def bundled(part: str) -> Path:
    """The path of a bundled file or folder."""
    for place in _PLACES:
        if (place / part).exists():
            return place / part
    places = " nor in ".join(map(str, _PLACES))
    raise InputError(
        f"{part}, which is bundled with the project, is neither in {places}: install or clone it again"
    )


def resolved(name_or_path: str | Path, known: dict[str, str]) -> str:
    """The path of a known name; other names, and names of existing files, are returned as they are.

    >>> resolved("gpt2", MODELS)
    'gpt2'
    """
    name = str(name_or_path)
    return str(bundled(known[name])) if name in known and not Path(name).exists() else name


def cautions(sources: tuple[str, ...]) -> list[str]:
    """The cautions for results on text from these files."""
    files = {Path(source).as_posix() for source in sources}
    return [text for part, text in CAUTIONS.items() if any(file.endswith(f"/{part}") for file in files)]


class Registry(MutableMapping[str, Part]):
    """Aligners, measures, tasks … by name: those of the workbench, and those of other installed packages.

    A package adds to the registry `aligners` by an entry point of the group `workbench.aligners`, whose name
    is that of the aligner. Entry points are loaded when the registry is first used, for they import the
    workbench in turn. A name that is taken stays what it is, and what cannot be loaded is left out; both are
    warned of.
    """

    def __init__(self, kind: str, own: Mapping[str, Part]):
        self.kind, self._own, self._whole = kind, dict(own), False

    @property
    def _parts(self) -> dict[str, Part]:
        if not self._whole:
            self._whole = True
            for entry in entry_points(group=f"workbench.{self.kind}"):
                self._add(entry)
        return self._own

    def _add(self, entry: Any) -> None:
        package = entry.dist.name if entry.dist else "a package"
        if entry.name in self._own:
            warnings.warn(f"{package} adds {entry.name!r} to {self.kind}: the name is taken", stacklevel=5)
            return
        try:
            self._own[entry.name] = entry.load()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(f"{package}: {entry.name!r} of {self.kind} is left out ({reason})", stacklevel=5)

    def __getitem__(self, name: str) -> Part:
        return self._parts[name]

    def __setitem__(self, name: str, part: Part) -> None:
        self._parts[name] = part

    def __delitem__(self, name: str) -> None:
        del self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __or__(self, other: Mapping[str, Any]) -> Any:
        return self._parts | dict(other)

    def __repr__(self) -> str:
        return f"Registry({self.kind}: {', '.join(self._parts)})"

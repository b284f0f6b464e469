"""The catalogue: for each corpus and benchmark its licence, languages, revision, checksums and where it is.

The facts are in `entries.toml`; nothing here is guessed, and what is not known is called so.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.tasks.catalogue.fetch import File, fetch

NOT_PINNED = "not pinned"


@dataclass(frozen=True)
class Entry:
    """One corpus or benchmark."""

    name: str
    kind: str
    """`text`, `task` or `text and task`."""
    title: str
    what: str
    licence: str
    languages: str
    size: str
    homepage: str
    revision: str
    read: tuple[str, ...]
    """Options that read it; {folder} is where its files lie."""
    tried: bool
    """Whether its reader was tried on its published files."""
    hub: str | None = None
    """The task that is read from the Hugging Face hub, as hub:NAME."""
    steps: tuple[str, ...] = ()
    """What is left to do by hand, in the folder, after its files are there."""
    files: tuple[File, ...] = ()

    def pinned(self) -> str:
        """By what it is pinned, in words."""
        known = sum(file.sha256 is not None for file in self.files)
        checked = f"{known} of {len(self.files)} files by checksum" if known else ""
        commit = len(self.revision) == 40
        revision = "" if self.revision == NOT_PINNED else self.revision[: 7 if commit else None]
        return ", ".join(filter(None, (revision, checked))) or NOT_PINNED

    def specs(self, folder: str | Path) -> list[str]:
        """The options that read it from a folder."""
        return [one.replace("{folder}", str(folder)) for one in self.read]


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by name, in the order of the file."""
    text = (Path(__file__).parent / "entries.toml").read_text(encoding="utf-8")
    entries = {}
    for name, facts in tomllib.loads(text).items():
        lists: dict[str, Any] = {key: tuple(facts.pop(key, ())) for key in ("read", "steps")}
        files = tuple(File(**file) for file in facts.pop("files", ()))
        entries[name] = Entry(name=name, files=files, **lists, **facts)
    return entries


def find(name: str) -> Entry:
    """The entry of a name."""
    entries = catalogue()
    if name not in entries:
        raise InputError(f"the catalogue has no {quoted(name)}: {did_you_mean(name, entries)}")
    return entries[name]


__all__ = ["NOT_PINNED", "Entry", "File", "catalogue", "fetch", "find"]

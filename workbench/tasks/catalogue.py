"""The catalogue: for each corpus and benchmark its licence, languages, revision, checksums and where it is.

The facts are in `catalogue.toml`; nothing here is guessed, and what is not known is called so.
Files are fetched by https alone, checked by content, whole under their names or not there at all.
"""

import shutil
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO, cast

from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.core.reading import user_path
from workbench.core.store import digest_file, is_inside, new_file
from workbench.core.types import Progress, silent

NOT_PINNED = "not pinned"

Open = Callable[[str], AbstractContextManager[Any]]
"""Opens an address for reading; a stranger to the network in tests."""


@dataclass(frozen=True)
class File:
    """One published file: where it goes in its folder, where it comes from, and what it must be."""

    path: str
    url: str
    bytes: int | None = None
    sha256: str | None = None


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
        revision = (
            "" if self.revision == NOT_PINNED else self.revision[: 7 if len(self.revision) == 40 else None]
        )
        return ", ".join(filter(None, (revision, checked))) or NOT_PINNED

    def specs(self, folder: str | Path) -> list[str]:
        """The options that read it from a folder."""
        return [option.replace("{folder}", str(folder)) for option in self.read]


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by name, in the order of the file."""
    text = (Path(__file__).parent / "catalogue.toml").read_text(encoding="utf-8")
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


# Fetching.


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows no redirection away from https."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_https(url: str) -> AbstractContextManager[Any]:
    """Open an address, which must be https, as must be all that it leads to."""
    _check_https(url)
    return cast(AbstractContextManager[Any], urllib.request.build_opener(_OnlyHttps()).open(url, timeout=30))


def _check_https(url: str) -> None:
    if not url.startswith("https://"):
        raise InputError(f"{url} is not https: nothing is fetched from there")


def fetch(
    files: Sequence[File], folder: str | Path, progress: Progress = silent, opener: Open = open_https
) -> dict[str, str]:
    """Bring files into a folder and tell the SHA-256 of each; those that are there and right are left alone.

    After a failure the files before it are whole, and the same call goes on from there.
    """
    folder = user_path(folder)
    digests = {}
    for number, file in enumerate(files):
        progress("files", number, len(files))
        if not is_inside(file.path):
            raise InputError(f"{file.path} would lie outside its folder: it is not fetched")
        target = folder / file.path
        digests[file.path] = digest_file(target) if target.is_file() else _bring(file, target, opener)
        if file.sha256 is not None and digests[file.path] != file.sha256:
            raise InputError(
                f"{target} is not the published file (sha256 {digests[file.path]}, not {file.sha256}): "
                "move it away and fetch again"
            )
    progress("files", len(files), len(files))
    return digests


def _bring(file: File, target: Path, opener: Open) -> str:
    """Fetch one file beside its place, check it, and put it there."""
    try:
        with new_file(target) as out:
            return _download(file, out, opener)
    except urllib.error.HTTPError as error:
        raise InputError(
            f"{file.url} cannot be fetched ({error.code} {error.reason}): look for it at its makers' page"
        ) from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split())
        raise InputError(
            f"{file.url} cannot be reached ({reason}): "
            f"without a network, download it elsewhere and put it to {target}"
        ) from error
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error


def _download(file: File, out: BinaryIO, opener: Open) -> str:
    with opener(file.url) as source:
        shutil.copyfileobj(source, out)
        announced = source.headers.get("Content-Length")
    out.flush()
    size, sha256 = out.tell(), digest_file(Path(out.name))
    if announced is not None and announced.strip() != str(size):
        raise InputError(f"{file.url} ended after {size} of {announced} bytes: run the same again")
    if file.sha256 is not None and sha256 != file.sha256:
        raise InputError(
            f"{file.url} is not the file that was pinned (sha256 {sha256}, not {file.sha256}): "
            "its makers changed it, or something stood between"
        )
    return sha256

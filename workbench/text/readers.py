"""The corpus formats, and how a path finds its reader."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.core.bundled import TEXTS, resolved
from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.core.languages import canonical
from workbench.core.reading import plain_name, user_path
from workbench.text.formats import bible, lines, table, tmx
from workbench.text.parallel import ParallelText
from workbench.text.raw import Raw, Request, finish

# The corpus formats: one line for each.


@dataclass(frozen=True)
class Reader:
    """How to know a format, how to read it, and which options of `read` mean something to it."""

    recognises: Callable[[Path], bool]
    read: Callable[[Path, Request], Raw]
    options: tuple[str, ...] = ()


def _called(*ends: str) -> Callable[[Path], bool]:
    """Whether a path is named as a format; how it is packed says nothing."""
    return lambda path: plain_name(path).lower().endswith(ends)


# Without format=… the first that recognises the path reads it: names that end in a format, then folders
# with a layout of their own, then aligned files, and last the network.
READERS: dict[str, Reader] = {
    "tsv": Reader(_called(".tsv"), table.read_tsv),
    "csv": Reader(_called(".csv"), table.read_csv),
    "jsonl": Reader(_called(".jsonl", ".ndjson"), table.read_jsonl),
    "tmx": Reader(_called(".tmx"), tmx.read_tmx),
    "ntrex": Reader(lines.is_ntrex, lines.read_ntrex),
    "flores": Reader(lines.is_flores, lines.read_flores, options=("split",)),
    "bibles": Reader(bible.is_bibles, bible.read_bibles),
    "lines": Reader(lines.is_lines, lines.read_aligned),
    "huggingface": Reader(table.is_hub, table.read_hub, options=("split", "revision", "config")),
}


# `read`: read parallel text in any supported format.


_NAMED_FILES = ("tsv", "csv", "jsonl", "tmx")


def read(
    path_or_name: str | Path,
    languages: str | Iterable[str] | None = None,
    format: str | None = None,
    drop_missing: bool = False,
    revision: str | None = None,
    split: str | None = None,
    config: str | None = None,
) -> ParallelText:
    """Read aligned sentences from a file, a folder, a prefix of files or a Hugging Face data set.

    `"starter"` and `"organism"` are the sentences that come with the project.

    `languages` chooses the languages and their order; without it, all are read. `format` is one of
    `READERS` where the path does not show it. Rows that lack a side are an error that names the first
    of them, or are left out and counted with `drop_missing`. `split`, `revision` and `config` are for
    formats that have them.
    """
    name = resolved(path_or_name, TEXTS)
    path = user_path(name)
    request = Request(_chosen(languages), split, revision, config)
    format = _recognise(path) if format is None else format
    if format not in READERS:
        raise InputError(f"unknown format {quoted(format)}: {did_you_mean(format, READERS)}")
    reader = READERS[format]
    for option in ("split", "revision", "config"):
        value = getattr(request, option)
        if value is not None and option not in reader.options:
            raise InputError(f"{option}={quoted(value)} means nothing to {name} ({format}): leave it out")
    return finish(name, reader.read(path, request), request, drop_missing)


def _chosen(languages: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if languages is None:
        return None
    chosen = tuple(map(canonical, [languages] if isinstance(languages, str) else languages))
    if not chosen:
        raise InputError("languages=[] names none: name some, or leave it out to read all")
    if len(set(chosen)) < len(chosen):
        raise InputError(f"languages=[…] names one language twice: {', '.join(chosen)}")
    return chosen


def _recognise(path: Path) -> str:
    for format, reader in READERS.items():
        if reader.recognises(path):
            if format in _NAMED_FILES and not path.exists():
                break
            return format
    if path.exists():
        kind = "folder" if path.is_dir() else "file"
        raise InputError(f"{path} is a {kind} of no known format: give format=…, one of {', '.join(READERS)}")
    raise InputError(
        f"no file, folder or prefix {path}: check the path (a Hugging Face data set is called owner/name, "
        "or give format='huggingface')"
    )

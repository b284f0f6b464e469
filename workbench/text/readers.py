"""The corpus formats, and how a path finds its reader."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.core.bundled import TEXTS, Registry, resolved
from workbench.core.errors import InputError, quoted
from workbench.core.languages import canonical
from workbench.core.reading import language_in, plain_name, user_path
from workbench.core.types import check_name
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
READERS: Registry[Reader] = Registry(
    "texts",
    {
        "tsv": Reader(_called(".tsv"), table.read_tsv),
        "csv": Reader(_called(".csv"), table.read_csv),
        "jsonl": Reader(_called(".jsonl", ".ndjson"), table.read_jsonl),
        "tmx": Reader(_called(".tmx"), tmx.read_tmx),
        "ntrex": Reader(lines.is_ntrex, lines.read_ntrex),
        "flores": Reader(lines.is_flores, lines.read_flores, options=("split",)),
        "bibles": Reader(bible.is_bibles, bible.read_bibles),
        "lines": Reader(lines.is_lines, lines.read_aligned),
        "huggingface": Reader(table.is_hub, table.read_hub, options=("split", "revision", "config")),
    },
)


# `read`: read parallel text in any supported format.


_NAMED_FILES = ("tsv", "csv", "jsonl", "tmx")
_OPTIONS = ("split", "revision", "config")


def read(
    path_or_name: str | Path | Sequence[str | Path],
    languages: str | Iterable[str] | None = None,
    format: str | None = None,
    drop_missing: bool = False,
    revision: str | None = None,
    split: str | None = None,
    config: str | None = None,
) -> ParallelText:
    """Read aligned sentences from a file, a folder, a prefix of files or a Hugging Face data set.

    A list names files of one language each, line n of all of them the same sentence; their names show the
    languages (`a.swh`, `swh_Latn.devtest`, `newstest2019-ref.swa.txt`), in this order.
    `"starter"` and `"organism"` are the sentences that come with the project.

    `languages` chooses the languages and their order; without it, all are read. `format` is one of
    `READERS` where the path does not show it. Rows that lack a side are an error that names the first
    of them, or are left out and counted with `drop_missing`. `split`, `revision` and `config` are for
    formats that have them.
    """
    request = Request(_chosen(languages), split, revision, config)
    if not isinstance(path_or_name, str | Path):
        paths = _several(path_or_name)
        if len(paths) > 1:
            return _read_files(paths, request, format, drop_missing)
        [path_or_name] = paths
    name = resolved(path_or_name, TEXTS)
    path = user_path(name)
    format = _recognise(path) if format is None else format
    if format is None:
        return _read_files([path], request, None, drop_missing)
    check_name(format, READERS, "format")
    reader = READERS[format]
    for option in _OPTIONS:
        value = getattr(request, option)
        if value is not None and option not in reader.options:
            raise InputError(f"{option}={quoted(value)} means nothing to {name} ({format}): leave it out")
    return finish(name, reader.read(path, request), request, drop_missing)


def _several(paths: object) -> list[Path]:
    if isinstance(paths, Mapping) or not isinstance(paths, Iterable):
        raise InputError(
            f"a {type(paths).__name__} is no path: give a path or a list of them (sentences that are at hand "
            "are a ParallelText)"
        )
    listed = list(paths)
    if wrong := [path for path in listed if not isinstance(path, str | Path)]:
        raise InputError(f"{quoted(wrong[0], 60)} is no path: name files, such as ['a.sw', 'b.en']")
    if not listed:
        raise InputError("the list of files is empty: name some, such as ['a.sw', 'b.en']")
    return [user_path(path) for path in listed]


def _read_files(paths: list[Path], request: Request, format: str | None, drop_missing: bool) -> ParallelText:
    named = ", ".join(map(str, paths))
    for option, value in (("format", format), *((o, getattr(request, o)) for o in _OPTIONS)):
        if value is not None:
            raise InputError(f"{option}={quoted(value)} means nothing to files given by name: leave it out")
    return finish(named, lines.read_files(paths, request), request, drop_missing)


def _chosen(languages: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if languages is None:
        return None
    chosen = tuple(map(canonical, [languages] if isinstance(languages, str) else languages))
    if not chosen:
        raise InputError("languages=[] names none: name some, or leave it out to read all")
    if len(set(chosen)) < len(chosen):
        raise InputError(f"languages=[…] names one language twice: {', '.join(chosen)}")
    return chosen


def _recognise(path: Path) -> str | None:
    """The format of a path; None is a file of one language, which its name shows."""
    for format, reader in READERS.items():
        if reader.recognises(path):
            if format in _NAMED_FILES and not path.exists():
                break
            return format
    if path.is_file() and language_in(path) is not None:
        return None
    if path.exists():
        what = f"file of no known format: call a file of one language {lines.SHOWING}"
        if path.is_dir():
            what = "folder of no known format: call its files NAME.sw and NAME.en, or swh_Latn.devtest"
        raise InputError(f"{path} is a {what}; or give format=…, one of {', '.join(READERS)}")
    if "," in path.name:
        raise InputError(f"no file {path}: give several files as a list, ['a.sw', 'b.en']")
    raise InputError(
        f"no file, folder or prefix {path}: check the path; files of a prefix are called {path.name}.sw and "
        f"{path.name}.en (a Hugging Face data set is called owner/name, "
        "or give format='huggingface')"
    )

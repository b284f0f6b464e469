"""Files aligned line by line: `NAME.sw` + `NAME.en`, Moses and OPUS names, NTREX, FLORES, lists of files."""

import re
from collections.abc import Sequence
from contextlib import suppress
from os.path import isfile
from pathlib import Path

from workbench.core.errors import InputError, TextError, did_you_mean, quoted
from workbench.core.languages import canonical, names_language, read_pair
from workbench.core.reading import files_in, json_lines, language_in, plain_name, read_cells, read_lines
from workbench.text.raw import Raw, Request, Side, by_language

_NTREX = re.compile(r".+-(?:ref|src)\.(?P<code>[A-Za-z]{2,3}(?:-[A-Za-z]+)?|x-[\w-]+)\.txt")
_FLORES = re.compile(r"(?P<code>[a-z]{3}_[A-Z][a-z]{3}|x-[a-z0-9-]+)\.(?P<end>devtest|dev|test|jsonl)")
_FLORES_PARTS = ("dev", "devtest", "test")
_TABLES = (".tsv", ".csv", ".jsonl", ".ndjson", ".tmx")
SHOWING = "NAME.sw, NAME.sw.txt, sw.txt or swh_Latn.devtest"
"""Names of files that show their language, as messages list them."""

Family = dict[str, list[Path]]
"""The files that share a name up to the language: language → its files."""


def is_lines(path: Path) -> bool:
    """Whether the path is one of several aligned files, what their names begin with, or their folder."""
    return any(len(family) > 1 for family in _families(path).values())


def read_aligned(path: Path, request: Request) -> Raw:
    """Files named alike up to a language code at the end; line n of each is the same sentence."""
    families = {name: family for name, family in _families(path).items() if len(family) > 1}
    wanted = set(request.languages or ())
    fitting = {name: family for name, family in families.items() if wanted <= set(family)}
    if not fitting:
        known = "; ".join(f"{name}: {', '.join(family)}" for name, family in families.items())
        asked = ", ".join(request.languages or ("two languages",))
        raise InputError(f"{path} has no aligned files for {asked}; it has {known or 'no NAME.sw + NAME.en'}")
    if len(fitting) > 1:
        names = ", ".join(sorted(fitting))
        raise InputError(f"{path} holds several texts ({names}): give the path of one, or languages=[…]")
    [(name, family)] = fitting.items()
    files = ((language, file) for language in _reading_order(name, family) for file in family[language])
    return Raw(_sides(by_language(files, request)))


def _families(path: Path) -> dict[str, Family]:
    """Aligned files under a folder, beside a file, or that begin with a prefix."""
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return {}
    families: dict[str, Family] = {}
    for file in files_in(folder):
        name, _, code = plain_name(file).rpartition(".")
        if name and names_language(code) and isfile(file):
            families.setdefault(name, {}).setdefault(canonical(code), []).append(file)
    if path.is_dir():
        return families
    if path.exists():
        own, _, code = plain_name(path).rpartition(".")
        return {own: families[own]} if own in families and names_language(code) else {}
    if path.name in families:
        return {path.name: families[path.name]}
    return {name: family for name, family in families.items() if name.startswith(path.name.rstrip(".") + ".")}


def _reading_order(name: str, family: Family) -> list[str]:
    """Order the languages as a pair in the name has them (`swh-eng`), else by code."""
    for part in name.split(".") if len(family) == 2 else ():
        with suppress(InputError):
            return list(read_pair(part, list(family)))
    return sorted(family)


def read_files(paths: Sequence[Path], request: Request) -> Raw:
    """One-language files, whose names show the language; line n of each is the same sentence."""
    files: dict[str, Path] = {}
    for path in paths:
        language = canonical(_shown(path))
        if other := files.get(language):
            raise InputError(f"{other} and {path} are both {language!r}: name one of them")
        files[language] = path
    for language in request.languages or ():
        if language not in files:
            has = ", ".join(f"{path} ({code})" for code, path in files.items())
            raise InputError(f"no file in {language!r} among {has}: name one, called {SHOWING}")
    files = {language: path for language, path in files.items() if request.wants(language)}
    if len(files) == 1 and request.languages is None:
        [(language, path)] = files.items()
        raise InputError(
            f"{path} is in {language!r} alone: name the file of another language with it "
            f"(--text {path.name} NAME.en; in Python a list of both), or ask for one with languages=[…]"
        )
    plus = [path for path in files.values() if plain_name(path).endswith(".jsonl")]
    if plus and len(plus) < len(files):
        other = next(path for path in files.values() if path not in plus)
        raise InputError(f"{plus[0]} is JSON lines and {other} is not: name files of one kind")
    return _read_flores_plus(files) if plus else Raw(_sides(files), _documents([*files.values()]))


def _shown(path: Path) -> str:
    """The language of a one-language file, by its name."""
    if path.is_dir():
        raise InputError(f"{path} is a folder: name its files, or the folder alone")
    if not path.exists():
        raise InputError(f"no file {path}: check the path (a model goes before --text)")
    if (code := language_in(path)) is not None:
        return code
    if plain_name(path).lower().endswith(_TABLES):
        raise InputError(f"{path} is a table, which holds all its languages: name it alone")
    raise InputError(f"the name of {path} shows no language: call it {SHOWING}")


def _documents(files: Sequence[Path]) -> list[str] | None:
    """The documents of NTREX or FLORES files, where these are from one folder and part."""
    folder = files[0].parent
    if any(file.parent != folder for file in files):
        return None
    if all(_NTREX.fullmatch(plain_name(file)) for file in files):
        return _ntrex_documents(folder)
    parts = {match["end"] for file in files if (match := _FLORES.fullmatch(plain_name(file)))}
    by_part = len(parts) == 1 and all(_FLORES.fullmatch(plain_name(file)) for file in files)
    return _flores_documents(folder, parts.pop()) if by_part else None


def is_ntrex(path: Path) -> bool:
    """Whether the path is a folder of NTREX files, or one of them."""
    if path.is_dir():
        return bool(_matching(path, _NTREX))
    return isfile(path) and _NTREX.fullmatch(plain_name(path)) is not None


def read_ntrex(path: Path, request: Request) -> Raw:
    """Read a folder of `newstest2019-ref.swa.txt` files; `DOCUMENT_IDS.tsv` names each line's document.

    Of one of the files, those beside it are read too.
    """
    folder = path.parent if is_ntrex(path) and isfile(path) else _folder(path)
    files = by_language([(match["code"], file) for match, file in _matching(folder, _NTREX)], request)
    return Raw(_sides(files), _ntrex_documents(folder))


def _ntrex_documents(folder: Path) -> list[str] | None:
    ids = folder / "DOCUMENT_IDS.tsv"
    return read_lines(ids) if isfile(ids) else None


def is_flores(path: Path) -> bool:
    """Whether the path is a folder of FLORES files, the folder above such folders, or one of the files."""
    return bool(flores_parts(path))


def read_flores(path: Path, request: Request) -> Raw:
    """`dev/swh_Latn.dev`, `devtest/swh_Latn.devtest`, or JSON lines of FLORES+ under the same names.

    Of one of the files, those of the same part beside it are read too.
    """
    parts = flores_parts(path)
    if not parts:
        folder = _folder(path)
        raise InputError(
            f"{folder} holds no files of FLORES: they are called swh_Latn.dev, swh_Latn.devtest …"
        )
    if request.split is not None and request.split not in parts:
        raise InputError(f"{path} has no split {quoted(request.split)}: {did_you_mean(request.split, parts)}")
    if request.split is None and len(parts) > 1:
        choices = " or ".join(f"split={part!r}" for part in parts)
        raise InputError(f"{path} holds {len(parts)} splits: choose one with {choices}")
    [part] = [request.split] if request.split else parts
    matching = _matching(parts[part], _FLORES)
    files = by_language([(m["code"], file) for m, file in matching if m["end"] in (part, "jsonl")], request)
    lost = [repr(language) for language in request.languages or () if language not in files]
    if isfile(path) and request.languages is None and len(files) == 1:
        lost = ["another language"]
    if lost and matching:
        there = [file.name for match, file in matching if match["end"] in (part, "jsonl")]
        has = ", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
        raise InputError(
            f"no FLORES file in {lost[0]} in {parts[part]}, which has {has}: "
            f"put it there, called such as swh_Latn.{part}"
        )
    if any(plain_name(file).endswith(".jsonl") for file in files.values()):
        return _read_flores_plus(files)
    return Raw(_sides(files), _flores_documents(path.parent if isfile(path) else path, part))


def flores_parts(path: Path) -> dict[str, Path]:
    """Find the splits of FLORES in a folder and those in it, or that of one file: name → folder."""
    if isfile(path):
        match = _FLORES.fullmatch(plain_name(path))
        return {match["end"]: path.parent} if match and match["end"] != "jsonl" else {}
    folders: dict[str, Path] = {}
    for folder in filter(Path.is_dir, (path, *(path / part for part in _FLORES_PARTS))):
        for match, _ in _matching(folder, _FLORES):
            folders[folder.name if match["end"] == "jsonl" else match["end"]] = folder
    return folders


def _flores_documents(path: Path, part: str) -> list[str] | None:
    """Name the article of each sentence, from the column URL of `metadata_dev.tsv`."""
    for folder in (path, path.parent):
        if isfile(metadata := folder / f"metadata_{part}.tsv"):
            rows = read_cells(metadata)
            _, header = next(rows, (1, []))
            if "URL" not in header:
                raise TextError("has no column URL: fetch it again, or take it away", metadata, 1)
            column = header.index("URL")
            return [row[column] if column < len(row) else "" for _, row in rows]
    return None


def _read_flores_plus(files: dict[str, Path]) -> Raw:
    sides: dict[str, Side] = {}
    first_ids: list[str] = []
    urls: list[str] = []
    for language, file in files.items():
        records = list(json_lines(file))
        for number, record in records:
            if not isinstance(record.get("text", 0), str | None):
                raise TextError("is not FLORES+: each line is a JSON object with a text", file, number)
        ids = [str(record.get("id", number)) for number, record in records]
        if not sides:
            first_ids, urls = ids, [str(record.get("url", "")) for _, record in records]
        if ids != first_ids:
            raise TextError("has other ids than the files beside it: fetch them all again", file)
        sentences = [record["text"] or "" for _, record in records]
        sides[language] = Side(str(file), sentences, [number for number, _ in records])
    return Raw(sides, urls if any(urls) else None)


def _sides(files: dict[str, Path]) -> dict[str, Side]:
    return {language: Side(str(file), read_lines(file)) for language, file in files.items()}


def _matching(folder: Path, pattern: re.Pattern[str]) -> list[tuple[re.Match[str], Path]]:
    return [(match, file) for file in files_in(folder) if (match := pattern.fullmatch(plain_name(file)))]


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise InputError(f"{path} is not a folder: this format is a folder of files, one for each language")
    return path

"""Labels and fields of one benchmark that differ between its languages, item by item."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.checks.report import Finding, Report
from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import canonical, names_language
from workbench.core.numbers import spans
from workbench.core.reading import (
    copa_items,
    json_lines,
    language_of,
    parse_json,
    plain_name,
    read_cells,
    read_lines,
)

_KEYS = ("idx", "id", "qid", "pairID", "guid")
_OF_ONE_LANGUAGE = ("changed", "language", "lang")
"""Fields that say something of one translation, and may differ: XCOPA's note of adapted items."""
_FEW = 8


@dataclass(frozen=True)
class Items:
    """A benchmark in one language."""

    language: str
    path: str
    values: pd.DataFrame
    """A row for each item under its name, a column for each field."""
    lines: tuple[int, ...]


def check_fields(files: Iterable[str | Path], reference: str | None = "en") -> Report:
    """Compare fields that should be the same in every language: labels, answers, kinds of question.

    The reference is that language where a file has it (an English COPA will do for XCOPA), else what
    most languages say. Sentences are left alone: only numbers and fields of few values are compared.
    """
    sides = [read_items(file) for file in files]
    codes = [side.language for side in sides]
    if len(sides) < 2 or len(set(codes)) < len(codes):
        raise InputError(
            f"fields are compared between two or more languages, one file each; {', '.join(codes)} given"
        )
    leader = next((side for side in sides if reference and side.language == canonical(reference)), None)
    if leader is not None:
        others = [side for side in sides if side is not leader]
        sides = [_renumbered(leader, others), *others]
    findings: list[Finding] = []
    for field in dict.fromkeys(str(name) for side in sides for name in side.values):
        having = [side for side in sides if field in side.values]
        if len(having) > 1 and field not in _OF_ONE_LANGUAGE and _comparable(having, field):
            judge = leader.language if leader is not None and field in leader.values else None
            findings += _compared(having, field, judge)
    ids = dict.fromkeys(name for side in sides if side.language != reference for name in side.values.index)
    for side in sides if leader is None else ():
        if lost := [name for name in ids if name not in side.values.index]:
            message = f"{len(lost)} items that other languages have are not in {side.path}, such as {lost[0]}"
            findings.append(Finding("fields", "alarm", (side.language,), (), message, "fetch the file again"))
    return Report(" + ".join(side.path for side in sides), len(ids), []).with_(findings)


def is_benchmark(path: Path) -> bool:
    """Whether a file holds one language's items of a benchmark: COPA's XML, or a table without languages."""
    name = plain_name(path).lower()
    if name.endswith(".xml"):
        return True
    if not path.is_file() or not name.endswith((".jsonl", ".ndjson", ".tsv")) or _language(path) is None:
        return False
    first = next(iter(read_lines(path)), "")
    if name.endswith(".tsv"):
        cells = first.split("\t")
        is_verse = re.fullmatch(r"[0-9A-Z]{3} \d+:\d+[a-z]?", cells[0])
        return len(cells) > 1 and not any(map(language_of, cells)) and not is_verse
    try:
        record = parse_json(first, path, 1)
    except TextError:
        return False
    keys = record if isinstance(record, dict) else {}
    return "translation" not in keys and sum(language_of(key) is not None for key in keys) < 2


def read_items(path: str | Path) -> Items:
    """Read JSON lines, a table without header (`item ⇥ answer`, as MGSM) or COPA's XML."""
    path = Path(path)
    name = plain_name(path).lower()
    if name.endswith(".xml"):
        return _read_copa(path)
    if (language := _language(path)) is None:
        raise InputError(f"{path}: its name tells no language: call it such as val.sw.jsonl")
    if name.endswith(".tsv"):
        rows = [(number, cells) for number, cells in read_cells(path) if cells != [""]]
        columns = [f"column {i}" for i in range(1, max((len(cells) for _, cells in rows), default=0) + 1)]
        records = [(number, dict(zip_longest(columns, cells, fillvalue=""))) for number, cells in rows]
    else:
        records = list(json_lines(path))
    return _items(language, path, records)


def _items(language: str, path: Path, records: Sequence[tuple[int, dict]]) -> Items:
    names = dict.fromkeys(name for _, record in records for name in record)
    key = next((name for name in _KEYS if name in names), None)
    ids = tuple(i if key is None else record.get(key, "") for i, (_, record) in enumerate(records))
    for i, (line, _) in zip(ids, records, strict=True):
        if not isinstance(i, int | str):
            raise TextError(f"{key!r} is {quoted(i)}, not a text or a number: fix the item", path, line)
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise TextError(f"item {quoted(twice)} occurs twice: keep one", path)
    fields = {name: [_spelled(record.get(name)) for _, record in records] for name in names if name != key}
    values = pd.DataFrame(fields, index=pd.Index(ids, dtype=object), dtype=object)
    return Items(language, str(path), values, tuple(line for line, _ in records))


def _read_copa(path: Path) -> Items:
    records = []
    for line, item in copa_items(path):
        index, right = (item.get(name, "0") for name in ("id", "most-plausible-alternative"))
        for name, value in (("id", index), ("most-plausible-alternative", right)):
            if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
                raise TextError(f"{name!r} is {quoted(value)}, not a number: fix the item", path, line)
        record = {"idx": int(index), "question": item.get("asks-for", ""), "label": int(right) - 1}
        records.append((line, record))
    return _items(_language(path) or "en", path, records)


def _renumbered(leader: Items, others: Sequence[Items]) -> Items:
    """The reference under the numbers of the others: XCOPA's item 0 is COPA's 401.

    Where the numbers are others, the offset at which labels agree best is taken.
    """
    wanted, names = others[0].values.index, leader.values.index
    if wanted.isin(names).all() and len(names) == len(wanted):
        return leader
    if wanted.empty or not all(isinstance(i, int) for side in (leader, *others) for i in side.values.index):
        return leader
    expected = pd.concat([other.values for other in others])
    shared = leader.values.columns.intersection(expected.columns)

    def moved(offset: int) -> pd.DataFrame:
        return leader.values.set_axis(pd.Index([i - offset for i in names], dtype=object))

    def agreement(offset: int) -> int:
        return int((moved(offset)[shared].reindex(expected.index) == expected[shared]).to_numpy().sum())

    return replace(leader, values=moved(max(sorted({i - min(wanted) for i in names}), key=agreement)))


def _comparable(sides: Sequence[Items], field: str) -> bool:
    """Whether a field is a label and not a text: few values, or numbers."""
    unique = [(side, side.values[field].unique()) for side in sides]
    return all(
        len(values) <= min(_FEW, max(2, len(side.values) // 2)) or all(map(_is_number, values))
        for side, values in unique
    )


def _compared(sides: Sequence[Items], field: str, reference: str | None) -> Iterator[Finding]:
    table = pd.concat({side.language: side.values[field] for side in sides}, axis=1, sort=False)
    majority = pd.Series([_majority(row) for _, row in table.iterrows()], table.index, dtype=object)
    truth = table[reference] if reference else majority
    for side in sides:
        values = side.values[field]
        right = truth[values.index]
        wrong = np.flatnonzero(right.notna() & (values != right))
        if not len(wrong):
            continue
        pairs = Counter(zip(values.iloc[wrong], right.iloc[wrong], strict=True))
        [((said, expected), times)] = pairs.most_common(1)
        rows = spans(wrong)
        yield Finding(
            "fields",
            "alarm",
            (side.language,),
            rows,
            f"{field} differs from {reference or 'most languages'} in {len(wrong)} of {len(values)} items: "
            f"{said!r} for {expected!r} {times} times",
            f"take {field} from {reference or 'a language that agrees with most'}",
            places=tuple(f"{side.path}:{side.lines[first]}" for first, _ in rows[:4]),
        )
    undecided = truth.index[truth.isna()]
    if reference is None and len(undecided):
        message = f"{field} differs in {len(undecided)} items, with no majority, such as item {undecided[0]}"
        repair = "compare with the original benchmark (give its file, too)"
        rows = spans(np.flatnonzero(truth[sides[0].values.index].isna()))
        yield Finding("fields", "alarm", tuple(map(str, table)), rows, message, repair)


def _majority(values: pd.Series) -> Any:
    """What more than half of the languages say of an item; None where no value has so many."""
    counts = values.value_counts()
    return counts.index[0] if 2 * counts.iloc[0] > counts.sum() else None


def _language(path: Path) -> str | None:
    stem = plain_name(path).rpartition(".")[0]
    parts = [part for part in re.split(r"[._]", stem) for part in (part, *part.split("-"))]
    return next((canonical(part) for part in reversed(parts) if names_language(part)), None)


def _is_number(value: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[\d.,\s]+%?", value)) and any(map(str.isdecimal, value))


def _spelled(value: object) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

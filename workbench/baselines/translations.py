"""Translations from outside, as a table: what `translate_table` asks instead of the items."""

from pathlib import Path

from workbench.errors import TextError, quoted
from workbench.reading import user_path
from workbench.tasks.records import read_objects, read_table, text_in


def read_translations(path: str | Path) -> dict[str, str]:
    """The main-language prompt of each item by its id: `.tsv` or `.jsonl` with the columns id and prompt."""
    path = user_path(path)
    if path.name.lower().endswith(".jsonl"):
        rows = [
            (line, text_in(record, "id", path, line), text_in(record, "prompt", path, line))
            for line, record in read_objects(path)
        ]
    else:
        rows = [
            (line, row["id"], row["prompt"])
            for line, row in read_table(path, ("id", "prompt"), "a table of translations")
        ]
    found: dict[str, str] = {}
    for line, name, prompt in rows:
        if name in found:
            raise TextError(f"item {quoted(name)} is translated twice: keep one", path, line)
        if not prompt.strip():
            raise TextError(
                f"the translation of {quoted(name)} is empty: fill it in, or leave out the row", path, line
            )
        found[name] = prompt
    return found

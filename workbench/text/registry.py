"""The corpus formats: one line for each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.text.formats import bible, hub, lines, table, tmx
from workbench.text.raw import Raw, Request


@dataclass(frozen=True)
class Reader:
    """How to know a format, how to read it, and which options of `read` mean something to it."""

    recognises: Callable[[Path], bool]
    read: Callable[[Path, Request], Raw]
    options: tuple[str, ...] = ()


# Without format=… the first that recognises the path reads it: names that end in a format, then folders
# with a layout of their own, then aligned files, and last the network.
READERS: dict[str, Reader] = {
    "tsv": Reader(table.is_tsv, table.read_tsv),
    "csv": Reader(table.is_csv, table.read_csv),
    "jsonl": Reader(table.is_jsonl, table.read_jsonl),
    "tmx": Reader(tmx.is_tmx, tmx.read_tmx),
    "ntrex": Reader(lines.is_ntrex, lines.read_ntrex),
    "flores": Reader(lines.is_flores, lines.read_flores, options=("split",)),
    "bibles": Reader(bible.is_bibles, bible.read_bibles),
    "lines": Reader(lines.is_lines, lines.read_aligned),
    "huggingface": Reader(hub.is_hub, hub.read_hub, options=("split", "revision", "config")),
}

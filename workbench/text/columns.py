"""Which column of a table is a language, which names the document, and which is neither."""

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.reading import language_of
from workbench.text.raw import Raw, Request, Side

_GROUPS = ("group", "groups", "doc", "document", "doc_id", "docid", "document_id", "url")
_ROW_NAMES = ("", "row", "index", "line", "line_number", "sent_id", "sentence_id", "guid")
# Names that are also languages (Indonesian, Norwegian): they count as one if their cells are sentences.
_ROW_NAMES_OR_LANGUAGES = ("id", "no")

Cells = Sequence[str | None]


def is_group(column: str) -> bool:
    """Whether a column names the document of each row, judged by its name."""
    return column.strip().lower() in _GROUPS


def make_raw(source: str, columns: Mapping[str, Cells], lines: Sequence[int] | None, request: Request) -> Raw:
    """Sort columns into languages and documents; an unknown column is refused unless languages are named."""
    sides: dict[str, Side] = {}
    groups: list[str] | None = None
    for column, cells in columns.items():
        language = language_of(column)
        if language is not None and _is_row_name(column, cells, request):
            continue
        if language is not None and request.wants(language):
            if language in sides:
                raise InputError(
                    f"{source}: two columns are {language!r} ({quoted(column)} is one): keep one"
                )
            sides[language] = Side(source, [cell or "" for cell in cells], lines)
        elif is_group(column):
            groups = groups or [cell or "" for cell in cells]
        elif language is None and column.strip().lower() not in _ROW_NAMES and request.languages is None:
            raise InputError(
                f"{source}: column {quoted(column)} is neither a language nor a document: "
                "choose the columns with languages=[…], or rename it (x-… for an invented language)"
            )
    return Raw(sides, groups)


def text_cells(source: str, column: str, values: Sequence[Any], lines: Sequence[int] | None) -> Cells:
    """Take the values of a column as text; in the column of a language anything else is refused."""
    is_text = language_of(column) is not None and column.strip() not in _ROW_NAMES_OR_LANGUAGES
    cells: list[str | None] = []
    for row, value in enumerate(values):
        if is_text and not isinstance(value, str | None):
            line = row + 1 if lines is None else lines[row]
            kind = type(value).__name__
            raise TextError(f"{quoted(column)} is not text but {kind}: write a string", source, line)
        cells.append(value if isinstance(value, str | None) else str(value))
    return cells


def _is_row_name(column: str, cells: Cells, request: Request) -> bool:
    if column.strip() not in _ROW_NAMES_OR_LANGUAGES or request.languages is not None:
        return False
    # No sentence has a space, so these are identifiers, unless somebody asks for the language by name.
    return not any(" " in cell.strip() for cell in cells if cell)

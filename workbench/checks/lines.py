"""Where rows stand in their files: the line each sentence is on, found by walking the file."""

from pathlib import Path

from workbench.checks.report import Finding
from workbench.core.errors import TextError
from workbench.core.reading import read_lines
from workbench.text import ParallelText

_MOST = 4

Lines = dict[str, tuple[str, list[int]]]
"""Language → its file and the line of each row."""


def lines_of(text: ParallelText, languages: set[str]) -> Lines:
    """The lines of these languages; a language whose file is gone or holds other text is left out."""
    found: Lines = {}
    files = [Path(source) for source in text.sources if Path(source).is_file()]
    for language in text.languages:
        if language not in languages:
            continue
        for file in files:
            try:
                numbers = _walk(read_lines(file), text[language])
            except TextError:
                continue
            if numbers is not None:
                found[language] = (str(file), numbers)
                break
    return found


def placed(finding: Finding, lines: Lines) -> tuple[str, ...]:
    """`file:line` or `file:first-last` of the first few runs of rows, for each side of the finding."""
    places = []
    for language in finding.languages:
        if language in lines:
            file, numbers = lines[language]
            for first, last in finding.spans[:_MOST]:
                a, b = numbers[first], numbers[last]
                places.append(f"{file}:{a}" if a == b else f"{file}:{a}-{b}")
    return tuple(dict.fromkeys(places))


def _walk(lines: list[str], sentences: tuple[str, ...]) -> list[int] | None:
    """The line of each sentence, in order; None where one of them is not found."""
    numbers, at = [], 0
    for sentence in sentences:
        while at < len(lines) and sentence not in lines[at]:
            at += 1
        if at == len(lines):
            return None
        numbers.append(at + 1)
        at += 1
    return numbers

"""`check`: run all checks on a parallel text and return one report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from workbench.checks.alignment import MIN_ROWS, REACH, Alignment, Array, Stretch, align, from_other_side
from workbench.checks.report import Finding, Report
from workbench.checks.sentences import check_sentences, name_of_text, reference_of
from workbench.core.errors import InputError, TextError
from workbench.core.languages import canonical
from workbench.core.reading import read_lines
from workbench.core.types import Progress, silent
from workbench.text import ParallelText

_WEAK = 1.0
_NOTHING = 0.25
_ENOUGH = 300

_MOST = 4

Lines = dict[str, tuple[str, list[int]]]
"""Language → its file and the line of each row."""
Pair = tuple[str, str]


def check(
    text: ParallelText, evidence: Mapping[Pair, ArrayLike] | None = None, progress: Progress = silent
) -> Report:
    """Find shifts, scrambles, duplicates, copies, boilerplate, odd lengths and wrong scripts.

    Every language is compared with one reference: the first, or English if it is one of three or more.
    `evidence` adds, for a pair of languages, a matrix (rows × 2 · REACH + 1) of how alike row i and row
    i + d are, d from −REACH to REACH, such as cosines of a model's states; NaN where i + d is no row.
    """
    more = _matrices(text, evidence or {})
    findings = list(check_sentences(text))
    if text.dropped:
        message = f"{text.dropped} rows lacked a side and were left out when the text was read"
        findings.append(
            Finding("missing", "notice", text.languages, (), message, "give the side, or do without")
        )
    reference = reference_of(text)
    others = [language for language in text.languages if language != reference]
    aligned: dict[str, Alignment] = {}
    if others and len(text) < MIN_ROWS:
        message = f"{len(text)} rows are too few to learn which words go together"
        repair = f"check the order by eye, or give at least {MIN_ROWS} rows"
        findings.append(Finding("unjudged", "notice", text.languages, ((0, len(text) - 1),), message, repair))
    else:
        for done, language in enumerate(others):
            progress("comparing", done, len(others))
            aligned[language] = align(text[reference], text[language], more.get((reference, language), ()))
        progress("comparing", len(others), len(others))
    findings += _merged(reference, aligned, len(text))
    lines = lines_of(text, {language for finding in findings for language in finding.languages})
    findings = [replace(finding, places=placed(finding, lines)) for finding in findings]
    return Report(name_of_text(text), len(text), []).with_(findings)


def _matrices(text: ParallelText, evidence: Mapping[Pair, ArrayLike]) -> dict[Pair, Sequence[Array]]:
    shape = (len(text), 2 * REACH + 1)
    out: dict[Pair, Sequence[Array]] = {}
    for (a, b), given in evidence.items():
        matrix = np.asarray(given, dtype=np.float32)
        if matrix.shape != shape:
            raise InputError(f"evidence for {a}-{b} is {matrix.shape}, not rows × offsets {shape}")
        pair = canonical(a), canonical(b)
        out |= {pair: [matrix], pair[::-1]: [from_other_side(matrix)]}
    return out


def _merged(reference: str, aligned: Mapping[str, Alignment], n: int) -> Iterator[Finding]:
    """Findings of all pairs; what most languages show against the reference is the reference's fault."""
    left = {language: list(result.stretches) for language, result in aligned.items()}
    blamed: list[Stretch] = []
    if len(aligned) > 2:
        for stretch in (s for stretches in list(left.values()) for s in stretches):
            alike = {code: [s for s in own if _same(s, stretch)] for code, own in left.items()}
            if sum(map(bool, alike.values())) > len(aligned) / 2:
                blamed.append(stretch)
                left = {code: [s for s in own if s not in alike[code]] for code, own in left.items()}
    for stretch in blamed:
        yield _misplaced((reference,), reference, "most other languages", stretch)
    for language, result in aligned.items():
        sides = (reference, language) if len(aligned) == 1 else (language,)
        for stretch in left[language]:
            yield _misplaced(sides, language, reference, stretch)
        for stretch in result.doubtful:
            yield _doubtful(sides, reference, stretch)
        yield from _weak(reference, language, result, n)


def _same(one: Stretch, other: Stretch) -> bool:
    shared = min(one.last, other.last) - max(one.first, other.first) + 1
    return one.state == other.state and shared > 0.5 * max(len(one), len(other))


def _misplaced(sides: tuple[str, ...], wrong: str, against: str, stretch: Stretch) -> Finding:
    rows = f"rows {stretch.first}–{stretch.last}"
    gain = f"{stretch.gain / len(stretch):.1f} nats a row better"
    if stretch.offset is None:
        return Finding(
            "scramble",
            "alarm",
            sides,
            ((stretch.first, stretch.last),),
            f"{rows} match neither row of {against} within three rows; chance explains them {gain}",
            f"fetch {wrong} again, put {rows} back in order, or leave them out",
        )
    # Seen from the reference when it is to blame, the same shift has the other sign.
    offset = stretch.offset if against != "most other languages" else -stretch.offset
    many = f"{abs(offset)} row{'s' if abs(offset) > 1 else ''}"
    moved = f"{many} {'later' if offset > 0 else 'earlier'} than in {against}"
    mend = f"take out {many} too many" if offset > 0 else f"put back {many} lost"
    return Finding(
        "shift",
        "alarm",
        sides,
        ((stretch.first, stretch.last),),
        f"from row {stretch.first} on, {wrong} stands {moved}: it fits {gain}",
        f"{mend} in {wrong} shortly before row {stretch.first}, or leave out {rows}",
        offset=offset,
    )


def _doubtful(sides: tuple[str, ...], reference: str, stretch: Stretch) -> Finding:
    way = "match nothing near" if stretch.offset is None else f"match better {stretch.offset:+d} rows away"
    return Finding(
        "suspect",
        "notice",
        sides,
        ((stretch.first, stretch.last),),
        f"{len(stretch)} rows {way} in {reference} ({stretch.gain:.0f} nats)",
        "look at the rows: sentences may be cut elsewhere or translated freely",
    )


def _weak(reference: str, language: str, result: Alignment, n: int) -> Iterator[Finding]:
    everywhere = ((0, n - 1),)
    if result.match < _NOTHING and n >= _ENOUGH:
        yield Finding(
            "unrelated",
            "alarm",
            (reference, language),
            everywhere,
            "no row goes with its partner better than with other rows",
            "check that both files are the same text in the same order",
        )
    elif result.match < _WEAK:
        yield Finding(
            "unjudged",
            "notice",
            (reference, language),
            everywhere,
            f"the text shows too little ({result.match:.1f} nats a row) to judge the order of rows",
            "look at some rows, or check more of them together",
        )


# Where rows stand in their files.


def lines_of(text: ParallelText, languages: set[str]) -> Lines:
    """The lines of these languages; a language whose file is gone or holds other text is left out."""
    lines_by_language: Lines = {}
    for file in text.sources:
        try:
            lines = read_lines(Path(file))
        except TextError:  # the file is gone, or is no file
            continue
        for language in languages - lines_by_language.keys():
            if numbers := _walk(lines, text[language]):
                lines_by_language[language] = (file, numbers)
    return lines_by_language


def placed(finding: Finding, lines: Lines) -> tuple[str, ...]:
    """`file:line` or `file:first-last` of the first few runs of rows, for each side of the finding."""
    runs = [
        (lines[language][0], *(lines[language][1][row] for row in span))
        for language in finding.languages
        if language in lines
        for span in finding.spans[:_MOST]
    ]
    return tuple(dict.fromkeys(f"{file}:{a}" if a == b else f"{file}:{a}-{b}" for file, a, b in runs))


def _walk(lines: list[str], sentences: tuple[str, ...]) -> list[int] | None:
    """The line of each sentence, in order; None where one of them is not found."""
    rest = enumerate(lines, 1)
    numbers = [next((number for number, line in rest if sentence in line), 0) for sentence in sentences]
    return numbers if all(numbers) else None

"""Checks of single rows: duplicates, copies, boilerplate, lengths, scripts, overlap with other data."""

import unicodedata
from collections import Counter
from collections.abc import Iterator

import numpy as np

from workbench.checks.report import Finding, Report
from workbench.core.languages import letters_by_script, usual_script
from workbench.core.numbers import spans
from workbench.core.reading import normalised
from workbench.text import ParallelText

_ODD_LENGTH = 7.0
_REPEATS = 3
_OWN_LETTERS = 0.15
_MANY, _SHARE = 5, 0.01
"""So many rows, and this share of them, are an alarm where fewer are a notice."""

_SHORTEST = 12
"""Bytes of letters and digits: shorter sentences (“Thank you.”) are everybody's."""

# The scripts of ISO 15924, with the first words of their letters' Unicode names.
_LETTERS = {
    code: names.split("+")
    for code, names in (
        script.split("=")
        for script in """
        Latn=LATIN Cyrl=CYRILLIC Arab=ARABIC Deva=DEVANAGARI Hans=CJK Hant=CJK Jpan=CJK+HIRAGANA+KATAKANA
        Hang=HANGUL+CJK Grek=GREEK Hebr=HEBREW Thai=THAI Taml=TAMIL Beng=BENGALI Gujr=GUJARATI Guru=GURMUKHI
        Telu=TELUGU Knda=KANNADA Mlym=MALAYALAM Sinh=SINHALA Mymr=MYANMAR Khmr=KHMER Laoo=LAO Tibt=TIBETAN
        Ethi=ETHIOPIC Geor=GEORGIAN Armn=ARMENIAN Cher=CHEROKEE Thaa=THAANA Nkoo=NKO Olck=OL Orya=ORIYA
        Cans=CANADIAN Tfng=TIFINAGH
        """.split()
    )
}


def check_sentences(text: ParallelText) -> Iterator[Finding]:
    """All that can be said of rows by themselves."""
    folded = {language: [normalised(s) for s in text[language]] for language in text.languages}
    yield from duplicates(folded)
    # One reference is enough, and keeps a report on many languages short.
    a = reference_of(text)
    for b in text.languages:
        if b != a:
            yield from copies(a, b, folded[a], folded[b])
            yield from odd_lengths(a, b, text[a], text[b])
    for language in text.languages:
        yield from boilerplate(language, folded)
        yield from wrong_scripts(language, text[language])


def reference_of(text: ParallelText) -> str:
    """The language every other is compared with: the first of two; of more, English where there is it."""
    return "en" if len(text.languages) > 2 and "en" in text else text.languages[0]


def duplicates(folded: dict[str, list[str]]) -> Iterator[Finding]:
    """Rows that are the same in every language."""
    if groups := _groups(list(zip(*folded.values(), strict=True))):
        extra = sum(len(group) - 1 for group in groups)
        yield Finding(
            "duplicate",
            "notice",
            tuple(folded),
            spans(row for group in groups for row in group),
            f"{extra} rows repeat another in every language, such as {_listed(groups[0])}",
            "keep one of each, or keep them in one split (ParallelText.split does)",
            groups=tuple(groups),
        )


def copies(a: str, b: str, source: list[str], target: list[str]) -> Iterator[Finding]:
    """Rows whose target is the source; an alarm where words shared by chance cannot explain them."""
    pairs = list(zip(source, target, strict=True))
    rows = [i for i, (x, y) in enumerate(pairs) if x == y and any(map(str.isalpha, x))]
    if not rows:
        return
    # Related languages share words: a row of m words is the same by chance with probability shareᵐ.
    copied = set(rows)
    others = (pair for i, pair in enumerate(pairs) if i not in copied)
    shared = [word in set(y.split()) for x, y in others for word in x.split()]
    share = sum(shared) / max(len(shared), 1)
    chance = sum((share + 0.02) ** len(x.split()) for x in source)
    alarm = len(rows) > 3 * chance + 3 and len(rows) >= max(_MANY, _SHARE * len(source))
    yield Finding(
        "copy",
        "alarm" if alarm else "notice",
        (a, b),
        spans(rows),
        f"{len(rows)} rows are the same in both; about {chance:.0f} would be by chance",
        "leave out the rows, or translate them" if alarm else "see whether they are names or titles",
    )


def boilerplate(language: str, folded: dict[str, list[str]]) -> Iterator[Finding]:
    """Sentences of one side that stand against several different ones in every other language."""
    others = [side for code, side in folded.items() if code != language]
    groups = [
        group
        for group in _groups(folded[language])
        if len(group) >= _REPEATS
        and min((len({side[row] for row in group}) for side in others), default=0) > len(group) / 2
    ]
    if not groups:
        return
    example = max(groups, key=len)
    most = len(example)
    alarm = most >= 2 * _MANY and most >= _SHARE * len(folded[language])
    yield Finding(
        "boilerplate",
        "alarm" if alarm else "notice",
        (language,),
        spans(row for group in groups for row in group),
        f"{_quoted(folded[language][example[0]])} stands {most} times against different sentences",
        "leave out the rows: they say nothing of what the other side says"
        if alarm
        else "see whether the rows are translations",
        groups=tuple(groups),
    )


def odd_lengths(a: str, b: str, source: tuple[str, ...], target: tuple[str, ...]) -> Iterator[Finding]:
    """z = (l_b − c l_a) / √(c l_a), robustly standardised: rows far outside the file's own spread."""
    x, y = (np.array([len(s) for s in side], dtype=float) for side in (source, target))
    if len(x) < 20:
        return
    c = float(np.median(y / x))
    z = (y - c * x) / np.sqrt(c * x + 10)
    z -= np.median(z)
    spread = 1.4826 * float(np.median(np.abs(z))) + 0.3
    ratio = np.maximum(y / (c * x), c * x / y)
    rows = np.flatnonzero((np.abs(z) > _ODD_LENGTH * spread) & (ratio > 2))
    if len(rows):
        worst = int(rows[np.argmax(np.abs(z[rows]))])
        yield Finding(
            "length",
            "notice",
            (a, b),
            spans(rows.tolist()),
            f"row {worst} has {x[worst]:.0f} and {y[worst]:.0f} characters; usual is 1 to {c:.2g}",
            "see whether a side was cut off or merged with another row",
        )


def wrong_scripts(language: str, side: tuple[str, ...]) -> Iterator[Finding]:
    """Rows in another script than the rest of their side, or a side in another than its language."""
    scripts = [script_of(sentence) for sentence in side]
    if not (counts := Counter(filter(None, scripts))):
        return
    main, most = counts.most_common(1)[0]
    base, _, variety = language.partition("-")
    usual = _LETTERS.get(variety) or _LETTERS.get(usual_script(base) or "")
    if usual and main not in usual and most > counts.total() / 2:
        rows = [row for row, script in enumerate(scripts) if script and script not in usual]
        yield Finding(
            "script",
            "alarm",
            (language,),
            spans(rows),
            f"{len(rows)} rows are {main.title()}; {language} is usually written in {usual[0].title()}",
            "check the language code, and whether two files were exchanged",
        )
        return
    accepted = {main, *(usual or ())}
    # A name or a quotation in Latin letters is usual: rows count that have next to nothing else.
    rows = [
        row
        for row, script in enumerate(scripts)
        if script and script not in accepted and _share(side[row], accepted) < _OWN_LETTERS
    ]
    if rows:
        alarm = len(rows) >= max(_MANY, _SHARE * len(side))
        yield Finding(
            "script",
            "alarm" if alarm else "notice",
            (language,),
            spans(rows),
            f"{len(rows)} rows are not {main.title()}, such as {_quoted(side[rows[0]])}",
            "translate them or leave them out" if alarm else "see whether they are names or titles",
        )


def overlap(text: ParallelText, other: ParallelText) -> Report:
    """The rows of `text` of which `other` holds a side, whatever its case, spaces and punctuation."""
    known: dict[str, int] = {}
    for side in other.sentences.values():
        for row, sentence in enumerate(side):
            known.setdefault(bare(sentence), row)
    findings = []
    for language, side in text.sentences.items():
        keys = [bare(sentence) for sentence in side]
        rows = [row for row, key in enumerate(keys) if key in known and len(key.encode()) >= _SHORTEST]
        if not rows:
            continue
        alarm = len(rows) >= min(_MANY, max(1, _SHARE * min(len(text), len(other))))
        findings.append(
            Finding(
                "overlap",
                "alarm" if alarm else "notice",
                (language,),
                spans(rows),
                f"{len(rows)} of {len(text)} sentences are in {name_of_text(other)} too, "
                f"such as row {rows[0]} (there row {known[keys[rows[0]]]})",
                "leave the rows out of what is fitted on, or report on other data",
            )
        )
    return Report(name_of_text(text), len(text), []).with_(findings)


def bare(sentence: str) -> str:
    """Letters and digits alone, in one case.

    >>> bare("It's  ready!") == bare("its ready")
    True
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sentence).casefold())
    # Marks are kept: in the scripts of India they are vowels.
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LNM")


def name_of_text(text: ParallelText) -> str:
    """Its files, else what it holds."""
    return " + ".join(text.sources) or repr(text)


def script_of(sentence: str) -> str | None:
    """The script of most letters, by the first word of their Unicode names; None where letters are few.

    >>> script_of("Habari ya asubuhi"), script_of("42 %"), script_of("Доброе утро")
    ('LATIN', None, 'CYRILLIC')
    """
    letters = letters_by_script(sentence)
    total = letters.total()
    return next((script for script, count in letters.items() if total >= 4 and count > total / 2), None)


def _share(sentence: str, scripts: set[str]) -> float:
    letters = letters_by_script(sentence)
    return sum(letters[script] for script in scripts) / max(letters.total(), 1)


def _groups(keys: list) -> list[tuple[int, ...]]:
    rows_of: dict[object, list[int]] = {}
    for row, key in enumerate(keys):
        rows_of.setdefault(key, []).append(row)
    return [tuple(rows) for rows in rows_of.values() if len(rows) > 1]


def _listed(rows: tuple[int, ...]) -> str:
    return "rows " + ", ".join(map(str, rows[:4])) + (" …" if len(rows) > 4 else "")


def _quoted(sentence: str) -> str:
    return f"“{sentence if len(sentence) <= 40 else sentence[:39] + '…'}”"

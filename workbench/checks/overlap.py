"""Sentences that two data sets share: a benchmark inside the data a map was fitted on."""

import unicodedata

from workbench.checks.report import Finding, Report, spans
from workbench.text import ParallelText

_SHORTEST = 12
"""Bytes of letters and digits: shorter sentences (“Thank you.”) are everybody's."""
_MANY, _SHARE = 5, 0.01


def overlap(text: ParallelText, other: ParallelText) -> Report:
    """The rows of `text` of which `other` holds a side, whatever its case, spaces and punctuation."""
    known: dict[str, int] = {}
    for side in other.sentences.values():
        for row, sentence in enumerate(side):
            known.setdefault(bare(sentence), row)
    found = []
    for language, side in text.sentences.items():
        keys = [bare(sentence) for sentence in side]
        rows = [row for row, key in enumerate(keys) if key in known and len(key.encode()) >= _SHORTEST]
        if not rows:
            continue
        smaller = min(len(text), len(other))
        alarm = len(rows) >= min(_MANY, max(1, _SHARE * smaller))
        found.append(
            Finding(
                "overlap",
                "alarm" if alarm else "notice",
                (language,),
                spans(rows),
                f"{len(rows)} of {len(text)} sentences are in {_name(other)} too, such as row {rows[0]} "
                f"(there row {known[keys[rows[0]]]})",
                "leave the rows out of what is fitted on, or report on other data",
            )
        )
    return Report(_name(text), len(text), []).with_(found)


def bare(sentence: str) -> str:
    """Letters and digits alone, in one case.

    >>> bare("It's  ready!") == bare("its ready")
    True
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sentence).casefold())
    # Marks are kept: in the scripts of India they are vowels.
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LNM")


def _name(text: ParallelText) -> str:
    return " + ".join(text.sources) or repr(text)

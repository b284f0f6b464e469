"""The report of the data checks: findings with rows, evidence and repair."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from workbench.core.numbers import Span, spelled

Severity = Literal["alarm", "notice"]
Kind = Literal[
    "shift",
    "scramble",
    "unrelated",
    "suspect",
    "unjudged",
    "duplicate",
    "copy",
    "boilerplate",
    "missing",
    "length",
    "script",
    "overlap",
    "fields",
]
"""What can be found:

    shift        rows first … last of one side belong `offset` rows further on in the other
    scramble     rows whose order on one side has been lost (or that moved further than three rows)
    unrelated    nothing ties the sides together anywhere
    suspect      rows too few to be called shifted or scrambled that match badly
    unjudged     too little text to judge the order of rows
    duplicate    rows that are there twice, in every language
    copy         rows whose target is the source itself
    boilerplate  a sentence of one side that stands against different sentences of the other
    missing      rows left out when reading, because a side was empty
    length       rows whose lengths do not go together
    script       rows or a side in another script than expected
    overlap      sentences that another data set holds as well
    fields       answers or labels of a benchmark that differ between languages
"""


@dataclass(frozen=True)
class Finding:
    """One thing found: `severity` is alarm (it ruins results) or notice (to know, or to look at)."""

    kind: Kind
    severity: Severity
    languages: tuple[str, ...]
    """The sides to look at: one where the others show which it is, else both."""
    spans: tuple[Span, ...]
    """First and last row of each run of rows, counted from 0; both are among them."""
    evidence: str
    repair: str
    offset: int | None = None
    """Of a shift: how many rows later the side (of two sides, the second) stands than it should."""
    groups: tuple[tuple[int, ...], ...] = ()
    """Rows that belong together: those that are duplicates of each other."""
    places: tuple[str, ...] = ()
    """The same as `file:line` or `file:first-last`, counted from 1, where the files are at hand."""

    @property
    def rows(self) -> list[int]:
        """All rows concerned."""
        return [row for first, last in self.spans for row in range(first, last + 1)]

    @property
    def count(self) -> int:
        """How many rows are concerned."""
        return sum(last - first + 1 for first, last in self.spans)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "languages": list(self.languages),
            "rows": [list(span) for span in self.spans],
            "count": self.count,
            "evidence": self.evidence,
            "repair": self.repair,
            "offset": self.offset,
            "groups": [list(group) for group in self.groups],
            "places": list(self.places),
        }


@dataclass(frozen=True)
class Report:
    """All findings on one text, alarms first.

    >>> report = Report("text", 2, [Finding("copy", "notice", ("sw", "en"), ((0, 0),), "same", "drop")])
    >>> report.clean, len(report.notices)
    (True, 1)
    """

    name: str
    n_rows: int
    findings: list[Finding]

    @property
    def alarms(self) -> list[Finding]:
        """What ruins results."""
        return [finding for finding in self.findings if finding.severity == "alarm"]

    @property
    def notices(self) -> list[Finding]:
        """What is good to know."""
        return [finding for finding in self.findings if finding.severity == "notice"]

    @property
    def clean(self) -> bool:
        """Whether there is no alarm."""
        return not self.alarms

    def with_(self, more: Iterable[Finding]) -> "Report":
        """The same report with more findings, in order."""
        return replace(self, findings=sorted([*self.findings, *more], key=_order))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        findings = [finding.to_json() for finding in self.findings]
        return {"name": self.name, "rows": self.n_rows, "clean": self.clean, "findings": findings}

    def to_frame(self) -> pd.DataFrame:
        """One row a finding."""
        rows = [
            (f.severity, f.kind, " ".join(f.languages), spelled(f.spans), f.count, f.evidence, f.repair)
            for f in self.findings
        ]
        columns = ["severity", "kind", "languages", "rows", "count", "evidence", "repair"]
        return pd.DataFrame(rows, columns=columns)


def _order(finding: Finding) -> tuple[bool, int, tuple[Span, ...]]:
    kinds = Kind.__args__  # type: ignore[attr-defined]
    return finding.severity != "alarm", kinds.index(finding.kind), finding.spans

"""The text that maps are fitted on: sentences checked by the doctor, or the prompts of a task."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from workbench.checks import Finding, Report, check
from workbench.checks.alignment import REACH, Array, banded
from workbench.checks.checking import Pair, reference_of
from workbench.checks.sentences import bare
from workbench.core.errors import InputError
from workbench.core.numbers import spans, spelled
from workbench.core.types import Progress, Site, silent
from workbench.models import LanguageModel
from workbench.states import capture, fitting
from workbench.tasks import AnswerTask, Example, Task, same_items
from workbench.text import ParallelText

AnyTask = Task | AnswerTask

_RUINS = ("shift", "scramble", "copy", "boilerplate", "script", "overlap")
"""Alarms whose rows are left out."""
_SHORTEST = 24
"""Bytes of a sentence that is looked for in benchmark items: a shorter one stands in many texts."""
_MOST = 0.5
"""A text that would lose a larger fraction of its rows is rejected."""


@dataclass(frozen=True)
class Examination:
    """A text without invalid rows, and the reasons why rows were left out."""

    text: ParallelText
    """The rows that are left."""
    report: Report
    """The findings in the text as it was read, with its row numbers."""
    left_out: tuple[int, ...]
    """Rows of the text as it was read."""

    @property
    def findings(self) -> list[Finding]:
        """The findings for which rows were left out."""
        return [finding for finding in self.report.findings if _leaves_out(finding)]

    @property
    def sentences(self) -> list[str]:
        """The rows left out, and why, in words."""
        return [
            f"left out {finding.count} rows ({finding.kind}, {spelled(finding.spans)}): {finding.evidence}"
            for finding in self.findings
        ]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "left_out": [list(span) for span in spans(self.left_out)],
            "text_digest": self.text.digest,
            "report": self.report.to_json(),
        }


def examine(text: ParallelText, tasks: Iterable[AnyTask] = (), progress: Progress = silent) -> Examination:
    """Check the text; leave out misplaced rows, copies, and sentences that stand in items of the tasks."""
    report = check(text, progress=progress)
    for task in tasks:
        report = report.with_(_in_items(text, task))
    reasons = [finding for finding in report.findings if _leaves_out(finding)]
    lost = sorted({row for finding in reasons for row in finding.rows})
    worst = next((finding for finding in report.alarms if finding.kind == "unrelated"), None)
    if worst is None and len(lost) > _MOST * len(text):
        worst = max(reasons, key=lambda finding: finding.count)
    if worst is not None:
        raise InputError(
            f"{report.name}: {worst.evidence} ({worst.kind}, rows {spelled(worst.spans)}); {worst.repair}"
        )
    kept = text.select(np.setdiff1d(range(len(text)), lost).tolist()) if lost else text
    return Examination(kept, report, tuple(lost))


def _leaves_out(finding: Finding) -> bool:
    # One sentence of a benchmark among the fitted ones is one too many, alarm or not.
    return finding.kind == "overlap" or (finding.severity == "alarm" and finding.kind in _RUINS)


def _in_items(text: ParallelText, task: AnyTask) -> Iterable[Finding]:
    """The rows of which a side stands inside an item that is chosen or reported on."""
    for language in text.languages:
        if language not in task.languages:
            continue
        items = [e for split in ("dev", "test") for e in task.examples(language, split)]
        # A sentence can stand anywhere in a prompt, so all of them are one haystack.
        parts = [
            part
            for item in items
            for part in (item.prompt, *(item.choices if isinstance(item, Example) else item.answers))
        ]
        haystack = "\n".join(map(bare, parts))
        keys = [bare(sentence) for sentence in text[language]]
        rows = [i for i, key in enumerate(keys) if len(key.encode()) >= _SHORTEST and key in haystack]
        if rows:
            yield Finding(
                "overlap",
                "alarm",
                (language,),
                spans(rows),
                f"{len(rows)} sentences stand in items of {task.name}, such as row {rows[0]}",
                "leave the rows out of what is fitted on",
            )


def prompts_text(task: AnyTask, languages: tuple[str, str]) -> ParallelText:
    """The prompts of the task's `fit` items, row by row the same item; items of dev and test are not in it.

    A map is applied at the last token of a prompt: fitted there, it meets the states it was fitted on.
    """
    source, target = languages
    items: list[tuple[Any, ...]] = [task.examples(code, "fit") for code in languages]
    if not items[0] or not same_items(items[0], items[1]):
        raise InputError(
            f"{task.name} has {len(items[0])} fit items in {source} and {len(items[1])} in {target}: to fit "
            "on prompts it needs the same ones in both; fit on sentences instead (--fit-on sentences)"
        )
    groups = [item.group or item.id for item in items[0]]
    sides = {code: tuple(item.prompt for item in side) for code, side in zip(languages, items, strict=True)}
    return ParallelText(sides, groups=tuple(groups), sources=(f"{task.name} prompts",))


def model_evidence(
    model: LanguageModel, text: ParallelText, layer: int | None = None, progress: Progress = silent
) -> dict[Pair, Array]:
    """cos(x_i − x̄, y_{i+d} − ȳ) of mean-pooled states in mid-model, for each language and the reference.

    In the middle, sentences of languages that a model knows lie nearest to their translations; cosines of
    other languages say nothing, and the doctor learns to give them no weight.
    """
    if len(fitting(model, text)) < len(text):
        raise InputError("some rows are too long for the model: leave them out, or check without --model")
    site = Site(model.info.n_layers // 2 if layer is None else layer)
    states = capture(model, text, sites=site, pool="mean", store=None, progress=progress)
    reference = reference_of(text)
    sides = {}
    for language in text.languages:
        rows = states.at(site, language).float()
        sides[language] = torch.nn.functional.normalize(rows - rows.mean(0), dim=1).numpy()
    x = sides.pop(reference)
    return {
        (reference, language): banded(lambda i, j, y=y: np.einsum("nd,nd->n", x[i], y[j]), len(x), REACH)
        for language, y in sides.items()
    }

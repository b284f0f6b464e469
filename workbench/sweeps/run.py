"""The sweep as others call it: each branch by the fastest way that can do it, once checked against naive."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from workbench.core.errors import InputError
from workbench.core.progress import Progress, silent
from workbench.core.types import Normalisation
from workbench.models import LanguageModel
from workbench.sweeps.check import FAST, check_fast
from workbench.sweeps.classes import Classes
from workbench.sweeps.naive import Generation, Question, answer_columns, naive_scores, read_questions
from workbench.sweeps.plan import COLUMNS, Branch
from workbench.sweeps.score import Columns, Reading, Scores, choice_rows, read_examples, rows, table_of
from workbench.sweeps.shards import Shard, Shelf, plan_facts, plan_shards
from workbench.sweeps.slots import Limits, run_slots, slots_can
from workbench.sweeps.suffix import run_suffix, suffix_can
from workbench.tasks import AnswerExample, Example
from workbench.tasks.scoring import choice_scores


def sweep(
    model: LanguageModel,
    examples: Sequence[Example] | Sequence[AnswerExample],
    branches: Sequence[Branch],
    *,
    task: str,
    pair: str,
    clean: bool = True,
    batch_size: int = 64,
    progress: Progress = silent,
    allow_naive: bool = False,
    folder: Path | None = None,
    by: Normalisation | Classes = "plain",
    scorer: str | None = None,
    max_new_tokens: int = 32,
    until: str | None = "\n",
) -> pd.DataFrame:
    """One row per (branch, example), as from `sweep_naive`; with `clean`, the unpatched run comes first.

    Each branch goes by slots, else by suffix, else naively. Some examples go through a fast way and naive
    before; where they disagree this is an error, or, with `allow_naive`, that way's branches go naively.

    With a `folder`, finished parts are kept there, and a sweep that was interrupted goes on where it was:
    its table is the same to the byte. Another sweep in the same folder has parts of its own.

    `by` is what choices are compared by: their log-likelihood, plain or for each token or character; or how
    near the prompt's last state is to a prototype of each, where they are classes (`class_prototypes`).

    Examples with answers are generated, greedily and naively, `max_new_tokens` at most and up to `until`;
    they need the `scorer` of their task.
    """
    if not examples:
        raise InputError(f"no examples of {task} to sweep over")
    if not (clean or branches):
        raise InputError(f"nothing to sweep over {task}: no branches, and no clean run")
    limits = Limits(batch_size)
    work = _Work(
        model,
        examples,
        branches,
        task,
        pair,
        limits,
        _generation(examples, scorer, max_new_tokens, until),
        by,
    )
    shelf = None
    if folder is not None:
        settings = {"task": task, "pair": pair, "clean": clean, "limits": vars(limits), "naive": allow_naive}
        settings |= {"generation": vars(work.how) if work.how else None, "by": _name_of(by)}
        shelf = Shelf(Path(folder), plan_facts(model, examples, branches, settings))
    return _finished(work, shelf, clean, allow_naive, progress)


def _finished(
    work: "_Work", shelf: Shelf | None, clean: bool, allow_naive: bool, progress: Progress
) -> pd.DataFrame:
    """All shards in order, those on the shelf as they are."""
    ways = shelf.ways() if shelf else None
    if ways is None:
        ways = work.ways(clean, allow_naive)
        if shelf:
            shelf.begin(ways)
    shards = plan_shards(work.model, work.items, work.branches, ways, work.limits)
    parts = []
    for number, shard in enumerate(shards):
        part = shelf.get(number) if shelf else None
        if part is None:
            part = work.run(shard)
            if shelf:
                shelf.put(number, part)
        parts.append(part)
        progress("sweep", number + 1, len(shards))
    whole = pd.concat(parts, ignore_index=True).sort_values(["branch", "row"], kind="stable")
    return whole[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)


def _name_of(by: Normalisation | Classes) -> str:
    return f"prototypes of {by.digest}" if isinstance(by, Classes) else by


def compared_by(by: Normalisation | Classes, readings: Sequence[Reading], scores: Scores) -> Scores:
    """The scores that choices are compared by."""
    if by == "plain" or isinstance(by, Classes):
        return scores
    choices = []
    for reading, sums in zip(readings, scores.choices, strict=True):
        tokens = [len(choice) for choice in reading.choices]
        characters = [len(choice.strip()) for choice in reading.example.choices]
        choices.append(torch.tensor(choice_scores(sums.tolist(), by, tokens, characters)))
    return Scores(choices, scores.sizes)


def _generation(
    examples: Sequence[Any], scorer: str | None, most: int, until: str | None
) -> Generation | None:
    asked = [isinstance(example, AnswerExample) for example in examples]
    if not any(asked):
        return None
    if not all(asked):
        raise InputError("examples with choices and with answers in one sweep: sweep over each kind alone")
    if scorer is None:
        raise InputError("generated answers need a scorer: pass scorer=task.scorer")
    return Generation(scorer, most, until)


class _Work:
    """A sweep's model, examples and branches, and how a part of it is run."""

    def __init__(
        self,
        model: LanguageModel,
        examples: Sequence[Any],
        branches: Sequence[Branch],
        task: str,
        pair: str,
        limits: Limits,
        how: Generation | None,
        by: Normalisation | Classes,
    ):
        self.model, self.branches, self.limits, self.how, self.by = model, branches, limits, how, by
        self.facts = {"model": model.info.name, "task": task, "pair": pair}
        self.items: Any
        if isinstance(by, Classes):
            self.items = by.read(model, examples)
        elif by == "prototype":
            raise InputError("class prototypes need items: pass by=class_prototypes(model, fit_items, …)")
        else:
            self.items = read_questions(model, examples) if how else read_examples(model, examples)

    def ways(self, clean: bool, allow_naive: bool) -> list[str]:
        """The way of each branch, the clean run's (or "") first, once the fast ways are checked."""
        if self.how:
            return ["generated" if clean else "", *["generated"] * len(self.branches)]
        ways = [self._fastest(branch) for branch in self.branches]
        for way in FAST:
            mine = [branch for branch, its in zip(self.branches, ways, strict=True) if its == way]
            found = check_fast(way, self.model, self.items, mine) if mine else None
            if found is not None and not allow_naive:
                takes = found.naive_takes(len(self.branches), len(self.items))
                raise InputError(
                    f"{found}: naive for all would take about {takes}; pass allow_naive=True to go on so"
                )
            if found is not None:
                ways = ["naive" if its == way else its for its in ways]
        # The clean run is part of the fastest way there is.
        first = next((way for way in FAST if way in ways), "naive")
        return [first if clean else "", *ways]

    def _fastest(self, branch: Branch) -> str:
        if slots_can(self.model, self.items, [branch]) is None:
            return "slots"
        return "suffix" if suffix_can(self.model, self.items, [branch]) is None else "naive"

    def run(self, shard: Shard) -> pd.DataFrame:
        """The rows of a shard, with the numbers of their branches and examples."""
        items = [self.items[i] for i in shard.rows]
        found = self._generated(items, shard) if self.how else self._scored(items, shard)
        return table_of(
            [
                columns | {"branch": [number] * len(items), "row": list(shard.rows)}
                for number, columns in zip(shard.branches, found, strict=True)
            ]
        )

    def _branch(self, number: int) -> Branch | None:
        return self.branches[number - 1] if number else None

    def _scored(self, readings: Sequence[Reading], shard: Shard) -> list[Columns]:
        those = [branch for number in shard.branches if (branch := self._branch(number)) is not None]
        clean = 0 in shard.branches
        found: list[Scores]
        if shard.way == "naive":
            runs = [*([None] if clean else []), *those]
            found = [naive_scores(self.model, readings, run, self.limits.batch_size) for run in runs]
        elif shard.way == "slots":
            unpatched, found = run_slots(self.model, readings, those)
            found = [unpatched, *found] if clean else found
        else:
            below, found = run_suffix(self.model, readings, those, clean=clean)
            found = [below, *found] if below is not None else found
        return [
            choice_rows(readings, self._branch(number), compared_by(self.by, readings, scores), self.facts)
            for number, scores in zip(shard.branches, found, strict=True)
        ]

    def _generated(self, questions: Sequence[Question], shard: Shard) -> list[Columns]:
        assert self.how is not None
        parts = []
        for number in shard.branches:
            branch = self._branch(number)
            columns: Mapping[str, Any] = answer_columns(self.model, questions, branch, self.how)
            parts.append(rows([q.example for q in questions], branch, columns, self.facts))
        return parts

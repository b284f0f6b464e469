"""Beginnings of held-out sentences and their generated continuations, cached batch by batch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from workbench.core.errors import InputError
from workbench.intervene import applied
from workbench.models import LanguageModel
from workbench.study import Study
from workbench.sweeps import Configuration
from workbench.sweeps.naive import mean_size
from workbench.sweeps.plan import patches_of
from workbench.sweeps.score import Question, read_questions
from workbench.sweeps.shards import Shelf, plan_facts
from workbench.tasks import AnswerExample, SplitName

# Beginnings of held-out sentences, for a model to go on with: one half to choose on, one to report.


LEAST_TOKENS = 2
"""A beginning of fewer tokens leaves the model to say anything."""
HALVES: tuple[SplitName, ...] = ("dev", "test")


@dataclass(frozen=True)
class Beginnings:
    """The same rows' beginnings in both languages, by the half of the rows they lie in."""

    source: dict[str, tuple[AnswerExample, ...]]
    target: dict[str, tuple[AnswerExample, ...]]
    """An example's answer is the whole sentence that its prompt begins."""


def beginnings(study: Study, count: int) -> Beginnings:
    """At most `count` held-out rows, half of them to choose on, half to report.

    The rows are drawn by the study's seed; documents and sentences that say the same stay in one half. A
    beginning that was there already is left out: the same text would be generated twice.
    """
    rows = study.alignment.split.test
    held = study.text.select(rows)
    halves = held.split(fit=0.0, dev=0.5, test=0.5, seed=study.settings.seed)
    sides = (study.source, study.target)
    found: dict[str, dict[str, tuple[AnswerExample, ...]]] = {language: {} for language in sides}
    seen: set[str] = set()
    for half in HALVES:
        chosen = []
        for at in getattr(halves, half):
            begun = [begin(study.model, held[language][int(at)]) for language in sides]
            if begun[0] is None or begun[1] is None or begun[0] in seen:
                continue
            seen.add(begun[0])
            chosen.append((int(at), begun))
            if len(chosen) == count // 2:
                break
        if len(chosen) < 2:
            raise InputError(
                f"{len(rows)} held-out sentences in {study.source} give too few different beginnings: "
                "hold out more sentences, or give longer ones"
            )
        for side, language in enumerate(sides):
            found[language][half] = tuple(
                AnswerExample(
                    str(int(rows[at])),
                    str(begun[side]),
                    (held[language][at],),
                    language,
                    half,
                    None if held.groups is None else held.groups[at],
                )
                for at, begun in chosen
            )
    return Beginnings(found[study.source], found[study.target])


def begin(model: LanguageModel, sentence: str) -> str | None:
    """The first half of a sentence's tokens, up to the end of the word; None where it is too short.

    In a script without spaces a word ends anywhere.
    """
    (ids,) = model.tokens.encode([sentence])
    prefix = len(model.tokens.prefix)
    half = (len(ids) - prefix + 1) // 2
    said = model.tokens.decode(ids[: prefix + half])
    if half < LEAST_TOKENS or not said.strip():
        return None
    if sentence.startswith(said) and not said[-1].isspace():
        begun, _, rest = sentence[len(said) :].partition(" ")
        said = said + begun if rest else said
    return said.rstrip()


def longest(model: LanguageModel, prompts: Sequence[AnswerExample]) -> int:
    """Tokens of the longest prompt."""
    return max(map(len, model.tokens.encode([prompt.prompt for prompt in prompts])))


# A model goes on with prompts, patched or not; every finished batch is kept on disk.


def speak(
    model: LanguageModel,
    prompts: Sequence[AnswerExample],
    configuration: Configuration | None,
    tokens: int,
    batch_size: int,
    folder: Path,
    done: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """One row a prompt: what the model says behind it, greedily, at most so many tokens.

    Batches follow from the arguments alone, so what was stopped goes on to the same texts. `done` is called
    after each batch. `seconds` is the time of the row's batch for one token; the rest is the same each time.
    """
    settings = {"generate": 1, "tokens": tokens, "batch_size": batch_size}
    shelf = Shelf(
        folder, plan_facts(model, prompts, [] if configuration is None else [configuration], settings)
    )
    questions = read_questions(model, prompts)
    parts = []
    for number, start in enumerate(range(0, len(questions), batch_size)):
        part = shelf.get(number)
        if part is None:
            part = _speak(model, questions[start : start + batch_size], configuration, tokens)
            shelf.put(number, part)
        parts.append(part)
        done()
    return pd.concat(parts, ignore_index=True)


def batches(prompts: Sequence[AnswerExample], batch_size: int) -> int:
    """How many there will be."""
    return -(-len(prompts) // batch_size)


def _speak(
    model: LanguageModel, questions: Sequence[Question], configuration: Configuration | None, tokens: int
) -> pd.DataFrame:
    batch = model.batch([question.prompt for question in questions], padding="left")
    sizes = torch.zeros(len(questions), dtype=torch.float64)
    start = time.perf_counter()
    if configuration is None:
        ids = model.generate(batch, tokens)
    else:
        from_clean = configuration.joint == "from_clean"
        with applied(model, patches_of(configuration), batch, from_clean=from_clean) as placements:
            ids = model.generate(batch, tokens)
        sizes = mean_size(placements)
    # A text that ended early costs as much as the longest of its batch, and one token more: the end.
    steps = min(tokens, max(map(len, ids)) + 1)
    return pd.DataFrame(
        {
            "ids": ids,
            "text": [model.tokens.decode(row).strip() for row in ids],
            "patch_size": sizes.numpy(),
            "seconds": (time.perf_counter() - start) / steps,
        }
    )

"""Beginnings of held-out sentences and their generated continuations, cached batch by batch."""

import time
from collections.abc import Sequence
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

LEAST_TOKENS = 2
"""A beginning of fewer tokens leaves the model to say anything."""
HALVES: tuple[SplitName, ...] = ("dev", "test")
Beginnings = dict[str, dict[str, tuple[AnswerExample, ...]]]
"""Language → half → prompts. An example's answer is the whole sentence that its prompt begins."""


def beginnings(study: Study, count: int) -> Beginnings:
    """Beginnings of at most `count` held-out rows in both languages, half to choose on, half to report.

    The rows are drawn by the study's seed; documents and sentences that say the same stay in one half. A
    beginning that was there already is left out: the same text would be generated twice.
    """
    rows = study.alignment.split.test
    held = study.text.select(rows)
    halves = held.split(fit=0.0, dev=0.5, test=0.5, seed=study.settings.seed)
    prompts: Beginnings = {study.source: {}, study.target: {}}
    seen: set[str] = set()
    for half in HALVES:
        pairs = []
        for at in map(int, getattr(halves, half)):
            texts = [begin(study.model, held[language][at]) for language in prompts]
            if None in texts or texts[0] in seen:
                continue
            seen.add(str(texts[0]))
            name, group = str(int(rows[at])), None if held.groups is None else held.groups[at]
            pairs.append(
                [
                    AnswerExample(name, str(text), (held[language][at],), language, half, group)
                    for text, language in zip(texts, prompts, strict=True)
                ]
            )
            if len(pairs) == count // 2:
                break
        if len(pairs) < 2:
            raise InputError(
                f"{len(rows)} held-out sentences in {study.source} give too few different beginnings: "
                "hold out more sentences, or give longer ones"
            )
        prompts[study.source][half], prompts[study.target][half] = zip(*pairs, strict=True)
    return prompts


def begin(model: LanguageModel, sentence: str) -> str | None:
    """The first half of a sentence's tokens, to the end of a word where there are spaces; None if short."""
    (ids,) = model.tokens.encode([sentence])
    prefix = len(model.tokens.prefix)
    half = (len(ids) - prefix + 1) // 2
    text = model.tokens.decode(ids[: prefix + half])
    if half < LEAST_TOKENS or not text.strip():
        return None
    if sentence.startswith(text) and not text[-1].isspace():
        begun, _, rest = sentence[len(text) :].partition(" ")
        text = text + begun if rest else text
    return text.rstrip()


def speak(
    model: LanguageModel,
    prompts: Sequence[AnswerExample],
    configuration: Configuration | None,
    tokens: int,
    batch_size: int,
    folder: Path,
) -> pd.DataFrame:
    """One row a prompt: what the model says behind it, greedily, at most so many tokens.

    Batches follow from the arguments alone, so what was stopped goes on to the same texts. `seconds` is the
    time of the row's batch for one token; the rest is the same each time.
    """
    settings = {"generate": 1, "tokens": tokens, "batch_size": batch_size}
    shelf = Shelf(folder, plan_facts(model, prompts, [configuration] if configuration else [], settings))
    questions = read_questions(model, prompts)
    parts = []
    for number, start in enumerate(range(0, len(questions), batch_size)):
        if (part := shelf.get(number)) is None:
            part = _speak(model, questions[start : start + batch_size], configuration, tokens)
            shelf.put(number, part)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


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

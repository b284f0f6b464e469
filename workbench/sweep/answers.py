"""Generated answers: what a model says behind each prompt, patched or not, and the scorer's word on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workbench.errors import InputError, did_you_mean
from workbench.intervene import applied
from workbench.models import LanguageModel
from workbench.sweep.naive import mean_size, patches_of
from workbench.sweep.plan import Branch
from workbench.tasks import SCORERS, AnswerExample


@dataclass(frozen=True)
class Generation:
    """How answers are generated and scored."""

    scorer: str
    """A name in `tasks.SCORERS`."""
    max_new_tokens: int = 32
    until: str | None = "\n"
    """Where an answer ends, if the model does not end it: a base model goes on with the next question."""

    def __post_init__(self) -> None:
        if self.scorer not in SCORERS:
            raise InputError(f"unknown scorer {self.scorer!r}: {did_you_mean(self.scorer, SCORERS)}")
        if self.max_new_tokens < 1:
            raise InputError(f"max_new_tokens is {self.max_new_tokens}: an answer needs at least one token")

    def answer(self, text: str) -> str:
        """The part of a generated text that counts."""
        text = text.strip()
        return text if self.until is None else text.partition(self.until)[0].strip()


@dataclass(frozen=True)
class Question:
    """An example as the model reads it."""

    example: AnswerExample
    prompt: tuple[int, ...]


def read_questions(model: LanguageModel, examples: Sequence[AnswerExample]) -> list[Question]:
    """Tokenise prompts."""
    prompts = model.tokens.encode([example.prompt for example in examples])
    return [Question(e, tuple(ids)) for e, ids in zip(examples, prompts, strict=True)]


def answer_columns(
    model: LanguageModel, questions: Sequence[Question], branch: Branch | None, how: Generation
) -> dict[str, Any]:
    """Generate greedily for one batch of questions under one branch, or unpatched, and score."""
    batch = model.batch([question.prompt for question in questions], padding="left")
    decode = model.tokens.decode

    def enough(ids: Sequence[int]) -> bool:
        return how.until is not None and how.until in decode(ids).lstrip()

    sizes = torch.zeros(len(questions), dtype=torch.float64)
    if branch is None:
        found = model.generate(batch, how.max_new_tokens, enough)
    else:
        from_clean = branch.joint == "from_clean"
        with applied(model, patches_of(branch), batch, from_clean=from_clean) as placements:
            found = model.generate(batch, how.max_new_tokens, enough)
        sizes = mean_size(placements)
    texts = [how.answer(decode(ids)) for ids in found]
    score = SCORERS[how.scorer]
    examples = [question.example for question in questions]
    scores = [score(text, e.answers, e.language) for text, e in zip(texts, examples, strict=True)]
    return {
        "generated": texts,
        "correct": [value == 1 for value in scores],
        "score": scores,
        "patch_size": sizes.numpy(),
    }

"""Examples as the model reads them, and the scores of their choices: log-likelihoods, likeness to classes.

Choices that are classes are scored by how near the prompt's last state is to a prototype of each. The state
is that of the last prompt token where it leaves the last layer. Patches below change it, so that
configurations
are compared as ever; but no token of a choice is read, and all choices cost one run of the prompt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.store import digest_json
from workbench.core.types import Normalisation
from workbench.models import LanguageModel
from workbench.tasks import GREEDY, AnswerExample, Example, Prototypes, find_scorer, prototypes
from workbench.tasks.scoring import Distance, choice_scores

LOGITS = 2**25
"""Most logits held at a time."""


@dataclass(frozen=True)
class Reading:
    """An example as the model reads it: token ids of its prompt, and of each choice after it."""

    example: Example
    prompt: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...]
    classes: Prototypes | None = None
    """What the prompt's last state is compared with, in place of any reading of choices (see `classes`)."""


def read_examples(model: LanguageModel, examples: Sequence[Example]) -> list[Reading]:
    """Tokenise prompts and choices; a choice must not change the tokens of its prompt."""
    prompts = model.tokens.encode([example.prompt for example in examples])
    texts = [example.prompt + choice for example in examples for choice in example.choices]
    whole = iter(model.tokens.encode(texts))
    readings = []
    for example, prompt in zip(examples, prompts, strict=True):
        choices = []
        for choice in example.choices:
            ids = next(whole)
            if ids[: len(prompt)] != prompt or len(ids) == len(prompt):
                # The patch goes to the last prompt token, so there must be one.
                raise InputError(
                    f"example {example.id!r}: the tokenizer joins the prompt's end with choice "
                    f"{choice!r}: start the choices with a space"
                )
            choices.append(tuple(ids[len(prompt) :]))
        readings.append(Reading(example, tuple(prompt), tuple(choices)))
    return readings


def log_likelihoods(
    model: LanguageModel,
    states: Float[Tensor, "state d_model"],
    at: Int[Tensor, " token"],
    tokens: Int[Tensor, " token"],
) -> Float[Tensor, " token"]:
    """log p of each token, read from the last layer's state with this number, which stands before it."""
    found = torch.empty(len(at))
    for here, logits, rows, ids in _logits(model, states, at, tokens):
        found[here] = (logits[rows, ids] - logits.logsumexp(-1)[rows]).cpu()
    return found


def likeliest(model: LanguageModel, states: Tensor, at: Tensor, tokens: Tensor) -> Bool[Tensor, " token"]:
    """Whether each token is the one that the model would write; arguments are those of `log_likelihoods`."""
    found = torch.empty(len(at), dtype=torch.bool)
    for here, logits, rows, ids in _logits(model, states, at, tokens):
        found[here] = (logits.argmax(-1)[rows] == ids).cpu()
    return found


def _logits(model: LanguageModel, states: Tensor, at: Tensor, tokens: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Of some states at a time: numbers of the tokens they predict, logits, and the rows and ids of these."""
    step = max(LOGITS // model.info.d_vocab, 1)
    for begin in range(0, len(states), step):
        logits = model.unembed(model.final_norm(states[None, begin : begin + step]))[0].float()
        here = ((at >= begin) & (at < begin + step)).nonzero()[:, 0]
        yield here, logits, (at[here] - begin).to(logits.device), tokens[here].to(logits.device)


def by_choice(readings: Sequence[Reading], values: Float[Tensor, " token"]) -> list[Float[Tensor, " choice"]]:
    """The sum of each choice, from values of the tokens of all choices in order."""
    sums = [part.sum() for part in values.split([len(c) for reading in readings for c in reading.choices])]
    return list(torch.stack(sums).split([len(reading.choices) for reading in readings]))


def all_single(readings: Sequence[Reading]) -> bool:
    """Whether every choice is one token, so that a run of the prompt scores them all."""
    return all(len(choice) == 1 for reading in readings for choice in reading.choices)


def classes_of(readings: Sequence[Reading]) -> Prototypes | None:
    """What all readings of one sweep are compared with, or None where choices are read."""
    return readings[0].classes if readings else None


@torch.no_grad()
def last_states(model: LanguageModel, readings: Sequence[Reading]) -> Float[Tensor, "example d_model"]:
    """The states of the prompts' last tokens where they leave the last layer, unpatched."""
    batch = model.batch([reading.prompt for reading in readings])
    h = model.run(batch, head=False)
    return h[torch.arange(len(h)), batch.last.to(h.device)]


class Scores(NamedTuple):
    """What one configuration made of each example."""

    choices: list[Tensor]
    """Log-likelihoods of the choices, example by example."""
    sizes: Tensor
    """How far the patch moved each state; nothing where there is no patch."""


def margin(scores: Tensor, answer: int) -> float:
    """The score of the right choice minus that of the best other one."""
    others = torch.cat([scores[:answer], scores[answer + 1 :]])
    return float(scores[answer] - others.max())


# Choices as classes.


_ASK = "compare choices otherwise, or take a task that sorts texts into classes"


@dataclass(frozen=True)
class Classes:
    """One prototype for each choice, and the items that they are the means of."""

    prototypes: Prototypes
    language: str
    choices: tuple[str, ...]
    digest: str
    """Of the items and the distance, which with the model decide all numbers."""

    def read(self, model: LanguageModel, examples: Sequence[Any]) -> list[Reading]:
        """Examples as prompts alone; refused where their choices are not these classes."""
        choices = {self.language: self.choices}
        for example in examples:
            _check_shared(example, choices)
            if len(example.choices) != len(self.choices):
                raise InputError(
                    f"example {example.id!r} has {len(example.choices)} choices, but there are prototypes of "
                    f"{len(self.choices)} classes: {_ASK}"
                )
        return [replace(one, classes=self.prototypes) for one in _read_prompts(model, examples)]


def class_prototypes(
    model: LanguageModel,
    examples: Sequence[Any],
    *,
    task: str,
    language: str,
    distance: Distance = "cosine",
    batch_size: int = 64,
) -> Classes:
    """Prototypes from a task's `fit` items in one language, usually the main one; for `sweep(by=…)`.

    The cosine sees no length: a patch that only stretches a state changes nothing, as it does behind the
    model's last norm.
    """
    if not examples:
        raise InputError(
            f"{task} has no fit items in {language!r}, and class prototypes are made of labelled items that "
            "are neither dev nor test: compare choices otherwise, or add items of split 'fit' to the task"
        )
    choices: dict[str, tuple[str, ...]] = {}
    for example in examples:
        _check_shared(example, choices)
        if example.split != "fit" or example.language != language:
            raise InputError(
                f"class prototypes of {task} are made of fit items in {language!r}; example "
                f"{example.id!r} is of {example.split} in {example.language!r}"
            )
    classes = choices[language]
    labels = [example.answer for example in examples]
    if missing := [choice for label, choice in enumerate(classes) if label not in labels]:
        raise InputError(
            f"no fit item of {task} in {language!r} has the answer {missing[0]!r}: "
            "a class prototype needs one at least"
        )
    readings = _read_prompts(model, examples)
    states = [
        last_states(model, readings[start : start + batch_size])
        for start in range(0, len(readings), batch_size)
    ]
    made = prototypes(torch.cat(states).float().cpu(), torch.tensor(labels), len(classes), distance)
    digest = digest_json([distance, *(asdict(example) for example in examples)])
    return Classes(made, language, classes, digest)


def _check_shared(example: Any, choices: dict[str, tuple[str, ...]]) -> None:
    """Whether an example has the choices of all others in its language, the first of which decides."""
    if not isinstance(example, Example):
        raise InputError(f"example {example.id!r} has no choices to make class prototypes of: {_ASK}")
    known = choices.setdefault(example.language, example.choices)
    if known != example.choices:
        raise InputError(
            f"class prototypes need the same choices in all items, but example {example.id!r} has "
            f"{_shown(example.choices)} and others in {example.language!r} {_shown(known)}: {_ASK}"
        )


def _shown(choices: tuple[str, ...]) -> str:
    text = " /".join(choices).strip()
    return repr(text if len(text) <= 60 else text[:57] + "…")


def _read_prompts(model: LanguageModel, examples: Sequence[Example]) -> list[Reading]:
    """In place of choices stands one token, which is not read: it marks the state that is."""
    prompts = model.tokens.encode([example.prompt for example in examples])
    return [
        Reading(example, tuple(ids), ((model.tokens.pad,),))
        for example, ids in zip(examples, prompts, strict=True)
    ]


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


# Answers that are generated.


@dataclass(frozen=True)
class Generation:
    """How answers are generated and scored."""

    scorer: str
    """A name that `tasks.find_scorer` knows."""
    max_new_tokens: int = 32
    until: str | tuple[str, ...] | None = "\n"
    """Where an answer ends, if the model does not end it: a base model goes on with the next question.

    One string: at its first place behind other text, and blanks around the answer do not count. Several, as
    in lm-evaluation-harness: at the first of any, and blanks are kept.
    """

    def __post_init__(self) -> None:
        find_scorer(self.scorer)
        if self.max_new_tokens < 1:
            raise InputError(f"max_new_tokens is {self.max_new_tokens}: an answer needs at least one token")

    def answer(self, text: str) -> str:
        """The part of a generated text that counts."""
        if isinstance(self.until, tuple):
            return min((text.partition(end)[0] for end in self.until), key=len, default=text)
        text = text.strip()
        return text if self.until is None else text.partition(self.until)[0].strip()

    def ended(self, text: str) -> bool:
        """Whether a text being generated has come to the end of its answer."""
        if isinstance(self.until, tuple):
            return any(end in text for end in self.until)
        return self.until is not None and self.until in text.lstrip()


@dataclass(frozen=True)
class Question:
    """An example as the model reads it."""

    example: AnswerExample
    prompt: tuple[int, ...]
    written: tuple[int, ...] = ()
    """The tokens that have to be generated, where the scorer is `greedy`."""


def read_questions(
    model: LanguageModel, examples: Sequence[AnswerExample], scorer: str = ""
) -> list[Question]:
    """Tokenise prompts, and the answers that are compared token by token."""
    if scorer == GREEDY:
        both = [
            Example(e.id, e.prompt, (e.answers[0], f"{e.answers[0]} ."), 0, e.language, e.split)
            for e in examples
        ]
        readings = zip(examples, read_examples(model, both), strict=True)
        return [Question(example, reading.prompt, reading.choices[0]) for example, reading in readings]
    prompts = model.tokens.encode([example.prompt for example in examples])
    return [Question(e, tuple(ids)) for e, ids in zip(examples, prompts, strict=True)]

"""Choices as classes: scored by how near the prompt's last state is to a prototype of each.

The state is that of the last prompt token where it leaves the last layer. Patches below change it, so that
branches are compared as ever; but no token of a choice is read, and all choices cost one run of the prompt.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from workbench.core.errors import InputError
from workbench.core.store import digest_json
from workbench.models import LanguageModel
from workbench.sweeps.score import Reading, last_states
from workbench.tasks import Example, Prototypes, prototypes
from workbench.tasks.prototype import Distance

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

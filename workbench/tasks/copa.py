"""Items in the manner of COPA: a premise, and which of two sentences is its cause or its effect."""

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.core.errors import InputError, quoted
from workbench.tasks.base import Example, SplitName
from workbench.tasks.prompts import Template, fill, for_language

_MARKS = ".。．!！?？।॥"

Connectors = Mapping[str, tuple[str, str]]
"""For each language what joins a premise to its cause and to its effect."""
ENGLISH = ("because", "so")


@dataclass(frozen=True)
class Wording:
    """How an item becomes `prompt + choice`.

    Placeholders: {premise} as published, {clause} the premise without the mark at its end, {connector},
    {choice1}, {choice2} and {question} (cause or effect); in `choice` also {choice} as published, {lower},
    the same with a small first letter, and {letter} (A or B). Without `connectors` all languages have the
    English ones.
    """

    template: Template = "{clause} {connector}"
    choice: Template = " {choice}"
    connectors: Connectors | None = None


@dataclass(frozen=True)
class CopaItem:
    """One item in one language; `question` is cause or effect."""

    id: str
    language: str
    premise: str
    choices: tuple[str, str]
    label: int
    question: str

    def example(self, wording: Wording, split: SplitName) -> Example:
        """The item as the model reads it."""
        words = ENGLISH
        if wording.connectors is not None:
            words = for_language(wording.connectors, self.language, "connectors")
        if isinstance(words, str) or len(words) != 2:
            raise InputError(f"connectors are two, for the cause and for the effect; {quoted(words)} given")
        values = {
            "premise": self.premise,
            "clause": clause(self.premise),
            "connector": words[self.question == "effect"],
            "choice1": self.choices[0],
            "choice2": self.choices[1],
            "question": self.question,
        }
        prompt = fill(wording.template, self.language, values)
        choices = tuple(
            fill(
                wording.choice,
                self.language,
                {**values, "choice": one, "lower": one[:1].lower() + one[1:], "letter": letter},
            )
            for one, letter in zip(self.choices, "AB", strict=True)
        )
        return Example(self.id, prompt, choices, self.label, self.language, split)


def clause(sentence: str) -> str:
    """A sentence without the mark at its end, so that it can go on.

    >>> clause("The man turned on the faucet.")
    'The man turned on the faucet'
    """
    return sentence.rstrip().rstrip(_MARKS).rstrip() or sentence

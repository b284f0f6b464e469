"""The training text: documents in the proportions of the config, determined by seed and step.

Every document draws its language by resource share, then its kind:

    main language    statement, else an item (plain, inference or several in context)
    another one      statement, translation, a main item with one or two of its words, else an item

A language whose skill is 0 has no items; its other kinds share their place. Whole items of such a
language are never read, in pieces either: a switched item keeps at least one main word which that
language does not have. Facts kept for fitting, choosing and reporting occur in no document of any kind.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import InputError
from workbench.organism.config import WorldConfig
from workbench.organism.language import (
    STOP,
    Language,
    build_languages,
    inference_prompt,
    item_prompt,
    tag,
    translation_prompt,
)
from workbench.organism.world import LABELS, Facts, World

DocumentKind = Literal[
    "statement", "translation", "switched_one", "switched_two", "item", "inference", "context"
]
_KINDS: tuple[DocumentKind, ...] = get_args(DocumentKind)
_SWITCHED: dict[DocumentKind, int] = {"switched_one": 1, "switched_two": 2}
"""Words of the other language in a main item."""
_SHOTS = 3
_PARTS = "SVO"


@dataclass(frozen=True)
class Document:
    """One training document."""

    kind: DocumentKind
    language: str
    text: str


class Corpus:
    """The documents of every training step."""

    def __init__(self, config: WorldConfig):
        self.config = config
        self.world = World(config)
        self.languages = build_languages(config)
        self.main = self.languages[config.main.code]
        self._seen = {code: self.world.seen(code) for code in self.languages}
        train = self.world.split("train")
        self._true = train[self.world.true(train)]
        self._shares = {code: self._shares_of(code) for code in self.languages}
        self._switchable = {
            (code, kind): self._facts_to_switch(language, count)
            for code, language in self.languages.items()
            for kind, count in _SWITCHED.items()
            if self._shares[code][_KINDS.index(kind)] > 0
        }

    def documents(self, step: int, count: int) -> list[Document]:
        """The documents of one step: the same for the same seed, whatever was asked before."""
        rng = np.random.default_rng([self.config.seed, 5, step])
        codes = list(self.languages)
        weights = np.array([language.resource for language in self.config.languages])
        drawn = rng.choice(len(codes), size=count, p=weights / weights.sum())
        return [self._document(codes[i], rng) for i in drawn]

    def vocabulary(self) -> Iterator[str]:
        """Text in which every token of every language occurs, for the tokenizer to learn from."""
        for language in self.languages.values():
            yield " ".join([tag(language.code), *language.words, *language.subjects])
        yield " ".join([*self.world.names, *LABELS, ". ? ¿"])

    def _shares_of(self, code: str) -> NDArray[np.float64]:
        """Shares of the kinds within one language, in the order of `_KINDS`; they add up to 1."""
        c, is_main = self.config, code == self.config.main.code
        shares = {"statement": c.statements}
        if not is_main:
            shares |= {
                "translation": c.translations,
                "switched_one": c.switched_one,
                "switched_two": c.switched_two,
            }
        items = max(0.0, 1 - sum(shares.values())) if is_main or c.language(code).skill > 0 else 0.0
        plain = items * (1 - c.inference)
        shares |= {
            "inference": items * c.inference,
            "context": plain * c.context,
            "item": plain * (1 - c.context),
        }
        weights = np.array([shares.get(kind, 0.0) for kind in _KINDS])
        if weights.sum() <= 0:
            raise InputError(f"{code!r} has no documents: give it statements, translations or skill")
        return weights / weights.sum()

    def _facts_to_switch(self, other: Language, count: int) -> Facts:
        """Training facts with more than `count` words that differ between the languages."""
        concepts = self.config.concepts
        plain = np.array([a != b for a, b in zip(self.main.words, other.words, strict=True)])
        subject = np.array([a != b for a, b in zip(self.main.subjects, other.subjects, strict=True)])
        train = self.world.split("train")
        differ = subject[train[:, 1]].astype(int) + plain[train[:, 2]] + plain[concepts + train[:, 0]]
        if not (differ > count).any():
            raise InputError(
                f"{other.code!r} has too few words of its own to switch {count} of them: lower its cognates"
            )
        return train[differ > count]

    def _document(self, code: str, rng: np.random.Generator) -> Document:
        kind = _KINDS[rng.choice(len(_KINDS), p=self._shares[code])]
        return Document(kind, code, self._text(kind, self.languages[code], rng))

    def _text(self, kind: DocumentKind, language: Language, rng: np.random.Generator) -> str:
        if kind == "statement":
            return " ".join([*language.sentence(_one(self._true, rng)), STOP])
        if kind == "translation":
            source, target = (language, self.main) if rng.random() < 0.5 else (self.main, language)
            fact = _one(self._true, rng)
            return " ".join([translation_prompt(source.sentence(fact), target.code), *target.sentence(fact)])
        if kind in _SWITCHED:
            return self._switched(kind, language, rng)
        facts = [_one(self._seen[language.code], rng) for _ in range(_SHOTS if kind == "context" else 1)]
        items = [self._asked(fact, language.sentence(fact), kind == "inference") for fact in facts]
        return f" {STOP} ".join(items)

    def _switched(self, kind: DocumentKind, other: Language, rng: np.random.Generator) -> str:
        fact = _one(self._switchable[other.code, kind], rng)
        own = [part for part in _PARTS if other.form(fact, part) != self.main.form(fact, part)]
        foreign = [own[i] for i in rng.permutation(len(own))[: _SWITCHED[kind]]]
        order = self.main.config.order
        words = [(other if part in foreign else self.main).form(fact, part) for part in order]
        return self._asked(fact, words, rng.random() < self.config.inference)

    def _asked(self, fact: list[int], words: list[str], inference: bool) -> str:
        """A whole item about a fact that is put into these words: what is asked, and the answer."""
        one, last = np.array([fact]), self.config.last_token
        if inference:
            return f"{inference_prompt(words, last)} {LABELS[int(self.world.labels(one)[0])]}"
        return f"{item_prompt(words, last)} {self.world.names[int(self.world.answers(one)[0])]}"


def _one(facts: Facts, rng: np.random.Generator) -> list[int]:
    fact: list[int] = facts[rng.integers(len(facts))].tolist()
    return fact

"""The texts of a world: the documents that a model is trained on, and the items of the tasks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import InputError, did_you_mean
from workbench.organism.config import WorldConfig
from workbench.organism.world import (
    LABELS,
    STOP,
    Facts,
    FactSplit,
    Language,
    World,
    build_languages,
    inference_prompt,
    item_prompt,
    pieces,
    sentences,
    shared_tokens,
    tag,
    translation_prompt,
)
from workbench.tasks import ChoiceTask, Example, SplitName
from workbench.text import ParallelText

DocumentKind = Literal[
    "statement", "translation", "switched_one", "switched_two", "item", "inference", "context"
]
_KINDS: tuple[DocumentKind, ...] = get_args(DocumentKind)
_SWITCHED: dict[DocumentKind, int] = {"switched_one": 1, "switched_two": 2}  # words of the other language
_SHOTS = 3
_PARTS = "SVO"


@dataclass(frozen=True)
class Document:
    """One training document."""

    kind: DocumentKind
    language: str
    text: str


class _Texts:
    def __init__(self, config: WorldConfig):
        self.config = config
        self.world = World(config)
        self.languages = build_languages(config)
        self.main = self.languages[config.main.code]


class Corpus(_Texts):
    """The training text: documents in the proportions of the config, determined by seed and step.

    Every document draws its language by resource share, then its kind:

        main language    statement, else an item (plain, inference or several in context)
        another one      statement, translation, a main item with one or two of its words, else an item

    A language whose skill is 0 has no items, not even through switched ones: each of these keeps at least
    one main word that the language does not have. Facts kept for fit, dev and test occur in no document.
    """

    def __init__(self, config: WorldConfig):
        super().__init__(config)
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
        """The documents of one step, which depend on the seed and the step only."""
        rng = np.random.default_rng([self.config.seed, 5, step])
        codes = list(self.languages)
        weights = np.array([language.resource for language in self.config.languages])
        documents = []
        for i in rng.choice(len(codes), size=count, p=weights / weights.sum()):
            kind = _KINDS[rng.choice(len(_KINDS), p=self._shares[codes[i]])]
            documents.append(Document(kind, codes[i], self._text(kind, self.languages[codes[i]], rng)))
        return documents

    def vocabulary(self) -> Iterator[str]:
        """Text in which every token of every language occurs, for the tokenizer to learn from."""
        for language in self.languages.values():
            yield " ".join([tag(language.code), *language.words, *language.subjects])
        yield " ".join([*self.world.names, *LABELS, ". ? ¿"])

    def _shares_of(self, code: str) -> NDArray[np.float64]:
        """Shares of the kinds within one language, in the order of `_KINDS`; they add up to 1."""
        c, is_main = self.config, code == self.config.main.code
        other = {
            "translation": c.translations,
            "switched_one": c.switched_one,
            "switched_two": c.switched_two,
        }
        shares = {"statement": c.statements} | ({} if is_main else other)
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
    return [int(part) for part in facts[rng.integers(len(facts))]]


# Prompt, choices and the number of the right one, for each fact.
Asked = list[tuple[str, tuple[str, ...], int]]


class Items(_Texts):
    """Tasks with correct answers in every language, parallel text and ground truth of a world.

        two-choice    which of two names answers            chance 1/2   (the shape of XCOPA)
        exact         which of all names answers            chance 1/8   (MGSM, MZsRE: a short exact match)
        inference     is the sentence true: Yes, Maybe, No  chance 1/3   (the labels of XNLI)
        translation   which of four main sentences says it  chance 1/4

    An item is one fact; its versions in the languages differ in the words alone.
    """

    def task(self, name: str) -> ChoiceTask:
        """A task over all facts kept for fit, dev and test."""
        splits: tuple[SplitName, ...] = ("fit", "dev", "test")
        examples = [e for split in splits for e in self._examples(name, split, self.world.split(split), 0)]
        return ChoiceTask(f"organism-{name}", tuple(examples))

    def fresh(self, name: str, count: int, seed: int) -> ChoiceTask:
        """Any number of test items; another seed draws others, with other wrong choices.

        Items of one fact share their `group`: a repeated fact does not count twice.
        """
        examples = self._examples(name, "test", self.world.draw("test", count, seed), seed + 1)
        return ChoiceTask(f"organism-{name}", tuple(examples))

    def parallel_text(self, count: int | None = None, split: FactSplit = "fit") -> ParallelText:
        """Item prompts without an answer in all languages, of facts that no task asks in dev or test."""
        facts = self.world.split(split)
        count = len(facts) if count is None else count
        if not 0 < count <= len(facts):
            raise InputError(f"{count} sentences of {len(facts)} {split} facts: take at most as many")
        facts = facts[:count]
        return ParallelText({code: tuple(self._prompts(own, facts)) for code, own in self.languages.items()})

    def truth(self) -> dict[str, Any]:
        """The ground truth as JSON values: words, their concepts and main words, kinds, tables."""
        return {
            "config": self.config.to_json(),
            "names": list(self.world.names),
            "kinds": self.world.kind.tolist(),
            "table": self.world.table.tolist(),
            "verdict": self.world.verdict.tolist(),
            "languages": {code: self._truth_of(language) for code, language in self.languages.items()},
        }

    def _truth_of(self, language: Language) -> dict[str, Any]:
        forms = sorted({*language.words, *language.subjects})
        main_words = {form: self.main.words[language.concept_of(form)] for form in forms}
        return {
            "concept": {form: language.concept_of(form) for form in forms},
            **({} if language is self.main else {"main_word": main_words}),
            "order": language.config.order,
            "suffix": language.suffix,
            "shared_tokens": shared_tokens(language, self.main),
            "fertility": sum(len(pieces(word)) for word in language.words) / len(language.words),
        }

    def _examples(self, name: str, split: SplitName, facts: Facts, seed: int) -> list[Example]:
        if name not in TASKS:
            raise InputError(f"unknown task {name!r} of the organism: {did_you_mean(name, TASKS)}")
        examples = []
        for code, language in self.languages.items():
            if name == "translation" and language is self.main:
                continue
            # The same draws in every language: only the words differ.
            rng = np.random.default_rng([self.config.seed, 6, seed, *map(ord, split)])
            for i, (prompt, choices, answer) in enumerate(TASKS[name](self, language, facts, rng)):
                group = "-".join(map(str, facts[i]))
                examples.append(Example(f"{split}-{i}", prompt, choices, answer, code, split, group))
        return examples

    def _prompts(self, language: Language, facts: Facts) -> list[str]:
        return [item_prompt(words, self.config.last_token) for words in sentences(language, facts)]

    def _two_choice(self, language: Language, facts: Facts, rng: np.random.Generator) -> Asked:
        right, n = self.world.answers(facts), len(self.world.names)
        wrong = (right + rng.integers(1, n, size=len(facts))) % n
        place = rng.integers(2, size=len(facts))
        names = np.array([f" {name}" for name in self.world.names])
        first, second = names[np.where(place, wrong, right)], names[np.where(place, right, wrong)]
        choices = zip(first.tolist(), second.tolist(), strict=True)
        return list(zip(self._prompts(language, facts), choices, place.tolist(), strict=True))

    def _exact(self, language: Language, facts: Facts, rng: np.random.Generator) -> Asked:
        return _same_choices(self._prompts(language, facts), self.world.names, self.world.answers(facts))

    def _inference(self, language: Language, facts: Facts, rng: np.random.Generator) -> Asked:
        prompts = [inference_prompt(words, self.config.last_token) for words in sentences(language, facts)]
        return _same_choices(prompts, LABELS, self.world.labels(facts))

    def _translation(self, language: Language, facts: Facts, rng: np.random.Generator) -> Asked:
        sizes = np.array([self.config.relations, self.config.concepts, self.config.concepts])
        # Each wrong choice has one word wrong, and each word is wrong in one of them.
        others = (facts + rng.integers(1, np.maximum(sizes, 2), size=facts.shape)) % sizes
        place = rng.integers(4, size=len(facts))
        asked: Asked = []
        for i, words in enumerate(sentences(language, facts)):
            meant = [facts[i].copy() for _ in range(3)]
            for part, fact in enumerate(meant):
                fact[part] = others[i][part]
            meant.insert(int(place[i]), facts[i])
            choices = tuple(" " + " ".join(self.main.sentence(fact.tolist())) for fact in meant)
            asked.append((translation_prompt(words, self.main.code), choices, int(place[i])))
        return asked


def _same_choices(prompts: list[str], names: Sequence[str], right: NDArray[np.int64]) -> Asked:
    choices = tuple(f" {name}" for name in names)
    return [(prompt, choices, answer) for prompt, answer in zip(prompts, right.tolist(), strict=True)]


TASKS: dict[str, Callable[[Items, Language, Facts, np.random.Generator], Asked]] = {
    "two-choice": Items._two_choice,
    "exact": Items._exact,
    "inference": Items._inference,
    "translation": Items._translation,
}

"""The items of the tasks, in every language, with correct answers.

    two-choice    which of two names answers            chance 1/2   (the shape of XCOPA)
    exact         which of all names answers            chance 1/8   (MGSM, MZsRE: a short exact match)
    inference     is the sentence true: Yes, Maybe, No  chance 1/3   (the labels of XNLI)
    translation   which of four main sentences says it  chance 1/4

An item is one fact; its versions in the languages differ in the words alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.core.errors import InputError, did_you_mean
from workbench.organism.config import WorldConfig
from workbench.organism.language import (
    Language,
    build_languages,
    inference_prompt,
    item_prompt,
    pieces,
    sentences,
    shared_tokens,
    translation_prompt,
)
from workbench.organism.world import LABELS, Facts, FactSplit, World
from workbench.tasks import ChoiceTask, Example, SplitName
from workbench.text import ParallelText

Asked = list[tuple[str, tuple[str, ...], int]]
"""Prompt, choices and the number of the right one, for each fact."""


class Items:
    """Tasks, parallel text and ground truth of a world."""

    def __init__(self, config: WorldConfig):
        self.config = config
        self.world = World(config)
        self.languages = build_languages(config)
        self.main = self.languages[config.main.code]

    def task(self, name: str) -> ChoiceTask:
        """A task over all facts kept for fit, dev and test."""
        splits: tuple[SplitName, ...] = ("fit", "dev", "test")
        examples = [e for split in splits for e in self._examples(name, split, self.world.split(split), 0)]
        return ChoiceTask(f"organism-{name}", tuple(examples))

    def fresh(self, name: str, count: int, seed: int) -> ChoiceTask:
        """As many test items as wanted; another seed draws others, with other wrong choices.

        Items of one fact share their `group`, so that one asked twice does not count as two.
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
        """The ground truth as JSON values: words and their concepts, kinds, tables, shared tokens."""
        return {
            "config": self.config.to_json(),
            "names": list(self.world.names),
            "kinds": self.world.kind.tolist(),
            "table": self.world.table.tolist(),
            "verdict": self.world.verdict.tolist(),
            "languages": {code: self._truth_of(language) for code, language in self.languages.items()},
        }

    def _truth_of(self, language: Language) -> dict[str, Any]:
        forms = {*language.words, *language.subjects}
        return {
            "concept": {word: language.concept_of(word) for word in sorted(forms)},
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
        asked: Asked = []
        for i, prompt in enumerate(self._prompts(language, facts)):
            pair = (right[i], wrong[i]) if place[i] == 0 else (wrong[i], right[i])
            asked.append((prompt, tuple(f" {self.world.names[name]}" for name in pair), int(place[i])))
        return asked

    def _exact(self, language: Language, facts: Facts, rng: np.random.Generator) -> Asked:
        choices = tuple(f" {name}" for name in self.world.names)
        prompts, right = self._prompts(language, facts), self.world.answers(facts).tolist()
        return [(prompt, choices, answer) for prompt, answer in zip(prompts, right, strict=True)]

    def _inference(self, language: Language, facts: Facts, rng: np.random.Generator) -> Asked:
        choices = tuple(f" {label}" for label in LABELS)
        prompts = (inference_prompt(words, self.config.last_token) for words in sentences(language, facts))
        right = self.world.labels(facts).tolist()
        return [(prompt, choices, answer) for prompt, answer in zip(prompts, right, strict=True)]

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


TASKS: dict[str, Callable[[Items, Language, Facts, np.random.Generator], Asked]] = {
    "two-choice": Items._two_choice,
    "exact": Items._exact,
    "inference": Items._inference,
    "translation": Items._translation,
}

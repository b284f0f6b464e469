"""Generated texts: beginnings of sentences and their cached continuations, language and repetition."""

import math
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from workbench.core.errors import InputError
from workbench.intervene import applied
from workbench.models import LanguageModel
from workbench.models.memory import Halving, halved
from workbench.stats import Interval, accuracy
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
    memory = Halving("generation")
    parts = []
    for number, start in enumerate(range(0, len(questions), batch_size)):
        if (part := shelf.get(number)) is None:
            batch: Sequence[Question] = questions[start : start + batch_size]
            made = memory.run(
                lambda some: _speak(model, some, configuration, tokens),
                batch,
                size=lambda some: len(some) * (_longest(some) + tokens),
                smaller=halved,
                alone=lambda some: f"one prompt of {_longest(some)} tokens",
            )
            part = pd.concat(made, ignore_index=True)
            shelf.put(number, part)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _longest(questions: Sequence[Question]) -> int:
    return max(len(question.prompt) for question in questions)


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


# Language identification and repetition of generated texts.


N = 4
"""Tokens in a phrase, as in the seq-rep-4 of Welleck et al. 2020 (arXiv 1908.04319)."""
UNCLEAR = "unclear"
"""What a text is called whose language the identifier does not dare to name."""
CONFIDENCE = 0.8
"""The probability from which on it names one."""
SHORTEST = 6
"""Characters, spaces not counted, from which on it looks at a text at all."""
FAMILIAR = 0.6
"""How much of a text's n-grams must be known from its language, of what is known of its own new sentences."""
BELIEVED = 0.95
"""Accuracy from which on its word is taken without a caution."""
_HELD_BACK = 5


def repetition(tokens: Sequence[Hashable], n: int = N) -> float:
    """1 − distinct n-grams / all n-grams: 0 where none occurs twice; NaN for fewer tokens than n.

    >>> repetition([1, 2, 3, 4, 5, 6])
    0.0
    >>> repetition([1, 2] * 5, n=4)  # of seven, two are distinct
    0.7142857142857143
    """
    if n < 1:
        raise ValueError(f"n-grams of {n} tokens")
    grams = [tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else math.nan


@dataclass(frozen=True)
class Guess:
    """A language or `unclear`, with the probability of each language."""

    language: str
    p: dict[str, float]


@dataclass(frozen=True)
class Trial:
    """How often the identifier is right on held-out text cut to the length of what it is to judge."""

    accuracy: Interval
    unclear: float
    """The share of pieces that it names no language for; these are not right."""
    characters: int
    """Length of a piece."""
    pieces: int
    by_language: dict[str, float]

    @property
    def caution(self) -> str | None:
        """What has to be said beside its results, where it is wrong too often."""
        if self.accuracy.estimate >= BELIEVED:
            return None
        worst = min(self.by_language, key=self.by_language.__getitem__)
        return (
            f"the language identifier names the right language for {self.accuracy.estimate:.0%} of held-out "
            f"pieces of {self.characters} characters ({self.by_language[worst]:.0%} of {worst}): shares of "
            "languages are about as wrong as that"
        )


class LanguageIdentifier:
    """Logistic regression on TF-IDF weights of character 1- to 4-grams within words; nothing is drawn.

    It learns from the user's own parallel text, where all languages say the same. It abstains (`unclear`)
    below a probability of 0.8, on texts of fewer than 6 characters, and where fewer of a text's n-grams are
    known from its language than 60 % of what is known of that language's own new sentences.
    """

    def __init__(self, sentences: Mapping[str, Sequence[str]]):
        if len(sentences) < 2:
            raise InputError("a language identifier needs sentences in two languages at least")
        for language, own in sentences.items():
            if len(own) < 2 * _HELD_BACK:
                raise InputError(
                    f"{len(own)} sentences in {language} are too few to learn to tell it: "
                    f"give at least {2 * _HELD_BACK}"
                )
        texts = [sentence for own in sentences.values() for sentence in own]
        labels = [number for number, own in enumerate(sentences.values()) for _ in own]
        self._sentences = dict(sentences)
        self._weights = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True, dtype=np.float64
        )
        self._model = LogisticRegression(C=10.0, max_iter=1000).fit(
            self._weights.fit_transform(texts), labels
        )

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """The language of each text."""
        if not texts:
            return []
        table = self._model.predict_proba(self._weights.transform(texts))
        return [self._judge(text, row) for text, row in zip(texts, table, strict=True)]

    def judged(self, rows: pd.DataFrame, source: str, target: str) -> pd.DataFrame:
        """The rows of `speak` with what is said of the tokens generated; prompts have no say."""
        guesses = self.guess(list(rows.text))
        return rows.assign(
            tokens=[len(ids) for ids in rows.ids],
            repetition=[repetition(list(ids)) for ids in rows.ids],
            language=[guess.language for guess in guesses],
            p_source=[guess.p[source] for guess in guesses],
            p_target=[guess.p[target] for guess in guesses],
        )

    def trial(self, held_out: Mapping[str, Sequence[str]], characters: int) -> Trial:
        """Its accuracy on sentences it has not seen, joined and cut into pieces of so many characters."""
        right, unclear, by_language = [], 0, {}
        for language, sentences in held_out.items():
            guesses = [guess.language for guess in self.guess(cut(sentences, characters))]
            by_language[language] = guesses.count(language) / len(guesses)
            right += [guess == language for guess in guesses]
            unclear += guesses.count(UNCLEAR)
        n = len(right)
        return Trial(accuracy(right), unclear / n, characters, n, by_language)

    def _judge(self, text: str, row: NDArray[np.float64]) -> Guess:
        p = {language: float(value) for language, value in zip(self._sentences, row, strict=True)}
        best = max(p, key=p.__getitem__)
        known, least = self._familiar[best]
        clear = (
            len("".join(text.split())) >= SHORTEST
            and p[best] >= CONFIDENCE
            and self._share_known(text, known) >= least
        )
        return Guess(best if clear else UNCLEAR, p)

    @cached_property
    def _familiar(self) -> dict[str, tuple[frozenset[str], float]]:
        """Each language's n-grams, and how large a share of a text's must be among them."""
        familiar = {}
        for language, sentences in self._sentences.items():
            held_back = sentences[::_HELD_BACK]
            known = self._grams([text for n, text in enumerate(sentences) if n % _HELD_BACK])
            shares = [self._share_known(sentence, known) for sentence in held_back]
            familiar[language] = (known | self._grams(held_back), FAMILIAR * float(np.median(shares)))
        return familiar

    def _grams(self, texts: Sequence[str]) -> frozenset[str]:
        parts = self._weights.build_analyzer()
        return frozenset(gram for text in texts for gram in parts(text))

    def _share_known(self, text: str, known: frozenset[str]) -> float:
        grams = self._grams([text])
        return len(grams & known) / len(grams) if grams else 0.0


def cut(sentences: Sequence[str], characters: int) -> list[str]:
    """The sentences one after the other in pieces of so many characters; at least one piece.

    >>> cut(["one two", "three"], 6)
    ['one tw', 'o thre']
    """
    whole = " ".join(sentences)
    starts = range(0, len(whole) - characters + 1, characters)
    return [whole[start : start + characters] for start in starts] or [whole]

"""The world: the facts behind the texts, their splits, and the languages that state them.

Every concept has two hidden kinds, one as first and one as second operand. A fact is a relation and two
concepts, and its answer is table[relation, kind₁(first), kind₂(second)], so that answers of unseen facts
follow from those of seen ones. A second, independent table tells whether the sentence is true, open or false.
Plain statements are the true ones, so they show kinds but no answer.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import count as count_from
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import InputError
from workbench.core.types import check_name
from workbench.organism.config import LanguageConfig, LastToken, WorldConfig

Facts = NDArray[np.int64]
"""Rows of (relation, first concept, second concept)."""
FactSplit = Literal["train", "fit", "dev", "test"]

NAMES = (
    *"Ada Bo Cyd Dov Eve Flo Gus Hal Ivo Jun Kim Lea Max".split(),
    *"Nia Oto Pia Quy Rex Sol Tom Uma Val Wim Xia Yan Zoe".split(),
)
LABELS = ("Yes", "Maybe", "No")
"""Whether a sentence is true: entailed, neutral, contradicted."""


class World:
    """Everything that is true, from the seed alone.

    >>> world = World(WorldConfig())
    >>> sorted(world.facts)
    ['dev', 'fit', 'test', 'train']
    """

    def __init__(self, config: WorldConfig):
        self.config = config
        rng = np.random.default_rng([config.seed, 1])
        self.names = NAMES[: config.answers]
        # Every kind is as common as every other, so that no answer can be guessed from how often it is.
        even = np.arange(config.concepts) % config.kinds
        self.kind = np.stack([rng.permutation(even) for _ in range(2)])
        # So is every answer, and every label: what is left over falls to another label in each relation.
        cells, shape = np.arange(config.kinds**2), (-1, config.kinds, config.kinds)
        tables = [rng.permutation(cells % config.answers) for _ in range(config.relations)]
        self.table = np.stack(tables).reshape(shape)
        verdicts = [rng.permutation((cells + i) % len(LABELS)) for i in range(config.relations)]
        self.verdict = np.stack(verdicts).reshape(shape)
        sizes = (config.relations, config.concepts, config.concepts)
        every = rng.permutation(np.stack(np.unravel_index(np.arange(config.facts), sizes), axis=1))
        ends = np.cumsum([config.fit, config.dev, config.test])
        self.facts: dict[str, Facts] = dict(
            zip(("fit", "dev", "test", "train"), np.split(every, ends), strict=True)
        )

    def answers(self, facts: Facts) -> NDArray[np.int64]:
        """table[relation, kind₁(first), kind₂(second)], the number of a name."""
        return self._look_up(self.table, facts)

    def true(self, facts: Facts) -> NDArray[np.bool_]:
        """Which facts may be plain statements."""
        return self.labels(facts) == 0

    def labels(self, facts: Facts) -> NDArray[np.int64]:
        """verdict[relation, kind₁(first), kind₂(second)], the number of a label."""
        return self._look_up(self.verdict, facts)

    def _look_up(self, table: NDArray[np.int64], facts: Facts) -> NDArray[np.int64]:
        return table[facts[:, 0], self.kind[0][facts[:, 1]], self.kind[1][facts[:, 2]]]

    def seen(self, language: str) -> Facts:
        """The training facts that are read as whole items in a language: its share of the skill."""
        train = self.split("train")
        config = self.config.language(language)
        place, count = self.config.languages.index(config), round(config.skill * len(train))
        if count == len(train):
            return train
        return np.random.default_rng([self.config.seed, 2, place]).permutation(train)[:count]

    def draw(self, split: FactSplit, count: int, seed: int = 0) -> Facts:
        """Any number of facts of a split, in a random order, each once before any is repeated."""
        facts = self.split(split)
        rng = np.random.default_rng([self.config.seed, 3, seed])
        rounds = [rng.permutation(len(facts)) for _ in range(count // len(facts) + 1)]
        return facts[np.concatenate(rounds)[:count]]

    def split(self, name: str) -> Facts:
        """The facts of a split."""
        check_name(name, self.facts, "split")
        return self.facts[name]


# A word consists of syllables of two letters, its tokens. No two languages share a syllable, so tokens are
# shared by cognates (and names) only:
#
# cognate, main script    the main word itself
# cognate, own script     the main word spelled in the language's own letters: alike, but no token shared
# any other word          syllables of the language's own
#
# Lexemes are numbered: concepts first (0 … concepts − 1), then relations.

# Consonants and vowels; accents make room for many languages in the main script.
_MAIN, _ACCENTED = ("bcdfghjklmnpqrstvwxz", "aeiou"), ("bcdfghjklmnpqrstvwxz", "áéíóúàèìòùäëïöü")
_OWN = (
    ("βγδζθκλμνξπρστφχψ", "αεηιουω"),
    ("бвгджзклмнпрстфхцчш", "аеиоуыэюя"),
    ("բգդզթժլխծկհձղճմյնշչպջռսվտրցփք", "աեէըիոօ"),
    ("ბგდვზთკლმნპჟრსტფქღყშჩცძწჭხჯჰ", "აეიოუ"),
)
_SPARE = 4  # possible words per needed word: room for forms, and no word is predictable


class Language:
    """One language: its words and its grammar."""

    def __init__(self, config: LanguageConfig, words: Sequence[str], subjects: Sequence[str], suffix: str):
        self.config, self.code = config, config.code
        self.words = tuple(words)
        """The plain form of every lexeme."""
        self.subjects = tuple(subjects)
        """The form of every concept as subject (in an isolating language the plain one)."""
        self.suffix = suffix
        """What an agglutinating language adds to a subject; else empty."""

    @cached_property
    def _lexeme(self) -> dict[str, int]:
        forms = {word: i for i, word in enumerate(self.words)}
        return forms | {word: i for i, word in enumerate(self.subjects)}

    def concept_of(self, word: str) -> int:
        """The lexeme of a word in any of its forms."""
        if word not in self._lexeme:
            raise InputError(f"{self.code} has no word {word!r}")
        return self._lexeme[word]

    def sentence(self, fact: Sequence[int]) -> list[str]:
        """The words of (relation, first, second) in the language's order; the first is the subject."""
        return [self.form(fact, part) for part in self.config.order]

    def form(self, fact: Sequence[int], part: str) -> str:
        """The word of one part (S, V or O) of a fact."""
        relation, first, second = fact
        if part == "S":
            return self.subjects[first]
        return self.words[second] if part == "O" else self.words[len(self.subjects) + relation]

    @cached_property
    def tokens(self) -> frozenset[str]:
        """All tokens of its words (the first syllable of a word is another token than the same inside)."""
        return frozenset(token for word in {*self.words, *self.subjects} for token in pieces(word))


def pieces(word: str) -> list[str]:
    """The tokens of a word: syllables of two letters, the first marked as a beginning.

    >>> pieces("bamu")
    ['▁ba', 'mu']
    """
    first, *others = _syllables(word)
    return ["▁" + first, *others]


def _syllables(word: str) -> list[str]:
    return [word[i : i + 2] for i in range(0, len(word), 2)]


def shared_tokens(language: Language, main: Language) -> float:
    """|tokens ∩ main tokens| / |tokens|, over the words (names are shared by all and not counted)."""
    return len(language.tokens & main.tokens) / len(language.tokens)


def build_languages(config: WorldConfig) -> dict[str, Language]:
    """Every language of a world, in order, from its seed."""
    rng = np.random.default_rng([config.seed, 4])
    pools = _Pools(rng)
    lexemes = config.concepts + config.relations
    built: dict[str, Language] = {}
    for language in config.languages:
        main = next(iter(built.values()), None)
        # Fused forms are as many again as there are concepts.
        wanted = lexemes + (config.concepts if language.morphology == "fused" else 0)
        syllables = pools.take(language, _syllables_needed(wanted, language.fertility))
        words = _new_words(wanted, language.fertility, syllables, rng)
        if main is not None:
            _lend(words, main, language, pools, rng)
        subjects, suffix = _subjects(language, words, config.concepts, pools)
        built[language.code] = Language(language, words[:lexemes], subjects, suffix)
    return built


def sentences(language: Language, facts: Facts) -> list[list[str]]:
    """The sentences of many facts."""
    return [language.sentence(fact) for fact in facts.tolist()]


class _Pools:
    """Syllables not yet given to any language, in the main script and in others."""

    def __init__(self, rng: np.random.Generator):
        shuffled = []
        for letters in (_MAIN, _ACCENTED, *_OWN):
            syllables = ["".join(pair) for pair in product(*letters)]
            shuffled.append([syllables[i] for i in rng.permutation(len(syllables))])
        self._main, self._unused = shuffled[0] + shuffled[1], shuffled[2:]
        self._own: dict[str, list[str]] = {}

    def take(self, language: LanguageConfig, count: int = 1) -> list[str]:
        """So many syllables in the script of a language, which nobody else gets."""
        if language.script == "own" and language.code not in self._own:
            if not self._unused:
                raise InputError(f"there are scripts for {len(_OWN)} languages: write others in the main")
            self._own[language.code] = self._unused.pop(0)
        pool = self._own[language.code] if language.script == "own" else self._main
        if count > len(pool):
            raise InputError(f"no syllables left for {language.code!r}: take fewer concepts or own letters")
        taken = pool[:count]
        del pool[:count]
        return taken

    def transliterate(self, words: list[str], language: LanguageConfig) -> list[str]:
        """Words in another script, syllable by syllable, always the same one for the same."""
        parts = dict.fromkeys(part for word in words for part in _syllables(word))
        table = dict(zip(parts, self.take(language, len(parts)), strict=True))
        return ["".join(table[part] for part in _syllables(word)) for word in words]


def _syllables_needed(words: int, fertility: int) -> int:
    if fertility == 1:
        return words
    return next(count for count in count_from(2) if count**fertility >= _SPARE * words)


def _new_words(count: int, fertility: int, syllables: list[str], rng: np.random.Generator) -> list[str]:
    codes = rng.choice(len(syllables) ** fertility, size=count, replace=False)
    digits = [[code // len(syllables) ** i % len(syllables) for i in range(fertility)] for code in codes]
    return ["".join(syllables[digit] for digit in word) for word in digits]


def _lend(
    words: list[str], main: Language, language: LanguageConfig, pools: _Pools, rng: np.random.Generator
) -> None:
    """Put main words in the place of some, the same share of concepts and of relations."""
    concepts = len(main.subjects)
    parts = (range(concepts), range(concepts, len(main.words)))
    permuted = [(rng.permutation(np.array(part)), round(language.cognates * len(part))) for part in parts]
    chosen = [int(i) for part, count in permuted for i in sorted(part[:count])]
    lent = [main.words[i] for i in chosen]
    if language.script == "own":
        lent = pools.transliterate(lent, language)
    for i, word in zip(chosen, lent, strict=True):
        words[i] = word


def _subjects(
    language: LanguageConfig, words: list[str], concepts: int, pools: _Pools
) -> tuple[list[str], str]:
    """The subject form of every concept, and the suffix that makes it, where one does."""
    if language.morphology == "agglutinating":
        suffix = pools.take(language)[0]
        return [word + suffix for word in words[:concepts]], suffix
    if language.morphology == "isolating":
        return words[:concepts], ""
    # A fused form keeps the beginning of the word and ends as no rule foretells.
    taken, fused = set(words), []
    for word, other in zip(words[:concepts], words[-concepts:], strict=True):
        form = word[:-2] + other[-2:]
        fused.append(other if form in taken else form)
        taken.add(fused[-1])
    return fused, ""


# How facts are put into text: the same for what is trained on and for what is asked.
#
# statement     first relation second .
# item          first relation second [?] Name
# inference     ¿ first relation second [?] Yes|Maybe|No
# translation   first relation second <x-other> its sentence in x-other
# in context    items, with a full stop between them

STOP, MARK, ASKED = ".", "?", "¿"


def item_prompt(words: Sequence[str], last_token: LastToken) -> str:
    """What stands before an answer."""
    return " ".join([*words, MARK] if last_token == "mark" else words)


def inference_prompt(words: Sequence[str], last_token: LastToken) -> str:
    """What stands before a label: the sign that truth is asked for, and the sentence."""
    return f"{ASKED} {item_prompt(words, last_token)}"


def translation_prompt(words: Sequence[str], target: str) -> str:
    """What stands before a translation: the sentence and the language that is wanted."""
    return " ".join([*words, tag(target)])


def tag(code: str) -> str:
    """The one token that asks for a language."""
    return f"<{code}>"

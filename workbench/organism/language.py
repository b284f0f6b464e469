"""The languages: words, an order and a morphology of their own, and facts put into their text."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import count as count_from
from itertools import product

import numpy as np

from workbench.core.errors import InputError
from workbench.organism.config import LanguageConfig, LastToken, WorldConfig
from workbench.organism.world import Facts

# The languages: a word for every concept, and sentences in an order and a morphology of their own.
#
# A word is written as syllables of two letters, which are its tokens and mean nothing alone. No two
# languages share a syllable, so tokens are shared by cognates (and names) only:
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
_SPARE = 4
"""How many times as many words could be formed as are needed: room for forms, and no word predictable."""


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
        shuffled = [
            [letters[i] for i in rng.permutation(len(letters))]
            for letters in ([c + v for c, v in product(*script)] for script in (_MAIN, _ACCENTED, *_OWN))
        ]
        self._main, self._unused = shuffled[0] + shuffled[1], shuffled[2:]
        self._own: dict[str, list[str]] = {}

    def take(self, language: LanguageConfig, count: int = 1) -> list[str]:
        """So many syllables in the script of a language, which nobody else gets."""
        pool = self._main
        if language.script == "own":
            if language.code not in self._own and not self._unused:
                raise InputError(f"there are scripts for {len(_OWN)} languages: write others in the main")
            if language.code not in self._own:
                self._own[language.code] = self._unused.pop(0)
            pool = self._own[language.code]
        if count > len(pool):
            raise InputError(f"no syllables left for {language.code!r}: take fewer concepts or own letters")
        taken = pool[:count]
        del pool[:count]
        return taken

    def transliterate(self, words: Iterable[str], language: LanguageConfig) -> list[str]:
        """Words in another script, syllable by syllable, always the same one for the same."""
        words = list(words)
        table: dict[str, str] = {}
        for part in (part for word in words for part in _syllables(word)):
            if part not in table:
                table[part] = self.take(language)[0]
        return ["".join(table[part] for part in _syllables(word)) for word in words]


def _syllables_needed(words: int, fertility: int) -> int:
    """Enough for that many words, and some to spare."""
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
    fresh = words[-concepts:]
    taken, fused = set(words), []
    for word, other in zip(words[:concepts], fresh, strict=True):
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

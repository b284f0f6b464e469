"""Scores of one example, from sums of log-probabilities, a generated text or class prototypes."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.core.types import Normalisation, check_name

# Scores of one example, from sums of log-probabilities or from a generated text; pure functions.
#
# chrF and BLEU are sacrebleu's, between 0 and 1 here. BLEU of a whole set is not the mean of its sentences':
# `corpus_bleu` and `corpus_chrf` give what is published.


_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_UNSPACED = ("CJK UNIFIED", "CJK COMPAT", "HIRAGANA", "KATAKANA", "THAI ", "LAO ", "KHMER ", "MYANMAR ")
_NO_SPACES = ("ja", "th", "lo", "km", "my")
_SPACES = " \u00a0\u2009\u202f"
_NUMBER = re.compile(
    rf"(?<![\w.,])[-−]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?:[.,]\d+)?(?![\w])"  # 80 000,50
    rf"|(?:(?<!\w)[-−])?\d+(?:[.,'’٬٫]\d+)*"
)


def choice_scores(
    sums: Sequence[float],
    by: Normalisation = "plain",
    tokens: Sequence[int] | None = None,
    characters: Sequence[int] | None = None,
) -> list[float]:
    """What choices are compared by: summed log-probability, plain or for each token or character.

    >>> choice_scores([-6.0, -8.0], "per_token", tokens=[2, 4])
    [-3.0, -2.0]
    """
    check_name(by, get_args(Normalisation), "normalisation")
    lengths = {"plain": [1] * len(sums), "per_token": tokens, "per_character": characters}[by]
    if lengths is None or len(lengths) != len(sums) or min(lengths, default=1) < 1:
        raise InputError(f"{by} needs one length of at least 1 for each of {len(sums)} choices: {lengths}")
    return [float(value) / length for value, length in zip(sums, lengths, strict=True)]


def plain(text: str, language: str = "") -> str:
    """A text as answers are compared: no case, marks, or (in English) articles; single spaces.

    >>> plain("The  Panthers, 2016!", "en")
    'panthers 2016'
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    text = "".join(" " if c in "-–—" else c for c in text if c in "-–—" or not _is_mark(c))
    if language == "en":
        text = _ARTICLES.sub(" ", text)
    return " ".join(text.split())


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "P" or character in "$+<=>^`|~"


def exact_match(text: str, answers: Sequence[str], language: str = "") -> float:
    """1 if the text is one of the answers, compared as `plain` gives them."""
    return float(plain(text, language) in {plain(answer, language) for answer in answers})


def words(text: str, language: str = "") -> list[str]:
    """The words of a text; in scripts without spaces every character is one.

    >>> words("2016年の Super Bowl")
    ['2016', '年', 'の', 'super', 'bowl']
    """
    return "".join(
        f" {character} " if unicodedata.name(character, "").startswith(_UNSPACED) else character
        for character in plain(text, language)
    ).split()


def token_f1(text: str, answers: Sequence[str], language: str = "") -> float:
    """SQuAD's F1 of the words shared with an answer, the best over the answers."""
    return max((_f1(words(text, language), words(answer, language)) for answer in answers), default=0.0)


def _f1(given: list[str], right: list[str]) -> float:
    if not given or not right:
        return float(given == right)
    return 2 * (Counter(given) & Counter(right)).total() / (len(given) + len(right))


def answer_number(answer: str) -> Decimal | None:
    """The number that an answer is; None if it is more or less than a number. `2,125` is 2125.

    >>> answer_number("2,125"), answer_number("1.5"), answer_number("18 apples")
    (Decimal('2125'), Decimal('1.5'), None)
    """
    readings = _readings(answer.strip()) if _NUMBER.fullmatch(answer.strip()) else []
    return readings[0] if readings else None


def number_match(text: str, answers: Sequence[str], language: str = "") -> float:
    """1 if the last number in the text is an answer, whatever digits and separators it is written with.

    One separator before three digits may be of thousands or decimal (1.234 in German and in English):
    either reading of the text will do.
    """
    if not (numbers := _NUMBER.findall(text)):
        return 0.0
    readings = _readings(numbers[-1]) or _readings(re.findall(r"\d+", numbers[-1])[-1])
    return float(any(answer_number(answer) in readings for answer in answers))


def _readings(number: str) -> list[Decimal]:
    """The values that a written number may have, thousands first; none if its separators make no sense."""
    sign = -1 if number[0] in "-−" else 1
    body = re.sub(rf"[{_SPACES}'’٬]", "", number.lstrip("-−")).replace("٫", ".")
    body = "".join(c if c in ".," else str(unicodedata.decimal(c)) for c in body)
    values = []
    if re.fullmatch(r"\d+|[1-9]\d{0,2}((,\d{3})+|(\.\d{3})+)", body):
        values.append(re.sub(r"[.,]", "", body))
    if re.fullmatch(r"\d+[.,]\d+", body):
        values.append(body.replace(",", "."))
    if re.fullmatch(r"\d{1,3}((,\d{3})+\.|(\.\d{3})+,)\d+", body):
        whole, fraction = re.split(r"[.,](?=\d+$)", body)
        values.append(re.sub(r"[.,]", "", whole) + "." + fraction)
    return [sign * Decimal(value) for value in values]


def chrf(text: str, answers: Sequence[str], language: str = "") -> float:
    """Sentence chrF against all the answers as references (sacrebleu, its defaults)."""
    return corpus_chrf([text], [answers])


def bleu(text: str, answers: Sequence[str], language: str = "") -> float:
    """Sentence BLEU against all the answers (sacrebleu, effective order, words as the language needs)."""
    return corpus_bleu([text], [answers], language, effective_order=True)


def corpus_chrf(texts: Sequence[str], answers: Sequence[Sequence[str]]) -> float:
    """chrF of a whole set, each text with its right answers."""
    from sacrebleu.metrics.chrf import CHRF

    return _corpus_score(CHRF(), texts, answers)


def corpus_bleu(
    texts: Sequence[str], answers: Sequence[Sequence[str]], language: str = "", effective_order: bool = False
) -> float:
    """BLEU of a whole set in a language (that of the answers), each text with its right answers.

    `effective_order` leaves out n-grams longer than a text, as sentence BLEU does.
    """
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(effective_order=effective_order, tokenize=_bleu_tokens(language))
    return _corpus_score(metric, texts, answers)


def _bleu_tokens(language: str) -> str:
    """How sacrebleu cuts a language into words without fetching anything."""
    if language.partition("-")[0] == "zh":
        return "zh"
    return "char" if language in _NO_SPACES else "13a"


def _corpus_score(metric: Any, texts: Sequence[str], answers: Sequence[Sequence[str]]) -> float:
    if len(texts) != len(answers) or not texts:
        raise InputError(f"{len(texts)} texts and answers for {len(answers)}: give as many of each")
    # As sacrebleu wants them: the first answers of all, the second answers of all, and so on.
    references = list(zip_longest(*answers))
    return min(
        float(metric.corpus_score(list(texts), references).score) / 100, 1.0
    )  # rounding may leave more


Scorer = Callable[[str, Sequence[str], str], float]
"""`(generated text, right answers, language) → score between 0 and 1`."""
GREEDY = "greedy"
"""The scorer of answers that have to be generated token by token; sweeps compare tokens."""
SCORERS: dict[str, Scorer] = {
    "exact": exact_match,
    "number": number_match,
    "f1": token_f1,
    "chrf": chrf,
    "bleu": bleu,
    GREEDY: lambda text, answers, _: float(any(text.strip() == answer.strip() for answer in answers)),
}
"""How generated answers are scored, by the name that an `AnswerTask` gives."""


def check_scorer(name: str) -> Scorer:
    """The function of this name; a name that is none of `SCORERS` is refused."""
    if name not in SCORERS:
        raise InputError(f"unknown scorer {quoted(name)}: {did_you_mean(name, SCORERS)}")
    return SCORERS[name]


# Nearest class prototype: a cheap score without generation. States in, classes out; tensors only.


Distance = Literal["euclidean", "cosine"]


@dataclass(frozen=True)
class Prototypes:
    """The mean state of each class, and what is near to it."""

    means: Float[Tensor, "choice d"]
    distance: Distance = "euclidean"

    def scores(self, states: Float[Tensor, "item d"]) -> Float[Tensor, "item choice"]:
        """Minus the distance of each state to each class: the highest is the nearest."""
        if states.ndim != 2 or states.shape[1] != self.means.shape[1]:
            raise InputError(
                f"states are {tuple(states.shape)}: they must be items × {self.means.shape[1]}, as fitted"
            )
        states, means = states.to(self.means), self.means
        if self.distance == "cosine":
            return (
                torch.nn.functional.normalize(states, dim=1) @ torch.nn.functional.normalize(means, dim=1).T
            )
        # Not by the product of states and means: it loses what is small beside a large common part.
        return -torch.cdist(states, means, compute_mode="donot_use_mm_for_euclid_dist")

    def predict(self, states: Float[Tensor, "item d"]) -> Int[Tensor, " item"]:
        """The nearest class of each state."""
        return self.scores(states).argmax(1)


def prototypes(
    states: Float[Tensor, "item d"],
    labels: Int[Tensor, " item"],
    classes: int | None = None,
    distance: Distance = "euclidean",
) -> Prototypes:
    """Means of the states of each class, which are those of the fit split: never of the items to be judged.

    `labels` count from 0; every class (so many as `classes` says, or up to the highest label) needs a state.
    """
    check_name(distance, get_args(Distance), "distance")
    if states.ndim != 2 or labels.shape != states.shape[:1] or not len(labels):
        raise InputError(
            f"states are {tuple(states.shape)} and labels {tuple(labels.shape)}: "
            "give items × d and a label for each"
        )
    wanted = int(labels.max()) + 1 if classes is None else classes
    counts = torch.bincount(labels.long(), minlength=wanted) if int(labels.min()) >= 0 else labels[:0]
    if len(counts) != wanted or int(counts.min()) == 0:
        raise InputError(
            f"labels must be 0 … {wanted - 1}, each there at least once: {sorted(set(labels.tolist()))}"
        )
    sums = torch.zeros(wanted, states.shape[1], dtype=torch.float64, device=states.device)
    sums.index_add_(0, labels.long(), states.double())
    return Prototypes(sums / counts[:, None], distance)

"""Sentences to tokens, as the model's own tokenizer makes them: no padding, nothing cut off in silence.

TransformerLens and Hugging Face differ in BOS, pad token and padding side, so the workbench asks a tokenizer
only for the bare tokens of a text and puts in front what the tokenizer itself puts there, or what `bos` says.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from workbench.core.errors import InputError, ModelError
from workbench.core.store import digest_json
from workbench.core.types import check_name

if TYPE_CHECKING:
    import pandas as pd

_SLOT = "{text}"

Bos = Literal["tokenizer", "always", "never"]
BOS: tuple[Bos, ...] = get_args(Bos)
"""What texts start with: what the tokenizer puts there, a BOS if it has one (TransformerLens), or nothing."""

_CHARACTERS_A_TOKEN = 3.0
"""A guess: over 4 in English with a large vocabulary, under 2 in a poorly covered language."""


def guessed_tokens(characters: int) -> int:
    """About how many tokens a text of so many characters has where no tokenizer is at hand."""
    return 1 + max(1, round(characters / _CHARACTERS_A_TOKEN))


@dataclass(frozen=True)
class Encoded:
    """Tokens of one text; which are the sentence itself, and which are special (BOS and the like)."""

    ids: tuple[int, ...]
    sentence: tuple[bool, ...]
    special: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.ids)


class TokenReader:
    """A tokenizer's facts and its one use: text → token ids."""

    def __init__(self, tokenizer: Any, bos: Bos = "tokenizer"):
        check_name(bos, BOS, "bos", ModelError)
        self.tokenizer, self.bos = tokenizer, bos
        if not tokenizer("a", add_special_tokens=False)["input_ids"]:
            # Where its files are missing, a tokenizer may be made all the same: an empty one.
            raise ModelError("the tokenizer has no vocabulary: its files are missing or empty")
        if getattr(getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None), "dropout", None):
            raise ModelError(
                "the tokenizer leaves out merges at random (dropout), so a text has other tokens each time: "
                'set "dropout" to null in tokenizer.json'
            )
        self.prefix = _leading_tokens(tokenizer, bos)
        self.special = frozenset(tokenizer.all_special_ids) | frozenset(self.prefix)
        pad = tokenizer.pad_token_id
        # Padding is masked everywhere, so any valid id will do where a tokenizer has none.
        self.pad = int(pad if pad is not None else (tokenizer.eos_token_id or 0))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, unpadded, behind what a text starts with."""
        if not texts:
            return []
        bare = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return [self._with_prefix(ids) for ids in bare]

    def encode_in(self, template: str | None, texts: Sequence[str]) -> list[Encoded]:
        """Tokens of each text set into `template` at `{text}`, its own tokens marked.

        The whole string is tokenised at once, since a word may merge with what stands before it.
        """
        if template is None:
            return [
                self._encoded(ids, [token not in self.special for token in ids]) for ids in self.encode(texts)
            ]
        if template.count(_SLOT) != 1:
            raise InputError(f"template {template!r} must hold {_SLOT} exactly once")
        if not getattr(self.tokenizer, "is_fast", False):
            raise InputError(
                "a template needs a fast tokenizer, to find the sentence in it again: "
                "load the model with its tokenizer.json"
            )
        before, after = template.split(_SLOT)
        whole = self.tokenizer(
            [before + text + after for text in texts],
            add_special_tokens=False,
            return_offsets_mapping=True,
        )
        encoded = []
        for text, ids, spans in zip(texts, whole["input_ids"], whole["offset_mapping"], strict=True):
            start, end = len(before), len(before) + len(text)
            inside = [a < end and b > start and b > a for a, b in spans]
            prefixed = self._with_prefix(ids)
            encoded.append(self._encoded(prefixed, [False] * (len(prefixed) - len(ids)) + inside))
        return encoded

    def _encoded(self, ids: list[int], sentence: list[bool]) -> Encoded:
        return Encoded(tuple(ids), tuple(sentence), tuple(token in self.special for token in ids))

    def _with_prefix(self, ids: Sequence[int]) -> list[int]:
        # A chat template may carry the BOS in its text.
        has_prefix = tuple(ids[: len(self.prefix)]) == self.prefix
        return list(ids) if has_prefix else [*self.prefix, *ids]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)

    def digest(self) -> str:
        """Digest of what turns text into ids: vocabulary, merges, normalisation, special tokens."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:
            rules: Any = sorted(self.tokenizer.get_vocab().items())
        else:
            # Padding and truncation remember how the tokenizer was last called, not what it is.
            own = json.loads(backend.to_str())
            rules = {key: rule for key, rule in own.items() if key not in ("padding", "truncation")}
        return digest_json({"rules": rules, "prefix": list(self.prefix)})

    def chat(self, text: str) -> str:
        """The text as a user's turn in the tokenizer's own chat template, up to where the answer begins."""
        if not getattr(self.tokenizer, "chat_template", None):
            raise InputError("the tokenizer has no chat template: take a model that was tuned for chat")
        turns = [{"role": "user", "content": text}]
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    def fertility(self, sentences: dict[str, Sequence[str]]) -> "pd.DataFrame":
        """Tokens per word and per character for each language, one row a language.

        Words stand between spaces: for scripts without spaces (Chinese, Thai) compare tokens per character.
        """
        import pandas as pd

        rows = []
        for language, texts in sentences.items():
            tokens = sum(len(ids) - len(self.prefix) for ids in self.encode(texts))
            words = [word for text in texts for word in text.split()]
            characters = sum(map(len, words))
            rows.append(
                (language, len(texts), tokens, tokens / max(len(words), 1), tokens / max(characters, 1))
            )
        columns = ["language", "sentences", "tokens", "tokens_per_word", "tokens_per_character"]
        return pd.DataFrame(rows, columns=columns)


def _leading_tokens(tokenizer: Any, bos: Bos) -> tuple[int, ...]:
    """What a text starts with."""
    if bos == "never":
        return ()
    bare = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    full = list(tokenizer("a")["input_ids"])
    cuts = range(len(full) - len(bare) + 1)
    cut = next((cut for cut in cuts if full[cut : cut + len(bare)] == bare), 0)
    if cut or bos == "tokenizer":
        return tuple(full[:cut])
    # TransformerLens gives a tokenizer without a BOS its EOS under that name; what it was made with
    # still tells the truth.
    has_bos = getattr(tokenizer, "init_kwargs", {}).get("bos_token", "unknown") is not None
    return (int(tokenizer.bos_token_id),) if has_bos and tokenizer.bos_token_id is not None else ()

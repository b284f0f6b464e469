"""The tokenizer: words are cut into syllables, and which syllables there are is learned from text.

A word is letters in pairs, its first marked `▁`; names, tags (`<x-main>`) and marks are whole:

    "bamu Ada ?"  →  <s> ▁ba mu ▁Ada ▁?
"""

from collections.abc import Iterable
from typing import Any

_PIECE = r"▁?<[^>]+>|▁?\p{Lu}\p{Ll}*|▁?\p{L}{2}|▁?[^\p{L}▁]"


def train_tokenizer(texts: Iterable[str], length: int) -> Any:
    """A fast tokenizer of all pieces that occur in the texts; `length` is the model's context."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
            pre_tokenizers.Split(Regex(_PIECE), behavior="isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    special = ["<pad>", "<unk>", "<s>"]
    tokenizer.train_from_iterator(
        texts, trainers.WordLevelTrainer(special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", special.index("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=length,
        clean_up_tokenization_spaces=False,
    )

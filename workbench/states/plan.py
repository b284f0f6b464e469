"""Cost estimate of a capture."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from workbench.core.errors import InputError
from workbench.core.types import Site, expand_sites
from workbench.models import LanguageModel
from workbench.models.outline import Outline
from workbench.models.tokens import TokenReader
from workbench.states.run import Pooler, counted, default_positions, fitting, padded_tokens, plan_batches
from workbench.text import ParallelText

# Characters a token spans on average, where no tokenizer is at hand: between English with a large
# vocabulary (over 4) and a poorly covered language (under 2).
_CHARACTERS_A_TOKEN = 3.0


@dataclass(frozen=True)
class CapturePlan:
    """The bill of a capture."""

    sentences: int
    languages: int
    too_long: int
    """Rows with a side that the model has no room for."""
    tokens: int
    tokens_are_estimated: bool
    padded_tokens: int
    forward_passes: int
    disk_bytes: int
    weight_bytes: int
    peak_bytes: int
    flops: float
    seconds: float | None


def plan_capture(
    outline: Outline,
    text: ParallelText,
    *,
    sites: str | Site | Iterable[str | Site] = "resid_post",
    pool: str = "last",
    template: str | None = None,
    batch_tokens: int = 1024,
    bytes_per_number: int = 4,
    model: LanguageModel | None = None,
) -> CapturePlan:
    """Count tokens, passes, disk and memory; with a loaded `model`, time two batches as well."""
    chosen = expand_sites(sites, outline.n_layers)
    rows = len(text)
    if model is not None:
        text = fitting(model, text, template)
    lengths = {language: _lengths(outline.tokens, template, text[language]) for language in text.languages}
    batches = {name: plan_batches(sizes, batch_tokens) for name, sizes in lengths.items()}
    shown = sum(padded_tokens(lengths[name], batches[name]) for name in lengths)
    tokens = sum(map(sum, lengths.values()))
    kept = tokens if pool == "all" else len(text) * len(text.languages)
    numbers = sum(outline.width(site.component) for site in chosen)
    weight_bytes = outline.parameters * bytes_per_number
    # A block holds its input, its norm, queries, keys, values, and the feed-forward layer's inside.
    inside = batch_tokens * (8 * outline.d_model + 3 * outline.d_mlp) * bytes_per_number
    pooled = max(len(batch) for some in batches.values() for batch in some) * numbers * 4
    return CapturePlan(
        sentences=len(text),
        languages=len(text.languages),
        too_long=rows - len(text),
        tokens=tokens,
        tokens_are_estimated=outline.tokens is None,
        padded_tokens=shown,
        forward_passes=sum(map(len, batches.values())),
        disk_bytes=kept * numbers * 4,
        weight_bytes=weight_bytes,
        peak_bytes=weight_bytes + inside + pooled,
        flops=2.0 * outline.parameters * shown,
        seconds=None if model is None else _probe(model, text, template, pool, chosen, batch_tokens),
    )


def _lengths(tokens: TokenReader | None, template: str | None, sentences: Iterable[str]) -> list[int]:
    if tokens is not None:
        return [len(text) for text in tokens.encode_in(template, list(sentences))]
    around = 0 if template is None else len(template) - len("{text}")
    return [1 + round((len(text) + around) / _CHARACTERS_A_TOKEN) for text in sentences]


def _probe(
    model: LanguageModel,
    text: ParallelText,
    template: str | None,
    pool: str,
    sites: tuple[Site, ...],
    batch_tokens: int,
) -> float:
    """Seconds for the whole text, from a middling and a long batch of the first language."""
    language = text.languages[0]
    encoded = model.tokens.encode_in(template, list(text[language]))
    lengths = [len(one) for one in encoded]
    if not lengths:
        raise InputError("no sentences to plan for")
    batches = plan_batches(lengths, batch_tokens)
    shown, seconds = 0, 0.0
    held: list[Pooler] = []

    def look(h: torch.Tensor) -> None:
        held[-1](h)

    hooks = dict.fromkeys(sites, look)
    with torch.inference_mode(), model.reading(hooks) as read:
        for warm, rows in ((True, batches[0]), (False, batches[len(batches) // 2]), (False, batches[-1])):
            batch = model.batch([encoded[row].ids for row in rows])
            count = [counted(encoded[row], default_positions(pool)) for row in rows]
            held[:] = [Pooler(pool, batch, count)]
            start = time.perf_counter()
            read(batch)
            if batch.ids.is_cuda:
                torch.cuda.synchronize()
            if not warm:
                seconds += time.perf_counter() - start
                shown += batch.ids.numel()
    everything = sum(
        padded_tokens(some, plan_batches(some, batch_tokens))
        for some in (_lengths(model.tokens, template, text[name]) for name in text.languages)
    )
    return seconds / shown * everything

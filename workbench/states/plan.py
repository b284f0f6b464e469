"""Cost estimate of a capture."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.core.errors import InputError
from workbench.core.types import Site, expand_sites
from workbench.models import LanguageModel
from workbench.models.outline import Outline
from workbench.models.tokens import TokenReader, guessed_tokens
from workbench.states.run import (
    Request,
    Runner,
    counted,
    default_positions,
    fitting,
    padded_tokens,
    plan_batches,
)
from workbench.text import ParallelText


@dataclass(frozen=True)
class CapturePlan:
    """Costs of a capture."""

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
    tokens = outline.tokens
    if model is not None:
        text, tokens = fitting(model, text, template), model.tokens
    lengths = {language: _lengths(tokens, template, text[language]) for language in text.languages}
    batches = {name: plan_batches(sizes, batch_tokens) for name, sizes in lengths.items()}
    padded = sum(padded_tokens(lengths[name], batches[name]) for name in lengths)
    real = sum(map(sum, lengths.values()))
    kept = real if pool == "all" else len(text) * len(text.languages)
    numbers = sum(outline.width(site.component) for site in chosen)
    weight_bytes = outline.parameters * bytes_per_number
    inside = outline.inside(batch_tokens) * bytes_per_number
    pooled = max(len(batch) for some in batches.values() for batch in some) * numbers * 4
    if pool == "all":
        pooled = batch_tokens * numbers * 4
    seconds = None
    if model is not None:
        request = Request(
            chosen, pool, default_positions(pool), template, "float32", batch_tokens, "right", True
        )
        seconds = _seconds_per_token(model, request, text[text.languages[0]]) * padded
    return CapturePlan(
        sentences=len(text),
        languages=len(text.languages),
        too_long=rows - len(text),
        tokens=real,
        tokens_are_estimated=tokens is None,
        padded_tokens=padded,
        forward_passes=sum(map(len, batches.values())),
        disk_bytes=kept * numbers * 4,
        weight_bytes=weight_bytes,
        peak_bytes=weight_bytes + inside + pooled,
        flops=2.0 * outline.parameters * padded,
        seconds=seconds,
    )


def _lengths(tokens: TokenReader | None, template: str | None, sentences: Iterable[str]) -> list[int]:
    if tokens is not None:
        return [len(text) for text in tokens.encode_in(template, list(sentences))]
    around = 0 if template is None else len(template) - len("{text}")
    return [guessed_tokens(len(text) + around) for text in sentences]


def _seconds_per_token(model: LanguageModel, request: Request, sentences: Iterable[str]) -> float:
    """Seconds per padded token, from a middling and a long batch, after one to warm up."""
    encoded = model.tokens.encode_in(request.template, list(sentences))
    lengths = [len(one) for one in encoded]
    if not lengths:
        raise InputError("no sentences to plan for")
    batches = plan_batches(lengths, request.batch_tokens)
    runner = Runner(model, request, encoded, [counted(one, request.positions) for one in encoded])
    runner.run(batches[:1])
    timed = [batches[len(batches) // 2], batches[-1]]
    start = time.perf_counter()
    runner.run(timed)  # the states are on the CPU when it returns, so that a GPU has finished
    return (time.perf_counter() - start) / padded_tokens(lengths, timed)

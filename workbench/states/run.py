"""`capture`: sentences in batches of similar length, pooled over positions, kept as they are finished."""

import gc
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.core.errors import InputError, did_you_mean
from workbench.core.store import digest_json
from workbench.core.types import Progress, Site, expand_sites, silent
from workbench.models import Batch, Hook, LanguageModel, wrap
from workbench.models.base import Padding
from workbench.models.tokens import Encoded
from workbench.states.activations import Activations, Captured, Entry, digest_tensors, row_offsets
from workbench.text import ParallelText, text_of

# Batching of sentences, decided before the run so that it is reproducible.


@dataclass(frozen=True)
class Shard:
    """A stretch of work that is saved as a whole: some batches of sentence numbers."""

    batches: tuple[tuple[int, ...], ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """Sentence numbers in the order they are run."""
        return tuple(row for batch in self.batches for row in batch)


def plan_batches(
    lengths: Sequence[int], batch_tokens: int, in_length_order: bool = True
) -> list[tuple[int, ...]]:
    """Group sentences so that a padded batch holds at most `batch_tokens` tokens.

    In length order little is padded; the order of the results is that of the text all the same.

    >>> plan_batches([5, 2, 3], batch_tokens=6)
    [(1, 2), (0,)]
    """
    if batch_tokens < 1:
        raise InputError(f"batch_tokens must be at least 1, not {batch_tokens}")
    order = range(len(lengths))
    batches: list[tuple[int, ...]] = []
    batch: list[int] = []
    widest = 0
    for row in sorted(order, key=lambda i: lengths[i]) if in_length_order else order:
        width = max(widest, lengths[row])
        if batch and width * (len(batch) + 1) > batch_tokens:
            batches.append(tuple(batch))
            batch, width = [], lengths[row]
        batch.append(row)
        widest = width
    return [*batches, tuple(batch)] if batch else batches


def plan_shards(lengths: Sequence[int], batches: Sequence[tuple[int, ...]], shard_tokens: int) -> list[Shard]:
    """Group batches into shards of about `shard_tokens` tokens."""
    shards: list[Shard] = []
    current: list[tuple[int, ...]] = []
    held = 0
    for batch in batches:
        current.append(batch)
        held += sum(lengths[row] for row in batch)
        if held >= shard_tokens:
            shards.append(Shard(tuple(current)))
            current, held = [], 0
    return [*shards, Shard(tuple(current))] if current else shards


def padded_tokens(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> int:
    """Tokens the model is shown, padding included."""
    return sum(max(lengths[row] for row in batch) * len(batch) for batch in batches)


# Pooling: from a residual per token to one state per sentence, inside the hook.


Pool = Literal["last", "mean", "weighted_mean", "all"]
"""What is kept of a sentence:

    last           the state at its last token
    mean           the mean over its tokens
    weighted_mean  the mean with weight t on its t-th token, as causal models see more later on
    all            every token's state
"""

Positions = Literal["all", "content", "sentence"]
"""Which tokens count: all real ones; all but BOS and other specials; or, inside a template, the
sentence's own."""

POOLS: tuple[str, ...] = get_args(Pool)
POSITIONS: tuple[str, ...] = get_args(Positions)


def default_positions(pool: str) -> str:
    """The last token is the last one the model sees; a mean leaves BOS and other specials out."""
    return "all" if pool == "last" else "content"


def counted(encoded: Encoded, positions: str) -> list[bool]:
    """Which tokens of a text count."""
    if positions == "all":
        return [True] * len(encoded)
    if positions == "content":
        return [not special for special in encoded.special]
    return list(encoded.sentence)


def check_choice(value: str, known: Sequence[str], what: str) -> None:
    """Raise `InputError` for a word that is not one of the known."""
    if value not in known:
        raise InputError(f"unknown {what} {value!r}: {did_you_mean(value, known)}")


class Pooler:
    """Pools the residuals of one batch; made once per batch, used at every site."""

    def __init__(self, pool: str, batch: Batch, count: Sequence[Sequence[bool]]):
        self.pool = pool
        self.keep = _spread(batch, count)
        self.padded = batch.padding == "left"
        width = self.keep.shape[1]
        rank = self.keep.cumsum(1) * self.keep
        if pool == "last":
            self.index = (width - 1) - self.keep.flip(1).int().argmax(1)
        elif pool != "all":
            weight = self.keep.float() if pool == "mean" else rank.float()
            self.weight = weight / weight.sum(1, keepdim=True)

    @property
    def n_rows(self) -> int:
        """Rows of the result: one a sentence, or one a token."""
        return int(self.keep.sum()) if self.pool == "all" else len(self.keep)

    def __call__(self, h: Float[Tensor, "batch pos width"]) -> Float[Tensor, "row width"]:
        """Pool one site's residuals."""
        if self.pool == "all":
            return rearrange(h, "batch pos width -> (batch pos) width")[self.keep.flatten().to(h.device)]
        if self.pool == "last":
            index = self.index.to(h.device)
            return h[torch.arange(len(h), device=h.device), index]
        if self.padded:
            # Under left padding a pad position may attend to nothing at all and hold NaN, which
            # a weight of zero does not silence.
            h = h.masked_fill(~self.keep[..., None].to(h.device), 0.0)
        weight = self.weight.to(h.device)
        return einsum(weight, h.float(), "batch pos, batch pos width -> batch width")


def _spread(batch: Batch, count: Sequence[Sequence[bool]]) -> Bool[Tensor, "batch pos"]:
    """The counted tokens of each row at their places in the padded batch."""
    keep = torch.zeros_like(batch.mask, device="cpu")
    width = keep.shape[1]
    for row, flags in enumerate(count):
        start = 0 if batch.padding == "right" else width - len(flags)
        keep[row, start : start + len(flags)] = torch.tensor(flags)
    return keep.to(batch.mask.device)


# `capture`: the states of parallel sentences at all requested layers, at about the cost of inference.
#
# Only what is asked for is hooked; each residual is pooled inside its hook and moved once per batch;
# nothing runs above the last wanted layer, and no logits are computed.


_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_SHARD_BATCHES = 16  # a shard is saved about every so many batches


def default_store() -> Path:
    """Where results are kept unless told otherwise: `$WORKBENCH_STORE`, or the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("WORKBENCH_STORE", cache / "workbench"))


@dataclass(frozen=True)
class Request:
    """What is to be captured of each sentence, and how the work is cut; the same for all languages."""

    sites: tuple[Site, ...]
    pool: str
    positions: str
    template: str | None
    dtype: str
    batch_tokens: int
    padding: Padding
    in_length_order: bool

    def facts(self, model: LanguageModel, language: str, sentences: Sequence[str]) -> dict[str, Any]:
        """All that the values depend on: equal facts, equal states."""
        return {
            "weights": model.weights_digest,
            "tokenizer": model.tokens.digest(),
            "backend": model.info.backend,
            "processing": list(model.info.processing),
            "attention": model.info.attention,
            "model_dtype": model.info.dtype,
            "language": language,
            "sentences": digest_json(list(sentences)),
            "sites": [str(site) for site in self.sites],
            "pool": self.pool,
            "positions": self.positions,
            "template": self.template,
            "dtype": self.dtype,
        }

    @property
    def cut(self) -> dict[str, Any]:
        """How the work is cut: it moves the last bits of a value, but is no part of the question."""
        return {
            "batch_tokens": self.batch_tokens,
            "padding": self.padding,
            "in_length_order": self.in_length_order,
        }


def capture(
    model: Any,
    text: Any,
    languages: str | Iterable[str] | None = None,
    *,
    sites: str | Site | Iterable[str | Site] = "resid_post",
    pool: str = "last",
    positions: str | None = None,
    template: str | None = None,
    batch_tokens: int | None = None,
    dtype: str = "float32",
    padding: Padding = "right",
    in_length_order: bool = True,
    store: str | Path | None = "cache",
    progress: Progress = silent,
) -> Activations:
    """Capture the states of every sentence in each language, or read them if they are stored.

    The model is one of `load_model`, or anything that `wrap` takes. The text is a `ParallelText`, lists of
    sentences by language, or one list in the language named (`x-text` where none is).
    `template` sets each sentence into a prompt at `{text}`. `store` is a folder, `"cache"` for the
    user's own, or None to keep nothing on disk. An interrupted capture goes on where it stopped.
    """
    check_choice(pool, POOLS, "pool")
    positions = positions or default_positions(pool)
    check_choice(positions, POSITIONS, "positions")
    check_choice(dtype, tuple(_DTYPES), "dtype")
    model, text = wrap(model), _text(text, languages)
    chosen = expand_sites(sites, model.info.n_layers)
    if not chosen:
        raise InputError("no sites to capture: name a component, such as resid_post")
    for site in chosen:
        model.check_site(site)
    request = Request(
        chosen,
        pool,
        positions,
        template,
        dtype,
        batch_tokens or (1024 if model.device.type == "cpu" else 8192),
        padding,
        in_length_order,
    )
    wanted = text.only(languages) if languages is not None else text
    root = default_store() if store == "cache" else None if store is None else Path(store)
    captured = {
        language: _capture_language(model, language, wanted[language], request, root, progress)
        for language in wanted.languages
    }
    return Activations(wanted.languages, chosen, pool, captured, model.info.as_dict())


def _text(text: Any, languages: str | Iterable[str] | None) -> ParallelText:
    """The text; of one list of sentences, in the one language named."""
    if isinstance(text, list | tuple | pd.Series):
        named = [languages] if isinstance(languages, str) else list(languages or ["x-text"])
        if len(named) != 1:
            raise InputError(
                f"one list of sentences is of one language, not of {', '.join(named)}: give lists "
                'by language, {"sw": […], "en": […]}'
            )
        return ParallelText({named[0]: tuple(text)})
    return text_of(text)


def _capture_language(
    model: LanguageModel,
    language: str,
    sentences: Sequence[str],
    request: Request,
    root: Path | None,
    progress: Progress,
) -> Captured:
    encoded = model.tokens.encode_in(request.template, sentences)
    count = [counted(text, request.positions) for text in encoded]
    _check_sentences(model, language, encoded, count)
    rows = [sum(flags) if request.pool == "all" else 1 for flags in count]
    offsets = row_offsets(rows)
    facts = request.facts(model, language, sentences)
    entry = None if root is None else Entry.of(root, facts)
    found = entry.read(offsets) if entry else None
    if found is not None:
        return found
    if entry is not None:
        # Work that was begun is finished as it was cut then: the shards on disk must fit.
        made_with = {"model": model.info.as_dict(), "versions": _versions()}
        request = replace(request, **entry.begin(request.cut, made_with))
    lengths = [len(text) for text in encoded]
    batches = plan_batches(lengths, request.batch_tokens, request.in_length_order)
    shards = plan_shards(lengths, batches, _SHARD_BATCHES * request.batch_tokens)
    runner = _Runner(model, request, encoded, count)
    done, total = 0, sum(lengths)
    kept: list[dict[str, Tensor]] = []
    for number, shard in enumerate(shards):
        progress(f"capture {language}", done, total)
        if entry is None:
            kept.append(runner.run(shard, _ahead(progress, language, done, total)))
        elif entry.read_shard(number) is None:
            states = runner.run(shard, _ahead(progress, language, done, total))
            entry.write_shard(number, states)
        done += sum(lengths[row] for row in shard.rows)
    progress(f"capture {language}", total, total)
    places = [_places(shard, offsets) for shard in shards]
    if entry is not None:
        return entry.finish(places, offsets)
    states = _join(kept, places, int(offsets[-1]))
    return Captured(states, facts, digest_tensors(states), offsets)


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "transformers", "transformer-lens")}


def _ahead(progress: Progress, language: str, done: int, total: int) -> Callable[[int], None]:
    return lambda tokens: progress(f"capture {language}", done + tokens, total)


def fitting(model: LanguageModel, text: ParallelText, template: str | None = None) -> ParallelText:
    """The rows whose every side the model has room for; the rest are left out, in all languages."""
    limit = model.info.n_ctx
    if limit is None:
        return text
    fits = [True] * len(text)
    for language in text.languages:
        for row, tokens in enumerate(model.tokens.encode_in(template, text[language])):
            fits[row] &= len(tokens) <= limit
    if not any(fits):
        raise InputError(f"no row fits {model.info.name}, which takes {limit} tokens: shorten the sentences")
    return text if all(fits) else text.select([row for row, fit in enumerate(fits) if fit])


def _check_sentences(
    model: LanguageModel, language: str, encoded: Sequence[Encoded], count: list[list[bool]]
) -> None:
    limit = model.info.n_ctx
    for row, (text, flags) in enumerate(zip(encoded, count, strict=True)):
        if limit is not None and len(text) > limit:
            raise InputError(
                f"sentence {row} in {language} has {len(text)} tokens, but {model.info.name} takes "
                f"{limit}: leave such rows out with fitting(model, text) (--drop-long), or shorten it"
            )
        if not any(flags):
            raise InputError(
                f"sentence {row} in {language} has no token that counts: leave it out "
                '(text.select), or pass positions="all"'
            )


def _places(shard: Shard, offsets: Tensor) -> Tensor:
    """Which rows of the result a shard fills, in the order it holds them."""
    return torch.cat([torch.arange(int(offsets[r]), int(offsets[r + 1])) for r in shard.rows])


def _join(kept: list[dict[str, Tensor]], places: list[Tensor], n_rows: int) -> dict[str, Tensor]:
    states = {
        name: tensor.new_empty(tensor.shape[0], n_rows, tensor.shape[2]) for name, tensor in kept[0].items()
    }
    for part, rows in zip(kept, places, strict=True):
        for name, tensor in part.items():
            states[name][:, rows] = tensor
    return states


class _Runner:
    """Runs shards through the model and hands back pooled states `[layer row width]`."""

    def __init__(
        self,
        model: LanguageModel,
        request: Request,
        encoded: Sequence[Encoded],
        count: Sequence[Sequence[bool]],
    ):
        self.model, self.request, self.encoded, self.count = model, request, encoded, count
        self.largest: int | None = None  # padded tokens that fitted, once something did not
        self._pooler: Pooler
        self._states: dict[str, Tensor] = {}

    def run(self, shard: Shard, ahead: Callable[[int], None]) -> dict[str, Tensor]:
        parts: list[dict[str, Tensor]] = []
        tokens = 0
        hooks = {site: self._look(site) for site in self.request.sites}
        with torch.inference_mode(), self.model.reading(hooks) as read:
            for rows in shard.batches:
                parts += self._run_batch(list(rows), read)
                tokens += sum(len(self.encoded[row]) for row in rows)
                ahead(tokens)
        names = parts[0]
        return {name: torch.cat([part[name] for part in parts], dim=1) for name in names}

    def _run_batch(self, rows: list[int], read: Callable[[Batch], None]) -> list[dict[str, Tensor]]:
        """One batch; where memory runs out, two halves of it, and smaller ones from then on."""
        size = max(len(self.encoded[row]) for row in rows) * len(rows)
        if self.largest is None or size <= self.largest or len(rows) == 1:
            try:
                return [self._read(rows, read)]
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if len(rows) == 1 or not _is_out_of_memory(error):
                    raise
            self._states = {}
            self.largest = size // 2
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        half = len(rows) // 2
        return self._run_batch(rows[:half], read) + self._run_batch(rows[half:], read)

    def _read(self, rows: list[int], read: Callable[[Batch], None]) -> dict[str, Tensor]:
        batch = self.model.batch([self.encoded[row].ids for row in rows], self.request.padding)
        self._pooler = Pooler(self.request.pool, batch, [self.count[row] for row in rows])
        self._states = {}
        read(batch)
        kind = _DTYPES[self.request.dtype]
        moved = {name: value.to("cpu", kind) for name, value in self._states.items()}
        self._states = {}
        return moved

    def _look(self, site: Site) -> Hook:
        """Pool what passes a site into its layer's place in this batch's result."""
        layers = [other.layer for other in self.request.sites if other.component == site.component]
        place = layers.index(site.layer)

        def hook(h: Tensor) -> None:
            pooled = self._pooler(h)
            if site.component not in self._states:
                self._states[site.component] = pooled.new_empty(len(layers), *pooled.shape)
            self._states[site.component][place].copy_(pooled)

        return hook


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "can't allocate" in text

"""`capture`: sentences in batches of similar length, pooled over positions, kept as they are finished."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import torch
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.store import (
    digest_json,
    locked,
)
from workbench.core.types import Progress, Site, check_name, expand_sites, silent
from workbench.models import Batch, Hook, LanguageModel, wrap
from workbench.models.base import Padding
from workbench.models.memory import Halving, halved
from workbench.models.tokens import Encoded
from workbench.models.workers import each
from workbench.states.activations import POOLS, Activations, Captured, Pooler, digest_tensors
from workbench.states.store import Entry, fill
from workbench.text import ParallelText, text_of

# Batching of sentences, decided before the run so that it is reproducible.


Rows = tuple[int, ...]
"""Numbers of the sentences of a batch."""


def plan_batches(lengths: Sequence[int], batch_tokens: int, in_length_order: bool = True) -> list[Rows]:
    """Group sentences so that a padded batch holds at most `batch_tokens` tokens.

    In length order little is padded; the order of the results is that of the text all the same.

    >>> plan_batches([5, 2, 3], batch_tokens=6)
    [(1, 2), (0,)]
    """
    if batch_tokens < 1:
        raise InputError(f"batch_tokens must be at least 1, not {batch_tokens}")
    order: Iterable[int] = range(len(lengths))
    batches: list[Rows] = []
    batch: list[int] = []
    widest = 0
    for row in sorted(order, key=lengths.__getitem__) if in_length_order else order:
        width = max(widest, lengths[row])
        if batch and width * (len(batch) + 1) > batch_tokens:
            batches.append(tuple(batch))
            batch, width = [], lengths[row]
        batch.append(row)
        widest = width
    return [*batches, tuple(batch)] if batch else batches


def plan_shards(lengths: Sequence[int], batches: Sequence[Rows], shard_tokens: int) -> list[list[Rows]]:
    """Group batches into shards of about `shard_tokens` tokens, each of which is saved as a whole."""
    shards: list[list[Rows]] = []
    held = shard_tokens
    for batch in batches:
        if held >= shard_tokens:
            shards.append([])
            held = 0
        shards[-1].append(batch)
        held += sum(lengths[row] for row in batch)
    return shards


def padded_tokens(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> int:
    """Tokens that the model reads, with padding."""
    return sum(max(lengths[row] for row in batch) * len(batch) for batch in batches)


Positions = Literal["all", "content", "sentence"]
"""Which tokens count: all real ones; all but BOS and other specials; or, inside a template, the
sentence's own."""

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


def pooler(pool: str, batch: Batch, count: Sequence[Sequence[bool]]) -> Pooler:
    """The pooler of a batch, given the tokens of each row that count."""
    keep = torch.zeros_like(batch.mask, device="cpu")
    for row, flags in enumerate(count):
        start = 0 if batch.padding == "right" else keep.shape[1] - len(flags)
        keep[row, start : start + len(flags)] = torch.tensor(flags)
    return Pooler(pool, keep.to(batch.mask.device), batch.padding == "left")


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
    """The states wanted of each sentence, and how the work is cut; the same for all languages."""

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
        return {name: getattr(self, name) for name in ("batch_tokens", "padding", "in_length_order")}


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
    user's own, or None to keep nothing on disk. An interrupted capture continues.
    """
    positions = positions or default_positions(pool)
    check_name(pool, POOLS, "pool")
    check_name(positions, POSITIONS, "positions")
    check_name(dtype, _DTYPES, "dtype")
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
    offsets = torch.tensor([0, *rows]).cumsum(0)
    facts = request.facts(model, language, sentences)
    entry = None if root is None else Entry(root / "activations" / digest_json(facts)[:24], facts)
    if entry is not None and (finished := entry.read(offsets)) is not None:
        return finished
    # Another process may be at the same states, and have them soon.
    with nullcontext() if entry is None else locked(entry.folder, wait=True):
        if entry is not None:
            if (finished := entry.read(offsets)) is not None:
                return finished
            # Work that was begun is finished as it was cut then: the shards on disk must fit.
            versions = {name: version(name) for name in ("torch", "transformers", "transformer-lens")}
            request = replace(request, **entry.begin(request.cut, model.info.as_dict(), versions))
        runner = Runner(model, request, encoded, count)
        return _run_all(runner, facts, entry, offsets, lambda *given: progress(f"capture {language}", *given))


def _run_all(
    runner: "Runner",
    facts: Mapping[str, Any],
    entry: Entry | None,
    offsets: Tensor,
    progress: Callable[[int, int], None],
) -> Captured:
    """The states of all sentences, in shards, of which those on disk are there already."""
    lengths = [len(text) for text in runner.encoded]
    batches = plan_batches(lengths, runner.request.batch_tokens, runner.request.in_length_order)
    shards = plan_shards(lengths, batches, _SHARD_BATCHES * runner.request.batch_tokens)
    missing = [i for i in range(len(shards)) if entry is None or entry.read_shard(i) is None]
    wanted = [shards[i] for i in missing]
    total = sum(lengths)
    done = total - sum(lengths[row] for row in chain(*chain(*wanted)))

    def ahead(tokens: int) -> None:
        progress(done + tokens, total)

    kept: dict[int, dict[str, Tensor]] = {}
    ahead(0)
    for at, states in (
        enumerate(runner.run(shard, ahead) for shard in wanted)
        if runner.model.workers is None
        else each(runner.model, _shard_of, (runner.request, runner.encoded, runner.count), wanted)
    ):
        if entry is None:
            kept[at] = states
        else:
            entry.write_shard(missing[at], states)
        done += sum(lengths[row] for row in chain(*wanted[at]))
        ahead(0)
    # The rows of the result that each shard fills, in the order it holds them.
    places = [
        torch.cat([torch.arange(int(offsets[row]), int(offsets[row + 1])) for row in chain(*shard)])
        for shard in shards
    ]
    if entry is not None:
        return entry.finish(places, offsets)
    states = {
        name: tensor.new_empty(tensor.shape[0], int(offsets[-1]), tensor.shape[2])
        for name, tensor in kept[0].items()
    }
    fill(states, [kept[i] for i in range(len(shards))], places)
    return Captured(states, dict(facts), digest_tensors(states), offsets)


def _shard_of(model: LanguageModel, given: tuple[Any, ...], shard: Iterable[Rows]) -> dict[str, Tensor]:
    return Runner(model, *given).run(shard)


def fitting(model: LanguageModel, text: ParallelText, template: str | None = None) -> ParallelText:
    """The rows whose every side the model has room for; the rest are left out, in all languages."""
    limit = model.info.n_ctx
    if limit is None:
        return text
    encoded = [model.tokens.encode_in(template, text[language]) for language in text.languages]
    fits = [max(map(len, sides)) <= limit for sides in zip(*encoded, strict=True)]
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


class Runner:
    """Runs shards through the model; the result is pooled states `[layer row width]`."""

    def __init__(
        self,
        model: LanguageModel,
        request: Request,
        encoded: Sequence[Encoded],
        count: Sequence[Sequence[bool]],
    ):
        self.model, self.request, self.encoded, self.count = model, request, encoded, count
        self._memory = Halving("capture")
        self._pooler: Pooler
        self._states: dict[str, Tensor] = {}

    def run(self, shard: Iterable[Rows], ahead: Callable[[int], None] = lambda _: None) -> dict[str, Tensor]:
        """The states of a shard's sentences; `ahead` is called with the tokens done."""
        parts: list[dict[str, Tensor]] = []
        tokens = 0
        hooks = {site: self._look(site) for site in self.request.sites}
        with torch.inference_mode(), self.model.reading(hooks) as read:
            for rows in shard:
                parts += self._run_batch(rows, read)
                tokens += sum(len(self.encoded[row]) for row in rows)
                ahead(tokens)
        return {name: torch.cat([part[name] for part in parts], dim=1) for name in parts[0]}

    def _run_batch(self, rows: Rows, read: Callable[[Batch], None]) -> list[dict[str, Tensor]]:
        """One batch; where memory runs out, two halves of it, and smaller ones from then on."""

        def longest(rows: Sequence[int]) -> int:
            return max(len(self.encoded[row]) for row in rows)

        whole: Sequence[int] = rows
        return self._memory.run(
            lambda part: self._read(part, read),
            whole,
            size=lambda part: longest(part) * len(part),
            smaller=halved,
            alone=lambda part: f"one sentence of {longest(part)} tokens",
        )

    def _read(self, rows: Sequence[int], read: Callable[[Batch], None]) -> dict[str, Tensor]:
        batch = self.model.batch([self.encoded[row].ids for row in rows], self.request.padding)
        self._pooler = pooler(self.request.pool, batch, [self.count[row] for row in rows])
        self._states = {}
        read(batch)
        return {name: value.to("cpu", _DTYPES[self.request.dtype]) for name, value in self._states.items()}

    def _look(self, site: Site) -> Hook:
        """A hook that pools a site's residuals into its layer's place in the result of the batch."""
        layers = [other.layer for other in self.request.sites if other.component == site.component]
        place = layers.index(site.layer)

        def hook(h: Tensor) -> None:
            pooled = self._pooler(h)
            if site.component not in self._states:
                self._states[site.component] = pooled.new_empty(len(layers), *pooled.shape)
            self._states[site.component][place].copy_(pooled)

        return hook

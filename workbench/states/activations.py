"""The states of a capture by language, those in a user's cache, and measures of two languages' states."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import pandas as pd
import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.core.cards import card, size
from workbench.core.errors import InputError, SiteError, attempt
from workbench.core.numbers import as_tensor, spans, spelled
from workbench.core.store import digest_bytes, digest_json
from workbench.core.types import COMPONENTS, Component, Progress, Site, check_name, silent
from workbench.measures import METRICS, MORE_METRICS, Metric
from workbench.models import HOOK_NAMES
from workbench.stats import Interval, accuracy, jackknife_interval, mean_interval
from workbench.text import canonical

# Measures of two languages' states, layer by layer.


Groups = Sequence[str] | None
"""The document of each sentence, where the text tells."""


class SimilarityTable(pd.DataFrame):
    """A table `similarity` that draws itself; in all else a pandas table."""

    @property
    def _constructor(self) -> type["SimilarityTable"]:
        return SimilarityTable

    def plot(self, kind: str = "alignment") -> Any:  # type: ignore[override]
        """Its interactive figure (plotly): `alignment` (curves over layers) or `similarity` (pairs × layers).

        For the plots of pandas: `pandas.DataFrame(table).plot(…)`.
        """
        from workbench.figures import plot

        return plot({"similarity": pd.DataFrame(self)}, kind)


def measured_at(site: Site, measure: str, split: str) -> dict[str, Any]:
    """Where a row about a measure stands."""
    return site.columns | {"measure": measure, "split": split}


def similarity_table(
    facts: Mapping[str, Any],
    states: "Activations",
    source: str,
    target: str,
    rows: Any,
    groups: Groups = None,
    blocks: int | None = None,
    progress: Progress = silent,
    metrics: Mapping[str, Metric] | None = None,
) -> pd.DataFrame:
    """Each metric (by default those of `METRICS`) at the embedding and at each layer, on held-out sentences.

    A mean of per-query scores has an interval over these scores. With `blocks` the other measures have the
    jackknife's over that many groups of sentences, since a sentence that is drawn twice, as in a bootstrap,
    would match itself.
    """
    metrics = METRICS if metrics is None else metrics
    table, total = [], len(states.sites) * len(metrics)
    for site in states.sites:
        x, y = states.at(site, source)[rows], states.at(site, target)[rows]
        for name, metric in metrics.items():
            # One site may hold nothing to compare: sentences that all end in one token, embedded.
            value, note = attempt(metric, x, y)
            ends = {"low": float("nan"), "high": float("nan"), "interval": ""}
            if not note:
                interval, note = attempt(_interval, metric, x, y, groups, blocks)
                ends |= {} if note else interval
            row = {**facts, **measured_at(site, name, "held_out"), "value": value, **ends}
            table.append(row | {"n": len(rows), "note": note})
            progress(f"measure {facts['pair']}", len(table), total)
    return pd.DataFrame(table).astype({"layer": "Int64"})


def _interval(
    metric: Metric, x: Tensor, y: Tensor, groups: Groups, blocks: int | None
) -> dict[str, float | str]:
    """Ends and kind of the interval; empty where there is to be none."""
    if groups is not None and len(set(groups)) < 2:
        raise InputError("no interval: all held-out sentences are of one document")
    if metric.per_query is not None:
        kind, interval = "queries", _of_queries(metric, metric.per_query(x, y).cpu(), groups)
    elif blocks:
        kind = "jackknife"
        value = metric.among(x, y)
        interval = jackknife_interval(lambda rows: value(rows, rows), len(x), groups, blocks=blocks)
    else:
        return {}
    return {"low": interval.low, "high": interval.high, "interval": kind}


def _of_queries(metric: Metric, scores: Tensor, groups: Groups) -> Interval:
    """The interval of an accuracy where all scores are 0 or 1; otherwise of a mean, cut to the range."""
    if bool(((scores == 0) | (scores == 1)).all()):
        return accuracy(scores.numpy(), groups)
    found = mean_interval(scores.numpy(), groups)
    lowest, highest = metric.range
    return replace(found, low=max(found.low, lowest), high=min(found.high, highest))


def named_metric(name: str) -> Metric:
    """A metric by its name."""
    known = METRICS | MORE_METRICS
    check_name(name, known, "measure")
    return known[name]


# Pooling: from a residual per token to one state per sentence.


Pool = Literal["last", "mean", "weighted_mean", "all"]
"""What is kept of a sentence:

    last           the state at its last token
    mean           the mean over its tokens
    weighted_mean  the mean with weight t on its t-th token, as causal models see more later on
    all            every token's state
"""

POOLS: tuple[str, ...] = get_args(Pool)


class Pooler:
    """Pools the residuals of one batch at every site. `keep` marks the tokens that count."""

    def __init__(self, pool: str, keep: Bool[Tensor, "batch pos"], padded_left: bool):
        self.pool, self.keep, self.padded_left = pool, keep, padded_left
        if pool == "last":
            self.index = (keep.shape[1] - 1) - keep.flip(1).int().argmax(1)
        elif pool != "all":
            weight = (keep if pool == "mean" else keep.cumsum(1) * keep).float()
            self.weight = weight / weight.sum(1, keepdim=True)

    def __call__(self, h: Float[Tensor, "batch pos width"]) -> Float[Tensor, "row width"]:
        """Pool one site's residuals: one row per sentence, or one per token."""
        if self.pool == "all":
            return rearrange(h, "batch pos width -> (batch pos) width")[self.keep.flatten().to(h.device)]
        if self.pool == "last":
            return h[torch.arange(len(h), device=h.device), self.index.to(h.device)]
        if self.padded_left:
            # A pad position may attend to nothing at all and hold NaN, which a weight of zero does not
            # silence.
            h = h.masked_fill(~self.keep[..., None].to(h.device), 0.0)
        return einsum(self.weight.to(h.device), h.float(), "batch pos, batch pos width -> batch width")


# From a TransformerLens cache, as `run_with_cache` gives it, to one state for each sentence and site.


def _pooled_cache(
    cache: Any, lengths: Any, sites: str | Site | Iterable[str | Site], pool: str, padding: str, code: str
) -> dict[Site, Tensor]:
    """The wanted sites of one language's cache, pooled: `[sent width]` each.

    A component's name means every layer that the cache holds of it.
    """
    check_name(pool, ("last", "mean"), "pool")
    if padding not in ("right", "left"):
        raise InputError(f'padding is "right" or "left", not {padding!r}')
    if not hasattr(cache, "keys"):
        raise InputError(
            f"the cache of {code!r} is a {type(cache).__name__}: give the second value of run_with_cache(…)"
        )
    pooled: dict[Site, Tensor] = {}
    for site in _sites_in_cache(sites, cache, code):
        name = HOOK_NAMES[site.component].format(layer=site.layer)
        h = as_tensor(cache[name], f"the cache of {code!r}")
        h = h.flatten(2) if h.ndim == 4 else h  # heads side by side
        if h.ndim != 3:
            raise InputError(
                f"{name} of {code!r} is {tuple(h.shape)}, not [batch pos width]: run without remove_batch_dim"
            )
        keep = _tokens_in_cache(h, lengths, padding, code)
        pooled[site] = Pooler(pool, keep, padded_left=True)(h)
    return pooled


def _sites_in_cache(sites: str | Site | Iterable[str | Site], cache: Any, code: str) -> list[Site]:
    held: list[Site] = []
    for component in COMPONENTS:
        pattern = re.escape(HOOK_NAMES[component]).replace(r"\{layer\}", r"(?P<layer>\d+)")
        matches = [match for name in cache.keys() if (match := re.fullmatch(pattern, name))]  # noqa: SIM118
        layers = sorted(int(match.groupdict().get("layer", 0)) for match in matches)
        held += [Site(layer, component) for layer in layers]  # type: ignore[arg-type]
    chosen: list[Site] = []
    for site in [sites] if isinstance(sites, str | Site) else sites:
        if isinstance(site, str) and site not in COMPONENTS:
            site = Site.parse(site)
        matching = [other for other in held if site in (other, other.component)]
        if not matching:
            there = ", ".join(dict.fromkeys(other.component for other in held)) or "no site of a model"
            raise SiteError(f"the cache of {code!r} does not hold {site}: it holds {there}")
        chosen += matching
    return list(dict.fromkeys(chosen))


def _tokens_in_cache(h: Tensor, lengths: Any, padding: str, code: str) -> Bool[Tensor, "batch pos"]:
    """The positions that hold a sentence's own tokens."""
    rows, width = h.shape[:2]
    if lengths is None:
        if rows > 1:
            raise InputError(
                f"the cache of {code!r} holds {rows} sentences but does not say where padding begins: "
                f'give the number of tokens of each, lengths={{"{code}": […]}}'
            )
        return torch.ones(1, width, dtype=torch.bool)
    counts = as_tensor(lengths, f"the lengths of {code!r}").long().cpu()
    if counts.shape != (rows,) or (counts < 1).any() or (counts > width).any():
        raise InputError(
            f"the lengths of {code!r} must be {rows} numbers of tokens, from 1 to {width}, one a sentence"
        )
    place = torch.arange(width)
    return place < counts[:, None] if padding == "right" else place >= width - counts[:, None]


# `Activations`: pooled residuals with axes `layer sent d_model`, one block per language.


@dataclass(frozen=True)
class Captured:
    """One language's states: a tensor `[layer row width]` for each component, and their origin."""

    states: Mapping[str, Tensor]
    facts: Mapping[str, Any]
    digest: str
    offsets: Tensor  # sentence i owns rows offsets[i] … offsets[i + 1] − 1


@dataclass(frozen=True)
class Activations:
    """Pooled residuals of parallel sentences, per language and site.

    `acts["sw"]` is `[layer sent d_model]` over the captured layers in order; `acts.at(site, "sw")`
    is `[sent d_model]` at one site. With `pool="all"` the second axis counts tokens, and
    `acts.tokens("sw", i)` are the rows of sentence `i`.
    """

    languages: tuple[str, ...]
    sites: tuple[Site, ...]
    pool: str
    captured: Mapping[str, Captured]
    model: Mapping[str, Any]

    @classmethod
    def from_arrays(
        cls, states: Mapping[str, Any], component: Component = "resid_post", name: str = "arrays"
    ) -> "Activations":
        """Activations at hand: for each language `[layer sent width]`, or `[sent width]` of one layer.

        Arrays, tensors and tables will do; row i of every language is the same sentence.
        """
        if not isinstance(states, Mapping) or not states:
            raise InputError('give one array for each language: {"sw": X, "en": Y}')
        sides = {code: as_tensor(value, f"the states of {code!r}") for code, value in states.items()}
        sides = {code: value[None] if value.ndim == 2 else value for code, value in sides.items()}
        for code, value in sides.items():
            if value.ndim != 3:
                raise InputError(
                    f"the states of {code!r} must be [layer sent width] or [sent width]; "
                    f"{tuple(value.shape)} given"
                )
        sites = tuple(Site(layer, component) for layer in range(len(next(iter(sides.values())))))
        return cls._given({code: {component: value} for code, value in sides.items()}, sites, "given", name)

    @classmethod
    def from_cache(
        cls,
        caches: Mapping[str, Any],
        lengths: Mapping[str, Any] | None = None,
        *,
        sites: str | Site | Iterable[str | Site] = "resid_post",
        pool: str = "last",
        padding: str = "right",
        name: str = "cache",
    ) -> "Activations":
        """Activations from caches of TransformerLens' `run_with_cache`, one for each language.

        `lengths` gives the number of real tokens of every sentence of a language, BOS included; without it
        a cache must hold one sentence, which has no padding. `padding` is the side that was padded. A mean
        is over all real tokens.
        """
        if not isinstance(caches, Mapping) or not caches:
            raise InputError('give one cache for each language: {"sw": cache_sw, "en": cache_en}')
        known = {canonical(code): value for code, value in (lengths or {}).items()}
        pooled = {
            code: _pooled_cache(cache, known.get(canonical(code)), sites, pool, padding, code)
            for code, cache in caches.items()
        }
        held = {tuple(of_site) for of_site in pooled.values()}
        if len(held) > 1:
            raise InputError("the caches hold different layers: run all languages with the same names_filter")
        (chosen,) = held
        kinds: list[str] = list(dict.fromkeys(site.component for site in chosen))
        states = {
            code: {
                kind: torch.stack([h for site, h in of_site.items() if site.component == kind])
                for kind in kinds
            }
            for code, of_site in pooled.items()
        }
        return cls._given(states, chosen, pool, name)

    @classmethod
    def _given(
        cls, states: Mapping[str, Mapping[str, Tensor]], sites: tuple[Site, ...], pool: str, name: str
    ) -> "Activations":
        captured: dict[str, Captured] = {}
        shapes = {code: [tuple(value.shape[:2]) for value in one.values()] for code, one in states.items()}
        first_code, first = next(iter(shapes.items()))
        for code, one in states.items():
            layers, rows = shapes[code][0]
            if shapes[code] != first:
                raise InputError(
                    f"{code!r} has {layers} layers of {rows} sentences, but {first_code!r} {first[0][0]} of "
                    f"{first[0][1]}: all languages need the same sentences and layers"
                )
            kept = {kind: value.detach().to("cpu") for kind, value in one.items()}
            offsets = torch.arange(rows + 1)
            captured[canonical(code)] = Captured(kept, {"given": name}, digest_tensors(kept), offsets)
        if len(captured) < len(states):
            raise InputError(f"one language is given twice: {', '.join(states)}")
        return cls(tuple(captured), sites, pool, captured, {"name": name})

    @property
    def components(self) -> tuple[str, ...]:
        """The components captured, in order."""
        return tuple(dict.fromkeys(site.component for site in self.sites))

    def layers(self, component: str | None = None) -> tuple[int, ...]:
        """The layers captured of a component."""
        name = self._component(component)
        return tuple(site.layer for site in self.sites if site.component == name)

    def states(self, language: str, component: str | None = None) -> Float[Tensor, "layer row width"]:
        """All captured layers of one component."""
        return self._of(language).states[self._component(component)]

    def __getitem__(self, language: str) -> Float[Tensor, "layer row width"]:
        return self.states(language)

    def at(self, site: Site | str, language: str) -> Float[Tensor, "row width"]:
        """The states at one site."""
        site = Site.parse(site)
        if site not in self.sites:
            raise SiteError(f"{site} was not captured: there are {', '.join(map(str, self.sites))}")
        return self.states(language, site.component)[self.layers(site.component).index(site.layer)]

    def tokens(self, language: str, sentence: int) -> slice:
        """Which rows are those of a sentence (one row, unless every token was kept)."""
        offsets = self._of(language).offsets
        return slice(int(offsets[sentence]), int(offsets[sentence + 1]))

    def __len__(self) -> int:
        """The number of sentences."""
        return len(self._of(self.languages[0]).offsets) - 1

    @property
    def digest(self) -> str:
        """Digest of every byte captured."""
        return digest_json({name: self.captured[name].digest for name in self.languages})

    def measure(
        self,
        *languages: str,
        measures: str | Sequence[str] | None = None,
        rows: Any = None,
        groups: Sequence[str] | None = None,
        blocks: int | None = None,
        progress: Progress = silent,
    ) -> SimilarityTable:
        """Measures of two languages, layer by layer, as in the function `measure`."""
        if self.pool == "all":
            raise InputError('measures compare sentences, but every token was kept: capture with pool="last"')
        pair = languages or self.languages
        if len(pair) != 2 or not all(isinstance(code, str) for code in pair):
            raise InputError(f"a similarity is of two languages: name two of {', '.join(self.languages)}")
        names = [measures] if isinstance(measures, str) else measures
        metrics = None if names is None else {name: named_metric(name) for name in names}
        index = torch.arange(len(self)) if rows is None else torch.as_tensor(rows, dtype=torch.long)
        facts = {"model": self.model["name"], "pair": "-".join(pair), "seed": 0}
        table = similarity_table(facts, self, pair[0], pair[1], index, groups, blocks, progress, metrics)
        return SimilarityTable(table.assign(split="all" if rows is None else "chosen"))

    def cka(self, *languages: str, **options: Any) -> SimilarityTable:
        """Debiased CKA of two languages, layer by layer: about 0 where they are alike by chance alone."""
        return self.measure(*languages, measures="cka_debiased", **options)

    def __repr__(self) -> str:
        components = ", ".join(f"{name} × {len(self.layers(name))}" for name in self.components)
        return (
            f"Activations({len(self)} sentences, {' '.join(self.languages)}; {components}; "
            f"{self.pool}; {self.model['name']})"
        )

    def _repr_html_(self) -> str:
        rows = [
            (
                language,
                name,
                spelled(spans(self.layers(name)), most=None),
                " × ".join(map(str, (states := self.states(language, name)).shape)),
                str(states.dtype).removeprefix("torch."),
                size(states.numel() * states.element_size()),
            )
            for language in self.languages
            for name in self.components
        ]
        return card(
            "Activations",
            "layer × sentence × width",
            facts={"model": self.model["name"], "sentences": f"{len(self):,}", "pooled": self.pool},
            heads=["language", "component", "layers", "shape", "type", "size"],
            rows=rows,
            note=f"digest {self.digest[:12]}…",
        )

    def _of(self, language: str) -> Captured:
        name = canonical(language)
        if name not in self.captured:
            raise InputError(f"{language!r} was not captured: there are {', '.join(self.languages)}")
        return self.captured[name]

    def _component(self, name: str | None) -> str:
        if name is not None and name not in self.components:
            raise SiteError(f"{name} was not captured: there are {', '.join(self.components)}")
        if name is None and len(self.components) > 1:
            raise SiteError(f"which component? there are {', '.join(self.components)}")
        return name or self.components[0]


def measure(
    states: Any,
    *others: Any,
    measures: str | Sequence[str] | None = None,
    rows: Any = None,
    groups: Sequence[str] | None = None,
    blocks: int | None = None,
    progress: Progress = silent,
) -> SimilarityTable:
    """Measures of similarity, layer by layer: one row for each site and measure.

    `measure(states, "sw", "en")` compares two languages of `Activations` (no names are needed where there
    are two); `measure(X, Y)` two arrays or tensors, `[sent width]` or `[layer sent width]`, whose rows are
    the same sentences. `measures` are names among `METRICS` and `MORE_METRICS`, by default all of `METRICS`.
    `rows` chooses sentences, such as those that no map was fitted on. Measures of single sentences have an
    interval; the others have one with `blocks`, by a jackknife over that many blocks; `groups` names the
    document of each chosen sentence.
    """
    options = {"measures": measures, "rows": rows, "groups": groups, "blocks": blocks, "progress": progress}
    if isinstance(states, Activations):
        return states.measure(*others, **options)
    if len(others) != 1 or isinstance(others[0], str):
        raise InputError('give Activations and two languages, measure(states, "sw", "en"), or two arrays')
    sides = dict(zip(_ARRAYS, (states, others[0]), strict=True))
    return Activations.from_arrays(sides).measure(*_ARRAYS, **options)


_ARRAYS = ("x-source", "x-target")
"""Names of two arrays without languages in a table."""


def digest_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Digest of names, shapes, dtypes and values."""
    parts: list[bytes | memoryview] = []
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        parts.append(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        parts.append(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest_bytes(parts)

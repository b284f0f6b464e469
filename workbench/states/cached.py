"""From a TransformerLens cache, as `run_with_cache` gives it, to one state for each sentence and site."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from workbench.core.errors import InputError, SiteError, did_you_mean
from workbench.core.types import COMPONENTS, Site, as_tensor
from workbench.models import HOOK_NAMES

POOLED = ("last", "mean")


def pooled_cache(
    cache: Any, lengths: Any, sites: str | Site | Iterable[str | Site], pool: str, padding: str, code: str
) -> dict[str, dict[int, Tensor]]:
    """The wanted sites of one language's cache, pooled: component → layer → `[sent width]`.

    A component's name means every layer that the cache holds of it.
    """
    if pool not in POOLED:
        raise InputError(f"unknown pool {pool!r}: {did_you_mean(pool, POOLED)}")
    if padding not in ("right", "left"):
        raise InputError(f'padding is "right" or "left", not {padding!r}')
    if not hasattr(cache, "keys"):
        raise InputError(
            f"the cache of {code!r} is a {type(cache).__name__}: give the second value of run_with_cache(…)"
        )
    pooled: dict[str, dict[int, Tensor]] = {}
    for site in _chosen(sites, cache, code):
        h = as_tensor(cache[_name(site)], f"the cache of {code!r}")
        h = h.flatten(2) if h.ndim == 4 else h  # heads side by side
        if h.ndim != 3:
            raise InputError(
                f"{_name(site)} of {code!r} is {tuple(h.shape)}, not [batch pos width]: "
                "run without remove_batch_dim"
            )
        keep = _real(h, lengths, padding, code)
        if pool == "last":
            value = h[torch.arange(len(h)), (keep * torch.arange(h.shape[1])).argmax(1)]
        else:
            kept = h.float().masked_fill(~keep[..., None].to(h.device), 0.0)
            value = kept.sum(1) / keep.sum(1, keepdim=True).to(h.device)
        pooled.setdefault(site.component, {})[site.layer] = value
    return pooled


def _chosen(sites: str | Site | Iterable[str | Site], cache: Mapping[str, Any], code: str) -> list[Site]:
    names = set(cache.keys())
    held = [site for kind in COMPONENTS for site in _layers(kind, names)]
    chosen: list[Site] = []
    for wanted in [sites] if isinstance(sites, str | Site) else sites:
        if isinstance(wanted, str) and wanted in COMPONENTS:
            mine = [site for site in held if site.component == wanted]
        else:
            site = Site.parse(wanted) if isinstance(wanted, str) else wanted
            mine = [site] if site in held else []
        if not mine:
            there = ", ".join(dict.fromkeys(site.component for site in held)) or "no site of a model"
            raise SiteError(f"the cache of {code!r} does not hold {wanted}: it holds {there}")
        chosen += mine
    return list(dict.fromkeys(chosen))


def _layers(component: str, names: set[str]) -> list[Site]:
    """The sites of a component that are among the names, in order."""
    if component == "embed":
        return [Site(0, "embed")] if HOOK_NAMES["embed"] in names else []
    before, after = HOOK_NAMES[component].split("{layer}")
    numbers = [
        name[len(before) : -len(after)] for name in names if name.startswith(before) and name.endswith(after)
    ]
    return [Site(layer, component) for layer in sorted(int(n) for n in numbers if n.isdigit())]  # type: ignore[arg-type]


def _name(site: Site) -> str:
    return HOOK_NAMES[site.component].format(layer=site.layer)


def _real(h: Tensor, lengths: Any, padding: str, code: str) -> Tensor:
    """Which positions hold a sentence's own tokens, `[batch pos]`."""
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

"""`Activations`: pooled residuals with axes `layer sent d_model`, one block per language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.core.cards import card, size, span
from workbench.core.errors import InputError, SiteError
from workbench.core.store import digest_json
from workbench.core.types import Site
from workbench.text import canonical


@dataclass(frozen=True)
class Captured:
    """One language's states: a tensor `[layer row width]` for each component, and how they came."""

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
        site = Site.parse(site) if isinstance(site, str) else site
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

    def __repr__(self) -> str:
        components = ", ".join(f"{name} × {len(self.layers(name))}" for name in self.components)
        return (
            f"Activations({len(self)} sentences, {' '.join(self.languages)}; {components}; "
            f"{self.pool}; {self.model['name']})"
        )

    def _repr_html_(self) -> str:
        heads = ["language", "component", "layers", "shape", "type", "size"]
        rows = [
            (
                language,
                name,
                span(self.layers(name)),
                " × ".join(map(str, (states := self.states(language, name)).shape)),
                str(states.dtype).removeprefix("torch."),
                size(states.numel() * states.element_size()),
            )
            for language in self.languages
            for name in self.components
        ]
        facts = {"model": self.model["name"], "sentences": f"{len(self):,}", "pooled": self.pool}
        note = f"digest {self.digest[:12]}…"
        return card("Activations", "layer × sentence × width", facts=facts, heads=heads, rows=rows, note=note)

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


def row_offsets(n_rows: list[int]) -> Tensor:
    """Where each sentence's rows begin, and where the last one ends."""
    return torch.tensor([0, *n_rows]).cumsum(0)

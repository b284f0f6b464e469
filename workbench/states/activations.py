"""`Activations`: pooled residuals with axes `layer sent d_model`, one block per language; its files."""

import contextlib
import errno
import json
import logging
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from workbench.core.cards import card, size, span
from workbench.core.errors import InputError, SiteError, StoreError
from workbench.core.store import digest_bytes, digest_file, digest_json, read_json, write_bytes, write_json
from workbench.core.types import Component, Progress, Site, as_tensor, silent
from workbench.states.cached import pooled_cache
from workbench.text import canonical

if TYPE_CHECKING:
    from workbench.states.similarity import SimilarityTable


# `Activations`: pooled residuals with axes `layer sent d_model`, one block per language.


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
        n_layers = len(next(iter(sides.values())))
        sites = tuple(Site(layer, component) for layer in range(n_layers))
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
        """Activations from what TransformerLens' `run_with_cache` gave, one cache for each language.

        `lengths` gives the number of real tokens of every sentence of a language, BOS included; without it
        a cache must hold one sentence, which has no padding. `padding` is the side that was padded. A mean
        is over all real tokens.
        """
        if not isinstance(caches, Mapping) or not caches:
            raise InputError('give one cache for each language: {"sw": cache_sw, "en": cache_en}')
        known = {canonical(code): value for code, value in (lengths or {}).items()}
        found = {
            code: pooled_cache(cache, known.get(canonical(code)), sites, pool, padding, code)
            for code, cache in caches.items()
        }
        held = [[(kind, tuple(layers)) for kind, layers in one.items()] for one in found.values()]
        chosen = tuple(Site(layer, kind) for kind, layers in held[0] for layer in layers)  # type: ignore[arg-type]
        if any(one != held[0] for one in held):
            raise InputError("the caches hold different layers: run all languages with the same names_filter")
        states = {
            code: {kind: torch.stack(list(layers.values())) for kind, layers in one.items()}
            for code, one in found.items()
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
            if shapes[code] != first:
                (layers, rows), (first_layers, first_rows) = shapes[code][0], first[0]
                raise InputError(
                    f"{code!r} has {layers} layers of {rows} sentences, but {first_code!r} {first_layers} of "
                    f"{first_rows}: all languages need the same sentences and layers"
                )
            kept = {kind: value.detach().to("cpu") for kind, value in one.items()}
            rows = next(iter(kept.values())).shape[1]
            offsets = row_offsets([1] * rows)
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

    def measure(
        self,
        *languages: str,
        measures: str | Sequence[str] | None = None,
        rows: Any = None,
        groups: Sequence[str] | None = None,
        blocks: int | None = None,
        progress: Progress = silent,
    ) -> "SimilarityTable":
        """Measures of two languages, layer by layer: what `measure` says of `Activations`."""
        from workbench.states.similarity import SimilarityTable, named_metric, similarity_table

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

    def cka(self, *languages: str, **options: Any) -> "SimilarityTable":
        """Debiased CKA of two languages, layer by layer: about 0 where they are alike by chance alone."""
        return self.measure(*languages, measures="cka_debiased", **options)

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


def measure(
    states: Any,
    *others: Any,
    measures: str | Sequence[str] | None = None,
    rows: Any = None,
    groups: Sequence[str] | None = None,
    blocks: int | None = None,
    progress: Progress = silent,
) -> "SimilarityTable":
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
"""What two arrays without languages are called in a table."""


def row_offsets(n_rows: list[int]) -> Tensor:
    """Where each sentence's rows begin, and where the last one ends."""
    return torch.tensor([0, *n_rows]).cumsum(0)


def digest_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Digest of names, shapes, dtypes and values."""
    parts: list[bytes | memoryview] = []
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        parts.append(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        parts.append(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest_bytes(parts)


# One language's states on disk: finished shards while the work goes on, then one file.
#
# <store>/activations/<digest of what was asked>/
#     plan.json                 written first: how the work is cut into batches
#     shard-00003.safetensors   whole or absent; gone once the entry is complete
#     states.safetensors        one tensor [layer row width] per component
#     manifest.json             written last: facts, and the digest of states.safetensors


log = logging.getLogger(__name__)

_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


@dataclass(frozen=True)
class Entry:
    """The place of one capture of one language, under a name that says what was asked for."""

    folder: Path
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, store: Path, facts: Mapping[str, Any]) -> "Entry":
        """The entry for these facts; equal questions share an entry."""
        return cls(store / "activations" / digest_json(dict(facts))[:24], facts)

    # Reading ------------------------------------------------------------------------------------

    def read(self, offsets: Tensor) -> Captured | None:
        """The finished states, memory-mapped; None where there are none or they are damaged."""
        if not self._manifest.exists():
            return None
        try:
            manifest = read_json(self._manifest)
            found = digest_file(self._states) if self._states.exists() else "missing"
        except StoreError as error:
            log.warning("%s; capturing again", error)
            return None
        if digest_json(manifest["asked"]) != digest_json(dict(self.facts)):
            log.warning("%s is of other states: capturing again", self._manifest)
            return None
        if found != manifest["states_digest"]:
            log.warning("%s is damaged (its digest is wrong): capturing again", self._states)
            return None
        return self._open(str(manifest["states_digest"]), offsets)

    def _open(self, digest: str, offsets: Tensor) -> Captured:
        with safe_open(self._states, framework="pt") as file:
            # Tensors of a safe_open are views of the mapped file: pages are read when touched.
            states = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Captured(states, dict(self.facts), digest, offsets)

    def read_shard(self, number: int) -> dict[str, Tensor] | None:
        """A finished shard; None where it is missing or damaged."""
        path = self.shard_path(number)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                noted = (file.metadata() or {}).get("digest")
        except (SafetensorError, OSError):
            noted, tensors = None, {}
        if noted is None or noted != digest_tensors(tensors):
            log.warning("%s is damaged: capturing that part again", path)
            path.unlink()
            return None
        return tensors

    # Writing ------------------------------------------------------------------------------------

    def begin(self, cut: dict[str, Any], made_with: dict[str, Any]) -> dict[str, Any]:
        """Note how the work is cut, and with what it is made; return the cut of work begun before."""
        path = self.folder / "plan.json"
        if path.exists():
            try:
                return dict(read_json(path)["cut"])
            except StoreError:
                log.warning("%s is damaged: capturing again", path)
        for stale in self.folder.glob("shard-*.safetensors"):
            stale.unlink()  # shards whose plan is not known fit no other
        write_json(path, {"cut": cut, "made_with": made_with})
        return cut

    def write_shard(self, number: int, tensors: dict[str, Tensor]) -> None:
        """Save a finished shard."""
        write_bytes(self.shard_path(number), save(tensors, {"digest": digest_tensors(tensors)}))

    def finish(self, rows: list[Tensor], offsets: Tensor) -> Captured:
        """Join the shards into one file in the order of the text; shard s fills rows `rows[s]`."""
        first = self._shard(0)
        n_rows = int(offsets[-1])
        shapes = {name: (t.shape[0], n_rows, t.shape[2]) for name, t in first.items()}
        kind = next(iter(first.values())).dtype
        with _safetensors_file(self._states, shapes, kind) as arrays:
            for number, places in enumerate(rows):
                for name, tensor in self._shard(number).items():
                    arrays[name][:, places.numpy()] = _as_bits(tensor)
        digest = digest_file(self._states)
        write_json(self._manifest, {"asked": dict(self.facts), "states_digest": digest})
        for number in range(len(rows)):
            self.shard_path(number).unlink(missing_ok=True)
        return self._open(digest, offsets)

    def _shard(self, number: int) -> dict[str, Tensor]:
        tensors = self.read_shard(number)
        if tensors is None:
            raise StoreError(f"{self.shard_path(number)} was lost while in use: run again")
        return tensors

    def shard_path(self, number: int) -> Path:
        """Where a shard is kept."""
        return self.folder / f"shard-{number:05d}.safetensors"

    @property
    def _states(self) -> Path:
        return self.folder / "states.safetensors"

    @property
    def _manifest(self) -> Path:
        return self.folder / "manifest.json"


def _as_bits(tensor: Tensor) -> np.ndarray:
    """A tensor's values as integers of the same width: numpy has no bfloat16."""
    bits = torch.int32 if tensor.element_size() == 4 else torch.int16
    return tensor.contiguous().view(bits).numpy()


@contextlib.contextmanager
def _safetensors_file(
    path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype
) -> Iterator[dict[str, np.ndarray]]:
    """A safetensors file to be filled through memory maps, so that it never sits in memory whole."""
    bits = np.dtype("<i4" if dtype == torch.float32 else "<i2")
    header: dict[str, Any] = {}
    end = 0
    for name, shape in sorted(shapes.items()):
        start, end = end, end + int(np.prod(shape)) * bits.itemsize
        header[name] = {"dtype": _NAMES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)  # data begins on a multiple of eight bytes
    size = 8 + len(head) + end
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            _allocate(file, size)
            file.write(struct.pack("<Q", len(head)) + head)
        arrays = {
            name: np.memmap(part, bits, "r+", 8 + len(head) + facts["data_offsets"][0], tuple(facts["shape"]))
            for name, facts in header.items()
        }
        yield arrays  # type: ignore[misc]
        for array in arrays.values():
            array.flush()
        os.replace(part, path)
    except OSError as error:
        why = error.strerror or error
        raise StoreError(f"cannot write {path}, which needs {size:,} bytes: {why}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _allocate(file: BinaryIO, size: int) -> None:
    """Take the room of a file beforehand: a write through a memory map to a full disk ends the process."""
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except (AttributeError, OSError) as error:  # not on this system, or not on this file system
        if isinstance(error, OSError) and error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        zeros = bytes(1 << 20)
        for start in range(0, size, len(zeros)):
            file.write(zeros[: size - start])
        file.flush()
        file.seek(0)

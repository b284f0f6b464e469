"""Fitted maps and the chosen patch on disk: tensors as safetensors, and a JSON card of their origin."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from workbench.align import ALIGNERS, CONTROLS, LayerMaps, export, restore
from workbench.core.errors import InputError, StoreError, did_you_mean
from workbench.core.store import digest_bytes, digest_json, read_bytes, read_json, write_bytes, write_json
from workbench.core.types import Site
from workbench.intervene import INTERVENTIONS, Patch, in_place
from workbench.models import LanguageModel, wrap
from workbench.sweeps import Configuration

_FORMAT = "workbench patch 2"
_UNFIT = (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, SafetensorError)
"""What goes wrong where fields are missing, of another kind, or do not fit together."""


def _export(aligners: Iterable[Any]) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """The records of fitted aligners, and their tensors as `number/name`."""
    records: list[dict[str, Any]] = []
    tensors: dict[str, Tensor] = {}
    for number, aligner in enumerate(aligners):
        record, learned = export(aligner)
        records.append(record)
        # Tensors may share memory (a factor that several maps use), which the format does not hold.
        tensors |= {f"{number}/{name}": tensor.clone() for name, tensor in learned.items()}
    return records, tensors


def _restore(records: Sequence[dict[str, Any]], tensors: Mapping[str, Tensor]) -> tuple[Any, ...]:
    _ = len(ALIGNERS), len(CONTROLS)  # classes of other installed packages are known from here on
    own: list[dict[str, Tensor]] = [{} for _ in records]
    for key, tensor in tensors.items():
        number, _, name = key.partition("/")
        own[int(number)][name] = tensor
    return tuple(restore(record, learned) for record, learned in zip(records, own, strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class SavedPatch:
    """Patches ready for `applied`, with their origin and scores.

    >>> saved = load_patch("runs/diagnose/patch.safetensors")                          # doctest: +SKIP
    >>> with applied(model, saved.patches, batch, from_clean=saved.from_clean):        # doctest: +SKIP
    ...     model.run(batch)
    """

    patches: tuple[Patch, ...]
    from_clean: bool
    card: dict[str, Any]
    """Model and digests, site, formula, strength, and the scores on dev and test."""

    @contextmanager
    def on(self, model: Any) -> Iterator[LanguageModel]:
        """Inside the block every run of the model is patched, one prompt at a time; afterwards none is.

        The model is that of `load_model`, or a bridge or `HookedTransformer` with the weights of the fit.

        >>> with load_patch("runs/x/patch.safetensors").on(model):      # doctest: +SKIP
        ...     model.generate("Where is the house?")
        """
        wrapped = wrap(model)
        self.check(wrapped)
        if self.from_clean:
            raise InputError(
                "this patch takes its states from an unpatched run of the same prompt: put it in place with "
                "workbench.intervene.applied(model, saved.patches, batch, from_clean=True)"
            )
        with in_place(wrapped, self.patches):
            yield wrapped

    def __repr__(self) -> str:
        about, patch = self.card, self.card.get("configuration", {})
        where = f"{patch.get('intervention')} at {patch.get('site')}, strength {patch.get('strength')}"
        return f"SavedPatch({about.get('model')}, {about.get('pair')}: {patch.get('aligner')}, {where})"

    def check(self, model: LanguageModel) -> None:
        """Refuse a model whose weights are not those the maps were fitted on."""
        wanted, given = self.card.get("weights_digest"), model.weights_digest
        if wanted != given:
            raise InputError(
                f"the patch was made for {self.card.get('model')} (weights {str(wanted)[:12]}…), but "
                f"{model.info.name} has weights {given[:12]}…: fit it again for this model"
            )


def save_patch(configuration: Configuration, path: Path, card: dict[str, Any]) -> None:
    """Write the configuration's maps with the card; the file is whole or not there."""
    records, tensors = _export(aligner for _, aligner in configuration.parts)
    sites = [str(site) for site, _ in configuration.parts]
    content = {
        "format": _FORMAT,
        "configuration": configuration.columns,
        "from_clean": configuration.from_clean,
        "parts": [{"site": site, "map": record} for site, record in zip(sites, records, strict=True)],
        "tensors_digest": _digest(tensors),
        "card": card,
    }
    digest = digest_json(json.loads(json.dumps(content)))  # of the card as it is read
    text = json.dumps(content | {"digest": digest}, sort_keys=True)
    write_bytes(path, to_bytes(tensors, {"workbench": text}))


def load_patch(path: str | Path) -> SavedPatch:
    """Read what `save_patch` wrote; nothing is unpickled, and a damaged file is refused."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"no saved patch at {path}: {error.strerror or error}") from error
    content = _header(data, path)
    try:
        tensors = from_bytes(data)
        if _digest(tensors) != content["tensors_digest"]:
            raise StoreError(f"{path} is damaged (its digest is wrong): save the patch again")
        configuration = content["branch" if "branch" in content else "configuration"]  # 0.1 wrote the former
        name = configuration["intervention"]
        if name not in INTERVENTIONS:
            raise InputError(f"{path}: unknown intervention {name!r}: {did_you_mean(name, INTERVENTIONS)}")
        parts = content["parts"]
        aligners = _restore([part["map"] for part in parts], tensors)
        patches = tuple(
            Patch(
                Site.parse(part["site"]),
                INTERVENTIONS[name],
                aligner.transform,
                float(configuration["strength"]),
                configuration["positions"],
            )
            for part, aligner in zip(parts, aligners, strict=True)
        )
        about = {"configuration": configuration, "from_clean": content["from_clean"]} | content["card"]
    except _UNFIT as error:
        raise InputError(f"{path} is no saved patch: {type(error).__name__} {error}") from error
    return SavedPatch(patches, bool(content["from_clean"]), about)


def _header(data: bytes, path: Path) -> dict[str, Any]:
    # The format: eight bytes of length, then as much JSON, of which one entry is for the writer's own use.
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["workbench"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is no saved patch: it has no card") from error
    if not isinstance(header, dict):
        raise InputError(f"{path} is no saved patch: its card is no JSON object")
    digest = header.pop("digest", None)
    if digest is None and header.get("format") != _FORMAT:
        raise InputError(f"{path} was written by an earlier version, without a digest: save the patch again")
    if digest != digest_json(header):
        raise StoreError(f"{path} is damaged (its digest is wrong): save the patch again")
    if header.get("format") != _FORMAT:
        raise InputError(f"{path} was written by another version: save the patch again")
    return header


def _digest(tensors: dict[str, Tensor]) -> str:
    return digest_bytes([to_bytes(dict(sorted(tensors.items())))])


def save_maps(maps: LayerMaps, path: Path, card: dict[str, Any]) -> None:
    """Write `path`.safetensors and `path`.json; the card names model, text and pair."""
    records, tensors = _export(maps.aligners)
    data = to_bytes(tensors)
    card_file, tensors_file = _files(path)
    write_bytes(tensors_file, data)
    write_json(card_file, {"card": card, "layers": records, "tensors_digest": digest_bytes([data])})


def load_maps(path: Path) -> tuple[LayerMaps, dict[str, Any]]:
    """Maps and card as they were saved, to the bit; a damaged file is refused."""
    card_file, tensors_file = _files(path)
    for file in (card_file, tensors_file):
        if not file.exists():
            raise InputError(f"no saved maps at {path}: {file} is missing")
    written, data = read_json(card_file), read_bytes(tensors_file)
    try:
        if digest_bytes([data]) != written["tensors_digest"]:
            raise StoreError(f"{tensors_file} is damaged (its digest is wrong): save the maps again")
        return LayerMaps(_restore(written["layers"], from_bytes(data))), written["card"]
    except _UNFIT as error:
        raise InputError(f"{card_file} is of no saved maps: {type(error).__name__} {error}") from error


def _files(path: Path) -> tuple[Path, Path]:
    """Card and tensors."""
    return path.with_name(f"{path.name}.json"), path.with_name(f"{path.name}.safetensors")

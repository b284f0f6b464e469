"""A saved patch in the formats of other tools, each only where the format holds all of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from workbench.align.base import Affine
from workbench.core.errors import InputError
from workbench.core.store import write_bytes
from workbench.core.types import Site, check_name
from workbench.intervene import AddMapped, AddVector, Interpolate, NormKept, Patch, Replace
from workbench.models.outline import block_path
from workbench.study import SavedPatch


@dataclass(frozen=True, eq=False)
class Step:
    """What a patch does behind one block: h′ = h W + b, and then perhaps h′ · ‖h‖ / ‖h′‖."""

    layer: int
    weight: Tensor
    bias: Tensor
    keeps_norm: bool
    shifts: bool
    """Whether W is the identity: the step adds b to every state."""


def steps_of(saved: SavedPatch) -> list[Step]:
    """A patch block by block; refused where it is not affine, or not behind blocks."""
    if saved.from_clean:
        raise InputError("this patch takes its states from an unpatched run: no format holds that")
    return [_step(patch) for patch in saved.patches]


def _step(patch: Patch) -> Step:
    formula, alpha = patch.intervention, patch.strength
    keeps_norm = isinstance(formula, NormKept)
    inner = formula.inner if isinstance(formula, NormKept) else formula
    affine = getattr(getattr(patch.map, "__self__", None), "map_", None)
    if not isinstance(affine, Affine) or (isinstance(inner, AddVector) and inner.vector is not None):
        raise InputError(f"the map at {patch.site} is not linear: only linear ones can be exported")
    # h′ = own · h + part · (h M + c)
    shares: dict[type, tuple[float, float]] = {Replace: (0.0, 1.0), AddMapped: (1.0, alpha)}
    shares |= dict.fromkeys((Interpolate, AddVector), (1 - alpha, alpha))
    if type(inner) not in shares:
        raise InputError(f"{type(inner).__name__} is no formula that can be exported")
    own, part = shares[type(inner)]
    same = torch.eye(affine.width, dtype=torch.float64)
    bias = torch.zeros(affine.width) if affine.bias is None else affine.bias
    shifts = not affine.factors and affine.skip == 1 and type(inner) is not AddMapped
    weight = same if shifts else own * same + part * affine.weight.double().cpu()
    return Step(_block(patch.site), weight.float(), (part * bias.double().cpu()).float(), keeps_norm, shifts)


def _block(site: Site) -> int:
    """The block behind whose output the site stands."""
    if site.component == "resid_post":
        return site.layer
    if site.component == "resid_pre" and site.layer > 0:
        return site.layer - 1
    raise InputError(f"a patch at {site} cannot be exported: only patches of what a block puts out can")


def one_step(saved: SavedPatch, positions: Sequence[str], tool: str) -> Step:
    """The only step of a patch, at one of these positions."""
    steps = steps_of(saved)
    if len(steps) > 1:
        raise InputError(f"{tool} holds one layer, but the patch has {len(steps)}: export to transformers")
    if saved.patches[0].positions not in positions:
        raise InputError(
            f"{tool} patches {' or '.join(map(_tokens, positions))}, but the patch is at "
            f"{_tokens(saved.patches[0].positions)}: export to transformers"
        )
    if steps[0].keeps_norm:
        raise InputError(f"{tool} does not keep the length of states: export to transformers")
    return steps[0]


def _tokens(positions: str) -> str:
    return {"last": "the last prompt token", "prompt": "the prompt's tokens"}.get(positions, "all tokens")


def shifts_of(saved: SavedPatch, tool: str) -> dict[int, Tensor]:
    """Layer → the vector added to all its states; refused where the patch does anything else."""
    for step in steps_of(saved):
        if not step.shifts or step.keeps_norm:
            raise InputError(
                f"{tool} adds a vector, but the patch at layer {step.layer} applies a matrix: export to "
                "transformers, or choose mean_shift"
            )
    if any(patch.positions != "all" for patch in saved.patches):
        raise InputError(
            f"{tool} adds its vector at all tokens, but the patch is at "
            f"{_tokens(saved.patches[0].positions)}: export to transformers, or fit with --positions all"
        )
    return {step.layer: step.bias for step in steps_of(saved)}


Files = dict[str, bytes]
"""What is written, by name."""


def _tensors(steps: Sequence[Step], whole: bool = False) -> dict[str, Tensor]:
    """W and b of each block by name; without `whole`, a W that is the identity is left out."""
    weights = {f"weight.{step.layer}": step.weight for step in steps if whole or not step.shifts}
    return weights | {f"bias.{step.layer}": step.bias for step in steps}


def to_numpy(saved: SavedPatch) -> Files:
    """`patch.npz`: W and b of each layer, h′ = h W + b, and an array of JSON text about them."""
    steps = steps_of(saved)
    if any(step.keeps_norm for step in steps):
        raise InputError("a matrix does not keep the length of states: export to transformers")
    arrays = {name: tensor.numpy() for name, tensor in _tensors(steps, whole=True).items()}
    about = np.array(json.dumps(_about(saved), ensure_ascii=False))
    np.savez(buffer := BytesIO(), about=about, **arrays)  # type: ignore[arg-type]
    return {"patch.npz": buffer.getvalue()}


def to_transformers(saved: SavedPatch) -> Files:
    """A folder that needs torch, safetensors and a Hugging Face model: the tensors, a hook and a page."""
    steps = steps_of(saved)
    positions = {patch.positions for patch in saved.patches}
    where = {"last": "columns == last", "prompt": "columns <= last", "all": "columns >= 0"}[positions.pop()]
    code = _CODE.replace("WHERE", where)
    code = code.replace("    NORM\n", _NORM if steps[0].keeps_norm else "")
    code = code.replace("SKIPS", "False" if "== " in where or "<=" in where else "True")
    return {
        "patch.safetensors": to_bytes(_tensors(steps)),
        "patch.py": code.encode(),
        "README.md": _page(saved, steps).encode(),
    }


_CODE = '''"""A patch of the residual stream: h W + b in place of a block's output h. See README.md."""
import contextlib
from pathlib import Path

import torch
from safetensors.torch import load_file

TENSORS = load_file(Path(__file__).with_name("patch.safetensors"))
LAYERS = sorted({int(name.split(".")[1]) for name in TENSORS})
NEW_TOKENS = SKIPS  # whether tokens generated behind the prompts are patched, too


def change(h, layer):
    x = h.float()
    new = x @ TENSORS[f"weight.{layer}"].to(h.device) if f"weight.{layer}" in TENSORS else x
    new = new + TENSORS[f"bias.{layer}"].to(h.device)
    NORM
    return new.to(h.dtype)


@contextlib.contextmanager
def patched(model, ends=None):
    """Patch one batch of prompts inside the block, at `ends`: columns of their last tokens (default: -1)."""
    count = model.config.get_text_config().num_hidden_layers
    lists = (m for m in model.modules() if isinstance(m, torch.nn.ModuleList))
    blocks, first = next(m for m in lists if len(m) == count), []

    def is_prompt(h, layer):
        if layer != LAYERS[0]:
            return h.shape[1] >= first[0].shape[1]
        if not first:
            first.append(h.detach().clone())
            return True
        width = first[0].shape[1]
        if width == 1 and not NEW_TOKENS:
            raise ValueError("a prompt of one token: open the block for one pass, or pad it on the left")
        if h.shape[1] == 1:
            return False
        if h.shape[1] < width or not torch.allclose(h[:, :width], first[0], atol=1e-3, rtol=1e-3):
            raise ValueError("another batch of prompts: open the block again for it")
        return True

    def hook(layer, module, args, output):
        h = output[0] if isinstance(output, tuple) else output
        if not (NEW_TOKENS or is_prompt(h, layer)):
            return None
        columns = torch.arange(h.shape[1], device=h.device).expand(len(h), -1)
        if NEW_TOKENS:
            last = columns
        elif ends is None:
            last = torch.full((len(h), 1), first[0].shape[1] - 1, device=h.device)
        else:
            last = torch.as_tensor(ends, device=h.device)[:, None]
        h = torch.where((WHERE)[..., None], change(h, layer), h)
        return (h, *output[1:]) if isinstance(output, tuple) else h

    handles = [
        blocks[i].register_forward_hook(lambda *given, i=i: hook(i, *given)) for i in LAYERS
    ]
    try:
        yield model
    finally:
        for handle in handles:
            handle.remove()
'''
_NORM = "    new = new * (x.norm(dim=-1, keepdim=True) / new.norm(dim=-1, keepdim=True).clamp(min=1e-30))\n"


def _about(saved: SavedPatch) -> dict[str, Any]:
    """The card, without what only this program reads."""
    return {name: value for name, value in saved.card.items() if not name.endswith("_digest")}


def _loading(card: Mapping[str, Any]) -> tuple[str, str]:
    """The words that load the model of a card in Python, and whether its weights are quantised."""
    source, quantised = str(card.get("source") or card.get("model")), card.get("quantisation")
    place, file, more = source, "", ""
    if source.endswith(".gguf"):
        place, _, file = source.rpartition(":" if ":" in source else "/")
        more += f", gguf_file={file!r}"
    if Path(place).is_absolute():  # a folder of the machine on which the study ran
        place = "FOLDER OF THE MODEL"
    more += f", revision={card['revision']!r}" if card.get("revision") else ""
    words = f'AutoModelForCausalLM.from_pretrained({place!r}, dtype="{card.get("dtype", "float32")}"{more})'
    return words, f" Its weights were quantised ({quantised})." if quantised else ""


def _page(saved: SavedPatch, steps: Sequence[Step]) -> str:
    card, patch = saved.card, saved.card.get("configuration", {})
    test, gain = card.get("test", {}), ""
    if {"gain", "low", "high"} <= set(test):
        known = "{gain:+.3f} [{low:.3f}, {high:.3f}] (95 % interval, n = {n})".format(**{"n": "?"} | test)
        gain = (
            f"On the test items of {card.get('task')} it changed accuracy by {known}.\nRead that beside the "
            "controls in the report of the study: a gain alone does not show that languages were mapped.\n"
        )
    formula = f"{patch.get('intervention')}, strength {patch.get('strength')}"
    layers = ", ".join(str(step.layer) for step in steps)
    loading, quantised = _loading(card)
    tokenizer = loading.replace("AutoModelForCausalLM", "AutoTokenizer").partition(", dtype=")[0] + ")"
    bos = {"always": "with a BOS before each text", "never": "without a BOS"}.get(str(card.get("bos")), "")
    return f"""---
library_name: transformers
tags: [activation-patch, multilingual]
---

# A patch for {card.get("model")}, {card.get("pair")}

At the output of block {layers} the state h is replaced by h W + b, at {_tokens(saved.patches[0].positions)}.
The map is {patch.get("aligner")}, the patch type {formula}.
It was fitted on states of parallel sentences, the first language of the pair mapped onto the second.
{gain}
```python
from patch import patched
from transformers import AutoModelForCausalLM, AutoTokenizer

model = {loading}
tokenizer = {tokenizer}
inputs = tokenizer("…", return_tensors="pt")
with patched(model):  # one batch of prompts, padded on the left
    print(tokenizer.decode(model.generate(**inputs, max_new_tokens=20)[0]))
```

For a batch padded on the right, give the columns of the prompts' last tokens: `patched(model, ends=[5, 7])`.

The patch belongs to this model with these weights and this precision.{quantised} It was not tried on others.
It was chosen on texts as the tokenizer makes them{", " + bos if bos else ""}.
"""


def to_easysteer(saved: SavedPatch) -> Files:
    """Tensors for `LinearMap`, and the few lines that make a `SteeringSpec` of them."""
    step = one_step(saved, ("last",), "easysteer's linear")
    weight, bias = step.weight.T.contiguous(), step.bias
    return {
        "patch.safetensors": to_bytes({"weight": weight, "bias": bias}),
        "steering.py": _EASYSTEER.format(layer=step.layer).encode(),
    }


_EASYSTEER = '''"""The patch as a steering spec of EasySteer: llm.generate(prompts, steering=SPEC)."""
from pathlib import Path

from safetensors.numpy import load_file
from vllm.steer_vectors import ApplySpec, SteeringSpec, VectorSpec
from vllm.steer_vectors.payloads import LinearMap

tensors = load_file(Path(__file__).with_name("patch.safetensors"))
SPEC = SteeringSpec(
    vectors=[
        VectorSpec(
            data=LinearMap(tensors["weight"], tensors["bias"]),  # W h + b
            algorithm="linear",
            layers=[{layer}],
            apply=ApplySpec(prompt_positions=[-1]),
        )
    ]
)
'''


def to_steering_vectors(saved: SavedPatch) -> Files:
    """Tensors, and a module whose `apply(model, ends)` patches with the library's `SteeringVector`."""
    steps = steps_of(saved)
    if any(patch.positions == "prompt" for patch in saved.patches) or any(s.keeps_norm for s in steps):
        raise InputError(
            "steering-vectors takes patches at the last prompt token or at all tokens, which do not keep the "
            "length of states: export to transformers"
        )
    if len(steps) > 1 and not all(step.shifts for step in steps):
        raise InputError("steering-vectors has one operator for all layers: export to transformers")
    everywhere = saved.patches[0].positions == "all"
    return {
        "patch.safetensors": to_bytes(_tensors(steps)),
        "steering.py": _STEERING.replace("EVERYWHERE", str(everywhere)).encode(),
    }


_STEERING = '''"""The patch as a SteeringVector of steering-vectors: `with apply(model): model(**inputs)`."""
from pathlib import Path

import torch
from safetensors.torch import load_file
from steering_vectors import SteeringVector

TENSORS = load_file(Path(__file__).with_name("patch.safetensors"))
VECTOR = SteeringVector({int(k.split(".")[1]): v for k, v in TENSORS.items() if k.startswith("bias")})
MATRICES = [v for k, v in TENSORS.items() if k.startswith("weight")]


def operator(h, b):
    """What is added to a state: h W + b - h."""
    return (h.float() @ MATRICES[0].to(h.device) + b - h.float()).to(h.dtype) if MATRICES else b.to(h.dtype)


def apply(model, mask=None):
    """`mask`: ones at the tokens to patch, a row for each prompt (default: as the patch was made)."""
    return VECTOR.apply(
        model, operator=operator, token_indices=mask if mask is not None else WHICH, min_token_index=None
    )


WHICH = slice(None) if EVERYWHERE else [-1]  # of one prompt, or prompts padded on the left; one pass
'''


def to_gguf(saved: SavedPatch) -> Files:
    """`patch.gguf`: a control vector of llama.cpp, `direction.K` for the block K from 1 on."""
    vectors = shifts_of(saved, "a control vector")
    if 0 in vectors:
        raise InputError("a control vector has no direction for layer 0: llama.cpp refuses it")
    try:
        from gguf import GGUFWriter
    except ImportError as error:
        raise InputError("gguf files need the package gguf: pip install gguf") from error
    hint = saved.card.get("architecture")
    if not hint:
        raise InputError("the patch does not say the architecture of its model: run the study again")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "patch.gguf"
        writer = GGUFWriter(path, "controlvector")
        writer.add_string("controlvector.model_hint", str(hint))
        writer.add_uint32("controlvector.layer_count", len(vectors))
        for layer, vector in vectors.items():
            writer.add_tensor(f"direction.{layer}", vector.float().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return {"patch.gguf": path.read_bytes()}


def to_lm_eval(saved: SavedPatch) -> Files:
    """`patch.pt`: what `--model steered` of lm-evaluation-harness reads as `steer_path`."""
    vectors = shifts_of(saved, "the model steered")
    source = saved.card.get("source")
    if not source:
        raise InputError("the patch does not say where its model is: run the study again")
    blocks = block_path(str(source))
    content = {
        f"{blocks}.{layer}": {
            **{"steering_vector": vector.float(), "steering_coefficient": 1.0},
            **{"action": "add", "bias": None, "head_index": None},
        }
        for layer, vector in vectors.items()
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "patch.pt"
        torch.save(content, path)  # noqa: TID251 - the format of the reader; nothing here reads it back
        return {"patch.pt": path.read_bytes()}


FORMATS: dict[str, tuple[Callable[[SavedPatch], Files], str]] = {
    "transformers": (to_transformers, "a folder with tensors, a hook of 40 lines and a model card"),
    "numpy": (to_numpy, "matrix and vector, in a file of arrays"),
    "steering-vectors": (to_steering_vectors, "tensors and a SteeringVector"),
    "gguf": (to_gguf, "a control vector, of vectors at all tokens"),
    "easysteer": (to_easysteer, "tensors and a steering spec, of one layer at the last prompt token"),
    "lm-eval": (to_lm_eval, "a file for its model steered, of vectors at all tokens"),
}
"""Format → what makes its files, and what they are."""


def export_patch(saved: SavedPatch, to: str, folder: str | Path, overwrite: bool = False) -> list[Path]:
    """Write the patch in another tool's format; refused, with the reason, where the format cannot hold it."""
    check_name(to, FORMATS, "format")
    files, folder = FORMATS[to][0](saved), Path(folder)
    for name in files:
        if (folder / name).exists() and not overwrite:
            raise InputError(f"{folder / name} already exists: give another folder, or overwrite")
    for name, data in files.items():
        write_bytes(folder / name, data)
    return [folder / name for name in files]

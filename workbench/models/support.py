"""Which architecture works through which backend: what the test suite verifies, and nothing else."""

from dataclasses import dataclass
from pathlib import Path

from workbench.core.errors import ModelError
from workbench.models.hooked import BY_CONFIG
from workbench.models.load import load_model
from workbench.models.tiny import CONFIGS, make_tiny_model

# What readers know an architecture by, where the model type in config.json does not say it.
_EXAMPLES = {
    "llama": "Llama 2 and 3, many others",
    "mistral": "Mistral 7B",
    "qwen2": "Qwen 2 and 2.5",
    "qwen3": "Qwen 3",
    "gemma2": "Gemma 2",
    "gemma3_text": "Gemma 3 (text)",
    "gpt2": "GPT-2, mGPT",
    "gpt_neox": "Pythia, GPT-NeoX",
    "bloom": "BLOOM, BLOOMZ",
    "falcon": "Falcon",
    "opt": "OPT",
    "xglm": "XGLM",
}


@dataclass(frozen=True)
class Support:
    """One row of the table that `workbench models` prints."""

    architecture: str
    example: str
    bridge: bool
    hooked: bool


def support_table() -> list[Support]:
    """Backend × architecture.

    `tests/models/` loads a tiny model for every cell, and fails both where a cell that says yes does
    not work and where one that says no does.
    """
    return [Support(name, _EXAMPLES[name], True, name in BY_CONFIG) for name in CONFIGS]


def check_cell(architecture: str, backend: str, folder: Path) -> str:
    """Load a tiny model of an architecture: the largest difference of its logits, or a dash."""
    path = folder / architecture
    if not path.exists():
        make_tiny_model(architecture, path)
    try:
        model = load_model(path, backend=backend)
    except ModelError:
        return "—"
    return f"{model.info.self_check['logits']:.0e}"

"""Supervised fine-tuning by LoRA: on labels of the language itself, or of the main one (transfer)."""

from functools import partial

from workbench.baselines.base import Baseline, Cost, Variant, Wording, task_of
from workbench.baselines.lora import LoraSettings, fine_tune
from workbench.errors import NotApplicable, WorkbenchError
from workbench.models import load_model
from workbench.study import Study

FEW = 50
"""Labels that one person can write in an hour or two."""


def _tuned(study: Study, wording: Wording, on: str, most: int | None = None) -> list[Variant]:
    task, language = task_of(study), study.source if on == "own" else study.target
    examples = task.examples(language, "fit")[:most] if language in task.languages else ()
    if not examples:
        raise NotApplicable(f"{task.name} has no fit items in {language} to train on")
    info, seed = study.model.info, study.settings.seed
    dtype = info.dtype.removeprefix("torch.")
    try:
        tuned = fine_tune(
            info.source,
            examples,
            study.folder / "compare" / "tuned" / f"{task.name}-{language}-{len(examples)}-seed{seed}",
            LoraSettings(seed=seed),
            study.progress,
            revision=info.revision,
            device=info.device,
        )
    except WorkbenchError as error:  # a model that was wrapped may lie nowhere
        raise NotApplicable(f"it cannot be trained: {error}") from error
    # The merged model is kept in float32; it is asked as the study's own model is.
    model = load_model(tuned.folder, backend=info.backend, device=info.device, dtype=dtype)
    cost = Cost(parameters=tuned.trained_parameters, fit_tokens=tuned.forward_tokens, labels=tuned.examples)
    return [Variant(f"{tuned.examples} items in {language}", task, model, cost)]


FINE_TUNED = Baseline(
    "lora",
    "fine-tuning (LoRA) on its own labels",
    "a LoRA adapter trained on solved items of the language, merged",
    partial(_tuned, on="own"),
    needs_training=True,
)
FINE_TUNED_FEW = Baseline(
    "lora_few",
    f"fine-tuning (LoRA) on {FEW} of its own labels",
    "the same with few labels, where patching on top has something left to close",
    partial(_tuned, on="own", most=FEW),
    needs_training=True,
)
TRANSFER_LORA = Baseline(
    "lora_transfer",
    "cross-lingual transfer (LoRA)",
    "a LoRA adapter trained on solved items of the main language, asked in the other",
    partial(_tuned, on="main"),
    needs_training=True,
)

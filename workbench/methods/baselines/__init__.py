"""Baselines: other ways of closing a language gap, to see what patching is worth against them."""

from functools import partial

from workbench.methods.base import Cost
from workbench.methods.baselines import asking
from workbench.methods.baselines.asking import MAIN, OWN, organism_wording, read_translations
from workbench.methods.baselines.base import Baseline, Variant, Wording
from workbench.methods.baselines.lora import FEW, fine_tuned

_SHOTS = "solved items before each one; how many and which, dev chooses"

BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Baseline("direct", "direct inference", "the item in its own language, nothing done", asking.as_it_is),
        Baseline(
            "target_language",
            "the same items in the target language",
            "the parallel item in the main language, choices and all",
            asking.in_target_language,
        ),
        Baseline(
            "translate_oracle",
            "translate, then answer (oracle)",
            "the data set's own parallel side as a flawless translation of the prompt; the choices stay as "
            "they are",
            asking.by_parallel_side,
        ),
        Baseline(
            "translate_table",
            "translate, then answer (table)",
            "items translated from outside; the choices stay as they are",
            asking.by_table,
        ),
        Baseline(
            "translate_self",
            "translate, then answer (the model itself)",
            "the model translates the item greedily, and answers its own translation",
            asking.by_the_model,
        ),
        Baseline(
            "prompt_translation",
            "prompt translation",
            "the instruction in the main language, the item in its own",
            asking.with_main_instructions,
        ),
        Baseline(
            "prompt_search",
            "prompt search",
            "a pool of templates, of which dev chooses one",
            asking.with_templates,
        ),
        Baseline(
            "shots_main",
            "shots in the main language",
            _SHOTS,
            partial(asking.with_solved_items, languages=(MAIN,)),
        ),
        Baseline(
            "shots_own",
            "shots in the item's language",
            _SHOTS,
            partial(asking.with_solved_items, languages=(OWN,)),
        ),
        Baseline(
            "shots_mixed",
            "shots in both languages in turn",
            _SHOTS,
            partial(asking.with_solved_items, languages=(MAIN, OWN)),
        ),
        Baseline(
            "transfer_prototype",
            "cross-lingual transfer (nearest prototype)",
            "means of the model's last states of main-language items of each class; the nearest one answers",
            asking.by_prototypes,
        ),
        Baseline(
            "lora_transfer",
            "cross-lingual transfer (LoRA)",
            "a LoRA adapter trained on solved items of the main language, asked in the other",
            partial(fine_tuned, language=MAIN),
            needs=("labels", "training"),
        ),
        Baseline(
            "lora_few",
            f"fine-tuning (LoRA) on {FEW} of its own labels",
            "the same with few labels, where patching on top has something left to close",
            partial(fine_tuned, language=OWN, most=FEW),
            needs=("labels", "training"),
        ),
        Baseline(
            "lora",
            "fine-tuning (LoRA) on its own labels",
            "a LoRA adapter trained on solved items of the language, merged",
            partial(fine_tuned, language=OWN),
            needs=("labels", "training"),
        ),
    )
}
"""Baselines, by the name that tables and the command line use; the first is what all are held against."""

__all__ = ["BASELINES", "Baseline", "Cost", "Variant", "Wording", "organism_wording", "read_translations"]

"""Baselines: other ways of closing a language gap, to see what patching is worth against them."""

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from workbench.core.bundled import Registry
from workbench.methods.base import Cost, LanguagePair
from workbench.methods.baselines import asking
from workbench.methods.baselines.asking import (
    MAIN,
    OWN,
    Baseline,
    Variant,
    Wording,
    organism_wording,
    read_translations,
)
from workbench.methods.baselines.lora import FEW, fine_tuned

_VARIANTS: dict[str, Callable[[LanguagePair, Wording], list[Variant]]] = {
    "direct": asking.as_it_is,
    "target_language": asking.in_target_language,
    "translate_oracle": asking.by_parallel_side,
    "translate_table": asking.by_table,
    "translate_self": asking.by_the_model,
    "prompt_translation": asking.with_main_instructions,
    "prompt_search": asking.with_templates,
    "shots_main": partial(asking.with_solved_items, languages=(MAIN,)),
    "shots_own": partial(asking.with_solved_items, languages=(OWN,)),
    "shots_mixed": partial(asking.with_solved_items, languages=(MAIN, OWN)),
    "transfer_prototype": asking.by_prototypes,
    "lora_transfer": partial(fine_tuned, language=MAIN),
    "lora_few": partial(fine_tuned, language=OWN, most=FEW),
    "lora": partial(fine_tuned, language=OWN),
}
_TEXTS = tomllib.loads((Path(__file__).parent / "baselines.toml").read_text(encoding="utf-8"))

BASELINES: Registry[Baseline] = Registry(
    "baselines",
    {
        name: Baseline(name, variants=_VARIANTS[name], needs=tuple(texts.pop("needs", ())), **texts)
        for name, texts in _TEXTS.items()
    },
)
"""Baselines by the name that tables and the command line use; the first is what all are held against."""

__all__ = ["BASELINES", "Baseline", "Cost", "Variant", "Wording", "organism_wording", "read_translations"]

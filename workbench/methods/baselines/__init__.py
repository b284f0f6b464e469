"""Baselines: other ways of closing a language gap, to see what patching is worth against them."""

from workbench.methods.base import Cost
from workbench.methods.baselines.asking import (
    DIRECT,
    PROMPT_SEARCH,
    PROMPT_TRANSLATION,
    SHOTS_MAIN,
    SHOTS_MIXED,
    SHOTS_OWN,
    TARGET_LANGUAGE,
    TRANSFER_PROTOTYPE,
    organism_wording,
)
from workbench.methods.baselines.base import Baseline, Variant, Wording
from workbench.methods.baselines.lora import FINE_TUNED, FINE_TUNED_FEW, TRANSFER_LORA
from workbench.methods.baselines.translate_test import (
    TRANSLATE_ORACLE,
    TRANSLATE_SELF,
    TRANSLATE_TABLE,
    read_translations,
)

BASELINES: dict[str, Baseline] = {
    "direct": DIRECT,
    "target_language": TARGET_LANGUAGE,
    "translate_oracle": TRANSLATE_ORACLE,
    "translate_table": TRANSLATE_TABLE,
    "translate_self": TRANSLATE_SELF,
    "prompt_translation": PROMPT_TRANSLATION,
    "prompt_search": PROMPT_SEARCH,
    "shots_main": SHOTS_MAIN,
    "shots_own": SHOTS_OWN,
    "shots_mixed": SHOTS_MIXED,
    "transfer_prototype": TRANSFER_PROTOTYPE,
    "lora_transfer": TRANSFER_LORA,
    "lora_few": FINE_TUNED_FEW,
    "lora": FINE_TUNED,
}
"""Baselines, by the name that tables and the command line use; the first is what all are held against."""

__all__ = ["BASELINES", "Baseline", "Cost", "Variant", "Wording", "organism_wording", "read_translations"]

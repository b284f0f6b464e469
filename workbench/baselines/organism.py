"""The organism's own words for asking otherwise: it reads nothing but its invented languages."""

from typing import Any

from workbench.baselines.base import Wording
from workbench.organism.config import WorldConfig
from workbench.organism.wording import ASKED, MARK, STOP, item_prompt, translation_prompt


def organism_wording(config: WorldConfig) -> Wording:
    """Shots behind full stops, translations as the model has read them, templates of signs it knows."""
    main, words = config.main.code, len(config.main.order)

    def to_translate(item: Any, source: str, target: str) -> str:
        return translation_prompt(_sentence(item.prompt), target)

    def from_translation(item: Any, text: str) -> str:
        # The model goes on with an answer or another sentence: of its translation only the first counts.
        prompt = item_prompt(text.split()[:words], config.last_token)
        return f"{ASKED} {prompt}" if item.prompt.startswith(ASKED) else prompt

    return Wording(
        between=f" {STOP} ",
        templates=("{prompt}", f"{STOP} {{prompt}}", f"<{main}> {{prompt}}", f"<{main}> {STOP} {{prompt}}"),
        shots=(1, 2),
        to_translate=to_translate,
        from_translation=from_translation,
        until=STOP,
        longest=12,
    )


def _sentence(prompt: str) -> list[str]:
    return [word for word in prompt.split() if word not in (ASKED, MARK)]

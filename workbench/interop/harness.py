"""A model of lm-evaluation-harness that patches: `workbench` in its registry of models.

    lm_eval --model workbench --model_args pretrained=MODEL,intervention=patch.safetensors --tasks xcopa_sw

Releases that read the entry points `lm_eval.models` find it by themselves; for others `workbench lm-eval`
registers it first. This module needs the harness to be imported.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from torch.nn.functional import pad

from workbench.core.cards import notebook_bar
from workbench.core.errors import InputError
from workbench.core.store import digest_bytes
from workbench.intervene import Patch, applied
from workbench.models import Batch, wrap
from workbench.study import load_patch
from workbench.sweeps.naive import patched_rows
from workbench.sweeps.score import Reading, by_choice, likeliest, log_likelihoods
from workbench.tasks import Example

NAME = "workbench"
Request = tuple[tuple[str, str], list[int], list[int]]
"""Texts of context and continuation, and their tokens."""


class PatchedLM(HFLM):
    """The harness's `hf` model with a saved patch, at the last token of each context.

    `intervention` is the file of the patch; without it the model is unpatched. `strength` replaces the α of
    the patch. All other arguments are those of `hf`; log-probabilities are computed in float32.
    """

    def __init__(
        self, pretrained: str, intervention: str | None = None, strength: float | None = None, **options: Any
    ):
        if strength is not None and intervention is None:
            raise InputError("strength is that of a patch: give intervention=FILE, too")
        super().__init__(pretrained=pretrained, **options)
        if self.backend != "causal" or self.world_size > 1:
            raise InputError("the model workbench runs decoder-only models in one process")
        self.lens = wrap(self._model, tokenizer=self.tokenizer, rewritten=True)
        self.patches: tuple[Patch, ...] = ()
        self.from_clean, self.about = False, {}
        if intervention is not None:
            saved = load_patch(intervention)
            _check(saved.card, self.lens, self.add_bos_token)
            saved.check(self.lens)
            self.patches, self.from_clean = saved.patches, saved.from_clean
            self.about = {"sha256": digest_bytes([Path(intervention).read_bytes()]), **saved.card}
        if strength is not None:
            self.patches = tuple(_with_strength(patch, float(strength)) for patch in self.patches)
            self.about["strength"] = float(strength)

    @torch.no_grad()
    def _loglikelihood_tokens(
        self, requests: Sequence[Request], disable_tqdm: bool = False, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        """Of each continuation its log-likelihood, and whether it is what the model would write."""
        numbers: dict[tuple[int, ...], list[int]] = {}
        tails = []
        for number, (text, context, continuation) in enumerate(requests):
            if text is not None and not text[0] and not self._everywhere:
                raise InputError(_NO_CONTEXT)
            # What is too long loses its beginning, as in the harness.
            kept = (context + continuation)[-(self.max_length + 1) :]
            numbers.setdefault(tuple(kept[: -len(continuation)]), []).append(number)
            tails.append(tuple(continuation))
        # Continuations of one context share its run, but not all in one batch: a thousand may have the same.
        most = max(min(self._rows(), TOKENS // max(map(len, tails), default=1)), 1)
        parts = [
            (context, those[start : start + most])
            for context, those in numbers.items()
            for start in range(0, len(those), most)
        ]
        readings = [
            Reading(_NOBODY, context, tuple(tails[number] for number in those)) for context, those in parts
        ]
        owners, answers = [those for _, those in parts], [(0.0, False)] * len(requests)
        progress, done = notebook_bar("request"), 0
        rows_of = patched_rows(self.lens, readings, self.patches, self.from_clean, self._rows())
        for those, rows, _, h in rows_of:
            some, predicting = [readings[i] for i in those], rows.predicting(h)
            sums = by_choice(some, log_likelihoods(self.lens, *predicting))
            misses = by_choice(some, (~likeliest(self.lens, *predicting)).float())
            for i, values, missed in zip(those, sums, misses, strict=True):
                for number, value, miss in zip(owners[i], values.tolist(), missed.tolist(), strict=True):
                    answers[number] = value, miss == 0
                    if (text := requests[number][0]) is not None:  # of a whole text the harness keeps the sum
                        self.cache_hook.add_partial("loglikelihood", text, answers[number])
                done += len(owners[i])
            if not disable_tqdm:
                progress("loglikelihood", done, len(requests))
        return answers

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
        """Perplexity of whole texts, which have no context: for patches at all tokens alone."""
        if not self._everywhere:
            raise InputError(
                "tasks of output type loglikelihood_rolling have no context at whose end a patch could be: "
                "only a patch at all tokens can run them"
            )
        return super().loglikelihood_rolling(requests, disable_tqdm)

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **options: Any) -> Any:
        if not self.patches:
            return super()._model_generate(context, max_length, stop, **options)
        mask, added = options["attention_mask"].bool(), int(context.shape[1] == 1)
        if added:  # a prompt of one token looks like a token behind a cache: padding tells them apart
            context, mask = pad(context, (1, 0), value=self.lens.tokens.pad), pad(mask, (1, 0), value=False)
        batch = Batch(context, mask, (mask.long().cumsum(1) - 1).clamp(min=0), "left")
        options["attention_mask"] = mask.long()
        with torch.no_grad(), applied(self.lens, self.patches, batch, from_clean=self.from_clean):
            return super()._model_generate(context, max_length + added, stop, **options)[:, added:]

    def set_cache_hook(self, cache_hook: Any) -> None:
        """The harness's cache knows a request by its text alone: with a patch it would mix up answers."""
        if self.patches:
            raise InputError("--use_cache would take the answers of other patches: leave it out")
        super().set_cache_hook(cache_hook)

    def get_model_info(self) -> dict[str, Any]:
        """What the results of the harness say of the model, and of its patch."""
        return super().get_model_info() | ({"intervention": self.about} if self.about else {})

    @property
    def _everywhere(self) -> bool:
        """Whether all patches, if any, are at all tokens."""
        return all(patch.positions == "all" for patch in self.patches)

    def _rows(self) -> int:
        return self.batch_size if isinstance(self.batch_size, int) else 64


_NOBODY = Example("-", "-", ("a", "b"), 0, "und", "test")
"""In place of an item, which the harness keeps to itself."""


_NO_CONTEXT = (
    "this task has items without a context, at whose end a patch could be: only a patch at all tokens can "
    "run here (a study of the task takes what all choices begin with as the prompt)"
)
TOKENS = 4096
"""Most tokens of continuations that share a run of their context."""


def _check(card: dict[str, Any], model: Any, adds_bos: bool | None) -> None:
    """Refuse a model in another precision, and other tokens, than the patch was chosen with."""
    wanted, given = card.get("dtype"), model.info.dtype.removeprefix("torch.")
    if wanted is not None and wanted != given:
        raise InputError(f"the patch was made in {wanted}, but the model is in {given}: give dtype={wanted}")
    bos = card.get("bos", "tokenizer")
    needed = {"always": True, "never": False}.get(bos)
    if needed is not None and adds_bos != needed:
        raise InputError(f"the patch was chosen with --bos {bos}: give add_bos_token={needed}")


def _with_strength(patch: Patch, strength: float) -> Patch:
    if not patch.intervention.uses_strength:
        raise InputError(f"strength: {type(patch.intervention).__name__} has none")
    return replace(patch, strength=strength)


def register() -> None:
    """Add the model to the harness's registry, where no entry point did."""
    from lm_eval.api.registry import get_model, register_model

    try:
        get_model(NAME)
    except (ValueError, KeyError):
        register_model(NAME)(PatchedLM)

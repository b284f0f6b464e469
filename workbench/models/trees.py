"""Trees of tokens on Hugging Face modules: the masks of their blocks, and keys and values that go before."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import DynamicLayer

from workbench.models.base import Past, TokenTree


class TreeMasks:
    """Pre-hooks for blocks: the mask that each is given, read by position, and cut to a token's ancestors.

    A row is as long as any continuation, so the model's own mask for it says what position p sees of
    position q: windows, where a layer has one. None says that all of the past is seen. ALiBi counts along
    the row as well; it is read by position too. Behind a past, rows are short: what was read for it holds.
    """

    def __init__(self, tree: TokenTree, past: Past | None, dtype: torch.dtype, takes: tuple[str, ...]):
        self.tree, self.past, self.dtype, self.takes = tree, past, dtype, takes
        self.sees: dict[int, Tensor | None] = {} if past is None else dict(past.sees)
        self.biases: dict[int, Tensor | None] = {} if past is None else dict(past.biases)
        self.keys = tree.positions if past is None else torch.cat([past.positions, tree.positions], 1)
        self._own: list[tuple[Tensor, Tensor]] = []
        self._made: list[tuple[Tensor | None, Tensor]] = []  # layers share masks, so these are few

    def hook(self, layer: int) -> Callable[[nn.Module, Any, Any], Any]:
        """The pre-hook of a layer."""

        def replace(block: nn.Module, args: Any, kwargs: Any) -> Any:
            given = dict(zip(self.takes, args, strict=False)) | kwargs
            alibi = given.get("alibi")
            if self.past is None:
                self.sees[layer] = self._by_position(given.get("attention_mask"))
                self.biases[layer] = None if alibi is None else self._of_one_row(alibi)
            changed = {"attention_mask": self._mask(self.sees[layer])}
            if alibi is not None:
                bias = self.biases[layer]
                assert bias is not None
                index = self.keys[:, None, None].expand(-1, bias.shape[0], -1, -1)
                rows = bias[None].expand(len(self.keys), -1, -1, -1)
                changed["alibi"] = rows.gather(-1, index).flatten(0, 1)
            # Each argument stays where it was, by place or by name: the bridge looks for some by name.
            by_place = [changed.pop(name, arg) for name, arg in zip(self.takes, args, strict=False)]
            return tuple(by_place), kwargs | changed

        return replace

    def _by_position(self, own: Tensor | None) -> Tensor | None:
        """A block's own mask as what position p sees of position q."""
        if own is None:
            return None
        for known, seen in self._own:
            if known is own:
                return seen
        seen = own[0, 0] if own.dtype == torch.bool else own[0, 0] == 0
        self._own.append((own, seen))
        return seen

    def _of_one_row(self, alibi: Tensor) -> Tensor:
        return alibi.reshape(len(self.tree.ids), -1, 1, alibi.shape[-1])[0]

    def _mask(self, seen: Tensor | None) -> Tensor:
        for known, mask in self._made:
            if known is seen:
                return mask
        sees = self.tree.sees
        if seen is not None:
            sees = sees & seen.to(sees.device)[self.tree.positions[:, :, None], self.keys[:, None, :]]
        mask = torch.zeros(sees.shape, dtype=self.dtype, device=sees.device)
        mask = mask.masked_fill(~sees, torch.finfo(self.dtype).min)[:, None]
        self._made.append((seen, mask))
        return mask


class Beginning(DynamicLayer):
    """A layer's keys and values of the past, which new ones are read behind and not added to."""

    def __init__(self, keys: Tensor, values: Tensor):
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values = self._beginning = keys, values

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        """The whole."""
        keys, values = self._beginning
        return torch.cat([keys, key_states], -2), torch.cat([values, value_states], -2)

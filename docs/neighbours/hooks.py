"""Hooks on the blocks of a Hugging Face model, for libraries that have none."""

from contextlib import contextmanager

import torch


def state_of(output):
    """The residual stream in what a block gives."""
    return output[0] if isinstance(output, tuple) else output


@contextmanager
def recorded(layers):
    """What every block gives while the model runs, in order."""
    kept = []
    hooks = [layer.register_forward_hook(lambda *call: kept.append(state_of(call[2]))) for layer in layers]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def changed(layer, position, change):
    """One block whose state at a position is changed; without a block, nothing is."""

    def patch(module, inputs, output):
        h = state_of(output)
        h[:, position] = torch.as_tensor(change(h[:, position].numpy()), dtype=h.dtype)

    hook = layer and layer.register_forward_hook(patch)
    try:
        yield
    finally:
        if hook:
            hook.remove()

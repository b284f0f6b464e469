"""The job with lm-evaluation-harness 0.4.13: it scores, and adds vectors; a map needs a class."""

import torch
from hooks import changed, recorded
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from shared import TOPICS, options, study

given = options()


class Patched(HFLM):
    """A model whose state at the last prompt token is changed at a layer."""

    def _loglikelihood_tokens(self, requests, **others):
        found = []
        for request in requests:
            with changed(self.layer, len(request[1]) - 1, self.change):
                found += super()._loglikelihood_tokens([request], disable_tqdm=True)
        return found


lm = Patched(given.model, device="cpu", dtype="float32")
blocks = lm.model.model.layers


def states(sentences):
    """Last-token states of every layer."""
    found = []
    for sentence in sentences:
        with recorded(blocks) as kept:
            lm.model(torch.tensor([lm.tok_encode(sentence)]))
        found.append(torch.stack([h[0, -1] for h in kept]))
    return torch.stack(found, 1).numpy()


def predict(prompt, layer, change):
    """The topic that the model chooses when the last prompt token is changed at a layer."""
    lm.layer, lm.change = None if layer is None else blocks[layer], change
    asked = [Instance("loglikelihood", {}, (prompt, f" {topic}"), i) for i, topic in enumerate(TOPICS)]
    sums = [value for value, _ in lm.loglikelihood(asked, disable_tqdm=True)]
    return sums.index(max(sums))


with torch.no_grad():
    study(given, states, predict)

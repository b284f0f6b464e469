"""The job with nnterp 1.3 (nnsight 0.7): states by layer and assignment inside a trace."""

import torch
from nnterp import StandardizedTransformer
from nnterp.nnsight_utils import collect_token_activations_batched
from shared import answer, options, rows, study

given = options()
model = StandardizedTransformer(given.model, dtype=torch.float32, device_map="cpu")


def states(sentences):
    """Last-token states of every layer."""
    return collect_token_activations_batched(model, sentences, batch_size=16).numpy()


def predict(prompt, layer, change):
    """The topic that the model chooses when the last prompt token is changed at a layer."""
    ids, n, ends = rows(model.tokenizer, prompt)
    with model.trace({"input_ids": torch.tensor(ids), "attention_mask": torch.ones_like(torch.tensor(ids))}):
        if layer is not None:
            h = model.layers_output[layer]
            h[:, n - 1] = torch.as_tensor(change(h[:, n - 1].numpy()), dtype=torch.float32)
            model.layers_output[layer] = h
        logits = model.logits.save()
    return answer(logits, n, ends)


with torch.no_grad():
    study(given, states, predict)

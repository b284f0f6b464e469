"""The job with pyvene 0.1.8: collected and changed representations of a block's output."""

import pyvene
import torch
from shared import answer, options, rows, study
from transformers import AutoModelForCausalLM, AutoTokenizer

given = options()
tokenizer = AutoTokenizer.from_pretrained(given.model)
model = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32).eval()
layers = range(model.config.num_hidden_layers)


def place(layer, **how):
    """The output of one block."""
    return {"layer": layer, "component": "block_output", **how}


collector = pyvene.IntervenableModel(
    [place(layer, intervention_type=pyvene.CollectIntervention) for layer in layers], model
)


def states(sentences):
    """Last-token states of every layer."""
    found = []
    for sentence in sentences:
        tokens = tokenizer(sentence, return_tensors="pt")
        (_, collected), _ = collector(tokens, unit_locations={"base": tokens["input_ids"].shape[1] - 1})
        found.append(torch.stack([h[0, 0] for h in collected]))
    return torch.stack(found, 1).numpy()


def predict(prompt, layer, change):
    """The topic that the model chooses when the last prompt token is changed at a layer."""
    ids, n, ends = rows(tokenizer, prompt)
    tokens = {"input_ids": torch.tensor(ids)}
    if layer is None:
        return answer(model(**tokens).logits, n, ends)

    def patch(h, source):
        return torch.as_tensor(change(h[:, 0].numpy()), dtype=h.dtype)[:, None]

    patched = pyvene.IntervenableModel([place(layer, intervention=patch)], model)
    _, out = patched(tokens, unit_locations={"base": n - 1})
    return answer(out.logits, n, ends)


with torch.no_grad():
    study(given, states, predict)

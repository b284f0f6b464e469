"""The job with steering-vectors 0.12: it adds vectors, and a map by an operator in place of the vector."""

import torch
from shared import answer, options, rows, study
from steering_vectors import SteeringVector, record_activations
from transformers import AutoModelForCausalLM, AutoTokenizer

given = options()
tokenizer = AutoTokenizer.from_pretrained(given.model)
model = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32).eval()


def states(sentences):
    """Last-token states of every layer."""
    found = []
    for sentence in sentences:
        with record_activations(model) as recorded:
            model(**tokenizer(sentence, return_tensors="pt"))
        found.append(torch.stack([recorded[layer][0][0, -1] for layer in sorted(recorded)]))
    return torch.stack(found, 1).numpy()


def predict(prompt, layer, change):
    """The topic that the model chooses when the last prompt token is changed at a layer."""
    ids, n, ends = rows(tokenizer, prompt)

    def step(h, vector):
        return torch.as_tensor(change(h[:, n - 1].numpy()), dtype=h.dtype)[:, None] - h

    nothing = {} if layer is None else {layer: torch.zeros(model.config.hidden_size)}
    with SteeringVector(nothing).apply(model, operator=step, min_token_index=None, token_indices=[n - 1]):
        return answer(model(torch.tensor(ids)).logits, n, ends)


with torch.no_grad():
    study(given, states, predict)

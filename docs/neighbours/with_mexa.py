"""The job with MEXA: its score chooses the layer; it patches nothing, so the rest is hooks.

`compute_mexa.py` of github.com/cisnlp/MEXA has to lie on PYTHONPATH; its `mexa` scores a matrix.
"""

import torch
from compute_mexa import mexa
from hooks import changed, recorded
from shared import answer, options, rows, sentences, study
from sklearn.metrics.pairwise import cosine_similarity
from transformers import AutoModelForCausalLM, AutoTokenizer

given = options()
tokenizer = AutoTokenizer.from_pretrained(given.model)
model = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32).eval()
blocks = model.model.layers


def states(sentences):
    """Last-token states of every layer."""
    found = []
    for sentence in sentences:
        with recorded(blocks) as kept:
            model(**tokenizer(sentence, return_tensors="pt"))
        found.append(torch.stack([h[0, -1] for h in kept]))
    return torch.stack(found, 1).numpy()


def predict(prompt, layer, change):
    """The topic that the model chooses when the last prompt token is changed at a layer."""
    ids, n, ends = rows(tokenizer, prompt)
    with changed(None if layer is None else blocks[layer], n - 1, change):
        return answer(model(torch.tensor(ids)).logits, n, ends)


with torch.no_grad():
    french, english = (states(side[:100]) for side in sentences(given))
    scores = [mexa(cosine_similarity(X, Y)) for X, Y in zip(french, english, strict=True)]
    given.layers = [scores.index(max(scores))]
    study(given, states, predict)

"""The job with TransformerLens 3.9: caches and hooks."""

import torch
from shared import answer, options, rows, study
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoTokenizer

given = options()
tokenizer = AutoTokenizer.from_pretrained(given.model)  # the bridge's own puts a BOS before each text
model = TransformerBridge.boot_transformers(given.model, device="cpu", dtype=torch.float32)
names = [f"blocks.{layer}.hook_out" for layer in range(model.cfg.n_layers)]


def states(sentences):
    """Last-token states of every layer."""
    found = []
    for sentence in sentences:
        ids = torch.tensor([tokenizer(sentence)["input_ids"]])
        _, cache = model.run_with_cache(ids, names_filter=names)
        found.append(torch.stack([cache[name][0, -1] for name in names]))
    return torch.stack(found, 1).numpy()


def predict(prompt, layer, change):
    """The topic that the model chooses when the last prompt token is changed at a layer."""
    ids, n, ends = rows(tokenizer, prompt)

    def hook(h, hook):
        h[:, n - 1] = torch.as_tensor(change(h[:, n - 1].numpy()), dtype=h.dtype)
        return h

    hooks = [] if layer is None else [(names[layer], hook)]
    return answer(model.run_with_hooks(torch.tensor(ids), fwd_hooks=hooks), n, ends)


with torch.no_grad():
    study(given, states, predict)

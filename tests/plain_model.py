"""The Hugging Face model itself under plain torch hooks, one text at a time: no code of the workbench."""

from contextlib import contextmanager
from itertools import product

import torch
import transformers as hf

COMPONENTS = ("resid_post", "attn_out", "mlp_out", "mlp_act", "head_out")


class PlainLlama:
    """States at every component of a Llama, and log-probabilities of choices with some of them changed."""

    def __init__(self, folder):
        self.model = hf.AutoModelForCausalLM.from_pretrained(folder).eval()
        self.tokenizer = hf.AutoTokenizer.from_pretrained(folder)
        self.layers = self.model.model.layers
        self.seen = {}
        self.items = ()  # solved ones, for what is learned from them

    def ids(self, text):
        return self.tokenizer(text, return_tensors="pt").input_ids

    def place(self, component, layer):
        """A module, and whether the component is what goes into it."""
        if component == "embed":
            return self.model.model.embed_tokens, False
        block = self.layers[layer]
        return {
            "resid_post": (block, False),
            "attn_out": (block.self_attn, False),
            "mlp_out": (block.mlp, False),
            "mlp_act": (block.mlp.down_proj, True),
            "head_out": (block.self_attn.o_proj, True),
        }[component]

    @contextmanager
    def hooked(self, changes):
        """`changes`: (component, layer) → function of the state [pos width], which may return another."""
        handles = []

        def changed(value, change):
            new = change(value[0])
            return None if new is None else new[None]

        for (component, layer), change in changes.items():
            module, goes_in = self.place(component, layer)

            def before(module, args, change=change):
                new = changed(args[0], change)
                return None if new is None else (new, *args[1:])

            def after(module, args, output, change=change):
                whole = isinstance(output, tuple)
                new = changed(output[0] if whole else output, change)
                return output if new is None else (new, *output[1:]) if whole else new

            handles.append(
                module.register_forward_pre_hook(before) if goes_in else module.register_forward_hook(after)
            )
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def states(self, text, component, layer):
        """[pos width]"""
        if text not in self.seen:
            self.seen[text] = self.look(text)
        return self.seen[text][component, layer]

    @torch.no_grad()
    def look(self, text):
        """Every component of every layer, in one run."""
        kept, places = {}, [("embed", 0), *product(COMPONENTS, range(len(self.layers)))]
        with self.hooked({at: lambda h, at=at: kept.update({at: h.clone()}) for at in places}):
            self.model(self.ids(text))
        return kept

    def last(self, texts, component, layer):
        """[text width], at last tokens."""
        return torch.stack([self.states(text, component, layer)[-1] for text in texts])

    def mean(self, texts, component, layer):
        """[text width], over all tokens but the BOS."""
        return torch.stack([self.states(text, component, layer)[1:].mean(0) for text in texts])

    @torch.no_grad()
    def choice_scores(self, example, changes, positions="last"):
        """Σ log p of each choice; `changes`: (component, layer) → function of the rows it changes."""
        end = self.ids(example.prompt).shape[1] - 1
        rows = {"last": slice(end, end + 1), "prompt": slice(0, end + 1), "all": slice(None)}[positions]

        def at(change):
            def some(h):
                h = h.clone()
                h[rows] = change(h[rows])
                return h

            return some

        scores = []
        for choice in example.choices:
            ids = self.ids(example.prompt + choice)
            with self.hooked({where: at(change) for where, change in changes.items()}):
                log_p = self.model(ids).logits[0].log_softmax(-1)
            said = ids[0, end + 1 :]
            scores.append(log_p[end:-1].gather(-1, said[:, None]).sum())
        return torch.stack(scores)

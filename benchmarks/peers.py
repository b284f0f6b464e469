"""The workbench beside other libraries, on the same work in one run.

    python benchmarks/peers.py                              a random model of 30 layers × 576, random items
    python benchmarks/peers.py --models DIR --data DIR      SmolLM2 135M Instruct, XCOPA, SIB-200 in Swahili
    python benchmarks/peers.py --only capture --quick       a first impression

`make bench` runs it in an environment that has these libraries, and writes results.md; here the table is
printed. A library that is not installed has a line that says so.

capture  the residual stream of the last token after every layer. Peers get tokens in batches of similar
         length, and keep the last token alone where they can; the workbench tokenises within its time.
sweep    a dense map at the last prompt token of every third layer, and the log-likelihoods of all choices.
         Each peer patches the same loop, the fastest known: keys and values of the prompts are computed
         once for all configurations, which then run the last prompt token and the choices alone.
ridge    20 penalties, chosen by leave-one-out (himalaya: 5 folds, for it has none), layer by layer.
compare  P@1 by cosine of two languages, and CKA of all pairs of layers.

All take turns, each round in another order; the ratio is the median over rounds. Results are compared before
times: a contender that disagrees has its difference in the table, and no ratio.
"""

import argparse
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import fit
import similarity
import torch
import transformers as hf
from harness import OURS, TOLERANCE, Kept, Row, Ways, hooked, measure, padded, peer, show, ways_of
from material import WORK, Material, arguments, parsed
from rich.console import Console
from torch import Tensor

from workbench.align import Affine, Given
from workbench.core.types import Site
from workbench.models import load_model
from workbench.states import capture
from workbench.states.run import plan_batches
from workbench.sweeps import Configuration, Plan
from workbench.sweeps.naive import naive_scores
from workbench.sweeps.run import scores_by
from workbench.sweeps.score import Reading
from workbench.text import ParallelText

BATCH_TOKENS, STRENGTH, EVERY = 1024, 0.5, 3
FITS = ((500, 4096, 3), (1000, 576, 6))
"""Pairs, dimensions and layers that are fitted."""
STATES = (1000, 576, 12)
"""Pairs, dimensions and layers that are compared."""
HOOKS, HOOK = "transformers, hooks that keep the last token", "transformers, one hook"
BLOCKS = {"decoder_block": "layers.{num}"}
"""Where steering-vectors finds the blocks of a body."""

# Capture -----------------------------------------------------------------------------------------


def capture_ways(given: Material, only: Collection[str] = ()) -> Ways:
    """Last-token states of all layers [layer sent d_model], sentences in the order of their length."""
    text = ParallelText({"x-text": tuple(given.sentences)})
    tokens = given.model.tokens.encode(given.sentences)
    plan = plan_batches([len(ids) for ids in tokens], BATCH_TOKENS)
    order = [row for rows in plan for row in rows]
    names = ("input_ids", "attention_mask", "position_ids")
    inputs = [
        dict(zip(names, padded([tokens[row] for row in rows]), strict=True)) | {"use_cache": False}
        for rows in plan
    ]
    layers = range(given.model.info.n_layers)

    def each(states: Callable[[dict[str, Any]], Sequence[Tensor]]) -> Callable[[], Tensor]:
        """Batch by batch; each gives a state [sent d_model] for every layer."""
        return lambda: torch.cat([torch.stack(list(states(batch))) for batch in inputs], 1)

    def ours() -> Tensor:
        states = capture(given.model, text, store=None, batch_tokens=BATCH_TOKENS)
        return states["x-text"][:, order]

    def plain() -> Callable[[], Tensor]:
        body = given.causal.model

        def states(batch: dict[str, Any]) -> list[Tensor]:
            last: list[Tensor] = []  # the last hidden state is normed: what goes into the norm is wanted
            handle = body.norm.register_forward_pre_hook(lambda module, args: last.append(args[0]))
            hidden = body(**batch, output_hidden_states=True).hidden_states[1:-1]
            handle.remove()
            return [h[:, -1] for h in (*hidden, last[0])]

        return each(states)

    def hooks() -> Callable[[], Tensor]:
        body = given.causal.model

        def states(batch: dict[str, Any]) -> list[Tensor]:
            kept: list[Tensor] = []
            handles = [
                block.register_forward_hook(lambda module, args, out: kept.append(out[:, -1].clone()))
                for block in body.layers
            ]
            body(**batch)
            for handle in handles:
                handle.remove()
            return kept

        return each(states)

    def transformer_lens() -> Callable[[], Tensor]:
        bridge = load_model(given.folder).bridge  # type: ignore[attr-defined]  # with sdpa, its faster kernel
        names = [f"blocks.{layer}.hook_out" for layer in layers]

        def states(batch: dict[str, Any]) -> list[Tensor]:
            rest = {name: value for name, value in batch.items() if name != "input_ids"}
            how = {"names_filter": names, "pos_slice": -1, "logits_to_keep": 1}
            _, cache = bridge.run_with_cache(batch["input_ids"], **how, **rest)
            return [cache[name].flatten(0, -2) for name in names]

        return each(states)

    def nnsight() -> Callable[[], Tensor]:
        net = peer("nnsight").NNsight(given.copy().model)

        def states(batch: dict[str, Any]) -> Any:
            with net.trace(**batch):
                kept = list().save()  # noqa: C408
                for layer in layers:
                    kept.append(net.layers[layer].output[:, -1].clone())
            return kept

        return each(states)

    def pyvene() -> Callable[[], Tensor]:
        library = peer("pyvene")
        places = [
            {"layer": layer, "component": "block_output", "intervention_type": library.CollectIntervention}
            for layer in layers
        ]
        collector = library.IntervenableModel(places, given.copy().model)

        def states(batch: dict[str, Any]) -> list[Tensor]:
            (_, found), _ = collector(batch, unit_locations={"base": batch["input_ids"].shape[1] - 1})
            return [h.flatten(0, -2) for h in found]

        return each(states)

    def steering_vectors() -> Callable[[], Tensor]:
        record, body = peer("steering_vectors").record_activations, given.causal.model

        def states(batch: dict[str, Any]) -> list[Tensor]:
            with record(body, layer_config=BLOCKS, clone_activations=False) as kept:
                body(**batch)
            return [kept[layer][0][:, -1] for layer in layers]

        return each(states)

    def repeng() -> Callable[[], Tensor]:
        hiddens = peer("repeng.extract").batched_get_hiddens
        tokenizer = hf.AutoTokenizer.from_pretrained(given.folder)
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        sentences = [given.sentences[row] for row in order]

        def states() -> Tensor:
            found = hiddens(given.causal, tokenizer, sentences, list(layers)[:-1], 32)
            return torch.stack([torch.from_numpy(found[layer]) for layer in layers[:-1]])

        return states

    return {OURS: ours} | ways_of(
        {
            "transformers, output_hidden_states": plain,
            HOOKS: hooks,
            "TransformerLens, run_with_cache": transformer_lens,
            "nnsight": nnsight,
            "pyvene": pyvene,
            "steering-vectors, record_activations": steering_vectors,
            "repeng, batched_get_hiddens": repeng,
        },
        only,
    )


def relative(ours: Tensor, theirs: Tensor) -> float:
    """Largest relative difference of a layer; repeng has no last layer before the norm."""
    ours = ours[: len(theirs)]
    return float(((ours - theirs).flatten(1).norm(dim=1) / ours.flatten(1).norm(dim=1)).max())


# Sweep -------------------------------------------------------------------------------------------


def maps_of(width: int, layers: Sequence[int]) -> list[Configuration]:
    """A map near the identity at some layers, half of it."""
    torch.manual_seed(0)
    found = []
    for layer in layers:
        W = torch.eye(width) + 0.3 * torch.randn(width, width) / width**0.5
        map = Given.of(Affine((W,)))
        found.append(Configuration("dense", Site(layer), map, "interpolate", STRENGTH))
    return found


def sweep_ways(
    given: Material, items: list[Reading], layers: Sequence[int], only: Collection[str] = ()
) -> Ways:
    """The scores of all choices under each configuration, a layer each."""
    info = given.model.info
    some = maps_of(info.d_model, layers)
    plan = Plan(given.model, items, some)
    weights = [one.map.map_.factors[0].float() for one in some]  # type: ignore[attr-defined]
    changes = [lambda h, W=W: torch.lerp(h, h @ W, STRENGTH) for W in weights]

    def over(call: Any, body: Any, head: Any) -> Callable[[], list[list[Tensor]]]:
        def run() -> list[list[Tensor]]:
            kept = Kept(body, head, items)
            return [kept.scores(call, layer, change) for layer, change in zip(layers, changes, strict=True)]

        return run

    def plain() -> Callable[[], Any]:
        body = given.causal.model

        def call(layer: int, change: Any, **inputs: Any) -> Tensor:
            with hooked(body.layers[layer], change):
                return body(**inputs).last_hidden_state

        return over(call, body, given.causal.lm_head)

    def transformer_lens() -> Callable[[], Any]:
        bridge = load_model(given.folder).bridge  # type: ignore[attr-defined]
        body, head = bridge.original_model.base_model, bridge.original_model.lm_head

        def call(layer: int, change: Any, **inputs: Any) -> Tensor:
            def hook(h: Tensor, hook: Any) -> Tensor:
                h[:, -1] = change(h[:, -1])
                return h

            with bridge.hooks(fwd_hooks=[(f"blocks.{layer}.hook_out", hook)]):
                return body(**inputs).last_hidden_state

        return over(call, body, head)

    def nnsight() -> Callable[[], Any]:
        causal = given.copy()
        net = peer("nnsight").NNsight(causal.model)

        def call(layer: int, change: Any, **inputs: Any) -> Any:
            with net.trace(**inputs):
                h = net.layers[layer].output
                h[:, -1] = change(h[:, -1])
                found = net.output.last_hidden_state.save()
            return found

        return over(call, given.causal.model, given.causal.lm_head)

    def pyvene() -> Callable[[], Any]:
        library, causal = peer("pyvene"), given.copy()

        def call(layer: int, change: Any, **inputs: Any) -> Tensor:
            place = {"layer": layer, "component": "block_output", "intervention": lambda h, source: change(h)}
            patched = library.IntervenableModel([place], causal.model)
            _, out = patched(inputs, unit_locations={"base": inputs["input_ids"].shape[1] - 1})
            return out.last_hidden_state

        return over(call, given.causal.model, given.causal.lm_head)

    def steering_vectors() -> Callable[[], Any]:
        body, library = given.causal.model, peer("steering_vectors")

        def call(layer: int, change: Any, **inputs: Any) -> Tensor:
            vector = library.SteeringVector({layer: torch.zeros(info.d_model)})
            how = {
                "operator": lambda h, vector: change(h) - h,
                "min_token_index": None,
                "token_indices": [-1],
            }
            with vector.apply(body, layer_config=BLOCKS, **how):
                return body(**inputs).last_hidden_state

        return over(call, body, given.causal.lm_head)

    def repeng() -> Callable[[], Any]:
        library, causal = peer("repeng"), given.copy()
        controlled = {layer: library.ControlModel(causal, [layer]) for layer in dict.fromkeys(layers)}
        nothing = torch.zeros(info.d_model)

        def call(layer: int, change: Any, **inputs: Any) -> Tensor:
            controlled[layer].set_raw_control({layer: nothing}, operator=lambda h, control: change(h))
            found = causal.model(**inputs).last_hidden_state
            controlled[layer].reset()
            return found

        return over(call, given.causal.model, given.causal.lm_head)

    def naive() -> Callable[[], Any]:
        return lambda: [naive_scores(given.model, items, one, 128, shared=True).choices for one in some]

    def ours() -> list[list[Tensor]]:
        clean, *found = (scores.choices for scores in scores_by("slots", plan))
        assert all(furthest([clean], [one]) > TOLERANCE["sweep"] for one in found), "a patch changed nothing"
        return found

    return {OURS: ours} | ways_of(
        {
            HOOK: plain,
            "TransformerLens, hooks": transformer_lens,
            "nnsight": nnsight,
            "pyvene": pyvene,
            "steering-vectors": steering_vectors,
            "repeng": repeng,
            "workbench, naive": naive,
        },
        only,
    )


def furthest(ours: list[list[Tensor]], theirs: list[list[Tensor]]) -> float:
    """Largest difference of a choice's log-likelihood."""
    pairs = zip(ours, theirs, strict=True)
    return max(float((a - b).abs().max()) for one, other in pairs for a, b in zip(one, other, strict=True))


# All of it ---------------------------------------------------------------------------------------


def measured(options: argparse.Namespace, say: Callable[[str], None]) -> list[Row]:
    """The rows of all work that is wanted."""
    rows, wanted = [], options.only or WORK
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        if {"capture", "sweep"} & set(wanted):
            given = Material.of(options, Path(folder))
        if "capture" in wanted:
            size = f"{given.shape}, {len(given.sentences)} sentences"
            rows += measure("capture", size, capture_ways(given), options.rounds, relative, say)
        for name, items in given.items.items() if "sweep" in wanted else ():
            layers = range(0, given.model.info.n_layers, EVERY)
            size = f"{given.shape}, {name}, {len(items)} items, {len(layers)} configurations"
            rows += measure("sweep", size, sweep_ways(given, items, layers), options.rounds, furthest, say)
    if "ridge" in wanted:
        for one in ((100, 64, 2),) if options.quick else FITS:
            rows += fit.peer_rows(*one)
    if "compare" in wanted:
        pairs, width, layers = (60, 16, 3) if options.quick else STATES
        for name, ways in similarity.peer_ways(pairs, width, layers).items():
            size = f"{name}, {layers} layers, n = {pairs}, d = {width}"
            rows += measure("compare", size, ways, options.rounds, similarity.apart, say)
    return rows


def main() -> None:
    """Measure and print the table."""
    options = parsed(arguments(__doc__.splitlines()[0]))
    console = Console(width=140)
    show(measured(options, lambda line: console.print(line, style="dim")), console)


if __name__ == "__main__":
    main()

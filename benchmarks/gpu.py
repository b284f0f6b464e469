"""What capture and sweeps cost on a GPU, on random weights; under eight minutes.

    python benchmarks/gpu.py                             7B in bf16 (needs 40 GB) and 12 × 512 in float32
    python benchmarks/gpu.py --shape tiny --device cpu   a try without a GPU

Capture is beside a bare forward pass of the same model over the same batches; the sweep of all layers beside
naive runs (of three configurations) and the loop of harness.py, which keeps keys and values of the prompts.
Two copies of a model are held, for the workbench rewrites its own. Results go to results-gpu.md.
"""

import argparse
import copy
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from harness import Kept, hooked, in_turns, padded, quiet
from material import SEVEN_B, TINY, Shape, random_items, random_sentences
from peers import STRENGTH, furthest, maps_of, relative

from workbench.models import wrap
from workbench.models.outline import make_tiny_tokenizer
from workbench.states import capture
from workbench.states.run import plan_batches
from workbench.sweeps import Plan
from workbench.sweeps.naive import naive_scores
from workbench.sweeps.run import scores_by
from workbench.text import ParallelText

SHAPES: dict[str, tuple[Shape, torch.dtype, int, int]] = {
    "7b": (SEVEN_B, torch.bfloat16, 512, 16),
    "small": (Shape(12, 512, 1376, 8, 8, 32000), torch.float32, 1024, 32),
    "tiny": (TINY, torch.float32, 16, 4),
}
"""Shape, dtype, sentences, items."""
BATCH_TOKENS, ROUNDS, NAIVE = 8192, 3, "naive, 3 configurations"
AGREE = {torch.float32: (1e-3, 5e-3), torch.bfloat16: (0.1, 0.5)}
"""Greatest relative difference of states, and difference of log-likelihoods."""

Lines = list[tuple[str, str]]


def main() -> int:
    """Measure every shape, print and write; 1 where results disagree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", nargs="*", choices=SHAPES, default=["7b", "small"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    on_gpu = options.device.startswith("cuda")
    if on_gpu and not torch.cuda.is_available():
        print("gpu.py: no GPU here, nothing measured")
        return 0
    quiet()
    device = torch.cuda.get_device_name(options.device) if on_gpu else options.device
    text, agree = [f"# Results of `gpu.py`: {device}, torch {torch.__version__}"], True
    for name in options.shape:
        shape, dtype, _, _ = SHAPES[name]
        lines, same = measured(name, options.device)
        agree &= same
        kind = str(dtype).removeprefix("torch.")
        text += ["", f"## {shape.layers} layers × {shape.width}, {kind}, random weights", ""]
        text += ["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in lines)]
    page = "\n".join(text) + "\n"
    print(page)
    if on_gpu:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "results-gpu.md").write_text(page, encoding="utf-8")
    return 0 if agree else 1


@torch.inference_mode()
def measured(name: str, device: str) -> tuple[Lines, bool]:
    """Lines of one shape, and whether all results agree."""
    shape, dtype, sentences, items = SHAPES[name]
    torch.manual_seed(0)
    with torch.device(device):
        how = {"dtype": dtype, "attn_implementation": "sdpa"}
        causal = hf.AutoModelForCausalLM.from_config(shape.config(), **how).eval()
    bare = copy.deepcopy(causal)
    with tempfile.TemporaryDirectory() as folder:  # TransformerLens takes a tokenizer that was loaded
        make_tiny_tokenizer().save_pretrained(folder)
        model = wrap(causal, tokenizer=hf.AutoTokenizer.from_pretrained(folder), rewritten=True)
    first, states_agree = captured(model, bare, random_sentences(sentences), dtype)
    second, scores_agree = swept(model, bare, random_items(items, 4, tokens=256), dtype)
    return first + second, states_agree and scores_agree


def captured(model: Any, bare: Any, sentences: list[str], dtype: torch.dtype) -> tuple[Lines, bool]:
    """Capture of all layers beside a bare forward pass, which keeps nothing and computes no logits."""
    text, tokens = ParallelText({"x-text": tuple(sentences)}), model.tokens.encode(sentences)
    plan = plan_batches([len(ids) for ids in tokens], BATCH_TOKENS)
    order = [row for rows in plan for row in rows]
    names = ("input_ids", "attention_mask", "position_ids")
    batches = [
        dict(zip(names, padded([tokens[row] for row in rows], model.device), strict=True)) for rows in plan
    ]

    def ours() -> torch.Tensor:
        return capture(model, text, store=None, batch_tokens=BATCH_TOKENS)["x-text"][:, order]

    def forward() -> None:
        for batch in batches:
            bare.model(**batch, use_cache=False)

    def reference() -> torch.Tensor:
        kept: list[list[torch.Tensor]] = [[] for _ in bare.model.layers]
        handles = [
            block.register_forward_hook(lambda m, a, out, into=into: into.append(out[:, -1].float().cpu()))
            for block, into in zip(bare.model.layers, kept, strict=True)
        ]
        forward()
        for handle in handles:
            handle.remove()
        return torch.stack([torch.cat(part) for part in kept])

    off = relative(ours(), reference())
    peaks = [extra_memory(way) for way in (ours, forward)]
    times = in_turns({"capture": ours, "forward": forward}, ROUNDS)
    seconds = {name: statistics.median(values) for name, values in times.items()}
    read = sum(map(len, tokens))
    lines = [
        (f"capture, {len(sentences)} sentences, {read} tokens", f"{seconds['capture']:.3f} s"),
        ("capture : bare forward", f"{seconds['capture'] / seconds['forward']:.2f}"),
        ("tokens a second, capture", f"{read / seconds['capture']:,.0f}"),
        ("tokens a second, bare forward", f"{read / seconds['forward']:,.0f}"),
        ("memory beyond the weights, capture and bare forward", " and ".join(peaks)),
        ("largest relative difference of states to plain hooks", f"{off:.1e}"),
    ]
    return lines, off <= AGREE[dtype][0]


def swept(model: Any, bare: Any, items: Any, dtype: torch.dtype) -> tuple[Lines, bool]:
    """All layers by slots, beside naive and the best loop in plain transformers."""
    layers = range(model.info.n_layers)
    some = maps_of(model.info.d_model, layers)
    plan, three = Plan(model, items, some), [0, len(some) // 2, len(some) - 1]
    weights = [one.map.map_.factors[0].to(model.device, torch.float32) for one in some]  # type: ignore[attr-defined]

    def call(layer: int, change: Any, **inputs: Any) -> torch.Tensor:
        with hooked(bare.model.layers[layer], change):
            return bare.model(**inputs).last_hidden_state

    def change_of(W: torch.Tensor) -> Any:
        return lambda h: torch.lerp(h.float(), h.float() @ W, STRENGTH).to(h.dtype)

    def loop() -> Any:
        kept = Kept(bare.model, bare.lm_head, items, model.device)
        return [kept.scores(call, layer, change_of(W)) for layer, W in zip(layers, weights, strict=True)]

    ways = {
        "slots": lambda: [scores.choices for scores in scores_by("slots", plan)[1:]],
        NAIVE: lambda: [naive_scores(model, items, some[j], 128).choices for j in three],
        "loop": loop,
    }
    found = {name: way() for name, way in ways.items()}
    off = furthest([found["slots"][j] for j in three], found[NAIVE])
    beside = furthest(found["slots"], found["loop"])
    memory = extra_memory(ways["slots"])
    seconds = {name: statistics.median(values) for name, values in in_turns(ways, ROUNDS).items()}
    naive = seconds[NAIVE] / 3 * len(some)
    lines = [
        (f"sweep, {len(some)} configurations, {len(items)} items", f"{seconds['slots']:.3f} s"),
        ("naive : sweep (naive extrapolated from 3 configurations)", f"{naive / seconds['slots']:.1f}"),
        ("loop in plain transformers : sweep", f"{seconds['loop'] / seconds['slots']:.2f}"),
        ("memory beyond the weights, sweep", memory),
        ("largest difference of log-likelihoods, to naive and to the loop", f"{off:.1e} and {beside:.1e}"),
    ]
    return lines, max(off, beside) <= AGREE[dtype][1]


def extra_memory(way: Any) -> str:
    """What a way holds on the GPU at most, beyond what lay there before."""
    if not torch.cuda.is_available():
        return "not measured"
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    way()
    return f"{(torch.cuda.max_memory_allocated() - before) / 1e9:.2f} GB"


if __name__ == "__main__":
    sys.exit(main())

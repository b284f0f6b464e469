"""`workbench capture` and `workbench plan`: the states of parallel sentences, and what they would cost."""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.cli.inputs import load, read_text, with_room
from workbench.cli.options import LOADING, MODEL, STATES, TEXT, Command, chosen, names
from workbench.cli.terminal import caution, console, duration, progress, progress_bar, size, table
from workbench.core.errors import InputError, ModelError

if TYPE_CHECKING:
    from workbench.models.outline import Outline
    from workbench.states.plan import CapturePlan
    from workbench.text import ParallelText

    Line = tuple[str, str]

_CARDS = (("24 GB card", 24e9, 50e12), ("80 GB card", 80e9, 150e12))
"""Memory, and arithmetic a second that such a card keeps up in two-byte weights: a guess."""


def capture(options: argparse.Namespace) -> None:
    """Run parallel sentences through a model and store the states of every layer.

    Stored states are reused; an interrupted capture resumes.
    """
    from workbench.states import capture, default_store

    whole = read_text(options)
    model = load(options)
    text = with_room(options, model, whole, options.template)
    store = options.store or default_store()
    start = time.perf_counter()
    with progress_bar():
        acts = capture(
            model,
            text,
            sites=names(options.sites) or (),
            store=store,
            progress=progress,
            **chosen(options, "pool", "positions", "template", "batch_tokens", "dtype"),
        )
    took = time.perf_counter() - start
    fertility = model.tokens.fertility({name: text[name] for name in text.languages})
    left_out = len(whole) - len(text)
    console.print(f"{text!r}" + (f", {left_out} too long for the model and left out" if left_out else ""))
    console.print(f"{model.info.name}: {model.info.n_layers} layers × {model.info.d_model}")
    rows = [
        (r.language, r.sentences, r.tokens, f"{r.tokens_per_word:.2f}", f"{r.tokens_per_character:.2f}")
        for r in fertility.itertuples()
    ]
    columns = ("language", "sentences", "tokens", "tokens per word", "tokens per character")
    console.print(table(columns, rows))
    for name in acts.components:
        states = acts.states(acts.languages[0], name)
        console.print(f"{name}: {len(states)} layers × {states.shape[1]} rows × {states.shape[2]}")
    total = sum(t.numel() * t.element_size() for c in acts.captured.values() for t in c.states.values())
    console.print(f"{size(total)} in {store} ({duration(took)})")
    console.print(f"digest {acts.digest}")
    caution(text)


CAPTURE = Command(
    capture,
    help="store the states of parallel sentences at every layer",
    example="workbench capture bigscience/bloomz-560m --text ntrex128 --languages sw,en --store runs/sw",
    options={
        **MODEL,
        "--positions POSITIONS": "tokens to pool: all, content (no special tokens) or sentence",
        "--dtype DTYPE": ("dtype of the stored states", "float32"),
        "--store FOLDER": "folder for the states (default: the user's cache)",
    },
    groups={**LOADING, **TEXT, **STATES},
)


def plan(options: argparse.Namespace) -> None:
    """Estimate the cost of a capture: sentences, tokens, forward passes, disk, memory and time.

    With --task, also the cost of a diagnosis and the minimum detectable gain. A local model is loaded
    and timed on two batches; for any other model, or with --no-probe, only the configuration is used.
    """
    from workbench.models.outline import outline
    from workbench.states.plan import plan_capture

    text = read_text(options)
    shape = outline(options.model, revision=options.revision, trust_remote_code=options.trust_remote_code)
    model, why_not = None, "--no-probe"
    if not options.no_probe:
        try:
            model = load(options)
        except ModelError as error:
            why_not = str(error)
    on_gpu = model is not None and model.device.type != "cpu"
    plan = plan_capture(
        shape,
        text,
        sites=names(options.sites) or (),
        **chosen(options, "pool", "template"),
        batch_tokens=options.batch_tokens or (8192 if on_gpu else 1024),
        bytes_per_number=_width(options.model_dtype, model),
        model=model,
    )
    for what, cost in [*_bill(shape, plan), *_sweep_bill(options, shape, text, plan), *_cards(shape, plan)]:
        console.print(f"{what:<15} {cost}")
    if plan.seconds is None:
        print(f"no timing: {' '.join(why_not.split())}", file=sys.stderr)


def _bill(shape: "Outline", plan: "CapturePlan") -> "list[Line]":
    about = "about " if plan.tokens_are_estimated else ""
    bill = [
        ("model", f"{shape.name} ({shape.architecture}, {shape.n_layers} layers × {shape.d_model})"),
        ("parameters", f"{shape.parameters / 1e6:,.1f} million"),
        ("sentences", f"{plan.sentences:,} × {plan.languages} languages"),
        ("tokens", f"{about}{plan.tokens:,} ({plan.padded_tokens:,} with padding)"),
        ("forward passes", f"{plan.forward_passes:,}"),
        ("disk", size(plan.disk_bytes)),
        ("memory", f"about {size(plan.peak_bytes)} (weights {size(plan.weight_bytes)})"),
        ("arithmetic", f"{plan.flops / 1e12:,.2f} TFLOP"),
        ("time", "not measured" if plan.seconds is None else f"about {duration(plan.seconds)}"),
    ]
    if plan.too_long:
        bill.insert(3, ("left out", f"{plan.too_long:,} rows too long for the model (--drop-long)"))
    return bill


def _sweep_bill(
    options: argparse.Namespace, shape: "Outline", text: "ParallelText", plan: "CapturePlan"
) -> "list[Line]":
    """The sweep over dev, and what its test items can show."""
    if options.task is None:
        return []
    from workbench.stats import detectable_effect
    from workbench.sweeps.slots import sweep_cost
    from workbench.tasks import ChoiceTask, read_task

    task = read_task(options.task)
    wanted = options.source or next((code for code in text.languages if code in task.languages), None)
    if wanted is None:
        raise InputError(
            f"{task.name} is asked in none of {', '.join(text.languages)}: name another --source"
        )
    source = task.only([wanted]).languages[0]
    dev, n_test = task.examples(source, "dev"), len(task.examples(source, "test"))
    items = f"{len(dev)} dev and {n_test} test items in {source}"
    detectable = f"{detectable_effect(n_test):.3f} of accuracy, four times out of five" if n_test else "none"
    lines = [("task", f"{task.name}: {items}"), ("detectable gain", detectable)]
    if not isinstance(task, ChoiceTask) or not dev:
        return [*lines, ("sweep", "not planned: answers are generated, one run for each configuration")]
    cost = sweep_cost(shape, task.examples(source, "dev"), options.configurations or 30 * shape.n_layers)
    tokens = f"{cost.prompt_tokens:,} tokens through all layers, {cost.block_tokens:,} through those above a "
    tokens += f"patch (one by one {cost.one_by_one:,}), {cost.flops / 1e12:,.2f} TFLOP"
    lines += [("sweep on dev", f"{cost.configurations:,} configurations: {tokens}")]
    if plan.seconds is not None and plan.flops:
        seconds = plan.seconds / plan.flops * cost.flops
        lines.append(("sweep time", f"about {duration(seconds)}, by the capture timed above"))
    return lines


def _cards(shape: "Outline", plan: "CapturePlan") -> "Iterator[Line]":
    """Whether weights of two bytes fit usual cards, and how long the capture would take there."""
    weights = 2.0 * shape.parameters
    # Activations beside them: as many as planned here, in two bytes at most.
    needed = weights + (plan.peak_bytes - plan.weight_bytes)
    for name, memory, speed in _CARDS:
        fits = "fits" if needed < 0.9 * memory else "does not fit"
        seconds = plan.flops / speed
        took = "under a second" if seconds < 1 else f"about {duration(seconds)}"
        fits += f" ({size(needed)} in bfloat16)"
        yield name, f"{fits}; capture {took}, if it keeps {speed / 1e12:.0f} TFLOP/s"


def _width(dtype: str | None, model: object) -> int:
    """Bytes a weight takes; a GPU holds weights as the checkpoint does, two bytes as a rule."""
    if dtype is not None:
        return 4 if dtype in ("float32", "fp32") else 2
    info = getattr(model, "info", None)
    return 4 if info is None or info.dtype == "torch.float32" else 2


PLAN = Command(
    plan,
    help="estimate the cost of a capture or diagnosis",
    example="workbench plan bigscience/bloomz-560m --text ntrex128 --languages sw,en --task xcopa:data/xcopa",
    options={**MODEL, "--no-probe": "do not load and time the model"},
    groups={
        **LOADING,
        **TEXT,
        **STATES,
        "diagnosis": {
            "--task NAME[:PATH]": "also estimate a sweep over its dev items",
            "--source LANG": "language of the items (default: the first with items)",
            "--configurations N": "configurations in the sweep (default: as in diagnose, 30 per layer)",
        },
    },
)

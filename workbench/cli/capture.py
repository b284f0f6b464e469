"""`workbench capture` and `workbench plan`: the states of parallel sentences, and what they would cost."""

import argparse
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from workbench.cli.inputs import load, own_task, read_text
from workbench.cli.options import Outcome, chosen, names
from workbench.cli.terminal import caution, console, duration, errors, progress, progress_bar, table
from workbench.core.cards import size
from workbench.core.errors import InputError, ModelError
from workbench.models.outline import Outline, outline
from workbench.select.racing import stage_count
from workbench.states import capture, default_store, fitting
from workbench.states.plan import CapturePlan, plan_capture
from workbench.stats import detectable_effect
from workbench.sweeps.cost import SweepMemory, sweep_cost, sweep_memory
from workbench.tasks import ChoiceTask, Example, read_task
from workbench.text import ParallelText

Line = tuple[str, str]

# Memory, and (a guess) arithmetic per second with two-byte weights.
_CARDS = (("24 GB card", 24e9, 50e12), ("80 GB card", 80e9, 150e12))


def run_capture(options: argparse.Namespace) -> Outcome:
    """Run `workbench capture`."""
    whole = read_text(options)
    model = load(options)
    text = fitting(model, whole, options.template) if options.drop_long else whole
    store = options.store or default_store()
    start = time.perf_counter()
    more = chosen(options, "pool", "positions", "template", "batch_tokens", "dtype")
    with progress_bar():
        acts = capture(model, text, sites=names(options.sites) or (), store=store, progress=progress, **more)
    took = time.perf_counter() - start
    fertility = model.tokens.fertility({name: text[name] for name in text.languages})
    left_out = len(whole) - len(text)
    console.print(f"{text!r}" + (f", {left_out} too long for the model and left out" if left_out else ""))
    console.print(f"{model.info.name}: {model.info.n_layers} layers × {model.info.d_model}")
    rows = [
        (r.language, r.sentences, r.tokens, f"{r.tokens_per_word:.2f}", f"{r.tokens_per_character:.2f}")
        for r in fertility.itertuples()
    ]
    console.print(table(("language", "sentences", "tokens", "tokens per word", "tokens per character"), rows))
    for name in acts.components:
        states = acts.states(acts.languages[0], name)
        console.print(f"{name}: {len(states)} layers × {states.shape[1]} rows × {states.shape[2]}")
    total = sum(t.numel() * t.element_size() for c in acts.captured.values() for t in c.states.values())
    console.print(f"{size(total)} in {store} ({duration(took)})")
    console.print(f"digest {acts.digest}")
    caution(text)
    about = {"model": model.info.name, "sentences": len(text), "left_out": left_out, "languages": fertility}
    stored = {"components": acts.components, "bytes": total, "store": store, "digest": acts.digest}
    return Outcome(about | stored)


def run_plan(options: argparse.Namespace) -> Outcome:
    """Run `workbench plan`."""
    text = read_text(options)
    shape = outline(options.model, revision=options.revision, trust_remote_code=options.trust_remote_code)
    model, why_not = None, "--no-probe"
    if not options.no_probe:
        try:
            model = load(options)
        except ModelError as error:
            why_not = str(error)
    on_gpu = model is not None and model.device.type != "cpu"
    # A GPU holds weights as the checkpoint does, usually in two bytes.
    dtype = options.model_dtype or ("float32" if model is None else model.info.dtype)
    width = 4 if dtype in ("float32", "fp32", "torch.float32") else 2
    wanted = {"sites": names(options.sites) or (), **chosen(options, "pool", "template")}
    here, there = (options.batch_tokens or tokens for tokens in (8192 if on_gpu else 1024, 8192))
    plan = plan_capture(shape, text, **wanted, batch_tokens=here, bytes_per_number=width, model=model)
    sweep, examples, count = _sweep_bill(options, shape, text, plan)
    on_card = plan_capture(shape, text, **wanted, batch_tokens=there, bytes_per_number=2)
    bill = _bill(shape, plan, sweep_memory(shape, width, examples, count))
    sweeps = [sweep_memory(shape, 2, examples, count, batch_size).total for batch_size in (64, 1)]
    lines = [*bill, *sweep, *_cards(plan, on_card, *sweeps)]
    for what, cost in lines:
        width = max(console.width - 16, 24)
        console.print(f"{what:<15} " + textwrap.fill(cost, width).replace("\n", "\n" + 16 * " "))
    if plan.seconds is None:
        errors.print(f"no timing: {' '.join(why_not.split())}", soft_wrap=True)
    return Outcome({"capture": asdict(plan), "in_words": dict(lines)})


def _bill(shape: Outline, plan: CapturePlan, sweep: SweepMemory) -> list[Line]:
    memory = f"about {size(plan.peak_bytes)} for a capture (weights {size(plan.weight_bytes)}), "
    memory += (
        f"{size(plan.weight_bytes + sweep.total)} for a sweep (keys and values {size(sweep.keys_values)}, "
    )
    memory += f"states {size(sweep.states)}, logits {size(sweep.logits)})"
    about = "about " if plan.tokens_are_estimated else ""
    bill = [
        ("model", f"{shape.name} ({shape.architecture}, {shape.n_layers} layers × {shape.d_model})"),
        ("parameters", f"{shape.parameters / 1e6:,.1f} million"),
        ("sentences", f"{plan.sentences:,} × {plan.languages} languages"),
        ("tokens", f"{about}{plan.tokens:,} ({plan.padded_tokens:,} with padding)"),
        ("forward passes", f"{plan.forward_passes:,}"),
        ("disk", size(plan.disk_bytes)),
        ("memory", memory),
        ("arithmetic", f"{plan.flops / 1e12:,.2f} TFLOP"),
        ("time", "not measured" if plan.seconds is None else f"about {duration(plan.seconds)}"),
    ]
    if plan.too_long:
        bill.insert(3, ("left out", f"{plan.too_long:,} rows too long for the model (--drop-long)"))
    return bill


def _sweep_bill(
    options: argparse.Namespace, shape: Outline, text: ParallelText, plan: CapturePlan
) -> tuple[list[Line], Sequence[Example], int]:
    """What is said of a sweep; the items it goes over on dev, and its number of configurations."""
    count = options.configurations or 30 * shape.n_layers
    if options.task is None:
        return [], (), count
    task = own_task(options.model, options.task) or read_task(options.task)
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
        return (
            [*lines, ("sweep", "not planned: answers are generated, one run for each configuration")],
            (),
            1,
        )
    examples = task.examples(source, "dev")
    cost = sweep_cost(shape, examples, count)
    tokens = f"{cost.prompt_tokens:,} tokens through all layers, {cost.block_tokens:,} through those above a "
    tokens += f"patch (one by one {cost.one_by_one:,}), {cost.flops / 1e12:,.2f} TFLOP"
    lines += [("sweep on dev", f"{cost.configurations:,} configurations: {tokens}")]
    if plan.seconds is not None and plan.flops:
        seconds = plan.seconds / plan.flops * cost.flops
        lines.append(("sweep time", f"about {duration(seconds)}, by the capture timed above"))
    stages = stage_count(len(dev))
    if stages > 1:
        least = sweep_cost(shape, examples[::stages], count).flops
        race = f"at least {least / 1e12:,.2f} TFLOP: all configurations on one item in {stages}"
        lines.append(("race on dev", f"{race}, the best on all (diagnose --budget)"))
    return lines, examples, count


def _cards(plan: CapturePlan, on_card: CapturePlan, sweep: int, one_row: int) -> Iterator[Line]:
    """Whether usual cards hold weights of two bytes with a capture and a sweep, and how long a capture takes.

    `sweep` and `one_row` are what a sweep takes beside the weights, in usual batches and row by row.
    """
    weights = on_card.weight_bytes
    for name, memory, speed in _CARDS:
        room = 0.9 * memory
        fits = "fits" if max(on_card.peak_bytes, weights + sweep) < room else "fits in smaller batches"
        if weights + one_row >= room:
            fits = "does not fit"
        took = "under a second" if plan.flops < speed else f"about {duration(plan.flops / speed)}"
        parts = f"weights {size(weights)}, capture {size(on_card.peak_bytes)}"
        parts += f", sweep {size(weights + sweep)} in bfloat16"
        yield name, f"{fits} ({parts}); capture {took}, at {speed / 1e12:.0f} TFLOP/s"

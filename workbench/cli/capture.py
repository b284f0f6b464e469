"""Run parallel sentences through a model and store the states of every layer.

Stored states are reused; an interrupted capture resumes.
"""

import argparse
import time
from pathlib import Path

from workbench.cli.options import (
    add_capture_options,
    add_model_options,
    add_text_options,
    load,
    read_text,
    site_names,
    with_room,
)
from workbench.cli.show import caution, console, duration, progress_bar, size, table

HELP = "store the states of parallel sentences at every layer"
EXAMPLE = "workbench capture bigscience/bloomz-560m --text ntrex128 --languages sw,en --store runs/sw"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_model_options(parser)
    add_text_options(parser)
    add_capture_options(parser)
    parser.add_argument("--positions", help="tokens to pool: all, content (no special tokens) or sentence")
    parser.add_argument("--dtype", default="float32", help="dtype of the stored states (default: float32)")
    parser.add_argument("--store", type=Path, help="folder for the states (default: the user's cache)")


def run(options: argparse.Namespace) -> int:
    """Capture, then say what was captured and where it is."""
    from workbench.states import capture, default_store

    text = read_text(options)
    model = load(options)
    whole = len(text)
    text = with_room(options, model, text, options.template)
    store = options.store or default_store()
    start = time.perf_counter()
    with progress_bar() as progress:
        acts = capture(
            model,
            text,
            sites=site_names(options),
            pool=options.pool,
            positions=options.positions,
            template=options.template,
            batch_tokens=options.batch_tokens,
            dtype=options.dtype,
            store=store,
            progress=progress,
        )
    took = time.perf_counter() - start
    fertility = model.tokens.fertility({name: text[name] for name in text.languages})
    left_out = f", {whole - len(text)} too long for the model and left out" if whole > len(text) else ""
    console.print(f"{text!r}{left_out}")
    console.print(f"{model.info.name}: {model.info.n_layers} layers × {model.info.d_model}")
    rows = [
        (r.language, r.sentences, r.tokens, f"{r.tokens_per_word:.2f}", f"{r.tokens_per_character:.2f}")
        for r in fertility.itertuples()
    ]
    columns = ("language", "sentences", "tokens", "tokens per word", "tokens per character")
    console.print(table(columns, rows))
    for name in acts.components:
        held = acts.states(acts.languages[0], name)
        console.print(f"{name}: {len(held)} layers × {held.shape[1]} rows × {held.shape[2]}")
    total = sum(t.numel() * t.element_size() for c in acts.captured.values() for t in c.states.values())
    console.print(f"{size(total)} in {store} ({duration(took)})")
    console.print(f"digest {acts.digest}")
    caution(text)
    return 0

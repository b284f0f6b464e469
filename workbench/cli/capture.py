"""`workbench capture`: the states of parallel sentences at every layer."""

import argparse
import time

from workbench.cli.inputs import load, read_text, with_room
from workbench.cli.options import CAPTURE, LOADING, MODEL, TEXT, Command, names
from workbench.cli.terminal import caution, console, duration, progress, progress_bar, size, table


def run(options: argparse.Namespace) -> None:
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


COMMAND = Command(
    run,
    help="store the states of parallel sentences at every layer",
    example="workbench capture bigscience/bloomz-560m --text ntrex128 --languages sw,en --store runs/sw",
    options={
        **MODEL,
        "--positions POSITIONS": "tokens to pool: all, content (no special tokens) or sentence",
        "--dtype DTYPE": ("dtype of the stored states", "float32"),
        "--store FOLDER": "folder for the states (default: the user's cache)",
    },
    groups={**LOADING, **TEXT, **CAPTURE},
)

"""What a patch costs a model that writes on, and what it does to a long text.

    python benchmarks/generation.py             2 interleaved rounds, four minutes
    python benchmarks/generation.py --rounds 1  a first impression

First part: a 12-layer, 512-wide Llama-shaped random model reads prompts of 32 tokens and writes 200 more,
one text at a time and eight, through the bridge and through HookedTransformer (HT, where the installed
TransformerLens has it). Clean and patched take turns at every token, by two copies of the model, so that a
slow moment of the machine hits both alike; a ratio is the median of its rounds' ratios, and beside the
seconds that pass stand those that the processors worked. The patch is a dense map (least squares, h + α W
h) at the middle layer, at all tokens, those that are generated too. It is promised to cost no more than 15
% per token.

Second part: texts of 200 new tokens by a copy of the organism whose configuration allows 256 positions. It
was trained on documents of a sentence or a few, within 64 positions, and knows no end of a text: what it
writes on and on is beyond what it learned, clean or patched. Repetition and language say what that looks
like; an identifier learned from the organism's own sentences judges them.

Between the two: how often such an identifier is right on real languages, those of the starter sentences.

The exit code is 1 where a promise is not kept.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
import transformers as hf
from rich.console import Console
from rich.table import Table
from sweep import LAYERS, WIDTH, make_model

from workbench.align import LeastSquares
from workbench.analyses.generate.texts import UNCLEAR, LanguageIdentifier, beginnings, cut, speak
from workbench.core.errors import ModelError
from workbench.core.types import Site
from workbench.intervene import INTERVENTIONS, Patch, applied
from workbench.methods.recipes import RECIPES, Ingredients, turned
from workbench.models import LanguageModel, load_model
from workbench.models.outline import VOCABULARY
from workbench.organism import shipped
from workbench.study import Settings, Study
from workbench.sweeps import Configuration
from workbench.text import read

PROMPT, TOKENS, BATCHES = 32, 200, (1, 8)
MOST, WARM = 1.15, 8
SOURCE, CONTEXT, PROMPTS = "x-poor-far", 256, 40
SHOWN, LINE, LENGTHS = 2, 150, (8, 30, 60, 150)


class Seconds(NamedTuple):
    """As they pass, and as all processors together worked."""

    wall: float
    cpu: float


def main() -> int:
    """Both parts; 0 where what is promised holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    hf.utils.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        path = make_model(Path(folder), ends=False)  # every text is 200 tokens long
        models = {"bridge": (load_model(path), load_model(path))}
        try:
            models["HT"] = (load_model(path, backend="hooked"), load_model(path, backend="hooked"))
        except ModelError:
            console.print("this TransformerLens has no HookedTransformer")
    holds = report_cost(measure(models, options.rounds), options.threads, console)
    report_identifier(console)
    torch.set_num_threads(1)  # the fastest for so small a model
    with tempfile.TemporaryDirectory() as folder:
        return 0 if report_texts(Path(folder), console) and holds else 1


# What it costs ----------------------------------------------------------------------------------


def patch() -> Patch:
    """A dense map at the middle layer, at all tokens."""
    generator = torch.Generator().manual_seed(0)
    X, Y = (torch.randn(4 * WIDTH, WIDTH, generator=generator) for _ in range(2))
    fitted = LeastSquares().fit(X, X + 0.3 * Y)
    return Patch(Site(LAYERS // 2), INTERVENTIONS["add_mapped"], fitted.transform, 0.1, "all")


def in_turns(clean: LanguageModel, patched: LanguageModel, rows: int, tokens: int) -> list[Seconds]:
    """Seconds of clean and patched generation, each token of the one written beside the same of the other.

    Two copies of one model, so that the patch stays in place in the second all the while.
    """
    generator = torch.Generator().manual_seed(rows)
    prompts = torch.randint(3, VOCABULARY, (rows, PROMPT), generator=generator).tolist()
    models = (clean, patched)
    batches = [model.batch(prompts, "left") for model in models]
    totals = [[0.0, 0.0], [0.0, 0.0]]
    texts: list[list[list[int]]] = [[], []]
    with torch.no_grad(), applied(patched, [patch()], batches[1]):
        decoders = [model.decoder(batch) for model, batch in zip(models, batches, strict=True)]
        ids = [batch.ids for batch in batches]
        for number in range(tokens):
            for side in (0, 1) if number % 2 else (1, 0):
                wall, cpu = time.perf_counter(), time.process_time()
                ids[side] = decoders[side](ids[side]).argmax(-1, keepdim=True)
                texts[side].append(ids[side][:, 0].tolist())
                totals[side][0] += time.perf_counter() - wall
                totals[side][1] += time.process_time() - cpu
    if tokens <= WARM:  # once: this is what generation does
        assert clean.generate(batches[0], tokens) == [list(row) for row in zip(*texts[0], strict=True)]
        with applied(patched, [patch()], batches[1]):
            assert patched.generate(batches[1], tokens) == [list(row) for row in zip(*texts[1], strict=True)]
    return [Seconds(*total) for total in totals]


Times = dict[tuple[str, int], dict[str, list[Seconds]]]


def measure(models: dict[str, tuple[LanguageModel, LanguageModel]], rounds: int) -> Times:
    """Seconds of each in each round."""
    cells = [(name, rows) for name in models for rows in BATCHES]
    times: Times = {cell: {"clean": [], "patched": []} for cell in cells}
    for name, rows in cells:
        in_turns(*models[name], rows, WARM)
    for _ in range(rounds):
        for name, rows in cells:
            for what, seconds in zip(
                ("clean", "patched"), in_turns(*models[name], rows, TOKENS), strict=True
            ):
                times[name, rows][what].append(seconds)
    return times


def report_cost(times: Times, threads: int, console: Console) -> bool:
    """Print the table and the verdicts; whether all hold."""
    title = f"{LAYERS} layers × {WIDTH}, prompts of {PROMPT} tokens, {TOKENS} new ones, {threads} threads"
    table = Table(title=title)
    for column in ("", "texts", "clean ms/token", "patched", "patched : clean", "CPU"):
        table.add_column(column, justify="right" if column else "left")
    verdicts = []
    for (backend, rows), found in times.items():
        cost = {name: 1000 / TOKENS * statistics.median(s.wall for s in found[name]) for name in found}
        wall, cpu = (
            statistics.median(a[k] / b[k] for a, b in zip(found["patched"], found["clean"], strict=True))
            for k in (0, 1)
        )
        cells = (f"{cost['clean']:.2f}", f"{cost['patched']:.2f}", f"{wall:.3f}", f"{cpu:.3f}")
        table.add_row(backend, str(rows), *cells)
        verdicts.append((f"{backend}, {rows} texts at a time: time per token, patched : clean", wall))
    console.print(table)
    for what, ratio in verdicts:
        console.print(f"{'holds ' if ratio <= MOST else 'MISSED'}  {what}, at most {MOST:g}: {ratio:.3f}")
    return all(ratio <= MOST for _, ratio in verdicts)


# What it does to a text -------------------------------------------------------------------------


def report_texts(folder: Path, console: Console) -> bool:
    """Print what clean and patched texts look like; whether all are as long as promised."""
    organism = shipped()
    model, text = load_model(longer(organism.folder, folder / "model")), organism.text()
    task, target = organism.task("exact"), organism.config.main.code
    study = Study(model, text, task, SOURCE, target, folder / "study", Settings())
    prompts, split = beginnings(study, 2 * PROMPTS), study.alignment.split
    fit, held = (
        {code: [text[code][int(row)] for row in rows] for code in text.languages}
        for rows in (split.fit, split.test)
    )
    identifier = LanguageIdentifier(fit)
    variants: dict[str, Any] = {f"clean, in {target}": (prompts[target]["test"], None)}
    variants |= {name: (prompts[SOURCE]["test"], b) for name, b in patches(study).items()}
    found = {
        name: identifier.judged(
            speak(model, some, configuration, TOKENS, PROMPTS, folder / "texts"), SOURCE, target
        )
        for name, (some, configuration) in variants.items()
    }
    characters = int(statistics.median(len(said) for said in found["clean"].text))
    trial = identifier.trial(held, characters)
    console.print(texts_table(found, target))
    console.print(
        f"The identifier is right on {trial.accuracy.estimate:.1%} of {trial.pieces} held-out pieces of "
        f"{characters} characters."
    )
    for at in range(SHOWN):
        console.print(f"\n{prompts[SOURCE]['test'][at].prompt} …", style="bold", markup=False)
        for name, rows in found.items():
            said = rows.iloc[at]
            console.print(
                f"  {name} ({said.language}, {said.repetition:.2f}): {said.text[:LINE]} …", markup=False
            )
    long = all((rows.tokens == TOKENS).all() for rows in found.values())
    console.print(f"\n{'holds ' if long else 'MISSED'}  every text is {TOKENS} new tokens long")
    return long


def longer(source: Path, folder: Path) -> Path:
    """A copy of the organism's model with more positions; they are rotary, so no weight is missing."""
    folder.mkdir(parents=True)
    for file in source.iterdir():
        if file.suffix in (".json", ".safetensors"):
            shutil.copy(file, folder / file.name)
    for name, entry in (
        ("config.json", "max_position_embeddings"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        facts = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(facts | {entry: CONTEXT}), encoding="utf-8")
    return folder


def patches(study: Study) -> dict[str, Configuration | None]:
    """Nothing; a dense map in the middle, at all tokens and once; clas_bench's vector, and a random one."""
    given = Ingredients(study)
    middle = len(given.layers) // 2
    dense = given.fit(LeastSquares(), pool="mean")[middle]
    steps = RECIPES["clas_bench"].configurations(given)
    step = next(b for b in steps if b.site.layer == middle + 1 and b.strength == 1)
    everywhere = Configuration("dense", Site(middle), dense, "replace", positions="all")
    return {
        "clean": None,
        "dense map, all tokens": everywhere,
        "dense map, last prompt token": replace(everywhere, positions="last"),
        "clas_bench": replace(step, aligner="clas_bench"),
        "clas_bench~random": turned(replace(step, aligner="clas_bench~random"), 0),
    }


def texts_table(found: dict[str, pd.DataFrame], target: str) -> Table:
    """A row for each variant."""
    table = Table(
        title=f"{len(found['clean'])} texts of {TOKENS} tokens by the organism, far beyond its training"
    )
    for column in ("", f"in {target}", f"in {SOURCE}", "another", "unclear", "repetition"):
        table.add_column(column, justify="right" if column else "left")
    for name, rows in found.items():
        shares = [(rows.language == code).mean() for code in (target, SOURCE, "unclear")]
        cells = (shares[0], shares[1], 1 - sum(shares), shares[2], rows.repetition.mean())
        table.add_row(name, *(f"{abs(cell):.2f}" for cell in cells))
    return table


# What the identifier is worth --------------------------------------------------------------------


def report_identifier(console: Console) -> None:
    """How often it is right on held-out text of real languages, by length, and what it calls unknown ones."""
    text = read("starter")
    split = text.split(fit=0.8, dev=0.0, test=0.2)
    fit, held = (
        {c: [text[c][int(row)] for row in rows] for c in text.languages} for rows in (split.fit, split.test)
    )
    identifier = LanguageIdentifier(fit)
    without = {c: LanguageIdentifier({k: v for k, v in fit.items() if k != c}) for c in text.languages}
    table = Table(
        title=f"The identifier on {len(text.languages)} real languages, {len(split.fit)} sentences each"
    )
    for column in ("characters", "right", "unclear", "a language it never saw called by another's name"):
        table.add_column(column, justify="right")
    for characters in LENGTHS:
        trial = identifier.trial(held, characters)
        said = [g.language for c, one in without.items() for g in one.guess(cut(held[c], characters))]
        wrong = 1 - said.count(UNCLEAR) / len(said)
        table.add_row(
            str(characters), f"{trial.accuracy.estimate:.2f}", f"{trial.unclear:.2f}", f"{wrong:.2f}"
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())

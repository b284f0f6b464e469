"""What the benchmarks beside other libraries work on: a model, sentences for it, and items with choices."""

import argparse
import copy
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers as hf
from harness import quiet, with_threads

from workbench.models import load_model
from workbench.models.outline import VOCABULARY, make_tiny_tokenizer
from workbench.sweeps import read_examples
from workbench.sweeps.score import Reading
from workbench.tasks import Example, read_task
from workbench.text import read

REAL = "smollm2-135m-instruct"
SENTENCES, ITEMS = 96, 16
WORK = ("capture", "sweep", "ridge", "compare")


def arguments(description: str) -> argparse.ArgumentParser:
    """The options of peers.py and run.py."""
    parser = argparse.ArgumentParser(description=description)
    known = os.environ.get("WORKBENCH_MODELS")
    parser.add_argument(
        "--models",
        type=Path,
        default=known and Path(known),
        help=f"a folder with {REAL} (default: $WORKBENCH_MODELS)",
    )
    parser.add_argument("--data", type=Path, help="a folder with xcopa and sib200 as they are published")
    parser.add_argument("--only", nargs="*", choices=WORK, help="these pieces of work")
    parser.add_argument("--sentences", type=int, default=SENTENCES)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="small sizes, for a try")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options, with threads set and libraries silent."""
    options = parser.parse_args()
    if options.quick:
        options.sentences, options.items = 24, 6
    with_threads(options.threads)
    quiet()
    return options


class Shape(NamedTuple):
    """What a random Llama looks like."""

    layers: int
    width: int
    mlp: int
    heads: int
    groups: int
    """Heads of keys and values."""
    words: int

    def config(self) -> Any:
        """Its configuration."""
        return hf.LlamaConfig(
            vocab_size=self.words,
            hidden_size=self.width,
            intermediate_size=self.mlp,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.groups,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=2,
        )


SMOLLM2, TINY, SEVEN_B = (
    Shape(30, 576, 1536, 9, 3, 49152),
    Shape(4, 192, 512, 3, 1, 1024),
    Shape(32, 4096, 11008, 32, 32, 32000),
)


def make_model(folder: Path, shape: Shape) -> Path:
    """A random Llama as a directory; its tokenizer knows bytes."""
    torch.manual_seed(0)
    hf.AutoModelForCausalLM.from_config(shape.config()).save_pretrained(folder)
    make_tiny_tokenizer().save_pretrained(folder)
    return folder


def random_sentences(count: int, seed: int = 0) -> list[str]:
    """Letters, each of them one token: 5 to 60 of them."""
    rng = random.Random(seed)
    return ["".join(rng.choices("QXZJKVBW", k=rng.randint(5, 60))) for _ in range(count)]


def random_items(count: int, choice: int, tokens: int = 80, choices: int = 2) -> list[Reading]:
    """Prompts of random tokens, with choices of so many tokens each."""
    rng = random.Random(0)
    some = lambda n: tuple(rng.choices(range(3, VOCABULARY), k=n))  # noqa: E731
    example = Example("", "a", tuple("bcdefghi"[:choices]), 0, "sw", "dev")
    return [
        Reading(example, some(rng.randint(tokens // 2, tokens)), tuple(some(choice) for _ in range(choices)))
        for _ in range(count)
    ]


def load_causal(path: Path) -> Any:
    """The Hugging Face model alone, with the attention kernel that the workbench asks for."""
    how = {"attn_implementation": "sdpa", "dtype": torch.float32}
    return hf.AutoModelForCausalLM.from_pretrained(path, **how).eval()


@dataclass
class Material:
    """What all contenders work on."""

    folder: Path
    title: str
    model: Any
    causal: Any
    sentences: list[str]
    items: dict[str, list[Reading]]

    @classmethod
    def of(cls, options: argparse.Namespace, folder: Path) -> "Material":
        """The real model where there is one, with real sentences and items; else a random one."""
        real = options.models and options.models.expanduser() / REAL
        if not (real and real.is_dir()):
            shape = TINY if options.quick else SMOLLM2
            return cls.random(make_model(folder, shape), options.sentences, options.items)
        text, named = read("starter", languages=["en", "sw"]), {"starter": "starter"}
        if options.data:
            named = {name: f"{name}:{options.data / name}" for name in ("xcopa", "sib200")}
        model = load_model(real)
        items = {
            f"{name}, Swahili": read_examples(
                model, read_task(spec, prompts="en").examples("sw", "dev")[: options.items]
            )
            for name, spec in named.items()
        }
        sentences = [line for pair in zip(text["en"], text["sw"], strict=True) for line in pair]
        return cls(real, REAL, model, load_causal(real), sentences[: options.sentences], items)

    @classmethod
    def random(cls, path: Path, sentences: int, items: int) -> "Material":
        """A random model, with items of two sorts: long choices, and many short ones."""
        made = {
            "2 choices of 10 tokens": random_items(items, 10),
            "7 choices of 1 token": random_items(items, 1, choices=7),
        }
        causal = load_causal(path)
        return cls(path, "random model", load_model(path), causal, random_sentences(sentences), made)

    @property
    def shape(self) -> str:
        """The model in a few words."""
        return f"{self.title}, {self.model.info.n_layers} × {self.model.info.d_model}"

    def copy(self) -> Any:
        """A Hugging Face model for a library that changes it."""
        return copy.deepcopy(self.causal)

"""What no library but the workbench does of the job: data, scores, maps, control, choice and test."""

import argparse
import csv
from pathlib import Path

import numpy as np
from scipy.stats import bootstrap
from sklearn.linear_model import RidgeCV

TOPICS = ("entertainment", "geography", "health", "politics", "science/technology", "sports", "travel")


def options():
    """The model, the folder of the data, and how much of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--layers", type=int, nargs="+")
    return parser.parse_args()


def sentences(given):
    """French and English sentences of NTREX, line by line."""
    names = ("newstest2019-ref.fra.txt", "newstest2019-src.eng.txt")
    files = [given.data / "ntrex128" / name for name in names]
    return [path.read_text(encoding="utf-8").splitlines()[: given.pairs] for path in files]


def items(given, split):
    """Prompts of SIB-200 in French, and the number of the right topic."""
    with (given.data / "sib200" / "fra_Latn" / f"{split}.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[: given.items]
    return [(f"{row['text'].strip()}\nTopic:", TOPICS.index(row["category"])) for row in rows]


def rows(tokenizer, prompt):
    """The prompt with each topic, padded on the right; the number of prompt tokens; the topics' tokens."""
    start = tokenizer(prompt)["input_ids"]
    ends = [tokenizer(f" {topic}", add_special_tokens=False)["input_ids"] for topic in TOPICS]
    longest = max(map(len, ends))
    return [start + end + [0] * (longest - len(end)) for end in ends], len(start), ends


def answer(logits, n, ends):
    """The topic of highest log-likelihood, from logits [topic pos vocabulary]."""
    logs = logits.float().log_softmax(-1)
    sums = [
        sum(float(logs[i, n - 1 + j, token]) for j, token in enumerate(end)) for i, end in enumerate(ends)
    ]
    return sums.index(max(sums))


def fitted(source, target):
    """A ridge map for each layer, from states [layer sent width]."""
    return [
        RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(X, Y).predict for X, Y in zip(source, target, strict=True)
    ]


def study(given, states, predict):
    """Choose a layer on dev and score it once on test, for the maps and for a control.

    `states(sentences)` gives [layer sent width]; `predict(prompt, layer, map)` the number of a topic.
    """
    french, english = (np.asarray(states(side)) for side in sentences(given))
    shuffled = np.random.default_rng(0).permutation(english.shape[1])
    ways = {"ridge": fitted(french, english), "shuffled pairs": fitted(french, english[:, shuffled])}
    layers = given.layers or range(len(french))
    dev, test = items(given, "dev"), items(given, "test")

    def right(some, layer=None, way=None):
        return np.array(
            [predict(text, layer, way and way[layer]) == gold for text, gold in some], dtype=float
        )

    unpatched = right(test)
    for name, way in ways.items():
        on_dev = {layer: float(right(dev, layer, way).mean()) for layer in layers}
        best = max(on_dev, key=on_dev.get)
        gain = right(test, best, way) - unpatched
        band = bootstrap((gain,), np.mean, rng=0).confidence_interval if gain.any() else (0.0, 0.0)
        print(f"{name}: layer {best}, {on_dev[best]:.3f} on dev; gain on test", *(gain.mean(), *band))

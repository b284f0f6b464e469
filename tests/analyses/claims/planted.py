"""Worlds without a model whose truth is known: accuracies written down, or linear maps with noise."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from workbench.align import Identity
from workbench.analyses.claims import Case, Ground
from workbench.core.types import Site
from workbench.intervene import INTERVENTIONS
from workbench.select import Choice
from workbench.stats import Interval
from workbench.study import Settings, Study
from workbench.sweeps import CLEAN, COLUMNS, CONFIGURATION, Configuration

SOURCE, TARGET = "b", "a"
OTHERS = 15
"""Targets of other items, to which a planted item's patched state may lie nearer."""


def rows_of(right, margin, configuration=None, split="test", groups=None, pair="b-a"):
    """One configuration (the clean run) over its items."""
    columns = dict.fromkeys(COLUMNS) | {
        **{"model": "toy", "task": "toy", "pair": pair, "language": SOURCE, "split": split},
        "example": [f"{split}-{i}" for i in range(len(right))],
        "group": groups,
        "margin": np.asarray(margin, dtype=float),
        "correct": right,
    }
    columns |= {"aligner": CLEAN} if configuration is None else configuration.columns
    return pd.DataFrame(columns, index=range(len(right)))[list(COLUMNS)].astype(COLUMNS)


def choice_of(configuration):
    where = configuration.columns
    also = {name: where[name] for name in CONFIGURATION if name in ("site", "positions", "joint", "seed")}
    named = {name: where[name] for name in ("aligner", "intervention", "layer", "strength")}
    return Choice(**named, margin_gain=0.1, accuracy_gain=0.1, also=also)


def nothing(aligner="ridge"):
    return Choice(aligner, None, None, None, 0.0, 0.0)


class WrittenCase(Case):
    """Accuracies by aligner and layer are written down; items differ in how hard they are.

    `alike` configurations find the same items hard; else each has its own luck.
    """

    def __init__(
        self, ridge, chosen, clean=0.3, scrambled=None, cka=None, items=1000, alike=True, seed=0, pair="b-a"
    ):
        self.accuracies, self.clean, self.alike, self.pair = {"ridge": ridge}, clean, alike, pair
        self.items, self.rng = items, np.random.default_rng(seed)
        self.hardness = {split: self.rng.permuted(np.linspace(0, 1, items)) for split in ("dev", "test")}
        if scrambled is not None:
            self.accuracies["shuffled_pairs"] = scrambled
        settings = Settings(headline="ridge", interventions=("replace",), strengths=(1.0,))
        study = SimpleNamespace(
            source=SOURCE,
            target=TARGET,
            settings=settings,
            alignment=SimpleNamespace(facts={"model": "toy", "pair": pair, "seed": 0}),
            model=SimpleNamespace(info=SimpleNamespace(n_layers=len(ridge))),
        )
        configurations = [
            self.at(aligner, n) for aligner, found in self.accuracies.items() for n in range(len(found))
        ]
        own = nothing() if chosen is None else choice_of(self.at("ridge", chosen))
        others = []
        if scrambled is not None:
            others = [SimpleNamespace(choice=choice_of(self.at("shuffled_pairs", int(np.argmax(scrambled)))))]
        picked = [one.layer for one in (own,) if one.layer is not None]
        tested = [self.at("ridge", n) for n in picked]
        tested += [self.at("shuffled_pairs", other.choice.layer) for other in others]
        sweep = pd.concat([self.swept("dev", configurations), self.swept("test", tested)], ignore_index=True)
        similarity = pd.DataFrame(
            {
                "measure": "cka_debiased",
                "layer": range(len(ridge)),
                "value": cka if cka is not None else np.nan,
            }
        )
        result = SimpleNamespace(
            headline=SimpleNamespace(choice=own, gain=Interval(0.1, 0.0, 0.2, 0.95, items)),
            others=others,
            tables={"sweep": sweep, "similarity": similarity},
            pair=pair,
            task="toy",
            source=SOURCE,
        )
        super().__init__(study, result)

    def at(self, aligner, layer):
        return Configuration(aligner, Site(layer), Identity(), "replace", 1.0)

    def configuration(self, choice):
        return self.at(choice.aligner, choice.layer)

    def swept(self, split, configurations):
        parts = [
            self._rows(split_accuracy, split, configuration)
            for split_accuracy, configuration in self._asked(configurations)
        ]
        return pd.concat(parts, ignore_index=True)

    def on_test(self, configurations, folder):
        return self.swept("test", configurations)

    def _asked(self, configurations):
        yield self.clean, None
        for configuration in configurations:
            yield self.accuracies[configuration.aligner][configuration.site.layer], configuration

    def _rows(self, *args):
        if isinstance(args[0], str):
            return super()._rows(*args)
        accuracy, split, configuration = args
        hard = self.hardness[split] if self.alike else self.rng.permutation(self.hardness[split])
        return rows_of(hard < accuracy, 4 * (accuracy - hard), configuration, split, pair=self.pair)


class States:
    """Of planted sentences."""

    def __init__(self, source, target):
        self.by_language = {SOURCE: source, TARGET: target}

    def states(self, code, component):
        return self.by_language[code]

    def at(self, site, code):
        return self.by_language[code][site.layer]


class LinearStudy:
    """States of one layer; an item is right where its patched state lies nearest its own target, of 16.

    `regimes` linear maps, each for inputs of its own region.
    """

    configurations, configuration = Study.configurations, Study.configuration
    source, target = SOURCE, TARGET

    def __init__(self, width=32, sentences=800, items=400, noise=0.5, regimes=1, seed=0):
        self.settings = Settings(headline="ridge", interventions=("replace",), strengths=(1.0,))
        self.seed = self.settings.seed
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape):
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        maps = [normal(width, width) / width**0.5 for _ in range(regimes)]
        centres = 4 * normal(regimes, width) / width**0.5 if regimes > 1 else torch.zeros(1, width).double()

        def draw(n):
            which = torch.arange(n) % regimes
            x = normal(n, width) + 3 * centres[which]
            mapped = torch.stack([row @ maps[int(w)] for row, w in zip(x, which, strict=True)])
            return x, mapped + noise * normal(n, width)

        held_out = 200
        x, y = draw(sentences + held_out)
        split = SimpleNamespace(fit=np.arange(sentences), test=np.arange(sentences, sentences + held_out))
        self.states = States(x[None], y[None])
        self.alignment = SimpleNamespace(
            facts={"model": "toy", "pair": "b-a", "seed": 0}, split=split, capture=lambda: self.states
        )
        self.items = {name: draw(items) for name in ("dev", "test")}

    def sweep(self, split, configurations, folder=None):
        x, y = self.items[split]
        parts = [self._rows(x, x, y, None, split)]
        for configuration in configurations:
            formula = INTERVENTIONS[configuration.intervention]
            patched = formula(x, configuration.map.transform, configuration.strength)
            parts.append(self._rows(patched, x, y, configuration, split))
        return pd.concat(parts, ignore_index=True)

    def _rows(self, patched, x, y, configuration, split):
        others = torch.stack([(patched - y.roll(by, 0)).norm(dim=1) for by in range(1, OTHERS + 1)])
        margin = others.min(0).values - (patched - y).norm(dim=1)
        return rows_of((margin > 0).numpy(), margin.numpy(), configuration, split)


def linear_case(**world):
    """A study of planted linear maps that has chosen ridge at its only layer."""
    study = LinearStudy(**world)
    chosen = choice_of(Configuration("ridge", Site(0), Identity(), "replace", 1.0, study.settings.seed))
    result = SimpleNamespace(
        headline=SimpleNamespace(choice=chosen), pair="b-a", task="toy", source=SOURCE, tables={}
    )
    return Case(study, result)


def ground(*cases, **more):
    return Ground(tuple(cases), folder="runs/toy", delta=0.02, **more)

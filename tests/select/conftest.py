"""Sweep tables with a few configurations, written out configuration by configuration."""

import numpy as np
import pandas as pd
import pytest

from workbench.sweeps import COLUMNS

PLACE = {"intervention": "replace", "positions": "last", "joint": "one", "strength": 1.0, "seed": 0}


@pytest.fixture
def configuration():
    """The columns that name a configuration of one site."""

    def name(layer, **more):
        return {"aligner": "map", "site": f"resid_post.{layer}", "layer": layer} | PLACE | more

    return name


@pytest.fixture
def sweep_table():
    """A table of (names, margins) or (names, margins, correct); names None are the clean run's."""

    def build(*configurations, split="dev", groups=None, **facts):
        parts = []
        for names, margin, *rest in configurations:
            margin = np.asarray(margin, dtype=float)
            columns = dict.fromkeys(COLUMNS) | {
                **{"model": "toy", "task": "toy", "pair": "b-a", "language": "b", "split": split},
                "example": [f"{split}-{i}" for i in range(len(margin))],
                "group": groups,
                "margin": margin,
                "correct": rest[0] if rest else margin > 0,
            }
            columns |= facts | ({"aligner": "clean"} if names is None else names)
            parts.append(pd.DataFrame(columns, index=range(len(margin)))[list(COLUMNS)].astype(COLUMNS))
        return pd.concat(parts, ignore_index=True)

    return build

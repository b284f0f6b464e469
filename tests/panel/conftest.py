"""A made run of two pairs with all tables."""

import numpy as np
import pandas as pd
import pytest
from report import folders

PAIRS = (("sw", "ar"), ("hi", "en"))
EVIL = "<img src=x onerror=document.title='run'>"
LAYERS = 6


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Two pairs: the first with `grid`, `pca` and dev rows, and text that would be a script if it could."""
    folder = tmp_path_factory.mktemp("panel") / "run"
    folders.several(folder, PAIRS, text=EVIL, layers=LAYERS)
    for path in folder.rglob("pca.parquet"):
        path.unlink()
    first = folder / "sw-ar" / "copa"
    with_dev_rows(first)
    text().to_parquet(folder / "text.parquet", index=False)
    grid("sw", "ar").to_parquet(first / "grid.parquet", index=False)
    pca("sw", "ar").to_parquet(first / "pca.parquet", index=False)
    return folder


def text():
    """Sentences of the first pair, that would be a script if they could."""
    said = {code: [f"{EVIL} {code} {i}" for i in range(8)] for code in PAIRS[0]}
    return pd.DataFrame({"row": range(8), **said})


def with_dev_rows(folder):
    """Dev rows of all ridge maps: at layer L, item i becomes right if i > L, and wrong if i = L."""
    sweep, items = (pd.read_parquet(folder / f"{name}.parquet") for name in ("sweep", "items"))
    sweep = sweep.assign(positions=sweep.intervention.notna().map({True: "last", False: None}))
    grid = pd.read_parquet(folder / "exploration.parquet")
    configurations = grid[grid.aligner == "ridge"]
    clean = sweep[(sweep.aligner == "clean") & (sweep.language == "sw")].assign(split="dev", seed=None)
    dev = [clean.assign(correct=clean.example == "e0", prediction=1, margin=0.0)]
    for configuration in configurations.to_dict("records"):
        layer = configuration["layer"]
        about = ("site", "layer", "joint", "intervention", "positions", "strength")
        about = {name: configuration[name] for name in about}
        number = clean.example.str[1:].astype(int)
        right = (number > layer) | ((number == 0) & (layer > 0))
        dev.append(
            clean.assign(**about, aligner="ridge", seed=0, correct=right, prediction=0, margin=number * 0.5)
        )
    kept = {"layer": "Int64", "seed": "Int64", "prediction": "Int64"}
    pd.concat([sweep.astype(object), *(one.astype(object) for one in dev)]).convert_dtypes().astype(
        kept
    ).to_parquet(folder / "sweep.parquet", index=False)
    pd.concat([items, items.assign(split="dev")]).drop_duplicates(["language", "example"]).to_parquet(
        folder / "items.parquet", index=False
    )


def grid(source, target):
    """A grid whose value says where it stands: 0.1 × layer + 0.01 × other layer, 0.5 more within."""
    rows = [
        {"model": "tiny", "pair": f"{source}-{target}", "seed": 0, "measure": "cka_debiased"}
        | {"split": "held_out", "site": f"resid_post.{i}", "layer": i, "language": one}
        | {"other_site": f"resid_post.{j}", "other_layer": j, "other_language": other}
        | {"value": 0.1 * i + 0.01 * j + 0.5 * (one == other), "n": 30, "note": ""}
        for one, other in ((source, source), (target, target), (source, target))
        for i in range(LAYERS)
        for j in range(LAYERS)
    ]
    return pd.DataFrame(rows).astype({"layer": "Int64", "other_layer": "Int64"})


def pca(source, target):
    """Points of both languages, and of the source mapped onto the target; layer 0 has no plane."""
    rng, rows = np.random.default_rng(3), []
    for layer in range(LAYERS):
        about = {"model": "tiny", "pair": f"{source}-{target}", "seed": 0, "aligner": "ridge", "n": 8}
        about |= {"split": "held_out", "site": f"resid_post.{layer}", "layer": layer}
        for code, mapped in ((source, False), (target, False), (source, True)):
            middle = 3.0 if code == source and not mapped else -3.0
            for sentence in range(8):
                x, y = rng.normal(middle), rng.normal()
                place = {"x": x, "y": y, "share_x": 0.5, "share_y": 0.25, "sentence": sentence, "note": ""}
                if layer == 0:
                    place |= {"x": None, "y": None, "note": "all states are the same"}
                rows.append(about | {"language": code, "mapped": mapped} | place)
    return pd.DataFrame(rows).astype({"layer": "Int64", "x": "float64", "y": "float64"})

"""Tables of every kind as a study writes them, of any size, from a fixed formula and no model."""

import numpy as np
import pandas as pd

METHODS = {"ridge": False, "mean_shift": False, "shuffled_pairs": True}
MEASURES = ("cka", "retrieval", "procrustes")


def names_of(pairs):
    return [f"lang{at:02d}-en" for at in range(pairs)]


def about(pair, method, layer=None, split="dev", **more):
    site = "embed" if layer == -1 else None if layer is None else f"resid_post.{layer}"
    known = None if layer in (None, -1) else layer
    fixed = {"model": "tiny", "pair": pair, "site": site, "layer": known, "method": method, "seed": 0}
    return fixed | {"split": split} | more


def frame(rows):
    return pd.DataFrame(rows).astype({"layer": "Int64"})


def gain(layer, layers, at, method):
    height = {"ridge": 0.5, "mean_shift": 0.2, "shuffled_pairs": -0.1}[method]
    return height * float(np.exp(-(((layer - layers / 2 - at % 3) / (layers / 4)) ** 2)))


def exploration(layers, pairs):
    rows = []
    for at, pair in enumerate(names_of(pairs)):
        for method in METHODS:
            for intervention, strengths in (("replace", (1.0,)), ("add_mapped", (0.5, 1.0))):
                for strength in strengths:
                    for layer in range(layers):
                        g = gain(layer, layers, at, method) * (
                            1 if intervention == "replace" else 0.6 * strength
                        )
                        rows.append(
                            about(pair, method, layer, task="lookup", language=pair[:-3], joint="one")
                            | {"intervention": intervention, "strength": strength, "positions": "last"}
                            | {"mode": "exploratory", "gain": g, "low": g - 0.05, "high": g + 0.05}
                            | {"band_low": g - 0.1, "band_high": g + 0.1, "p": 0.01, "n": 200, "level": 0.95}
                            | {"beyond_band": abs(g) > 0.1, "margin_gain": 3 * g}
                        )
    return frame(rows)


def selection(layers, pairs):
    rows = []
    for at, pair in enumerate(names_of(pairs)):
        for method, control in METHODS.items():
            layer = min(layers - 1, layers // 2 + at % 3)
            g = gain(layer, layers, at, method) - 0.03
            rows.append(
                about(pair, method, layer, split="test", task="lookup", intervention="replace")
                | {"positions": "last", "joint": "one", "strength": 1.0, "control": control}
                | {"headline": method == "ridge", "gain": g, "gain_low": g - 0.04, "gain_high": g + 0.04}
                | {"gained": round(300 * abs(g)) + 10, "lost": 10, "n": 500, "level": 0.95}
            )
    return frame(rows)


def sweep(pairs, items=100):
    rows = []
    for pair in names_of(pairs):
        for language, right in ((pair[:-3], 0.3), ("en", 0.9)):
            for item in range(items):
                rows.append(
                    about(pair, "clean", split="test", task="lookup", language=language)
                    | {"example": f"e{item}", "group": None, "correct": item < right * items}
                )
    return frame(rows).astype({"correct": "boolean"})


def fit(layers, pairs):
    rows = []
    for at, pair in enumerate(names_of(pairs)):
        for layer in range(layers):
            for method, r2 in (
                ("ridge", 0.9 - layer / layers / 2),
                ("mean_shift", 0.3),
                ("shuffled_pairs", -2.0),
            ):
                rows.append(
                    about(pair, method, layer, split="held_out", r2=r2 - at / 500, n_fit=800)
                    | {"n_held_out": 200, "d_model": 64}
                )
    return frame(rows)


def curve(layers, pairs):
    rows = []
    for pair in names_of(pairs):
        for method in ("ridge", "shuffled_pairs"):
            for layer in range(layers):
                for n in (50, 100, 200, 400, 800):
                    for draw in range(2):
                        r2 = (0.9 if method == "ridge" else 0.0) - 20 / n + 0.01 * draw
                        rows.append(
                            about(pair, method, layer, split="held_out", n_fit=n, draw=draw, r2=r2)
                            | {"n_held_out": 200, "d_model": 64}
                        )
    return frame(rows)


def similarity(layers, pairs):
    rows = []
    for at, pair in enumerate(names_of(pairs)):
        for measure in MEASURES:
            for layer in range(-1, layers):
                value = 0.1 + 0.8 * float(np.sin((layer + 1 + at / 10) / (layers + 1) * 3)) ** 2
                interval = measure == "retrieval"
                rows.append(
                    about(pair, measure, layer, split="held_out", value=value, n=200, note="")
                    | {"low": value - 0.05 if interval else None, "high": value + 0.05 if interval else None}
                    | {"interval": "queries" if interval else ""}
                )
    return frame(rows).astype({"low": "float64", "high": "float64"})


def null(layers, pairs):
    table = similarity(layers, pairs)
    return table.assign(null_mean=0.02, null_low=0.01, null_high=0.05, p=0.05, draws=19)


def grid(layers, pairs):
    rows = []
    for pair in names_of(pairs):
        source = pair[:-3]
        for one, other in ((source, source), (source, "en"), ("en", "en")):
            for layer in range(-1, layers):
                for there in range(-1, layers):
                    site = "embed" if there == -1 else f"resid_post.{there}"
                    rows.append(
                        about(
                            pair, "cka_debiased", layer, split="held_out", language=one, other_language=other
                        )
                        | {"other_site": site, "other_layer": None if there == -1 else there}
                        | {
                            "value": 1 - abs(layer - there) / (layers + 1) * (1 if one == other else 1.3),
                            "n": 200,
                        }
                    )
    return frame(rows).astype({"other_layer": "Int64"})


def geometry(layers, pairs):
    rows = []
    for pair in names_of(pairs):
        for language in (pair[:-3], "en"):
            for layer in range(-1, layers):
                share = 0.6 * (layer + 1) / layers
                for method, value in (("lens_share_own", share), ("lens_share_other", 0.3 - share / 3)):
                    rows.append(
                        about(pair, method, layer, split="held_out", language=language, value=value, n=200)
                    )
    return frame(rows)


def confounds(layers, pairs):
    rows = []
    for at, pair in enumerate(names_of(pairs)):
        for measure in MEASURES:
            for confound in ("length", "shared_tokens", "same_script"):
                for layer in range(layers):
                    rho = 0.5 * float(np.cos(layer / layers * 4 + at)) if confound != "same_script" else None
                    low, high = (None, None) if rho is None else (rho - 0.14, rho + 0.14)
                    rows.append(
                        about(pair, measure, layer, split="held_out", confound=confound, rho=rho, mean=1.0)
                        | {"low": low, "high": high, "n": 200}
                    )
    return frame(rows).astype({"rho": "Float64", "low": "Float64", "high": "Float64"})


def predictors(pairs):
    rows = [
        {"scope": scope, "model": "tiny", "pair": pair, "method": measure, "rho": rho, "p": 0.04, "n": 8}
        | {"task": "lookup"}
        for measure, rho in (("cka", -0.5), ("retrieval", 0.8), ("procrustes", None))
        for scope, pair in (("pair", names_of(pairs)[0]), ("layers", None))
    ]
    return pd.DataFrame(rows)


def made(layers=6, pairs=1):
    """All tables of a study of so many layers and pairs."""
    return {
        "exploration": exploration(layers, pairs),
        "selection": selection(layers, pairs),
        "sweep": sweep(pairs),
        "fit": fit(layers, pairs),
        "curve": curve(layers, pairs),
        "similarity": similarity(layers, pairs),
        "null": null(layers, pairs),
        "grid": grid(layers, pairs),
        "geometry": geometry(layers, pairs),
        "confounds": confounds(layers, pairs),
        "predictors": predictors(pairs),
    }


def write(folder, frames):
    """The same as a folder of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in frames.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    return folder

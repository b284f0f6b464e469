"""Tables of every kind as a study writes them, of any size, from a fixed formula and no model."""

import numpy as np
import pandas as pd

from workbench.results import COLUMNS

METHODS = {"ridge": False, "mean_shift": False, "shuffled_pairs": True}
MEASURES = ("cka", "retrieval", "procrustes")


def names_of(pairs):
    return [f"lang{at:02d}-en" for at in range(pairs)]


def about(pair, name, layer=None, split="dev", who="aligner", **more):
    site = "embed" if layer == -1 else None if layer is None else f"resid_post.{layer}"
    known = None if layer in (None, -1) else layer
    fixed = {"model": "tiny", "pair": pair, "site": site, "layer": known, who: name, "seed": 0}
    return fixed | {"split": split} | more


def frame(rows):
    return pd.DataFrame(rows).astype({"layer": "Int64"})


def gain(layer, layers, at, aligner):
    height = {"ridge": 0.5, "mean_shift": 0.2, "shuffled_pairs": -0.1}[aligner]
    return height * float(np.exp(-(((layer - layers / 2 - at % 3) / (layers / 4)) ** 2)))


def exploration(layers, pairs):
    rows = []
    for at, pair in enumerate(names_of(pairs)):
        for aligner in METHODS:
            for intervention, strengths in (("replace", (1.0,)), ("add_mapped", (0.5, 1.0))):
                for strength in strengths:
                    for layer in range(layers):
                        g = gain(layer, layers, at, aligner) * (
                            1 if intervention == "replace" else 0.6 * strength
                        )
                        rows.append(
                            about(pair, aligner, layer, task="lookup", language=pair[:-3], joint="one")
                            | {"intervention": intervention, "strength": strength, "positions": "last"}
                            | {"mode": "exploratory", "gain": g, "low": g - 0.05, "high": g + 0.05}
                            | {"band_low": g - 0.1, "band_high": g + 0.1, "p": 0.01, "n": 200, "level": 0.95}
                            | {"beyond_band": abs(g) > 0.1, "margin_gain": 3 * g}
                        )
    return frame(rows)


def selection(layers, pairs):
    rows = []
    for at, pair in enumerate(names_of(pairs)):
        for aligner, control in METHODS.items():
            layer = min(layers - 1, layers // 2 + at % 3)
            g = gain(layer, layers, at, aligner) - 0.03
            rows.append(
                about(pair, aligner, layer, split="test", task="lookup", intervention="replace")
                | {"positions": "last", "joint": "one", "strength": 1.0, "control": control}
                | {"headline": aligner == "ridge", "gain": g, "gain_low": g - 0.04, "gain_high": g + 0.04}
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
            for aligner, r2 in (
                ("ridge", 0.9 - layer / layers / 2),
                ("mean_shift", 0.3),
                ("shuffled_pairs", -2.0),
            ):
                rows.append(
                    about(pair, aligner, layer, split="held_out", r2=r2 - at / 500, n_fit=800)
                    | {"n_held_out": 200, "d_model": 64}
                )
    return frame(rows)


def curve(layers, pairs):
    rows = []
    for pair in names_of(pairs):
        for aligner in ("ridge", "shuffled_pairs"):
            for layer in range(layers):
                for n in (50, 100, 200, 400, 800):
                    for draw in range(2):
                        r2 = (0.9 if aligner == "ridge" else 0.0) - 20 / n + 0.01 * draw
                        rows.append(
                            about(pair, aligner, layer, split="held_out", n_fit=n, draw=draw, r2=r2)
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
                    about(pair, measure, layer, split="held_out", who="measure", value=value, n=200, note="")
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
                            pair,
                            "cka_debiased",
                            layer,
                            split="held_out",
                            who="measure",
                            language=one,
                            other_language=other,
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
                for name, value in (("lens_share_own", share), ("lens_share_other", 0.3 - share / 3)):
                    rows.append(
                        about(pair, name, layer, split="held_out", who="measure", language=language)
                        | {"value": value, "n": 200}
                    )
    return frame(rows)


def pca(layers, pairs, sentences=40):
    """Two clouds that a shift parts, more of it at each layer; the map takes the shift away."""
    rng = np.random.default_rng(0)
    found = []
    for pair in names_of(pairs):
        for layer in range(layers):
            source = rng.normal(size=(sentences, 2)) * (2.0, 0.5)
            shift = (1 + 6 * layer / layers, 1.0)
            target = source + rng.normal(size=source.shape) / 5 + shift
            clouds = ((pair[:-3], False, source), ("en", False, target), (pair[:-3], True, source + shift))
            for language, mapped, places in clouds:
                where = {"sentence": range(sentences), "x": places[:, 0], "y": places[:, 1]}
                fixed = about(pair, "ridge", layer, split="held_out", language=language, mapped=mapped)
                fixed |= {"share_x": 0.61, "share_y": 0.08, "n": sentences, "note": ""}
                found.append(pd.DataFrame(where).assign(**fixed))
    return pd.concat(found, ignore_index=True).astype({"layer": "Int64"})


def confounds(layers, pairs):
    rows = []
    for at, pair in enumerate(names_of(pairs)):
        for measure in MEASURES:
            for confound in ("length", "shared_tokens", "same_script"):
                for layer in range(layers):
                    rho = 0.5 * float(np.cos(layer / layers * 4 + at)) if confound != "same_script" else None
                    low, high = (None, None) if rho is None else (rho - 0.14, rho + 0.14)
                    rows.append(
                        about(
                            pair,
                            measure,
                            layer,
                            split="held_out",
                            who="measure",
                            confound=confound,
                            rho=rho,
                            mean=1.0,
                        )
                        | {"low": low, "high": high, "n": 200}
                    )
    return frame(rows).astype({"rho": "Float64", "low": "Float64", "high": "Float64"})


def predictors(pairs):
    rows = [
        {"scope": scope, "model": "tiny", "pair": pair, "measure": measure, "rho": rho, "p": 0.04, "n": 8}
        | {"task": "lookup"}
        for measure, rho in (("cka", -0.5), ("retrieval", 0.8), ("procrustes", None))
        for scope, pair in (("pair", names_of(pairs)[0]), ("layers", None))
    ]
    return pd.DataFrame(rows)


BASELINES = (
    *(
        "direct",
        "target_language",
        "translate_self",
        "prompt_search",
        "shots_main",
        "shots_own",
        "shots_mixed",
    ),
    *("transfer_prototype", "transfer_lora", "fine_tuned"),
)
RECIPES = (
    *("incline_paper", "incline_single", "incline_attention", "incline_mlp", "mean_difference"),
    *("learned_vector_answers", "shifcon", "procrustes_greedy", "caa", "cc_tuning", "itlc", "recover"),
    *("lape", "embedding_linear", "kernel_ridge", "kl_calibrated", "optimal_transport"),
)
COMBINATIONS = (
    "shots_main+procrustes_greedy",
    "shots_own+incline_single",
    "fine_tuned+learned_vector_answers",
)
FEW_COMPARED = (
    "direct",
    "target_language",
    "translate_self",
    "shots_own",
    "fine_tuned",
    "incline_single",
    "shifcon",
)
FEW_COMPARED += ("procrustes_greedy", "lape", "shots_own+incline_single", "prompt_translation")


def comparison(pairs, few=False):
    """Gains from -0.05 to 0.65; `prompt_translation` was not run."""
    rows = []
    for at, pair in enumerate(names_of(pairs)):
        names = (*BASELINES, *RECIPES, *COMBINATIONS, "prompt_translation")
        for place, name in enumerate(names):
            if few and name not in FEW_COMPARED:
                continue
            rows.append(
                about(pair, name, split="test", who="method", task="lookup")
                | _compared(name, (place * 7 + at) % 19)
            )
    counts = dict.fromkeys(("n", "parameters", "fit_tokens", "pairs", "labels", "translations"), "Int64")
    return frame(rows).astype({"holm_verdict": "string", "noninferior": "boolean"} | counts)


def _compared(name, draw):
    recipe, combined = name in RECIPES, "+" in name
    family = "combination" if combined else "recipe" if recipe else "baseline"
    empty = {"family": family, "title": name.replace("_", " "), "chosen": "as dev chose", "note": "no words"}
    if name == "prompt_translation":
        return empty
    gain = 0.0 if name == "direct" else 0.65 if name == "target_language" else round(0.03 * draw - 0.05, 3)
    controlled = recipe or combined
    shown = "helps" if gain > 0.04 else "undecided"
    return (
        empty
        | {"note": None, "gain": gain, "gain_low": gain - 0.04, "gain_high": gain + 0.04, "n": 500}
        | {"level": 0.95, "verdict": shown if gain else None, "p": 0.01, "accuracy": 0.35 + gain}
        | {"holm_verdict": None if name in ("direct", "target_language") else shown}
        # Controls of a combination gain over its baseline, here 0.1.
        | (
            {"random_gain": 0.01 - combined / 10, "shuffled_gain": -0.013 - combined / 10}
            if controlled
            else {}
        )
        | {f"random_{end}": value for end, value in _over(0.01, gain) if controlled}
        | {f"shuffled_{end}": value for end, value in _over(-0.013, gain) if controlled}
        | {"retention": -0.02 * (draw % 4) if controlled else None}
        | {"retention_low": -0.02 * (draw % 4) - 0.01 if controlled else None}
        | {"noninferior": draw % 4 == 0 if controlled else None, "parameters": 128 if controlled else 0}
        | {"fit_tokens": 16800 * (1 + draw % 2) if controlled else 900_000 if name == "fine_tuned" else 0}
        | {"pairs": 1200 if controlled else 0, "labels": 4 if "shots" in name else 0, "translations": 0}
        | {"item_tokens": 40.0 if "shots" in name else 26.2 if name == "translate_self" else 7.0}
    )


def _over(control, gain):
    over = gain - control
    return (("over", over), ("over_low", over - 0.05), ("over_high", over + 0.05))


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
        "pca": pca(layers, pairs),
        "confounds": confounds(layers, pairs),
        "predictors": predictors(pairs),
        "comparison": comparison(pairs, few=True),
    }


def write(folder, frames):
    """The same as a folder of a run; columns that no figure shows are empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in frames.items():
        empty = {column: None for column in COLUMNS[name] if column not in table}
        table.assign(**empty).to_parquet(folder / f"{name}.parquet", index=False)
    return folder

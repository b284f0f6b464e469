"""Folders of studies made of numbers alone, for what a small model cannot give: many layers, evil names."""

import json
from pathlib import Path

import made_tables
import numpy as np
import pandas as pd

METHODS = dict.fromkeys(("ridge", "least_squares", "mean_shift"), False)
METHODS |= dict.fromkeys(("identity", "shuffled_pairs"), True)
"""Each with whether it is a control."""
MEASURES = ("cka", "cka_debiased", "retrieval", "csls", "mexa", "mutual_knn", "rsa", "procrustes")
PROPERTIES = ("length", "length_ratio", "fertility", "shared_tokens", "same_script")
ITEMS = 12
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
TABLES = ("fit", "similarity", "confounds", "pca", "exploration", "predictors", "selection", "sweep")


def study(
    folder,
    layers=6,
    source="sw",
    target="ar",
    task="copa",
    model="tiny",
    text="Swali",
    kind="helps",
):
    """One study's folder, as `workbench diagnose` leaves it; its tables by name."""
    rng = np.random.default_rng(7)
    about = {"model": model, "pair": f"{source}-{target}", "seed": 0}
    tables = {
        "fit": _fit(about, layers, rng),
        "similarity": _similarity(about, layers, rng),
        "confounds": _confounds(about, layers, rng),
        "pca": _pca(about, layers, source, target),
        "exploration": _exploration(about, layers, task, source, rng),
        "predictors": _predictors(about, task, rng),
    }
    tables["selection"] = _selection(about, task, tables["exploration"], kind)
    tables["sweep"] = _sweep(about, task, (source, target), tables["selection"].iloc[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    _items(task, source, target, text).to_parquet(folder / "items.parquet", index=False)
    for name, record in _records(about, source, target, task, text).items():
        (folder / f"{name}.json").write_text(json.dumps(record))
    return tables


def compared(folder, pair="sw-ar", task="copa", **more):
    """The table that `workbench compare` leaves in a run's folder, with `more` as its columns."""
    table = made_tables.comparison(1).assign(pair=pair, task=task)
    table = table.assign(holm_p=0.02)
    on_top = table.family == "combination"
    for name, value in (("over_own", 0.05), ("over_own_low", 0.01), ("over_own_high", 0.09)):
        table[name] = table.gain.where(on_top) * 0 + value
    table = table.assign(**more)
    table.to_parquet(Path(folder) / "comparison.parquet", index=False)
    return table


def several(folder, pairs, **kwargs):
    """A folder of studies, with the common tables at the top."""
    made = {}
    for source, target in pairs:
        place = Path(folder) / f"{source}-{target}" / "copa"
        made[f"{source}-{target}"] = study(place, source=source, target=target, **kwargs)
    for name in TABLES:
        together = pd.concat([tables[name] for tables in made.values()], ignore_index=True)
        if name == "selection":
            together["holm_verdict"] = together.verdict.where(together.headline)
            together["holm_p"] = together.p.where(together.headline) * len(made)
        together.to_parquet(Path(folder) / f"{name}.parquet", index=False)
    return made


def _layered(about, layers, first=0):
    return [about | {"site": f"resid_post.{layer}", "layer": layer} for layer in range(first, layers)]


def _fit(about, layers, rng):
    rows = [
        place
        | {"aligner": aligner, "split": "held_out", "r2": rng.uniform(-2, 1), "r2_median": rng.uniform(0, 1)}
        | {"cosine": rng.uniform(0, 1), "ratio_to_control": rng.uniform(0, 1), "n_fit": 90, "n_held_out": 30}
        | {"warning": ""}
        for place in _layered(about, layers)
        for aligner in METHODS
    ]
    return pd.DataFrame(rows)


def _similarity(about, layers, rng):
    embed = about | {"site": "embed", "layer": None}
    rows = [
        place
        | {"measure": name, "split": "held_out", "value": (value := rng.uniform(0, 1)), "low": value - 0.1}
        | {"high": value + 0.1, "interval": "bootstrap", "n": 30, "note": ""}
        for place in [embed, *_layered(about, layers)]
        for name in MEASURES
    ]
    return pd.DataFrame(rows).astype({"layer": "Int64"})


def _confounds(about, layers, rng):
    rows = [
        place
        | {"measure": measure, "confound": name, "rho": (rho := rng.uniform(-0.5, 0.5)), "low": rho - 0.2}
        | {"high": rho + 0.2, "mean": rng.uniform(1, 9), "n": 30, "note": ""}
        for place in _layered(about, layers)
        for measure in MEASURES
        for name in PROPERTIES
    ]
    return pd.DataFrame(rows)


def _pca(about, layers, source, target, sentences=100):
    """Clouds that a shift of (layer + 1, 1) parts, and a map that takes it away."""
    rng, rows = np.random.default_rng(3), []
    for layer, place in enumerate(_layered(about, layers)):
        spread = rng.normal(size=(sentences, 2))
        shift = np.array([layer + 1.0, 1.0])
        for language, mapped, cloud in (
            (source, False, spread),
            (target, False, spread + shift),
            (source, True, spread + shift),
        ):
            for sentence, (x, y) in enumerate(cloud):
                rows.append(
                    place
                    | {"aligner": "ridge", "split": "held_out", "language": language, "mapped": mapped}
                    | {"sentence": sentence, "x": x, "y": y, "share_x": 0.61, "share_y": 0.08}
                    | {"n": sentences, "note": ""}
                )
    return pd.DataFrame(rows)


def _exploration(about, layers, task, source, rng):
    rows = []
    for place in _layered(about, layers):
        for aligner in METHODS:
            for formula, strength in [("replace", 1.0), *(("add_mapped", s) for s in STRENGTHS)]:
                gain = float(np.round(rng.normal(0, 0.2), 4))
                rows.append(
                    place
                    | {"task": task, "language": source, "aligner": aligner, "intervention": formula}
                    | {"positions": "last", "joint": "one", "strength": strength, "split": "dev"}
                    | {"mode": "exploratory", "gain": gain, "low": gain - 0.1, "high": gain + 0.1}
                    | {"band_low": gain - 0.2, "band_high": gain + 0.2, "p": rng.uniform(0, 1)}
                    | {"beyond_band": abs(gain) > 0.2, "margin_gain": gain * 3, "level": 0.95, "n": 100}
                )
    return pd.DataFrame(rows)


def _predictors(about, task, rng):
    rows = [
        about
        | {"scope": "pair", "measure": name, "rho": rng.uniform(-1, 1), "low": np.nan, "high": np.nan}
        | {"p": rng.uniform(0, 1), "n": 6, "note": "", "task": task}
        for name in MEASURES
    ]
    return pd.DataFrame(rows)


def _selection(about, task, exploration, kind):
    rows = []
    for aligner, control in METHODS.items():
        mine = exploration[exploration.aligner == aligner]
        best = mine.loc[mine.gain.idxmax()]
        headline = aligner == "ridge"
        over = None if headline else 0.1
        rows.append(
            about
            | {name: best[name] for name in ("site", "layer", "aligner", "intervention", "strength")}
            | {"split": "test", "positions": "last", "joint": "one", "task": task, "control": control}
            | {"headline": headline, "dev_margin_gain": best.margin_gain, "dev_gain": best.gain}
            | {"accuracy": 0.6, "gain": 0.25, "gain_low": 0.125, "gain_high": 0.375, "headline_over": over}
            | {"headline_over_low": over and 0.05, "headline_over_high": over and 0.15, "level": 0.95}
            | {"n": 12, "verdict": kind if headline else "undecided", "p": 0.01, "detectable": 0.1}
            | {"gained": 4, "lost": 2, "crossfit_gain": 0.2, "selection_bias": 0.01, "regret": 0.02}
            | {"agreement": 0.8, "refits": 6 if headline else None, "refit_sd": 0.01 if headline else None}
            | {"refit_low": 0.2 if headline else None, "refit_high": 0.3 if headline else None}
            | {"retention": -0.01 if headline else None, "retention_low": -0.015 if headline else None}
            | {"noninferior": True if headline else None}
        )
    return pd.DataFrame(rows).astype({"layer": "Int64", "refits": "Int64", "noninferior": "boolean"})


def before(i):
    """Whether item i is right without the patch."""
    return i % 3 == 0


def after(i):
    """And with it."""
    return i % 4 != 0


def _sweep(about, task, languages, best):
    """The unpatched run, the headline's patch, and a refit of it that is never right."""
    configuration = {name: best[name] for name in ("site", "layer", "joint", "intervention", "strength")}
    rows = []
    for language in languages:
        for i in range(ITEMS):
            answer = i % 2
            first, then = (answer if right(i) else 1 - answer for right in (before, after))
            rows.append(_row(about, task, language, i, "clean", before(i), first))
            rows.append(_row(about, task, language, i, best.aligner, after(i), then, **configuration, seed=0))
            rows.append(_row(about, task, language, i, best.aligner, False, 0, **configuration, seed=1))
    return pd.DataFrame(rows).astype({"layer": "Int64", "seed": "Int64", "prediction": "Int64"})


def _row(about, task, language, i, aligner, correct, prediction, **configuration):
    place = {
        "site": None,
        "layer": None,
        "joint": None,
        "intervention": None,
        "strength": None,
        "seed": None,
    } | configuration
    return (
        about
        | place
        | {"task": task, "language": language, "aligner": aligner, "split": "test", "example": f"e{i}"}
        | {"prediction": prediction, "generated": None, "correct": correct}
        | {"margin": float(i) if aligner == "clean" else 2.5 * i}
    )


def _items(task, source, target, text):
    rows = [
        {"task": task, "pair": f"{source}-{target}", "language": language, "split": "test"}
        | {"example": f"e{i}", "group": None, "prompt": f"{said} {i}?", "choices": [f" {said} a", " b"]}
        | {"answer": i % 2, "answers": []}
        for language, said in ((source, text), (target, "أين القطة"))
        for i in range(ITEMS)
    ]
    return pd.DataFrame(rows).astype({"answer": "Int64", "group": "string"})


def _records(about, source, target, task, text):
    interval = {"estimate": 0.5, "low": 0.25, "high": 0.75, "level": 0.95, "n": 12}
    tokens = {"sentences": 10, "tokens": 90, "tokens_per_word": 1.5, "tokens_per_character": 0.4}
    facts = {"baseline": interval, "target_accuracy": interval, "gap": interval, "n_dev": 100, "n_test": 12}
    finding = {
        "kind": "copy",
        "severity": "alarm",
        "languages": [source, target],
        "rows": [[3, 5]],
        "count": 3,
    }
    finding |= {"evidence": f"the same in both: {text}", "repair": "leave them out"}
    report = {"name": "text.tsv", "rows": 120, "clean": False, "findings": [finding]}
    manifest = {
        "model": {"name": about["model"], "weights_digest": "ab" * 32},
        "pair": about["pair"],
        "task": task,
        "task_notes": ["one item mended"],
        "cautions": ["only for first steps"],
        "left_out": {"left_out": [[3, 5]], "report": report},
        "facts": facts
        | {"chance": 0.5, "detectable": 0.1}
        | {"tokens": [tokens | {"language": code} for code in (source, target)]},
        "settings": {"delta": 0.02, "strengths": list(STRENGTHS), "seed": 0},
        "states_digest": "cd" * 32,
        "text_digest": "ef" * 32,
        "n": {"fit": 90, "held_out": 30, "dev": 100, "test": 12},
        "versions": {"torch": "2"},
    }
    verdict = {"kind": "helps", "sentence": f"helps: the sentence of {about['pair']}", "delta": 0.02}
    verdict |= {"source": source, "target": target, "share_of_gap": 0.5, "gap": interval}
    return {"manifest": manifest, "verdict": verdict, "choices": {"choices": {}}}

"""Test claims together on the studies of a run, Holm-corrected, and write the findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.analyses.claims import CLAIMS
from workbench.analyses.claims.base import (
    BAND,
    Case,
    Claim,
    Finding,
    Ground,
    Scale,
    with_holm,
    world_scales,
)
from workbench.analyses.organism.verify import SETTINGS
from workbench.core.errors import InputError
from workbench.core.store import write_json
from workbench.core.types import Progress, check_names, silent
from workbench.methods.base import typed_table
from workbench.models import LanguageModel
from workbench.organism.files import Shipped
from workbench.results import read_table, write_table
from workbench.study import StudyResult, prepare
from workbench.study.diagnosis import Diagnosis, predictors_of


@dataclass(frozen=True, eq=False)
class Tested:
    """All findings, those that no second run repeats to the bit among them, and the table of the others."""

    findings: dict[str, Finding]
    table: pd.DataFrame
    paths: dict[str, Path]


def ground_of(
    diagnosis: Diagnosis,
    results: Sequence[StudyResult],
    *,
    resources: Scale | None = None,
    distances: Scale | None = None,
    band: tuple[float, float] = BAND,
    compare: str | None = None,
) -> Ground:
    """The studies of a diagnosis that were run, with what lies in its folder beside them."""
    if not results:
        raise InputError(f"no study in {diagnosis.folder} was run: there is nothing to test claims on")
    by_place = {result.paths["manifest"].parent: result for result in results}
    cases = [Case(one, by_place[one.folder]) for one in diagnosis.studies if one.folder in by_place]
    settings = cases[0].study.settings
    compared = diagnosis.folder / "comparison.parquet"
    return Ground(
        tuple(cases),
        diagnosis.folder,
        settings.delta,
        settings.seed,
        predictors_of(results, settings.seed),
        read_table(compared) if compared.is_file() else None,
        resources,
        distances,
        band,
        compare or f"workbench compare {diagnosis.folder}",
    )


def known_claims(names: Sequence[str] | None) -> list[Claim]:
    """All claims, or those named."""
    check_names(names or (), CLAIMS, "claim")
    return [claim for name, claim in CLAIMS.items() if names is None or name in names]


def run_claims(
    ground: Ground,
    names: Sequence[str] | None = None,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Tested:
    """Test the claims, and write tables and findings into a folder (the ground's own)."""
    claims, alone = {claim.name: claim for claim in known_claims(names)}, {}
    for done, (name, claim) in enumerate(claims.items()):
        progress("claims", done, len(claims))
        alone[name] = claim.test(ground)
    progress("claims", len(claims), len(claims))
    # Times are no test of items, and differ from run to run: they take no part in the others' correction.
    lasting = {name: finding for name, finding in alone.items() if claims[name].reproducible}
    findings = alone | with_holm(lasting)
    records = {
        name: {
            "statement": claim.statement,
            "rule": claim.rule,
            "reference": claim.reference,
            "verdict": findings[name].verdict,
            "sentence": findings[name].sentence,
            "numbers": dict(findings[name].numbers),
            "p": findings[name].p,
            "holm_p": findings[name].adjusted_p,
        }
        for name, claim in claims.items()
    }
    table = _table(ground, lasting, records)
    place = ground.folder if folder is None else folder
    paths = {"claims": place / "claims.parquet", "json": place / "claims.json"}
    write_table(table, paths["claims"])
    write_json(paths["json"], {name: records[name] for name in lasting})
    timings = {}
    for name, finding in findings.items():
        if name not in lasting:
            runs = [] if finding.table is None else finding.table.to_dict("records")
            timings[name] = records[name] | {"runs": runs}
        elif finding.table is not None:
            paths[name] = place / "claims" / f"{name}.parquet"
            write_table(finding.table, paths[name])
    if timings:
        paths["timings"] = place / "claims" / "timings.json"
        write_json(paths["timings"], timings)
    return Tested(findings, table, paths)


def _table(ground: Ground, alone: Mapping[str, Finding], records: Mapping[str, Any]) -> pd.DataFrame:
    """One row for each claim; `alone` is what it says without the correction."""
    cases = ground.cases
    facts = {
        "model": cases[0].facts["model"] if cases else None,
        "pair": ", ".join(dict.fromkeys(case.facts["pair"] for case in cases)),
        "aligner": ", ".join(dict.fromkeys(case.aligner for case in cases)),
        "seed": ground.seed,
        "split": "test",
    }
    rows = [
        {**finding.numbers, **records[name], **facts, "claim": name, "alone": finding.verdict}
        for name, finding in alone.items()
    ]
    strings = "model pair site aligner split claim verdict alone sentence statement reference"
    return typed_table("claims", rows, string=strings, Int64="seed pairs items")


TASK = "exact"


def organism_ground(
    model: LanguageModel,
    organism: Shipped,
    folder: str | Path,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    dev: int = 300,
    test: int = 1000,
    prompts: int = 1000,
    progress: Progress = silent,
    overwrite: bool = False,
    band: tuple[float, float] = BAND,
    resources: Scale | None = None,
    distances: Scale | None = None,
) -> Ground:
    """Diagnose each language into the main one, as `workbench organism verdicts` does on more sentences."""
    main, *others = organism.config.languages
    text = organism.text()
    diagnosis = prepare(
        model,
        text.select(range(min(prompts, len(text)))),
        [organism.task(TASK).first(dev=dev, test=test)],
        pairs or [(language.code, main.code) for language in others],
        folder,
        SETTINGS,
        progress,
        overwrite,
    )
    known = world_scales(organism.config)
    return ground_of(
        diagnosis,
        diagnosis.run(),
        resources=resources or known[0],
        distances=distances or known[1],
        band=band,
        compare=f"workbench compare organism --out {folder}",
    )

"""Test claims together on the studies of a run, Holm-corrected, and write the findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.analyses.claims import CLAIMS
from workbench.analyses.claims.base import BAND, Case, Claim, Finding, Ground, Scale, world_scales
from workbench.analyses.claims.rule import with_holm
from workbench.analyses.organism.verdicts import SETTINGS
from workbench.core.errors import InputError, did_you_mean
from workbench.core.store import write_json
from workbench.core.types import Progress, silent
from workbench.models import LanguageModel
from workbench.organism.files import Shipped
from workbench.results import read_table, write_table
from workbench.study import StudyResult, prepare
from workbench.study.diagnosis import Diagnosis, predictors_of

# Claims tested together on one ground, corrected for being several, and written down.


COLUMNS: dict[str, str] = {
    **dict.fromkeys(("model", "pair", "site", "aligner"), "string"),
    "seed": "Int64",
    **dict.fromkeys(("split", "claim", "verdict", "alone", "sentence"), "string"),
    **dict.fromkeys(("estimate", "low", "high", "level", "p", "holm_p"), "Float64"),
    **dict.fromkeys(("pairs", "items"), "Int64"),
    **dict.fromkeys(("statement", "reference"), "string"),
}


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
    for name in names or ():
        if name not in CLAIMS:
            raise InputError(f"unknown claim {name!r}: {did_you_mean(name, CLAIMS)}")
    return [claim for name, claim in CLAIMS.items() if names is None or name in names]


def run_claims(
    ground: Ground,
    names: Sequence[str] | None = None,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Tested:
    """Test the claims, and write tables and findings into a folder (the ground's own)."""
    claims, alone = known_claims(names), {}
    for done, claim in enumerate(claims):
        progress("claims", done, len(claims))
        alone[claim.name] = claim.test(ground)
    progress("claims", len(claims), len(claims))
    # Times are no test of items, and differ from run to run: they take no part in the others' correction.
    lasting = {claim.name: alone[claim.name] for claim in claims if claim.reproducible}
    findings = alone | with_holm(lasting)
    about = {claim.name: claim for claim in claims}
    table = _table(ground, about, {name: (findings[name], alone[name]) for name in lasting})
    place = ground.folder if folder is None else folder
    paths = {"claims": place / "claims.parquet", "json": place / "claims.json"}
    write_table(table, paths["claims"])
    write_json(paths["json"], {name: _as_json(about[name], findings[name]) for name in lasting})
    for name in lasting:
        if (rows := findings[name].table) is not None:
            paths[name] = place / "claims" / f"{name}.parquet"
            write_table(rows, paths[name])
    if timed := [claim for claim in claims if not claim.reproducible]:
        paths["timings"] = place / "claims" / "timings.json"
        write_json(paths["timings"], {claim.name: _timed(claim, findings[claim.name]) for claim in timed})
    return Tested(findings, table, paths)


def _table(
    ground: Ground, claims: dict[str, Claim], found: dict[str, tuple[Finding, Finding]]
) -> pd.DataFrame:
    cases = ground.cases
    facts = {
        "model": cases[0].facts["model"] if cases else None,
        "pair": ", ".join(dict.fromkeys(case.facts["pair"] for case in cases)),
        "aligner": ", ".join(dict.fromkeys(case.aligner for case in cases)),
        "seed": ground.seed,
        "split": "test",
    }
    rows = []
    for name, (finding, alone) in found.items():
        numbers = {
            key: finding.numbers.get(key) for key in ("estimate", "low", "high", "level", "pairs", "items")
        }
        rows.append(
            facts
            | {
                "claim": name,
                "verdict": finding.verdict,
                "alone": alone.verdict,
                "sentence": finding.sentence,
            }
            | numbers
            | {"p": finding.p, "holm_p": finding.adjusted_p}
            | {"statement": claims[name].statement, "reference": claims[name].reference}
        )
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS)).astype(COLUMNS)


def _as_json(claim: Claim, finding: Finding) -> dict[str, Any]:
    return {
        "statement": claim.statement,
        "rule": claim.rule,
        "reference": claim.reference,
        "verdict": finding.verdict,
        "sentence": finding.sentence,
        "numbers": dict(finding.numbers),
        "p": finding.p,
        "holm_p": finding.adjusted_p,
    }


def _timed(claim: Claim, finding: Finding) -> dict[str, Any]:
    rows = [] if finding.table is None else finding.table.to_dict("records")
    return _as_json(claim, finding) | {"runs": rows}


# The ground of the organism by itself: all its languages into the main one, on one task.


TASK = "exact"


def organism_ground(
    model: LanguageModel,
    organism: Shipped,
    folder: Path,
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

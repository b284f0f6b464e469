"""The ground of the organism by itself: all its languages into the main one, on one task."""

from collections.abc import Sequence
from pathlib import Path

from workbench.claims.base import BAND, Ground
from workbench.claims.run import ground_of
from workbench.claims.scale import Scale, world_scales
from workbench.models import LanguageModel
from workbench.organism.shipped import Shipped
from workbench.organism.verdicts import SETTINGS
from workbench.progress import Progress, silent
from workbench.study import diagnose

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
    diagnosis = diagnose(
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

"""In-context learning: solved items before each one, in the main language, in its own, or in turn."""

from collections.abc import Sequence
from functools import partial

from workbench.baselines.base import Baseline, Cost, Variant, Wording, task_of
from workbench.errors import InputError, NotApplicable
from workbench.study import Study
from workbench.tasks import with_shots

OWN, MAIN = "own", "main"


def _shown(study: Study, wording: Wording, languages: Sequence[str]) -> list[Variant]:
    task = task_of(study).only([study.source, study.target]) if MAIN in languages else task_of(study)
    sides = [None if language == OWN else study.target for language in languages]
    variants = []
    for n in wording.shots:
        if n < len(sides):
            continue  # one shot cannot be mixed
        for seed in range(wording.seeds):
            try:
                shown = with_shots(task, n, study.settings.seed + seed, wording.between, sides)
            except InputError as error:
                raise NotApplicable(str(error)) from error
            if _longest(study, shown) > (study.model.info.n_ctx or float("inf")):
                continue
            variants.append(Variant(f"{n} shots, seed {seed}", shown, cost=Cost(labels=n)))
    if not variants:
        raise NotApplicable(f"no prompt with shots fits into {study.model.info.n_ctx} tokens")
    return variants


def _longest(study: Study, task: object) -> int:
    items = [
        item
        for split in ("dev", "test")
        for item in task.examples(study.source, split)  # type: ignore[attr-defined]
    ]
    ends = [max((len(choice) for choice in getattr(item, "choices", ())), default=0) for item in items]
    longest = sorted(zip(map(len, (i.prompt for i in items)), ends, range(len(items)), strict=True))[-50:]
    texts = [items[i].prompt + max(getattr(items[i], "choices", ("",)), key=len) for _, _, i in longest]
    return max(map(len, study.model.tokens.encode(texts)), default=0)


_ABOUT = "solved items before each one; how many and which, dev chooses"

SHOTS_MAIN = Baseline("shots_main", "shots in the main language", _ABOUT, partial(_shown, languages=(MAIN,)))
SHOTS_OWN = Baseline("shots_own", "shots in the item's language", _ABOUT, partial(_shown, languages=(OWN,)))
SHOTS_MIXED = Baseline(
    "shots_mixed", "shots in both languages in turn", _ABOUT, partial(_shown, languages=(MAIN, OWN))
)

"""The items as they are: what every other method is held against."""

from workbench.baselines.base import Baseline, Variant, Wording, task_of
from workbench.study import Study


def _as_they_are(study: Study, wording: Wording) -> list[Variant]:
    return [Variant("as it is", task_of(study))]


DIRECT = Baseline("direct", "direct inference", "the item in its own language, nothing done", _as_they_are)

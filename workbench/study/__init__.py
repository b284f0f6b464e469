"""A study: one model, pair and task, from sentences to a verdict, in one folder."""

from workbench.study.alignment import Alignment
from workbench.study.evidence import model_evidence
from workbench.study.result import Outcome, StudyResult
from workbench.study.run import Study
from workbench.study.settings import Settings

__all__ = ["Alignment", "Outcome", "Settings", "Study", "StudyResult", "model_evidence"]

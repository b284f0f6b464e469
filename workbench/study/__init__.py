"""A study: one model, pair and task, from sentences to a verdict, in one folder."""

from workbench.study.alignment import Alignment
from workbench.study.diagnosis import Diagnosis, diagnose
from workbench.study.evidence import model_evidence
from workbench.study.examination import Examination, examine
from workbench.study.facts import FirstFacts
from workbench.study.result import Outcome, StudyResult
from workbench.study.run import Study
from workbench.study.saved import SavedPatch, load_patch, save_patch
from workbench.study.settings import Settings

__all__ = [
    "Alignment",
    "Diagnosis",
    "Examination",
    "FirstFacts",
    "Outcome",
    "SavedPatch",
    "Settings",
    "Study",
    "StudyResult",
    "diagnose",
    "examine",
    "load_patch",
    "model_evidence",
    "save_patch",
]

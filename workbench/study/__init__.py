"""A study: one model, pair and task, from sentences to a verdict, in one folder."""

from workbench.core.settings import Settings
from workbench.study.alignment import Alignment
from workbench.study.diagnosis import Diagnosis, Run, diagnose, open_run, prepare
from workbench.study.examination import Examination, examine, model_evidence
from workbench.study.merging import Merged, merge_runs
from workbench.study.patches import SavedPatch, load_maps, load_patch, save_patch
from workbench.study.result import FirstFacts, Outcome, StudyResult
from workbench.study.run import Study
from workbench.study.specification import Specification

__all__ = [
    "Alignment",
    "Diagnosis",
    "Examination",
    "FirstFacts",
    "Merged",
    "Outcome",
    "Run",
    "SavedPatch",
    "Settings",
    "Specification",
    "Study",
    "StudyResult",
    "diagnose",
    "examine",
    "load_maps",
    "load_patch",
    "merge_runs",
    "model_evidence",
    "open_run",
    "prepare",
    "save_patch",
]

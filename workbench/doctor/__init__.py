"""The doctor: finds what silently ruins parallel data, with rows and a suggested repair."""

from workbench.doctor.checking import check
from workbench.doctor.fields import check_fields, is_benchmark
from workbench.doctor.overlap import overlap
from workbench.doctor.report import Finding, Report
from workbench.doctor.states import model_evidence

__all__ = ["Finding", "Report", "check", "check_fields", "is_benchmark", "model_evidence", "overlap"]

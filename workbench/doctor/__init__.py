"""The doctor: finds what silently ruins parallel data, with rows and a suggested repair."""

from workbench.doctor.base import Sentences
from workbench.doctor.checking import check
from workbench.doctor.fields import check_fields, is_benchmark
from workbench.doctor.overlap import overlap
from workbench.doctor.report import Finding, Report

__all__ = ["Finding", "Report", "Sentences", "check", "check_fields", "is_benchmark", "overlap"]

"""The doctor: finds errors in parallel data, with rows and a suggested repair."""

from workbench.checks.checking import check
from workbench.checks.fields import check_fields, is_benchmark
from workbench.checks.overlap import overlap
from workbench.checks.report import Finding, Report

__all__ = ["Finding", "Report", "check", "check_fields", "is_benchmark", "overlap"]

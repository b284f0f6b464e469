"""The doctor: finds errors in parallel data, with rows and a suggested repair."""

from workbench.checks.checking import check
from workbench.checks.fields import check_fields, is_benchmark
from workbench.checks.report import Finding, Report
from workbench.checks.sentences import overlap

__all__ = ["Finding", "Report", "check", "check_fields", "is_benchmark", "overlap"]

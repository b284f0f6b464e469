"""Other tools of the field: what they write is read and judged here, and patches are written for them."""

from workbench.interop.export import FORMATS, export_patch
from workbench.interop.samples import Samples, judge, match_runs, read_samples

__all__ = ["FORMATS", "Samples", "export_patch", "judge", "match_runs", "read_samples"]

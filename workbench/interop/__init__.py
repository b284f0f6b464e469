"""Other tools of the field: what they write is read and judged here."""

from workbench.interop.samples import Samples, judge, match_runs, read_samples

__all__ = ["Samples", "judge", "match_runs", "read_samples"]

"""Long generation under a patch: which language a model then writes, and whether it repeats itself."""

from workbench.analyses.generate.judge import LanguageIdentifier, repetition
from workbench.analyses.generate.run import Generated, Plan, generate

__all__ = ["Generated", "LanguageIdentifier", "Plan", "generate", "repetition"]

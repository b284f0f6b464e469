"""Long generation under a patch: which language a model then writes, and whether it repeats itself."""

from workbench.analyses.generate.run import Generated, Plan, generate
from workbench.analyses.generate.texts import LanguageIdentifier, repetition

__all__ = ["Generated", "LanguageIdentifier", "Plan", "generate", "repetition"]

"""Long generation under a patch: which language a model then writes, and whether it repeats itself."""

from workbench.generate.identity import LanguageIdentifier
from workbench.generate.repetition import repetition
from workbench.generate.run import Generated, Plan, generate

__all__ = ["Generated", "LanguageIdentifier", "Plan", "generate", "repetition"]

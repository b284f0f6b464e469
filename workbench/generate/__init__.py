"""Long generation under a patch: which language a model then writes, and whether it repeats itself."""

from workbench.generate.judge import LanguageIdentifier, repetition
from workbench.generate.run import Generated, Plan, generate

__all__ = ["Generated", "LanguageIdentifier", "Plan", "generate", "repetition"]

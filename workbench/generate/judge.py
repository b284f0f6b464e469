"""What is said of a generated text: how much it repeats itself, and in which language it is."""

from dataclasses import dataclass

import pandas as pd

from workbench.generate.identity import LanguageIdentifier
from workbench.generate.repetition import repetition


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges texts by the tokens generated; prompts have no say."""

    identifier: LanguageIdentifier
    source: str
    target: str

    def columns(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of `speak` with what is said of them."""
        guesses = self.identifier.guess(list(rows.text))
        return rows.assign(
            tokens=[len(ids) for ids in rows.ids],
            repetition=[repetition(list(ids)) for ids in rows.ids],
            language=[guess.language for guess in guesses],
            p_source=[guess.p[self.source] for guess in guesses],
            p_target=[guess.p[self.target] for guess in guesses],
        )

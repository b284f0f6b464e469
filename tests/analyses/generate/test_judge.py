"""What is said of a text: of its tokens, and of its language."""

import pandas as pd

from workbench.analyses.generate.texts import UNCLEAR


def test_tokens_are_judged_by_phrases_of_four_and_texts_by_their_language(planted):
    here, there = (" ".join(planted.held_out[code][:4]) for code in ("x-poor-far", "x-main"))
    ids = [[1, 2, 3, 1, 2, 3, 9], [1, 2] * 5, []]
    found = planted.identifier.judged(
        pd.DataFrame({"ids": ids, "text": [here, there, ""]}), "x-poor-far", "x-main"
    )
    assert found.tokens.tolist() == [7, 10, 0]
    assert (
        found.repetition[0] == 0 and round(found.repetition[1], 3) == 0.714 and pd.isna(found.repetition[2])
    )
    assert found.language.tolist() == ["x-poor-far", "x-main", UNCLEAR]
    assert found.p_source[0] > 0.9 > 0.1 > found.p_source[1] and found.p_target[1] > 0.9

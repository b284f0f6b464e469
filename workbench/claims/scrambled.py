"""A scrambled map does as well: a map fitted on shuffled pairs against that of the true ones."""

from workbench.claims.base import Claim, Finding, Ground, undecided
from workbench.claims.rule import Part, alone, difference, does_as_well, table_of
from workbench.select import rows_of

CONTROL = "shuffled_pairs"


def _judge(ground: Ground) -> Finding:
    parts = []
    for case in ground.cases:
        control = next((one.choice for one in case.result.others if one.choice.aligner == CONTROL), None)
        if control is None or (control.layer is None and case.choice.layer is None):
            continue
        rows = case.tested()
        about = case.facts | {
            "aligner": case.aligner,
            "layer": case.choice.layer,
            "strength": case.choice.strength,
            "scrambled_layer": control.layer,
            "scrambled_strength": control.strength,
        }
        parts.append(Part(about, rows_of(rows, control), rows_of(rows, case.choice)))
    if not parts:
        return undecided(
            f"no study has the control {CONTROL} and a patch that dev prefers: add it to --aligners"
        )
    found = difference(parts, ground.delta)
    ruling = does_as_well(found)
    table = table_of(parts, "accuracy_scrambled", "accuracy_true", ground.delta, does_as_well)
    what = "a map of shuffled pairs less that of the true ones, each at its own best of dev"
    sentence = f"{what}: {found}{alone(table)}"
    return Finding(ruling.verdict, sentence, found.numbers, table, ruling.p)


CLAIMS = (
    Claim(
        "scrambled_does_as_well",
        "A map fitted on scrambled pairs does as well.",
        "The control shuffled_pairs and the study's own aligner, each with its own layer and strength of "
        "dev, judged once on test. Supported where the scrambled map is shown to lose less than δ; not "
        "supported where it is not and the interval of the difference lies below 0.",
        "a doubt about all such maps; RoSh's controls (scrambled pairs 0.621, full 0.853 AUROC)",
        _judge,
    ),
)

"""The job with the workbench."""

import sys

import workbench as wb

name, data = sys.argv[1:3]
model = wb.load_model(name)
text = wb.read(f"{data}/ntrex128", languages=["fr", "en"])
settings = wb.Settings(aligners=("ridge", "shuffled_pairs"), interventions=("replace",))
run = wb.diagnose(model, text, f"sib200:{data}/sib200", "fr-en", "runs/neighbours", settings)
print(run.verdicts)

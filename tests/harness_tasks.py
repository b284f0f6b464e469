"""Small tasks of lm-evaluation-harness in local files."""

import json

TASK = """task: little_{code}
dataset_path: json
dataset_kwargs:
  data_files:
    validation: {folder}/dev.{code}.jsonl
    test: {folder}/test.{code}.jsonl
output_type: multiple_choice
validation_split: validation
test_split: test
fewshot_split: validation
doc_to_text: "{{{{question}}}} "
doc_to_target: label
doc_to_choice: "{{{{[first, second]}}}}"
metric_list:
  - metric: acc
  - metric: acc_norm
metadata:
  version: 1.0
"""


def write(folder, code, words, labels=lambda i: i % 2, count=12):
    folder.mkdir(exist_ok=True)
    (folder / f"{code}.yaml").write_text(TASK.format(code=code, folder=folder))
    for part in ("dev", "test"):
        rows = [
            {
                **{"id": f"{part}{i}", "question": f"{words[0]} {words[i % len(words)]} {i}?"},
                **{"first": f"{words[1]} {i}", "second": f"{words[-1]} yes", "label": labels(i)},
            }
            for i in range(count)
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{part}.{code}.jsonl").write_text(lines)

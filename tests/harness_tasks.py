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


ANSWERED = """task: said_{code}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {folder}/said.{code}.jsonl
output_type: generate_until
test_split: test
doc_to_text: "{{{{question}}}}"
doc_to_target: answer
generation_kwargs:
  until: ["{until}"]
  max_gen_toks: 6
  do_sample: false
filter_list:
  - name: first-letters
    filter:
      - function: regex
        regex_pattern: "([A-Za-z]+)"
      - function: take_first
  - name: whole
    filter:
      - function: take_first
metric_list:
  - metric: exact_match
    ignore_case: true
metadata:
  version: 1.0
"""


def write_answered(folder, code, word, until, answers):
    (folder / f"said_{code}.yaml").write_text(ANSWERED.format(code=code, folder=folder, until=until))
    rows = [{"id": i, "question": f"{word} {i} is", "answer": answer} for i, answer in enumerate(answers)]
    (folder / f"said.{code}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


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


def write_continued(folder, code, texts):
    """`texts` are pairs of a context and what follows it."""
    text = ANSWERED.format(code=code, folder=folder, until="x").replace("said_", "next_")
    head = text.replace("said.", "next.").partition("generation_kwargs")[0]
    head = head.replace("generate_until", "loglikelihood").replace(" answer", " '{{answer}}'")
    tail = "target_delimiter: ''\nmetric_list: [{metric: acc}]\nmetadata: {version: 1.0}\n"
    (folder / f"next_{code}.yaml").write_text(head + tail)
    rows = [{"id": i, "question": context, "answer": answer} for i, (context, answer) in enumerate(texts)]
    (folder / f"next.{code}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

"""Fine-tuning by LoRA: the loss, the adapter, the merge and the folder, each against a few plain lines."""

import ast
import inspect
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from counts import FULL
from peft import PeftModel
from safetensors.torch import load_file
from tiny_models import HAS_HOOKED, tiny, tiny_path
from transformers import AutoModelForCausalLM

from workbench.core.errors import InputError, ModelError, StoreError
from workbench.core.types import silent
from workbench.methods.baselines import lora
from workbench.methods.baselines.lora import (
    ADAPTER,
    LoraSettings,
    answer_loss,
    fine_tune,
    read_rows,
    train,
    with_adapter,
)
from workbench.models import load_model
from workbench.models.outline import support_table
from workbench.models.reading import quietly
from workbench.organism import shipped
from workbench.sweeps import read_examples, score_choices
from workbench.tasks import AnswerExample, Example

HOOKED = {row.architecture: row.hooked and HAS_HOOKED for row in support_table()}
ARCHITECTURES = list(HOOKED) if FULL else ["llama", "gpt2", "bloom", "gpt_neox", "gemma2", "opt"]
PROMPTS = ("the cat sat on", "water", "a tree and then", "maji ni katika", "the house in the", "dogs ran")
CHOICES = (" water", " the tree house", " nyumba")
CHOSEN = tuple(Example(f"fit-{i}", prompt, CHOICES, i % 3, "sw", "fit") for i, prompt in enumerate(PROMPTS))
GENERATED = tuple(
    AnswerExample(f"fit-{i}", prompt, ("maji", "water"), "sw", "fit") for i, prompt in enumerate(PROMPTS)
)
QUICK = LoraSettings(rank=2, alpha=8, learning_rate=2e-2, epochs=2, batch_size=4)


def causal(architecture):
    path = tiny_path(architecture)
    with quietly():
        return AutoModelForCausalLM.from_pretrained(
            path, attn_implementation="eager", dtype=torch.float32
        ).eval()


def rows_of(architecture, examples=CHOSEN):
    return read_rows(tiny(architecture).tokens, examples, "\n")


def loss_by_hand(model, rows):
    """Row after row, without padding: how unlikely the model finds each token of the answers."""
    found = []
    for row in rows:
        ids = [*row.prompt, *row.answer]
        log_p = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        found += [-log_p[at - 1, ids[at]] for at in range(len(row.prompt), len(ids))]
    return torch.stack(found).mean()


def largest_difference(one, other):
    return float((one - other).abs().max() / other.abs().max())


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    made = {}

    def tune(architecture):
        if architecture not in made:
            folder = tmp_path_factory.mktemp("tuned") / architecture
            made[architecture] = fine_tune(tiny_path(architecture), CHOSEN, folder, QUICK)
        return made[architecture]

    return tune


# The loss -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bos", [True, False])
def test_what_is_trained_on_is_what_is_asked(bos):
    model = load_model(tiny_path("llama", bos=bos))
    rows = read_rows(model.tokens, CHOSEN, "\n")
    for row, reading in zip(rows, read_examples(model, CHOSEN), strict=True):
        assert row.prompt == reading.prompt
        assert row.answer == reading.choices[reading.example.answer]


def test_a_generated_answer_is_the_first_one_and_has_an_end():
    reader = tiny("llama").tokens
    for row, example in zip(rows_of("llama", GENERATED), GENERATED, strict=True):
        assert reader.decode(row.prompt) == example.prompt
        assert reader.decode(row.answer) == " maji\n"
    line = replace(GENERATED[0], prompt="water\n")
    assert reader.decode(read_rows(reader, [line], "")[0].answer) == "maji"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_loss_is_that_of_the_answers_tokens_alone(architecture):
    model, rows = causal(architecture), rows_of(architecture)
    assert len({row.run for row in rows}) > 1 and len({len(row.answer) for row in rows}) > 1
    with torch.no_grad():
        torch.testing.assert_close(answer_loss(model, rows, 2), loss_by_hand(model, rows))


def test_training_starts_from_the_model_as_it_is_asked():
    """A fresh adapter changes nothing, and GPT-2's own dropout of 0.1 stays off."""
    model, rows = causal("gpt2"), rows_of("gpt2")
    with torch.no_grad():
        expected = float(loss_by_hand(model, rows))
    with_adapter(model, QUICK)
    assert train(model, rows, replace(QUICK, batch_size=6), 2, silent)[0] == pytest.approx(expected)


# The adapter --------------------------------------------------------------------------------------


def test_gradients_reach_the_adapter_only_and_the_weights_below_stay():
    model, before = causal("llama"), causal("llama").state_dict()
    peft_model = with_adapter(model, QUICK)
    answer_loss(model, rows_of("llama"), 2).backward()
    assert all(("lora_" in name) == (weight.grad is not None) for name, weight in model.named_parameters())
    train(model, rows_of("llama"), QUICK, 2, silent)
    assert any(weight.any() for name, weight in model.named_parameters() if "lora_B" in name)
    after = peft_model.unload().state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


# Width 32, hidden 64; keys and values of llama 16; query, key and value of gpt2 in one, its hidden 128.
LLAMA_ATTENTION = (32 + 32) + 2 * (32 + 16) + (32 + 32)
LLAMA_MLP = 2 * (32 + 64) + (64 + 32)
GPT2 = (32 + 96) + (32 + 32) + (32 + 128) + (128 + 32)


@pytest.mark.parametrize(
    ("architecture", "targets", "per_rank_and_layer"),
    [
        ("llama", "all-linear", LLAMA_ATTENTION + LLAMA_MLP),
        ("llama", "attention", LLAMA_ATTENTION),
        ("llama", "mlp", LLAMA_MLP),
        ("gpt2", "all-linear", GPT2),
    ],
)
@pytest.mark.parametrize("rank", [1, 4])
def test_the_count_of_trained_parameters_is_that_of_the_matrices(
    architecture, targets, per_rank_and_layer, rank
):
    model = causal(architecture)
    with_adapter(model, LoraSettings(rank=rank, targets=targets))
    counted = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert counted == 4 * rank * per_rank_and_layer


def test_dropout_is_that_of_the_adapter_and_follows_the_seed(tmp_path):
    plain, dropped, again = (
        fine_tune(tiny_path("llama"), CHOSEN, tmp_path / str(i), replace(QUICK, dropout=p)).losses
        for i, p in enumerate([0.0, 0.5, 0.5])
    )
    assert dropped == again
    assert dropped[0] == plain[0] and dropped[2:] != plain[2:]


# The merged model ---------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_merged_model_runs_as_the_unmerged_one_on_every_backend(architecture, tuned):
    folder = tuned(architecture).folder
    base = causal(architecture)
    texts = tiny(architecture).tokens.encode(PROMPTS[:3])
    with torch.no_grad():
        before = [base(torch.tensor([ids])).logits for ids in texts]
        with quietly():
            unmerged = PeftModel.from_pretrained(base, folder / ADAPTER).eval()
        expected = [unmerged(torch.tensor([ids])).logits for ids in texts]
        assert min(largest_difference(a, b) for a, b in zip(before, expected, strict=True)) > 1e-2
        for backend in ("bridge", "hooked") if HOOKED[architecture] else ("bridge",):
            model = load_model(folder, backend=backend)
            assert model.tokens.encode(PROMPTS[:3]) == texts
            for ids, logits in zip(texts, expected, strict=True):
                assert largest_difference(model.run(model.batch([ids])), logits) < 1e-4


@pytest.mark.parametrize(("architecture", "turned"), [("llama", False), ("gpt2", True)])
def test_merging_adds_the_scaled_product_and_nothing_else(architecture, turned, tuned):
    folder = tuned(architecture).folder
    adapter = load_file(folder / ADAPTER / "adapter_model.safetensors")
    before = load_file(tiny_path(architecture) / "model.safetensors")
    after = load_file(folder / "model.safetensors")
    adapted = 0
    for name, weight in after.items():
        stem = "base_model.model." + name.removesuffix(".weight")
        if f"{stem}.lora_A.weight" in adapter:
            product = adapter[f"{stem}.lora_B.weight"] @ adapter[f"{stem}.lora_A.weight"] * (8 / 2)
            torch.testing.assert_close(weight, before[name] + (product.T if turned else product))
            assert product.any()
            adapted += 1
        else:
            assert torch.equal(weight, before[name]), name
    assert adapted == 4 * (4 if turned else 7) == len(adapter) / 2


def test_nothing_that_is_written_needs_unpickling_or_names_a_place(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "save", lambda *_: pytest.fail("torch.save pickles"))
    result = fine_tune(tiny_path("llama"), CHOSEN, tmp_path / "tuned", QUICK)
    files = [path for path in result.folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".safetensors"}
    for path in files:
        if path.suffix == ".json":
            assert str(tiny_path("llama").parent) not in path.read_text(encoding="utf-8"), path


# The same again -----------------------------------------------------------------------------------


def states():
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


def test_a_seed_gives_the_weights_to_the_bit_and_leaves_everything_global_alone(tmp_path, tuned):
    first = tuned("llama")
    torch.rand(3)  # elsewhere than where training would leave the generator
    before = (*states(), torch.get_num_threads())
    again = fine_tune(tiny_path("llama"), CHOSEN, tmp_path / "again", QUICK)
    assert (*states(), torch.get_num_threads()) == before
    other = fine_tune(tiny_path("llama"), CHOSEN, tmp_path / "other", replace(QUICK, seed=1))
    names = ["model.safetensors", f"{ADAPTER}/adapter_model.safetensors", f"{ADAPTER}/adapter_config.json"]
    for name in names:
        assert (first.folder / name).read_bytes() == (again.folder / name).read_bytes(), name
    assert again.losses == first.losses and again.digest == first.digest
    assert (other.folder / names[0]).read_bytes() != (first.folder / names[0]).read_bytes()


def test_what_it_took_is_counted(tmp_path):
    told = []
    result = fine_tune(tiny_path("llama"), CHOSEN, tmp_path / "tuned", QUICK, lambda *now: told.append(now))
    assert told == [("fine-tune", step, 4) for step in (1, 2, 3, 4)], "2 epochs of 6 in fours"
    assert len(result.losses) == 4 and result.examples == 6
    lengths = [len(tiny("llama").tokens.encode([e.prompt + e.choices[e.answer]])[0]) for e in CHOSEN]
    assert result.forward_tokens == 2 * sum(length - 1 for length in lengths)
    assert result.trained_parameters == 4 * 2 * (LLAMA_ATTENTION + LLAMA_MLP)


def test_a_finished_folder_is_used_again_and_any_other_is_refused(tmp_path):
    def never(what, done, total):
        pytest.fail("trained again")

    source, folder = tiny_path("llama"), tmp_path / "tuned"
    first = fine_tune(source, CHOSEN, folder, QUICK)
    assert fine_tune(source, CHOSEN, folder, QUICK, never) == first
    for examples, settings in [(CHOSEN[:5], QUICK), (CHOSEN, replace(QUICK, rank=3))]:
        with pytest.raises(InputError, match="tuned from other weights, examples or settings"):
            fine_tune(source, examples, folder, settings, never)
    with pytest.raises(InputError, match="tuned from other weights"):
        fine_tune(tiny_path("mistral"), CHOSEN, folder, QUICK, never)
    adapter = folder / ADAPTER / "adapter_model.safetensors"
    adapter.write_bytes(adapter.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError, match=r"adapter_model.safetensors is damaged or missing: delete"):
        fine_tune(source, CHOSEN, folder, QUICK, never)
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds no fine-tuned model"):
        fine_tune(source, CHOSEN, other, QUICK, never)
    assert (other / "notes.txt").exists()


def test_what_was_interrupted_leaves_nothing_and_ends_the_same_when_started_anew(
    tmp_path, tuned, monkeypatch
):
    def stop(*_):
        raise KeyboardInterrupt

    before = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        fine_tune(tiny_path("llama"), CHOSEN, tmp_path / "tuned", QUICK, stop)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(lora, "digest_files", stop)  # called when all but the card is written
        fine_tune(tiny_path("llama"), CHOSEN, tmp_path / "tuned", QUICK)
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(torch.get_rng_state(), before)
    again = fine_tune(tiny_path("llama"), CHOSEN, tmp_path / "tuned", QUICK)
    weights = [result.folder / "model.safetensors" for result in (again, tuned("llama"))]
    assert weights[0].read_bytes() == weights[1].read_bytes()


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("examples", [CHOSEN, GENERATED])
def test_only_fit_items_are_trained_on(examples, split, tmp_path):
    mixed = [*examples[:2], replace(examples[2], id="held-out", split=split)]
    with pytest.raises(
        InputError, match=f"'held-out' is of split '{split}': fine-tuning sees fit items only"
    ):
        fine_tune(tiny_path("llama"), mixed, tmp_path / "tuned", QUICK)


def test_what_cannot_be_trained_is_said_at_once(tmp_path):
    folder = tmp_path / "tuned"
    with pytest.raises(InputError, match="no examples to fine-tune on"):
        fine_tune(tiny_path("llama"), [], folder)
    with pytest.raises(InputError, match="no model to fine-tune"):
        fine_tune("", CHOSEN, folder)
    with pytest.raises(ModelError, match="not a model directory"):
        fine_tune(tmp_path, CHOSEN, folder)
    with pytest.raises(ModelError, match="give the path of a local copy"):
        fine_tune("llama", CHOSEN, folder)  # what `wrap` knows of a model made in memory
    with pytest.raises(InputError, match=r"cannot fine-tune in torch.float16"):
        fine_tune(tiny_path("llama"), CHOSEN, folder, dtype=torch.float16)
    long = replace(CHOSEN[0], id="long", prompt="the cat " * 200)
    with pytest.raises(InputError, match=r"'long' has \d+ tokens with its answer, but the model takes 256"):
        fine_tune(tiny_path("llama"), [long], folder)
    joined = replace(CHOSEN[0], id="joined", prompt="the wat", choices=("er", "e"), answer=0)
    with pytest.raises(InputError, match="'joined': the tokenizer joins"):
        fine_tune(tiny_path("llama"), [joined], folder)
    with pytest.raises(InputError, match="the loss is no number at step"):
        fine_tune(tiny_path("llama"), CHOSEN, folder, replace(QUICK, learning_rate=1e30))
    assert not folder.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rank": 0}, "rank is 0: it must be at least 1"),
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0: it must be above 0"),
        ({"warmup": 1.0}, "warmup is 1.0: it must be from 0 to below 1"),
        ({"targets": "atention"}, "did you mean 'attention'"),
    ],
)
def test_settings_are_checked(change, message):
    with pytest.raises(InputError, match=message):
        LoraSettings(**change)


def test_peft_is_imported_only_where_something_is_tuned():
    tree = ast.parse(inspect.getsource(lora))
    assert "peft" in ast.unparse(tree)
    assert not any("peft" in ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom))


# The organism -------------------------------------------------------------------------------------


def test_the_organism_learns_its_poor_language_from_a_few_hundred_items(tmp_path):
    task, language = shipped().task("exact"), "x-poor-far"

    def accuracy(model, code):
        examples = task.examples(code, "test")[:400]
        scores = score_choices(model, read_examples(model, examples))
        return np.mean([int(s.argmax()) == e.answer for s, e in zip(scores, examples, strict=True)])

    result = fine_tune("organism", task.examples(language, "fit")[:300], tmp_path / "tuned")
    base, model = load_model("organism"), load_model(result.folder)
    assert accuracy(base, language) < 0.45 and accuracy(base, "x-main") > 0.95
    assert accuracy(model, language) > 0.9, "items that were not trained on"
    assert accuracy(model, "x-main") > 0.95, "the main language is kept"

"""Our patches in lm-evaluation-harness: at the end of each context, with the harness's own results."""

import json
import sys

import pytest
import torch
from harness_tasks import write
from tiny_models import sentences, tiny, tiny_path

from workbench.align import Ridge
from workbench.cli import main
from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.intervene import applied
from workbench.study import load_patch, save_patch
from workbench.sweeps import Configuration

lm_eval = pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed: make test-lm-eval")

REQUESTS = [
    (f"{context} ", f"{word} {i}")
    for i, context in enumerate(sentences(7, seed=3))
    for word in ("house", "water is", "mti nyumba maji")
]


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """A patch file for each formula, at layer 1 of the tiny llama."""
    folder, model = tmp_path_factory.mktemp("patches"), tiny("llama")
    generator = torch.Generator().manual_seed(0)
    X, Y = torch.randn(2, 60, model.info.d_model, generator=generator)
    fitted = Ridge().fit(X, Y)
    card = {"model": "tiny", "weights_digest": model.weights_digest, "dtype": "float32", "bos": "tokenizer"}
    made = {}
    for name, formula, strength, more in (
        ("replace", "replace", 1.0, {}),
        ("nothing", "add_mapped", 0.0, {}),
        ("add", "add_mapped", 0.5, {}),
        ("all", "add_mapped", 0.5, {"positions": "all"}),
        ("prompt", "interpolate", 0.5, {"positions": "prompt"}),
    ):
        configuration = Configuration("ridge", Site(1), fitted, formula, strength, **more)
        made[name] = folder / f"{name}.safetensors"
        save_patch(configuration, made[name], card)
    return made


def asked(model, requests=REQUESTS):
    """Answers of a model of the harness."""
    from lm_eval.api.instance import Instance

    instances = [Instance("loglikelihood", {}, request, i) for i, request in enumerate(requests)]
    return model.loglikelihood(instances, disable_tqdm=True)


def patched(patch=None, **options):
    from workbench.interop.harness import PatchedLM

    given = {"device": "cpu", "dtype": "float32", "batch_size": 5} | options
    return PatchedLM(str(tiny_path("llama")), intervention=None if patch is None else str(patch), **given)


@pytest.fixture(scope="module")
def hf():
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(tiny_path("llama")), device="cpu", dtype="float32", batch_size=5)


def alone(saved, context, continuation):
    """Log-likelihood and greediness of one request by plain TransformerLens-like runs of one row."""
    model = tiny("llama")
    prompt = model.tokens.encode([context.rstrip()])[0]
    whole = model.tokens.encode([context + continuation])[0]
    batch = model.batch([whole[:-1]])
    ends = torch.tensor([len(prompt) - 1])
    with torch.no_grad(), applied(model, saved.patches, batch, ends=ends, from_clean=saved.from_clean):
        logits = model.run(batch)[0, len(prompt) - 1 :].log_softmax(-1)
    tail = torch.tensor(whole[len(prompt) :])
    return float(logits.gather(1, tail[:, None]).sum()), bool((logits.argmax(-1) == tail).all())


def close(found, wanted):
    assert [value for value, _ in found] == pytest.approx([value for value, _ in wanted], abs=1e-4)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in wanted]


def test_without_a_patch_and_at_strength_0_it_is_the_model_hf(hf, patches):
    theirs = asked(hf)
    close(asked(patched()), theirs)
    close(asked(patched(patches["nothing"])), theirs)
    close(asked(patched(patches["add"], strength=0)), theirs)
    requests = list(written(hf))
    theirs = hf._loglikelihood_tokens(requests, disable_tqdm=True)
    assert [greedy for _, greedy in theirs] == [True, False, True, False]
    close(patched()._loglikelihood_tokens(requests, disable_tqdm=True), theirs)


def written(hf):
    """Requests whose continuation is what the model writes, and others with a last token changed."""
    for context in ("the cat", "water to house"):
        ids = hf.tok_encode(context)
        with torch.no_grad():
            best = int(hf.model(torch.tensor([ids])).logits[0, -1].argmax())
            then = int(hf.model(torch.tensor([[*ids, best]])).logits[0, -1].argmax())
        for last in (then, then - 1):
            yield (context, str(last)), ids, [best, last]


@pytest.mark.parametrize("name", ["replace", "add", "prompt", "all"])
def test_the_patch_stands_at_the_end_of_the_context(hf, patches, name):
    found = asked(patched(patches[name]))
    close(found, [alone(load_patch(patches[name]), *request) for request in REQUESTS])
    clean = asked(hf)
    assert max(abs(a - b) for (a, _), (b, _) in zip(found, clean, strict=True)) > 1e-2
    close(found, asked(patched(patches[name], batch_size=1)))


def test_what_is_too_long_loses_its_beginning_as_in_hf(hf, patches):
    context = " ".join(sentences(60, seed=5))
    assert len(hf.tok_encode(context)) > hf.max_length
    requests = [(context, " house"), (context, " water is wet")]
    close(asked(patched(patches["nothing"]), requests), asked(hf, requests))


def test_generated_answers_are_patched_too(hf, patches):
    from lm_eval.api.instance import Instance

    how = {"until": ["\n"], "max_gen_toks": 6, "do_sample": False}
    prompts = sentences(5, seed=8)
    instances = [Instance("generate_until", {}, (prompt, how), i) for i, prompt in enumerate(prompts)]
    clean = hf.generate_until(instances, disable_tqdm=True)
    assert patched(patches["nothing"]).generate_until(instances, disable_tqdm=True) == clean
    ours = patched(patches["replace"]).generate_until(instances, disable_tqdm=True)
    model, saved = tiny("llama"), load_patch(patches["replace"])
    alone = []
    for prompt in prompts:
        with saved.on(model):
            alone.append(model.generate(prompt, 6))
    assert [text.partition("\n")[0] for text in alone] == ours and ours != clean


def test_what_has_no_context_is_refused_but_for_patches_at_all_tokens(hf, patches):
    from lm_eval.api.instance import Instance

    texts = [Instance("loglikelihood_rolling", {}, (text,), i) for i, text in enumerate(sentences(3, seed=9))]
    with pytest.raises(InputError, match="no context"):
        patched(patches["replace"]).loglikelihood_rolling(texts, disable_tqdm=True)
    everywhere = patched(patches["all"]).loglikelihood_rolling(texts, disable_tqdm=True)
    clean = patched().loglikelihood_rolling(texts, disable_tqdm=True)
    assert clean == pytest.approx(hf.loglikelihood_rolling(texts, disable_tqdm=True), abs=1e-3)
    assert everywhere != pytest.approx(clean, abs=1e-2)


def test_other_weights_and_a_strength_for_what_has_none_are_refused(patches):
    with pytest.raises(InputError, match="give dtype=float32"):
        patched(patches["add"], dtype="bfloat16")
    with pytest.raises(InputError, match="Replace has none"):
        patched(patches["replace"], strength=0.5)


def test_the_command_writes_the_harness_s_results_and_judge_reads_them(
    patches, tmp_path, capsys, monkeypatch
):
    write(tmp_path / "tasks", "sw", ("mtoto", "nyumba", "maji", "watu"))
    for name in ("nothing", "replace"):
        given = f"pretrained={tiny_path('llama')},dtype=float32,intervention={patches[name]}"
        words = ["--model_args", given, "--tasks", "little_sw", "--include_path", str(tmp_path / "tasks")]
        words += ["--device", "cpu", "--log_samples", "--output_path", str(tmp_path / name)]
        assert main(["lm-eval", *words]) == 0
    (results,) = (tmp_path / "replace").rglob("results_*.json")
    about = json.loads(results.read_text())["config"]
    assert about["model"] == "workbench" and about["intervention"]["configuration"]["aligner"] == "ridge"
    capsys.readouterr()
    assert main(["judge", str(tmp_path / "nothing"), str(tmp_path / "replace"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["tasks"]
    assert row["task"] == "little_sw" and row["items"] == 12


def test_words_for_the_harness_are_no_option_of_other_commands(capsys, monkeypatch):
    with pytest.raises(SystemExit):
        main(["judge", "a", "b", "--tasks", "x"])
    assert "unrecognized arguments: --tasks x" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.setitem(sys.modules, "lm_eval.__main__", None)
    assert main(["lm-eval", "--tasks", "x"]) == 2
    assert "pip install 'lm-eval[hf]'" in capsys.readouterr().err


def test_items_without_a_context_are_refused_but_for_patches_at_all_tokens(hf, patches):
    from lm_eval.api.instance import Instance

    requests = [Instance("loglikelihood", {}, ("", text), i) for i, text in enumerate(sentences(4, seed=2))]
    with pytest.raises(InputError, match="items without a context"):
        patched(patches["replace"]).loglikelihood(requests, disable_tqdm=True)
    close(patched().loglikelihood(requests, disable_tqdm=True), hf.loglikelihood(requests, disable_tqdm=True))
    assert len(patched(patches["all"]).loglikelihood(requests, disable_tqdm=True)) == 4


def test_many_continuations_of_one_context_are_run_in_parts(hf, patches, monkeypatch):
    from workbench.interop import harness

    monkeypatch.setattr(harness, "TOKENS", 6)
    requests = [("the cat sat ", f"on a mat and {i}") for i in range(17)]
    close(asked(patched(), requests), asked(hf, requests))
    close(asked(patched(patches["add"], batch_size=2), requests), asked(patched(patches["add"]), requests))


def test_prompts_of_one_token_are_generated_behind(patches):
    model = patched(patches["replace"])
    context = torch.tensor([[45]])
    mask = torch.ones_like(context)
    out = model._model_generate(context, 5, ["\n"], attention_mask=mask, do_sample=False)
    assert out.shape == (1, 5) and out[0, 0] == 45
    saved, lens = load_patch(patches["replace"]), tiny("llama")
    batch = lens.batch([[45]])
    with torch.no_grad(), applied(lens, saved.patches, batch):
        first = lens.run(batch)[0, -1].argmax()
    assert out[0, 1] == first


def test_a_cache_of_answers_and_other_tokens_are_refused(patches, tmp_path):
    model = patched(patches["add"])
    with pytest.raises(InputError, match="use_cache"):
        lm_eval.api.model.CachingLM(model, str(tmp_path / "cache.db"))
    with pytest.raises(InputError, match="give intervention=FILE"):
        patched(strength=0.5)
    saved = load_patch(patches["add"])
    from workbench.interop.harness import _check

    with pytest.raises(InputError, match="add_bos_token=True"):
        _check(saved.card | {"bos": "always"}, model.lens, None)

"""Weights in 8 and 4 bits: patched and captured like others, and recorded with every result."""

import sys

import pytest
import torch
from tiny_models import sentences, tiny_path

from workbench.core.errors import ModelError
from workbench.core.types import Site
from workbench.models import load_model

needs = pytest.mark.skipif(
    "bitsandbytes" not in sys.modules and not __import__("importlib.util").util.find_spec("bitsandbytes"),
    reason="bitsandbytes is not installed: make test-lm-eval",
)


@needs
@pytest.mark.filterwarnings("ignore:MatMul8bitLt")
@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_few_bits(bits):
    # 4 bits go in blocks of 64, which a tiny model does not fill.
    name, texts = (
        (tiny_path("llama"), sentences(4)) if bits == "8bit" else ("organism", ("бо ва", "би ку ди"))
    )
    model, whole = load_model(name, quantise=bits), load_model(name)
    assert model.info.quantisation == f"bitsandbytes {bits}" and whole.info.quantisation is None
    assert model.weights_digest != whole.weights_digest
    batch = model.batch(model.tokens.encode(texts))
    seen = {}
    with torch.inference_mode():
        model.run(batch, hooks={Site(2): lambda h: seen.update(h=h)})
        clean, near = model.run(batch), whole.run(batch)
        same = model.run(batch, hooks={Site(2): lambda h: seen["h"]})
        moved = model.run(batch, hooks={Site(2): lambda h: h + 1})
    assert torch.equal(same, clean) and not torch.allclose(moved, clean, atol=1e-3)
    apart = (clean - near)[batch.mask].abs().max() / near[batch.mask].abs().max()
    assert 0 < apart < 0.2


@needs
def test_what_does_not_go_together_is_refused():
    with pytest.raises(ModelError, match="goes with none of"):
        load_model(tiny_path("llama"), quantise="8bit", device_map="auto")


def test_other_bits_and_a_missing_package_are_refused(monkeypatch):
    with pytest.raises(ModelError, match="quantise is '3bit'"):
        load_model(tiny_path("llama"), quantise="3bit")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ModelError, match="pip install bitsandbytes"):
        load_model(tiny_path("llama"), quantise="8bit")

"""Text to tokens: one BOS or none, positions that padding does not move, fertility."""

import pytest
import torch
from tiny_models import sentences, tiny, tiny_path
from transformers import AutoTokenizer

from workbench.core.errors import InputError, ModelError
from workbench.models import TokenReader, load_model
from workbench.models.outline import make_tiny_tokenizer


@pytest.fixture
def reader():
    return TokenReader(make_tiny_tokenizer())


def test_exactly_one_bos(reader):
    for text in ("hello", "<s>hello", ""):
        ids = reader.encode([text])[0]
        assert ids[0] == 0 and ids.count(0) == 1


def test_no_bos_where_there_is_none():
    reader = TokenReader(make_tiny_tokenizer(bos=False))
    assert reader.prefix == ()
    assert 0 not in reader.encode(["hello world"])[0]


def test_a_bos_that_the_tokenizer_does_not_add_itself_is_added_on_request_alone():
    tokenizer = make_tiny_tokenizer(bos=False)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    tokenizer.init_kwargs["bos_token"] = "<s>"
    own = TokenReader(tokenizer).encode(["hello"])[0]
    assert own == tokenizer("hello")["input_ids"] and 0 not in own
    always = TokenReader(tokenizer, "always")
    assert always.encode(["hello"])[0] == [0, *own]
    assert always.digest() != TokenReader(tokenizer).digest(), "states of one are not those of the other"


def test_a_bos_can_be_left_out_and_is_recorded(reader):
    never = TokenReader(make_tiny_tokenizer(), "never")
    assert never.encode(["hello"])[0] == reader.encode(["hello"])[0][1:]
    model = load_model(tiny_path("llama"), bos="never")
    assert model.tokens.prefix == () and model.info.bos == "never"
    with pytest.raises(ModelError, match="unknown bos 'sometimes'"):
        TokenReader(make_tiny_tokenizer(), "sometimes")


def test_an_end_that_the_tokenizer_adds_is_left_out():
    from tokenizers import processors

    tokenizer = make_tiny_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    ids = TokenReader(tokenizer).encode(["hello"])[0]
    assert ids[0] == 0 and 1 not in ids


def test_an_eos_that_transformer_lens_calls_bos_is_not_one():
    # TransformerLens gives a tokenizer without a BOS its EOS under that name, on its own copy.
    model = load_model(tiny_path("qwen2", bos=False))
    assert model.bridge.tokenizer.bos_token is not None
    assert model.tokens.prefix == ()
    assert TokenReader(model.bridge.tokenizer).prefix == ()


def test_the_reader_does_not_depend_on_how_the_tokenizer_was_used(reader):
    before = reader.digest()
    reader.tokenizer(["a", "bcd efg"], padding=True, truncation=True, max_length=2)
    assert reader.digest() == before
    assert len(reader.encode(["one two three four"])[0]) > 3
    assert TokenReader(make_tiny_tokenizer(bos=False)).digest() != before


def test_a_template_marks_the_sentence(reader):
    template = "Say: {text}\nAgain:"
    for text in ("water", "the tree", "Ω"):
        encoded = reader.encode_in(template, [text])[0]
        whole = reader.encode([template.replace("{text}", text)])[0]
        assert list(encoded.ids) == whole
        inside = [i for i, flag in zip(encoded.ids, encoded.sentence, strict=True) if flag]
        assert text in reader.decode(inside)
        assert not encoded.sentence[0] and not encoded.sentence[-1]
        assert encoded.special == (True, *[False] * (len(whole) - 1))


@pytest.mark.parametrize("template", ["no slot", "{text} twice {text}"])
def test_a_template_needs_its_slot_once(reader, template):
    with pytest.raises(InputError, match="exactly once"):
        reader.encode_in(template, ["a"])


def test_positions_do_not_depend_on_the_side():
    model = tiny("llama")
    tokens = model.tokens.encode(sentences(5))
    right, left = model.batch(tokens, "right"), model.batch(tokens, "left")
    for row, ids in enumerate(tokens):
        for batch in (right, left):
            real = batch.mask[row]
            assert batch.ids[row][real].tolist() == ids
            assert batch.positions[row][real].tolist() == list(range(len(ids)))
            assert batch.ids[row, batch.last[row]] == ids[-1]
    assert right.last.tolist() == [len(ids) - 1 for ids in tokens]
    assert set(left.last.tolist()) == {left.ids.shape[1] - 1}


def test_a_batch_longer_than_the_model_is_refused():
    model = tiny("llama")
    with pytest.raises(InputError, match=r"row 1 has 300 tokens.*takes 256"):
        model.batch([[1], [5] * 300])
    with pytest.raises(InputError, match="at least one token"):
        model.batch([[1], []])


def test_fertility_counts_tokens_per_word_and_character(reader):
    table = reader.fertility({"en": ["the water", "the tree"], "zh": ["水"]}).set_index("language")
    n = sum(len(ids) - 1 for ids in reader.encode(["the water", "the tree"]))
    assert table.loc["en", "tokens"] == n
    assert table.loc["en", "tokens_per_word"] == pytest.approx(n / 4)
    assert table.loc["en", "tokens_per_character"] == pytest.approx(n / 15)
    assert table.loc["zh", "tokens_per_character"] == pytest.approx(3)  # three bytes


def test_the_tokenizer_saved_and_loaded_reads_the_same():
    again = TokenReader(AutoTokenizer.from_pretrained(tiny_path("llama")))
    assert again.encode(sentences(5)) == tiny("llama").tokens.encode(sentences(5))
    assert torch.tensor(again.prefix).tolist() == [0]


def test_a_tokenizer_without_its_files_is_refused(tmp_path):
    from transformers import GPT2Tokenizer

    with pytest.raises(ModelError, match="files are missing"):
        TokenReader(GPT2Tokenizer())

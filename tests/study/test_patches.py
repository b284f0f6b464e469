"""A chosen patch on disk: to the bit what it was, with the card that says what it belongs to."""

import json

import pytest
import torch
from organism_models import FAR
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from workbench.core.errors import InputError, StoreError
from workbench.core.types import Site
from workbench.intervene import applied
from workbench.study import load_patch, save_patch
from workbench.sweeps import Configuration

CARD = {"model": "tiny", "pair": "x-a-x-b", "test": {"gain": 0.25}}


@pytest.fixture
def configuration(maps):
    return Configuration("ridge", Site(1), maps["ridge"][1], "interpolate", 0.5, positions="prompt")


@pytest.fixture
def batch(study):
    examples = study.task.examples(FAR, "dev")[:5]
    return study.model.batch(study.model.tokens.encode([example.prompt for example in examples]))


def logits(study, patches, batch, **how):
    with torch.no_grad(), applied(study.model, patches, batch, **how):
        return study.model.run(batch)


def test_it_does_what_it_did(study, configuration, batch, maps, tmp_path):
    card = CARD | {"weights_digest": study.model.weights_digest}
    save_patch(configuration, tmp_path / "patch.safetensors", card)
    saved = load_patch(tmp_path / "patch.safetensors")
    saved.check(study.model)
    [patch] = saved.patches
    assert (patch.site, patch.strength, patch.positions) == (Site(1), 0.5, "prompt")
    assert saved.card["test"] == {"gain": 0.25} and saved.card["configuration"]["aligner"] == "ridge"
    from workbench.intervene import INTERVENTIONS, Patch

    mine = Patch(Site(1), INTERVENTIONS["interpolate"], maps["ridge"][1].transform, 0.5, "prompt")
    assert torch.equal(logits(study, saved.patches, batch), logits(study, [mine], batch))


def test_several_sites_come_back_with_their_own_maps(study, maps, batch, tmp_path):
    sites = {Site(layer): maps["ridge"][layer] for layer in range(3)}
    configuration = Configuration.jointly("ridge", sites, "add_mapped", 0.1, from_clean=True)
    save_patch(configuration, tmp_path / "all.safetensors", CARD)
    saved = load_patch(tmp_path / "all.safetensors")
    assert saved.from_clean and [patch.site.layer for patch in saved.patches] == [0, 1, 2]
    for layer, patch in enumerate(saved.patches):
        rows = torch.randn(4, study.model.info.d_model)
        assert torch.equal(patch.map(rows), maps["ridge"][layer].transform(rows))
    cascade = logits(study, saved.patches, batch)
    assert not torch.equal(cascade, logits(study, saved.patches, batch, from_clean=True))


def test_another_model_is_refused(study, configuration, tmp_path):
    save_patch(configuration, tmp_path / "patch.safetensors", CARD | {"weights_digest": "0" * 64})
    with pytest.raises(InputError, match="fit it again"):
        load_patch(tmp_path / "patch.safetensors").check(study.model)


def test_what_is_damaged_or_foreign_is_refused(configuration, tmp_path):
    path = tmp_path / "patch.safetensors"
    save_patch(configuration, path, CARD)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="damaged"):
        load_patch(path)
    path.write_bytes(bytes(data).replace(rb"\"strength\": 0.5", rb"\"strength\": 0.7"))
    with pytest.raises(StoreError, match="damaged"):
        load_patch(path)
    path.write_bytes(b"\x80\x04not a tensor file")
    with pytest.raises(InputError, match="no card"):
        load_patch(path)
    with pytest.raises(InputError, match="no saved patch at"):
        load_patch(tmp_path / "none.safetensors")


def test_a_patch_of_an_earlier_version_is_refused(configuration, tmp_path):
    path = tmp_path / "patch.safetensors"
    save_patch(configuration, path, CARD)
    with safe_open(path, framework="pt") as file:
        made = json.loads(file.metadata()["workbench"])
    del made["digest"]
    made["format"] = "workbench patch 1"
    save_file(load_file(path), path, {"workbench": json.dumps(made)})
    with pytest.raises(InputError, match="earlier version, without a digest: save the patch again"):
        load_patch(path)


def test_a_study_saves_what_it_chose(study, result):
    if result.headline.choice.layer is None:
        assert not result.paths["patch"].exists()
        return
    saved = load_patch(result.paths["patch"])
    saved.check(study.model)
    assert saved.card["configuration"]["layer"] == result.headline.choice.layer
    assert saved.card["test"]["gain"] == pytest.approx(result.headline.gain.estimate)
    assert json.dumps(saved.card)

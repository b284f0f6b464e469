"""Maps come back from disk to the bit, with the card that says what they belong to."""

import pytest
import torch

from workbench.core.errors import InputError, StoreError
from workbench.study.patches import load_maps, save_maps


@pytest.mark.parametrize(
    "aligner", ["ridge", "mean_shift", "identity", "shuffled_pairs", "random_equal_norm"]
)
def test_saved_maps_map_every_row_as_before(maps, study, tmp_path, aligner):
    states = study.alignment.capture()
    path = tmp_path / "pair" / aligner
    save_maps(maps[aligner], path, {"pair": study.pair})
    again, card = load_maps(path)
    assert card == {"pair": study.pair} and len(again) == len(maps[aligner])
    for layer in range(len(again)):
        rows = states.at(f"resid_post.{layer}", study.source)
        assert torch.equal(again.transform(layer, rows), maps[aligner].transform(layer, rows))


def test_what_is_damaged_or_missing_is_refused(maps, tmp_path):
    save_maps(maps["ridge"], tmp_path / "ridge", {})
    path = tmp_path / "ridge.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="damaged"):
        load_maps(tmp_path / "ridge")
    with pytest.raises(InputError, match="no saved maps"):
        load_maps(tmp_path / "nothing")

"""Public names are there, whatever was imported before them."""

import sys

import forked
import pytest
from architecture import ROOMS


def call_after(before):
    assert "workbench" not in sys.modules
    exec(f"import workbench as wb; {before}; assert callable(wb.capture), wb.capture")


@pytest.mark.parametrize(
    "before", ["pass", "from workbench.states import Activations", "from workbench.study import Study"]
)
def test_capture_can_be_called_after_any_import(before):
    assert forked.run(call_after, before)[0]


def test_every_public_name_is_found():
    import workbench as wb

    for name in wb.__all__:
        assert getattr(wb, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'captured'"):
        wb.captured  # noqa: B018


def test_no_room_is_called_like_a_public_name():
    import workbench as wb

    assert not set(ROOMS) & set(wb.__all__)

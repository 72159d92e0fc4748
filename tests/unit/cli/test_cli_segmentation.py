"""What `segment` and `demo` have in common, on a session that finds what it is told to."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from seganypet.cli.segmentation import segment_target
from seganypet.errors import SegAnyPETWarning
from seganypet.prompts import Click
from seganypet.volume import Mask, Volume

CLICK = Click((1, 1, 1), True)


def session_that_finds(voxels: int) -> SimpleNamespace:
    """Return what `segment_target` needs of a session."""
    found = np.zeros((4, 4, 4), dtype=bool)
    found.flat[:voxels] = True
    return SimpleNamespace(
        volume=Volume(np.linspace(0, 5, 64, dtype=np.float32).reshape(4, 4, 4), np.eye(4)),
        mask=Mask(found, np.eye(4)),
        reset=lambda: None,
        add_click=lambda ijk, positive: None,
        working_spacing_mm=2.0,
        expected_dice=0.7,
    )


def test_an_empty_mask_comes_with_a_warning_that_says_what_to_do():
    with pytest.warns(SegAnyPETWarning, match=r"spot: the mask is empty.*add a positive click in its middle"):
        found = segment_target(session_that_finds(0), [CLICK], name="spot")
    assert found.measurement.volume_ml == 0


@pytest.mark.filterwarnings("error")
def test_a_mask_of_a_voxel_comes_without_a_word():
    assert segment_target(session_that_finds(1), [CLICK], name="spot").measurement.volume_ml > 0


def test_the_grid_of_the_mask_and_its_expected_dice_are_kept():
    target = segment_target(session_that_finds(1), [CLICK], name="spot")
    assert (target.working_spacing_mm, target.expected_dice) == (2.0, 0.7)

"""A box: two corners, in order."""

import numpy as np
import pytest

from seganypet.errors import PromptError
from seganypet.prompts import Box


def test_corners_become_plain_numbers_whatever_they_are_given_as():
    box = Box(np.array([1, 2, 3]), [4, np.float32(5.5), 6])
    assert box == Box((1.0, 2.0, 3.0), (4.0, 5.5, 6.0))
    assert all(type(c) is float for c in (*box.ijk_min, *box.ijk_max))
    assert hash(box) == hash(Box((1, 2, 3), (4, 5.5, 6)))


def test_one_voxel_is_a_box():
    assert Box((1, 2, 3), (1, 2, 3)).ijk_max == (1, 2, 3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_refuses_a_last_voxel_before_the_first(axis):
    last = [4, 5, 6]
    last[axis] = 0
    with pytest.raises(
        PromptError, match=r"box from \(1, 2, 3\) to .*; give its first voxel along each axis"
    ):
        Box((1, 2, 3), tuple(last))


@pytest.mark.parametrize("corner", [(1, 2), (1, 2, 3, 4), (1, 2, float("nan")), (1, 2, float("inf"))])
def test_refuses_a_corner_that_is_no_voxel(corner):
    with pytest.raises(PromptError, match="expected three finite voxel coordinates"):
        Box(corner, (9, 9, 9))
    with pytest.raises(PromptError, match="expected three finite voxel coordinates"):
        Box((0, 0, 0), corner)

"""A native array seen through the working grid."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.errors import GeometryError
from seganypet.preprocessing import ModelGrid, WorkingImage, crop_or_pad

SHAPE = (9, 8, 7)
GRID = ModelGrid.of(np.diag([-3.0, 2, 4, 1]), SHAPE, 2.5, "LPS")


def test_boxes_are_those_of_the_whole():
    array = np.random.default_rng(0).random(SHAPE)
    image = WorkingImage(array, GRID)
    assert image.shape == GRID.shape
    np.testing.assert_allclose(
        image.crop((2, -1, 3), (4, 5, 20), pad_value=0.5),
        crop_or_pad(GRID.resample(array), (2, -1, 3), (4, 5, 20), pad_value=0.5),
        atol=1e-6,
    )


def test_the_array_is_shared():
    array = np.zeros(SHAPE, dtype=bool)
    assert WorkingImage(array, GRID).array is array


def test_refuses_an_array_of_another_volume():
    with pytest.raises(
        GeometryError, match=r"shape \(3, 4, 5\) on the grid of a volume of shape \(9, 8, 7\)"
    ):
        WorkingImage(np.zeros((3, 4, 5)), GRID)

"""Dice by hand, and its policy on empty masks."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.errors import GeometryError, ImageValueError
from seganypet.evaluation import dice

EMPTY = np.zeros((2, 2, 2), dtype=bool)


def mask(*voxels: tuple[int, int, int]) -> np.ndarray:
    array = EMPTY.copy()
    for voxel in voxels:
        array[voxel] = True
    return array


def test_half_overlap_by_hand():
    # 2 * 1 / (2 + 3)
    a, b = mask((0, 0, 0), (0, 0, 1)), mask((0, 0, 1), (1, 0, 0), (1, 1, 1))
    assert dice(a, b) == pytest.approx(0.4)
    assert dice(b, a) == dice(a, b)


def test_equal_masks_agree_and_disjoint_ones_do_not():
    assert dice(mask((0, 1, 0)), mask((0, 1, 0))) == 1.0
    assert dice(mask((0, 1, 0)), mask((1, 1, 0))) == 0.0


def test_empty_masks():
    assert dice(EMPTY, EMPTY) == 1.0
    assert dice(EMPTY, mask((0, 0, 0))) == 0.0
    assert dice(mask((0, 0, 0)), EMPTY) == 0.0


def test_returns_a_plain_float():
    assert type(dice(mask((0, 0, 0)), mask((0, 0, 0)))) is float


def test_refuses_masks_of_different_shape():
    with pytest.raises(GeometryError, match=r"\(2, 2, 2\).*\(2, 2, 1\)"):
        dice(EMPTY, EMPTY[:, :, :1])


def test_refuses_label_maps_and_logits():
    with pytest.raises(ImageValueError, match="float32"):
        dice(EMPTY.astype(np.float32), EMPTY)
    with pytest.raises(ImageValueError, match="uint8"):
        dice(EMPTY, EMPTY.astype(np.uint8))

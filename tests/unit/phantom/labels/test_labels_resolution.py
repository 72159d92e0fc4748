from __future__ import annotations

import numpy as np

from seganypet.phantom.labels.resolution import coarsen, shift_mask

UNIT = (1.0, 1.0, 1.0)


def box_mask(shape: tuple[int, int, int], start: int, stop: int) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[start:stop, start:stop, start:stop] = True
    return mask


def test_one_full_coarse_voxel_comes_back_as_its_core():
    # Linear weights 0.625 and 0.875 on each axis: only 0.875³ = 0.67 reaches one half, 0.875² x 0.625 = 0.48 not.
    coarse = coarsen(box_mask((12, 12, 12), 4, 8), UNIT, 4.0)
    assert np.array_equal(coarse, box_mask((12, 12, 12), 5, 7))


def test_large_boxes_lose_edges_but_keep_faces():
    # Weights from the face inward: 0.625, 0.875, 1. Lost: two or three axes at 0.625 (176 voxels),
    # and one at 0.625 with two at 0.875 (24).
    mask = box_mask((24, 24, 24), 4, 20)
    assert np.count_nonzero(coarsen(mask, UNIT, 4.0)) == 16**3 - 176 - 24


def test_what_is_small_against_a_coarse_voxel_vanishes():
    assert not coarsen(box_mask((12, 12, 12), 5, 7), UNIT, 6.0).any()


def test_axes_with_larger_voxels_stay_as_they_are():
    mask = box_mask((6, 6, 6), 2, 3)
    assert np.array_equal(coarsen(mask, (5.0, 5.0, 5.0), 4.0), mask)


def test_the_phase_moves_the_coarse_grid():
    mask = box_mask((16, 16, 16), 6, 10)
    assert not np.array_equal(coarsen(mask, UNIT, 4.0), coarsen(mask, UNIT, 4.0, (0.5, 0.5, 0.5)))


def test_a_shift_of_two_voxels_moves_a_box_by_two_voxels():
    mask = box_mask((12, 12, 12), 4, 8)
    moved = shift_mask(mask, (0.0, 0.0, 8.0), (4.0, 4.0, 4.0))
    assert np.array_equal(moved, np.roll(mask, 2, axis=2))
    assert np.array_equal(shift_mask(mask, (-8.0, 0.0, 0.0), (4.0, 2.0, 2.0)), np.roll(mask, -2, axis=0))

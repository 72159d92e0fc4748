"""Which voxel of a mask is the deepest, and which of its components the largest."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_masks import MM, box
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from seganypet.prompts import deepest_voxel, largest_component


def test_depth_is_measured_in_mm():
    # 9 × 9 × 3 voxels. Isotropic: two voxels deep at most, first reached in the second layer.
    # At 10 mm along k: 5 mm to the sides decide, and the first layer is as deep as the second.
    mask = box((11, 11, 5), (1, 10), (1, 10), (1, 4))
    assert deepest_voxel(mask, (1.0, 1.0, 1.0)) == (2, 2, 2)
    assert deepest_voxel(mask, (1.0, 1.0, 10.0)) == (5, 5, 1)


def test_spacing_decides_between_two_arms():
    # One arm 7 voxels along i and 3 along j, another 3 along i and 7 along j.
    mask = box((20, 20, 3), (1, 8), (1, 4), (0, 3)) | box((20, 20, 3), (12, 15), (1, 8), (0, 3))
    assert deepest_voxel(mask, (1.0, 9.0, 9.0)) == (4, 1, 0)  # 4 mm deep; the other sides are 9 mm away
    assert deepest_voxel(mask, (9.0, 1.0, 9.0)) == (12, 4, 0)


def test_edge_of_the_array_is_border():
    assert deepest_voxel(np.ones((5, 5, 5), dtype=bool), MM) == (2, 2, 2)
    assert deepest_voxel(np.ones((1, 1, 1), dtype=bool), MM) == (0, 0, 0)


def test_hole_is_border():
    mask = np.ones((9, 9, 9), dtype=bool)
    mask[4, 4, 4] = False
    voxel = deepest_voxel(mask, MM)
    assert voxel != (4, 4, 4)
    assert min(min(c + 1, 9 - c) for c in voxel) >= 2


@given(
    st.integers(0, 10_000),
    st.tuples(*[st.integers(1, 14)] * 3),
    st.floats(0.3, 1.0),
    st.sampled_from([(1.0, 1.0, 1.0), (1.5, 1.5, 1.5), (2.0, 1.0, 3.5), (1.0, 1.0, 10.0), (4.07, 4.07, 3.0)]),
)
@settings(max_examples=150)
def test_deepest_voxel_is_where_the_general_distance_transform_peaks(seed, shape, density, spacing_mm):
    mask = np.random.default_rng(seed).random(shape) < density
    mask[tuple(n // 2 for n in shape)] = True
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    assert deepest_voxel(mask, spacing_mm) == np.unravel_index(np.argmax(depth), shape)


@pytest.mark.parametrize("shape", [(40, 3, 2), (600, 2, 2), (28, 28, 28), (2, 2, 600)])
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (32.0, 1.0, 2.0)])
def test_depth_has_room_for_long_and_thick_masks(shape, spacing_mm):
    mask = np.ones(shape, dtype=bool)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    assert deepest_voxel(mask, spacing_mm) == np.unravel_index(np.argmax(depth), shape)


def test_largest_component_counts_voxels_not_extent():
    long, thick = box((12, 6, 6), (0, 7), (0, 1), (0, 1)), box((12, 6, 6), (9, 11), (2, 4), (2, 4))
    np.testing.assert_array_equal(largest_component(long | thick), thick)


def test_voxels_that_share_a_corner_are_connected():
    diagonal = np.zeros((6, 6, 6), dtype=bool)
    diagonal[[0, 1, 2], [0, 1, 2], [0, 1, 2]] = True
    pair = box((6, 6, 6), (4, 6), (5, 6), (0, 1))
    np.testing.assert_array_equal(largest_component(diagonal | pair), diagonal)

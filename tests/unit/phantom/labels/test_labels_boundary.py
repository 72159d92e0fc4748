from __future__ import annotations

import numpy as np
import pytest

from seganypet.phantom.labels.boundary import displace_boundary, signed_distance_mm, smooth_field

SPACING = (2.0, 2.0, 2.0)


def box_mask(side: int = 10, around: int = 5) -> np.ndarray:
    return np.pad(np.ones((side, side, side), dtype=bool), around)


def test_distance_is_half_a_voxel_on_either_side_of_the_border():
    distance = signed_distance_mm(box_mask(), SPACING)
    assert distance[4, 10, 10] == pytest.approx(1.0)
    assert distance[5, 10, 10] == pytest.approx(-1.0)
    assert distance[2, 10, 10] == pytest.approx(5.0)


def test_nothing_of_a_mask_lies_beyond_the_array():
    distance = signed_distance_mm(np.ones((3, 3, 3), dtype=bool), SPACING)
    assert distance[0, 1, 1] == pytest.approx(-1.0)
    assert distance[1, 1, 1] == pytest.approx(-3.0)


def test_a_box_grown_by_a_voxel_gains_faces_and_edges_but_no_corners():
    # Edge voxels are 2.83 - 1 = 1.83 mm away, corner voxels 3.46 - 1 = 2.46 mm.
    assert np.count_nonzero(displace_boundary(box_mask(), 2.0, SPACING)) == 12**3 - 8


def test_a_box_shrunk_by_a_voxel_loses_one_layer():
    assert np.count_nonzero(displace_boundary(box_mask(), -2.0, SPACING)) == 8**3


def test_a_ball_grown_by_4_mm_is_4_mm_larger_to_a_third_of_a_voxel():
    grid = np.indices((30, 30, 30)) * 2.0 - 29.0
    ball = (grid**2).sum(axis=0) <= 20.0**2
    grown = displace_boundary(ball, 4.0, SPACING)
    radius = (np.count_nonzero(grown) * 8 * 0.75 / np.pi) ** (1 / 3)
    assert radius == pytest.approx(24.0, abs=2.0 / 3)


def test_only_where_the_field_is_positive_does_the_border_move_out():
    shift = np.zeros((20, 20, 20), dtype=np.float32)
    shift[10:] = 2.0
    moved = displace_boundary(box_mask(), shift, SPACING)
    assert not moved[4].any()
    assert moved[15, 10, 10]


def test_shrinking_never_removes_a_mask():
    assert displace_boundary(box_mask(), -1000.0, SPACING).any()


def test_smooth_field_has_variance_1_at_every_voxel_and_falls_to_1_over_e():
    rng = np.random.default_rng(0)
    fields = np.stack([smooth_field((12, 4, 4), SPACING, 8.0, rng) for _ in range(3000)])
    assert fields[:, 0, 0, 0].var() == pytest.approx(1.0, abs=0.1)
    assert fields[:, 7, 2, 3].var() == pytest.approx(1.0, abs=0.1)
    correlation = np.corrcoef(fields[:, 2, 1, 1], fields[:, 6, 1, 1])[0, 1]
    assert correlation == pytest.approx(np.exp(-1), abs=0.06)

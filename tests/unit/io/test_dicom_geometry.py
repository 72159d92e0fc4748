"""Slices to grid: order, affine, gaps."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.errors import SeriesError
from seganypet.io.dicom_geometry import same_position, slice_normal, stack_slices
from synthetic_dicom import AXIAL

NAMES = [f"{k}.dcm" for k in range(40)]


def positions_from(gaps: list[float], start: float = -5.0) -> np.ndarray:
    depths = start + np.concatenate([[0.0], np.cumsum(gaps)])
    return np.array([[-10.0, -20.0, z] for z in depths])


def test_axial_affine_by_hand():
    grid = stack_slices(positions_from([3.0, 3.0]), AXIAL, [4.0, 5.0], names=NAMES)
    # LPS to RAS flips x and y; PixelSpacing is (between rows, between columns), and i is the column.
    np.testing.assert_allclose(grid.affine, [[-5, 0, 0, 10], [0, -4, 0, 20], [0, 0, 3, -5], [0, 0, 0, 1]])
    assert grid.order == (0, 1, 2)
    assert grid.warnings == ()


def test_order_follows_row_cross_column_whatever_the_file_order():
    positions = positions_from([3.0] * 4)[[4, 1, 3, 0, 2]]
    assert stack_slices(positions, AXIAL, [4, 4], names=NAMES).order == (3, 1, 4, 2, 0)
    upside_down = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)  # its normal points to the feet
    grid = stack_slices(positions, upside_down, [4, 4], names=NAMES)
    assert grid.order == (0, 2, 4, 1, 3)
    assert grid.affine[2, 2] == -3.0


def test_slightly_uneven_gaps_take_the_mean_and_warn():
    gaps = [3.27] * 5 + [3.19] + [3.27] * 5
    grid = stack_slices(positions_from(gaps), AXIAL, [4, 4], names=NAMES)
    assert grid.affine[2, 2] == pytest.approx(sum(gaps) / 11)
    assert grid.gap_range_mm == pytest.approx((3.19, 3.27))
    # After the fifth gap, slices lie 5 × (3.27 - 3.262727) mm ahead.
    assert grid.largest_displacement_mm == pytest.approx(5 * 0.08 / 11, rel=1e-6)
    assert "3.19 to 3.27 mm apart" in grid.warnings[0]


@pytest.mark.parametrize(
    ("gaps", "message"),
    [
        ([3, 3, 6, 3], "1 slice is missing: 6 mm between 2.dcm (at 1.00 mm) and 3.dcm (at 7.00 mm)"),
        ([3, 3, 9, 3, 6, 3, 3, 3], "3 slices are missing: 9 mm between 2.dcm"),
        ([3, 3, 3.2, 3], "uneven slices: 3.2 mm between 2.dcm"),
        ([3, 3, 4.4, 3], "uneven slices: 4.4 mm"),
        ([3, 3, 1.5, 3], "uneven slices: 1.5 mm"),
        ([3] * 9 + [3.5] * 5 + [3] * 9, "; and 2 more"),
    ],
)
def test_gaps_are_refused_by_place(gaps: list[float], message: str):
    with pytest.raises(SeriesError, match=re.escape(message)):
        stack_slices(positions_from(gaps), AXIAL, [4, 4], names=NAMES)


def test_tilted_stack_is_refused():
    positions = positions_from([3.0] * 5)
    positions[:, 1] += np.arange(6) * 0.5
    with pytest.raises(SeriesError, match=r"5\.dcm lies 2\.5 mm sideways.*\(0020,0032\)"):
        stack_slices(positions, AXIAL, [4, 4], names=NAMES)


def test_one_slice_is_refused():
    with pytest.raises(SeriesError, match=r"0\.dcm is the only slice"):
        stack_slices(positions_from([]), AXIAL, [4, 4], names=NAMES)


@pytest.mark.parametrize("spacing", [[], [4.0], [0.0, 4.0], [4.0, -4.0], [4.0, float("nan")]])
def test_unusable_pixel_spacing_is_refused(spacing: list[float]):
    with pytest.raises(SeriesError, match=r"\(0028,0030\) PixelSpacing"):
        stack_slices(positions_from([3.0]), AXIAL, spacing, names=NAMES)


@pytest.mark.parametrize("orientation", [(), (1, 0, 0), (1, 0, 0, 1, 0, 0), (2, 0, 0, 0, 1, 0), (0,) * 6])
def test_unusable_orientation_is_refused(orientation: tuple[float, ...]):
    with pytest.raises(SeriesError, match=r"\(0020,0037\) ImageOrientationPatient"):
        slice_normal(orientation)


def test_same_position_groups():
    assert same_position(np.array([0.0, 3.0, 0.001, 6.0, 3.0])) == [[0, 2], [1, 4]]
    assert same_position(np.array([6.0, 3.0, 0.0])) == []


@settings(max_examples=60)
@given(
    angles=st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    spacing=st.tuples(*[st.floats(0.5, 8.0)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    seed=st.integers(0, 1000),
)
def test_affine_places_every_voxel_as_dicom_does(angles, spacing, origin, seed):
    """DICOM PS3.3 C.7.6.2.1.1, eq. C.7.6.2.1-1, against the affine, for any orientation and file order."""
    row, column = rotation(angles)[:, 0], rotation(angles)[:, 1]
    normal = np.cross(row, column)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(6)
    positions = np.array(origin) + np.outer(np.arange(6) * spacing[2], normal)
    grid = stack_slices(positions[shuffled], [*row, *column], spacing[:2], names=NAMES)
    assert [shuffled[n] for n in grid.order] == list(range(6))
    i, j, k = rng.integers(0, 6, 3)
    lps = positions[k] + row * spacing[1] * i + column * spacing[0] * j
    ras = grid.affine @ [i, j, k, 1]
    np.testing.assert_allclose(ras[:3], lps * [-1, -1, 1], atol=1e-6)


def rotation(angles: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        c, s = np.cos(angle), np.sin(angle)
        turn = np.eye(3)
        a, b = [n for n in range(3) if n != axis]
        turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
        matrix = turn @ matrix
    return matrix

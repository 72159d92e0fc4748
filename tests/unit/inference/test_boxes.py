"""A reader's box on the working grid: its faces, its windows, what each window sees."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest

from seganypet.errors import PromptError
from seganypet.inference.boxes import (
    holds_click,
    on_grid,
    require_inside,
    seen_from,
    voxels_in,
    windows_over,
)
from seganypet.preprocessing import ModelGrid
from seganypet.prompts import Box, Click

CODES = [
    "".join(ends) for axes in itertools.permutations(("RL", "AP", "SI")) for ends in itertools.product(*axes)
]
# Columns run to the left, rows downwards, slices to the front.
AFFINE = np.array([[-4.0, 0, 0, 30], [0, 0, 4, 20], [0, -4, 0, -50], [0, 0, 0, 1]])
SHAPE, SIZE = (12, 18, 14), 16


@pytest.mark.parametrize("code", CODES)
def test_corners_lie_where_a_marked_box_does_in_every_orientation(code):
    box = Box((2, 7, 1), (5, 16, 3))
    marked = np.zeros(SHAPE, np.uint8)
    marked[2:6, 7:17, 1:4] = 1
    change = nib.orientations.ornt_transform(nib.io_orientation(AFFINE), nib.orientations.axcodes2ornt(code))
    found = np.argwhere(np.asarray(nib.Nifti1Image(marked, AFFINE).as_reoriented(change).dataobj))
    placed = on_grid(box, ModelGrid.of(AFFINE, SHAPE, 4.0, code))
    assert placed.ijk_min == pytest.approx(found.min(axis=0))
    assert placed.ijk_max == pytest.approx(found.max(axis=0))


def test_faces_stay_where_they_are_on_coarser_and_finer_voxels():
    # 2, 4 and 8 mm: the box spans 4-12, 4-16 and 8-16 mm from the volume's corner.
    grid = ModelGrid.of(np.diag([2.0, 4, 8, 1]), (10, 6, 4), 4.0)
    placed = on_grid(Box((2, 1, 1), (5, 3, 1)), grid)
    assert placed == Box((1, 1, 2), (2, 3, 3))


def test_faces_stay_where_they_are_on_a_flipped_axis():
    # Of ten 2 mm voxels, 2 to 5 lie 8-16 mm from the other end.
    grid = ModelGrid.of(np.diag([-2.0, 4, 8, 1]), (10, 6, 4), 4.0)
    assert on_grid(Box((2, 1, 1), (5, 3, 1)), grid) == Box((2, 1, 2), (3, 3, 3))


def test_faces_between_working_voxels_leave_fractions():
    # 3 mm: voxels 1 and 2 span 3-9 mm, that is 0.75 to 2.25 working voxels from the corner.
    grid = ModelGrid.of(np.diag([3.0, 3, 3, 1]), (8, 8, 8), 4.0)
    placed = on_grid(Box((1, 1, 1), (2, 2, 2)), grid)
    assert placed.ijk_min == pytest.approx((0.75,) * 3)
    assert placed.ijk_max == pytest.approx((1.25,) * 3)


def test_a_box_thinner_than_a_working_voxel_becomes_one_thick_around_its_middle():
    # 1 mm: voxel 6 spans 6-7 mm; its middle is 1.625 working voxels from the corner.
    grid = ModelGrid.of(np.diag([1.0, 4, 4, 1]), (20, 6, 6), 4.0)
    placed = on_grid(Box((6, 2, 2), (6, 3, 3)), grid)
    assert placed == Box((1.125, 2, 2), (1.125, 3, 3))


@pytest.mark.parametrize(
    ("first", "last", "starts"),
    [
        (4, 11, [0]),  # 4 voxels on each side
        (5, 20, [5]),  # fits exactly
        (0, 16, [-4, 4]),  # one too long
        (0, 39, [8, 16, 0, 24]),  # the middle first
        (3.5, 18.5, [0, 8]),  # as long as a window, but its faces between voxels
    ],
)
def test_windows_cover_a_box_around_its_middle(first, last, starts):
    found = windows_over(Box((first, 4, 4), (last, 11, 11)), SIZE)
    assert [w[1:] for w in found] == [(0, 0)] * len(starts)
    assert sorted(w[0] for w in found) == sorted(starts)
    distances = [abs(w[0] + (SIZE - 1) / 2 - (first + last) / 2) for w in found]
    assert distances == sorted(distances)


def test_windows_hold_every_voxel_of_any_box_and_each_sees_some():
    rng = np.random.default_rng(0)
    for _ in range(50):
        first = rng.uniform(0, 20, 3)
        box = Box(tuple(first), tuple(first + rng.uniform(0, 50, 3)))
        windows = windows_over(box, SIZE)
        held = np.zeros((72, 72, 72), bool)
        for window in windows:
            assert seen_from(window, box, SIZE) is not None
            held[tuple(slice(max(s, 0), max(s + SIZE, 0)) for s in window)] = True
        assert held[voxels_in(box, (0, 0, 0), held.shape)].all()


@pytest.mark.parametrize(
    ("first", "last", "seen"),
    [
        (4, 10, (4, 10)),
        (-4, 5, (0, 5)),
        (9.5, 40, (9.5, 15)),
        (-3, 30, (0, 15)),
        (15.4, 20, (15, 15)),  # holds the centre of the last voxel
        (15.6, 20, None),
        (-9, -0.4, (0, 0)),
        (-9, -0.6, None),
    ],
)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_window_sees_its_part_of_the_box(first, last, seen, axis):
    window = (10, 20, 30)
    corners = np.array([[12.0, 22, 32], [14, 24, 34]])
    corners[:, axis] = window[axis] + np.array([first, last])
    found = seen_from(window, Box(*map(tuple, corners)), SIZE)
    if seen is None:
        assert found is None
        return
    expected = np.array([[2.0, 2, 2], [4, 4, 4]])
    expected[:, axis] = seen
    np.testing.assert_allclose([found.ijk_min, found.ijk_max], expected)


def test_without_a_box_a_window_sees_none():
    assert seen_from((0, 0, 0), None, SIZE) is None


def test_voxels_of_a_box_are_those_whose_centres_it_holds():
    box = Box((1.7, 4, 0), (3.2, 9, 20))  # spans 1.2-3.7, 3.5-9.5, -0.5-20.5
    assert voxels_in(box, (1, 0, 5), (8, 8, 8)) == (slice(1, 3), slice(4, 8), slice(0, 8))
    far = np.zeros((8, 8, 8), bool)
    assert far[voxels_in(box, (30, 0, 0), far.shape)].size == 0
    assert far[voxels_in(box, (-30, 0, 0), far.shape)].size == 0


def test_a_click_lies_in_a_box_up_to_its_faces():
    box = Box((2, 2, 2), (5, 5, 5))
    assert holds_click(box, Click((1.5, 5.5, 3)))
    for axis, ijk in itertools.product(range(3), (1.4, 5.6)):
        point = [3.0] * 3
        point[axis] = ijk
        assert not holds_click(box, Click(tuple(point)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_box_inside_may_reach_the_volumes_last_voxels_but_not_beyond(axis):
    whole = np.array([[0.0, 0, 0], np.subtract(SHAPE, 1.0)])
    require_inside(Box(*map(tuple, whole)), SHAPE)
    for corner, beyond in ((0, -0.25), (1, SHAPE[axis] - 0.75)):
        corners = whole.copy()
        corners[corner, axis] = beyond
        with pytest.raises(
            PromptError, match=r"beyond the volume, .* from \(0, 0, 0\) to \(11, 17, 13\); give"
        ):
            require_inside(Box(*map(tuple, corners)), SHAPE)

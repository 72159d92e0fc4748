"""Patches on the working grid: what lies where, worked out by hand, in any orientation."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.preprocessing import ModelGrid
from seganypet.training.cases import CachedCase, LabelMap, Target, targets_of
from seganypet.training.cutting import PatchFormat, cut

SHAPE = (40, 36, 30)


def form(size: int = 16, spacing_mm: float = 4.0, orientation: str = "RAS") -> PatchFormat:
    return PatchFormat(patch_size=size, spacing_mm=spacing_mm, normalisation="log1p", orientation=orientation)


def case_of(
    lesions: LabelMap, affine: np.ndarray, suv: np.ndarray | None = None
) -> tuple[CachedCase, list[Target]]:
    targets, _ = targets_of(None, lesions, {}, affine)
    suv = lesions.astype(np.float32) if suv is None else suv
    return CachedCase(
        suv=suv, reference=None, lesions=lesions, affine=affine, targets=tuple(targets)
    ), targets


def oblique(spacing_mm: tuple[float, ...] = (3.0, 2.5, 4.0)) -> np.ndarray:
    """Axes that lead to the left, to the head and to the back, turned by some degrees."""
    a, b = np.deg2rad([9, -6])
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn = turn @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.array([[-1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ np.diag(spacing_mm)
    affine[:3, 3] = (31, -17, 240)
    return affine


LAS = np.array([[-4.0, 0, 0, 90], [0, 4, 0, -50], [0, 0, 4, 10], [0, 0, 0, 1]])


@pytest.mark.parametrize("affine", [LAS, oblique()], ids=["LAS", "oblique"])
@pytest.mark.parametrize("orientation", ["RAS", "LAS", "PIR"])
def test_marker_comes_out_where_it_lies_in_the_world(affine, orientation):
    """A block of 3 x 3 x 3 voxels with a spike beside it: the way from one to the other is the same in the patch."""
    lesions = np.zeros(SHAPE, np.uint8)
    lesions[19:22, 17:20, 14:17] = 1
    suv = np.zeros(SHAPE, np.float32)
    suv[24, 19, 12] = 50
    case, (target,) = case_of(lesions, affine, suv)
    position = np.array([12, 27, 19])
    patch = cut(case, target, (20, 18, 15), position, form(40, 2.0, orientation))
    assert patch.anchor == tuple(position)
    i, j, k = np.meshgrid(*(np.arange(40),) * 3, indexing="ij")
    at = np.array([float((patch.suv * c).sum() / patch.suv.sum()) for c in (i, j, k)])
    centre = np.array([c[patch.reference].mean() for c in (i, j, k)])
    ends = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    # Native axes are left as they are: of an oblique grid, "RAS" names the axes nearest to these ends.
    steps = affine[:3, :3]
    expected = []
    for end in orientation:
        world, sign = ends[end]
        native = int(np.abs(steps[world]).argmax())
        along = np.sign(steps[world, native]) * sign
        expected.append(
            along * (np.array([24, 19, 12]) - (20, 18, 15))[native] * np.linalg.norm(steps[:, native]) / 2
        )
    np.testing.assert_allclose(at - centre, expected, atol=0.5)
    np.testing.assert_allclose(centre, position, atol=0.6)


def test_whole_patch_by_hand():
    """Voxels of 2 mm averaged to 4 mm: of pairs the mean, with the triangle's tails."""
    lesions = np.zeros((32, 32, 32), np.uint8)
    lesions[8:16, 8:16, 8:16] = 1
    case, (target,) = case_of(lesions, np.diag([2.0, 2.0, 2.0, 1.0]))
    patch = cut(case, target, (10, 10, 10), np.array([5, 5, 5]), form(12))
    assert patch.suv.shape == (12, 12, 12)
    np.testing.assert_array_equal(patch.suv > 0.5, patch.reference)
    # The point, native 10, lies at 4.75 on the grid, which rounds to 5: position 5 is 5, so the patch begins at 0.
    inside = np.zeros((12,) * 3, bool)
    inside[4:8, 4:8, 4:8] = True
    np.testing.assert_array_equal(patch.reference, inside)
    np.testing.assert_allclose(patch.suv[5, 5, 3:9], [0.125, 0.875, 1, 1, 0.875, 0.125], atol=1e-6)


def test_inside_is_what_exceeds_a_half_where_anything_does():
    """A sheet of three voxels of 2 mm: 0.5, 0.875 and 0.125 of the layers of 4 mm that it touches."""
    lesions = np.zeros((32, 32, 32), np.uint8)
    lesions[:, :, 9:12] = 1
    case, (target,) = case_of(lesions, np.diag([2.0, 2.0, 2.0, 1.0]))
    patch = cut(case, target, (10, 10, 10), np.array([5, 5, 5]), form(12))
    np.testing.assert_allclose(patch.suv[5, 5, 3:8], [0, 0.5, 0.875, 0.125, 0], atol=1e-6)
    assert np.flatnonzero(patch.reference[5, 5]).tolist() == [5]


def test_voxels_of_the_working_size_are_taken_as_they_are():
    rng = np.random.default_rng(0)
    suv, lesions = rng.uniform(0, 9, SHAPE).astype(np.float32), np.zeros(SHAPE, np.uint8)
    lesions[30:35, 20:24, 3:9], lesions[25:30, 20:24, 3:9] = 1, 2
    case, (target, _) = case_of(lesions, np.diag([4.0, 4.0, 4.0, 1.0]), suv)
    patch = cut(case, target, (31, 21, 5), np.array([10, 3, 8]), form(16))
    # The patch covers voxels 21 to 36, 18 to 33 and -3 to 12.
    np.testing.assert_array_equal(patch.suv[:, :, 3:], suv[21:37, 18:34, :13])
    np.testing.assert_array_equal(patch.suv[:, :, :3], 0)
    np.testing.assert_array_equal(patch.reference[:, :, 3:], lesions[21:37, 18:34, :13] == 1)
    assert patch.anchor == (10, 3, 8)


@pytest.mark.parametrize("affine", [np.diag([2.0, 3.0, 5.0, 1.0]), LAS, oblique()])
@pytest.mark.parametrize("orientation", ["RAS", "LAS", "PIR"])
def test_resampling_is_that_of_inference(affine, orientation):
    """At a point where the grids of the part and of the whole agree, voxels are the same."""
    rng = np.random.default_rng(1)
    suv, lesions = rng.uniform(0, 9, SHAPE).astype(np.float32), np.ones(SHAPE, np.uint8)
    case, (target,) = case_of(lesions, affine, suv)
    grid = ModelGrid.of(affine, SHAPE, 4.0, orientation)
    corner = grid.orientation.invert_ijk([0.0, 0.0, 0.0])
    point = tuple(int(c) for c in corner)
    position = np.round(grid.to_model_ijk(point)).astype(int)
    patch = cut(case, target, point, position, form(12, orientation=orientation))
    np.testing.assert_allclose(patch.suv, grid.crop(suv, (0, 0, 0), (12,) * 3), atol=1e-5)


def test_zoom_changes_the_voxels_size():
    ball = (((np.indices((64,) * 3) - 31.5) ** 2).sum(0) <= 100).astype(np.uint8)
    case, (target,) = case_of(ball, np.diag([2.0, 2.0, 2.0, 1.0]))
    volumes = [
        cut(case, target, (31, 31, 31), np.array([16] * 3), form(32, 2.0), zoom=zoom).reference.sum()
        * zoom**3
        for zoom in (0.75, 1.0, 1.3)
    ]
    np.testing.assert_allclose(volumes, ball.sum(), rtol=0.03)


@pytest.mark.parametrize("spacing_mm", [4.0, 7.0, 15.0])
@pytest.mark.parametrize("at", [(0, 0, 0), (20, 20, 20), (39, 35, 29), (13, 22, 7)])
def test_a_target_that_would_vanish_keeps_its_best_voxel(spacing_mm, at):
    lesions = np.zeros(SHAPE, np.uint8)
    lesions[tuple(slice(max(c - 1, 0), c + 1) for c in at)] = 1
    affine = np.diag([1.5, 2.0, 1.5, 1.0])
    target = Target("lesion", "lesion", (1,), (0, 0, 0), SHAPE, None, int(lesions.sum()), 0.1)
    case, _ = case_of(lesions, affine)
    patch = cut(case, target, at, np.array([4, 4, 4]), form(8, spacing_mm))
    assert 1 <= patch.reference.sum() <= 27
    assert patch.reference[patch.anchor]
    assert np.abs(np.array(patch.anchor) - 4).max() <= 1


def test_a_tiny_target_beside_a_large_part_of_it_does_not_win_over_a_half():
    lesions = np.zeros(SHAPE, np.uint8)
    lesions[10:20, 10:20, 10:20] = 1
    lesions[25, 15, 15] = 1  # a single voxel, lost at 12 mm
    case, (target,) = case_of(lesions, np.diag([4.0, 4.0, 4.0, 1.0]))
    patch = cut(case, target, (25, 15, 15), np.array([8, 8, 8]), form(16, 12.0))
    assert patch.reference[patch.anchor]
    assert patch.anchor != (8, 8, 8)
    assert not patch.reference[8, 8, 8]


def test_truth_behind_a_label_is_cut_with_it():
    parts, clean = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    parts[10:16, 10:16, 10:16], clean[12:18, 10:16, 10:16] = 2, 2
    clean[20:30, 20:30, 20:30] = 1
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    targets, _ = targets_of(parts, None, {"liver": [2]}, affine)
    case = CachedCase(
        suv=parts, reference=parts, lesions=None, clean=clean, affine=affine, targets=tuple(targets), hq=False
    )
    patch = cut(case, targets[0], (12, 12, 12), np.array([8, 8, 8]), form(16))
    np.testing.assert_array_equal(np.roll(patch.reference, 2, 0), patch.clean)
    without = CachedCase(suv=parts, reference=parts, lesions=None, affine=affine, targets=tuple(targets))
    patch = cut(without, targets[0], (12, 12, 12), np.array([8, 8, 8]), form(16))
    np.testing.assert_array_equal(patch.reference, patch.clean)


class Watched(np.ndarray):
    """An array that notes the boxes that are taken of it; the parts are plain arrays."""

    def __getitem__(self, key):
        part = np.asarray(self)[key]
        self.read.append(part.size)
        return part


def watched(array: np.ndarray) -> Watched:
    view = array.view(Watched)
    view.read = []
    return view


def test_only_the_voxels_that_a_patch_touches_are_read():
    shape = (200, 200, 300)
    suv, lesions = watched(np.zeros(shape, np.float16)), np.zeros(shape, np.uint8)
    lesions[100:104, 100:104, 100:104] = 1
    target = Target("lesion", "lesion", (1,), (100,) * 3, (104,) * 3, None, 64, 1.0)
    seen = watched(lesions)
    case = CachedCase(
        suv=suv, reference=None, lesions=seen, affine=np.diag([4.0, 4, 4, 1]), targets=(target,)
    )
    cut(case, target, (101, 101, 101), np.array([8, 8, 8]), form(16))
    # 16 voxels, and 4 more to either side.
    assert seen.read == suv.read
    assert 0 < sum(suv.read) <= 25**3


def test_refuses_formats_that_make_no_sense():
    for change in ({"patch_size": 7}, {"spacing_mm": 0.0}):
        with pytest.raises(UsageError, match="8 or more, above 0 mm"):
            PatchFormat(**{"patch_size": 16, "spacing_mm": 4.0, "normalisation": "log1p", **change})


@pytest.mark.parametrize("affine", [LAS, oblique()], ids=["LAS", "oblique"])
def test_what_lies_around_is_what_a_larger_patch_shows(affine):
    """And the mask lies in it as in the larger patch, on the same grid."""
    rng = np.random.default_rng(0)
    suv, lesions = rng.uniform(0, 9, SHAPE).astype(np.float32), np.zeros(SHAPE, np.uint8)
    lesions[18:24, 17:20, 14:17] = 1
    case, (target,) = case_of(lesions, affine, suv)
    position, wide = np.array([5, 9, 7]), replace(form(16, 3.0), around=8)
    assert wide.field_size == 32
    seen = cut(case, target, (20, 18, 15), position, wide, zoom=1.2)
    larger = cut(case, target, (20, 18, 15), position + 8, form(32, 3.0), zoom=1.2)
    np.testing.assert_array_equal(seen.suv, larger.suv)
    np.testing.assert_array_equal(seen.reference, larger.reference[8:24, 8:24, 8:24])
    assert seen.reference.any()
    np.testing.assert_array_equal(np.add(seen.anchor, 8), larger.anchor)


def test_refuses_less_than_nothing_around():
    with pytest.raises(UsageError, match="-1 voxels around a patch; expected 0 or more"):
        replace(form(), around=-1)


def test_every_place_of_the_point_is_exact():
    lesions = np.ones((20, 20, 20), np.uint8)
    case, (target,) = case_of(lesions, oblique((3.0, 5.0, 2.0)))
    for position in itertools.product((0, 9, 15), repeat=3):
        patch = cut(case, target, (19, 0, 7), np.array(position), form(16))
        assert patch.anchor == position

"""The clinic's threshold methods on hand-made arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from seganypet.analysis.thresholds import (
    fixed_threshold,
    liver_threshold,
    region_growing,
    threshold_41,
)
from seganypet.errors import GeometryError, PromptError, UsageError

SPACING_MM = (4.0, 4.0, 4.0)


def row(*values: float) -> np.ndarray:
    """One row of voxels along i."""
    return np.array(values, dtype=np.float32).reshape(-1, 1, 1)


def voxels(mask: np.ndarray) -> list[int]:
    """Indices of the mask's voxels along i."""
    return np.flatnonzero(mask).tolist()


class TestThreshold41:
    def test_voxels_at_the_threshold_are_inside(self):
        assert voxels(threshold_41(row(4.0, 4.1, 10, 5, 4.09, 6), (2, 0, 0), SPACING_MM)) == [1, 2, 3]

    def test_click_moves_to_the_hottest_voxel_within_8_mm(self):
        # from voxel 2 it reaches voxels 0 to 4, the edge of the radius included; 20 at voxel 5 is 12 mm away
        assert voxels(threshold_41(row(1, 1, 2, 1, 10, 1, 20), (2, 0, 0), SPACING_MM)) == [4]
        assert voxels(threshold_41(row(1, 1, 2, 1, 1, 10, 1), (2, 0, 0), SPACING_MM)) == [0, 1, 2, 3, 4, 5, 6]

    def test_the_radius_is_in_mm_on_each_axis(self):
        array = np.ones((9, 9, 9), dtype=np.float32)
        array[4, 4, 4] = 5
        array[4, 4, 7] = 10  # 3 voxels of 2 mm
        array[7, 4, 4] = 20  # 3 voxels of 4 mm
        assert threshold_41(array, (4, 4, 4), (4, 4, 2)).nonzero() == ([4], [4], [7])

    def test_the_radius_is_a_ball_and_not_a_box(self):
        array = np.ones((9, 9, 9), dtype=np.float32)
        array[4, 4, 4] = 5
        array[6, 6, 6] = 10  # 13.9 mm
        assert threshold_41(array, (4, 4, 4), SPACING_MM).nonzero() == ([4], [4], [4])

    def test_of_two_equal_maxima_the_nearest_is_taken(self):
        assert voxels(threshold_41(row(9, 1, 1, 9, 1), (2, 0, 0), SPACING_MM)) == [3]

    def test_suvmax_is_that_of_the_seed_and_not_of_what_it_connects_to(self):
        # the hot neighbour at 40 is 12 mm away: the threshold stays at 4.1
        assert voxels(threshold_41(row(10, 5, 5, 40, 3, 10), (0, 0, 0), SPACING_MM)) == [0, 1, 2, 3]

    def test_neighbours_over_a_corner_are_connected(self):
        array = np.zeros((4, 4, 4), dtype=np.float32)
        array[0, 0, 0], array[1, 1, 1], array[3, 3, 3] = 10, 8, 8
        assert np.argwhere(threshold_41(array, (0, 0, 0), SPACING_MM)).tolist() == [[0, 0, 0], [1, 1, 1]]

    def test_fraction_and_radius_can_be_chosen(self):
        array = row(1, 5, 10, 7, 4.5)
        assert voxels(threshold_41(array, (2, 0, 0), SPACING_MM, fraction=0.7)) == [2, 3]
        assert voxels(threshold_41(array, (1, 0, 0), SPACING_MM, snap_mm=0, fraction=1.0)) == [1, 2, 3]

    def test_no_uptake_gives_no_lesion(self):
        assert not threshold_41(row(0, 0, 0, 9), (0, 0, 0), SPACING_MM).any()
        assert not threshold_41(row(-1, -2, -1), (1, 0, 0), SPACING_MM).any()


class TestRegionGrowing:
    def test_grows_from_the_clicked_voxel_by_hand(self):
        assert voxels(region_growing(row(9, 1, 3, 4, 6, 2, 9), (3, 0, 0))) == [2, 3, 4, 5, 6]

    def test_fraction_can_be_chosen(self):
        assert voxels(region_growing(row(9, 1, 3, 4, 6, 2, 9), (3, 0, 0), fraction=0.8)) == [3, 4]

    def test_fractional_click_takes_the_voxel_that_holds_it(self):
        array = row(8, 1, 8)
        assert voxels(region_growing(array, (1.6, 0, 0.4))) == [2]
        assert voxels(region_growing(array, (-0.5, 0, 0))) == [0]
        assert voxels(region_growing(array, (2.5, 0.5, 0))) == [2]

    def test_no_uptake_gives_no_region(self):
        assert not region_growing(row(0, 5), (0, 0, 0)).any()

    def test_input_is_not_changed_and_the_mask_is_boolean(self):
        array = row(1, 5, 1)
        array.setflags(write=False)
        mask = region_growing(array, (1, 0, 0))
        assert mask.dtype == np.bool_
        assert mask.shape == array.shape

    @settings(deadline=None, max_examples=40)
    @given(seed=st.integers(0, 10_000), reach=st.integers(1, 6))
    def test_looking_in_boxes_finds_what_labelling_the_whole_does(self, seed, reach):
        rng = np.random.default_rng(seed)
        array = ndimage.gaussian_filter(rng.random((30, 24, 18)), 1.0).astype(np.float32)
        click = tuple(int(rng.integers(n)) for n in array.shape)
        level = 0.97 * float(array[click])
        labels, _ = ndimage.label(array >= level, structure=np.ones((3, 3, 3)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("seganypet.analysis.thresholds._FIRST_REACH", reach)
            mask = region_growing(array, click, fraction=0.97)
        np.testing.assert_array_equal(mask, labels == labels[click])

    @pytest.mark.parametrize("clicked", [2, 40, 84])  # its first voxel, one amid it, its last
    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_a_region_larger_than_the_first_box_is_complete(self, clicked, axis):
        array = np.zeros((90, 5, 5), dtype=np.float32)
        array[2:85, 2, 2] = 4
        click = tuple(int(c) for c in np.roll((clicked, 2, 2), axis))
        mask = region_growing(np.moveaxis(array, 0, axis), click)
        assert voxels(np.moveaxis(mask, axis, 0)[:, 2, 2]) == list(range(2, 85))

    def test_a_lesion_in_a_whole_body_is_found_without_labelling_it(self, monkeypatch):
        sizes = []
        label = ndimage.label
        monkeypatch.setattr(ndimage, "label", lambda a, **kw: sizes.append(a.size) or label(a, **kw))
        array = np.ones((200, 200, 300), dtype=np.float32)
        array[100:104, 90:95, 200:203] = 10
        assert np.count_nonzero(threshold_41(array, (101, 91, 201), SPACING_MM)) == 4 * 5 * 3
        assert sum(sizes) < 40**3


class TestFixedThreshold:
    def test_voxels_at_the_threshold_are_inside(self):
        assert voxels(fixed_threshold(row(2.4, 2.5, 10, 3, 2.49, 6), (2, 0, 0), SPACING_MM, suv=2.5)) == [
            1,
            2,
            3,
        ]

    def test_click_moves_to_the_hottest_voxel_within_8_mm(self):
        assert voxels(fixed_threshold(row(1, 1, 2, 1, 10), (2, 0, 0), SPACING_MM, suv=2.5)) == [4]

    def test_nothing_where_the_hottest_voxel_is_below(self):
        assert voxels(fixed_threshold(row(1, 2, 2, 1), (2, 0, 0), SPACING_MM, suv=2.5)) == []

    @pytest.mark.parametrize("suv", [0.0, -1.0, float("nan")])
    def test_refuses_a_threshold_that_is_none(self, suv):
        with pytest.raises(UsageError, match="expected a threshold above 0"):
            fixed_threshold(row(1, 2), (0, 0, 0), SPACING_MM, suv=suv)


class TestLiverThreshold:
    def test_mean_and_deviation_of_the_sphere_by_hand(self):
        # within 4 mm of voxel 2: 2, 3, 4 with mean 3 and deviation sqrt(2/3)
        level = liver_threshold(row(90, 2, 3, 4, 90), (2, 0, 0), SPACING_MM, radius_mm=4)
        assert level == pytest.approx(4.5 + 2 * (2 / 3) ** 0.5)

    def test_a_sphere_of_3_cm(self):
        array = np.full((9, 9, 9), 2.0, dtype=np.float32)
        array[4, 4, 8] = 50  # 16 mm away
        assert liver_threshold(array, (4, 4, 4), SPACING_MM) == pytest.approx(3.0)
        array[4, 4, 7] = 50
        assert liver_threshold(array, (4, 4, 4), SPACING_MM) > 3.0

    def test_refuses_a_centre_outside(self):
        with pytest.raises(PromptError, match="outside the volume"):
            liver_threshold(row(1, 2), (5, 0, 0), SPACING_MM)


class TestRefusals:
    @pytest.mark.parametrize(
        "click", [(-1, 0, 0), (3, 0, 0), (0, 0.6, 0), (float("nan"), 0, 0), (0, 0), (0, 0, 0, 0)]
    )
    def test_click_outside_the_volume(self, click):
        with pytest.raises(PromptError, match=r"outside the volume of \(3, 1, 1\)"):
            region_growing(row(1, 2, 3), click)
        with pytest.raises(PromptError, match="outside the volume"):
            threshold_41(row(1, 2, 3), click, SPACING_MM)

    @pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1, float("nan"), 41])
    def test_fraction_that_is_none(self, fraction):
        with pytest.raises(UsageError, match="fraction is"):
            region_growing(row(1, 2), (0, 0, 0), fraction=fraction)
        with pytest.raises(UsageError, match="fraction is"):
            threshold_41(row(1, 2), (0, 0, 0), SPACING_MM, fraction=fraction)

    @pytest.mark.parametrize("radius", [-1.0, float("nan")])
    def test_negative_radius(self, radius):
        with pytest.raises(UsageError, match="snap_mm"):
            threshold_41(row(1, 2), (0, 0, 0), SPACING_MM, snap_mm=radius)

    @pytest.mark.parametrize("spacing_mm", [(4, 4), (4, 0, 4), (4, 4, -1)])
    def test_voxel_size_that_is_none(self, spacing_mm):
        with pytest.raises(GeometryError, match="voxel size"):
            threshold_41(row(1, 2), (0, 0, 0), spacing_mm)

    def test_array_that_is_not_3d(self):
        with pytest.raises(GeometryError, match="three axes"):
            region_growing(np.ones((3, 3), dtype=np.float32), (1, 1, 1))

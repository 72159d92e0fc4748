"""Arrays that carry their geometry and unit, and what they refuse."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.errors import GeometryError, ImageValueError, SegAnyPETWarning
from seganypet.volume import Mask, Source, Volume, _Image, check_affine, looks_like_bq_ml

# 30 degrees about z, voxels of 2 x 3 x 5 mm, first voxel at (10, -20, 30) mm
COS, SIN = np.cos(np.pi / 6), np.sin(np.pi / 6)
OBLIQUE = np.array([[2 * COS, -3 * SIN, 0, 10], [2 * SIN, 3 * COS, 0, -20], [0, 0, 5, 30], [0, 0, 0, 1]])
# k runs along i + j
FLAT = np.array([[2.0, 0, 1, 0], [0, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
SUV = np.linspace(0, 8, 24, dtype=np.float32).reshape(2, 3, 4)


def with_voxel(value: float) -> np.ndarray:
    array = SUV.copy()
    array[0, 0, 0] = value
    return array


class TestGeometry:
    def test_spacing_and_voxel_volume_of_an_oblique_grid(self):
        volume = Volume(SUV, OBLIQUE)
        assert volume.spacing_mm == pytest.approx((2, 3, 5))
        assert volume.voxel_volume_ml == pytest.approx(0.03)
        assert volume.shape == (2, 3, 4)

    def test_world_position_by_hand(self):
        volume = Volume(SUV, OBLIQUE)
        assert volume.to_xyz_mm((0, 0, 0)) == pytest.approx((10, -20, 30))
        assert volume.to_xyz_mm((1, 2, 3)) == pytest.approx((10 + 2 * COS - 3, -20 + 1 + 6 * COS, 45))

    @settings(deadline=None)
    @given(ijk=st.tuples(*[st.floats(-1e3, 1e3)] * 3))
    def test_to_ijk_undoes_to_xyz_mm(self, ijk):
        volume = Volume(SUV, OBLIQUE)
        assert volume.to_ijk(volume.to_xyz_mm(ijk)) == pytest.approx(ijk, abs=1e-8)

    @pytest.mark.parametrize(
        ("ijk", "inside"),
        [
            ((0, 0, 0), True),
            ((-0.5, 0, 0), True),
            ((-0.51, 0, 0), False),
            ((1.5, 2.5, 3.5), True),
            ((0, 0, 3.6), False),
        ],
    )
    def test_contains_the_full_extent_of_its_voxels(self, ijk, inside):
        assert Volume(SUV, OBLIQUE).contains(ijk) is inside

    def test_farthest_mm_is_that_of_the_worst_voxel(self):
        stretched = OBLIQUE + np.array([[0, 0, 0, 3.0], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]])
        # 3 mm along x; along z 1 mm more at every slice, 1 + 3 at the last
        assert Volume(SUV, OBLIQUE).farthest_mm(stretched) == pytest.approx(5)
        assert Volume(SUV, OBLIQUE).farthest_mm(OBLIQUE) == 0

    def test_has_grid_of_allows_a_micrometre(self):
        volume = Volume(SUV, OBLIQUE)
        nudged, moved = OBLIQUE.copy(), OBLIQUE.copy()
        nudged[0, 3] += 1e-6
        moved[0, 3] += 0.1
        assert volume.has_grid_of(Volume(SUV, nudged))
        assert not volume.has_grid_of(Volume(SUV, moved))
        assert not volume.has_grid_of(Volume(SUV[:, :, :3], OBLIQUE))


class TestImmutability:
    def test_a_writeable_input_is_copied(self):
        array, affine = SUV.copy(), OBLIQUE.copy()
        volume = Volume(array, affine)
        array[:] = 0
        affine[:] = 0
        assert volume.array.max() == 8
        assert volume.affine[0, 3] == 10

    def test_a_read_only_float32_input_is_shared(self):
        array = SUV.copy()
        array.setflags(write=False)
        assert Volume(array, OBLIQUE).array is array

    def test_arrays_cannot_be_written(self):
        volume = Volume(SUV, OBLIQUE)
        with pytest.raises(ValueError, match="read-only"):
            volume.array[0, 0, 0] = 1
        with pytest.raises(ValueError, match="read-only"):
            volume.affine[0, 0] = 1
        with pytest.raises(dataclasses.FrozenInstanceError):
            volume.array = SUV

    @pytest.mark.parametrize("dtype", [np.int16, np.float64, ">f4"])
    def test_other_number_types_become_float32(self, dtype):
        volume = Volume(SUV.astype(dtype), OBLIQUE)
        assert volume.array.dtype == np.float32
        np.testing.assert_array_equal(volume.array, SUV.astype(dtype).astype(np.float32))


class TestMask:
    def test_volume_by_hand(self):
        array = np.zeros((2, 3, 4), dtype=bool)
        array[0, :2, :] = True
        assert Mask(array, OBLIQUE).volume_ml == pytest.approx(8 * 0.03)

    def test_zeros_and_ones_become_boolean(self):
        mask = Mask(np.array([[[0, 1, 1]]], dtype=np.uint8), OBLIQUE)
        assert mask.array.dtype == np.bool_
        assert mask.array.tolist() == [[[False, True, True]]]

    def test_a_writeable_mask_is_copied_and_a_read_only_one_shared(self):
        array = np.zeros((2, 2, 2), dtype=bool)
        mask = Mask(array, OBLIQUE)
        array[:] = True
        assert not mask.array.any()
        assert Mask(mask.array, OBLIQUE).array is mask.array

    def test_an_empty_mask_is_allowed(self):
        assert Mask(np.zeros((2, 2, 2), dtype=bool), OBLIQUE).volume_ml == 0

    def test_like_gives_the_volume_s_grid_and_source(self):
        volume = Volume(SUV, OBLIQUE, source=Source(path="pet.nii.gz", kind="nifti"))
        mask = volume.like(SUV > 4)
        assert mask.has_grid_of(volume)
        assert mask.source is volume.source

    def test_mask_copies_its_input(self):
        array = SUV > 4
        mask = Mask(array, OBLIQUE)
        array[:] = True
        assert np.count_nonzero(mask.array) == np.count_nonzero(SUV > 4)


class TestRefusals:
    @pytest.mark.parametrize("kind", [Volume, Mask])
    def test_array_that_is_not_3d(self, kind):
        with pytest.raises(GeometryError, match=r"shape \(1, 2, 3, 4\) has 4 dimensions"):
            kind(SUV[None], OBLIQUE)

    @pytest.mark.parametrize("kind", [Volume, Mask])
    def test_array_with_an_empty_axis(self, kind):
        with pytest.raises(GeometryError, match="holds no voxels"):
            kind(SUV[:0], OBLIQUE)

    @pytest.mark.parametrize("dtype", [np.complex64, "U3", object, bool])
    def test_voxels_that_are_no_real_numbers(self, dtype):
        with pytest.raises(ImageValueError, match="no image values"):
            Volume(np.ones((2, 2, 2)).astype(dtype), OBLIQUE)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_voxels_that_are_not_finite(self, bad):
        with pytest.raises(ImageValueError, match="1 of 24 voxels are NaN or infinite"):
            Volume(with_voxel(bad), OBLIQUE)

    @pytest.mark.parametrize("value", [0.0, 3.5])
    def test_one_value_everywhere(self, value):
        with pytest.raises(ImageValueError, match=f"every voxel is {value:g}"):
            Volume(np.full((2, 2, 2), value), OBLIQUE)

    def test_activity_in_place_of_suv(self):
        with pytest.raises(ImageValueError, match="looks like Bq/ml"):
            Volume(SUV * 4000, OBLIQUE)

    def test_activity_is_told_by_the_median_of_positive_voxels(self):
        assert looks_like_bq_ml(np.array([[[0, 0, 0, 101, 101, 1]]]))
        assert not looks_like_bq_ml(np.array([[[0, 0, 0, 99, 99, 5000]]]))
        assert not looks_like_bq_ml(np.zeros((2, 2, 2)))

    def test_a_hot_voxel_is_no_reason_to_refuse(self):
        assert Volume(with_voxel(900), OBLIQUE).array.max() == 900

    def test_hounsfield_units(self):
        with pytest.raises(ImageValueError, match=r"lowest voxel is -1000.*CT or MR"):
            Volume(with_voxel(-1000), OBLIQUE)

    def test_slightly_negative_suv_is_kept_with_a_warning(self):
        with pytest.warns(SegAnyPETWarning, match=r"negative SUV down to -0\.2"):
            volume = Volume(with_voxel(-0.2), OBLIQUE)
        assert volume.array.min() == np.float32(-0.2)

    def test_a_usual_volume_gives_no_warning(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Volume(SUV, OBLIQUE)

    @pytest.mark.parametrize("bad", [2, 0.5, np.nan])
    def test_label_map_in_place_of_a_mask(self, bad):
        with pytest.raises(ImageValueError, match="other than 0 and 1"):
            Mask(np.array([[[0, 1, bad]]]), OBLIQUE)

    def test_mask_of_another_shape(self):
        volume = Volume(SUV, OBLIQUE)
        with pytest.raises(GeometryError, match=r"mask of shape \(2, 3, 3\) on a volume"):
            volume.like(np.zeros((2, 3, 3), dtype=bool))

    def test_an_image_of_no_kind(self):
        with pytest.raises(TypeError, match="not an image type"):
            _Image(SUV, OBLIQUE)


class TestAffine:
    def test_returns_a_read_only_copy(self):
        affine = OBLIQUE.astype(np.float32)
        checked = check_affine(affine)
        assert checked.dtype == np.float64
        assert not checked.flags.writeable
        assert not np.shares_memory(checked, affine)

    def test_refuses_another_shape(self):
        with pytest.raises(GeometryError, match=r"shape \(3, 4\); expected 4×4"):
            check_affine(OBLIQUE[:3])

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_refuses_values_that_are_not_finite(self, bad):
        affine = OBLIQUE.copy()
        affine[1, 2] = bad
        with pytest.raises(GeometryError, match="not finite"):
            check_affine(affine)

    def test_refuses_a_projective_last_row(self):
        affine = OBLIQUE.copy()
        affine[3, 0] = 0.1
        with pytest.raises(GeometryError, match="last row"):
            check_affine(affine)

    @pytest.mark.parametrize("flat", [np.diag([2.0, 0, 3, 1]), FLAT])
    def test_refuses_a_grid_that_lies_in_a_plane(self, flat):
        with pytest.raises(GeometryError, match="singular"):
            check_affine(flat)

    def test_accepts_small_voxels(self):
        check_affine(np.diag([1e-3, 1e-3, 1e-3, 1]))

"""SUVpeak by hand, and against every sphere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seganypet.analysis.suv_peak import SPHERE_RADIUS_MM, suv_peak
from seganypet.errors import GeometryError
from seganypet.volume import Mask, Volume

SHEARED = np.array([[3.0, 1.0, 0, 5], [0, 2.5, -0.5, 0], [0, 0, -4, 9], [0, 0, 0, 1]])


def grid(*spacing_mm) -> np.ndarray:
    return np.diag([*spacing_mm, 1.0])


def at(*voxels, shape) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for voxel in voxels:
        mask[voxel] = True
    return mask


def peak(suv, affine, mask):
    volume = Volume(suv, affine)
    return suv_peak(volume, volume.like(mask))


def test_the_sphere_holds_a_cubic_centimetre():
    assert 4 / 3 * np.pi * SPHERE_RADIUS_MM**3 == pytest.approx(1000)
    assert pytest.approx(6.2035, abs=1e-4) == SPHERE_RADIUS_MM


def test_of_voxels_of_4_mm_nineteen_lie_within_it():
    # The voxel, 6 neighbours at 4 mm and 12 at 5.66 mm; 8 at 6.93 mm do not.
    suv = np.zeros((7, 7, 7), np.float32)
    suv[3, 3, 3] = 19
    assert peak(suv, grid(4, 4, 4), at((3, 3, 3), shape=suv.shape)) == pytest.approx(1)
    suv[4, 4, 4] = 190  # 6.93 mm away
    assert peak(suv, grid(4, 4, 4), at((3, 3, 3), shape=suv.shape)) == pytest.approx(1)
    suv[4, 4, 3] = 38  # 5.66 mm away
    assert peak(suv, grid(4, 4, 4), at((3, 3, 3), shape=suv.shape)) == pytest.approx(3)


def test_it_reaches_beyond_the_target_but_is_centred_in_it():
    suv = np.zeros((9, 9, 9), np.float32)
    suv[5, 4, 4] = 19  # beside the target: 4 mm from its voxel
    assert peak(suv, grid(4, 4, 4), at((4, 4, 4), shape=suv.shape)) == pytest.approx(1)
    assert peak(suv, grid(4, 4, 4), at((3, 4, 4), shape=suv.shape)) == pytest.approx(0, abs=1e-6)


def test_the_highest_of_all_spheres_of_the_target_is_taken():
    suv = np.zeros((16, 7, 7), np.float32)
    suv[3, 3, 3], suv[12, 3, 3] = 19, 57
    mask = at((3, 3, 3), (12, 3, 3), shape=suv.shape)
    assert peak(suv, grid(4, 4, 4), mask) == pytest.approx(3)


def test_it_ends_with_the_image():
    # In a corner: the voxel, 3 of 6 neighbours and 3 of 12.
    suv = np.zeros((5, 5, 5), np.float32)
    suv[0, 0, 0] = 7
    assert peak(suv, grid(4, 4, 4), at((0, 0, 0), shape=suv.shape)) == pytest.approx(1)


def test_of_voxels_larger_than_it_the_hottest_is_taken():
    suv = np.arange(27, dtype=np.float32).reshape(3, 3, 3)
    mask = at((0, 0, 0), (1, 1, 1), (2, 0, 1), shape=suv.shape)
    assert peak(suv, grid(7, 7, 7), mask) == pytest.approx(19)  # 2 · 9 + 1


def test_an_image_smaller_than_it_has_its_mean():
    suv = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    assert peak(suv, grid(1, 1, 1), np.ones(suv.shape, bool)) == pytest.approx(3.5)


def test_an_empty_target_has_none():
    suv = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    assert peak(suv, grid(4, 4, 4), np.zeros(suv.shape, bool)) is None


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([grid(4, 4, 4), grid(2, 3, 5), grid(-4.07, 4.07, 2), SHEARED]),
    st.integers(0, 99),
    arrays(np.bool_, (7, 6, 5)),
)
def test_it_is_the_highest_mean_of_all_voxels_within_the_radius(affine, seed, mask):
    volume = Volume(np.random.default_rng(seed).gamma(1, 3, mask.shape).astype(np.float32), affine)
    places = np.array([volume.to_xyz_mm(voxel) for voxel in np.ndindex(mask.shape)])
    means = [
        volume.array.ravel()[np.linalg.norm(places - place, axis=1) <= SPHERE_RADIUS_MM].mean()
        for place, wanted in zip(places, mask.ravel(), strict=True)
        if wanted
    ]
    found = suv_peak(volume, volume.like(mask))
    assert found == (pytest.approx(max(means), rel=1e-5) if means else None)


def test_a_mask_of_another_grid_is_refused():
    volume = Volume(np.arange(8, dtype=np.float32).reshape(2, 2, 2), grid(4, 4, 4))
    for mask in (
        Mask(np.ones((2, 2, 3), bool), grid(4, 4, 4)),
        Mask(np.ones((2, 2, 2), bool), grid(4, 4, 5)),
    ):
        with pytest.raises(
            GeometryError, match=r"not on the volume's grid of shape \(2, 2, 2\); resample it"
        ):
            suv_peak(volume, mask)

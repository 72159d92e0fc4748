"""Rigid registration of CT to PET: a known movement is found, whatever the grids; the same numbers twice."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from seganypet.errors import MethodError
from seganypet.evaluation.methods import ct_registration
from seganypet.evaluation.methods.ct_registration import Registration, register
from seganypet.volume import Volume

sitk = pytest.importorskip("SimpleITK")

PET_MM = 6.0
PET_AFFINE = np.array([[-PET_MM, 0, 0, 160], [0, PET_MM, 0, -120], [0, 0, PET_MM, -100], [0, 0, 0, 1.0]])
PET_SHAPE = (54, 40, 34)
# The CT's axes in another order, anisotropic.
CT_AFFINE = np.array([[0, -4.0, 0, 170], [4.0, 0, 0, -125], [0, 0, 5.0, -110], [0, 0, 0, 1]])
CT_SHAPE = (63, 86, 44)
TURN = Rotation.from_euler("xyz", [2, -3, 4], degrees=True).as_matrix()
SHIFT_MM = np.array([7.0, -9.0, 6.0])
# Centre, radius, HU and SUV of what lies in the body.
ORGANS = (
    ((-60, 10, 40), 45, 60, 2.3),
    ((70, 0, -20), 25, 45, 1.6),
    ((40, -30, 50), 20, 30, 4.0),
    ((-50, 0, -60), 40, -800, 0.3),
    ((0, -70, 0), 18, 380, 1.2),
)


def positions(shape, affine):
    ijk = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return ijk @ affine[:3, :3].T + affine[:3, 3]


def patient(xyz):
    """HU and SUV at positions in mm."""
    body = (xyz[..., 0] / 150) ** 2 + (xyz[..., 1] / 100) ** 2 < 1
    hu, suv = np.where(body, 0.0, -1000.0), np.where(body, 0.6, 0.0)
    for centre, radius, value, uptake in ORGANS:
        inside = np.linalg.norm(xyz - centre, axis=-1) < radius
        hu[inside], suv[inside] = value, uptake
    return hu, suv


def pet(turn=TURN, shift_mm=SHIFT_MM) -> Volume:
    """A PET that shows at p what the CT shows at turn @ p + shift_mm."""
    suv = patient(positions(PET_SHAPE, PET_AFFINE) @ turn.T + shift_mm)[1]
    noise = np.random.default_rng(0).uniform(0, 0.05, PET_SHAPE)
    return Volume((ndimage.gaussian_filter(suv, 0.8) + noise).astype(np.float32), PET_AFFINE)


@pytest.fixture(scope="module")
def ct():
    return patient(positions(CT_SHAPE, CT_AFFINE))[0].astype(np.int16)


@pytest.fixture(scope="module")
def found(ct) -> Registration:
    return register(pet(), ct, CT_AFFINE)


def identity(volume: Volume) -> Registration:
    return Registration(sitk.Euler3DTransform(), volume)


def test_a_known_movement_is_found_to_a_fraction_of_a_voxel(found):
    points = np.array([[50.0, 20, 30], [-60, 10, 40], [70, -20, -50], [0, -70, 0]])
    moved = np.array([found.transform.TransformPoint(p) for p in points])
    assert np.linalg.norm(moved - (points @ TURN.T + SHIFT_MM), axis=1).max() < PET_MM / 4


def test_the_shift_is_that_of_the_middle(found):
    middle = np.array([160 - 6 * 26.5, -120 + 6 * 19.5, -100 + 6 * 16.5])
    np.testing.assert_allclose(found.shift_mm, TURN @ middle + SHIFT_MM - middle, atol=1.5)


def test_the_same_images_give_the_same_numbers(found, ct):
    again = register(pet(), ct, CT_AFFINE)
    assert again.transform.TransformPoint((1.0, 2.0, 3.0)) == found.transform.TransformPoint((1.0, 2.0, 3.0))


def test_ct_and_masks_land_on_the_pets_grid(found, ct):
    moved = positions(PET_SHAPE, PET_AFFINE) @ TURN.T + SHIFT_MM
    hu, _ = patient(moved)
    image = found.image(ct, CT_AFFINE)
    assert (image.shape, image.dtype) == (PET_SHAPE, np.float32)
    assert np.mean(np.abs(image - hu) < 50) > 0.9
    liver = np.linalg.norm(positions(CT_SHAPE, CT_AFFINE) - ORGANS[0][0], axis=-1) < ORGANS[0][1]
    expected = np.linalg.norm(moved - ORGANS[0][0], axis=-1) < ORGANS[0][1]
    mask = found.mask(liver.astype(np.uint8) * 5, CT_AFFINE)
    assert mask.dtype == np.bool_
    assert 2 * np.count_nonzero(mask & expected) / (mask.sum() + expected.sum()) > 0.96


def test_a_planted_voxel_keeps_its_place_in_an_oblique_world():
    oblique = np.eye(4)
    oblique[:3, :3] = TURN
    volume = Volume(
        np.random.default_rng(0).random((9, 8, 7)).astype(np.float32), oblique @ np.diag([-3, 3, 4, 1])
    )
    array = np.zeros((9, 8, 7), np.float32)
    array[2, 6, 3] = 1
    turned, affine = array.transpose(2, 0, 1)[::-1], volume.affine[:, [2, 0, 1, 3]].copy()
    affine[:, 0] *= -1
    affine[:3, 3] = volume.to_xyz_mm((0, 0, 6))
    image = identity(volume).image(turned, affine)
    assert np.argwhere(image > 0.9).tolist() == [[2, 6, 3]]
    assert np.argwhere(identity(volume).mask(turned, affine)).tolist() == [[2, 6, 3]]


def test_outside_the_ct_is_air():
    volume = Volume(np.random.default_rng(0).random((6, 6, 6)).astype(np.float32), np.diag([4.0, 4, 4, 1]))
    image = identity(volume).image(np.full((2, 2, 2), 40), volume.affine)
    assert image[0, 0, 0] == 40
    assert image[5, 5, 5] == -1000
    assert not identity(volume).mask(np.ones((2, 2, 2)), volume.affine)[5].any()


def test_threads_are_as_before(ct, monkeypatch):
    monkeypatch.setattr(ct_registration, "_ITERATIONS", 1)
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    register(pet(), ct, CT_AFFINE)
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before


class TestRefusals:
    def test_no_overlap(self, ct):
        elsewhere = CT_AFFINE.copy()
        elsewhere[2, 3] += 2000
        with pytest.raises(MethodError, match=r"cannot be registered .*same patient"):
            register(pet(), ct, elsewhere)

    def test_further_than_a_patient_moves(self, ct, monkeypatch):
        monkeypatch.setattr(ct_registration, "_FARTHEST_MM", 5.0)
        with pytest.raises(MethodError, match="would have to move by 13 mm and turn by 4 degrees"):
            register(pet(), ct, CT_AFFINE)

    def test_simpleitk_missing(self, ct, monkeypatch):
        monkeypatch.setitem(sys.modules, "SimpleITK", None)
        with pytest.raises(MethodError, match=r'pip install "seganypet\[compare\]"'):
            register(pet(), ct, CT_AFFINE)

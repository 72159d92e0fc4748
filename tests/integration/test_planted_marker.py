"""A hot ball at a known place in the world stays there from file to file, in every orientation."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from seganypet.inference import Session
from seganypet.io import read_volume, write_mask
from synthetic_model import half_of_click

ORIENTATIONS = [(p, s) for p in permutations(range(3)) for s in product((1, -1), repeat=3)]
# Where the axes of a network's input may lead.
CODES = ["".join(ends) for axes in permutations(("RL", "AP", "SI")) for ends in product(*axes)]
SPACING_MM = (2.0, 3.1, 4.4)
SHAPE = (40, 30, 22)
MARKER_XYZ_MM = np.array([31.0, -12.0, 140.0])
RADIUS_MM = 14.0


def oblique_affine(permutation: tuple[int, ...], signs: tuple[int, ...], degrees: float) -> np.ndarray:
    """Return the affine of anisotropic voxels in an orientation, tilted, with the marker off the middle."""
    axes = np.zeros((3, 3))
    for voxel_axis, (world_axis, sign) in enumerate(zip(permutation, signs, strict=True)):
        axes[world_axis, voxel_axis] = sign * SPACING_MM[voxel_axis]
    tilt = Rotation.from_rotvec(np.radians(degrees) * np.array([0.6, -0.5, 0.62])).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = tilt @ axes
    marker_ijk = np.array([23.0, 12.0, 9.0])
    affine[:3, 3] = MARKER_XYZ_MM - affine[:3, :3] @ marker_ijk
    return affine


def scan_with_marker(affine: np.ndarray) -> np.ndarray:
    """Return background 1 and a ball of SUV 9 around the marker."""
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), -1)
    xyz = grid @ affine[:3, :3].T + affine[:3, 3]
    near = np.linalg.norm(xyz - MARKER_XYZ_MM, axis=-1) < RADIUS_MM
    return np.where(near, 9.0, 1.0).astype(np.float32)


@pytest.mark.parametrize("degrees", [0.0, 17.0])
@pytest.mark.parametrize(("permutation", "signs"), ORIENTATIONS)
def test_marker_keeps_its_place_in_the_world(permutation, signs, degrees, tmp_path: Path):
    follow_marker(oblique_affine(permutation, signs, degrees), "RAS", tmp_path)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("permutation", "signs"), [((0, 1, 2), (-1, -1, 1)), ((2, 0, 1), (1, -1, -1))])
def test_marker_keeps_its_place_whatever_order_the_network_sees(permutation, signs, code, tmp_path: Path):
    follow_marker(oblique_affine(permutation, signs, 17.0), code, tmp_path)


def follow_marker(affine: np.ndarray, code: str, tmp_path: Path) -> None:
    """Write a scan, click its marker in the world, write the mask: it lies around the marker."""
    image = nib.Nifti1Image(scan_with_marker(affine), affine)
    image.set_sform(affine, code=2)
    image.set_qform(affine, code=1)
    nib.save(image, tmp_path / "pet.nii.gz")

    session = Session(half_of_click(patch_size=16, orientation=code))
    session.set_volume(read_volume(tmp_path / "pet.nii.gz"))
    write_mask(session.add_click_mm(MARKER_XYZ_MM), tmp_path / "mask.nii.gz")

    source, mask = nib.load(tmp_path / "pet.nii.gz"), nib.load(tmp_path / "mask.nii.gz")
    assert mask.shape == source.shape
    np.testing.assert_array_equal(mask.affine, source.affine)
    assert int(mask.header["sform_code"]) == 2
    assert int(mask.header["qform_code"]) == 1
    voxels = np.argwhere(np.asarray(mask.dataobj) > 0)
    centre = (voxels @ mask.affine[:3, :3].T + mask.affine[:3, 3]).mean(0)
    np.testing.assert_allclose(centre, MARKER_XYZ_MM, atol=1.0)
    # the network's threshold is low on a log scale, so the ball comes out up to a working voxel larger
    ball_ml = [4 / 3 * np.pi * (r / 10) ** 3 for r in (RADIUS_MM - 1, RADIUS_MM + 4)]
    assert ball_ml[0] < len(voxels) * np.prod(SPACING_MM) / 1000 < ball_ml[1]

"""Small scans with a planted hot ball, in several orientations, and where the ball is."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

BALL_MM = np.array([-30.0, 12.0, -320.0])
"""RAS+: on the patient's left, in front of the middle."""
RADIUS_MM = 16.0
BONE_MM = np.array([0.0, -50.0, -320.0])
"""In the CT a rod runs through here, from head to feet."""
TALL_BALL_MM = np.array([-60.0, 0.0, 300.0])
"""In the scan that is far taller than wide."""
SOFT_MM = np.array([60.0, 12.0, -320.0])
_BODY_MM = np.array([110.0, 80.0, 130.0])
_CENTRE_MM = np.array([0.0, 0.0, -300.0])


def _rotated(degrees: float) -> np.ndarray:
    """Return a rotation about an oblique axis."""
    axis = np.array([1.0, 2.0, 3.0]) / np.sqrt(14.0)
    cross = np.cross(np.eye(3), axis)
    angle = np.deg2rad(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _affine(axes: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the affine of a grid about the body's centre."""
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = _CENTRE_MM - axes @ ((np.array(shape) - 1) / 2)
    return affine


GRIDS = {
    "ras": ((70, 56, 80), np.diag([4.0, 4.0, 4.0])),
    "las": ((70, 56, 100), np.diag([-4.0, 4.0, 3.0])),
    # Axes superior, left, anterior, all of different size, and turned by 14 degrees.
    "oblique": ((90, 64, 58), _rotated(14.0) @ np.array([[0, -4.5, 0], [0, 0, 4.0], [3.5, 0, 0]])),
}
"""Shape and axes in mm."""


def ball(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    """Return which voxels of a grid the ball holds."""
    return np.linalg.norm(_positions(shape, affine) - BALL_MM, axis=-1) <= RADIUS_MM


def write_scans(folder: Path) -> Path:
    """Write a NIfTI file of each grid to a folder; return it."""
    for name, (shape, axes) in GRIDS.items():
        affine = _affine(axes, shape)
        body = np.linalg.norm((_positions(shape, affine) - _CENTRE_MM) / _BODY_MM, axis=-1) <= 1
        suv = 0.02 + 1.0 * body + 9.0 * ball(shape, affine)
        suv += np.random.default_rng(1).normal(0, 0.05, shape) * body
        nib.save(nib.Nifti1Image(suv.astype(np.float32), affine), folder / f"{name}.nii.gz")
    _write_ct(folder / "ct.nii.gz")
    _write_tall(folder / "tall.nii.gz")
    return folder


def _write_ct(path: Path) -> None:
    """Write a CT of the same body, on a grid of its own, with a rod of bone."""
    shape = (150, 130, 150)
    affine = _affine(np.diag([-1.8, -1.8, 2.0]), shape)
    positions = _positions(shape, affine)
    hounsfield = np.full(shape, -1000.0)
    hounsfield[np.linalg.norm((positions - _CENTRE_MM) / _BODY_MM, axis=-1) <= 1] = 40
    hounsfield[np.linalg.norm((positions - BONE_MM)[..., :2], axis=-1) < 15] = 700
    nib.save(nib.Nifti1Image(hounsfield.astype(np.int16), affine), path)


def _write_tall(path: Path) -> None:
    """Write a body of 1.7 m and a ball at its side, near its head."""
    shape = (34, 28, 210)
    affine = _affine(np.diag([8.0, 8.0, 8.0]), shape)
    affine[2, 3] = -840.0
    positions = _positions(shape, affine)
    suv = 0.02 + 1.0 * (np.hypot(positions[..., 0] / 90, positions[..., 1] / 70) <= 1)
    suv += 9.0 * (np.linalg.norm(positions - TALL_BALL_MM, axis=-1) <= RADIUS_MM)
    nib.save(nib.Nifti1Image(suv.astype(np.float32), affine), path)


def _positions(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return voxels @ affine[:3, :3].T + affine[:3, 3]

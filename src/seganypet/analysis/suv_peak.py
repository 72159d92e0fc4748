"""SUVpeak: the highest mean SUV of a sphere of 1 cm³ in a target."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve

from seganypet.errors import GeometryError
from seganypet.volume import FloatArray, Mask, Volume

SPHERE_RADIUS_MM: Final = (3 / (4 * np.pi)) ** (1 / 3) * 10
"""Of a sphere of 1 cm³: 6.2 mm."""


def suv_peak(volume: Volume, mask: Mask) -> float | None:
    """Return SUVpeak: the highest mean of a sphere of 1 cm³ among all that are centred on a voxel of the mask.

    Voxels whose centre lies within 6.2 mm are the sphere's; it may reach beyond the mask, and ends with the image. This
    is the "global intensity peak" of the Image Biomarker Standardisation Initiative [0F91], and SUVpeak of PERCIST
    (Wahl et al. 2009, doi:10.2967/jnumed.108.057307) within a target.

    Args:
        volume: SUV.
        mask: On the same grid.

    Returns:
        In g/ml; None where the mask is empty.

    Raises:
        GeometryError: The mask is on another grid.
    """
    if not mask.has_grid_of(volume):
        raise GeometryError(
            f"mask of shape {mask.shape} is not on the volume's grid of shape {volume.shape}; resample it"
        )
    found = ndimage.find_objects(mask.array.view(np.int8), max_label=1)[0]
    if found is None:
        return None
    sphere = _sphere(volume)
    reach = [n // 2 for n in sphere.shape]
    around = tuple(
        slice(max(part.start - r, 0), min(part.stop + r, n))
        for part, r, n in zip(found, reach, volume.shape, strict=True)
    )
    suv = volume.array[around].astype(np.float64)
    sums = fftconvolve(suv, sphere, mode="same")
    counts = fftconvolve(np.ones_like(suv), sphere, mode="same").round()
    return float((sums / counts)[mask.array[around]].max())


def _sphere(volume: Volume) -> FloatArray:
    """Return which voxels around one belong to its sphere, [odd, odd, odd]."""
    reach = [int(SPHERE_RADIUS_MM / mm) for mm in volume.spacing_mm]
    offsets = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1)
    distance_mm = np.linalg.norm(offsets @ volume.affine[:3, :3].T, axis=-1)
    inside: FloatArray = (distance_mm <= SPHERE_RADIUS_MM * (1 + 1e-9)).astype(np.float32)
    return inside

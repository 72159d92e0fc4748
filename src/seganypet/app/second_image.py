"""A CT or MR on the grid of the PET, or on one a few times finer, as the page shows it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.app.open_scans import OpenScan
from seganypet.io.anatomy import AnatomicalImage
from seganypet.preprocessing.orientation import Shape
from seganypet.volume import Affine

_HIGHEST = 32767


def on_grid_of(
    scan: OpenScan, image: AnatomicalImage, start: Shape, shape: Shape, finer: int
) -> tuple[npt.NDArray[np.int16], Affine, float]:
    """Return an image resampled, by linear interpolation, to a box of a scan's grid.

    Args:
        scan: Whose grid.
        image: What is shown with it.
        start: First voxel of the box.
        shape: Voxels of the box.
        finer: Into how many parts each voxel's edge is divided.

    Returns:
        Values, int16 [I, J, K]; the affine of the grid; and what one step of the values is worth. Beyond the image
        lies its lowest value.
    """
    affine = scan.volume.affine.copy()
    affine[:3, :3] /= finer
    corner = np.subtract(start, 0.5 - 0.5 / finer)
    affine[:3, 3] = scan.volume.to_xyz_mm(corner.tolist())
    to_image = np.linalg.inv(image.affine) @ affine
    size = tuple(n * finer for n in shape)
    lowest = float(image.array.min())
    resampled = ndimage.affine_transform(
        image.array, to_image[:3, :3], to_image[:3, 3], output_shape=size, order=1, cval=lowest
    )
    step = max(1.0, float(np.abs(resampled).max()) / _HIGHEST) if image.modality == "CT" else _step(resampled)
    return np.rint(resampled / step).astype(np.int16), affine, step


def _step(values: npt.NDArray[np.float32]) -> float:
    """Return what a step must be worth for the highest value to fit."""
    return max(float(np.abs(values).max()) / _HIGHEST, 1e-12)

"""Label maps: integers on a volume's grid, with the names of their ids in a JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError, ImageValueError, OutputError
from seganypet.io.nifti import NiftiImage, load_nifti
from seganypet.io.write import write_nifti
from seganypet.volume import Volume

HIGHEST_ID: Final = 65535
"""That is read; int16 in a file takes fewer."""
_HIGHEST_WRITTEN = 32767
_SAME_AFFINE_MM: Final = 1e-3  # as `Volume.has_grid_of`


def read_label_map(path: str | Path, *, like: Volume | None = None) -> npt.NDArray[np.integer[Any]]:
    """Return a NIfTI file of whole numbers as a label map, in the smallest type that holds them.

    Args:
        path: A .nii or .nii.gz file.
        like: The volume on whose grid it must lie.

    Returns:
        uint8 or uint16 [I, J, K]; 0 is background.

    Raises:
        ImageReadError: As for `load_nifti`.
        GeometryError: Likewise; or it lies on another grid.
        ImageValueError: Likewise; or it holds what are no ids, whole numbers from 0 to 65535.
    """
    path = Path(path)
    image = load_nifti(path)
    if like is not None:
        _check_grid(path, image, like)
    return _ids(path, image.array)


def write_label_map(label_map: npt.NDArray[np.integer], volume: Volume, path: str | Path) -> None:
    """Write a label map as NIfTI, int16, on a volume's grid; otherwise as `write_mask`.

    Args:
        label_map: Ids [I, J, K], 0 to 32767; 0 is background.
        volume: The image that it labels.
        path: A .nii or .nii.gz file.

    Raises:
        GeometryError: The shapes differ.
        OutputError: Ids beyond this range; otherwise as for `write_mask`.
    """
    if label_map.shape != volume.shape:
        raise GeometryError(f"label map of shape {label_map.shape} on a volume of shape {volume.shape}")
    low, high = int(label_map.min()), int(label_map.max())
    if low < 0 or high > _HIGHEST_WRITTEN:
        raise OutputError(
            f"{path}: ids are 0 to {_HIGHEST_WRITTEN}, not {low if low < 0 else high}; renumber them"
        )
    write_nifti(label_map.astype(np.int16), volume.affine, volume.source, Path(path), "label map")


def _check_grid(path: Path, image: NiftiImage, volume: Volume) -> None:
    if image.array.shape != volume.shape:
        raise GeometryError(
            f"{path}: shape {image.array.shape}, but the image has {volume.shape}; resample it onto the image"
        )
    if not np.allclose(image.affine, volume.affine, atol=_SAME_AFFINE_MM):
        raise GeometryError(
            f"{path}: its affine places voxels up to {volume.farthest_mm(image.affine):.3g} mm from the image's; "
            "resample it onto the image"
        )


def _ids(path: Path, array: npt.NDArray[Any]) -> npt.NDArray[np.integer[Any]]:
    low, high = float(array.min()), float(array.max())  # NaN passes through both
    if not (low >= 0 and high <= HIGHEST_ID):
        raise ImageValueError(
            f"{path}: values from {low:g} to {high:g}; ids are whole numbers from 0 to {HIGHEST_ID}: renumber them"
        )
    ids: npt.NDArray[np.integer[Any]] = array.astype(np.uint8 if high <= 255 else np.uint16)
    if array.dtype.kind == "f" and not np.array_equal(ids, array):
        wrong = float(array[ids != array][0])
        raise ImageValueError(
            f"{path}: value {wrong:g} is no whole number; resample label maps by nearest neighbour"
        )
    return ids

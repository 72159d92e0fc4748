"""Label maps: integers on a volume's grid, with the names of their ids in a JSON file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError, OutputError
from seganypet.io.write import write_nifti
from seganypet.volume import Volume

_HIGHEST_ID = 32767


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
    if low < 0 or high > _HIGHEST_ID:
        raise OutputError(
            f"{path}: ids are 0 to {_HIGHEST_ID}, not {low if low < 0 else high}; renumber them"
        )
    write_nifti(label_map.astype(np.int16), volume.affine, volume.source, Path(path), "label map")

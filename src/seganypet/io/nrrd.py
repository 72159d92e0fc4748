"""NRRD files, as 3D Slicer and OHIF take masks [https://teem.sourceforge.net/nrrd/format.html]."""

from __future__ import annotations

import io
from typing import Any, Final

import nrrd
import numpy as np
import numpy.typing as npt

from seganypet.volume import Affine

# RAS+ world to that of ITK and DICOM.
_TO_LPS: Final = np.array([-1.0, -1.0, 1.0])


def nrrd_bytes(array: npt.NDArray[Any], affine: Affine, *, compress: bool = True) -> bytes:
    """Return an array of a grid as the bytes of an NRRD file, header and values in one.

    Args:
        array: Values [I, J, K], in the type to be stored; the first axis is stored fastest.
        affine: float64 [4, 4], voxel index to RAS+ world in mm; stored as left, posterior, superior.
        compress: With gzip.
    """
    header = {
        "space": "left-posterior-superior",
        "space directions": affine[:3, :3].T * _TO_LPS + 0.0,  # no -0
        "space origin": affine[:3, 3] * _TO_LPS + 0.0,
        "kinds": ["domain"] * 3,
        "encoding": "gzip" if compress else "raw",
    }
    file = io.BytesIO()
    nrrd.write(
        file,
        array.astype(array.dtype.newbyteorder("<"), copy=False),
        header,
        compression_level=1,
        index_order="F",
    )
    return file.getvalue()

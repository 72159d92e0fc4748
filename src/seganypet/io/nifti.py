"""NIfTI files to `Volume` and `Mask`, in the file's own voxel order and with its own affine."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from seganypet.errors import (
    GeometryError,
    ImageReadError,
    ImageValueError,
    SegAnyPETError,
    SegAnyPETWarning,
    reason_of,
)
from seganypet.io.nifti_header import header_notes, repairs_of
from seganypet.volume import Affine, Mask, Source, Volume, check_affine

if TYPE_CHECKING:
    from seganypet.io.suv import SUVOverrides

NIFTI_SUFFIXES = (".nii", ".nii.gz")

# What nibabel and gzip raise on files that are cut off, damaged or of another format.
_READ_ERRORS = (OSError, EOFError, zlib.error, ValueError, ImageFileError, HeaderDataError, MemoryError)
# sform and qform are float32 and written by different rules; a larger gap is another patient position.
_TRANSFORM_TOLERANCE_MM = 0.1


@dataclass(frozen=True, eq=False)
class NiftiImage:
    """What a NIfTI file holds, before it is judged as SUV, mask or label map.

    Attributes:
        array: Values [I, J, K], scl_slope and scl_inter applied, in the file's own voxel order.
        affine: float64 [4, 4], voxel index to RAS+ world in mm: sform, else qform, else voxel sizes only.
        source: The file, with its sform and qform.
    """

    array: npt.NDArray[Any]
    affine: Affine
    source: Source


def is_nifti_name(path: Path) -> bool:
    """Return whether the file name ends in .nii or .nii.gz, in any case."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def read_nifti(path: str | Path, *, overrides: SUVOverrides | None = None) -> Volume:
    """Return a NIfTI file as a volume in SUVbw.

    The values are SUV unless the BIDS-PET sidecar beside the file (``x.json`` beside ``x.nii.gz``) says
    ``"Units": "Bq/mL"``, or they look like Bq/ml and `overrides` says how to convert them.

    Args:
        path: A .nii or .nii.gz file.
        overrides: Weight, dose and times that complete or replace the sidecar's.

    Raises:
        ImageReadError: Missing, empty, truncated, or no NIfTI.
        GeometryError: Not 3D, or an affine that is unusable.
        ImageValueError: No real numbers, NaN, infinity, one value everywhere, or Bq/ml without a way to
            convert them.
        SUVError: Values in Bq/ml whose sidecar and overrides do not suffice.
    """
    from seganypet.io.nifti_suv import suv_scale  # SUV is not needed for masks

    path = Path(path)
    image = load_nifti(path, dtype=np.float32)
    with naming(path):
        array: npt.NDArray[np.float32] = image.array
        scale = suv_scale(path, array, overrides)
        if scale.factor != 1.0:
            with np.errstate(over="ignore"):
                array = np.multiply(
                    array, np.float32(scale.factor), out=array if array.flags.writeable else None
                )
        array.setflags(write=False)  # lets Volume share it instead of copying it
        return Volume(array, image.affine, source=replace(image.source, record=scale.record))


def read_mask(path: str | Path, *, like: Volume | None = None) -> Mask:
    """Return a NIfTI file of zeros and ones as a mask.

    Args:
        path: A .nii or .nii.gz file.
        like: The volume that the mask must lie on; the mask then carries this volume's affine and source.

    Raises:
        ImageReadError: As for `read_nifti`.
        GeometryError: Not 3D, an unusable affine, or not on the grid of `like`.
        ImageValueError: Values other than 0 and 1.
    """
    path = Path(path)
    image = load_nifti(path)
    with naming(path):
        mask = Mask(image.array, image.affine, source=image.source)
    if like is None:
        return mask
    if not mask.has_grid_of(like):
        raise GeometryError(
            f"{path}: mask of shape {mask.shape} with affine {_rounded(mask.affine)} is not on the image's "
            f"grid of shape {like.shape} with affine {_rounded(like.affine)} (voxels up to "
            f"{like.farthest_mm(mask.affine):.3g} mm apart); resample it onto the image"
        )
    return Mask(mask.array, like.affine, source=like.source)


def load_nifti(path: str | Path, *, dtype: npt.DTypeLike | None = None) -> NiftiImage:
    """Return a NIfTI file's scaled values, affine and source, without judging the values.

    Args:
        path: A .nii or .nii.gz file of three dimensions; further dimensions of length 1 are dropped.
        dtype: Type of the array; by default the file's own, or the one that its scl_slope needs.

    Raises:
        ImageReadError: Missing, empty, truncated, or no NIfTI.
        GeometryError: Not 3D, not in mm, or an affine that is unusable.
        ImageValueError: Complex or colour voxels.
    """
    path = Path(path)
    try:
        with header_notes() as notes:
            image: Any = nib.load(path, mmap=False)  # a mapped file could change under the volume
    except FileNotFoundError:
        raise ImageReadError(f"{path}: no such file; check the path") from None
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error
    if not isinstance(image, nib.Nifti1Image):  # Nifti2Image is one too
        raise ImageReadError(f"{path}: is a {type(image).__name__}, not NIfTI; convert it to .nii.gz")
    header: Any = image.header  # nibabel leaves its methods untyped
    with naming(path):
        shape = _spatial_shape(image.shape)
        _check_voxel_type(header.get_data_dtype())
        repairs = repairs_of(notes, header)
        affine, source = _geometry(header, path)
    for repair in repairs:
        warnings.warn(f"{path}: odd header: {repair}", SegAnyPETWarning, stacklevel=4)
    try:
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
            array = np.asarray(image.dataobj, dtype=dtype)
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error
    return NiftiImage(array.reshape(shape, order="F"), affine, source)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file's name in front of the message of an error raised inside."""
    try:
        yield
    except SegAnyPETError as error:
        raise type(error)(f"{path}: {error}") from error


def _unreadable(path: Path, error: BaseException) -> ImageReadError:
    return ImageReadError(
        f"{path}: empty, truncated or no NIfTI file, or a damaged header ({reason_of(error)}); copy or export "
        "it again as .nii or .nii.gz"
    )


def _spatial_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the first three lengths, if all further ones are 1."""
    if len(shape) < 3:
        raise GeometryError(
            f"image of shape {shape} has {len(shape)} dimensions; expected 3 (i, j, k): pass the whole volume, "
            "not a slice of it"
        )
    if any(n != 1 for n in shape[3:]):
        raise GeometryError(
            f"image of shape {shape} has {len(shape)} dimensions; expected 3 (i, j, k): "
            "extract one frame or channel first"
        )
    i, j, k = shape[:3]
    return i, j, k


def _check_voxel_type(dtype: np.dtype[Any]) -> None:
    if dtype.fields is not None or dtype.kind not in "iuf":
        kind = "colour" if dtype.fields is not None else str(dtype)
        raise ImageValueError(f"voxels are {kind}; expected one real number per voxel")


def _geometry(header: Any, path: Path) -> tuple[Affine, Source]:
    """Return nibabel's best affine, and the file with both transforms."""
    try:
        unit = header.get_xyzt_units()[0]
        affine = check_affine(header.get_best_affine())
    except (HeaderDataError, KeyError, ValueError) as error:
        raise GeometryError(f"unusable header ({error}); repair the file's sform or qform") from error
    if unit not in ("mm", "unknown"):
        raise GeometryError(f"voxel sizes are in {unit}; expected mm: convert the file")
    sform, qform = _transform(header, "sform"), _transform(header, "qform")
    _warn_of_doubt(path, sform, qform)
    return affine, Source(path=str(path), kind="nifti", sform=sform, qform=qform)


def _transform(header: Any, name: str) -> tuple[Affine, int] | None:
    """Return the matrix and code of "sform" or "qform", None where the header holds no valid one."""
    try:
        matrix = np.array(getattr(header, f"get_{name}")(), dtype=np.float64)
    except (HeaderDataError, ValueError):
        return None
    if not np.isfinite(matrix).all():
        return None
    matrix.setflags(write=False)
    return matrix, int(header[f"{name}_code"])


def _warn_of_doubt(path: Path, sform: tuple[Affine, int] | None, qform: tuple[Affine, int] | None) -> None:
    coded = [transform[0] for transform in (sform, qform) if transform is not None and transform[1] > 0]
    if not coded:
        warnings.warn(
            f"{path}: neither sform nor qform is set; the position is made up from the voxel size and left "
            "and right may be swapped",
            SegAnyPETWarning,
            stacklevel=5,
        )
    elif len(coded) == 2 and not np.allclose(coded[0], coded[1], 1e-3, _TRANSFORM_TOLERANCE_MM):
        warnings.warn(
            f"{path}: sform and qform place the image differently; the sform is used",
            SegAnyPETWarning,
            stacklevel=5,
        )


def _rounded(affine: Affine) -> list[list[float]]:
    return [[round(float(value), 3) for value in row] for row in affine[:3]]

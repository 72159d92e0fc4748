"""Read a CT or MR to be shown with a PET: values as they are, no SUV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset

from seganypet.errors import ImageValueError, SeriesError
from seganypet.io.dicom_checks import positions_mm
from seganypet.io.dicom_geometry import stack_slices
from seganypet.io.dicom_pet import stored_pixels
from seganypet.io.dicom_series import SeriesInfo, list_series, read_dataset
from seganypet.io.dicom_values import number, numbers
from seganypet.io.nifti import is_nifti_name, load_nifti, naming
from seganypet.volume import Affine, FloatArray

_MODALITIES = ("CT", "MR")


@dataclass(frozen=True, eq=False)
class AnatomicalImage:
    """A CT or MR.

    Attributes:
        array: float32 [I, J, K]: Hounsfield units of a CT, arbitrary units of an MR.
        affine: float64 [4, 4], voxel index to RAS+ world in mm.
        modality: "CT" or "MR"; of a NIfTI file, what its values look like.
    """

    array: FloatArray
    affine: Affine
    modality: str


def read_anatomy(path: str | Path, *, series_uid: str | None = None) -> AnatomicalImage:
    """Return a CT or MR from a NIfTI file or a DICOM folder.

    Args:
        path: A .nii or .nii.gz file, or a folder, searched with its subfolders.
        series_uid: Which series, where a folder holds several.

    Raises:
        ImageReadError: Missing, damaged, or neither NIfTI nor DICOM.
        SeriesError: There is no CT or MR series, several, or one on no even grid.
        GeometryError, ImageValueError: As for `load_nifti`; or values that are not finite.
    """
    path = Path(path)
    if is_nifti_name(path):
        image = load_nifti(path, dtype=np.float32)
        array, affine = image.array, image.affine
        modality = "CT" if float(array.min()) < -500 else "MR"
    else:
        info = _chosen(path, series_uid)
        with naming(path):
            array, affine = _stacked(info)
        modality = info.modality
    if not np.isfinite(array).all():
        raise ImageValueError(f"{path}: holds values that are not finite; export the image anew")
    return AnatomicalImage(array, affine, modality)


def _chosen(path: Path, series_uid: str | None) -> SeriesInfo:
    """Return the CT or MR series to read, the one with most files where several fit."""
    found = [
        info
        for info in list_series(path)
        if (info.modality in _MODALITIES if series_uid is None else info.uid == series_uid)
    ]
    if not found:
        raise SeriesError(
            f"{path}: no CT or MR series{f' {series_uid}' if series_uid else ''}; choose another"
        )
    return max(found, key=lambda info: info.number_of_files)


def _stacked(info: SeriesInfo) -> tuple[FloatArray, Affine]:
    slices = [read_dataset(file) for file in info.files]
    names = [file.name for file in info.files]
    grid = stack_slices(
        positions_mm(slices, names),
        numbers(slices[0], "ImageOrientationPatient"),
        numbers(slices[0], "PixelSpacing"),
        names=names,
    )
    planes = [_values(slices[n], info.files[n]) for n in grid.order]
    if len({plane.shape for plane in planes}) > 1:
        raise SeriesError("slices of different size; export the series anew")
    array: FloatArray = np.stack(planes).transpose(2, 1, 0)
    return array, grid.affine


def _values(data: FileDataset, file: Path) -> FloatArray:
    slope, intercept = number(data, "RescaleSlope"), number(data, "RescaleIntercept")
    values: FloatArray = (stored_pixels(data, file) * (slope or 1.0) + (intercept or 0.0)).astype(np.float32)
    return values

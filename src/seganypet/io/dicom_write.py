"""Write a `Volume` as a DICOM PET series, one file a slice."""

from __future__ import annotations

import copy
import hashlib
import shutil
import uuid
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from seganypet.errors import GeometryError, OutputError
from seganypet.io.dicom_write_tags import PETScan, decimal, series_tags
from seganypet.io.write import check_new_folder
from seganypet.volume import Affine, FloatArray, Volume

__all__ = ["PETScan", "write_pet_series"]

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SAME_GRID_MM: Final = 1e-3
_HIGHEST_STORED: Final = (
    32767  # signed 16 bits, as DICOM PET has no RescaleIntercept other than 0 [PS3.3 C.8.9.4]
)
_MOST_PIXELS: Final = 65535  # of a row or column: Rows and Columns are US


def write_pet_series(volume: Volume, folder: str | Path, scan: PETScan) -> list[Path]:
    """Write a volume as PET Image Storage in Bq/ml and return its files, in slice order.

    Columns run along i, rows along j. Slices are ordered along row × column direction, as readers order them: on a
    left-handed grid they run against k, and reading the series gives the volume flipped along k, every voxel at
    its place in the world. Pixels are signed 16-bit with a RescaleSlope of their own in each slice, so that SUV
    comes back to within half a step of 1/32767 of the slice's highest value. The same arguments give the same
    bytes, UIDs included; other pixels or another scan give other UIDs.

    Args:
        volume: SUV, on a grid of perpendicular axes; turned against the patient or not.
        folder: A new or empty folder.
        scan: Patient, tracer and times.

    Raises:
        GeometryError: A sheared grid, a single slice or more than 65535 voxels a row, which no series holds.
        OutputError: The folder holds files or cannot be written.
    """
    folder = Path(folder)
    lps, suv = _as_stack(volume)
    check_new_folder(folder, purpose="the series")
    uids = _Uids(volume, scan)
    template = _template(lps, suv.shape, scan, uids)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    names = [f"{k + 1:05d}.dcm" for k in range(suv.shape[2])]
    try:
        temporary.mkdir(parents=True)
        for k, name in enumerate(names):
            data = _slice(template, suv[:, :, k].astype(np.float64) * scan.bq_ml_per_suv, lps, k, uids)
            data.save_as(temporary / name, enforce_file_format=True)
        if folder.exists():
            folder.rmdir()
        temporary.replace(folder)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another folder or free space"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [folder / name for name in names]


class _Uids:
    """UIDs that follow from what a series holds: the same content has the same, other content others."""

    def __init__(self, volume: Volume, scan: PETScan) -> None:
        content = hashlib.sha256(np.ascontiguousarray(volume.array).tobytes())
        content.update(f"{volume.shape} {volume.affine.tolist()} {scan}".encode())
        self._entropy = content.hexdigest()

    def uid(self, what: str) -> str:
        """Return the UID of a study, series, frame of reference or instance."""
        return str(generate_uid(entropy_srcs=[self._entropy, what]))


def _as_stack(volume: Volume) -> tuple[Affine, FloatArray]:
    """Return the affine (column, row, slice, 1) to LPS, right-handed, and the array that goes with it."""
    if volume.shape[2] < 2:
        raise GeometryError(
            f"volume of shape {volume.shape}: a DICOM series of one slice has no slice distance; give two or more"
        )
    if max(volume.shape[:2]) > _MOST_PIXELS:
        raise GeometryError(
            f"volume of shape {volume.shape}: DICOM holds up to {_MOST_PIXELS} rows and columns; crop"
        )
    affine = np.array(volume.affine)
    row = affine[:3, 0] / np.linalg.norm(affine[:3, 0])
    column = affine[:3, 1] - (affine[:3, 1] @ row) * row
    column /= np.linalg.norm(column)
    normal = np.cross(row, column)
    depth_mm = float(affine[:3, 2] @ normal)
    held = affine.copy()
    held[:3, 1] = column * volume.spacing_mm[1]
    held[:3, 2] = normal * depth_mm
    if (apart_mm := volume.farthest_mm(held)) > _SAME_GRID_MM:
        raise GeometryError(
            f"the grid's axes are not perpendicular: a DICOM series would displace voxels by {apart_mm:.3g} mm; "
            "resample the volume to perpendicular axes"
        )
    array = volume.array
    if depth_mm < 0:
        held[:3, 3] += held[:3, 2] * (volume.shape[2] - 1)
        held[:3, 2] *= -1
        array = array[:, :, ::-1]
    return _LPS_FROM_RAS @ held, array


def _template(lps: Affine, shape: tuple[int, ...], scan: PETScan, uids: _Uids) -> Dataset:
    """Return what all slices share: the series' tags, orientation and pixel format."""
    data = series_tags(scan)
    for what in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        setattr(data, what, uids.uid(what))
    spacing_mm = np.linalg.norm(lps[:3, :3], axis=0)
    data.ImageOrientationPatient = _decimals((lps[:3, :2] / spacing_mm[:2]).T.ravel())
    data.PixelSpacing = [decimal(spacing_mm[1]), decimal(spacing_mm[0])]  # between rows, then columns
    data.SliceThickness = decimal(spacing_mm[2])
    data.Columns, data.Rows, data.NumberOfSlices = shape
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.RescaleIntercept = "0"
    return data


def _slice(
    template: Dataset, activity_bq_ml: npt.NDArray[np.float64], lps: Affine, k: int, uids: _Uids
) -> Dataset:
    """Return the data set of one slice; its activity is [column, row]."""
    data = copy.copy(template)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPInstanceUID = uids.uid(f"instance {k}")
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.InstanceNumber = str(k + 1)
    data.ImageIndex = k + 1
    data.ImagePositionPatient = _decimals(lps[:3, 3] + k * lps[:3, 2])
    highest = float(np.abs(activity_bq_ml).max())
    slope = decimal(highest / _HIGHEST_STORED) if highest > 0 else "1"
    data.RescaleSlope = slope
    stored = np.rint(activity_bq_ml / float(slope)).astype("<i2")
    data.PixelData = stored.T.tobytes()
    return data


def _decimals(values: npt.NDArray[np.float64]) -> list[str]:
    """Return mm or cosines as decimal strings, without the 1e-17 that rotations leave."""
    return [decimal(round(float(value), 9)) for value in values]

"""Read a DICOM PET series as a `Volume` in SUVbw."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import FileDataset
from pydicom.pixels.utils import pixel_array

from seganypet.errors import ImageReadError, SegAnyPETError, SegAnyPETWarning, SeriesError, reason_of
from seganypet.io.dicom_checks import positions_mm, refuse_unless_static_pet, unusual
from seganypet.io.dicom_geometry import Grid, stack_slices
from seganypet.io.dicom_pet_tags import pet_tags
from seganypet.io.dicom_series import SeriesInfo, choose_pet, read_dataset, scan
from seganypet.io.dicom_values import UNREADABLE, number, numbers, tag_name, text
from seganypet.io.suv import SUVConversion, SUVOverrides, suv_conversion
from seganypet.volume import FloatArray, Source, Volume

_IGNORED_NAMED = 20


def read_dicom_pet(
    path: str | Path, *, series_uid: str | None = None, overrides: SUVOverrides | None = None
) -> Volume:
    """Return a PET series in SUVbw, on axes (column, row, slice along row × column direction).

    Args:
        path: A folder, searched with its subfolders, or a file of the series.
        series_uid: SeriesInstanceUID, where there are several PET series.
        overrides: Weight, dose, times that replace those of the file.

    Returns:
        The volume; its source's record holds the SUV tags, branch, factor and warnings, the geometry and the
        files passed over. Each warning is also issued as a `SegAnyPETWarning`.

    Raises:
        ImageReadError: No DICOM there, or a damaged file.
        SeriesError: No PET, several series, or one that is no static volume on an even grid.
        SUVError: Tags from which no SUV can be computed.
        GeometryError, ImageValueError: The result is no SUV volume; see `Volume`.
    """
    path = Path(path)
    found = scan(path)
    info = choose_pet(path, found.series, series_uid)
    names = [file.name for file in info.files]
    slices = [read_dataset(file) for file in info.files]
    with _naming(path):
        _refuse_truncated(slices, names)
        refuse_unless_static_pet(slices, names)
        grid = stack_slices(
            positions_mm(slices, names),
            numbers(slices[0], "ImageOrientationPatient"),
            numbers(slices[0], "PixelSpacing"),
            names=names,
        )
        slices, files = [slices[i] for i in grid.order], [info.files[i] for i in grid.order]
        spacing_mm = float(np.linalg.norm(grid.affine[:3, 2]))
        conversion = suv_conversion(pet_tags(slices), overrides)
        noted = [*unusual(slices, spacing_mm), *grid.warnings, *conversion.warnings]
        record = _record(info, conversion, grid, noted, found.ignored)
        source = Source(
            path=str(path), kind="dicom", dicom_files=tuple(str(file) for file in files), record=record
        )
        volume = Volume(_suv_array(slices, files, conversion), grid.affine, source=source)
    for note in noted:
        warnings.warn(f"{path}: {note}", SegAnyPETWarning, stacklevel=2)
    return volume


def _refuse_truncated(slices: Sequence[FileDataset], names: Sequence[str]) -> None:
    """Refuse files cut off before their pixels; later checks would blame the tags that are lost with them."""
    for data, name in zip(slices, names, strict=True):
        if text(data, "Modality") == "PT" and "PixelData" not in data:
            raise ImageReadError(f"{name}: no pixel data (truncated?); copy it anew")


def _suv_array(slices: Sequence[FileDataset], files: Sequence[Path], conversion: SUVConversion) -> FloatArray:
    """Return SUV, float32 [I, J, K], read-only; each slice's pixel data is freed once it is decoded."""
    rows, columns = int(number(slices[0], "Rows") or 0), int(number(slices[0], "Columns") or 0)
    suv = np.empty((len(slices), rows, columns), dtype=np.float32)
    for k, (data, file, factor) in enumerate(zip(slices, files, conversion.factors, strict=True)):
        slope, intercept = _rescale(data, file)
        stored = stored_pixels(data, file)
        if stored.shape != (rows, columns):
            raise ImageReadError(f"{file.name}: pixels of shape {stored.shape}; expected {(rows, columns)}")
        suv[k] = (stored * slope + intercept) * factor
        del data.PixelData
    array: FloatArray = suv.transpose(2, 1, 0)
    array.setflags(write=False)
    return array


def _rescale(data: FileDataset, file: Path) -> tuple[float, float]:
    slope, intercept = number(data, "RescaleSlope"), number(data, "RescaleIntercept")
    if slope is None or slope <= 0:
        raise SeriesError(
            f"{file.name}: {tag_name('RescaleSlope')} is {slope}; expected a number above 0; "
            "export the series anew"
        )
    return slope, intercept or 0.0


def stored_pixels(data: FileDataset, file: Path) -> npt.NDArray[np.float64]:
    """Return the pixels of a slice as they are stored, [rows, columns].

    Raises:
        ImageReadError: They cannot be decoded.
    """
    try:
        return pixel_array(data).astype(np.float64)
    except UNREADABLE as error:
        syntax = data.file_meta.get("TransferSyntaxUID", "unknown")
        raise ImageReadError(
            f"{file.name}: pixels cannot be decoded ({reason_of(error)}; transfer syntax {syntax}); copy it anew, or "
            "decompress it first (gdcmconv --raw)"
        ) from error


def _record(
    info: SeriesInfo, conversion: SUVConversion, grid: Grid, noted: list[str], ignored: Sequence[Path]
) -> dict[str, Any]:
    return {
        **conversion.record,
        "warnings": noted,
        "series": {"uid": info.uid, "description": info.description, "number_of_files": info.number_of_files},
        "geometry": {
            "affine": grid.affine.tolist(),
            "gap_range_mm": list(grid.gap_range_mm),
            "largest_displacement_mm": grid.largest_displacement_mm,
        },
        "ignored_files": [file.name for file in ignored[:_IGNORED_NAMED]],
        "number_of_ignored_files": len(ignored),
    }


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the path before errors that know only tags, values and file names."""
    try:
        yield
    except SegAnyPETError as error:
        raise type(error)(f"{path}: {error}") from error

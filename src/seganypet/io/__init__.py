"""Files to `Volume` and `Mask` and back: the one place that knows file formats and LPS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.errors import ImageReadError, UsageError
from seganypet.io.manifest import ManifestRow, read_labels, read_manifest, write_manifest
from seganypet.io.nifti import is_nifti_name, read_mask, read_nifti
from seganypet.io.prompt_files import read_prompts, write_prompts
from seganypet.io.run_record import run_record
from seganypet.io.write import write_json, write_mask, write_volume
from seganypet.volume import Volume

if TYPE_CHECKING:
    from seganypet.io.suv import SUVOverrides

__all__ = [
    "ManifestRow",
    "read_labels",
    "read_manifest",
    "read_mask",
    "read_prompts",
    "read_volume",
    "run_record",
    "write_json",
    "write_manifest",
    "write_mask",
    "write_prompts",
    "write_volume",
]

_DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
# DICOM PS3.10 7.1: 128 bytes of preamble, then these four.
_DICOM_PREFIX, _DICOM_PREFIX_AT = b"DICM", 128


def read_volume(
    path: str | Path, *, series_uid: str | None = None, overrides: SUVOverrides | None = None
) -> Volume:
    """Return a PET image in SUVbw from a NIfTI file, a DICOM folder or one file of a DICOM series.

    Args:
        path: A .nii or .nii.gz file, a folder with a DICOM series, or a file of the series.
        series_uid: Which series to read, where a folder holds several.
        overrides: Weight, dose and times that complete or replace the file's own.

    Raises:
        ImageReadError: A missing path, or a format that is not read.
        UsageError: A series chosen for a NIfTI file.
        GeometryError, ImageValueError, SeriesError, SUVError: What is in the files cannot be used; see
            `read_nifti` and `read_dicom_pet`.
    """
    path = Path(path)
    _check_exists(path)
    if path.is_file() and is_nifti_name(path):
        if series_uid is not None:
            raise UsageError(f"{path}: series_uid chooses a DICOM series, and this is NIfTI; leave it out")
        return read_nifti(path, overrides=overrides)
    if path.is_dir() or _is_dicom(path):
        from seganypet.io.dicom_pet import read_dicom_pet  # pydicom only where it is needed

        return read_dicom_pet(path, series_uid=series_uid, overrides=overrides)
    raise ImageReadError(
        f"{path}: unknown format; expected a .nii or .nii.gz file, a DICOM folder or a DICOM file"
    )


def _check_exists(path: Path) -> None:
    try:
        exists = path.exists()
    except OSError as error:
        raise ImageReadError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    if not exists:
        raise ImageReadError(f"{path}: no such file or folder; check the path")


def _is_dicom(path: Path) -> bool:
    """Return whether the name or the first bytes of a file are DICOM's."""
    if not path.is_file():
        return False
    if path.suffix.lower() in _DICOM_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(_DICOM_PREFIX_AT + len(_DICOM_PREFIX))[_DICOM_PREFIX_AT:] == _DICOM_PREFIX
    except OSError as error:
        raise ImageReadError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error

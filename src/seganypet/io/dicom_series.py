"""Find the DICOM series below a path, and choose the one to read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pydicom
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError

from seganypet.errors import ImageReadError, SeriesError, reason_of
from seganypet.io.dicom_values import UNREADABLE

PET_SOP_CLASS: Final = "1.2.840.10008.5.1.4.1.1.128"
ENHANCED_PET_SOP_CLASS: Final = "1.2.840.10008.5.1.4.1.1.130"
LEGACY_CONVERTED_PET_SOP_CLASS: Final = "1.2.840.10008.5.1.4.1.1.128.1"

_DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
_DICOMDIR_SOP_CLASS = "1.2.840.10008.1.3.10"
# A data set without the 128-byte preamble begins with group 0008, little endian.
_BARE_START = b"\x08\x00"
_LISTED = [
    "SOPClassUID",
    "SeriesInstanceUID",
    "Modality",
    "SeriesDescription",
    "SeriesDate",
    "StudyDate",
]


@dataclass(frozen=True, kw_only=True)
class SeriesInfo:
    """One DICOM series.

    Attributes:
        uid: SeriesInstanceUID.
        description: SeriesDescription, "" where there is none.
        modality: "PT", "CT", …
        number_of_files: How many files were found.
        date: SeriesDate (or StudyDate) as YYYY-MM-DD, "" where there is none.
        sop_class_uids: SOP classes of its files, sorted.
        files: The files, sorted by name.
    """

    uid: str
    description: str
    modality: str
    number_of_files: int
    date: str
    sop_class_uids: tuple[str, ...]
    files: tuple[Path, ...]

    def __str__(self) -> str:
        text = f"{self.uid} {self.modality} {self.description!r} {self.number_of_files} files {self.date}"
        return text.rstrip()


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What lies below a path.

    Attributes:
        series: The series, PET first, then by description and UID.
        ignored: Files that are no DICOM image.
    """

    series: tuple[SeriesInfo, ...]
    ignored: tuple[Path, ...]


def list_series(path: str | Path) -> list[SeriesInfo]:
    """Return the DICOM series below a path, PET first.

    Args:
        path: A folder, searched with all its subfolders, or one file: then its own series, from its folder.

    Raises:
        ImageReadError: The path is missing or holds no DICOM, or a DICOM file is damaged.
    """
    return list(scan(path).series)


def scan(path: str | Path) -> Scan:
    """Return the series below a path and the files that were passed over; see `list_series`."""
    path = Path(path)
    if not path.exists():
        raise ImageReadError(f"{path}: no such file or folder; check the path")
    if path.is_dir():
        return _scan_files(path, _files_below(path))
    own = _header(path)
    if own is None:
        raise ImageReadError(f"{path}: not a DICOM image; pass a file or the folder of a PET series")
    found = _scan_files(
        path.parent, sorted(p for p in path.parent.iterdir() if p.is_file()), own["SeriesInstanceUID"]
    )
    return Scan(series=found.series, ignored=found.ignored)


def choose_pet(path: str | Path, series: Sequence[SeriesInfo], series_uid: str | None) -> SeriesInfo:
    """Return the series to read.

    Args:
        path: Where they were found, for messages.
        series: The series found.
        series_uid: The one wanted; None for the only PET series.

    Raises:
        SeriesError: There is no such series, no PET series, or more than one.
    """
    if series_uid is not None:
        for info in series:
            if info.uid == series_uid:
                return info
        raise SeriesError(
            f"{path}: no series {series_uid}; found: {_listing(series)}; pass one (--series UID)"
        )
    pet = [info for info in series if info.modality == "PT"]
    # Rotating projections and screen captures are PT too; they are not what a person means by the scan.
    images = [info for info in pet if PET_SOP_CLASS in info.sop_class_uids] or pet
    if not images:
        raise SeriesError(
            f"{path}: no PET series (Modality PT); found: {_listing(series)}; pass the PET folder"
        )
    if len(images) > 1:
        raise SeriesError(
            f"{path}: {len(images)} PET series: {_listing(images)}; pass the one to read (--series UID)"
        )
    return images[0]


def read_dataset(path: Path) -> FileDataset:
    """Return a DICOM file's data set, pixel data included.

    Raises:
        ImageReadError: It cannot be read as DICOM.
    """
    try:
        return pydicom.dcmread(path, force=not _has_preamble(path))
    except (InvalidDicomError, *UNREADABLE) as error:
        raise _damaged(path, error) from error


def _scan_files(root: Path, files: Sequence[Path], only_uid: str | None = None) -> Scan:
    headers: dict[str, list[tuple[Path, dict[str, str]]]] = {}
    ignored = []
    for file in files:
        header = _header(file)
        if header is None:
            ignored.append(file)
        elif only_uid is None or header["SeriesInstanceUID"] == only_uid:
            headers.setdefault(header["SeriesInstanceUID"], []).append((file, header))
    if not headers:
        raise ImageReadError(
            f"{root}: no DICOM images among {len(files)} files; pass the folder of a PET series"
        )
    series = [_describe(uid, found) for uid, found in headers.items()]
    series.sort(key=lambda s: (s.modality != "PT", s.description, s.uid))
    return Scan(series=tuple(series), ignored=tuple(ignored))


def _describe(uid: str, found: list[tuple[Path, dict[str, str]]]) -> SeriesInfo:
    first = found[0][1]
    date = first["SeriesDate"] or first["StudyDate"]
    return SeriesInfo(
        uid=uid,
        description=first["SeriesDescription"],
        modality=first["Modality"],
        number_of_files=len(found),
        date=f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 and date.isdigit() else date,
        sop_class_uids=tuple(sorted({header["SOPClassUID"] for _, header in found})),
        files=tuple(file for file, _ in found),
    )


def _header(path: Path) -> dict[str, str] | None:
    """Return what tells series apart, or None for a file that is no DICOM image."""
    if path.name.startswith("."):
        return None
    named_dicom = path.suffix.lower() in _DICOM_SUFFIXES
    try:
        preamble = _has_preamble(path)
        if not preamble and not _is_bare(path):
            if named_dicom:
                raise ImageReadError(f"{path}: not DICOM, in spite of its name (truncated?); copy it anew")
            return None
        data = pydicom.dcmread(path, stop_before_pixels=True, force=not preamble, specific_tags=list(_LISTED))
        header = {keyword: " ".join(str(data.get(keyword) or "").split()) for keyword in _LISTED}
        is_directory = data.file_meta.get("MediaStorageSOPClassUID") == _DICOMDIR_SOP_CLASS
    except (InvalidDicomError, *UNREADABLE) as error:
        raise _damaged(path, error) from error
    if header["SeriesInstanceUID"]:
        return header
    if is_directory or not (preamble or named_dicom):
        return None
    raise ImageReadError(f"{path}: DICOM without (0020,000E) SeriesInstanceUID (truncated?); copy it anew")


def looks_like_dicom(path: Path) -> bool:
    """Return whether a file's name or its first bytes are DICOM's; False where it cannot be read."""
    try:
        return path.suffix.lower() in _DICOM_SUFFIXES or _has_preamble(path)
    except OSError:
        return False


def _has_preamble(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _is_bare(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _BARE_START


def _damaged(path: Path, error: Exception) -> ImageReadError:
    return ImageReadError(f"{path}: cannot be read as DICOM ({reason_of(error)}); copy it anew")


def _files_below(folder: Path) -> list[Path]:
    return sorted(_walk(folder))


def _walk(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        for name in names:
            file = Path(root, name)
            if file.is_file():
                yield file


def _listing(series: Sequence[SeriesInfo]) -> str:
    return "; ".join(str(info) for info in series) or "nothing"

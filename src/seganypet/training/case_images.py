"""The images of one case of a manifest, read and judged: everything that is wrong with them at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seganypet.errors import SegAnyPETError
from seganypet.io import ManifestRow, read_volume
from seganypet.io.bids import sidecar_path
from seganypet.io.label_map import read_label_map
from seganypet.io.nifti import is_nifti_name
from seganypet.io.suv_tags import OVERRIDE_OPTIONS
from seganypet.training.cases import LabelMap
from seganypet.volume import Volume

_MAPS: Final = ("reference", "lesions", "clean_reference")


@dataclass(frozen=True, eq=False)
class CaseImages:
    """PET and label maps of one case, all on the PET's own grid.

    Attributes:
        volume: The PET.
        maps: Label maps by the manifest's column, in the smallest type that holds their ids.
    """

    volume: Volume
    maps: Mapping[str, LabelMap]


def read_images(row: ManifestRow) -> tuple[CaseImages | None, list[str]]:
    """Return the images of a case, or None and everything that is wrong with them.

    Args:
        row: Of a manifest; its columns `image`, `reference`, `lesions` and `clean_reference` are read.
    """
    problems: list[str] = []
    maps: dict[str, LabelMap] = {}
    try:
        volume = read_volume(row.image)
    except SegAnyPETError as error:
        volume = None
        problems.append(f"image: {_with_remedy(error)}")
    for column in _MAPS:
        path: Path | None = getattr(row, column)
        if path is None:
            continue
        try:
            maps[column] = read_label_map(path, like=volume)
        except SegAnyPETError as error:
            problems.append(f"{column}: {error}")
    return (None if volume is None or problems else CaseImages(volume, maps)), problems


def source_files(row: ManifestRow) -> dict[str, list[tuple[str, int, int]]]:
    """Return path, size and time of change (ns) of every file that `read_images` reads, by column.

    Raises:
        OSError: One cannot be looked at.
    """
    files: dict[str, list[tuple[str, int, int]]] = {}
    for column in ("image", *_MAPS):
        path: Path | None = getattr(row, column)
        if path is not None:
            files[column] = [_stamp(file) for file in _files_of(path)]
    return files


def _with_remedy(error: SegAnyPETError) -> str:
    """Return what is wrong with an image, and which command takes the options that the error names, if it names any."""
    if not any(option in str(error) for option in OVERRIDE_OPTIONS.values()):
        return str(error)
    return (
        f"{error}; training has no such options, seganypet suv has them: convert the scan with it and name the result "
        "in the manifest"
    )


def _files_of(path: Path) -> list[Path]:
    """Return the file and its sidecar, or all files of a folder."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    if is_nifti_name(path) and sidecar_path(path).is_file():
        return [path, sidecar_path(path)]
    return [path]


def _stamp(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return os.path.realpath(path), status.st_size, status.st_mtime_ns

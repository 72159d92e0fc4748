"""Which files a case of a manifest is read from, and whether they have changed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from seganypet.io.bids import sidecar_path
from seganypet.io.manifest import ManifestRow
from seganypet.io.nifti import is_nifti_name


def source_files(row: ManifestRow, columns: Iterable[str]) -> dict[str, list[tuple[str, int, int]]]:
    """Return path, size and time of change (ns) of every file that columns of a row lead to, by column.

    A NIfTI file comes with its BIDS sidecar, a folder with all files in it.

    Args:
        row: Of a manifest.
        columns: Such as "image"; empty cells are left out.

    Raises:
        OSError: One cannot be looked at.
    """
    files: dict[str, list[tuple[str, int, int]]] = {}
    for column in columns:
        path: Path | None = getattr(row, column)
        if path is not None:
            files[column] = [_stamp(file) for file in _files_of(path)]
    return files


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

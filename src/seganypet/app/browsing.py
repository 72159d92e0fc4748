"""What of the server's disk can be opened: the served scan or folder, what is below it, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from seganypet.app.problems import NotFoundError, RequestError
from seganypet.app.wire import FolderReply, SeriesReply
from seganypet.io.dicom_series import list_series, looks_like_dicom
from seganypet.io.nifti import is_nifti_name

# Files of a folder that are looked into, to tell whether they are DICOM.
_LOOKED_INTO: Final = 2000


def inside(root: Path | None, relative: str) -> Path:
    """Return a path below the served folder, links resolved.

    Args:
        root: The served scan or folder.
        relative: As the page names it; "" for the served one itself.

    Raises:
        NotFoundError: Nothing is served, or there is no such file or folder.
        RequestError: The path leads out of the folder.
    """
    if root is None:
        raise NotFoundError("no folder is served; start with `seganypet serve PATH`, or upload the scan")
    top = root.resolve()
    try:
        path = (top / relative).resolve() if relative else top
        outside = path != top and top not in path.parents
        missing = not outside and not path.exists()
    except (OSError, ValueError) as error:  # a null byte, a name that is too long
        reason = getattr(error, "strerror", None) or error  # the error itself names the server's folders
        raise RequestError(f"{relative[:80]!r} is no path ({reason}); choose one of the list") from error
    if outside:
        raise RequestError(f"{relative[:80]!r} lies outside the served folder; choose one of the list")
    if missing:
        raise NotFoundError(f"{relative[:80]!r}: no such file or folder; choose one of the list")
    return path


def listed(root: Path | None, relative: str) -> FolderReply:
    """Return what can be opened in a folder.

    Raises:
        NotFoundError, RequestError: As for `inside`.
    """
    folder = inside(root, relative)
    if folder.is_file():
        return FolderReply(path=relative, folders=[], images=[""], dicom_files=0)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise RequestError(f"{relative!r}: cannot be read ({error.strerror}); choose another") from error
    files = [entry for entry in entries if entry.is_file() and not entry.name.startswith(".")]
    images = [file.name for file in files if is_nifti_name(Path(file.name))]
    others = [Path(file.path) for file in files if file.name not in images][:_LOOKED_INTO]
    return FolderReply(
        path=relative,
        folders=[entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")],
        images=images,
        dicom_files=sum(map(looks_like_dicom, others)),
    )


def series_in(path: Path) -> list[SeriesReply]:
    """Return the DICOM series in a folder, PET first.

    Raises:
        ImageReadError: There are none, or a file is damaged.
    """
    return [
        SeriesReply(
            uid=info.uid,
            modality=info.modality,
            description=info.description,
            date=info.date,
            files=info.number_of_files,
        )
        for info in list_series(path)
    ]

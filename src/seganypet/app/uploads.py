"""Uploads: files are written under names of ours, and become a scan when all have come."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from seganypet.app.problems import NotFoundError, TooLargeError
from seganypet.errors import OutputError, UsageError
from seganypet.io.nifti import NIFTI_SUFFIXES

_UNFINISHED: Final = ".part"
_DICOM_SUFFIXES: Final = (".dcm", ".dicom", ".ima")


class Uploads:
    """The uploads of a work folder, each a folder of its own.

    Args:
        folder: Where they lie.
        most_bytes: All files of an upload together.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        for left_over in folder.glob(f"*{_UNFINISHED}"):  # of a server that was killed
            shutil.rmtree(left_over, ignore_errors=True)

    def begin(self) -> str:
        """Return the id of a new upload."""
        upload_id = secrets.token_hex(8)
        self._unfinished(upload_id).mkdir()
        return upload_id

    async def add(self, upload_id: str, number: int, name: str, content: AsyncIterator[bytes]) -> None:
        """Write a file of an upload.

        Args:
            upload_id: Of the upload.
            number: Of the file; a second one of a number replaces the first.
            name: The file's own, of which only the kind is kept.
            content: Its bytes.

        Raises:
            NotFoundError: There is no such upload, or it is finished.
            TooLargeError: The upload would exceed the server's limit; it is given up.
            OutputError: The disk is full.
        """
        folder = self._existing(upload_id)
        path = folder / f"{number:06d}{_suffix(name)}"
        replaced = set(folder.glob(f"{number:06d}*"))
        held = sum(file.stat().st_size for file in folder.iterdir() if file not in replaced)
        try:
            with path.open("wb") as file:
                async for chunk in content:
                    held += len(chunk)
                    if held > self._most_bytes:
                        raise TooLargeError(
                            f"more than {self._most_bytes >> 20} MiB; put the scan into the served folder instead, or "
                            "start the server with a larger --max-upload-mb"
                        )
                    file.write(chunk)
        except TooLargeError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except BaseException as error:  # who sends may break off, too
            path.unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            raise OutputError(
                f"upload cannot be written ({error.strerror}); free space on the server"
            ) from error
        for other in replaced - {path}:
            other.unlink(missing_ok=True)

    def finish(self, upload_id: str) -> Path:
        """Return where the files lie now: the one file, or the folder.

        Raises:
            NotFoundError: There is no such upload.
            UsageError: Nothing was uploaded, or several NIfTI files.
        """
        folder = self._existing(upload_id)
        files = sorted(folder.iterdir())
        if not files:
            raise UsageError("nothing was uploaded; choose a NIfTI file or the files of a DICOM series")
        nifti = [file for file in files if file.name.endswith(NIFTI_SUFFIXES)]
        if len(nifti) > 1:
            raise UsageError(f"{len(nifti)} NIfTI files in one upload; upload one scan at a time")
        done = folder.with_suffix("")
        folder.rename(done)
        return done / nifti[0].name if nifti else done

    def give_up(self, upload_id: str) -> None:
        """Remove what was uploaded."""
        shutil.rmtree(self._existing(upload_id), ignore_errors=True)

    def reopen(self, upload_id: str) -> None:
        """Take back `finish`, so that the upload can be finished otherwise, or given up."""
        (self._folder / upload_id).rename(self._unfinished(upload_id))

    def folder_of(self, upload_id: str) -> Path:
        """Return the folder of an upload in progress, to be looked into.

        Raises:
            NotFoundError: There is no such upload.
        """
        return self._existing(upload_id)

    def _unfinished(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}{_UNFINISHED}"

    def _existing(self, upload_id: str) -> Path:
        if not re.fullmatch("[0-9a-f]{16}", upload_id) or not self._unfinished(upload_id).is_dir():
            raise NotFoundError(f"no upload {upload_id!r} in progress; begin a new one")
        return self._unfinished(upload_id)


def _suffix(name: str) -> str:
    """Return what a file of ours is called after a name: its kind, or nothing where the name does not tell."""
    kinds = {suffix: suffix for suffix in reversed(NIFTI_SUFFIXES)} | dict.fromkeys(_DICOM_SUFFIXES, ".dcm")
    return next((kind for suffix, kind in kinds.items() if name.lower().endswith(suffix)), "")

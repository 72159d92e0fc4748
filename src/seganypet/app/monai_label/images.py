"""Images: scans under the names that clients know them by, on the grids that they count voxels on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from fastapi import Query, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from seganypet.app.exports import file_stem
from seganypet.app.monai_label.forms import base_name, chunks, file_reply
from seganypet.app.open_scans import OpenScan
from seganypet.app.problems import NotFoundError, RequestError
from seganypet.app.services import Services
from seganypet.app.store import StoredScan
from seganypet.errors import PromptError, SegAnyPETError
from seganypet.io.dicom_series import choose_pet, list_series
from seganypet.io.nifti import is_nifti_name
from seganypet.io.write import nifti_bytes
from seganypet.preprocessing.orientation import Orientation, canonical_orientation
from seganypet.volume import BoolArray, Mask

# Ends the id of a scan whose last axis is reversed.
_REVERSED: Final = "-right-handed"
_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)+")
# Formats that Slicer can be told to send, and others that are no image at all.
_NOT_READ: Final = (".nrrd", ".nhdr", ".mha", ".mhd", ".zip", ".gz", ".tar", ".json", ".bin")

Voxel = tuple[float, float, float]
Name = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, eq=False)
class SeenImage:
    """A scan as a client sees it.

    Attributes:
        scan: In memory.
        orientation: From the grid that the client counts voxels on to the scan's.
    """

    scan: OpenScan
    orientation: Orientation

    @property
    def id(self) -> str:
        """Of the scan; a grid with its last axis reversed has an id of its own."""
        own = self.orientation is self.scan.orientation
        return self.scan.stored.id if own else f"{self.scan.stored.id}{_REVERSED}"

    def voxels(self, points: Sequence[Voxel], side: str) -> list[Voxel]:
        """Return a client's voxel coordinates as the scan's.

        Args:
            points: ijk.
            side: What they are called in messages.

        Raises:
            PromptError: One lies outside.
        """
        shape = self.orientation.native_shape
        for point in points:
            if not all(-0.5 <= c <= n - 0.5 for c, n in zip(point, shape, strict=True)):
                raise PromptError(f"{side} click at voxel {point} is outside the image of shape {shape}")
        if not points:
            return []
        return [(float(i), float(j), float(k)) for i, j, k in self.orientation.apply_ijk(points)]

    def mask(self, mask: BoolArray) -> Mask:
        """Return a mask of the scan on the client's grid."""
        own = np.ascontiguousarray(self.orientation.invert(mask))
        return Mask(own, self.orientation.native_affine, source=self.scan.source)

    def nifti(self) -> bytes:
        """Return the image in SUVbw on the client's grid as an uncompressed NIfTI file, float32."""
        return nifti_bytes(self.orientation.invert(self.scan.volume.array), self.orientation.native_affine)


def stored_image(served: Services, name: str) -> StoredScan:
    """Return what is stored of the image that a client means.

    Args:
        served: The server's parts.
        name: Id of a scan, SeriesInstanceUID, or the name that an image was sent under, as Slicer has it; an image sent
            later under the same name takes its place.

    Raises:
        NotFoundError: There is none.
    """
    scans = served.store.scans()[::-1]
    plain = name.removesuffix(_REVERSED)
    by_id = [scan for scan in scans if scan.id == plain]
    if by_id:
        return by_id[0]
    if _UID.fullmatch(name):
        for scan in scans:
            if _series_uid(scan) == name:
                return scan
    for scan in scans:
        if scan.name == name and _is_sent(served, scan):
            return scan
    raise NotFoundError(f"no image {name[:80]!r}; send it, or open it on the page first")


def seen_image(served: Services, name: str) -> SeenImage:
    """Return the image that a client means, read from its files if it is not in memory.

    Raises:
        NotFoundError: There is none.
        SegAnyPETError: As for `read_volume`.
    """
    scan = served.scans.get(stored_image(served, name))
    reverse = name.endswith(_REVERSED) and not is_right_handed(scan.orientation)
    return SeenImage(scan, reversed_last(scan.orientation) if reverse else scan.orientation)


def handed_out(scan: OpenScan) -> SeenImage:
    """Return a scan as it is handed out to clients that make images right-handed: as one that is so already."""
    own = scan.orientation
    return SeenImage(scan, own if is_right_handed(own) else reversed_last(own))


def is_right_handed(orientation: Orientation) -> bool:
    """Return whether the native axes are."""
    return bool(np.linalg.det(orientation.native_affine[:3, :3]) > 0)


def reversed_last(orientation: Orientation) -> Orientation:
    """Return an orientation from the native grid with its last axis reversed to the same reoriented grid."""
    turned = np.eye(4)
    turned[2, 2:] = -1, orientation.native_shape[2] - 1
    return canonical_orientation(orientation.native_affine @ turned, orientation.native_shape)


def image_info(scan: StoredScan, image_id: str) -> dict[str, Any]:
    """Return what clients are told of an image; where it lies is nobody's business.

    Args:
        scan: What is stored of it.
        image_id: Under which it is handed out: Slicer keeps files by name, so this makes the name unique.
    """
    stem = file_stem(re.sub(r"[.]nii([.]gz)?$", "", scan.name))
    return {"name": f"{stem}-{image_id}.nii", "ts": int(scan.added_at)}


async def sent_scan(served: Services, files: Sequence[UploadFile], name: str) -> OpenScan:
    """Return files that were sent as a new scan, known from now on.

    Args:
        served: The server's parts.
        files: A NIfTI file, or those of a DICOM series.
        name: What readers see, and clients may call it.

    Raises:
        RequestError: A format that is not read.
        TooLargeError, UsageError: As for `Uploads`.
        SegAnyPETError: As for `read_volume`; then nothing stays of it.
    """
    upload_id = await _uploaded(served, files)
    try:
        path = served.uploads.finish(upload_id)
        try:
            return await run_in_threadpool(served.new_scan, path, None, name)
        except SegAnyPETError:
            served.uploads.reopen(upload_id)
            raise
    except SegAnyPETError:
        served.uploads.give_up(upload_id)
        raise


async def sent_once(served: Services, file: UploadFile) -> StoredScan:
    """Return a file that was sent for one request; `dropped` removes it again.

    Raises:
        RequestError, TooLargeError, UsageError: As for `sent_scan`.
    """
    upload_id = await _uploaded(served, [file])
    path = served.uploads.finish(upload_id)
    return StoredScan(
        id=upload_id, name="sent image", path=path, series_uid=None, second_path=None, added_at=time.time()
    )


@contextmanager
def dropped(served: Services, stored: StoredScan) -> Iterator[None]:
    """Remove an image that was sent when the block ends, from memory and disk."""
    try:
        yield
    finally:
        served.scans.forget(stored.id)
        _remove_files(served, stored)


def image_reply(image: SeenImage) -> Response:
    """Return an image as a file."""
    return file_reply(image.nifti(), image_info(image.scan.stored, image.id)["name"])


def forget_sent(served: Services, scan_id: str) -> None:
    """Forget a scan that was sent, with its files, unless somebody reads it or it is of the served folder."""
    stored = served.store.scan(scan_id)
    if stored is None or not _is_sent(served, stored):
        return
    served.store.remove_scan(scan_id)
    if served.store.scan(scan_id) is None:
        served.scans.forget(scan_id)
        _remove_files(served, stored)


def _is_sent(served: Services, stored: StoredScan) -> bool:
    return served.store.uploads in stored.path.parents


def _remove_files(served: Services, stored: StoredScan) -> None:
    """Remove the files of a scan that was sent."""
    upload_id = stored.path.relative_to(served.store.uploads).parts[0]
    served.uploads.reopen(upload_id)
    served.uploads.give_up(upload_id)


async def _uploaded(served: Services, files: Sequence[UploadFile]) -> str:
    """Return the id of an upload that holds all files."""
    for file in files:
        name = (file.filename or "").lower()
        if name.endswith(_NOT_READ) and not is_nifti_name(Path(name)):
            raise RequestError(
                f"{base_name(file)!r}: images are read from .nii.gz, .nii and DICOM; in Slicer choose .nii.gz as "
                "the file extension of MONAI Label"
            )
    upload_id = served.uploads.begin()
    try:
        for number, file in enumerate(files):
            await served.uploads.add(upload_id, number, file.filename or "", chunks(file))
    except SegAnyPETError:
        with suppress(NotFoundError):  # what grew too large is given up already
            served.uploads.give_up(upload_id)
        raise
    return upload_id


def _series_uid(scan: StoredScan) -> str | None:
    """Return the SeriesInstanceUID of a scan from DICOM."""
    if scan.series_uid is not None or is_nifti_name(scan.path):
        return scan.series_uid
    try:
        return _uid_below(scan.path, scan.path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=256)
def _uid_below(path: Path, changed_ns: int) -> str | None:
    """Return the UID of the series that is read from a path, as it was at a time."""
    try:
        return choose_pet(path, list_series(path), None).uid
    except SegAnyPETError:
        return None

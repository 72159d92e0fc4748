"""Scans on a server: opened there or uploaded, and how their voxels are counted."""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np

from seganypet.client.connection import Connection
from seganypet.client.errors import ServerError
from seganypet.errors import SegAnyPETError
from seganypet.preprocessing.orientation import Orientation, canonical_orientation
from seganypet.volume import FloatArray, Volume

_LONGEST_NAME: Final = 80
_SAME_MM: Final = 1e-3
# Bytes before the voxels of the NIfTI-1 file that the server sends.
_HEADER_BYTES: Final = 352


@dataclass(frozen=True, eq=False)
class RemoteScan:
    """A scan that a server knows.

    Attributes:
        id: The server's.
        orientation: From the file's own grid, on which all is that a session takes and gives, to the server's.
    """

    id: str
    orientation: Orientation

    @classmethod
    def of(cls, reply: Mapping[str, Any], address: str) -> RemoteScan:
        """Return the scan that a server describes.

        Raises:
            ServerError: It turns scans otherwise than this client.
        """
        try:
            i, j, k = reply["own_shape"]
            orientation = canonical_orientation(reply["own_affine"], (i, j, k))
            same = list(orientation.shape) == reply["shape"]
            same = same and np.allclose(orientation.affine, reply["affine"], rtol=0, atol=_SAME_MM)
        except (KeyError, TypeError, ValueError):
            same = False
        if not same:
            raise ServerError(
                f"{address}: counts voxels otherwise than this client; bring both to the same version"
            )
        return cls(reply["id"], orientation)


def open_scan(connection: Connection, path: str, series_uid: str | None) -> RemoteScan:
    """Return a scan of the server's folder.

    Args:
        connection: To the server.
        path: Below the folder that it serves, with slashes.
        series_uid: Which DICOM series, where a folder holds several.

    Raises:
        ServerError: There is no such path, or it leads out of the folder.
        SegAnyPETError: As for `read_volume`, which the server calls; as for `Connection.call`.
    """
    body = {"path": path, "series_uid": series_uid}
    return RemoteScan.of(connection.call("POST", "/api/scans", body), connection.address)


def upload(connection: Connection, volume: Volume) -> RemoteScan:
    """Return a volume as a scan of the server; its SUV are sent, not the files that it came from.

    Raises:
        SegAnyPETError: As for `Connection.call`.
    """
    begun = connection.call("POST", "/api/uploads")["id"]
    try:
        connection.call("PUT", f"/api/uploads/{begun}/files/0", content=_as_nifti(volume), name="volume.nii")
        name = (Path(volume.source.path).name.strip() or "volume")[:_LONGEST_NAME]
        reply = connection.call("POST", f"/api/uploads/{begun}/finish", name=name)
    except SegAnyPETError:
        with suppress(SegAnyPETError):
            connection.call("DELETE", f"/api/uploads/{begun}")
        raise
    return RemoteScan.of(reply, connection.address)


def download(connection: Connection, scan: RemoteScan) -> Volume:
    """Return the image of a scan in SUVbw, in the file's own voxel order; errors as for `Connection.call`."""
    content = connection.bytes(f"/api/scans/{scan.id}/image.nii")
    voxels: FloatArray = np.frombuffer(content, dtype="<f4", offset=_HEADER_BYTES)
    turned = voxels.reshape(scan.orientation.shape, order="F")
    return Volume(
        np.ascontiguousarray(scan.orientation.invert(turned), dtype=np.float32),
        scan.orientation.native_affine,
    )


def entropy(reply: Mapping[str, Any] | None, scan: RemoteScan) -> FloatArray:
    """Return what a server tells of its uncertainty, in nats, float32 [I, J, K] in the file's own voxel order."""
    own = np.zeros(scan.orientation.native_shape, dtype=np.float32)
    if reply is None:
        return own
    levels = np.frombuffer(zlib.decompress(b64decode(reply["levels"])), dtype=np.uint8)
    (i, j, k), shape = reply["start"], reply["shape"]
    place, part = scan.orientation.invert_box(levels.reshape(shape), (i, j, k))
    own[place] = part * np.float32(np.log(2) / 255)
    return own


def _as_nifti(volume: Volume) -> bytes:
    """Return a volume as a NIfTI-2 file: unlike NIfTI-1, it keeps the affine to the last bit."""
    new_image: Any = nib.Nifti2Image  # nibabel leaves its methods untyped
    image = new_image(volume.array, volume.affine)
    image.header.set_xyzt_units("mm")
    content: bytes = image.to_bytes()
    return content

"""Labels that clients store: label maps on a scan's own grid, one for each tag, in the work folder."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
from fastapi import Query
from starlette.datastructures import UploadFile

from seganypet.app.monai_label.forms import base_name, save
from seganypet.app.monai_label.images import SeenImage, reversed_last
from seganypet.app.open_scans import OpenScan
from seganypet.app.problems import NotFoundError, RequestError
from seganypet.errors import GeometryError, OutputError, StoreError
from seganypet.io import write_json
from seganypet.io.label_map import read_label_map
from seganypet.io.nifti import NIFTI_SUFFIXES, load_nifti
from seganypet.io.write import write_nifti

FINAL: Final = "final"
"""The tag that makes an image count as labelled."""

_SUFFIX: Final = ".nii.gz"
_SAME_AFFINE_MM: Final = 1e-3  # as `Volume.has_grid_of`

Tag = Annotated[str, Query(pattern="^[A-Za-z0-9_-]{0,64}$")]
LabelMap = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Labels:
    """The labels of a work folder: `labels/<scan id>/<tag>.nii.gz`, and what the client said of it as JSON beside.

    Attributes:
        folder: Of the server's work.
    """

    folder: Path

    def tags(self, scan_id: str) -> list[str]:
        """Return the tags that a scan has labels of, sorted."""
        return sorted(path.name.removesuffix(_SUFFIX) for path in self._of(scan_id).glob(f"[!.]*{_SUFFIX}"))

    def labelled(self) -> set[str]:
        """Return the ids of the scans that have a final label."""
        return {path.parent.name for path in (self.folder / "labels").glob(f"*/{FINAL}{_SUFFIX}")}

    def path(self, scan_id: str, tag: str) -> Path:
        """Return the file of a label.

        Raises:
            NotFoundError: There is none.
        """
        path = self._of(scan_id) / f"{tag}{_SUFFIX}"
        if not path.is_file():
            raise NotFoundError(
                f"no label {tag!r} of image {scan_id!r}; there are {self.tags(scan_id) or 'none'}"
            )
        return path

    def info(self, scan_id: str, tag: str) -> dict[str, Any]:
        """Return what was said of a label.

        Raises:
            NotFoundError: There is no such label.
            StoreError: What is stored of it cannot be read.
        """
        path = _info(self.path(scan_id, tag))
        try:
            info: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read ({error}); store the label anew") from error
        return info

    def write(self, scan: OpenScan, tag: str, label_map: LabelMap, said: Mapping[str, Any]) -> None:
        """Write a label, whole or not at all; an earlier one of this tag is replaced.

        Args:
            scan: That it labels.
            tag: As "final".
            label_map: On the scan's own grid, as the file has it.
            said: By the client, to be stored with it; with the time and the name of the file.

        Raises:
            OutputError: It cannot be written, or what was said has no JSON form.
        """
        path = self._of(scan.stored.id) / f"{tag}{_SUFFIX}"
        info = {**said, "ts": int(time.time()), "name": f"{scan.stored.id}{_SUFFIX}"}
        write_json(info, _info(path))
        write_nifti(label_map, scan.orientation.native_affine, scan.source, path, "labels")

    def remove(self, scan_id: str, tag: str) -> None:
        """Remove a label.

        Raises:
            NotFoundError: There is none.
            OutputError: It cannot be removed.
        """
        path = self.path(scan_id, tag)
        try:
            path.unlink()
            _info(path).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{path}: cannot be removed ({error.strerror}); remove it by hand") from error

    def _of(self, scan_id: str) -> Path:
        return self.folder / "labels" / scan_id


def label_map_of(file: UploadFile, image: SeenImage) -> LabelMap:
    """Return a label map that was sent with an image, on the scan's own grid.

    Args:
        file: NIfTI on the image's grid or on this with its last axis reversed (see `images`); or, ending in .bin as
            OHIF sends it, the voxels alone on the image's grid, 8 or 16 bits each, first axis fastest.
        image: That it lies on.

    Raises:
        RequestError: Another format, or another number of voxels.
        GeometryError: Another grid.
        ImageReadError, ImageValueError: As for `read_label_map`.
    """
    name = (file.filename or "").lower()
    if name.endswith(".bin"):
        return _own(image, _from_voxels(file.file.read(), image))
    suffix = next((suffix for suffix in reversed(NIFTI_SUFFIXES) if name.endswith(suffix)), None)
    if suffix is None:
        raise RequestError(
            f"{base_name(file)!r}: labels are read from .nii.gz and .nii; choose this extension in the client"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"label{suffix}")
        save(file, path)
        label_map, affine = read_label_map(path), load_nifti(path).affine
    own = image.scan.orientation
    for orientation in (own, reversed_last(own)):
        same_shape = label_map.shape == orientation.native_shape
        if same_shape and np.allclose(affine, orientation.native_affine, atol=_SAME_AFFINE_MM):
            return _own(SeenImage(image.scan, orientation), label_map)
    raise GeometryError(
        f"the label of shape {label_map.shape} is not on the image's grid of shape {own.native_shape}; export it with "
        "the image as its reference"
    )


def _from_voxels(content: bytes, image: SeenImage) -> LabelMap:
    shape = image.orientation.native_shape
    voxels = shape[0] * shape[1] * shape[2]
    if len(content) not in (voxels, 2 * voxels):
        raise RequestError(
            f"{len(content)} bytes; {shape} voxels of 8 or 16 bits have {voxels} or {2 * voxels}"
        )
    kind = np.dtype(np.uint8) if len(content) == voxels else np.dtype("<u2")
    values: npt.NDArray[Any] = np.frombuffer(content, dtype=kind)
    return values.reshape(shape, order="F")


def _own(image: SeenImage, label_map: LabelMap) -> LabelMap:
    """Return a label map of a client's grid on the scan's own."""
    scan = image.scan.orientation
    return np.ascontiguousarray(scan.invert(image.orientation.apply(label_map)))


def _info(label: Path) -> Path:
    """Return the file beside a label's, of what was said of it."""
    return label.with_name(f"{label.name.removesuffix(_SUFFIX)}.json")

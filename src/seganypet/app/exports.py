"""A reading as files, on the scan's own grid."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seganypet.analysis.figure import save_figure
from seganypet.app.history import CLEAR, CLICK, click_of, since_last_edit
from seganypet.app.open_scans import OpenScan
from seganypet.app.reading import Reading
from seganypet.app.wire import TableRow
from seganypet.errors import UsageError
from seganypet.io import write_json, write_mask
from seganypet.io.dicom_seg import write_seg
from seganypet.io.prompt_files import prompts_of
from seganypet.io.write import atomic_path, write_nifti
from seganypet.prompts import Click
from seganypet.volume import Mask


def write_labels(reading: Reading, scan: OpenScan, path: Path) -> None:
    """Write all objects as a NIfTI label map, int16: their numbers as in the table; where they overlap, the later one.

    Raises:
        UsageError: There are no objects.
        OutputError: As for `write_nifti`.
    """
    if not reading.objects:
        raise UsageError("nothing to export: the reading has no objects yet")
    labels = np.zeros(reading.shape, dtype=np.int16)
    for object_id in reading.objects:
        labels[reading.array(object_id)] = object_id
    own = np.ascontiguousarray(scan.orientation.invert(labels))
    write_nifti(own, scan.orientation.native_affine, scan.source, path, "labels")


def write_object(reading: Reading, scan: OpenScan, object_id: int, path: Path) -> None:
    """Write one object as a NIfTI mask; see `write_mask`."""
    write_mask(scan.native(reading.array(object_id)), path)


def write_segmentation(reading: Reading, scan: OpenScan, path: Path) -> None:
    """Write all objects that are not empty as a DICOM SEG; see `write_seg`.

    Raises:
        UsageError: All are empty.
        OutputError: The scan is no DICOM series.
    """
    masks: dict[str, Mask] = {}
    for described in reading.objects.values():
        if reading.mask(described.id).any():
            name = described.name if described.name not in masks else f"{described.name} ({described.id})"
            masks[name] = scan.native(reading.array(described.id))
    if not masks:
        raise UsageError("nothing to export: all objects are empty")
    import seganypet

    write_seg(masks, path, version=seganypet.__version__)


def write_clicks(reading: Reading, scan: OpenScan, path: Path) -> None:
    """Write the clicks of the objects that were made by clicks alone, as a prompt file for `segment --prompts`."""
    objects = {}
    for described in reading.objects.values():
        edit, prompts = since_last_edit(reading.actions, described.id)
        clicks = [click_of(action) for action in prompts if action.kind == CLICK]
        painted = edit is not None and edit.kind != CLEAR
        if painted or len(clicks) < len(prompts):
            continue  # painted, or begun with a box: clicks alone do not lead to its mask
        own = scan.orientation.invert_ijk([click.ijk for click in clicks] or np.zeros((0, 3)))
        placed = zip(own, clicks, strict=True)
        objects[described.id] = (
            described.name,
            [Click((float(i), float(j), float(k)), click.positive) for (i, j, k), click in placed],
        )
    grid = scan.orientation
    write_json(prompts_of(objects, scan.source.path, grid.native_shape, grid.native_affine), path)


def write_table(rows: Sequence[TableRow], path: Path) -> None:
    """Write the table as CSV, with units in the heading."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["object", "name", "volume_ml", "suv_max", "suv_mean", "suv_peak", "tlg_g"])
        for row in rows:
            values = (row.volume_ml, row.suv_max, row.suv_mean, row.suv_peak, row.tlg)
            writer.writerow(
                [row.object_id, _harmless(row.name), *("" if v is None else f"{v:.6g}" for v in values)]
            )


def write_figure(reading: Reading, scan: OpenScan, path: Path) -> None:
    """Write a picture of the scan with all objects that are not empty; see `save_figure`.

    Raises:
        UsageError: All are empty.
    """
    masks: dict[str, Mask] = {}
    clicks: list[Click] = []
    for described in reading.objects.values():
        if reading.mask(described.id).any():
            masks[f"{described.id} {described.name}"] = scan.volume.like(reading.array(described.id))
            clicks += described.clicks
    if not masks:
        raise UsageError("nothing to draw: all objects are empty")
    save_figure(scan.volume, masks, clicks, path, title=scan.stored.name)


def file_stem(name: str) -> str:
    """Return an object's name as one that every file system takes."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._") or "object"


def _harmless(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name

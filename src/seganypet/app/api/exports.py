"""What leaves a reading: table, masks, clicks, figure."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi import Path as InPath
from pydantic import FiniteFloat

from seganypet.app import exports
from seganypet.app.api.readings import ObjectId
from seganypet.app.edits import described, require_assisted
from seganypet.app.services import Served
from seganypet.app.study_log import reading_log
from seganypet.app.table import table_of
from seganypet.app.wire import BitsReply, Id, TableRow, UncertaintyReply
from seganypet.io import write_json
from seganypet.io.study_log import study_log

router = APIRouter(prefix="/api/readings/{reading_id}", tags=["exports"])

Degrees = Annotated[FiniteFloat, InPath(ge=-360, le=360)]


@router.get("/table")
def table(reading_id: Id, served: Served) -> list[TableRow]:
    """Return volume, SUVmax, SUVmean, SUVpeak and TLG of each object."""
    with served.reading_on_scan(reading_id) as (reading, scan):
        return table_of(reading, scan)


@router.get("/objects/{object_id}/mask")
def mask(reading_id: Id, object_id: ObjectId, served: Served) -> BitsReply | None:
    """Return an object's mask, the box that holds it; null where it is empty."""
    with served.reading(reading_id) as reading:
        described(reading, object_id)
        return BitsReply.of(reading.mask(object_id).box())


@router.get("/objects/{object_id}/uncertainty")
def uncertainty(reading_id: Id, object_id: ObjectId, served: Served) -> UncertaintyReply | None:
    """Return how unsure the model is of each voxel of an object's surroundings; null where it is sure everywhere."""
    with served.reading_on_scan(reading_id) as (reading, scan):
        described(reading, object_id)
        require_assisted(reading)
        with scan.lock:
            entropy = scan.assistant(served.model).uncertainty(reading, object_id)
        return UncertaintyReply.of(entropy)


@router.get("/mips/{degrees}", response_class=Response)
def shadows(
    reading_id: Id, degrees: Degrees, served: Served, hidden: Annotated[str, Query(max_length=4096)] = ""
) -> Response:
    """Return which object each pixel of a projection sees, uint8 row by row: its place in the list from 1, or 0.

    Of several the last; objects named in `hidden`, ids with commas between them, are left out.
    """
    left_out = {int(number) for number in re.findall(r"\d{1,9}", hidden)}
    with served.reading_on_scan(reading_id) as (reading, scan):
        seen = np.zeros(scan.projection.shape, dtype=np.uint8)
        for place, object_id in enumerate(list(reading.objects)[:255], start=1):
            box = reading.mask(object_id).box()
            if box is not None and object_id not in left_out:
                voxels = np.argwhere(box.flipped) + box.start
                seen[scan.projection.shadow(degrees, voxels)] = place
    return Response(seen.tobytes(), media_type="application/octet-stream")


@router.get("/labels.nii.gz", response_class=Response)
def labels(reading_id: Id, served: Served) -> Response:
    """Return all objects as one NIfTI label map on the file's own grid: the table's numbers, later ones on top."""
    with served.reading_on_scan(reading_id) as (reading, scan):
        return _file("labels.nii.gz", lambda path: exports.write_labels(reading, scan, path))


@router.get("/objects/{object_id}/mask.nii.gz", response_class=Response)
def mask_file(reading_id: Id, object_id: ObjectId, served: Served) -> Response:
    """Return one object as a NIfTI mask on the file's own grid."""
    with served.reading_on_scan(reading_id) as (reading, scan):
        name = f"{exports.file_stem(described(reading, object_id).name)}.nii.gz"
        return _file(name, lambda path: exports.write_object(reading, scan, object_id, path))


@router.get("/segmentation.dcm", response_class=Response)
def segmentation(reading_id: Id, served: Served) -> Response:
    """Return all objects as a DICOM SEG that refers to the scan's series, a segment each."""
    with served.reading_on_scan(reading_id) as (reading, scan):
        return _file("segmentation.dcm", lambda path: exports.write_segmentation(reading, scan, path))


@router.get("/clicks.json", response_class=Response)
def clicks(reading_id: Id, served: Served) -> Response:
    """Return the clicks of objects made by clicks alone as a prompt file, in voxels of the file's own grid."""
    with served.reading_on_scan(reading_id) as (reading, scan):
        return _file("clicks.json", lambda path: exports.write_clicks(reading, scan, path))


@router.get("/table.csv", response_class=Response)
def table_file(reading_id: Id, served: Served) -> Response:
    """Return the table as CSV."""
    with served.reading_on_scan(reading_id) as (reading, scan):
        return _file("table.csv", lambda path: exports.write_table(table_of(reading, scan), path))


@router.get("/figure.png", response_class=Response)
def figure(reading_id: Id, served: Served) -> Response:
    """Return a picture of the scan with all objects outlined."""
    with served.reading_on_scan(reading_id) as (reading, scan):
        return _file("figure.png", lambda path: exports.write_figure(reading, scan, path))


@router.get("/log.json", response_class=Response)
def log(reading_id: Id, served: Served) -> Response:
    """Return all that was done in a reading, timed, and its masks: a study log, which `seganypet study` compares."""
    with served.reading(reading_id) as reading:
        found = study_log([reading_log(served.store, reading)])
    return _file("log.json", lambda path: write_json(found, path))


_TYPES = {
    ".csv": "text/csv",
    ".dcm": "application/dicom",
    ".gz": "application/gzip",
    ".json": "application/json",
    ".png": "image/png",
}


def _file(name: str, write: Callable[[Path], None]) -> Response:
    """Return a file that is written by one of our writers, to be saved under a name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        write(path)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers=headers)

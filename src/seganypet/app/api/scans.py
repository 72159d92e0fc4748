"""Scans: which there are, their images and projections."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Path, Query, Response
from pydantic import FiniteFloat

from seganypet.app import browsing
from seganypet.app.open_scans import OpenScan
from seganypet.app.second_image import on_grid_of
from seganypet.app.services import Served
from seganypet.app.wire import (
    FolderReply,
    Id,
    MipsReply,
    PartReply,
    PixelReply,
    ReadingEntry,
    ScanEntry,
    ScanReply,
    ScanRequest,
    SecondRequest,
    SeriesReply,
)
from seganypet.io.write import json_text, nifti_bytes

router = APIRouter(prefix="/api", tags=["scans"])

Degrees = Annotated[FiniteFloat, Path(ge=-360, le=360)]
_BINARY = "application/octet-stream"
_SUV_LEVELS = 65535


@router.get("/scans")
def list_scans(served: Served) -> list[ScanEntry]:
    """Return all scans, with their readings."""
    in_memory = served.scans.ids()
    readings = served.store.readings()
    return [
        ScanEntry(
            id=scan.id,
            name=scan.name,
            added_at=scan.added_at,
            in_memory=scan.id in in_memory,
            readings=[
                ReadingEntry(id=r.id, reader=r.reader, assisted=r.assisted, begun_at=r.begun_at)
                for r in readings
                if r.scan_id == scan.id
            ],
        )
        for scan in served.store.scans()
    ]


@router.post("/scans", status_code=HTTPStatus.CREATED)
def add_scan(wanted: ScanRequest, served: Served) -> ScanReply:
    """Add a scan of the served folder, and read it."""
    path = browsing.inside(served.settings.root, wanted.path)
    return described(served.new_scan(path, wanted.series_uid))


@router.get("/folder")
def list_folder(served: Served, path: Annotated[str, Query(max_length=4096)] = "") -> FolderReply:
    """Return what can be opened in a folder below the served one."""
    return browsing.listed(served.settings.root, path)


@router.get("/series")
def list_series(served: Served, path: Annotated[str, Query(max_length=4096)]) -> list[SeriesReply]:
    """Return the DICOM series in a folder below the served one, PET first."""
    return browsing.series_in(browsing.inside(served.settings.root, path))


@router.get("/scans/{scan_id}")
def open_scan(scan_id: Id, served: Served) -> ScanReply:
    """Return a scan, read from its files if it is not in memory."""
    return described(served.scan(scan_id))


@router.get("/scans/{scan_id}/image.nii", response_class=Response)
def image(scan_id: Id, served: Served, part: Literal["all", "shown"] = "all") -> Response:
    """Return the image in SUVbw: NIfTI, float32, axes nearest to right, anterior and superior; or the shown part."""
    scan = served.scan(scan_id)
    volume = scan.volume
    start, shape = scan.shown if part == "shown" else ((0, 0, 0), volume.shape)
    i, j, k = (slice(first, first + n) for first, n in zip(start, shape, strict=True))
    affine = volume.affine.copy()
    affine[:3, 3] = volume.to_xyz_mm(start)
    return Response(nifti_bytes(volume.array[i, j, k], affine), media_type=_BINARY)


@router.put("/scans/{scan_id}/second")
def set_second(scan_id: Id, wanted: SecondRequest, served: Served) -> ScanReply:
    """Show a CT or MR of the served folder with a scan, or none."""
    served.stored_scan(scan_id)
    path = None if wanted.path is None else browsing.inside(served.settings.root, wanted.path)
    return described(served.with_second(scan_id, path))


@router.get("/scans/{scan_id}/second.nii", response_class=Response)
def second(
    scan_id: Id,
    served: Served,
    part: Literal["all", "shown"] = "all",
    finer: Annotated[int, Query(ge=1, le=3)] = 1,
) -> Response:
    """Return the CT or MR on the scan's grid, or one that is finer: NIfTI, int16; times X-Step it is its value."""
    scan = served.scan(scan_id)
    image = scan.anatomy()
    start, shape = scan.shown if part == "shown" else ((0, 0, 0), scan.volume.shape)
    values, affine, step = on_grid_of(scan, image, start, shape, finer)
    headers = {"X-Step": f"{step:.9g}", "X-Modality": image.modality}
    return Response(nifti_bytes(values, affine), media_type=_BINARY, headers=headers)


@router.get("/scans/{scan_id}/mips/{degrees}", response_class=Response)
def projection(scan_id: Id, degrees: Degrees, served: Served) -> Response:
    """Return a projection: uint16, little-endian, row by row; times X-SUV-Step it is SUV."""
    scan = served.scan(scan_id)
    with scan.lock:
        suv = scan.projection.frame(degrees)
    step = max(float(suv.max()), 1e-6) / _SUV_LEVELS
    levels = np.clip(np.rint(suv / step), 0, _SUV_LEVELS).astype("<u2")
    headers = {"X-SUV-Step": f"{step:.9g}", "Cache-Control": "private, max-age=3600"}
    return Response(levels.tobytes(), media_type=_BINARY, headers=headers)


@router.get("/scans/{scan_id}/mips/{degrees}/voxel")
def pixel(
    scan_id: Id,
    degrees: Degrees,
    row: Annotated[int, Query(ge=0, le=1 << 16)],
    column: Annotated[int, Query(ge=0, le=1 << 16)],
    served: Served,
) -> PixelReply:
    """Return the voxel that a pixel of a projection shows."""
    scan = served.scan(scan_id)
    with scan.lock:
        ijk = scan.projection.voxel_at(degrees, row, column)
    return PixelReply(ijk=ijk, xyz_mm=scan.volume.to_xyz_mm(ijk), suv=float(scan.volume.array[ijk]))


def described(scan: OpenScan) -> ScanReply:
    """Return a scan for the wire."""
    volume = scan.volume
    with scan.lock:
        rows, columns = scan.projection.shape
        start, shape = scan.shown
    return ScanReply(
        id=scan.stored.id,
        name=scan.stored.name,
        shape=volume.shape,
        affine=volume.affine.tolist(),
        own_shape=scan.orientation.native_shape,
        own_affine=scan.orientation.native_affine.tolist(),
        spacing_mm=volume.spacing_mm,
        suv_max=float(volume.array.max()),
        notes=list(scan.notes),
        dicom=scan.source.kind == "dicom",
        suv=_suv_record(scan),
        mips=MipsReply(rows=rows, columns=columns, pixel_mm=scan.projection.pixel_mm),
        shown=PartReply(start=start, shape=shape),
        second=scan.stored.second_path.name if scan.stored.second_path else None,
    )


def _suv_record(scan: OpenScan) -> dict[str, Any]:
    """Return how SUV was computed, without what would name the patient."""
    record: dict[str, Any] = json.loads(json_text(dict(scan.source.record)))
    return record

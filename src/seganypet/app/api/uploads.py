"""Uploads: begin, send files one by one, finish."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from seganypet.app import browsing
from seganypet.app.api.scans import described
from seganypet.app.services import Served
from seganypet.app.wire import Id, Name, ScanReply, SeriesReply, SeriesUid, UploadReply
from seganypet.errors import SegAnyPETError

router = APIRouter(prefix="/api", tags=["uploads"])


@router.post("/uploads", status_code=HTTPStatus.CREATED)
def begin(served: Served) -> UploadReply:
    """Begin an upload."""
    return UploadReply(id=served.uploads.begin())


@router.put("/uploads/{upload_id}/files/{number}", status_code=HTTPStatus.NO_CONTENT)
async def add_file(
    upload_id: Id,
    number: Annotated[int, Path(ge=0, le=99999)],
    name: Annotated[str, Query(max_length=1024)],
    request: Request,
    served: Served,
) -> None:
    """Send one file, its bytes as the body."""
    await served.uploads.add(upload_id, number, name, request.stream())


@router.get("/uploads/{upload_id}/series")
def list_series(upload_id: Id, served: Served) -> list[SeriesReply]:
    """Return the DICOM series of an upload in progress, PET first."""
    return browsing.series_in(served.uploads.folder_of(upload_id))


@router.post("/uploads/{upload_id}/finish", status_code=HTTPStatus.CREATED)
def finish(upload_id: Id, name: Name, served: Served, series_uid: SeriesUid | None = None) -> ScanReply:
    """Make a scan of what was uploaded, and read it; where that fails, the upload can be finished otherwise."""
    path = served.uploads.finish(upload_id)
    try:
        return described(served.new_scan(path, series_uid, name))
    except SegAnyPETError as error:
        served.uploads.reopen(upload_id)
        raise type(error)(str(error).replace(str(path), name)) from error


@router.post("/uploads/{upload_id}/second/{scan_id}")
def finish_second(upload_id: Id, scan_id: Id, served: Served) -> ScanReply:
    """Show what was uploaded, a CT or MR, with a scan; where that fails, the upload can be finished otherwise."""
    served.stored_scan(scan_id)
    path = served.uploads.finish(upload_id)
    try:
        return described(served.with_second(scan_id, path))
    except SegAnyPETError as error:
        served.uploads.reopen(upload_id)
        raise type(error)(str(error).replace(str(path), "the upload")) from error


@router.delete("/uploads/{upload_id}", status_code=HTTPStatus.NO_CONTENT)
def give_up(upload_id: Id, served: Served) -> None:
    """Give an upload up."""
    served.uploads.give_up(upload_id)

"""Scans from a DICOMweb server."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from seganypet.app.api.scans import described
from seganypet.app.problems import NotFoundError
from seganypet.app.services import Served
from seganypet.app.wire import RemoteSeriesReply, RemoteSeriesRequest, ScanReply
from seganypet.errors import SegAnyPETError
from seganypet.io.dicomweb import DicomWeb

router = APIRouter(prefix="/api/dicomweb", tags=["dicomweb"])


@router.get("/series")
def list_series(
    served: Served,
    modality: Literal["PT", "CT", "MR"] = "PT",
    patient: Annotated[str, Query(max_length=64)] = "",
) -> list[RemoteSeriesReply]:
    """Return the series that the DICOMweb server has."""
    return [RemoteSeriesReply(**asdict(found)) for found in _server(served).series(modality, patient)]


@router.post("/scans", status_code=HTTPStatus.CREATED)
def fetch(wanted: RemoteSeriesRequest, served: Served) -> ScanReply:
    """Fetch a series and make a scan of it, or show it with one."""
    server = _server(served)
    if wanted.second_of is not None:
        served.stored_scan(wanted.second_of)
    upload = served.uploads.begin()
    try:
        server.fetch(wanted.study_uid, wanted.series_uid, served.uploads.folder_of(upload))
        path = served.uploads.finish(upload)
    except SegAnyPETError:
        served.uploads.give_up(upload)
        raise
    try:
        if wanted.second_of is not None:
            return described(served.with_second(wanted.second_of, path))
        return described(served.new_scan(path, name=wanted.name))
    except SegAnyPETError as error:
        served.uploads.reopen(upload)
        served.uploads.give_up(upload)
        raise type(error)(str(error).replace(str(path), f"series {wanted.series_uid}")) from error


def _server(served: Served) -> DicomWeb:
    if served.settings.dicomweb is None:
        raise NotFoundError("no DICOMweb server is known; start with --dicomweb ADDRESS")
    return DicomWeb(served.settings.dicomweb)

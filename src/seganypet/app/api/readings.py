"""Readings: begin, open, look at, and everything that changes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path

from seganypet.app import edits
from seganypet.app.history import Action
from seganypet.app.open_scans import OpenScan
from seganypet.app.problems import RequestError
from seganypet.app.reading import Reading
from seganypet.app.services import Served
from seganypet.app.wire import (
    BitsReply,
    BoxRequest,
    ClickRequest,
    DescribeRequest,
    EditReply,
    Id,
    LeaseReply,
    LeaseRequest,
    MaskRequest,
    ObjectRequest,
    ReadingReply,
    ReadingRequest,
    StateReply,
    StrokeRequest,
    ThresholdRequest,
)

router = APIRouter(prefix="/api", tags=["readings"])

Lease = Annotated[str | None, Header(alias="X-Lease", description="What POST …/lease gave")]
ObjectId = Annotated[int, Path(ge=1, le=2**31)]
_MOST_VIEW_BYTES = 1 << 16


@router.post("/scans/{scan_id}/readings", status_code=HTTPStatus.CREATED)
def begin(scan_id: Id, wanted: ReadingRequest, served: Served) -> ReadingReply:
    """Begin a reader's reading of a scan, or go on with the one that was begun."""
    scan = served.scan(scan_id)
    assisted = wanted.assisted and served.settings.assisted
    stored = served.store.begin_reading(scan_id, wanted.reader, assisted=assisted, shape=scan.volume.shape)
    return look(stored.id, served)


@router.get("/readings/{reading_id}")
def look(reading_id: Id, served: Served) -> ReadingReply:
    """Return a reading with all its masks."""
    stored = served.store.reading(reading_id)
    with served.reading(reading_id) as reading:
        masks = {number: BitsReply.of(reading.mask(number).box()) for number in reading.objects}
        return ReadingReply(
            **StateReply.of(reading).model_dump(),
            masks={number: bits for number, bits in masks.items() if bits is not None},
            view=dict(stored.view) if stored else {},
        )


@router.post("/readings/{reading_id}/lease")
def take_lease(reading_id: Id, wanted: LeaseRequest, served: Served) -> LeaseReply:
    """Take or renew the right to change a reading."""
    with served.reading(reading_id):
        lease = served.leases.take(reading_id, wanted.lease, take_over=wanted.take_over)
        if lease != wanted.lease:
            served.store.add_event(reading_id, "open", {})
    return LeaseReply(lease=lease, seconds=served.leases.seconds)


@router.delete("/readings/{reading_id}/lease", status_code=HTTPStatus.NO_CONTENT)
def release_lease(reading_id: Id, served: Served, lease: Lease = None) -> None:
    """Let others change a reading."""
    with served.reading(reading_id):
        if served.leases.release(reading_id, lease or ""):
            served.store.add_event(reading_id, "close", {})


@router.put("/readings/{reading_id}/view", status_code=HTTPStatus.NO_CONTENT)
def keep_view(
    reading_id: Id, view: Annotated[dict[str, Any], Body()], served: Served, lease: Lease = None
) -> None:
    """Store what the page wants to find again: window, place, what is visible."""
    try:
        text = json.dumps(view, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:  # it could be stored, and never be sent back
        raise RequestError(f"a view that is no JSON ({error}); leave that out") from error
    if len(text) > _MOST_VIEW_BYTES:
        raise RequestError(f"a view of more than {_MOST_VIEW_BYTES} bytes; store less")
    with _changing(served, reading_id, lease):
        served.store.set_view(reading_id, view)


@router.post("/readings/{reading_id}/objects", status_code=HTTPStatus.CREATED)
def add_object(reading_id: Id, wanted: ObjectRequest, served: Served, lease: Lease = None) -> EditReply:
    """Add an object."""
    return _edit(served, reading_id, lease, lambda reading: edits.add_object(reading, wanted))


@router.patch("/readings/{reading_id}/objects/{object_id}")
def describe(
    reading_id: Id, object_id: ObjectId, wanted: DescribeRequest, served: Served, lease: Lease = None
) -> EditReply:
    """Give an object another name or colour."""
    return _edit(served, reading_id, lease, lambda reading: edits.describe(reading, object_id, wanted))


@router.delete("/readings/{reading_id}/objects/{object_id}")
def remove(reading_id: Id, object_id: ObjectId, served: Served, lease: Lease = None) -> EditReply:
    """Delete an object; undo brings it back."""
    return _edit(served, reading_id, lease, lambda reading: edits.remove(reading, object_id))


@router.post("/readings/{reading_id}/objects/{object_id}/clear")
def clear(reading_id: Id, object_id: ObjectId, served: Served, lease: Lease = None) -> EditReply:
    """Empty an object."""
    return _edit(served, reading_id, lease, lambda reading: edits.clear(reading, object_id))


@router.post("/readings/{reading_id}/objects/{object_id}/clicks")
def click(
    reading_id: Id, object_id: ObjectId, wanted: ClickRequest, served: Served, lease: Lease = None
) -> EditReply:
    """Show the model a click; returns what changed of the mask."""
    return _edit_on_scan(
        served,
        reading_id,
        lease,
        lambda reading, scan: edits.click(reading, scan, served.model, object_id, wanted),
    )


@router.post("/readings/{reading_id}/objects/{object_id}/boxes")
def box(
    reading_id: Id, object_id: ObjectId, wanted: BoxRequest, served: Served, lease: Lease = None
) -> EditReply:
    """Start an object anew from a box."""
    return _edit_on_scan(
        served,
        reading_id,
        lease,
        lambda reading, scan: edits.box(reading, scan, served.model, object_id, wanted),
    )


@router.post("/readings/{reading_id}/objects/{object_id}/strokes")
def stroke(
    reading_id: Id, object_id: ObjectId, wanted: StrokeRequest, served: Served, lease: Lease = None
) -> EditReply:
    """Paint or erase along a line."""
    return _edit_on_scan(
        served, reading_id, lease, lambda reading, scan: edits.stroke(reading, scan, object_id, wanted)
    )


@router.post("/readings/{reading_id}/objects/{object_id}/thresholds", status_code=HTTPStatus.CREATED)
def threshold(
    reading_id: Id, object_id: ObjectId, wanted: ThresholdRequest, served: Served, lease: Lease = None
) -> EditReply:
    """Add an object: what reaches a threshold inside the neighbourhood of this one's mask."""
    return _edit_on_scan(
        served, reading_id, lease, lambda reading, scan: edits.threshold(reading, scan, object_id, wanted)
    )


@router.put("/readings/{reading_id}/objects/{object_id}/mask")
def set_mask(
    reading_id: Id, object_id: ObjectId, wanted: MaskRequest, served: Served, lease: Lease = None
) -> EditReply:
    """Replace an object's mask by a given one."""
    return _edit(served, reading_id, lease, lambda reading: edits.set_mask(reading, object_id, wanted))


@router.post("/readings/{reading_id}/undo")
def undo(reading_id: Id, served: Served, lease: Lease = None) -> EditReply:
    """Take back the last action."""
    return _edit(served, reading_id, lease, Reading.undo)


@router.post("/readings/{reading_id}/redo")
def redo(reading_id: Id, served: Served, lease: Lease = None) -> EditReply:
    """Do again what was taken back last."""
    return _edit(served, reading_id, lease, Reading.redo)


@contextmanager
def _changing(served: Served, reading_id: str, lease: str | None) -> Iterator[Reading]:
    """Give a reading to who holds its lease."""
    with served.reading(reading_id) as reading:
        served.leases.check(reading_id, lease)
        yield reading


def _edit(served: Served, reading_id: str, lease: str | None, edit: Callable[[Reading], Action]) -> EditReply:
    with _changing(served, reading_id, lease) as reading:
        return EditReply.of(edit(reading), reading)


def _edit_on_scan(
    served: Served, reading_id: str, lease: str | None, edit: Callable[[Reading, OpenScan], Action]
) -> EditReply:
    with _changing(served, reading_id, lease), served.reading_on_scan(reading_id) as (reading, scan):
        return EditReply.of(edit(reading, scan), reading)

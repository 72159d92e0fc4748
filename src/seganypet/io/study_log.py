"""Study logs: what readers did, timed, and the masks that came of it, as JSON.

``{"format": "seganypet-study-log", "version": 1, "readings": [{id, scan: {id, name}, reader, assisted, begun_at,
shape, timeline: [{kind, at, object_id, name, seconds, in_effect, details}],
objects: [{id, name, mask: {start, shape, bits}}]}]}``

Times are seconds since 1970, UTC. A mask is the box that holds it, null where it is empty, on the reading's grid; its
bits are those of `packed_bits`, in base64.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from seganypet.errors import StoreError
from seganypet.io.packed_bits import Shape, packed_bits, unpacked_bits
from seganypet.volume import BoolArray

FORMAT: Final = "seganypet-study-log"
_VERSION: Final = 1
_UNREADABLE = (KeyError, TypeError, ValueError, OverflowError, binascii.Error, StoreError)


@dataclass(frozen=True, kw_only=True)
class StudyEntry:
    """One thing that a reader did.

    Attributes:
        kind: "open" and "close" of the reading; "undo" and "redo"; or an action: "add", "describe", "remove", "click",
            "box", "stroke", "mask", "clear".
        at_s: When it was stored, in seconds since 1970, the model's answer included.
        object_id: Whose mask or description it concerned; None of a reading as a whole.
        name: Of that object.
        seconds: How long the server took for an action.
        in_effect: Whether an action is in effect at the end; None of what is none.
        details: What was asked for, as of `Action`, without the points of strokes.
    """

    kind: str
    at_s: float
    object_id: int | None = None
    name: str = ""
    seconds: float = 0.0
    in_effect: bool | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyObject:
    """What a reader segmented.

    Attributes:
        id: Within the reading.
        name: As the reader calls it.
        start: First voxel of the box that holds the mask, on the reading's grid.
        inside: bool [a, b, c], the voxels of that box; of shape (0, 0, 0) where the mask is empty.
    """

    id: int
    name: str
    start: Shape = (0, 0, 0)
    inside: BoolArray = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=np.bool_))


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyReading:
    """One reader's work on one scan.

    Attributes:
        id: Random; the same in every log of this reading.
        scan_id: Likewise, of the scan, as one work folder knows it.
        scan_name: As the reader saw it.
        reader: Name of the reader.
        assisted: Whether the model could be used.
        begun_at_s: Seconds since 1970.
        shape: Of the grid that voxels are counted on.
        timeline: In order.
        objects: At the end.
    """

    id: str
    scan_id: str
    scan_name: str
    reader: str
    assisted: bool
    begun_at_s: float
    shape: Shape
    timeline: tuple[StudyEntry, ...]
    objects: tuple[StudyObject, ...]


def study_log(readings: Iterable[StudyReading]) -> dict[str, Any]:
    """Return readings as a study log, ready for `write_json`."""
    return {"format": FORMAT, "version": _VERSION, "readings": [_written(reading) for reading in readings]}


def read_study_log(path: str | Path) -> list[StudyReading]:
    """Return the readings of a study log.

    Raises:
        StoreError: The file is missing, is no study log or of a newer version, or is damaged.
    """
    content = _loaded(Path(path))
    try:
        entries = list(content["readings"])
    except _UNREADABLE:
        raise StoreError(f'{path}: holds no list "readings"; export the log again') from None
    readings = []
    for number, entry in enumerate(entries, start=1):
        try:
            readings.append(_read(entry))
        except _UNREADABLE as error:
            raise StoreError(
                f"{path}: reading {number} cannot be read ({type(error).__name__}: {error}); export the log again"
            ) from error
    return readings


def _loaded(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{path}: no such study log; check the path") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(
            f"{path}: is no readable JSON ({error}); give a study log, or the work folder of a server"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise StoreError(
            f"{path}: is no study log; give what …/log.json exports, or the work folder of a server"
        )
    if content.get("version") != _VERSION:
        raise StoreError(
            f"{path}: study log of version {content.get('version')!r}, this SegAnyPET reads {_VERSION}; update it"
        )
    return content


def _written(reading: StudyReading) -> dict[str, Any]:
    return {
        "id": reading.id,
        "scan": {"id": reading.scan_id, "name": reading.scan_name},
        "reader": reading.reader,
        "assisted": reading.assisted,
        "begun_at": reading.begun_at_s,
        "shape": list(reading.shape),
        "timeline": [_written_entry(entry) for entry in reading.timeline],
        "objects": [
            {"id": found.id, "name": found.name, "mask": _written_mask(found)} for found in reading.objects
        ],
    }


def _written_entry(entry: StudyEntry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "at": entry.at_s,
        "object_id": entry.object_id,
        "name": entry.name,
        "seconds": entry.seconds,
        "in_effect": entry.in_effect,
        "details": dict(entry.details),
    }


def _written_mask(found: StudyObject) -> dict[str, Any] | None:
    if not found.inside.size:
        return None
    bits = base64.b64encode(packed_bits(found.inside)).decode()
    return {"start": list(found.start), "shape": list(found.inside.shape), "bits": bits}


def _read(entry: Mapping[str, Any]) -> StudyReading:
    shape = _three(entry["shape"])
    if not isinstance(entry["assisted"], bool):
        raise ValueError(f"assisted is {entry['assisted']!r}, neither true nor false")
    return StudyReading(
        id=str(entry["id"]),
        scan_id=str(entry["scan"]["id"]),
        scan_name=str(entry["scan"]["name"]),
        reader=str(entry["reader"]),
        assisted=entry["assisted"],
        begun_at_s=_seconds(entry["begun_at"]),
        shape=shape,
        timeline=tuple(_read_entry(timed) for timed in entry["timeline"]),
        objects=tuple(_read_object(found, shape) for found in entry["objects"]),
    )


def _read_entry(entry: Mapping[str, Any]) -> StudyEntry:
    return StudyEntry(
        kind=str(entry["kind"]),
        at_s=_seconds(entry["at"]),
        object_id=None if entry["object_id"] is None else int(entry["object_id"]),
        name=str(entry["name"]),
        seconds=_seconds(entry["seconds"]),
        in_effect=entry["in_effect"],
        details=dict(entry["details"]),
    )


def _read_object(found: Mapping[str, Any], whole: Shape) -> StudyObject:
    number, name, mask = int(found["id"]), str(found["name"]), found["mask"]
    if mask is None:
        return StudyObject(id=number, name=name)
    start, shape = _three(mask["start"]), _three(mask["shape"])
    if min(start) < 0 or min(shape) < 1 or (np.add(start, shape) > whole).any():
        raise ValueError(f"mask of {name!r} from {start} of {shape} voxels on a grid of {whole}")
    inside = unpacked_bits(base64.b64decode(mask["bits"], validate=True), shape)
    return StudyObject(id=number, name=name, start=start, inside=inside)


def _three(values: Any) -> Shape:
    i, j, k = (int(value) for value in values)
    return i, j, k


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds):
        raise ValueError(f"{seconds} is no time")
    return seconds

"""Readings whose times and masks can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seganypet.io.study_log import StudyEntry, StudyObject, StudyReading

SHAPE = (20, 20, 20)
START_S = 1_700_000_000.0
Timed = tuple[str, float] | tuple[str, float, int]


def entries(*timed: Timed) -> tuple[StudyEntry, ...]:
    """Return (kind, seconds after the start[, object]) as a timeline."""
    return tuple(
        StudyEntry(
            kind=kind,
            at_s=START_S + at,
            object_id=concerned[0] if concerned else None,
            name=f"object {concerned[0]}" if concerned else "",
            seconds=0.25,
            in_effect=True if concerned else None,
        )
        for kind, at, *concerned in timed
    )


def block(number: int, start: Sequence[int], size: int = 4, name: str = "lesion") -> StudyObject:
    """Return an object that is a cube; of size 0, an empty one."""
    i, j, k = start
    return StudyObject(id=number, name=name, start=(i, j, k), inside=np.ones((size,) * 3, dtype=np.bool_))


def reading(
    timeline: Sequence[Timed],
    objects: Sequence[StudyObject] = (),
    *,
    reader: str = "Ada",
    assisted: bool = False,
    scan: str = "pet.nii",
    scan_id: str | None = None,
    **further: Any,
) -> StudyReading:
    """Return a reading of a scan whose id follows from its name."""
    number = scan_id or f"id of {scan}"
    return StudyReading(
        **{
            "id": f"{number}, {reader}, {assisted}",
            "scan_id": number,
            "scan_name": scan,
            "reader": reader,
            "assisted": assisted,
            "begun_at_s": START_S,
            "shape": SHAPE,
            "timeline": entries(*timeline),
            "objects": tuple(objects),
            **further,
        }
    )


def simple(seconds: float, *, assisted: bool, **further: Any) -> StudyReading:
    """Return a reading of one lesion that took some seconds, by hand in two strokes that follow one another."""
    kind, parts = ("click", 1) if assisted else ("stroke", 2)
    steps: list[Timed] = [("open", 0), ("add", 0, 1)]
    steps += [(kind, seconds * (n + 1) / parts, 1) for n in range(parts)]
    objects = further.pop("objects", [block(1, (2, 2, 2))])
    return reading(steps, objects, assisted=assisted, **further)

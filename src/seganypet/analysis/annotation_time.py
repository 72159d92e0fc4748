"""How long a reader worked on each object, from the times of what the reader did.

The time between two things that a reader did belongs to the object that the later one concerns: looking for a lesion is
part of the work on it. The first begins when the reading is opened. Of a pause no more counts than the idle limit;
nothing of the time while the reading was closed, before it was opened again, and after the last action. An action's
time is when it was stored, so waiting for the model counts. What was undone later counts as well: it was work.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from seganypet.io.study_log import StudyReading

IDLE_S: Final = 60.0
"""How much of a pause counts at most."""
_CLICKS: Final = ("click", "box")


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Work on an object, or on a whole scan.

    Attributes:
        seconds: Active time.
        clicks: Clicks and boxes that were shown to the model, those undone later included.
        strokes: Lines of the brush, likewise.
        actions: Everything that was done, undo and redo included.
    """

    seconds: float = 0.0
    clicks: int = 0
    strokes: int = 0
    actions: int = 0


def efforts(reading: StudyReading, idle_s: float = IDLE_S) -> dict[int, Effort]:
    """Return the work on each object of a reading, by its id; objects that were deleted again are among them.

    Args:
        reading: Timed.
        idle_s: How much of a pause counts at most.
    """
    seconds: defaultdict[int, float] = defaultdict(float)
    kinds: dict[int, Counter[str]] = {}
    before: float | None = None
    for entry in sorted(reading.timeline, key=lambda entry: entry.at_s):
        if entry.kind in ("open", "close"):
            before = entry.at_s if entry.kind == "open" else None
        elif entry.object_id is not None:
            pause = 0.0 if before is None else entry.at_s - before
            seconds[entry.object_id] += min(pause, idle_s)
            kinds.setdefault(entry.object_id, Counter())[entry.kind] += 1
            before = entry.at_s
    return {
        number: Effort(
            seconds=seconds[number],
            clicks=sum(counts[kind] for kind in _CLICKS),
            strokes=counts["stroke"],
            actions=counts.total(),
        )
        for number, counts in kinds.items()
    }


def total(parts: Iterable[Effort]) -> Effort:
    """Return the work on several objects together."""
    listed = list(parts)
    return Effort(
        seconds=sum(part.seconds for part in listed),
        clicks=sum(part.clicks for part in listed),
        strokes=sum(part.strokes for part in listed),
        actions=sum(part.actions for part in listed),
    )

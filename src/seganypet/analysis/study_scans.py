"""Which scan of one study log is which of another.

A scan keeps its id within a work folder and all logs of it. Work folders of different machines know one scan by
different ids: there, scans of the same name and shape are one, unless that cannot be, since a log holds two of the
name, or one reader would have read it twice in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seganypet.io.study_log import StudyReading

_Kind = tuple[str, tuple[int, int, int]]
_SHORT = 8


def scan_labels(logs: Sequence[Sequence[StudyReading]]) -> dict[str, str]:
    """Return how tables name each scan, by its id; the same for ids that stand for one scan.

    Args:
        logs: Readings, log by log.
    """
    kinds: dict[_Kind, list[StudyReading]] = {}
    for reading in (reading for log in logs for reading in log):
        kinds.setdefault((reading.scan_name, reading.shape), []).append(reading)
    names = Counter(name for name, _ in kinds)
    labels: dict[str, str] = {}
    for (name, shape), readings in kinds.items():
        ids = {reading.scan_id for reading in readings}
        several = len(ids) > 1 and _are_several(readings, logs)
        for scan_id in sorted(ids):
            if several:
                labels[scan_id] = f"{name} ({scan_id[:_SHORT]})"
            elif names[name] > 1:
                labels[scan_id] = f"{name} ({'×'.join(map(str, shape))})"
            else:
                labels[scan_id] = name
    return labels


def _are_several(readings: Sequence[StudyReading], logs: Sequence[Sequence[StudyReading]]) -> bool:
    """Return whether readings of scans of one name and shape cannot all be of one scan."""
    wanted = {reading.scan_id for reading in readings}
    if any(len(wanted & {reading.scan_id for reading in log}) > 1 for log in logs):
        return True
    ways = Counter((reader, mode) for _, reader, mode in {(r.id, r.reader, r.assisted) for r in readings})
    return max(ways.values()) > 1

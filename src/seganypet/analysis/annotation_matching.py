"""Which object of one reading is which of another, and how well their masks agree.

Of all pairs whose masks overlap, the one with the highest Dice coefficient is taken first, then the next of those that
are left, each object once. Of objects that overlap none that is left, two are one where they have the same name and
nothing else left in their readings has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seganypet.io.study_log import StudyObject


@dataclass(frozen=True, kw_only=True)
class Match:
    """What stands for one lesion in two readings.

    Attributes:
        first: In the first reading, or None where there is nothing that fits.
        second: In the second, likewise.
        dice: Of the two masks; None where one object is missing or both masks are empty.
        by: How they were found to be the same.
    """

    first: StudyObject | None
    second: StudyObject | None
    dice: float | None = None
    by: Literal["overlap", "name"] | None = None


def matches(first: Sequence[StudyObject], second: Sequence[StudyObject]) -> list[Match]:
    """Return all objects of two readings of one scan, matched where they can be, in the order of the first.

    Args:
        first: Objects of a reading.
        second: Objects of another one, on the same grid.
    """
    scored = [(dice(a, b) or 0.0, m, n) for m, a in enumerate(first) for n, b in enumerate(second)]
    found: dict[int, Match] = {}
    taken: set[int] = set()
    for score, m, n in sorted(scored, key=lambda s: (-s[0], s[1], s[2])):
        if score > 0 and m not in found and n not in taken:
            found[m] = Match(first=first[m], second=second[n], dice=score, by="overlap")
            taken.add(n)
    for m, n in _same_names(first, second, set(found), taken):
        found[m] = Match(first=first[m], second=second[n], dice=dice(first[m], second[n]), by="name")
        taken.add(n)
    ordered = [found.get(m, Match(first=a, second=None)) for m, a in enumerate(first)]
    return ordered + [Match(first=None, second=b) for n, b in enumerate(second) if n not in taken]


def dice(first: StudyObject, second: StudyObject) -> float | None:
    """Return the Dice coefficient of two masks on one grid, or None where both are empty."""
    voxels = int(first.inside.sum()) + int(second.inside.sum())
    if not voxels:
        return None
    low = np.maximum(first.start, second.start)
    high = np.minimum(np.add(first.start, first.inside.shape), np.add(second.start, second.inside.shape))
    if (high <= low).any():
        return 0.0
    parts = [
        mask.inside[tuple(slice(a - s, b - s) for a, b, s in zip(low, high, mask.start, strict=True))]
        for mask in (first, second)
    ]
    return 2 * int(np.count_nonzero(parts[0] & parts[1])) / voxels


def _same_names(
    first: Sequence[StudyObject], second: Sequence[StudyObject], gone: set[int], taken: set[int]
) -> list[tuple[int, int]]:
    """Return the places of objects that are left and have one name, which nothing else left has."""
    left = {m: _plain(found.name) for m, found in enumerate(first) if m not in gone}
    right = {n: _plain(found.name) for n, found in enumerate(second) if n not in taken}
    often_left, often_right = Counter(left.values()), Counter(right.values())
    places = {name: n for n, name in right.items()}
    return [(m, places[name]) for m, name in left.items() if often_left[name] == often_right[name] == 1]


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())

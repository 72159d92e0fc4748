"""What a cohort holds, counted: for the run folder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from seganypet.targets import LESION
from seganypet.training.cases import Target

SIZE_EDGES_ML: Final = (0.5, 2.0, 10.0, 50.0)
"""Volumes that separate the five size classes of lesions."""


def size_class(volume_ml: float) -> int:
    """Return the size class of a lesion, 0 (below 0.5 ml) to 4 (50 ml or more)."""
    return int(np.searchsorted(SIZE_EDGES_ML, volume_ml, side="right"))


def summary_of(cases: Sequence[tuple[bool, Sequence[Target]]]) -> dict[str, Any]:
    """Return counts of cases and targets, as JSON holds them.

    Args:
        cases: Of each case, whether its labels are of high quality, and its targets.
    """
    by_name: dict[str, dict[str, list[float]]] = {}
    sizes = [0] * (len(SIZE_EDGES_ML) + 1)
    for hq, targets in cases:
        for target in targets:
            volumes = by_name.setdefault(target.name, {"hq": [], "lq": []})
            volumes["hq" if hq else "lq"].append(target.volume_ml)
            if target.name == LESION:
                sizes[size_class(target.volume_ml)] += 1
    good = sum(hq for hq, _ in cases)
    return {
        "cases": len(cases),
        "hq_cases": good,
        "lq_cases": len(cases) - good,
        "targets": {name: _counts(volumes) for name, volumes in sorted(by_name.items())},
        "lesions_by_size": dict(zip(_size_names(), sizes, strict=True)),
    }


def _counts(volumes: dict[str, list[float]]) -> dict[str, Any]:
    every = volumes["hq"] + volumes["lq"]
    low, median, high = (round(float(ml), 3) for ml in np.quantile(every, (0, 0.5, 1)))
    return {"hq": len(volumes["hq"]), "lq": len(volumes["lq"]), "volume_ml": [low, median, high]}


def _size_names() -> list[str]:
    edges = [f"{edge:g}" for edge in SIZE_EDGES_ML]
    between = [f"{low} to {high} ml" for low, high in pairwise(edges)]
    return [f"below {edges[0]} ml", *between, f"{edges[-1]} ml or more"]

"""Training cases, in memory or on disk (memory-mapped): SUV, labels, and where every target lies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.prompts import deepest_voxel

Kind = Literal["organ", "lesion"]


@dataclass(frozen=True)
class Target:
    """Something to segment in a case.

    Attributes:
        name: Organ name, or "lesion".
        kind: Which of the case's two maps holds it.
        ids: Its values in that map.
        start: First voxel of its bounding box.
        stop: One past the last voxel of its bounding box.
        deepest: The voxel farthest from its border, where it is known in advance.
        voxels: How many it has.
    """

    name: str
    kind: Kind
    ids: tuple[int, ...]
    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    deepest: tuple[int, int, int] | None
    voxels: int


@dataclass(frozen=True)
class CachedCase:
    """One case: arrays may stay on disk and are read where a patch needs them."""

    suv: npt.NDArray[np.floating]
    parts: npt.NDArray[Any]
    lesions: npt.NDArray[Any]
    targets: tuple[Target, ...]
    spacing_mm: float

    def map_of(self, target: Target) -> npt.NDArray[Any]:
        """Return the label map that holds a target."""
        return self.parts if target.kind == "organ" else self.lesions


def save_case(
    folder: Path,
    suv: npt.NDArray[Any],
    parts: npt.NDArray[Any],
    lesions: npt.NDArray[Any],
    labels: Mapping[str, Sequence[int]],
    spacing_mm: float,
    *,
    min_voxels: int = 4,
) -> None:
    """Write a case for training; a folder that is complete has its `case.json`.

    Args:
        folder: Where to write.
        suv: SUV on an isotropic grid, [I, J, K].
        parts: Organ label map on the same grid.
        lesions: Lesion instance map on the same grid.
        labels: Ids in `parts` of every organ.
        spacing_mm: The grid's spacing.
        min_voxels: Smaller targets cannot be told from noise on this grid and are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "suv.npy", suv.astype(np.float16))
    np.save(folder / "parts.npy", parts.astype(np.min_scalar_type(int(parts.max()))))
    np.save(folder / "lesions.npy", lesions.astype(np.min_scalar_type(int(lesions.max()))))
    targets = targets_of(parts, lesions, labels, spacing_mm, min_voxels=min_voxels, find_deepest=True)
    description = {"spacing_mm": spacing_mm, "targets": [asdict(target) for target in targets]}
    partial = folder / "case.json.partial"
    partial.write_text(json.dumps(description))
    partial.replace(folder / "case.json")  # training that reads the folder meanwhile never sees half of it


def load_case(folder: Path) -> CachedCase:
    """Return a case written by `save_case`, memory-mapped."""
    description = json.loads((folder / "case.json").read_text())
    tupled: list[dict[str, Any]] = [
        {key: tuple(value) if isinstance(value, list) else value for key, value in target.items()}
        for target in description["targets"]
    ]
    targets = tuple(Target(**target) for target in tupled)
    suv, parts, lesions = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("suv", "parts", "lesions")
    )
    return CachedCase(suv, parts, lesions, targets, float(description["spacing_mm"]))


def targets_of(
    parts: npt.NDArray[Any],
    lesions: npt.NDArray[Any],
    labels: Mapping[str, Sequence[int]],
    spacing_mm: float,
    *,
    min_voxels: int = 4,
    find_deepest: bool = False,
) -> list[Target]:
    """Return the targets of a case that have at least `min_voxels`; see `save_case`.

    Args:
        parts: Organ label map.
        lesions: Lesion instance map.
        labels: Ids in `parts` of every organ.
        spacing_mm: The grid's spacing.
        min_voxels: Fewest voxels of a target.
        find_deepest: Whether to look for each target's deepest voxel now.
    """
    maps: dict[Kind, npt.NDArray[Any]] = {"organ": parts, "lesion": lesions}
    boxes = {kind: ndimage.find_objects(label_map) for kind, label_map in maps.items()}
    named: list[tuple[str, Kind, Sequence[int]]] = [(name, "organ", ids) for name, ids in labels.items()]
    named += [
        ("lesion", "lesion", [at]) for at, box in enumerate(boxes["lesion"], start=1) if box is not None
    ]
    found = []
    for name, kind, ids in named:
        target = _target(name, kind, ids, maps[kind], boxes[kind])
        if target is not None and target.voxels >= min_voxels:
            deepest = deepest_of(target, maps[kind], spacing_mm) if find_deepest else None
            found.append(replace(target, deepest=deepest))
    return found


def deepest_of(target: Target, label_map: npt.NDArray[Any], spacing_mm: float) -> tuple[int, int, int]:
    """Return the voxel of a target that lies farthest from its border."""
    box = tuple(slice(a, b) for a, b in zip(target.start, target.stop, strict=True))
    i, j, k = deepest_voxel(np.isin(label_map[box], target.ids), (spacing_mm,) * 3)
    return i + target.start[0], j + target.start[1], k + target.start[2]


def _target(
    name: str,
    kind: Kind,
    ids: Sequence[int],
    label_map: npt.NDArray[Any],
    boxes: Sequence[tuple[slice, slice, slice] | None],
) -> Target | None:
    """Return the description of a target, or None where the case has none of it."""
    found = [box for i in ids if i <= len(boxes) and (box := boxes[i - 1]) is not None]
    if not found:
        return None
    start = tuple(min(box[a].start for box in found) for a in range(3))
    stop = tuple(max(box[a].stop for box in found) for a in range(3))
    mask = np.isin(label_map[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))], ids)
    return Target(
        name,
        kind,
        tuple(int(i) for i in ids),
        (start[0], start[1], start[2]),
        (stop[0], stop[1], stop[2]),
        None,
        int(mask.sum()),
    )

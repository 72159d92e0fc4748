"""Training cases on their own grids: SUV and label maps, in memory or memory-mapped, and where every target lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.prompts import deepest_voxel
from seganypet.targets import LESION, MIN_VOXELS
from seganypet.volume import Affine

Kind = Literal["organ", "lesion"]
Voxel = tuple[int, int, int]
LabelMap = npt.NDArray[np.integer[Any]]
Boxes = Sequence[tuple[slice, slice, slice] | None]


@dataclass(frozen=True, slots=True)
class Target:
    """Something to segment in a case; all voxels are those of the case's own grid.

    Attributes:
        name: Organ name, or "lesion".
        kind: Which of the case's two maps holds it.
        ids: Its values in that map.
        start: First voxel of its bounding box.
        stop: One past the last voxel of its bounding box.
        deepest: The voxel farthest from its border, in mm, where it is known in advance.
        voxels: How many it has.
        volume_ml: Their volume.
    """

    name: str
    kind: Kind
    ids: tuple[int, ...]
    start: Voxel
    stop: Voxel
    deepest: Voxel | None
    voxels: int
    volume_ml: float

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Its bounding box, as slices of the case's arrays."""
        i, j, k = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return i, j, k


@dataclass(frozen=True, kw_only=True, eq=False)
class CachedCase:
    """One case on its own grid; its arrays may stay on disk and are read where a patch needs them.

    Attributes:
        suv: SUV [I, J, K], any real type.
        reference: Organ label map on the same grid, or None.
        lesions: Lesion instance map on the same grid, or None.
        clean: The truth behind a `reference` of low quality, with the same ids, or None.
        affine: float64 [4, 4], voxel index to RAS+ world in mm.
        targets: What can be segmented in it.
        hq: Whether its labels are of high quality.
    """

    suv: npt.NDArray[Any]
    reference: LabelMap | None
    lesions: LabelMap | None
    clean: LabelMap | None = None
    affine: Affine
    targets: tuple[Target, ...]
    hq: bool = True

    def map_of(self, target: Target) -> LabelMap:
        """Return the label map that holds a target."""
        label_map = self.reference if target.kind == "organ" else self.lesions
        assert label_map is not None, f"{target.name} in a case without its map"
        return label_map

    def clean_map_of(self, target: Target) -> LabelMap | None:
        """Return the label map that holds the truth behind a target's label, or None where it is not known."""
        return self.clean if target.kind == "organ" else None


def targets_of(
    reference: LabelMap | None,
    lesions: LabelMap | None,
    labels: Mapping[str, Sequence[int]],
    affine: npt.ArrayLike,
    *,
    names: Sequence[str] = (),
    find_deepest: bool = False,
) -> tuple[list[Target], list[str]]:
    """Return the targets of a case that have at least `MIN_VOXELS`, and the names of those that have fewer.

    Args:
        reference: Organ label map [I, J, K], or None.
        lesions: Lesion instance map on the same grid, or None.
        labels: Ids in `reference` of every organ.
        affine: Of the grid.
        names: Names to look for, "lesion" for the lesions; empty for all.
        find_deepest: Whether to look for each target's deepest voxel now.
    """
    boxes = {"organ": _boxes(reference), "lesion": _boxes(lesions)}
    named: list[tuple[str, Kind, Sequence[int]]] = [
        (name, "organ", ids) for name, ids in labels.items() if not names or name in names
    ]
    if not names or LESION in names:
        named += [(LESION, "lesion", [at]) for at, box in enumerate(boxes["lesion"], start=1) if box]
    voxel_ml = float(abs(np.linalg.det(np.asarray(affine)[:3, :3]))) / 1000
    found, small = [], []
    for name, kind, ids in named:
        label_map = reference if kind == "organ" else lesions
        target = None if label_map is None else _target(name, kind, ids, label_map, boxes[kind], voxel_ml)
        if label_map is None or target is None:
            continue
        if target.voxels < MIN_VOXELS:
            small.append(name)
            continue
        deepest = deepest_of(target, label_map, affine) if find_deepest else None
        found.append(replace(target, deepest=deepest))
    return found, small


def deepest_of(target: Target, label_map: LabelMap, affine: npt.ArrayLike) -> Voxel:
    """Return the voxel of a target that lies farthest from its border, in mm."""
    i, j, k = (float(mm) for mm in np.linalg.norm(np.asarray(affine)[:3, :3], axis=0))
    voxel = deepest_voxel(np.isin(label_map[target.box], target.ids), (i, j, k))
    return voxel[0] + target.start[0], voxel[1] + target.start[1], voxel[2] + target.start[2]


def _boxes(label_map: LabelMap | None) -> Boxes:
    """Return the bounding box of every id from 1 on."""
    if label_map is None:
        return []
    found: Boxes = ndimage.find_objects(label_map)
    return found


def _target(
    name: str, kind: Kind, ids: Sequence[int], label_map: LabelMap, boxes: Boxes, voxel_ml: float
) -> Target | None:
    """Return the description of a target, or None where the case has none of it."""
    found = [box for i in ids if i <= len(boxes) and (box := boxes[i - 1]) is not None]
    if not found:
        return None
    start = tuple(min(box[a].start for box in found) for a in range(3))
    stop = tuple(max(box[a].stop for box in found) for a in range(3))
    part = label_map[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    voxels = int(np.count_nonzero(np.isin(part, ids)))
    return Target(
        name,
        kind,
        tuple(int(i) for i in ids),
        (start[0], start[1], start[2]),
        (stop[0], stop[1], stop[2]),
        None,
        voxels,
        voxels * voxel_ml,
    )

"""Training cases on disk: memory-mapped SUV and labels, with the deepest voxel of every target at hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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
        deepest: The voxel farthest from its border.
        voxels: How many it has.
    """

    name: str
    kind: Kind
    ids: tuple[int, ...]
    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    deepest: tuple[int, int, int]
    voxels: int


@dataclass(frozen=True)
class CachedCase:
    """One case: arrays stay on disk and are read where a patch needs them."""

    suv: npt.NDArray[np.float16]
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
    named: list[tuple[str, Kind, Sequence[int]]] = [(name, "organ", ids) for name, ids in labels.items()]
    named += [("lesion", "lesion", [int(i)]) for i in np.unique(lesions) if i > 0]
    boxes = {"organ": ndimage.find_objects(parts), "lesion": ndimage.find_objects(lesions)}
    maps = {"organ": parts, "lesion": lesions}
    targets = [_target(name, kind, ids, maps[kind], boxes[kind], spacing_mm) for name, kind, ids in named]
    kept = [asdict(t) for t in targets if t is not None and t.voxels >= min_voxels]
    description = {"spacing_mm": spacing_mm, "targets": kept}
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


def _target(
    name: str,
    kind: Kind,
    ids: Sequence[int],
    label_map: npt.NDArray[Any],
    boxes: Sequence[tuple[slice, slice, slice] | None],
    spacing_mm: float,
) -> Target | None:
    """Return the description of a target, or None where the case has none of it."""
    found = [box for i in ids if i <= len(boxes) and (box := boxes[i - 1]) is not None]
    if not found:
        return None
    start = tuple(min(box[a].start for box in found) for a in range(3))
    stop = tuple(max(box[a].stop for box in found) for a in range(3))
    mask = np.isin(label_map[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))], ids)
    deepest = deepest_voxel(mask, (spacing_mm,) * 3)
    return Target(
        name,
        kind,
        tuple(int(i) for i in ids),
        (start[0], start[1], start[2]),
        (stop[0], stop[1], stop[2]),
        (deepest[0] + start[0], deepest[1] + start[1], deepest[2] + start[2]),
        int(mask.sum()),
    )

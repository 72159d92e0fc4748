"""What an annotator outlines as one thing: organs, or organs with the parts inside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.labels.boundary import Spacing
from seganypet.targets import ORGANS

Box = tuple[slice, slice, slice]
Boxes = Sequence[Box | None]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One outline.

    Attributes:
        name: Organ as `targets.ORGANS` names it.
        ids: Ids that it is made of and that occur in the map.
        box: Smallest box around it.
        parts: Targets inside it by name (lobes of a lung) with their ids.
    """

    name: str
    ids: tuple[int, ...]
    box: Box
    parts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def find_units(reference: LabelArray, labels: Mapping[str, Sequence[int]]) -> list[Unit]:
    """Return the organs of `targets.ORGANS` that occur in a map as disjoint outlines, larger groups first.

    An organ inside another one becomes a part of it: lobes of their lung, myocardium of the heart.

    Args:
        reference: Tissues, int16 [I, J, K], disjoint.
        labels: {name: ids} of tissues and organ groups.
    """
    boxes = ndimage.find_objects(reference)
    present = {name: _present(labels[name], boxes) for name in ORGANS if name in labels}
    present = {name: ids for name, ids in present.items() if ids}
    units: list[Unit] = []
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    for name in sorted(present, key=lambda name: -len(present[name])):
        ids = present[name]
        owner = next((unit for unit in units if set(ids) & set(unit.ids)), None)
        if owner is None:
            parts[name] = {}
            units.append(Unit(name=name, ids=ids, box=joint_box(boxes_of(ids, boxes)), parts=parts[name]))
        else:
            parts[owner.name][name] = ids
    return units


def _present(ids: Sequence[int], boxes: Boxes) -> tuple[int, ...]:
    return tuple(one for one in ids if boxes_of([one], boxes))


def boxes_of(ids: Iterable[int], boxes: Boxes) -> list[Box]:
    """Return the boxes of those of these ids that occur, given the boxes of ids 1…n."""
    found = (boxes[one - 1] for one in ids if 0 < one <= len(boxes))
    return [box for box in found if box is not None]


def joint_box(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around at least one box."""
    i, j, k = (
        slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*boxes, strict=True)
    )
    return i, j, k


def padded(box: Box, shape: Sequence[int], spacing_mm: Spacing, margin_mm: float) -> Box:
    """Return a box with a margin on every side, inside the array."""
    margins = [int(np.ceil(margin_mm / step)) for step in spacing_mm]
    i, j, k = (
        slice(max(axis.start - margin, 0), min(axis.stop + margin, count))
        for axis, margin, count in zip(box, margins, shape, strict=True)
    )
    return i, j, k


def is_one_of(label_map: LabelArray, ids: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Return where a map holds one of these ids, bool [I, J, K]."""
    found = label_map == ids[0]
    for one in ids[1:]:
        found |= label_map == one
    return np.asarray(found)

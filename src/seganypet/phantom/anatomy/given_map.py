"""Reading a label map of someone else's: its labels under our ids, and what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.anatomy.landmarks import Extent, extents
from seganypet.phantom.anatomy.naming import BODY, PELVIS, tissue_name
from seganypet.phantom.anatomy.tissues import TISSUE_IDS, TISSUES
from seganypet.volume import Affine, BoolArray

BODY_ID = len(TISSUES) + 1
PELVIS_ID = len(TISSUES) + 2
_SIDELESS_ID = len(TISSUES) + 3
_HOLLOW = (
    "heart_blood_pool",
    "colon",
    "small_bowel",
    "stomach",
    "duodenum",
    "gallbladder",
    "urinary_bladder",
    "uterus",
)
_LARGEST_LUMEN_MM2 = 6000.0  # larger ones lie between loops, not inside one


@dataclass(frozen=True)
class GivenMap:
    """A given label map under our ids.

    Attributes:
        tissues: Our ids, `BODY_ID` and `PELVIS_ID`, int16 [I, J, K], on the given grid.
        affine: Voxel index to RAS+ world in mm, of any orientation.
        present: Names of the tissues it shows.
        has_body: Whether a label fills the rest of the body.
        whole_lungs: Sides whose lung is in one piece.
        organs: Extent of every tissue.
        body: Extent of everything.
    """

    tissues: LabelArray
    affine: Affine
    present: frozenset[str]
    has_body: bool
    whole_lungs: tuple[str, ...]
    organs: dict[str, Extent]
    body: Extent


def read_given_map(
    label_map: npt.NDArray[np.integer],
    affine: Affine,
    names: Mapping[int, str],
    tissues: Mapping[str, str] | None,
) -> GivenMap:
    """Return a label map under our ids.

    Raises:
        GeometryError: The map is not 3D.
        UsageError: The map is empty, not of whole numbers, or holds an id without a name.
    """
    ids = _checked_ids(label_map, names)
    table = np.zeros(max(ids) + 1, dtype=np.int16)
    sideless: dict[str, int] = {}
    for identifier in ids:
        ours = tissue_name(names[identifier], tissues)
        if ours in TISSUE_IDS:
            table[identifier] = TISSUE_IDS[ours]
        elif ours in (BODY, PELVIS):
            table[identifier] = BODY_ID if ours == BODY else PELVIS_ID
        else:
            table[identifier] = sideless.setdefault(ours, _SIDELESS_ID + len(sideless))
    mapped: LabelArray = table[label_map]
    _fill_hollow(mapped, affine)
    body = _box_of(label_map > 0, affine)
    for stem, number in sideless.items():
        _give_sides(mapped, affine, stem, number, float(body.center[0]))
    present = np.bincount(mapped.ravel(), minlength=PELVIS_ID + 1)
    shown = {name: [identifier] for name, identifier in TISSUE_IDS.items() if present[identifier]}
    organs = extents(mapped, affine, shown)
    whole = tuple(side for side in ("left", "right") if f"lung_upper_lobe_{side}" not in shown)
    whole_lungs = tuple(side for side in whole if f"lung_lower_lobe_{side}" in shown)
    return GivenMap(mapped, affine, frozenset(shown), bool(present[BODY_ID]), whole_lungs, organs, body)


def _checked_ids(label_map: npt.NDArray[np.integer], names: Mapping[int, str]) -> list[int]:
    if label_map.ndim != 3:
        raise GeometryError(f"label map of shape {label_map.shape}; expected 3 dimensions (i, j, k)")
    if label_map.dtype.kind not in "iu" or int(label_map.min()) < 0:
        raise UsageError(
            f"label map of type {label_map.dtype}; expected integers of 0 or more (astype(int)?)"
        )
    ids = [int(at) for at in np.flatnonzero(np.bincount(label_map.ravel())) if at]
    if not ids:
        raise UsageError("the label map is empty; expected ids above 0 where there is tissue")
    unnamed = [identifier for identifier in ids if identifier not in names]
    if unnamed:
        raise UsageError(f"label map holds ids {unnamed[:8]} without a name; add them to names")
    return ids


def _fill_hollow(mapped: LabelArray, affine: Affine) -> None:
    """Fill what a wall encloses in axial slices, in place: reference organs come as surfaces."""
    up = int(np.argmax(np.abs(affine[2, :3])))
    pixel_mm2 = float(np.abs(np.linalg.det(affine[:3, :3]))) / float(np.linalg.norm(affine[:3, up]))
    slices = np.moveaxis(mapped, up, 0)
    for name in _HOLLOW:
        walls = slices == TISSUE_IDS[name]
        for at in np.flatnonzero(walls.any(axis=(1, 2))):
            lumen = ndimage.binary_fill_holes(walls[at]) & (slices[at] == BODY_ID)
            pieces, _ = ndimage.label(lumen)
            areas_mm2 = np.bincount(pieces.ravel()) * pixel_mm2
            areas_mm2[0] = np.inf
            slices[at][areas_mm2[pieces] < _LARGEST_LUMEN_MM2] = TISSUE_IDS[name]


def _give_sides(mapped: LabelArray, affine: Affine, stem: str, number: int, midline_mm: float) -> None:
    """Name the voxels of a tissue without a side by the half of the body they lie in, in place."""
    voxels = np.argwhere(mapped == number)
    x_mm = voxels @ affine[0, :3] + affine[0, 3]
    left, right = TISSUE_IDS[f"{stem}_left"], TISSUE_IDS[f"{stem}_right"]
    mapped[tuple(voxels.T)] = np.where(x_mm > midline_mm, right, left)


def _box_of(mask: BoolArray, affine: Affine) -> Extent:
    """Corners of the voxel box around a mask, in world mm."""
    spans = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {at}))) for at in range(3)]
    corners = np.array([(span[0], span[-1]) for span in spans], dtype=np.float64)
    every = np.stack(np.meshgrid(*corners, indexing="ij"), axis=-1).reshape(-1, 3)
    world = every @ affine[:3, :3].T + affine[:3, 3]
    return Extent(world.mean(axis=0), world.min(axis=0), world.max(axis=0))

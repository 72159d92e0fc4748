"""A patch of a case on the network's working grid, resampled as for inference from the few voxels that it touches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seganypet.errors import UsageError
from seganypet.preprocessing import ModelGrid
from seganypet.preprocessing.intensity import Normalisation
from seganypet.training.cases import CachedCase, LabelMap, Target, Voxel
from seganypet.volume import BoolArray, FloatArray

# Working voxels, then native ones, around a patch that are read with it: more than a kernel's width.
_MARGIN, _NATIVE_MARGIN = 2, 2


@dataclass(frozen=True, kw_only=True)
class PatchFormat:
    """What a network expects of a patch, as the description of its weights says it.

    Attributes:
        patch_size: Voxels along each side.
        spacing_mm: Edge of a working voxel.
        normalisation: SUV to network input, see `preprocessing.intensity`.
        orientation: Where the patch's axes lead, as "RAS".
        around: Voxels beyond each face that the network sees as well.

    Raises:
        UsageError: A patch of fewer than 8 voxels, fewer than 0 around it, or a spacing that is not positive.
    """

    patch_size: int
    spacing_mm: float
    normalisation: Normalisation
    orientation: str = "RAS"
    around: int = 0

    def __post_init__(self) -> None:
        if self.patch_size < 8 or not 0 < self.spacing_mm < float("inf"):
            raise UsageError(
                f"patches of {self.patch_size} voxels of {self.spacing_mm} mm; expected 8 or more, above 0 mm"
            )
        if self.around < 0:
            raise UsageError(f"{self.around} voxels around a patch; expected 0 or more")

    @property
    def field_size(self) -> int:
        """Voxels along each side of a patch and what is seen around it."""
        return self.patch_size + 2 * self.around


class CutPatch(NamedTuple):
    """A patch before any change of its values.

    Attributes:
        suv: float32 [F, F, F], the patch and what lies around it; 0 where the volume ends.
        reference: The target in it, bool [P, P, P]; never empty.
        clean: The truth behind it where that is known, otherwise the reference.
        anchor: The voxel of the reference nearest to the point that the patch was placed by.
    """

    suv: FloatArray
    reference: BoolArray
    clean: BoolArray
    anchor: Voxel


class _Part(NamedTuple):
    """The native voxels that a patch touches, their working grid, and where the patch begins on it."""

    box: tuple[slice, slice, slice]
    grid: ModelGrid
    start: list[int]


def cut(
    case: CachedCase,
    target: Target,
    point: Voxel,
    position: npt.NDArray[np.int_],
    form: PatchFormat,
    *,
    zoom: float = 1.0,
) -> CutPatch:
    """Return the patch that has a native voxel at a given position.

    A mask is resampled as numbers, and inside is what exceeds a half. Of a target that is so small that nothing
    does, inside is what exceeds half of the highest value: at least its best voxel.

    Args:
        case: Where the target lies.
        target: One of the case's.
        point: A voxel of the target, on the case's own grid.
        position: Where in the patch it comes to lie, working voxels [3].
        form: What the network expects.
        zoom: Factor on the working voxel's size.
    """
    field = _part(case, point, position + form.around, form, form.spacing_mm * zoom)
    suv = field.grid.crop(case.suv[field.box], field.start, (form.field_size,) * 3)
    # On the same grid: that of a smaller part may lie a fraction of a voxel beside it.
    part = field._replace(start=[at + form.around for at in field.start])
    size = (form.patch_size,) * 3
    reference = _mask(case.map_of(target), target, part, size)
    clean_map = case.clean_map_of(target)
    clean = reference if clean_map is None else _mask(clean_map, target, part, size)
    return CutPatch(suv, reference, clean, _nearest(reference, position))


def _part(
    case: CachedCase, point: Voxel, position: npt.NDArray[np.int_], form: PatchFormat, spacing_mm: float
) -> _Part:
    """Return the voxels around a patch's field, in which a point has a position, as a volume of their own."""
    shape = (case.suv.shape[0], case.suv.shape[1], case.suv.shape[2])
    whole = ModelGrid.of(case.affine, shape, spacing_mm, form.orientation)
    first = np.round(whole.to_model_ijk(point)) - position
    corners = whole.to_native_ijk([first - _MARGIN, first + form.field_size - 1 + _MARGIN])
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - _NATIVE_MARGIN, 0)
    stop = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1 + _NATIVE_MARGIN, shape)
    i, j, k = (int(n) for n in stop - low)
    # Where the part lies in the world makes no difference.
    grid = ModelGrid.of(case.affine, (i, j, k), spacing_mm, form.orientation)
    start = np.round(grid.to_model_ijk(np.subtract(point, low))).astype(int) - position
    a, b, c = (slice(int(begin), int(end)) for begin, end in zip(low, stop, strict=True))
    return _Part((a, b, c), grid, [int(at) for at in start])


def _mask(label_map: LabelMap, target: Target, part: _Part, size: tuple[int, int, int]) -> BoolArray:
    """Return a target in a patch; empty only where the patch holds none of it."""
    share = part.grid.crop(np.isin(label_map[part.box], target.ids), part.start, size)
    highest = float(share.max())
    mask: BoolArray = share > (0.5 if highest > 0.5 else 0.5 * highest)
    return mask


def _nearest(reference: BoolArray, position: npt.NDArray[np.int_]) -> Voxel:
    """Return the voxel of a mask that is not empty nearest to a position."""
    i, j, k = (int(at) for at in position)
    if not reference[i, j, k]:
        voxels = np.argwhere(reference)
        i, j, k = (int(at) for at in voxels[np.argmin(((voxels - position) ** 2).sum(axis=1))])
    return i, j, k

"""The voxel of a mask that lies farthest from its border."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.prompts.regions import BoolArray, Voxel, bounding_box, unravel

_EIGHTHS_MM = range(1, 257)  # sides that are whole multiples of 1/8 mm, up to 32 mm
_FEW_VOXELS = 1 << 22  # of a box; beyond it the general transform is the faster one


def deepest_voxel(mask: BoolArray, spacing_mm: tuple[float, float, float]) -> Voxel:
    """Return the voxel of a mask that is not empty farthest from its border, in mm; what lies outside is border.

    Args:
        mask: Bool [I, J, K].
        spacing_mm: Voxel size along i, j, k, in mm.

    Returns:
        The voxel whose distance to the nearest voxel outside the mask is largest; of equals the first in the array.
    """
    box = bounding_box(mask)
    padded = np.pad(mask[box], 1)
    sides = _whole_sides(spacing_mm)
    if sides and padded.size <= _FEW_VOXELS:
        depth = _squared_depth(padded, sides)
    else:
        depth = ndimage.distance_transform_edt(padded, sampling=spacing_mm)
    depth = depth[1:-1, 1:-1, 1:-1]
    i, j, k = unravel(int(np.argmax(depth)), depth.shape)
    return i + box[0].start, j + box[1].start, k + box[2].start


def _squared_depth(mask: BoolArray, sides: Sequence[int]) -> npt.NDArray[Any]:
    """Return the squared distance from each voxel to the nearest one outside the mask.

    Whole numbers need no search for the nearest voxel: one axis after the other, each voxel takes the least of what
    its neighbours at 1, 2, 3, ... voxels hold plus the square of the way to them. For masks a few dozen voxels thick
    that is several times as fast as the general transform, and equal distances are equal numbers.

    Args:
        mask: Bool [I, J, K]; False on the first and last plane along i.
        sides: Voxel size along i, j, k, whole numbers.

    Returns:
        Unsigned whole numbers [I, J, K] in squared units of the sides.
    """
    bound = (mask.shape[0] // 2 * sides[0]) ** 2  # no voxel lies farther from both outer planes
    squared: npt.NDArray[Any] = mask.astype(np.min_scalar_type(2 * bound)) * bound
    for side in sides:
        squared = np.moveaxis(_spread(np.ascontiguousarray(squared), side), 0, -1)
    return squared


def _spread(squared: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Return the least of what the voxels along the first axis hold plus the square of the way to them."""
    least, detour = np.array(squared), np.empty_like(squared)
    step = 1
    while (way := (step * side) ** 2) < least.max():  # a longer way than the largest cannot lower it
        np.add(squared, squared.dtype.type(way), out=detour)
        np.minimum(least[step:], detour[:-step], out=least[step:])
        np.minimum(least[:-step], detour[step:], out=least[:-step])
        step += 1
    return least


def _whole_sides(spacing_mm: tuple[float, float, float]) -> tuple[int, ...]:
    """Return the smallest whole numbers in the ratio of the spacing, or none where it is not in eighths of a mm."""
    eighths = [8 * side for side in spacing_mm]
    if not all(side in _EIGHTHS_MM for side in eighths):
        return ()
    unit = math.gcd(*map(int, eighths))
    return tuple(int(side) // unit for side in eighths)

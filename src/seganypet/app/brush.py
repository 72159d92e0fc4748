"""What a brush paints: all voxels within its radius of the line that the pointer drew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from seganypet.errors import PromptError
from seganypet.volume import BoolArray, Volume

Plane = Literal["sagittal", "coronal", "axial"]

_ACROSS: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}


def painted(
    volume: Volume, points_mm: Sequence[Sequence[float]], radius_mm: float, plane: Plane | None = None
) -> BoolArray:
    """Return the voxels whose centres lie within a radius of a line.

    Args:
        volume: Its axes run nearest to right, anterior and superior.
        points_mm: Corners of the line, RAS+ world positions in mm; one is a dot.
        radius_mm: Of the brush.
        plane: To paint in one slice alone, the one of the first point; None for a ball.

    Returns:
        bool [I, J, K]; at least the voxels that hold the points, as far as they lie inside the volume.

    Raises:
        PromptError: A point is not three finite numbers, or the first lies outside the volume.
    """
    if any(len(point) != 3 or not np.isfinite(point).all() for point in points_mm) or not len(points_mm):
        raise PromptError("a stroke needs points of three finite world coordinates x, y, z")
    points = [np.array(volume.to_ijk(point)) for point in points_mm]
    if not volume.contains(points[0].tolist()):
        raise PromptError(
            f"stroke begins at voxel {tuple(points[0].round(1).tolist())}, outside the volume of shape {volume.shape}"
        )
    across = None if plane is None else _ACROSS[plane]
    if across is not None:
        level = np.clip(np.rint(points[0][across]), 0, volume.shape[across] - 1)
        for point in points:
            point[across] = level
    mask = np.zeros(volume.shape, dtype=np.bool_)
    for first, last in pairwise([points[0], *points]):
        _paint(mask, first, last, radius_mm, np.array(volume.spacing_mm), across)
    for point in points:
        if volume.contains(point.tolist()):
            mask[tuple(np.clip(np.rint(point).astype(int), 0, np.subtract(volume.shape, 1)))] = True
    return mask


def _paint(
    mask: BoolArray,
    first: npt.NDArray[np.float64],
    last: npt.NDArray[np.float64],
    radius_mm: float,
    spacing_mm: npt.NDArray[np.float64],
    across: int | None,
) -> None:
    """Set the voxels within a radius of a piece of the line."""
    reach = radius_mm / spacing_mm
    if across is not None:
        reach[across] = 0
    low = np.clip(np.ceil(np.minimum(first, last) - reach), 0, mask.shape).astype(int)
    high = np.clip(np.floor(np.maximum(first, last) + reach) + 1, 0, mask.shape).astype(int)
    if (high <= low).any():
        return
    axes = [np.arange(a, b) for a, b in zip(low, high, strict=True)]
    along = (last - first) * spacing_mm
    squared = float(along @ along)
    offsets = np.ix_(*[(axis - at) * mm for axis, at, mm in zip(axes, first, spacing_mm, strict=True)])
    share: npt.NDArray[np.float64] | float = 0.0
    if squared:
        share = np.clip(sum(o * a for o, a in zip(offsets, along, strict=True)) / squared, 0, 1)
    distance = sum((o - share * a) ** 2 for o, a in zip(offsets, along, strict=True))
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] |= distance <= radius_mm**2

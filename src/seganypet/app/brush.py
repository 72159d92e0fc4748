"""What a brush paints: all voxels within its radius of the line that the pointer drew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Literal

import numpy as np
import numpy.typing as npt

from seganypet.errors import PromptError
from seganypet.volume import BoolArray, Volume

Plane = Literal["sagittal", "coronal", "axial"]
_Points = npt.NDArray[np.float64]

# The axis of the volume that a plane lies across.
_ACROSS: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}
_FARTHEST_MM = 1e6


def painted(
    volume: Volume, points_mm: Sequence[Sequence[float]], radius_mm: float, plane: Plane | None = None
) -> BoolArray:
    """Return the voxels whose centres lie within a radius of a line.

    Args:
        volume: Its axes run nearest to right, anterior and superior.
        points_mm: Corners of the line, RAS+ world positions in mm; one is a dot.
        radius_mm: Of the brush.
        plane: To paint in one slice of voxels alone, the one of the first point; None for a ball.

    Returns:
        bool [I, J, K]; at least the voxels that hold the points, as far as they lie inside the volume.

    Raises:
        PromptError: A point is not three finite numbers or beyond all measure, or the first lies outside the volume.
    """
    if any(len(point) != 3 or not np.isfinite(point).all() for point in points_mm) or not len(points_mm):
        raise PromptError("a stroke needs points of three finite world coordinates x, y, z")
    if (farthest := np.abs(points_mm).max()) > _FARTHEST_MM:  # its square would overflow
        raise PromptError(f"a stroke goes to {farthest:.3g} mm, farther than a kilometre; draw on the scan")
    ijk = np.array([volume.to_ijk(point) for point in points_mm])
    if not volume.contains(ijk[0]):
        shown = tuple(ijk[0].round(1).tolist())
        raise PromptError(f"stroke begins at voxel {shown}, outside the volume of shape {volume.shape}")
    if plane is not None:
        ijk[:, _ACROSS[plane]] = _level(volume, ijk[0], plane)
    points = ijk @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    mask = np.zeros(volume.shape, dtype=np.bool_)
    for first, last in pairwise([points[0], *points]):
        _paint(mask, volume, first, last, radius_mm)
    if plane is not None:
        beside = np.ones(volume.shape[_ACROSS[plane]], dtype=np.bool_)
        beside[_level(volume, ijk[0], plane)] = False
        np.moveaxis(mask, _ACROSS[plane], 0)[beside] = False
    for voxel in ijk:
        if volume.contains(voxel):
            mask[tuple(np.clip(np.floor(voxel + 0.5).astype(int), 0, np.subtract(volume.shape, 1)))] = True
    return mask


def _level(volume: Volume, ijk: _Points, plane: Plane) -> int:
    """Return which slice of a plane holds a voxel coordinate."""
    across = _ACROSS[plane]
    return int(np.clip(np.floor(ijk[across] + 0.5), 0, volume.shape[across] - 1))


def _paint(mask: BoolArray, volume: Volume, first: _Points, last: _Points, radius_mm: float) -> None:
    """Set the voxels within a radius of a piece of the line."""
    box = _box(volume, np.minimum(first, last) - radius_mm, np.maximum(first, last) + radius_mm)
    if any(part.stop <= part.start for part in box):
        return
    grid = np.stack(np.meshgrid(*(np.arange(p.start, p.stop) for p in box), indexing="ij"), axis=-1)
    offset = grid @ volume.affine[:3, :3].T + volume.affine[:3, 3] - first
    along = last - first
    squared = float(along @ along)
    share = np.clip(offset @ along / squared, 0, 1) if squared else np.zeros(offset.shape[:3])
    distance = np.linalg.norm(offset - share[..., None] * along, axis=-1)
    mask[box] |= distance <= radius_mm


def _box(volume: Volume, low_mm: _Points, high_mm: _Points) -> tuple[slice, slice, slice]:
    """Return the voxels that a box of the world touches."""
    corners = np.array([volume.to_ijk(corner) for corner in product(*zip(low_mm, high_mm, strict=True))])
    low = np.clip(np.floor(corners.min(axis=0)), 0, volume.shape).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, volume.shape).astype(int)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return i, j, k

"""Labels made on another grid, or for another position of the body."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.phantom.labels.boundary import Field, Spacing
from seganypet.volume import BoolArray

Vector = tuple[float, float, float]


def coarsen(mask: BoolArray, spacing_mm: Spacing, coarse_mm: float, phase: Vector = (0, 0, 0)) -> BoolArray:
    """Return the mask as it comes back from a coarser grid, bool [I, J, K].

    Coarse voxels hold the share of the mask among the voxels whose centres lie in them; the shares are
    interpolated linearly back to the fine grid and cut at one half. What is small against a coarse voxel vanishes.

    Args:
        mask: bool [I, J, K].
        spacing_mm: Voxel size along i, j, k, in mm.
        coarse_mm: Voxel size of the coarse grid, in mm; axes with larger voxels stay as they are.
        phase: Where the coarse grid starts before the first voxel, as a share of a coarse voxel, 0 to 1.
    """
    values = mask.astype(np.float32)
    for axis, (step, start) in enumerate(zip(spacing_mm, phase, strict=True)):
        if coarse_mm > step:
            there_and_back = _resampling(mask.shape[axis], step, coarse_mm, start)
            values = np.moveaxis(np.tensordot(there_and_back, values, axes=(1, axis)), 0, axis)
    coarse: BoolArray = values >= 0.5 - 1e-6
    return coarse


def _resampling(count: int, step_mm: float, coarse_mm: float, phase: float) -> Field:
    """Return the matrix that averages into coarse voxels and interpolates back, [count, count]."""
    position = (np.arange(count) + 0.5) * step_mm / coarse_mm + phase
    cell = np.floor(position).astype(int)
    cells = int(cell.max()) + 1
    average: npt.NDArray[np.float64] = (cell[None, :] == np.arange(cells)[:, None]).astype(float)
    average /= np.maximum(average.sum(axis=1, keepdims=True), 1)
    used = np.flatnonzero(average.any(axis=1))
    back = [np.interp(position, used + 0.5, unit) for unit in np.eye(used.size)]
    return np.asarray(np.transpose(back) @ average[used], dtype=np.float32)


def shift_mask(mask: BoolArray, shift_mm: Vector, spacing_mm: Spacing) -> BoolArray:
    """Return the mask moved by `shift_mm` along i, j, k, bool [I, J, K]: linear interpolation cut at one half."""
    voxels = [shift / step for shift, step in zip(shift_mm, spacing_mm, strict=True)]
    moved: BoolArray = ndimage.shift(mask.astype(np.float32), voxels, order=1) >= 0.5 - 1e-6
    return moved

"""Borders drawn too far out or too far in, everywhere or here and there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.volume import BoolArray

Spacing = tuple[float, float, float]
Field = npt.NDArray[np.float32]

# An inward displacement stops at this share of the deepest voxel's depth: labels thin out, they do not vanish.
_MOST_OF_DEPTH = 0.7


def signed_distance_mm(mask: BoolArray, spacing_mm: Sequence[float]) -> Field:
    """Return each voxel centre's distance from the border in mm, float32, negative inside; 2D or 3D.

    The border runs half a (mean) voxel from the centres on either side of it, which is exact for faces along the
    grid; from oblique borders the distances come out up to a third of a voxel short. Beyond the array there
    is nothing of the mask.
    """
    half = float(np.mean(spacing_mm)) / 2
    padded = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)
    inside = padded[(slice(1, -1),) * mask.ndim]
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    return np.asarray(np.where(mask, half - inside, outside - half), dtype=np.float32)


def displace_boundary(mask: BoolArray, shift_mm: float | Field, spacing_mm: Spacing) -> BoolArray:
    """Return a mask whose border has moved outward by `shift_mm`, bool [I, J, K].

    Args:
        mask: bool [I, J, K], not empty.
        shift_mm: Displacement in mm, inward where negative: one number or one per voxel. Inward, it ends
            at 70 % of the depth of the deepest voxel.
        spacing_mm: Voxel size along i, j, k, in mm.
    """
    distance = signed_distance_mm(mask, spacing_mm)
    shift = np.maximum(shift_mm, _MOST_OF_DEPTH * float(distance.min()))
    displaced: BoolArray = distance < shift
    return displaced


def smooth_field(
    shape: tuple[int, int, int], spacing_mm: Spacing, length_mm: float, rng: np.random.Generator
) -> Field:
    """Return smooth normal noise, float32 [I, J, K]: mean 0, variance 1 at every voxel.

    The correlation of voxels a distance d apart is close to exp(-(d / length_mm)²).

    Args:
        shape: Voxels along i, j, k.
        spacing_mm: Voxel size along i, j, k, in mm.
        length_mm: Distance at which the correlation has fallen to 1/e, in mm, above 0.
        rng: Source of randomness.
    """
    weights = [_weights(count, step, length_mm / 2) for count, step in zip(shape, spacing_mm, strict=True)]
    field = rng.standard_normal([axis.shape[1] for axis in weights], dtype=np.float32)
    for axis in weights:
        field = np.moveaxis(np.tensordot(axis, field, axes=(1, 0)), 0, -1)
    return np.ascontiguousarray(field)


def _weights(count: int, step_mm: float, width_mm: float) -> Field:
    """Return Gaussian weights of nodes `width_mm` apart at each voxel, [count, nodes]; squares sum to 1."""
    nodes = np.arange(-3, np.ceil((count - 1) * step_mm / width_mm) + 4) * width_mm
    offsets = np.arange(count)[:, None] * step_mm - nodes[None, :]
    weights = np.exp(-0.5 * (offsets / width_mm) ** 2)
    return np.asarray(weights / np.linalg.norm(weights, axis=1, keepdims=True), dtype=np.float32)

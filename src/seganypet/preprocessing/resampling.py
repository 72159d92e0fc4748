"""Separable linear resampling between grids whose axes run along each other.

The products are torch's: NumPy's library has threads of its own, which go on spinning for a while after each product
and so halve the speed of a network that comes next on the same cores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seganypet.errors import GeometryError
from seganypet.volume import FloatArray

# A row of weights reaches a few voxels only: products are taken over bands of so many output voxels.
_BAND = 32
# Voxels of a slab that is resampled at once (64 MB of float32): bounds what large volumes need.
_SLAB_VOXELS = 1 << 24


def axis_weights(
    n_in: int, n_out: int, *, scale: float | None = None, rows: slice = slice(None)
) -> FloatArray:
    """Return the weights that resample one axis: float32 [n_out, n_in], rows summing to 1.

    Both grids begin at the same edge. Output voxel o lies at input index (o + 0.5) * scale - 0.5. The
    kernel is a triangle, one input voxel wide to either side, or one output voxel where the output is
    coarser, so that detail which the output cannot hold is averaged and not aliased.

    Args:
        n_in: Number of input voxels.
        n_out: Number of output voxels.
        scale: Output spacing over input spacing; by default the extents are equal (n_in / n_out).
        rows: Which output voxels; by default all.

    Raises:
        GeometryError: A number of voxels or the scale is not positive.
    """
    scale = n_in / n_out if scale is None and n_out > 0 else scale
    if n_in < 1 or n_out < 1 or scale is None or not (math.isfinite(scale) and scale > 0):
        raise GeometryError(
            f"cannot resample {n_in} voxels to {n_out} at scale {scale}; all must be positive"
        )
    positions = (np.arange(n_out, dtype=np.float64)[rows] + 0.5) * scale - 0.5
    return linear_weights(positions, n_in, width=max(scale, 1.0))


def linear_weights(positions: npt.NDArray[np.float64], n_in: int, *, width: float = 1.0) -> FloatArray:
    """Return the weights of a triangle kernel at given positions: float32 [len(positions), n_in].

    Args:
        positions: Input indices (fractional; integer = voxel centre); beyond the ends, the end is taken.
        n_in: Number of input voxels.
        width: Half width of the triangle, in input voxels, at least 1; 1 is linear interpolation.
    """
    clamped = np.clip(positions, 0, n_in - 1)
    weights = np.maximum(0.0, 1.0 - np.abs(clamped[:, None] - np.arange(n_in)) / width)
    normalised: FloatArray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def resample(
    array: npt.NDArray[Any], weights_i: FloatArray, weights_j: FloatArray, weights_k: FloatArray
) -> FloatArray:
    """Return the array resampled along its three axes.

    The axis that shrinks least comes last; the other two are resampled slab by slab along it, so that
    the largest intermediate array is the one with two axes done.

    Args:
        array: [I, J, K], any real type and memory layout; not changed.
        weights_i: float32 [I', I], as from `axis_weights`; likewise j and k.
        weights_j: float32 [J', J].
        weights_k: float32 [K', K].

    Returns:
        float32 [I', J', K'], C-contiguous and newly allocated.

    Raises:
        GeometryError: The array is not 3D or does not fit the weights.
    """
    weights = (weights_i, weights_j, weights_k)
    if array.shape != tuple(w.shape[1] for w in weights):
        raise GeometryError(
            f"array of shape {array.shape} does not fit weights for {tuple(w.shape[1] for w in weights)}"
        )
    growth = [w.shape[0] / w.shape[1] for w in weights]
    first, second, last = sorted(range(3), key=growth.__getitem__)
    shape = [w.shape[0] for w in weights]
    shape[last] = array.shape[last]
    partial = np.empty(shape, dtype=np.float32)
    for slab in _slabs(array.shape, last):
        part = np.array(array[slab], dtype=np.float32, order="C")  # torch wants memory it may write to
        part = _resample_axis(part, weights[first], first)
        partial[slab] = _resample_axis(part, weights[second], second)
    return _resample_axis(partial, weights[last], last)


def bands(weights: FloatArray, size: int = _BAND) -> Iterator[tuple[slice, slice]]:
    """Yield, for successive runs of rows, the rows and the columns in which they are not zero."""
    for start in range(0, weights.shape[0], size):
        rows = slice(start, min(start + size, weights.shape[0]))
        yield rows, used_columns(weights[rows])


def used_columns(weights: FloatArray) -> slice:
    """Return the shortest run of columns outside which the weights, one row or more, are zero."""
    used = np.flatnonzero(weights.any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1)


def _slabs(shape: tuple[int, ...], axis: int) -> Iterator[tuple[slice, ...]]:
    """Yield the slices of slabs along one axis that hold a bounded number of voxels."""
    thickness = max(1, _SLAB_VOXELS * shape[axis] // max(1, math.prod(shape)))
    for start in range(0, shape[axis], thickness):
        slab = [slice(None)] * 3
        slab[axis] = slice(start, start + thickness)
        yield tuple(slab)


def _resample_axis(array: FloatArray, weights: FloatArray, axis: int) -> FloatArray:
    """Return a C-contiguous array resampled along one axis; the same array where nothing changes."""
    if _is_identity(weights):
        return array
    before, after = math.prod(array.shape[:axis]), math.prod(array.shape[axis + 1 :])
    stacked = torch.from_numpy(array).reshape(before, array.shape[axis], after)
    result = torch.empty(before, weights.shape[0], after)
    for rows, columns in bands(weights):
        band = torch.from_numpy(weights[rows, columns])
        if after == 1:
            result[:, rows, 0] = stacked[:, columns, 0] @ band.T
        else:
            result[:, rows] = torch.bmm(band.expand(before, -1, -1), stacked[:, columns])
    resampled: FloatArray = result.numpy()
    return resampled.reshape(*array.shape[:axis], weights.shape[0], *array.shape[axis + 1 :])


def _is_identity(weights: FloatArray) -> bool:
    n_out, n_in = weights.shape
    return n_out == n_in and bool(np.array_equal(weights, np.eye(n_in, dtype=np.float32)))

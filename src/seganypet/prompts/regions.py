"""Parts of a mask: where they lie, which is the largest, what its outermost layer is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

BoolArray = npt.NDArray[np.bool_]
Voxel = tuple[int, int, int]
Slices = tuple[slice, slice, slice]

_TOUCHING = np.ones((3, 3, 3), dtype=bool)


class Region(NamedTuple):
    """A connected part of a mask, cut out of it.

    Attributes:
        box: The smallest box of the mask that holds the part.
        inside: Which voxels of that box belong to it, bool [I, J, K].
        voxels: How many they are.
    """

    box: Slices
    inside: BoolArray
    voxels: int

    def in_mask(self, voxel: Voxel) -> Voxel:
        """Return a voxel of the box as a voxel of the mask."""
        i, j, k = (at + along.start for at, along in zip(voxel, self.box, strict=True))
        return i, j, k


def bounding_box(mask: BoolArray) -> Slices:
    """Return the smallest box that holds a mask [I, J, K] that is not empty."""
    # The projection along the first axis is by far the quickest: the others look only at what it leaves.
    shadow: BoolArray = np.logical_or.reduce(mask, axis=0)
    j, k = _extent(shadow, (1,)), _extent(shadow, (0,))
    return _extent(mask[:, j, k], (1, 2)), j, k


def largest_region(mask: BoolArray) -> Region:
    """Return the largest 26-connected component of a mask [I, J, K] that is not empty; of equals the first."""
    box = bounding_box(mask)
    labels, _ = ndimage.label(mask[box], structure=_TOUCHING)
    sizes = np.bincount(labels[mask[box]])
    largest = int(np.argmax(sizes))
    inside = labels == largest
    inner = bounding_box(inside)
    i, j, k = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(box, inner, strict=True))
    return Region((i, j, k), inside[inner], int(sizes[largest]))


def largest_component(mask: BoolArray) -> BoolArray:
    """Return the largest 26-connected component of a mask that is not empty, on the mask's own grid."""
    region = largest_region(mask)
    largest = np.zeros_like(mask)
    largest[region.box] = region.inside
    return largest


def outermost_layer(mask: BoolArray) -> BoolArray:
    """Return the voxels of a mask [I, J, K] with a face neighbour outside it; what lies beyond the array is outside."""
    padded = np.pad(mask, 1)
    inner = padded[2:, 1:-1, 1:-1] & padded[:-2, 1:-1, 1:-1]
    inner &= padded[1:-1, 2:, 1:-1]
    inner &= padded[1:-1, :-2, 1:-1]
    inner &= padded[1:-1, 1:-1, 2:]
    inner &= padded[1:-1, 1:-1, :-2]
    return mask & ~inner


def any_voxel(mask: BoolArray, generator: np.random.Generator) -> Voxel:
    """Return a voxel of a mask that is not empty, each with equal chance."""
    flat = np.flatnonzero(mask)
    return unravel(int(flat[generator.integers(len(flat))]), mask.shape)


def unravel(flat: int, shape: tuple[int, ...]) -> Voxel:
    """Return the voxel that a flat index stands for."""
    i, j, k = np.unravel_index(flat, shape)
    return int(i), int(j), int(k)


def _extent(mask: BoolArray, others: tuple[int, ...]) -> slice:
    """Return the slice from the first to the last True along the axis that is left of the mask."""
    found = np.flatnonzero(mask.any(axis=others))
    return slice(int(found[0]), int(found[-1]) + 1)

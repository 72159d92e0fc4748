"""Cut boxes out of arrays and put them back, also where they reach beyond the array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError

Scalar = TypeVar("Scalar", bound=np.generic)


def crop_or_pad(
    array: npt.NDArray[Scalar], start_ijk: Sequence[int], size: Sequence[int], *, pad_value: float = 0
) -> npt.NDArray[Scalar]:
    """Return a copy of a box of the array, padded where the box reaches beyond it.

    Args:
        array: [I, J, K], any type.
        start_ijk: First voxel of the box, in voxel coordinates of the array; may be negative or beyond.
        size: Number of voxels of the box along i, j, k.
        pad_value: Value of voxels outside the array.

    Returns:
        Array of shape `size` and of the input's type.

    Raises:
        GeometryError: Array, start or size is not three-dimensional, or the size is not positive.
    """
    check_size(size)
    box = np.full(tuple(size), pad_value, dtype=array.dtype)
    in_array, in_box = overlap(array.shape, tuple(size), start_ijk)
    box[in_box] = array[in_array]
    return box


def paste(target: npt.NDArray[Any], patch: npt.NDArray[Any], start_ijk: Sequence[int]) -> None:
    """Write a box into an array in place, ignoring what lies outside; the inverse of `crop_or_pad`.

    Args:
        target: [I, J, K]; changed.
        patch: Values of the box, 3D.
        start_ijk: First voxel of the box, in voxel coordinates of the target.

    Raises:
        GeometryError: Target, patch or start is not three-dimensional.
    """
    in_target, in_patch = overlap(target.shape, patch.shape, start_ijk)
    target[in_target] = patch[in_patch]


def overlap(
    shape: tuple[int, ...], size: tuple[int, ...], start_ijk: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the common voxels of an array and a box as slices of the array and of the box; empty where there are none.

    Args:
        shape: Of the array, three axes.
        size: Of the box.
        start_ijk: First voxel of the box, in voxel coordinates of the array.

    Raises:
        GeometryError: One of them is not three-dimensional, or the start is no voxel.
    """
    if not len(shape) == len(size) == len(start_ijk) == 3:
        raise GeometryError(
            f"box of size {size} at {tuple(start_ijk)} in an array of shape {shape}; expected three axes each"
        )
    if not _are_whole(start_ijk):
        raise GeometryError(f"box that starts at {tuple(start_ijk)}; expected whole voxels: round them")
    in_array, in_box = [], []
    for n, extent, start in zip(shape, size, start_ijk, strict=True):
        first = min(max(start, 0), n)
        stop = max(min(start + extent, n), first)
        in_array.append(slice(first, stop))
        in_box.append(slice(first - start, stop - start) if stop > first else slice(0))
    return tuple(in_array), tuple(in_box)


def bounding_box(mask: npt.NDArray[np.bool_]) -> tuple[slice, slice, slice] | None:
    """Return the smallest box that holds a mask [I, J, K], or None where it is empty."""
    slices = []
    for others in ((1, 2), (0, 2), (0, 1)):
        found = np.flatnonzero(mask.any(axis=others))
        if not found.size:
            return None
        slices.append(slice(int(found[0]), int(found[-1]) + 1))
    return slices[0], slices[1], slices[2]


def check_size(size: Sequence[int]) -> None:
    """Refuse what is no size of a box.

    Raises:
        GeometryError: Not three whole numbers, or one is not positive.
    """
    if len(size) != 3 or not _are_whole(size) or min(size) < 1:
        raise GeometryError(f"box of size {tuple(size)}; expected three positive numbers of voxels")


def _are_whole(numbers: Sequence[object]) -> bool:
    return all(isinstance(n, (int, np.integer)) for n in numbers)

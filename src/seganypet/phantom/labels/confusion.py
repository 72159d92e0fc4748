"""Organs taken for one another: leaks into a neighbour, moved divides, swapped sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage

from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.labels.boundary import Spacing, smooth_field
from seganypet.volume import BoolArray


def contact(mask: BoolArray, neighbours: BoolArray, reach: int = 2) -> BoolArray:
    """Return the voxels of the neighbours at most `reach` steps over faces from the mask, bool [I, J, K]."""
    near: BoolArray = ndimage.binary_dilation(mask, iterations=reach) & neighbours
    return near


def take_piece(
    neighbour: BoolArray, center_ijk: Sequence[int], radius_mm: float, spacing_mm: Spacing
) -> BoolArray:
    """Return what of the neighbour lies in a ball about a voxel, bool [I, J, K]."""
    squares = [
        ((np.arange(count) - at) * step) ** 2
        for count, at, step in zip(neighbour.shape, center_ijk, spacing_mm, strict=True)
    ]
    piece: BoolArray = neighbour & (
        squares[0][:, None, None] + squares[1][:, None] + squares[2] <= radius_mm**2
    )
    return piece


def move_divides(
    label_map: LabelArray,
    ids: Sequence[int],
    amplitude_mm: float,
    length_mm: float,
    spacing_mm: Spacing,
    rng: np.random.Generator,
) -> LabelArray:
    """Return the map with the divides between these ids displaced smoothly, int16 [I, J, K].

    The voxels of all ids together stay the same ones.

    Args:
        label_map: int16 [I, J, K].
        ids: Parts of one organ.
        amplitude_mm: Standard deviation of the displacement along each axis, in mm.
        length_mm: Distance over which the displacement changes, in mm.
        spacing_mm: Voxel size along i, j, k, in mm.
        rng: Source of randomness.
    """
    organ = np.isin(label_map, ids)
    at = np.nonzero(organ)
    source = []
    for axis, (count, step) in enumerate(zip(label_map.shape, spacing_mm, strict=True)):
        field = smooth_field(_three(label_map), spacing_mm, length_mm, rng)
        moved = np.rint(at[axis] + field[at] * (amplitude_mm / step)).astype(int)
        source.append(np.clip(moved, 0, count - 1))
    drawn = label_map[tuple(source)]
    result = label_map.copy()
    result[at] = np.where(np.isin(drawn, ids), drawn, label_map[at])
    return result


def _three(label_map: LabelArray) -> tuple[int, int, int]:
    i, j, k = label_map.shape
    return i, j, k


def relabel(label_map: LabelArray, new_ids: Mapping[int, int]) -> LabelArray:
    """Return the map with ids replaced, all at once (so that a swap is one call), int16 [I, J, K]."""
    table = np.arange(max(int(label_map.max(initial=0)), *new_ids) + 1, dtype=np.int16)
    for old, new in new_ids.items():
        table[old] = new
    return np.asarray(table[label_map])

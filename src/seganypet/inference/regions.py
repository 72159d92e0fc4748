"""Parts of a predicted target on a box of the working grid: which of them prompts speak of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from seganypet.inference.tiling import Start
from seganypet.preprocessing.cropping import bounding_box
from seganypet.prompts import Click, deepest_voxel, largest_component
from seganypet.volume import BoolArray


def connected_to(mask: BoolArray, seeds: BoolArray) -> BoolArray:
    """Return the 26-connected components of a mask that touch a seed."""
    connected = np.zeros_like(mask)
    box = bounding_box(mask)
    if box is None:
        return connected
    labels, count = ndimage.label(mask[box], structure=np.ones((3, 3, 3), dtype=bool))
    touched = np.zeros(count + 1, dtype=np.bool_)
    touched[labels[seeds[box]]] = True
    touched[0] = False
    connected[box] = touched[labels]
    return connected


def click_seeds(clicks: Sequence[Click], start: Start, shape: tuple[int, ...]) -> BoolArray:
    """Return the voxels around the positive clicks, one voxel to each side, on a box of the working grid."""
    seeds = np.zeros(shape, dtype=np.bool_)
    for click in clicks:
        if click.positive:
            centre = [round(c) - s for c, s in zip(click.ijk, start, strict=True)]
            seeds[tuple(slice(max(0, c - 1), max(0, c + 2)) for c in centre)] = True
    return seeds


def stand_in(inside: BoolArray, clicks: Sequence[Click]) -> Click | None:
    """Return a positive click in the middle of the largest part of a target, away from negative clicks.

    Args:
        inside: The target, bool [I, J, K].
        clicks: Those of the box, in its voxels.
    """
    allowed = inside.copy()
    for click in clicks:
        if not click.positive:
            allowed[voxel_of(click, inside.shape)] = False
    if not allowed.any():
        return None
    i, j, k = deepest_voxel(largest_component(allowed), (1.0, 1.0, 1.0))
    return Click((i, j, k))


def voxel_of(click: Click, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the voxel of a box that a click lies in, or the nearest one."""
    return tuple(min(max(int(np.floor(c + 0.5)), 0), n - 1) for c, n in zip(click.ijk, shape, strict=True))

"""A reader's box on the working grid: where it lies, which windows cover it, what each of them sees of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from seganypet.errors import PromptError
from seganypet.inference.tiling import Start
from seganypet.preprocessing.model_grid import ModelGrid
from seganypet.preprocessing.orientation import Points, Shape
from seganypet.prompts import Box, Click
from seganypet.prompts.box import Corner


def require_inside(box: Box, shape: Shape) -> None:
    """Refuse a box that is not wholly inside a volume.

    Args:
        box: In the volume's own voxels.
        shape: Of the volume.

    Raises:
        PromptError: It reaches beyond.
    """
    if min(box.ijk_min) < 0 or any(c > n - 1 for c, n in zip(box.ijk_max, shape, strict=True)):
        raise PromptError(
            f"box from {box.ijk_min} to {box.ijk_max} reaches beyond the volume, whose voxels run from (0, 0, 0) to "
            f"{tuple(n - 1 for n in shape)}; give the first and last voxel that it holds"
        )


def on_grid(box: Box, grid: ModelGrid) -> Box:
    """Return a box of the volume on its working grid: its faces stay where they are in the body.

    A box thinner than a working voxel becomes one voxel thick, its middle where it was.

    Args:
        box: In the volume's own voxels; it reaches half a voxel beyond the centres of its first and last voxel.
        grid: The working grid of that volume.
    """
    faces = grid.to_model_ijk([np.subtract(box.ijk_min, 0.5), np.add(box.ijk_max, 0.5)])
    middle = faces.mean(axis=0)
    first, last = faces.min(axis=0) + 0.5, faces.max(axis=0) - 0.5
    return Box(_corner(np.minimum(first, middle)), _corner(np.maximum(last, middle)))


def windows_over(box: Box, size: int) -> list[Start]:
    """Return windows that cover a box: one around its middle, or with 50 % overlap as many as it takes.

    The windows nearest to the box's middle come first.

    Args:
        box: On the working grid.
        size: Voxels along each side of a window.
    """
    i, j, k = (_starts(first, last, size) for first, last in zip(box.ijk_min, box.ijk_max, strict=True))
    middle = (np.add(box.ijk_min, box.ijk_max) - size + 1) / 2
    return sorted(itertools.product(i, j, k), key=lambda start: float(np.square(start - middle).sum()))


def seen_from(window: Start, box: Box | None, size: int) -> Box | None:
    """Return the part of a box that lies in a window, in its voxels, or None where it holds none of their centres.

    Args:
        window: First voxel of the window on the working grid.
        box: On the working grid.
        size: Voxels along each side of the window.
    """
    if box is None:
        return None
    first, last = (np.subtract(corner, window) for corner in (box.ijk_min, box.ijk_max))
    if (last < -0.5).any() or (first > size - 0.5).any():
        return None
    return Box(_corner(first.clip(0, size - 1)), _corner(last.clip(0, size - 1)))


def voxels_in(box: Box, start: Start, shape: Sequence[int]) -> tuple[slice, ...]:
    """Return the voxels of a part of the working grid whose centres lie in a box.

    Args:
        box: On the working grid.
        start: First voxel of the part on the working grid.
        shape: Of the part.
    """
    return tuple(
        slice(min(max(math.ceil(f - 0.5) - s, 0), n), min(max(math.floor(t + 0.5) + 1 - s, 0), n))
        for f, t, s, n in zip(box.ijk_min, box.ijk_max, start, shape, strict=True)
    )


def holds_click(box: Box, click: Click) -> bool:
    """Return whether a click lies in a box; both on the same grid."""
    return all(f - 0.5 <= c <= t + 0.5 for f, t, c in zip(box.ijk_min, box.ijk_max, click.ijk, strict=True))


def _starts(first: float, last: float, size: int) -> list[int]:
    """Return where windows start along one axis: as few as cover a box, half a window apart, around its middle."""
    step = size // 2
    for count in itertools.count(1):
        length = size + (count - 1) * step
        start = round((first + last - length + 1) / 2)
        if start <= first and last <= start + length - 1:
            break
    return [start + n * step for n in range(count)]


def _corner(ijk: Points) -> Corner:
    """Return three coordinates as numbers of Python."""
    i, j, k = (float(c) for c in ijk)
    return i, j, k

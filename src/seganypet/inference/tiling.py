"""Where windows go on the working grid, when they grow, and how their logits merge without seams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from seganypet.preprocessing.cropping import crop_or_pad, overlap
from seganypet.preprocessing.orientation import Shape
from seganypet.volume import BoolArray, FloatArray

Start = tuple[int, int, int]
Box = tuple[slice, ...]

# A region that touches a face with fewer voxels ends there for all that the resolution can tell.
_MIN_FACE_VOXELS = 4
# Voxels next to a face in which the prediction counts as reaching it.
_FACE_DEPTH = 2
# Of a mask given before, where a window's weight is 1 at its centre and about this much near its faces.
_BASE_WEIGHT = 0.02
# Planes of a box that are weighted at once; bounds what merging holds beside its result.
_SLAB = 16


class Logits(Protocol):
    """Logits on the working grid, of which boxes can be had."""

    def crop(self, start: Start, size: Shape) -> FloatArray:
        """Return the logits of a box, a new array; 0 where nothing is known."""


@dataclass(frozen=True)
class LogitBox:
    """Logits on a box of the working grid.

    Attributes:
        start: First voxel of the box on the working grid.
        logits: float32 [I, J, K]; 0 where nothing is known.
        known: Where any window has spoken, bool [I, J, K]; a mask given before is none.
    """

    start: Start
    logits: FloatArray
    known: BoolArray

    def crop(self, start: Start, size: Shape) -> FloatArray:
        """Return the logits of another box, 0 where nothing is known."""
        return crop_or_pad(self.logits, tuple(a - b for a, b in zip(start, self.start, strict=True)), size)


def box_of(windows: Iterable[Start], size: int, shape: Shape) -> tuple[Start, Shape]:
    """Return the smallest box of the working grid that holds what of the windows lies in it: its start and size.

    Args:
        windows: First voxel of each (may be negative).
        size: Voxels along each side of a window.
        shape: Shape of the working grid.
    """
    corners = np.array(list(windows))
    i, j, k = (int(n) for n in np.clip(corners.min(axis=0), 0, shape))
    to_i, to_j, to_k = (int(n) for n in np.clip(corners.max(axis=0) + size, 0, shape))
    return (i, j, k), (to_i - i, to_j - j, to_k - k)


def apart(windows: Iterable[Start], size: int) -> list[list[Start]]:
    """Return the windows in groups whose boxes neither overlap nor touch, so that each can be merged alone.

    Args:
        windows: First voxel of each.
        size: Voxels along each side of a window.
    """
    groups: list[list[Start]] = []
    for window in windows:
        group, rest = [window], groups
        while True:
            joined = [other for other in rest if _touch(group, other, size)]
            if not joined:
                break
            group = [*(w for other in joined for w in other), *group]
            rest = [other for other in rest if other not in joined]
        groups = [*rest, group]
    return groups


def merge(
    windows: Iterable[tuple[Start, FloatArray]], start: Start, size: Shape, base: Logits | None = None
) -> LogitBox:
    """Return the weighted mean of overlapping windows on a box of the working grid.

    Weights fall linearly from a window's centre to its faces, so that with 50 % overlap one window takes over from
    the next gradually and no seam shows. Windows are taken one after the other, in thin slabs, so that little more
    than the result is held.

    Args:
        windows: First voxel of each window on the working grid (may be negative), and its logits [P, P, P].
        start: First voxel of the box on the working grid.
        size: Of the box; what windows say beyond it is dropped.
        base: Logits of a mask given before; they fade out towards the windows' centres.
    """
    if base is None:
        total = np.zeros(size, np.float32)
    else:
        total = base.crop(start, size)
        total *= _BASE_WEIGHT
    placed = []
    for window, logits in windows:
        at = (window[0] - start[0], window[1] - start[1], window[2] - start[2])
        placed.append((at, logits.shape[0]))
        for box, inside in _slabs(size, at, logits.shape[0]):
            total[box] += logits[inside] * _hat(logits.shape[0])[inside]
    known = np.zeros(size, np.bool_)
    for first in range(0, size[0], _SLAB):
        slab = slice(first, first + _SLAB)
        weights = np.full_like(total[slab], 0 if base is None else _BASE_WEIGHT)
        for (i, j, k), side in placed:
            for box, inside in _slabs(weights.shape, (i - first, j, k), side):
                weights[box] += _hat(side)[inside]
                known[slab][box] = True
        np.divide(total[slab], weights, out=total[slab], where=weights > 0)
    return LogitBox(start, total, known)


def open_neighbours(region: BoolArray, window: Start, shape: Shape) -> Iterator[Start]:
    """Yield the windows, half a window further, beyond each face that the region reaches while the body goes on.

    Args:
        region: The target as predicted inside the window, bool [P, P, P].
        window: First voxel of the window on the working grid.
        shape: Shape of the working grid.
    """
    for axis, side, neighbour in neighbours(window, region.shape[0], shape):
        near = range(_FACE_DEPTH) if side < 0 else range(-_FACE_DEPTH, 0)
        if np.count_nonzero(np.take(region, near, axis=axis).any(axis=axis)) >= _MIN_FACE_VOXELS:
            yield neighbour


def neighbours(window: Start, size: int, shape: Shape) -> Iterator[tuple[int, int, Start]]:
    """Yield the windows, half a window further, beyond each face behind which the working grid goes on.

    Each comes with the face's axis and its side, -1 or 1.
    """
    for axis in range(3):
        for side in (-1, 1):
            if window[axis] <= 0 if side < 0 else window[axis] + size >= shape[axis]:
                continue
            step = [0, 0, 0]
            step[axis] = side * size // 2
            yield axis, side, (window[0] + step[0], window[1] + step[1], window[2] + step[2])


def window_around(ijk: tuple[float, float, float], size: int) -> Start:
    """Return the window whose centre is nearest to a point of the working grid."""
    i, j, k = (round(c) - size // 2 for c in ijk)
    return i, j, k


def holds(window: Start, ijk: tuple[float, float, float], size: int, *, margin: float = 0.0) -> bool:
    """Return whether a point of the working grid lies in a window, at least `margin` voxels from its faces."""
    return all(s - 0.5 + margin <= c <= s + size - 0.5 - margin for s, c in zip(window, ijk, strict=True))


def _touch(one: Sequence[Start], other: Sequence[Start], size: int) -> bool:
    """Return whether the boxes around two groups of windows overlap or have faces, edges or corners in common."""
    return all(
        min(a) <= max(b) + size and min(b) <= max(a) + size
        for a, b in zip(zip(*one, strict=True), zip(*other, strict=True), strict=True)
    )


@lru_cache(maxsize=4)
def _hat(size: int) -> FloatArray:
    """Return weights [size, size, size] that fall linearly from the centre and stay above 0 at the faces."""
    centre = (size - 1) / 2
    line = 1.0 - np.abs(np.arange(size) - centre) / (size / 2)
    hat: FloatArray = np.einsum("i,j,k->ijk", line, line, line).astype(np.float32)
    return hat


def _slabs(shape: tuple[int, ...], at: Start, side: int) -> Iterator[tuple[Box, Box]]:
    """Yield the common voxels of a box of a shape and a window at a place in it, slab by slab, as slices of each."""
    in_box, in_window = overlap(shape, (side,) * 3, at)
    for first in range(in_box[0].start, in_box[0].stop, _SLAB):
        stop = min(first + _SLAB, in_box[0].stop)
        yield (slice(first, stop), *in_box[1:]), (slice(first - at[0], stop - at[0]), *in_window[1:])

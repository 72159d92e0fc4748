"""Where windows go on the working grid, when they grow, and how their logits merge without seams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seganypet.preprocessing.cropping import crop_or_pad

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Start = tuple[int, int, int]

# A region that touches a face with fewer voxels ends there for all that the resolution can tell.
_MIN_FACE_VOXELS = 4
# Voxels next to a face in which the prediction counts as reaching it.
_FACE_DEPTH = 2
# Of a mask given before, where a window's weight is 1 at its centre and about this much near its faces.
_BASE_WEIGHT = 0.02


@dataclass(frozen=True)
class LogitBox:
    """Logits on a box of the working grid.

    Attributes:
        start: First voxel of the box on the working grid.
        logits: float32 [I, J, K]; 0 where nothing is known.
        known: Where any window has spoken, bool [I, J, K].
    """

    start: Start
    logits: FloatArray
    known: BoolArray

    def crop(self, start: Start, size: tuple[int, int, int]) -> FloatArray:
        """Return the logits of another box, 0 where nothing is known."""
        return crop_or_pad(self.logits, tuple(a - b for a, b in zip(start, self.start, strict=True)), size)


def merge(
    windows: Mapping[Start, FloatArray], shape: tuple[int, int, int], base: FloatArray | None = None
) -> LogitBox:
    """Return the weighted mean of overlapping windows, on the smallest box of the grid that holds them.

    Weights fall linearly from a window's centre to its faces, so that with 50 % overlap one window takes over from
    the next gradually and no seam shows.

    Args:
        windows: Logits [P, P, P] of each window by its first voxel on the working grid (may be negative).
        shape: Shape of the working grid; what lies outside is dropped.
        base: Logits of a mask given before, on the whole working grid; they fade out towards the windows' centres.
    """
    size = next(iter(windows.values())).shape[0]
    low = [max(0, min(s[a] for s in windows)) for a in range(3)]
    high = [min(shape[a], max(s[a] for s in windows) + size) for a in range(3)]
    start = (low[0], low[1], low[2])
    extent = tuple(h - lo for h, lo in zip(high, low, strict=True))
    total, weights = np.zeros(extent, np.float32), np.zeros(extent, np.float32)
    if base is not None:
        total += _BASE_WEIGHT * base[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        weights += _BASE_WEIGHT
    hat = _hat(size)
    for at, logits in windows.items():
        in_box, in_window = _common(at, start, size, extent)
        total[in_box] += (logits * hat)[in_window]
        weights[in_box] += hat[in_window]
    known = weights > 0
    np.divide(total, weights, out=total, where=known)
    return LogitBox(start, total, known)


def open_neighbours(region: BoolArray, window: Start, shape: tuple[int, int, int]) -> Iterator[Start]:
    """Yield the windows, half a window further, beyond each face that the region reaches while the body goes on.

    Args:
        region: The target as predicted inside the window, bool [P, P, P].
        window: First voxel of the window on the working grid.
        shape: Shape of the working grid.
    """
    size = region.shape[0]
    for axis in range(3):
        for side in (-1, 1):
            ends = window[axis] <= 0 if side < 0 else window[axis] + size >= shape[axis]
            slab = np.take(
                region, range(_FACE_DEPTH) if side < 0 else range(size - _FACE_DEPTH, size), axis=axis
            )
            if ends or np.count_nonzero(slab.any(axis=axis)) < _MIN_FACE_VOXELS:
                continue
            step = [0, 0, 0]
            step[axis] = side * size // 2
            yield window[0] + step[0], window[1] + step[1], window[2] + step[2]


def window_around(ijk: tuple[float, float, float], size: int) -> Start:
    """Return the window whose centre is nearest to a point of the working grid."""
    i, j, k = (round(c) - size // 2 for c in ijk)
    return i, j, k


def holds(window: Start, ijk: tuple[float, float, float], size: int, *, margin: float = 0.0) -> bool:
    """Return whether a point of the working grid lies in a window, at least `margin` voxels from its faces."""
    return all(s - 0.5 + margin <= c <= s + size - 0.5 - margin for s, c in zip(window, ijk, strict=True))


def _hat(size: int) -> FloatArray:
    """Return weights [size, size, size] that fall linearly from the centre and stay above 0 at the faces."""
    centre = (size - 1) / 2
    line = 1.0 - np.abs(np.arange(size) - centre) / (size / 2)
    hat: FloatArray = np.einsum("i,j,k->ijk", line, line, line).astype(np.float32)
    return hat


def _common(
    window: Start, box: Start, size: int, extent: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the common part of a window and a box, as slices of each."""
    in_box, in_window = [], []
    for w, b, e in zip(window, box, extent, strict=True):
        first, last = max(w, b), min(w + size, b + e)
        in_box.append(slice(first - b, max(last, first) - b))
        in_window.append(slice(first - w, max(last, first) - w))
    return tuple(in_box), tuple(in_window)

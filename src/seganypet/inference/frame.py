"""A common grid for what several scales say of a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seganypet.inference.tiling import LogitBox
from seganypet.preprocessing.cropping import bounding_box
from seganypet.preprocessing.orientation import Shape
from seganypet.preprocessing.resampling import linear_weights, resample
from seganypet.prompts import Click
from seganypet.volume import FloatArray

# Voxels along the longest side, so that looking at it takes no time that a reader would feel.
_LONGEST = 96
# Voxels of the network's own grid around all masks.
_MARGIN = 3


@dataclass(frozen=True)
class Frame:
    """A box of cubic voxels on a grid that begins at the same corner of the field of view as all working grids.

    Attributes:
        edge: Of its voxels, in voxels of the network's own grid.
        start: First voxel of the box.
        size: Voxels along each axis.
    """

    edge: int
    start: Shape
    size: Shape

    @classmethod
    def around(cls, masks: Mapping[float, Sequence[LogitBox]], clicks: Sequence[Click]) -> Frame:
        """Return the frame that holds masks and clicks.

        Args:
            masks: By scale; logits above 0 are inside.
            clicks: At least one, in voxels of the network's own grid.
        """
        placed = np.array([click.ijk for click in clicks])
        corners = [(placed.min(axis=0), placed.max(axis=0) + 1)]
        for scale, boxes in masks.items():
            for box in boxes:
                part = bounding_box(box.logits > 0)
                if part is not None:
                    low, high = ([getattr(p, end) for p in part] for end in ("start", "stop"))
                    corners.append((np.add(box.start, low) * scale, np.add(box.start, high) * scale))
        low = np.floor(np.min([c[0] for c in corners], axis=0)) - _MARGIN
        high = np.ceil(np.max([c[1] for c in corners], axis=0)) + _MARGIN
        edge = max(1, int(np.ceil((high - low).max() / _LONGEST)))
        first, stop = np.floor(low / edge).astype(int), np.ceil(high / edge).astype(int)
        i, j, k = (int(n) for n in first)
        a, b, c = (int(n) for n in stop - first)
        return cls(edge, (i, j, k), (a, b, c))

    def crop(self, boxes: Sequence[LogitBox], scale: float) -> FloatArray:
        """Return logits of a scale, interpolated to the frame, float32; 0 where nothing is known."""
        known, ratio = np.zeros(self.size, dtype=np.float32), self.edge / scale
        for box in boxes:
            weights, inside = [], []
            for first, count, origin, length in zip(
                self.start, self.size, box.start, box.logits.shape, strict=True
            ):
                positions = (np.arange(first, first + count, dtype=np.float64) + 0.5) * ratio - 0.5 - origin
                here = np.flatnonzero((positions >= -0.5) & (positions <= length - 0.5))
                if not here.size:
                    break
                inside.append(slice(int(here[0]), int(here[-1]) + 1))
                weights.append(linear_weights(positions[here], length))
            else:
                i, j, k = weights
                known[tuple(inside)] = resample(box.logits, i, j, k)
        return known

    def voxel_of(self, click: Click) -> Shape:
        """Return the voxel of the frame that a click on the network's own grid lies in, or the nearest one."""
        i, j, k = (
            min(max(int((c + 0.5) // self.edge) - first, 0), count - 1)
            for c, first, count in zip(click.ijk, self.start, self.size, strict=True)
        )
        return i, j, k

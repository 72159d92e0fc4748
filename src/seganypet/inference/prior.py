"""What is known before a window is looked at: a mask given by the reader, or what another scale says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seganypet.inference.tiling import LogitBox
from seganypet.preprocessing.resampling import linear_weights, resample
from seganypet.preprocessing.working_image import WorkingImage
from seganypet.volume import FloatArray

# Logit inside a mask given by the reader; outside it is as much below zero.
_STRENGTH = 5.0


@dataclass(frozen=True, eq=False)
class Prior:
    """The logits of a mask given by the reader, made for the boxes that are asked for.

    Attributes:
        mask: The mask, bool, seen through the working grid.
    """

    mask: WorkingImage

    def crop(self, start: Sequence[int], size: Sequence[int]) -> FloatArray:
        """Return the logits of a box of the working grid, float32; 0, nothing known, outside the field of view."""
        logits = self.mask.crop(start, size, pad_value=0.5)
        logits *= 2 * _STRENGTH
        logits -= _STRENGTH
        return logits


@dataclass(frozen=True, eq=False)
class Rough:
    """Logits of another scale, interpolated for the boxes that are asked for.

    Attributes:
        boxes: On the other scale's working grid, which begins at the same corner of the field of view.
        ratio: Edge of this grid's voxels as a part of the other's.
    """

    boxes: Sequence[LogitBox]
    ratio: float

    def crop(self, start: Sequence[int], size: Sequence[int]) -> FloatArray:
        """Return the logits of a box of this working grid, float32; 0 where nothing is known."""
        known = np.zeros(tuple(size), dtype=np.float32)
        for box in self.boxes:
            weights, inside = [], []
            for first, count, origin, length in zip(start, size, box.start, box.logits.shape, strict=True):
                positions = (
                    (np.arange(first, first + count, dtype=np.float64) + 0.5) * self.ratio - 0.5 - origin
                )
                here = np.flatnonzero((positions >= -0.5) & (positions <= length - 0.5))
                if not here.size:
                    break
                inside.append(slice(int(here[0]), int(here[-1]) + 1))
                weights.append(linear_weights(positions[here], length))
            else:
                i, j, k = weights
                known[tuple(inside)] = resample(box.logits, i, j, k)
        return known

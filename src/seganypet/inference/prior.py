"""What is known before a window is looked at: a mask given by the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

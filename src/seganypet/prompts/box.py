"""A box that a reader draws around the target."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seganypet.errors import PromptError

Corner = tuple[float, float, float]


@dataclass(frozen=True)
class Box:
    """A box around the target, in the volume's own voxel order.

    Attributes:
        ijk_min: First voxel along each axis, inside the box; integer = voxel centre, fractions are allowed.
        ijk_max: Last voxel along each axis, inside the box.

    Raises:
        PromptError: A corner is not three finite numbers, or the last voxel lies before the first.
    """

    ijk_min: Corner
    ijk_max: Corner

    def __post_init__(self) -> None:
        for corner in (self.ijk_min, self.ijk_max):
            if len(corner) != 3 or not all(math.isfinite(c) for c in corner):
                raise PromptError(
                    f"corner of a box at {corner}; expected three finite voxel coordinates i, j, k"
                )
        if any(last < first for first, last in zip(self.ijk_min, self.ijk_max, strict=True)):
            raise PromptError(
                f"box from {self.ijk_min} to {self.ijk_max}; give its first voxel along each axis, then its last"
            )
        for name in ("ijk_min", "ijk_max"):
            i, j, k = getattr(self, name)
            object.__setattr__(self, name, (float(i), float(j), float(k)))

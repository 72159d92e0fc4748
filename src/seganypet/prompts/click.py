"""One click of a reader."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seganypet.errors import PromptError


@dataclass(frozen=True)
class Click:
    """A point that belongs to the target (positive) or does not (negative).

    Attributes:
        ijk: Voxel coordinate in the volume's own order; integer = voxel centre. Fractions are allowed.
        positive: True inside the target, False outside.

    Raises:
        PromptError: The coordinate is not three finite numbers.
    """

    ijk: tuple[float, float, float]
    positive: bool = True

    def __post_init__(self) -> None:
        if len(self.ijk) != 3 or not all(math.isfinite(c) for c in self.ijk):
            raise PromptError(f"click at {self.ijk}; expected three finite voxel coordinates i, j, k")
        i, j, k = self.ijk
        object.__setattr__(self, "ijk", (float(i), float(j), float(k)))

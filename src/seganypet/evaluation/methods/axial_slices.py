"""Axial slices of a volume as pictures for networks in 2D, and masks of pictures back into the volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seganypet.analysis.views import Hanging, slice_at
from seganypet.volume import BoolArray, FloatArray

Picture = npt.NDArray[np.uint8]

# Percentiles of the voxels above 0 that are shown as black and white.
_DARKEST, _BRIGHTEST = 0.5, 99.5


@dataclass(frozen=True, eq=False)
class AxialView:
    """The axial slices of a volume, as radiologists see them, numbered from the head down.

    Attributes:
        hanging: How the volume's axes lie; an oblique grid is not rotated.
    """

    hanging: Hanging

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a picture."""
        left, posterior, _ = self.hanging.shape
        return posterior, left

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Height and width of a pixel."""
        left, posterior, _ = self.hanging.spacing_mm
        return posterior, left

    def number(self, ijk: Sequence[float]) -> int:
        """Return the slice in which a voxel coordinate lies, or the nearest one."""
        inferior = int(np.floor(self.hanging.point(ijk)[2] + 0.5))
        return min(max(inferior, 0), self.hanging.shape[2] - 1)

    def point(self, ijk: Sequence[float]) -> tuple[float, float]:
        """Return row and column (integer = pixel centre) of a voxel coordinate."""
        left, posterior, _ = self.hanging.point(ijk)
        return posterior, left

    def cut(self, array: npt.NDArray[Any], number: int) -> npt.NDArray[Any]:
        """Return one slice of an array [I, J, K] as [rows, columns]."""
        return slice_at(self.hanging.array(array), "axial", number)

    def paste(self, mask: BoolArray, number: int, picture: BoolArray) -> None:
        """Write [rows, columns] into one slice of a mask [I, J, K]."""
        self.hanging.array(mask)[:, :, number] = picture.T


@dataclass(frozen=True)
class Window:
    """What SUV is black in a picture, and what white."""

    black: float
    white: float

    @classmethod
    def of(cls, suv: FloatArray) -> Window:
        """Return the window of a whole scan: the 0.5th and 99.5th percentile of its voxels above 0.

        So MedSAM's authors prepare what is not CT; SAM's never had such images, and get the same here.
        """
        positive = suv[suv > 0]
        if not positive.size:
            return cls(0.0, 1.0)
        black, white = np.percentile(positive, (_DARKEST, _BRIGHTEST))
        return cls(float(black), float(max(white, black + 1e-6)))

    def picture(self, suv: npt.NDArray[Any]) -> Picture:
        """Return SUV as 8 bits, 0 black and 255 white."""
        shares = (np.asarray(suv, dtype=np.float32) - self.black) / (self.white - self.black)
        picture: Picture = np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8)
        return picture

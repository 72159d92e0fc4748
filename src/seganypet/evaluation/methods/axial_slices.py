"""Axial slices of a volume as pictures for networks in 2D, and masks of pictures back into the volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seganypet.evaluation.readers import axial_axis
from seganypet.volume import Affine, BoolArray, FloatArray

Picture = npt.NDArray[np.uint8]

# Percentiles of the voxels above 0 that are shown as black and white.
_DARKEST, _BRIGHTEST = 0.5, 99.5


@dataclass(frozen=True, kw_only=True)
class AxialView:
    """How the axial slices of a grid are shown: as radiologists see them, front up, the patient's left on the right.

    Pictures are [rows, columns], whatever the order and direction of the array's axes; an oblique grid is not rotated.

    Attributes:
        axis: The array's axis along which the slices follow each other.
        rows_axis: The array's axis that runs down a picture.
        columns_axis: The array's axis that runs to the right.
        flip_rows: Whether the rows run against their axis.
        flip_columns: Likewise the columns.
        shape: Of the array.
        pixel_mm: Height and width of a pixel.
    """

    axis: int
    rows_axis: int
    columns_axis: int
    flip_rows: bool
    flip_columns: bool
    shape: tuple[int, int, int]
    pixel_mm: tuple[float, float]

    @classmethod
    def of(cls, affine: Affine, shape: tuple[int, int, int]) -> AxialView:
        """Return the view of a grid, given its affine (voxel index to RAS+ in mm) and shape."""
        axis = axial_axis(affine)
        spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
        cosines = affine[:3, :3] / spacing_mm
        a, b = (n for n in range(3) if n != axis)
        upright = abs(cosines[0, a]) + abs(cosines[1, b]) >= abs(cosines[0, b]) + abs(cosines[1, a])
        columns, rows = (a, b) if upright else (b, a)
        return cls(
            axis=axis,
            rows_axis=rows,
            columns_axis=columns,
            flip_rows=bool(cosines[1, rows] > 0),  # pictures run from front to back
            flip_columns=bool(cosines[0, columns] > 0),  # and from right to left
            shape=shape,
            pixel_mm=(float(spacing_mm[rows]), float(spacing_mm[columns])),
        )

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a picture."""
        return self.shape[self.rows_axis], self.shape[self.columns_axis]

    def number(self, ijk: Sequence[float]) -> int:
        """Return the slice in which a voxel coordinate lies, or the nearest one."""
        return min(max(int(np.floor(ijk[self.axis] + 0.5)), 0), self.shape[self.axis] - 1)

    def point(self, ijk: Sequence[float]) -> tuple[float, float]:
        """Return row and column (integer = pixel centre) of a voxel coordinate."""
        row, column = ijk[self.rows_axis], ijk[self.columns_axis]
        rows, columns = self.size
        return (
            rows - 1 - row if self.flip_rows else row,
            columns - 1 - column if self.flip_columns else column,
        )

    def cut(self, array: npt.NDArray[np.generic], number: int) -> npt.NDArray[np.generic]:
        """Return one slice of an array as [rows, columns]: a view."""
        return self._turned(self._view(array, number))

    def paste(self, mask: BoolArray, number: int, picture: BoolArray) -> None:
        """Write [rows, columns] into one slice of a mask [I, J, K]."""
        self._turned(self._view(mask, number))[...] = picture

    def _view(self, array: npt.NDArray[np.generic], number: int) -> npt.NDArray[np.generic]:
        place: list[slice | int] = [slice(None)] * 3
        place[self.axis] = number
        return array[tuple(place)]

    def _turned(self, piece: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Return a slice in the array's order as [rows, columns], a view."""
        turned = piece if self.rows_axis < self.columns_axis else piece.T
        return turned[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


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

    def picture(self, suv: npt.NDArray[np.generic]) -> Picture:
        """Return SUV as 8 bits, 0 black and 255 white."""
        shares = (np.asarray(suv, dtype=np.float32) - self.black) / (self.white - self.black)
        picture: Picture = np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8)
        return picture

"""An image on a model's working grid, resampled box by box where it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from seganypet.errors import GeometryError
from seganypet.preprocessing.model_grid import ModelGrid
from seganypet.preprocessing.orientation import Shape
from seganypet.volume import FloatArray


@dataclass(frozen=True, eq=False)
class WorkingImage:
    """A native array seen through a working grid; the whole of it never exists on that grid.

    Attributes:
        array: Native values [I, J, K], any real type; not copied.
        grid: The working grid.

    Raises:
        GeometryError: The array has not the shape that the grid was made for.
    """

    array: npt.NDArray[Any]
    grid: ModelGrid

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.orientation.native_shape:
            raise GeometryError(
                f"array of shape {self.array.shape} on the grid of a volume of shape "
                f"{self.grid.orientation.native_shape}"
            )

    @property
    def shape(self) -> Shape:
        """Number of working voxels along the canonical axes."""
        return self.grid.shape

    def crop(self, start_ijk: Sequence[int], size: Sequence[int], *, pad_value: float = 0.0) -> FloatArray:
        """Return a box of the working grid, float32 of shape `size`; arguments as for `ModelGrid.crop`."""
        return self.grid.crop(self.array, start_ijk, size, pad_value=pad_value)

"""The working grid of a model: canonical orientation, cubic voxels, and the way back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError
from seganypet.preprocessing.orientation import Orientation, Points, Shape, Slices, canonical_orientation
from seganypet.preprocessing.resampling import axis_weights, bands, linear_weights, resample
from seganypet.volume import Affine, BoolArray, FloatArray, check_affine

# Twice what the longest scanners make at 2 mm; more is an affine in other units than mm.
_MAX_VOXELS = 1 << 29
# Part of a working voxel by which the field of view may stand out without getting a voxel for it.
_SLACK = 1e-3
# Native voxels along the last axis that are thresholded at once; bounds the memory of `restore`.
_RESTORED_SLICES = 64


@dataclass(frozen=True, eq=False)
class ModelGrid:
    """A grid of cubic voxels over a volume's field of view, its axes nearest to RAS+.

    It begins at the corner of the volume's first voxel in canonical order and ends within one working
    voxel of the opposite corner. An oblique volume keeps its axes: nothing is rotated.

    Attributes:
        orientation: From the volume's own order to the canonical one.
        spacing_mm: Edge of a working voxel, in mm.
    """

    orientation: Orientation
    spacing_mm: float

    @classmethod
    def of(cls, affine: npt.ArrayLike, shape: Shape, spacing_mm: float) -> ModelGrid:
        """Return the working grid of a volume.

        Args:
            affine: The volume's own affine: voxel index to RAS+ world in mm, [4, 4].
            shape: Number of voxels along the volume's own i, j, k.
            spacing_mm: Edge of a working voxel, in mm.

        Raises:
            GeometryError: The affine, shape or spacing is unusable, or the grid would be too large.
        """
        if not (math.isfinite(spacing_mm) and spacing_mm > 0):
            raise GeometryError(f"working spacing of {spacing_mm} mm; expected a positive number")
        grid = cls(canonical_orientation(affine, shape), float(spacing_mm))
        if math.prod(grid.shape) > _MAX_VOXELS:
            raise GeometryError(
                f"field of view of {grid._extent_mm.round(1).tolist()} mm gives {grid.shape} voxels of "
                f"{spacing_mm:g} mm; is the affine in mm? Crop the volume or choose a larger spacing"
            )
        return grid

    @property
    def shape(self) -> Shape:
        """Number of working voxels along the canonical axes."""
        i, j, k = (max(1, math.ceil(n)) for n in self._extent_mm / self.spacing_mm - _SLACK)
        return i, j, k

    @property
    def affine(self) -> Affine:
        """float64 [4, 4], working voxel index to RAS+ world in mm."""
        canonical = self.orientation.affine
        affine = canonical.copy()
        affine[:3, :3] = canonical[:3, :3] / self._native_spacing_mm * self.spacing_mm
        affine[:3, 3] += 0.5 * (affine[:3, :3] - canonical[:3, :3]).sum(axis=1)
        return check_affine(affine)

    def resample(self, array: npt.NDArray[Any]) -> FloatArray:
        """Return a native array [I, J, K] on the working grid, float32, averaged where that is coarser.

        Raises:
            GeometryError: The array has not the volume's shape.
        """
        canonical = self.orientation.apply(array)
        i, j, k = (
            axis_weights(n_in, n_out, scale=float(scale))
            for n_in, n_out, scale in zip(canonical.shape, self.shape, self._scale, strict=True)
        )
        return resample(canonical, i, j, k)

    def to_model_ijk(self, ijk: npt.ArrayLike) -> Points:
        """Return the working voxel coordinates, float64 [..., 3], of native ones."""
        return (self.orientation.apply_ijk(ijk) + 0.5) / self._scale - 0.5

    def to_native_ijk(self, ijk: npt.ArrayLike) -> Points:
        """Return the native voxel coordinates, float64 [..., 3], of working ones."""
        points = (np.asarray(ijk, dtype=np.float64) + 0.5) * self._scale - 0.5
        return self.orientation.invert_ijk(points)

    def restore_values(self, values: FloatArray, start_ijk: Sequence[int]) -> tuple[Slices, FloatArray]:
        """Return a box of the working grid interpolated to the native voxels whose centres it covers.

        Args:
            values: Values of the box, float32, canonical order.
            start_ijk: First voxel of the box on the working grid; the box may reach beyond the grid.

        Returns:
            The native voxels as three slices, and their values, float32 in native order. In the outer
            half of the box's outermost voxels the value of that voxel holds. Where the box covers no
            native voxel, the slices are empty.

        Raises:
            GeometryError: The box or its start is not three-dimensional, or the box is empty.
        """
        first, (i, j, k) = self._box_weights(values.shape, start_ijk)
        if 0 in (len(i), len(j), len(k)):
            native = np.zeros((len(i), len(j), len(k)), dtype=np.float32)
        else:
            native = resample(values, i, j, k)
        return self.orientation.invert_box(native, first)

    def restore(
        self,
        logits: FloatArray,
        start_ijk: Sequence[int],
        *,
        level: float = 0.0,
        out: BoolArray | None = None,
    ) -> BoolArray:
        """Return the native mask of a box of logits: true where the interpolated value exceeds the level.

        Args:
            logits: Values of the box, float32, canonical order.
            start_ijk: First voxel of the box on the working grid; the box may reach beyond the grid.
            level: Values above it are inside.
            out: Mask of the volume's shape to write the box into; voxels outside the box stay as they are.
                By default a new one, false outside the box.

        Raises:
            GeometryError: As for `restore_values`; or `out` has not the volume's shape.
        """
        shape = self.orientation.native_shape
        mask = np.zeros(shape, dtype=np.bool_) if out is None else out
        if mask.shape != shape:
            raise GeometryError(f"mask of shape {mask.shape} in place of the volume's shape {shape}")
        for part, first, weights in self._parts(logits, start_ijk):
            slices, values = self.orientation.invert_box(resample(part, *weights), first)
            mask[slices] = values > level
        return mask

    def _parts(
        self, values: FloatArray, start_ijk: Sequence[int]
    ) -> Iterator[tuple[FloatArray, Shape, tuple[FloatArray, FloatArray, FloatArray]]]:
        """Yield pieces of a box along its last axis with their first native voxel and weights."""
        first, (i, j, k) = self._box_weights(values.shape, start_ijk)
        if 0 in (len(i), len(j), len(k)):
            return
        for rows, columns in bands(k, _RESTORED_SLICES):
            yield (
                values[..., columns],
                (first[0], first[1], first[2] + rows.start),
                (i, j, k[rows, columns]),
            )

    def _box_weights(
        self, size: tuple[int, ...], start_ijk: Sequence[int]
    ) -> tuple[Shape, tuple[FloatArray, FloatArray, FloatArray]]:
        """Return the first canonical voxel that a working box covers, and the weights along each axis."""
        if not len(size) == len(start_ijk) == 3 or min(size) < 1:
            raise GeometryError(
                f"box of size {tuple(size)} at {tuple(start_ijk)}; expected three positive sizes"
            )
        first, weights = [], []
        for n, length, start, scale in zip(self.orientation.shape, size, start_ijk, self._scale, strict=True):
            positions = (np.arange(n) + 0.5) / scale - 0.5 - start
            covered = np.flatnonzero((positions >= -0.5) & (positions < length - 0.5))
            first.append(int(covered[0]) if covered.size else 0)
            weights.append(linear_weights(positions[covered], length))
        return (first[0], first[1], first[2]), (weights[0], weights[1], weights[2])

    @property
    def _native_spacing_mm(self) -> npt.NDArray[np.float64]:
        """Native voxel size along the canonical axes, in mm."""
        spacing_mm: npt.NDArray[np.float64] = np.linalg.norm(self.orientation.affine[:3, :3], axis=0)
        return spacing_mm

    @property
    def _extent_mm(self) -> npt.NDArray[np.float64]:
        """Field of view along the canonical axes, in mm."""
        return self._native_spacing_mm * self.orientation.shape

    @property
    def _scale(self) -> npt.NDArray[np.float64]:
        """Working voxel size in native voxels, along the canonical axes."""
        scale = self.spacing_mm / self._native_spacing_mm
        # 3.9999999 mm in a header is 4 mm; exactly 1 lets the resampling leave the axis alone
        return np.where(np.abs(scale - 1) < 1e-6, 1.0, scale)

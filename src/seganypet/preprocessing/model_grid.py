"""The working grid of a model: the orientation it was trained in, cubic voxels, and the way back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError
from seganypet.preprocessing.cropping import bounding_box, check_size, overlap
from seganypet.preprocessing.orientation import Orientation, Points, Shape, Slices, canonical_orientation
from seganypet.preprocessing.resampling import axis_weights, bands, linear_weights, resample, used_columns
from seganypet.volume import Affine, BoolArray, FloatArray, check_affine

Scalar = TypeVar("Scalar", bound=np.generic)

# More than twice what the longest scanners see; more is an affine in other units than mm.
_MAX_EXTENT_MM = 5000.0
# Part of a working voxel by which the field of view may stand out without getting a voxel for it.
_SLACK = 1e-3
# A voxel is known if so much of what it is interpolated from is.
KNOWN_SHARE = 0.5
# Voxels that are interpolated and thresholded at once (2 MB of float32); bounds the memory of `restore`.
_RESTORED_VOXELS = 1 << 19


@dataclass(frozen=True, eq=False)
class ModelGrid:
    """A grid of cubic voxels over a volume's field of view, its axes nearest to RAS+ or another order.

    It begins at the corner of the volume's first voxel in that order, called canonical here, and ends within
    one working voxel of the opposite corner. An oblique volume keeps its axes: nothing is rotated. The grid
    holds no values: boxes of it are resampled where they are needed.

    Attributes:
        orientation: From the volume's own order to the canonical one.
        spacing_mm: Edge of a working voxel, in mm.
    """

    orientation: Orientation
    spacing_mm: float

    @classmethod
    def of(
        cls, affine: npt.ArrayLike, shape: Shape, spacing_mm: float, orientation: str = "RAS"
    ) -> ModelGrid:
        """Return the working grid of a volume.

        Args:
            affine: The volume's own affine: voxel index to RAS+ world in mm, [4, 4].
            shape: Number of voxels along the volume's own i, j, k.
            spacing_mm: Edge of a working voxel, in mm.
            orientation: Where the grid's axes lead, in order: one letter each of R/L, A/P and S/I.

        Raises:
            GeometryError: The affine, shape, spacing or orientation is unusable, or the field of view is no body's.
        """
        if not (math.isfinite(spacing_mm) and spacing_mm > 0):
            raise GeometryError(f"working spacing of {spacing_mm} mm; expected a positive number")
        grid = cls(canonical_orientation(affine, shape, orientation), float(spacing_mm))
        if max(grid._extent_mm) > _MAX_EXTENT_MM:
            raise GeometryError(
                f"field of view of {grid._extent_mm.round(1).tolist()} mm; expected at most {_MAX_EXTENT_MM:g} mm: "
                "is the affine in mm?"
            )
        return grid

    @cached_property
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
        return self._resampled(self.orientation.apply(array), [slice(0, n) for n in self.shape])

    def crop(
        self,
        array: npt.NDArray[Any],
        start_ijk: Sequence[int],
        size: Sequence[int],
        *,
        pad_value: float = 0.0,
    ) -> FloatArray:
        """Return a box of what `resample` gives, without the rest of it: float32 of shape `size`.

        Only the native voxels that the box touches are read; nothing of the volume's size is allocated.

        Args:
            array: Native values [I, J, K], any real type.
            start_ijk: First voxel of the box on the working grid; may be negative or beyond.
            size: Number of voxels of the box along the canonical axes.
            pad_value: Value outside the grid.

        Raises:
            GeometryError: The array has not the volume's shape, or start and size are no box.
        """
        check_size(size)
        canonical = self.orientation.apply(array)
        in_grid, in_box = overlap(self.shape, tuple(size), start_ijk)
        if all((part.start, part.stop) == (0, n) for part, n in zip(in_box, size, strict=True)):
            return self._resampled(canonical, in_grid)
        box = np.full(tuple(size), pad_value, dtype=np.float32)
        if box[in_box].size:
            box[in_box] = self._resampled(canonical, in_grid)
        return box

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
        known: BoolArray | None = None,
        out: BoolArray | None = None,
    ) -> BoolArray:
        """Return the native mask of a box of logits: true where the interpolated value exceeds the level.

        Args:
            logits: Values of the box, float32, canonical order.
            start_ijk: First voxel of the box on the working grid; the box may reach beyond the grid.
            level: Values above it are inside.
            known: Which voxels of the box count, bool of its shape; by default all. A native voxel of which less
                than half is known stays as it is.
            out: Mask of the volume's shape to write the box into; voxels outside the box stay as they are.
                By default a new one, false outside the box.

        Raises:
            GeometryError: As for `restore_values`; or `out` or `known` has another shape.
        """
        shape = self.orientation.native_shape
        mask = np.zeros(shape, dtype=np.bool_) if out is None else out
        if mask.shape != shape:
            raise GeometryError(f"mask of shape {mask.shape} in place of the volume's shape {shape}")
        if known is not None and known.shape != logits.shape:
            raise GeometryError(f"known of shape {known.shape} for a box of shape {logits.shape}")
        if known is not None and not known.all():
            self._restore_known(logits, known, start_ijk, level, mask)
            return mask
        covered = self._covered(logits.shape, start_ijk)
        mask[self.orientation.invert_slices(covered)] = False
        # Between voxels at or below the level no value exceeds it: the box around the others, and one more, will do.
        inside = bounding_box(logits > level)
        if inside is None:
            return mask
        around = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in inside)
        start = [at + part.start for at, part in zip(start_ijk, around, strict=True)]
        for part, first, weights in self._parts(logits[around], start):
            slices, values = self.orientation.invert_box(resample(part, *weights), first)
            mask[slices] = values > level
        return mask

    def _restore_known(
        self, logits: FloatArray, known: BoolArray, start_ijk: Sequence[int], level: float, mask: BoolArray
    ) -> None:
        """Write into the mask what `restore` says of voxels that are known by half or more, from known ones alone."""
        parts = zip(self._parts(logits, start_ijk), self._parts(known, start_ijk), strict=True)
        for (values, first, weights), (certain, _, _) in parts:
            inside = resample(np.where(certain, values, np.float32(level)), *weights) > level
            slices, inside = self.orientation.invert_box(inside, first)
            _, share = self.orientation.invert_box(resample(certain, *weights), first)
            np.copyto(mask[slices], inside, where=share >= KNOWN_SHARE)

    def _resampled(self, canonical: npt.NDArray[Any], box: Sequence[slice]) -> FloatArray:
        """Return a box inside the working grid, resampled from the canonical voxels that it touches."""
        i, j, k = (
            axis_weights(n_in, n_out, scale=float(scale), rows=rows)
            for n_in, n_out, scale, rows in zip(canonical.shape, self.shape, self._scale, box, strict=True)
        )
        touched = (used_columns(i), used_columns(j), used_columns(k))
        return resample(canonical[touched], i[:, touched[0]], j[:, touched[1]], k[:, touched[2]])

    def _parts(
        self, values: npt.NDArray[Scalar], start_ijk: Sequence[int]
    ) -> Iterator[tuple[npt.NDArray[Scalar], Shape, tuple[FloatArray, FloatArray, FloatArray]]]:
        """Yield pieces of a box along its last axis with their first native voxel and weights."""
        first, (i, j, k) = self._box_weights(values.shape, start_ijk)
        if 0 in (len(i), len(j), len(k)):
            return
        voxels = max(values.size, len(i) * len(j) * len(k))
        for rows, columns in bands(k, max(1, _RESTORED_VOXELS * len(k) // voxels)):
            yield (
                values[..., columns],
                (first[0], first[1], first[2] + rows.start),
                (i, j, k[rows, columns]),
            )

    def _box_weights(
        self, size: tuple[int, ...], start_ijk: Sequence[int]
    ) -> tuple[Shape, tuple[FloatArray, FloatArray, FloatArray]]:
        """Return the first canonical voxel that a working box covers, and the weights along each axis."""
        covered = self._covered(size, start_ijk)
        i, j, k = (
            linear_weights(self._working_positions(axis)[voxels] - start_ijk[axis], size[axis])
            for axis, voxels in enumerate(covered)
        )
        return (covered[0].start, covered[1].start, covered[2].start), (i, j, k)

    def _covered(self, size: tuple[int, ...], start_ijk: Sequence[int]) -> Slices:
        """Return the canonical voxels whose centres a working box covers."""
        if not len(size) == len(start_ijk) == 3 or min(size) < 1:
            raise GeometryError(
                f"box of size {tuple(size)} at {tuple(start_ijk)}; expected three positive sizes"
            )
        slices = []
        for axis, (length, start) in enumerate(zip(size, start_ijk, strict=True)):
            first, stop = np.searchsorted(self._working_positions(axis) - start, (-0.5, length - 0.5))
            slices.append(slice(int(first), int(stop)))
        return slices[0], slices[1], slices[2]

    def _working_positions(self, axis: int) -> npt.NDArray[np.float64]:
        """Return where the canonical voxels of an axis lie on the working grid, in working voxels."""
        positions: npt.NDArray[np.float64] = (np.arange(self.orientation.shape[axis]) + 0.5) / self._scale[
            axis
        ]
        return positions - 0.5

    @cached_property
    def _native_spacing_mm(self) -> npt.NDArray[np.float64]:
        """Native voxel size along the canonical axes, in mm."""
        spacing_mm: npt.NDArray[np.float64] = np.linalg.norm(self.orientation.affine[:3, :3], axis=0)
        return spacing_mm

    @cached_property
    def _extent_mm(self) -> npt.NDArray[np.float64]:
        """Field of view along the canonical axes, in mm."""
        return self._native_spacing_mm * self.orientation.shape

    @cached_property
    def _scale(self) -> npt.NDArray[np.float64]:
        """Working voxel size in native voxels, along the canonical axes."""
        scale = self.spacing_mm / self._native_spacing_mm
        # 3.9999999 mm in a header is 4 mm; exactly 1 lets the resampling leave the axis alone
        return np.where(np.abs(scale - 1) < 1e-6, 1.0, scale)

"""Orientation: the permutation and flips that bring a grid's axes nearest to those a model was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError
from seganypet.volume import Affine, check_affine

Shape = tuple[int, int, int]
Slices = tuple[slice, slice, slice]
Points = npt.NDArray[np.float64]

# World axis that an end of the body lies on, and whether that is its negative end.
_ENDS = {"R": (0, False), "L": (0, True), "A": (1, False), "P": (1, True), "S": (2, False), "I": (2, True)}


@dataclass(frozen=True, eq=False)
class Orientation:
    """A permutation and flips of voxel axes; it moves no voxel in the world and rotates nothing.

    Attributes:
        axes: For each reoriented axis, the native axis it runs along.
        flips: For each reoriented axis, whether it runs backwards along that native axis.
        native_shape: Number of voxels along the native axes.
        native_affine: float64 [4, 4], native voxel index to RAS+ world in mm.
    """

    axes: Shape
    flips: tuple[bool, bool, bool]
    native_shape: Shape
    native_affine: Affine

    @property
    def shape(self) -> Shape:
        """Number of voxels along the reoriented axes."""
        a, b, c = self.axes
        return self.native_shape[a], self.native_shape[b], self.native_shape[c]

    @property
    def affine(self) -> Affine:
        """Affine of the reoriented grid: float64 [4, 4], reoriented voxel index to RAS+ world in mm."""
        to_native = np.eye(4)
        to_native[:3, :3] = 0
        for new, (old, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            to_native[old, new] = -1 if flip else 1
            to_native[old, 3] = self.native_shape[old] - 1 if flip else 0
        return check_affine(self.native_affine @ to_native)

    def apply(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a view of a native array [I, J, K] with its axes reoriented.

        Raises:
            GeometryError: The array has not the native shape.
        """
        _check_shape(array, self.native_shape, "native")
        return array.transpose(self.axes)[self._flipping()]

    def invert(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a view of a reoriented array in native order; the inverse of `apply`.

        Raises:
            GeometryError: The array has not the reoriented shape.
        """
        _check_shape(array, self.shape, "reoriented")
        return self._in_native_order(array)

    def invert_box(self, array: npt.NDArray[Any], start: Shape) -> tuple[Slices, npt.NDArray[Any]]:
        """Return where a box of the reoriented grid lies in the native array, and a view in native order.

        Args:
            array: Values of the box, in reoriented order.
            start: First voxel of the box on the reoriented grid; the box lies inside the grid.

        Raises:
            GeometryError: The box reaches beyond the grid.
        """
        box = [slice(first, first + n) for first, n in zip(start, array.shape, strict=True)]
        return self.invert_slices(box), self._in_native_order(array)

    def invert_slices(self, box: Sequence[slice]) -> Slices:
        """Return where a box of the reoriented grid lies in the native array.

        Args:
            box: Voxels along the reoriented axes, each a slice with start and stop inside the grid.

        Raises:
            GeometryError: The box reaches beyond the grid.
        """
        slices = [slice(0)] * 3
        for new, (old, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            first, stop, n = box[new].start, box[new].stop, self.native_shape[old]
            if first < 0 or stop > n:
                raise GeometryError(
                    f"box from {first} to {stop} on axis {new} of a grid of shape {self.shape}; crop it first"
                )
            slices[old] = slice(n - stop, n - first) if flip else slice(first, stop)
        return slices[0], slices[1], slices[2]

    def apply_ijk(self, ijk: npt.ArrayLike) -> Points:
        """Return reoriented voxel coordinates [..., 3] of native ones; integer = voxel centre."""
        native = np.asarray(ijk, dtype=np.float64)[..., list(self.axes)]
        return np.where(self.flips, np.subtract(self.shape, 1) - native, native)

    def invert_ijk(self, ijk: npt.ArrayLike) -> Points:
        """Return native voxel coordinates [..., 3] of reoriented ones; the inverse of `apply_ijk`."""
        points = np.asarray(ijk, dtype=np.float64)
        points = np.where(self.flips, np.subtract(self.shape, 1) - points, points)
        return points[..., np.argsort(self.axes)]

    def _flipping(self) -> Slices:
        i, j, k = (slice(None, None, -1 if flip else 1) for flip in self.flips)
        return i, j, k

    def _in_native_order(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array[self._flipping()].transpose(np.argsort(self.axes))


def canonical_orientation(affine: npt.ArrayLike, shape: Shape, code: str = "RAS") -> Orientation:
    """Return the orientation in which the grid's axes are nearest to right, anterior, superior, or a given order.

    Axes are paired by the largest direction cosine that is left, each world axis once, so that an
    oblique grid stays as it is sampled and two equal cosines go to the first world axis.

    Args:
        affine: Native voxel index to RAS+ world in mm, [4, 4].
        shape: Number of voxels along the native axes.
        code: Where the axes shall lead, in order: one letter each of R/L, A/P and S/I, as "LPS" or "SAR".

    Raises:
        GeometryError: The affine is unusable, the shape is not three positive numbers, or the code is none.
    """
    if sorted(_ENDS[end][0] if end in _ENDS else 3 for end in code) != [0, 1, 2]:
        raise GeometryError(
            f'orientation is {code!r}; expected one letter each of R/L, A/P and S/I, as "RAS"'
        )
    if len(shape) != 3 or min(shape) < 1:
        raise GeometryError(f"grid of shape {tuple(shape)}; expected three positive numbers of voxels")
    checked = check_affine(affine)
    cosines = checked[:3, :3] / np.linalg.norm(checked[:3, :3], axis=0)
    left = np.abs(cosines).round(9)  # rounded, so that rounding errors do not decide a tie
    native_along = [0, 0, 0]
    for _ in range(3):
        world, native = (int(n) for n in np.unravel_index(left.argmax(), left.shape))
        native_along[world] = native
        left[world, :] = -1
        left[:, native] = -1
    axes, flips = [0, 0, 0], [False, False, False]
    for new, (world, to_negative) in enumerate(_ENDS[end] for end in code):
        axes[new] = native_along[world]
        flips[new] = bool(cosines[world, axes[new]] < 0) != to_negative
    i, j, k = (int(n) for n in shape)
    return Orientation((axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]), (i, j, k), checked)


def _check_shape(array: npt.NDArray[Any], expected: Shape, order: str) -> None:
    if array.shape != expected:
        raise GeometryError(f"array of shape {array.shape} in place of the {order} shape {expected}")

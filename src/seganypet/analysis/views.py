"""Axial, coronal and sagittal views of a volume, as a radiologist hangs them.

All views come from one array whose axes run to the patient's left, posterior and inferior, so that in each view
the rows run downwards and the columns to the right: coronal and axial views have the patient's left on the right,
sagittal views the front on the left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from seganypet.volume import Affine, Volume

Box = list[tuple[int, int]]
Plane = Literal["axial", "coronal", "sagittal"]

# Of the axes (left, posterior, inferior): the one across the view, then those of its columns and rows.
_ACROSS: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}
_LETTERS: dict[Plane, tuple[str, str, str, str]] = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "S", "I"),
    "sagittal": ("A", "P", "S", "I"),
}


@dataclass(frozen=True, eq=False)
class Hanging:
    """How voxel axes map to left, posterior, inferior; an oblique grid is not rotated, its nearest axes are taken.

    Attributes:
        axes: For left, posterior and inferior, the native axis that runs along it.
        flips: Whether that axis runs backwards.
        shape: Number of voxels to the left, posterior and inferior.
        spacing_mm: Voxel size along these.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    @classmethod
    def of(cls, volume: Volume) -> Hanging:
        """Return the hanging of a volume."""
        axes, flips = nearest_axes(volume.affine)
        x, y, z = axes
        return cls(
            axes,
            flips,
            (volume.shape[x], volume.shape[y], volume.shape[z]),
            (volume.spacing_mm[x], volume.spacing_mm[y], volume.spacing_mm[z]),
        )

    def array(self, native: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a view of a native array [I, J, K] with axes left, posterior, inferior."""
        turned = native.transpose(self.axes)
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]

    def point(self, ijk: Sequence[float]) -> tuple[float, float, float]:
        """Return a native voxel coordinate in voxels to the left, posterior and inferior."""
        left, posterior, inferior = (
            (n - 1 - ijk[axis]) if flip else ijk[axis]
            for axis, flip, n in zip(self.axes, self.flips, self.shape, strict=True)
        )
        return float(left), float(posterior), float(inferior)

    def points(self, voxels: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Return native voxels [N, 3] as voxels to the left, posterior and inferior; see `point`."""
        turned = voxels[:, list(self.axes)]
        return np.where(self.flips, np.subtract(self.shape, 1) - turned, turned)

    def native(self, voxel: Sequence[float]) -> tuple[float, float, float]:
        """Return the native voxel coordinate of one to the left, posterior and inferior; the inverse of `point`."""
        ijk = [0.0, 0.0, 0.0]
        for at, axis, flip, n in zip(voxel, self.axes, self.flips, self.shape, strict=True):
            ijk[axis] = float(n - 1 - at if flip else at)
        return ijk[0], ijk[1], ijk[2]


def columns_and_rows(plane: Plane) -> tuple[int, int]:
    """Return which of the axes (left, posterior, inferior) a view's columns and rows run along."""
    first, second = (axis for axis in range(3) if axis != _ACROSS[plane])
    return first, second


def across(plane: Plane) -> int:
    """Return which of the axes (left, posterior, inferior) runs through a view."""
    return _ACROSS[plane]


def letters(plane: Plane) -> tuple[str, str, str, str]:
    """Return the letters at a view's left, right, top and bottom."""
    return _LETTERS[plane]


def projection(hung: npt.NDArray[Any], plane: Plane) -> npt.NDArray[Any]:
    """Return the maximum along the line of sight, [rows, columns]; of a mask, its shadow."""
    projected: npt.NDArray[Any] = hung.max(axis=_ACROSS[plane]).T
    return projected


def slice_at(hung: npt.NDArray[Any], plane: Plane, index: int) -> npt.NDArray[Any]:
    """Return one slice, [rows, columns]."""
    pixels: npt.NDArray[Any] = hung.take(index, axis=_ACROSS[plane]).T
    return pixels


def outline(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the voxel edges around a two-dimensional mask.

    Args:
        mask: bool [rows, columns].

    Returns:
        Segments [N, 2, 2] of (column, row); pixel centres are whole numbers.
    """
    padded = np.pad(mask, 1)
    segments = []
    rows, columns = np.nonzero(padded[1:, :] != padded[:-1, :])  # an edge below padded row r
    y = rows - 0.5
    segments.append(np.stack([np.stack([columns - 1.5, y], -1), np.stack([columns - 0.5, y], -1)], axis=1))
    rows, columns = np.nonzero(padded[:, 1:] != padded[:, :-1])
    x = columns - 0.5
    segments.append(np.stack([np.stack([x, rows - 1.5], -1), np.stack([x, rows - 0.5], -1)], axis=1))
    return np.concatenate(segments)


def body_box(hung: npt.NDArray[np.float32], *, above_suv: float = 0.3, share: float = 0.005) -> Box:
    """Return where the body is, first and last voxel along each axis; everything where nothing is found.

    Args:
        hung: SUV with axes left, posterior, inferior.
        above_suv: What air stays below, its noise apart.
        share: Share of a plane's voxels that must be above; noise at the edge of the field of view is less.
    """
    body = hung > above_suv
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(body.mean(axis=others) > share)
        box.append((int(found[0]), int(found[-1])) if found.size else (0, hung.shape[axis] - 1))
    return box


def nearest_axes(affine: Affine) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Return the native axes nearest to left, posterior and inferior, and whether they run backwards."""
    # RAS+ to left, posterior, inferior: the negative of all three.
    cosines = -affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    left = np.abs(cosines).round(9)
    axes, flips = [0, 0, 0], [False, False, False]
    for _ in range(3):
        world, native = (int(n) for n in np.unravel_index(int(left.argmax()), left.shape))
        axes[world], flips[world] = native, bool(cosines[world, native] < 0)
        left[world, :] = -1
        left[:, native] = -1
    return (axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2])

"""Arrays that carry their geometry and unit: `Volume` (SUV) and `Mask` (boolean)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError, ImageValueError, SegAnyPETWarning

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Affine = npt.NDArray[np.float64]

# Resampling with higher-order kernels leaves small negative SUV; a large one means another unit.
_MIN_PLAUSIBLE_SUV = -5.0
# Percentiles of the positive voxels and what they stay below in SUV, whatever the tracer or crop. The median
# alone will not do: where much of the field of view is air it is about 10 in Bq/ml too.
_MOST_PLAUSIBLE_SUV = ((50, 100.0), (99, 300.0))


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a volume came from, so that what is written back matches it.

    Attributes:
        path: File or folder that was read.
        kind: "nifti", "dicom" or "memory".
        sform: The file's own sform affine and code (NIfTI only).
        qform: The file's own qform affine and code (NIfTI only).
        dicom_files: Files of the DICOM series in slice order (DICOM only).
        record: What the reader did: tags, branch, factor, warnings. JSON-serialisable.
    """

    path: str = ""
    kind: str = "memory"
    sform: tuple[Affine, int] | None = None
    qform: tuple[Affine, int] | None = None
    dicom_files: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Image:
    """An array on a voxel grid, with its affine."""

    array: npt.NDArray[Any]
    affine: Affine
    source: Source = field(default_factory=Source, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine", check_affine(self.affine))
        array = self._checked(np.asarray(self.array))
        array.setflags(write=False)
        object.__setattr__(self, "array", array)

    def _checked(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        raise TypeError(f"{type(self).__name__} is not an image type")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along i, j, k."""
        i, j, k = self.array.shape
        return i, j, k

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along i, j, k, in mm."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel, in ml."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def to_xyz_mm(self, ijk: Sequence[float]) -> tuple[float, float, float]:
        """Return the RAS+ world position, in mm, of a voxel coordinate (integer = voxel centre)."""
        x, y, z = self.affine[:3, :3] @ np.asarray(ijk, dtype=np.float64) + self.affine[:3, 3]
        return float(x), float(y), float(z)

    def to_ijk(self, xyz_mm: Sequence[float]) -> tuple[float, float, float]:
        """Return the (fractional) voxel coordinate of a RAS+ world position in mm."""
        i, j, k = np.linalg.solve(
            self.affine[:3, :3], np.asarray(xyz_mm, dtype=np.float64) - self.affine[:3, 3]
        )
        return float(i), float(j), float(k)

    def contains(self, ijk: Sequence[float]) -> bool:
        """Return whether a voxel coordinate lies inside the grid, its voxels' full extent included."""
        return all(-0.5 <= c <= n - 0.5 for c, n in zip(ijk, self.shape, strict=True))

    def farthest_mm(self, affine: Affine) -> float:
        """Return how far apart, at most, a voxel of this grid lies from the same voxel under another affine."""
        corners = np.array(list(product(*((0, n - 1) for n in self.shape))))
        shifts = corners @ (self.affine - affine)[:3, :3].T + (self.affine - affine)[:3, 3]
        return float(np.linalg.norm(shifts, axis=1).max())

    def has_grid_of(self, other: _Image) -> bool:
        """Return whether the other image has the same shape and, to 1e-3 mm, the same affine."""
        return self.shape == other.shape and bool(np.allclose(self.affine, other.affine, atol=1e-3))


@dataclass(frozen=True, eq=False)
class Volume(_Image):
    """A PET image in SUVbw (g/ml) on its own voxel grid.

    Attributes:
        array: SUV, float32 [I, J, K], read-only. A writeable input is copied.
        affine: float64 [4, 4], voxel index (i, j, k, 1) to RAS+ world in mm.
        source: Where it came from.

    Raises:
        GeometryError: The array is not 3D or has an empty axis; the affine is not 4×4, finite, invertible.
        ImageValueError: NaN or infinite voxels, one value everywhere, or values that are no SUV.
    """

    def _checked(self, array: npt.NDArray[Any]) -> FloatArray:
        array = _check_shape(array)
        if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
            raise ImageValueError(f"voxels of type {array.dtype} are no image values; pass real numbers")
        shared = array.dtype == np.float32 and not array.flags.writeable
        suv = array if shared else np.array(array, dtype=np.float32)
        _check_suv(suv, self.source.path)
        return suv

    def like(self, array: npt.NDArray[Any]) -> Mask:
        """Return a mask on this volume's grid, with its source.

        Args:
            array: bool [I, J, K] of this volume's shape.

        Raises:
            GeometryError: The shapes differ.
        """
        if array.shape != self.shape:
            raise GeometryError(f"mask of shape {array.shape} on a volume of shape {self.shape}")
        return Mask(array, self.affine, source=self.source)


@dataclass(frozen=True, eq=False)
class Mask(_Image):
    """A boolean mask on a volume's voxel grid.

    Attributes:
        array: bool [I, J, K], read-only. A writeable input is copied.
        affine: float64 [4, 4], voxel index to RAS+ world in mm.
        source: The source of the volume it belongs to.

    Raises:
        GeometryError: As for `Volume`.
        ImageValueError: The values are not boolean, or not 0 and 1 only.
    """

    def _checked(self, array: npt.NDArray[Any]) -> BoolArray:
        array = _check_shape(array)
        if array.dtype == np.bool_ and not array.flags.writeable:
            return array
        mask = np.array(array, dtype=np.bool_)
        if array.dtype != np.bool_ and not np.array_equal(mask, array):
            raise ImageValueError("mask values other than 0 and 1; choose one label first (label_map == id)")
        return mask

    @property
    def volume_ml(self) -> float:
        """Volume inside the mask, in ml."""
        return int(np.count_nonzero(self.array)) * self.voxel_volume_ml


def check_affine(affine: npt.ArrayLike) -> Affine:
    """Return a read-only float64 copy of a usable affine.

    Raises:
        GeometryError: Not 4×4, not finite, last row not (0, 0, 0, 1), or not invertible.
    """
    checked = np.array(affine, dtype=np.float64)
    if checked.shape != (4, 4):
        raise GeometryError(f"affine of shape {checked.shape}; expected 4×4")
    if not np.isfinite(checked).all():
        raise GeometryError(
            f"affine with values that are not finite: {checked.tolist()}; repair the file's sform or qform"
        )
    if not np.allclose(checked[3], (0, 0, 0, 1)):
        raise GeometryError(
            f"last row of the affine is {checked[3].tolist()}; expected 0, 0, 0, 1; repair it"
        )
    spacing_mm = np.linalg.norm(checked[:3, :3], axis=0)
    if (spacing_mm <= 0).any() or abs(np.linalg.det(checked[:3, :3])) < 1e-6 * spacing_mm.prod():
        raise GeometryError(
            f"affine is singular (voxel size {spacing_mm.tolist()} mm): it places all voxels in a plane; "
            "repair the file's sform or qform"
        )
    checked.setflags(write=False)
    return checked


def looks_like_bq_ml(array: npt.NDArray[Any]) -> bool:
    """Return whether the positive values are too high for SUV, as those of an image in Bq/ml are."""
    return _implausible_level(array) is not None


def _implausible_level(array: npt.NDArray[Any]) -> tuple[int, float] | None:
    """Return a percentile of the positive values, and its value, that no SUV image has."""
    positive = array[array > 0]
    if not positive.size:
        return None
    values = np.percentile(positive, [percent for percent, _ in _MOST_PLAUSIBLE_SUV], method="lower")
    for (percent, highest), value in zip(_MOST_PLAUSIBLE_SUV, values, strict=True):
        if value > highest:
            return percent, float(value)
    return None


def _check_shape(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim != 3:
        raise GeometryError(f"array of shape {array.shape} has {array.ndim} dimensions; expected 3 (i, j, k)")
    if 0 in array.shape:
        raise GeometryError(f"array of shape {array.shape} holds no voxels; export the image again")
    return array


def _check_suv(suv: FloatArray, path: str) -> None:
    low, high = float(suv.min()), float(suv.max())  # NaN and infinities pass through min and max
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int(suv.size - np.count_nonzero(np.isfinite(suv)))
        raise ImageValueError(f"{bad} of {suv.size} voxels are NaN or infinite; repair or crop the image")
    if low == high:
        raise ImageValueError(f"every voxel is {low:g}: the volume is empty; is this the right file?")
    if level := _implausible_level(suv):
        raise ImageValueError(
            f"{100 - level[0]} % of the positive voxels exceed {level[1]:.4g}, which looks like Bq/ml rather "
            "than SUV; read the DICOM series, or give weight, dose and times (sidecar or overrides) so "
            "that it can be converted"
        )
    if low < _MIN_PLAUSIBLE_SUV:
        raise ImageValueError(f"the lowest voxel is {low:.4g}; SUV is not negative: is this CT or MR?")
    if low < 0:
        where = f"{path}: " if path else ""
        warnings.warn(
            f"{where}negative SUV down to {low:.3g} (resampling?): kept", SegAnyPETWarning, stacklevel=4
        )

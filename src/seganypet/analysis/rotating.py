"""Maximum-intensity projections from all around, and which voxel each pixel shows.

The line of sight turns about the body's long axis. At 0° it is the coronal view from the front; as the angle grows the
viewer walks around to the patient's left.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import numpy as np
import numpy.typing as npt

from seganypet.analysis.views import Hanging, body_box
from seganypet.errors import UsageError
from seganypet.volume import BoolArray, FloatArray, Volume

# Frames that are kept, and the finest pixel: finer ones show no more on a screen.
_KEPT: Final = 72
_FINEST_MM: Final = 1.5
# Around the body; what lies beyond, noise in the air, is not projected.
_MARGIN_MM: Final = 20.0


class RotatingProjection:
    """The projections of a volume, each computed at its first use and kept.

    Args:
        volume: SUV, in any orientation; an oblique one turns about its own axis nearest to the body's.

    Attributes:
        pixel_mm: Width and height of a pixel.
    """

    def __init__(self, volume: Volume) -> None:
        self._hanging = Hanging.of(volume)
        self._hung = np.ascontiguousarray(self._hanging.array(volume.array))
        self._body = body_box(self._hung)
        left_mm, posterior_mm, inferior_mm = self._hanging.spacing_mm
        # No narrower than a voxel is long, or columns between two voxels would be empty.
        self._step_mm = max(left_mm, posterior_mm, _FINEST_MM)
        self.pixel_mm = (self._step_mm, inferior_mm)
        self._radius = int(np.ceil(self._body_mm() / self._step_mm))
        self._frames: OrderedDict[float, FloatArray] = OrderedDict()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of every frame."""
        return self._hanging.shape[2], 2 * self._radius + 1

    @property
    def bytes(self) -> int:
        """What it holds in memory."""
        return self._hung.nbytes + sum(frame.nbytes for frame in self._frames.values())

    def frame(self, degrees: float) -> FloatArray:
        """Return the projection at an angle: SUV, float32 [rows, columns]; head up, rows downwards.

        Every voxel belongs to the one column whose band holds its centre, so that none is passed over.

        Raises:
            UsageError: The angle is not finite.
        """
        if not np.isfinite(degrees):
            raise UsageError(f"angle is {degrees}; expected a finite number of degrees")
        degrees = degrees % 360
        if degrees not in self._frames:
            self._frames[degrees] = self._project(degrees)
            while len(self._frames) > _KEPT:
                self._frames.popitem(last=False)
        return self._frames[degrees]

    def voxel_at(self, degrees: float, row: int, column: int) -> tuple[int, int, int]:
        """Return the voxel, in the volume's own order, whose SUV a pixel shows.

        Raises:
            UsageError: The pixel lies outside the frame, or shows nothing of the volume.
        """
        rows, columns = self.shape
        if not (0 <= row < rows and 0 <= column < columns):
            raise UsageError(f"pixel at row {row}, column {column} of a frame of {rows} × {columns}")
        seen = np.flatnonzero(self._columns(degrees) == column)
        if not seen.size:
            raise UsageError(
                f"pixel at row {row}, column {column} shows nothing of the scan; click on the body"
            )
        lines = self._lines()
        hottest = seen[lines[seen, row].argmax()]
        left, posterior = np.unravel_index(hottest, self._hanging.shape[:2])
        i, j, k = self._hanging.native((int(left), int(posterior), row))
        return int(i), int(j), int(k)

    def shadow(self, degrees: float, voxels: npt.NDArray[np.intp]) -> BoolArray:
        """Return which pixels of a frame see one of the voxels, bool [rows, columns].

        Args:
            degrees: The angle.
            voxels: In the volume's own order, [N, 3].
        """
        seen = np.zeros(self.shape, dtype=np.bool_)
        if not len(voxels):
            return seen
        left, posterior, rows = self._hanging.points(voxels).T
        centre, half = self._across(left, posterior, degrees)
        # A voxel is as wide as its shadow, so that nothing between two voxels is left out.
        first, last = np.ceil(centre - half).astype(int), np.floor(centre + half).astype(int)
        own = np.floor(centre + 0.5).astype(int)
        first, last = np.minimum(first, own), np.maximum(last, own)
        for offset in range(int((last - first).max()) + 1):
            columns = np.minimum(first + offset, last)
            here = (columns >= 0) & (columns < self.shape[1])
            seen[rows[here], columns[here]] = True
        return seen

    @property
    def body(self) -> list[tuple[int, int]]:
        """First and last voxel of the body along i, j, k, in the volume's own order; see `body_box`."""
        ends = np.array([self._hanging.native(corner) for corner in zip(*self._body, strict=True)])
        return [(int(low), int(high)) for low, high in zip(ends.min(axis=0), ends.max(axis=0), strict=True)]

    def _body_mm(self) -> float:
        """Return how far from the middle of the field of view the body reaches, in any direction, with a margin."""
        spacing_mm = self._hanging.spacing_mm
        corners = [
            [(end - (n - 1) / 2) * mm for end in ends]
            for ends, n, mm in zip(self._body, self._hanging.shape, spacing_mm, strict=True)
        ]
        reach = np.hypot(np.abs(corners[0]).max(), np.abs(corners[1]).max())
        wide_mm, deep_mm, _ = (n * mm for n, mm in zip(self._hanging.shape, spacing_mm, strict=True))
        widest = np.hypot(wide_mm, deep_mm) / 2
        return float(min(reach + _MARGIN_MM, widest))

    def _project(self, degrees: float) -> FloatArray:
        columns = self._columns(degrees)
        order = np.argsort(columns, kind="stable")
        order = order[(columns[order] >= 0) & (columns[order] < self.shape[1])]
        filled, starts = np.unique(columns[order], return_index=True)
        suv = np.zeros((self.shape[1], self.shape[0]), dtype=np.float32)
        suv[filled] = np.maximum.reduceat(self._lines()[order], starts, axis=0)
        return np.ascontiguousarray(suv.T)

    def _lines(self) -> FloatArray:
        """Return the volume as lines along the body's axis, [left × posterior, inferior]."""
        return self._hung.reshape(-1, self._hanging.shape[2])

    def _columns(self, degrees: float) -> npt.NDArray[np.intp]:
        """Return which column each line is seen in, [left × posterior]."""
        wide, deep, _ = self._hanging.shape
        left, posterior = np.indices((wide, deep)).reshape(2, -1)
        centre, _ = self._across(left, posterior, degrees)
        return np.floor(centre + 0.5).astype(np.intp)

    def _across(
        self, left: npt.NDArray[np.intp], posterior: npt.NDArray[np.intp], degrees: float
    ) -> tuple[npt.NDArray[np.float64], float]:
        """Return the columns, not rounded, that voxels' centres are seen in, and half of a voxel's width there."""
        angle = np.deg2rad(degrees)
        left_mm, posterior_mm, _ = self._hanging.spacing_mm
        wide, deep, _ = self._hanging.shape
        x, y = (left - (wide - 1) / 2) * left_mm, (posterior - (deep - 1) / 2) * posterior_mm
        half_mm = (left_mm * abs(np.cos(angle)) + posterior_mm * abs(np.sin(angle))) / 2
        columns = (x * np.cos(angle) + y * np.sin(angle)) / self._step_mm + self._radius
        return columns, float(half_mm / self._step_mm)

"""`Posture`: how head and spine bend, as an exactly invertible map that keeps every volume."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from seganypet.phantom.anatomy.warp import Field, Points

_AXIS_Y_MM = -15.0  # the turn of the head is about an upright axis through the neck
_STILL_MM, _TURNED_MM = 1465.0, 1580.0  # the neck between them takes up the turn
_CROWN_MM, _CLEAR_MM = 1790.0, 1860.0  # above the head, raised hands stay where they are
_HEAD_MM, _AROUND_MM = 112.0, 155.0  # raised arms beside the head do not turn along
_STEP_MM = 4.0
_TABLE_MM = np.arange(-400.0, 2400.0, _STEP_MM)
_NECK = ((1455.0, 1520.0, 1790.0, 1830.0), (0.0, 0.35, 3.05, 3.2))
_CURVE = ((900.0, 1000, 1100, 1200, 1330, 1440, 1530), (0.0, 0.3, 1.0, 0.4, -0.8, -0.6, 0.0))
_SWAY = ((880.0, 980, 1130, 1290, 1400, 1520), (0.0, 0.3, 1.0, 0.2, -0.5, 0.0))


@dataclass(frozen=True, kw_only=True)
class Posture:
    """How head and spine bend.

    The head turns about the neck's axis by an angle that depends on height and distance from that axis, then
    each height is shifted sideways and to the front. Both steps have a Jacobian determinant of exactly 1 and a
    closed inverse, so nothing folds or tears at any angle.

    Attributes:
        turn_deg: Turn of the head; positive turns the face to the left.
        nod_deg: Tilt of the head to the front, in degrees.
        tilt_deg: Tilt of the head to the right, in degrees.
        curve_mm: Deepening of the spine's curves: hollow back forward, round back backward, in mm.
        sway_mm: Bend of the spine to the right, in mm.
    """

    turn_deg: float = 0.0
    nod_deg: float = 0.0
    tilt_deg: float = 0.0
    curve_mm: float = 0.0
    sway_mm: float = 0.0

    def bend(self, points_mm: Points) -> Points:
        """Return where points [N, 3] of the standard body lie in the bent one, in mm."""
        x, y, z = (points_mm[:, at].astype(np.float64) for at in range(3))
        turned = _turned(x, y, self._angle(np.hypot(x, y - _AXIS_Y_MM), z))
        shifts = [np.interp(z, _TABLE_MM, table) for table in self._shifts]
        return np.stack([turned[0] + shifts[0], turned[1] + shifts[1], z], axis=1)

    def unbend(self, field: Field) -> None:
        """Turn bent coordinates, float32 [3, I, J, K] in mm, into those of the standard body, in place."""
        tables = [(axis, table.astype(np.float32)) for axis, table in enumerate(self._shifts) if table.any()]
        steps = [np.append(np.diff(table), np.float32(0)) for _, table in tables]
        for plane in np.moveaxis(field, 1, 0):  # a plane at a time stays in the processor's cache
            at = (plane[2] - np.float32(_TABLE_MM[0])) * np.float32(1 / _STEP_MM)
            low = at.astype(np.intp)
            at -= low
            for (axis, table), step in zip(tables, steps, strict=True):
                plane[axis] -= table.take(low, mode="clip") + at * step.take(low, mode="clip")
        heights = np.flatnonzero((field[2] > _STILL_MM).any(axis=(0, 1)))
        if self.turn_deg and heights.size:
            _turn_back(field[:, :, :, heights[0] :], self)

    def _angle(
        self, radius: npt.NDArray[np.floating], z: npt.NDArray[np.floating]
    ) -> npt.NDArray[np.floating]:
        up = _smooth_step((z - _STILL_MM) / (_TURNED_MM - _STILL_MM))
        above = _smooth_step((_CLEAR_MM - z) / (_CLEAR_MM - _CROWN_MM))
        near = _smooth_step((_AROUND_MM - radius) / (_AROUND_MM - _HEAD_MM))
        return np.asarray(np.radians(self.turn_deg) * up * above * near)

    @cached_property
    def _shifts(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        neck = np.interp(_TABLE_MM, *_NECK) * 100.0
        x = np.tan(np.radians(self.tilt_deg)) * neck + self.sway_mm * np.interp(_TABLE_MM, *_SWAY)
        y = np.tan(np.radians(self.nod_deg)) * neck + self.curve_mm * np.interp(_TABLE_MM, *_CURVE)
        # Smoothed over 60 mm, so that no bone shows a kink.
        kernel = np.hanning(17) / np.hanning(17).sum()
        return np.convolve(x, kernel, mode="same"), np.convolve(y, kernel, mode="same")


def draw_posture(rng: np.random.Generator) -> Posture:
    """Return a random posture of someone lying on the back."""
    return Posture(
        turn_deg=float(np.clip(rng.normal(0, 11), -32, 32)),
        nod_deg=float(np.clip(rng.normal(3, 5), -9, 14)),
        tilt_deg=float(np.clip(rng.normal(0, 3), -8, 8)),
        curve_mm=float(np.clip(rng.normal(0, 5), -10, 12)),
        sway_mm=float(np.clip(rng.normal(0, 5), -14, 14)),
    )


def _smooth_step(t: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    clipped = np.clip(t, 0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped))


def _turned(
    x: npt.NDArray[np.floating], y: npt.NDArray[np.floating], angle: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Rotation about the neck's axis; the face, at +y, moves to -x for a positive angle."""
    dy = y - _AXIS_Y_MM
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(cos * x - sin * dy), np.asarray(sin * x + cos * dy + _AXIS_Y_MM)


def _turn_back(field: Field, posture: Posture) -> None:
    """Undo the turn on the planes of the head, in place, where there is any."""
    x, y, z = field
    radius = np.hypot(x, y - np.float32(_AXIS_Y_MM))
    near = (radius < _AROUND_MM) & (z > _STILL_MM)
    angle = posture._angle(radius[near], z[near]).astype(np.float32)
    field[0][near], field[1][near] = _turned(x[near], y[near], -angle)

"""Levels of simple solids in the standard body: negative inside, growing outwards, in about mm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from seganypet.phantom.anatomy.canvas import Level, Vector
from seganypet.phantom.anatomy.warp import Field, Points

_TABLE_STEP_MM = 2.0
_TABLE_LOW_MM, _TABLE_HIGH_MM = -400.0, 2400.0


class Profile:
    """A smooth, piecewise monotone function of the height z in the standard body."""

    def __init__(self, heights_mm: Vector, values: Vector) -> None:
        z = np.arange(_TABLE_LOW_MM, _TABLE_HIGH_MM, _TABLE_STEP_MM)
        curve = PchipInterpolator(heights_mm, values)
        self._table = curve(np.clip(z, heights_mm[0], heights_mm[-1])).astype(np.float32)

    def __call__(self, z: Field) -> Field:
        """Return the value at heights z; constant beyond the ends."""
        at = ((z - np.float32(_TABLE_LOW_MM)) * np.float32(1 / _TABLE_STEP_MM)).astype(np.int32)
        return np.asarray(self._table.take(at, mode="clip"))

    def at(self, z: float) -> float:
        """Return the value at one height."""
        return float(self(np.array([z], dtype=np.float32))[0])


def ellipsoid(center: Vector, radii: Vector, *, rotation_deg: Vector = (0, 0, 0)) -> Level:
    """Return the level of an ellipsoid, turned about x, y, z in this order.

    Args:
        center: Centre x, y, z in mm.
        radii: Half axes before the rotation, in mm.
        rotation_deg: Angles about x, y, z.
    """
    turn = Rotation.from_euler("xyz", rotation_deg, degrees=True).inv().as_matrix()
    rows = (turn / np.asarray(radii, dtype=np.float64)[:, None]).astype(np.float32)
    cx, cy, cz = (np.float32(c) for c in center)
    size = np.float32(np.min(radii))

    def level(x: Field, y: Field, z: Field) -> Field:
        dx, dy, dz = x - cx, y - cy, z - cz
        square = np.zeros_like(dx)
        for row in rows:
            square += (row[0] * dx + row[1] * dy + row[2] * dz) ** 2
        return np.asarray((np.sqrt(square) - 1) * size)

    return level


def union(*levels: Level) -> Level:
    """Return the level of what lies in any of the solids."""
    return lambda x, y, z: np.minimum.reduce([level(x, y, z) for level in levels])


def common(*levels: Level) -> Level:
    """Return the level of what lies in all of the solids."""
    return lambda x, y, z: np.maximum.reduce([level(x, y, z) for level in levels])


def without(level: Level, cut: Level) -> Level:
    """Return the level of a solid with another one cut out."""
    return lambda x, y, z: np.maximum(level(x, y, z), -cut(x, y, z))


def below(point: Vector, normal: Vector) -> Level:
    """Return the level of the half space behind a plane, given a point on it and its outward normal."""
    n = np.asarray(normal, dtype=np.float64) / np.linalg.norm(normal)
    offset = np.float32(n @ np.asarray(point, dtype=np.float64))
    nx, ny, nz = (np.float32(c) for c in n)
    return lambda x, y, z: nx * x + ny * y + nz * z - offset


def capsule(start: Vector, end: Vector, radius_start: float, radius_end: float) -> Level:
    """Return the level of a limb: a cone with round ends."""
    origin = np.asarray(start, dtype=np.float64)
    span = np.asarray(end, dtype=np.float64) - origin
    length2 = float(span @ span)

    def level(x: Field, y: Field, z: Field) -> Field:
        dx, dy, dz = (c - np.float32(o) for c, o in zip((x, y, z), origin, strict=True))
        along = (dx * np.float32(span[0]) + dy * np.float32(span[1]) + dz * np.float32(span[2])) / np.float32(
            length2
        )
        np.clip(along, 0, 1, out=along)
        square = np.zeros_like(along)
        for d, s in zip((dx, dy, dz), span, strict=True):
            square += (d - along * np.float32(s)) ** 2
        return np.asarray(np.sqrt(square) - radius_start - along * np.float32(radius_end - radius_start))

    return level


def trunk(width: Profile, depth: Profile, middle: Profile, exponent: float = 2.4) -> Level:
    """Return the level of a stack of superellipses: half width, half depth and y of the middle over z."""
    power = np.float32(exponent)

    def level(x: Field, y: Field, z: Field) -> Field:
        a, b = width(z), depth(z)
        radius = (np.abs(x) / a) ** power + (np.abs(y - middle(z)) / b) ** power
        return np.asarray((radius ** np.float32(1 / exponent) - 1) * np.minimum(a, b))

    return level


def smooth_curve(
    points: npt.ArrayLike, *, rng: np.random.Generator | None = None, jitter_mm: float = 0.0
) -> Points:
    """Return a smooth curve, 8 points per segment, through (jittered) points [N, 3]."""
    knots = np.array(points, dtype=np.float64)
    if rng is not None and jitter_mm > 0:
        knots = knots + rng.normal(0, jitter_mm, knots.shape)
    at = np.linspace(0, len(knots) - 1, 8 * (len(knots) - 1) + 1)
    return np.asarray(PchipInterpolator(np.arange(len(knots)), knots)(at), dtype=np.float64)


def mirrored(points: npt.ArrayLike, side: str) -> Points:
    """Return right-side points as they are, or mirrored to the left."""
    return np.array(points, dtype=np.float64) * (1.0 if side == "right" else -1.0, 1.0, 1.0)

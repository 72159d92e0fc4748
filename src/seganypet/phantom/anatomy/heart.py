"""The heart in the standard body: the left ventricle's wall as a cup, and the blood in the four chambers."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas, Level
from seganypet.phantom.anatomy.organ_volumes import draw_volume_ml
from seganypet.phantom.anatomy.shapes import below, common, ellipsoid, union, without
from seganypet.phantom.anatomy.warp import Field, Points

_HEART_MM = np.array((-20.0, 20.0, 1274.0))
# To the left, to the front and down: about 50 degrees to the midline, 30 below the horizontal.
_AXIS = np.array((-0.66, 0.55, -0.51))
_REACH_MM = 105.0


def paint_heart(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    """Paint the four chambers, then the left ventricle's wall."""
    center = _HEART_MM + rng.normal(0, 3, 3) - np.array((0, 0, 0.5 * build.breath_mm))
    axis = _draw_axis(rng)
    ventricle = _ventricle(center + _LEFT, axis, 37.0, 52.0)
    chambers = union(
        ventricle,
        ellipsoid(center + np.array((16.0, 22, -10)), (40, 30, 44), rotation_deg=(20, 25, 0)),
        ellipsoid(center + np.array((22.0, -14, 22)), (36, 32, 38)),
        ellipsoid(center + np.array((8.0, 8, 44)), (18, 16, 26)),
    )
    low, high = center - _REACH_MM, center + _REACH_MM
    volume_ml = draw_volume_ml("heart", build, rng)
    canvas.fill("heart_blood_pool", chambers, low, high, volume_ml=volume_ml, over=("torso_fat",))
    paint_myocardium(canvas, build, rng, center, axis)


def paint_myocardium(
    canvas: Canvas,
    build: Build,
    rng: np.random.Generator,
    center: Points | None = None,
    axis: Points | None = None,
) -> None:
    """Paint the left ventricle's wall, a cup that opens towards the base, into a heart that is there."""
    center = _HEART_MM if center is None else center
    axis = _AXIS if axis is None else axis
    left = center + _LEFT
    wall_mm = 10.5
    outer = _ventricle(left, axis, 36.0, 52.0)
    inner = _ventricle(left - 0.25 * wall_mm * axis, axis, 36.0 - wall_mm, 52.0 - wall_mm)
    cup = common(without(outer, inner), below(left - 26 * axis, -axis))
    low, high = center - _REACH_MM, center + _REACH_MM
    volume_ml = draw_volume_ml("heart_myocardium", build, rng)
    canvas.fill("heart_myocardium", cup, low, high, over=("heart_blood_pool",), volume_ml=volume_ml)


def _draw_axis(rng: np.random.Generator) -> Points:
    turn = Rotation.from_euler("xyz", np.clip(rng.normal(0, (6, 9, 8)), -20, 20), degrees=True)
    return np.asarray(turn.apply(_AXIS / np.linalg.norm(_AXIS)))


def _ventricle(center: Points, axis: Points, radius: float, half_length: float) -> Level:
    """The level of an ellipsoid of revolution."""
    cx, cy, cz = (np.float32(c) for c in center)
    ax, ay, az = (np.float32(c) for c in axis / np.linalg.norm(axis))

    def level(x: Field, y: Field, z: Field) -> Field:
        dx, dy, dz = x - cx, y - cy, z - cz
        along = dx * ax + dy * ay + dz * az
        across2 = dx * dx + dy * dy + dz * dz - along * along
        square = across2 / np.float32(radius**2) + along**2 / np.float32(half_length**2)
        return np.asarray((np.sqrt(square) - 1) * np.float32(radius))

    return level


_LEFT = np.array((-17.0, 7.0, -7.0))  # the left ventricle's middle, from the heart's

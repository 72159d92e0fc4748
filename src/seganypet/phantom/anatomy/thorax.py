"""Lungs, heart and great vessels in the standard body."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.canvas import Canvas, Level
from seganypet.phantom.anatomy.shapes import below, common, ellipsoid, mirrored, smooth_curve, without
from seganypet.phantom.anatomy.tissues import SIDES
from seganypet.phantom.anatomy.warp import Field, Points

_HEART_MM = np.array((-22.0, 22.0, 1272.0))
_LUNG_LOW = {"right": (0, -110, 1130), "left": (-160, -110, 1130)}
_LUNG_HIGH = {"right": (160, 125, 1490), "left": (0, 125, 1490)}
_INNER = ("torso_fat",)
_BED = ("torso_fat", "skeletal_muscle")


def dome(x: Field, y: Field) -> Field:
    """Return the height of the diaphragm over a place of the cavity, in mm."""
    right = 1243 - ((x - 72) ** 2 + (y - 8) ** 2) / np.float32(120)
    left = 1230 - ((x + 72) ** 2 + (y - 4) ** 2) / np.float32(120)
    return np.asarray(np.maximum(np.maximum(right, left), np.float32(1140)))


def paint_thorax(canvas: Canvas, rng: np.random.Generator) -> None:
    """Paint heart, vessels, gullet and lungs, each where the map does not hold it yet."""
    _paint_heart(canvas, rng)
    _paint_vessels(canvas, rng)
    total_ml = float(np.clip(rng.normal(4000, 700), 2800, 5800))
    for side, share in (("left", 0.46), ("right", 0.54)):
        _paint_lung(canvas, side, share * total_ml)


def _paint_heart(canvas: Canvas, rng: np.random.Generator) -> None:
    center = _HEART_MM + rng.normal(0, 4, 3)
    total_ml = float(rng.uniform(520, 760))
    pool = ellipsoid(center, (50, 46, 66), rotation_deg=(35, 38, 10))
    low, high = center - 95, center + 95
    canvas.fill("heart_blood_pool", pool, low, high, volume_ml=total_ml, over=_BED)
    paint_myocardium(canvas, rng, center)


def paint_myocardium(canvas: Canvas, rng: np.random.Generator, center: Points | None = None) -> None:
    """Paint the left ventricle's wall, a cup that opens towards the base, into a heart that is there."""
    center = _HEART_MM if center is None else center
    axis = np.array((-0.66, 0.52, -0.54))
    left = center + np.array((-19.0, 6.0, -6.0))
    wall_mm = float(rng.uniform(10, 14))
    outer = _ventricle(left, axis, 36.0, 52.0)
    inner = _ventricle(left - 0.25 * wall_mm * axis, axis, 36.0 - wall_mm, 52.0 - wall_mm)
    cup = common(without(outer, inner), below(left - 30 * axis, -axis))
    low, high = center - 95, center + 95
    canvas.fill("heart_myocardium", cup, low, high, over=("heart_blood_pool", *_BED))


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


def _paint_vessels(canvas: Canvas, rng: np.random.Generator) -> None:
    caliber = float(rng.uniform(0.85, 1.25))
    arch = smooth_curve(
        [(0, 18, 1318), (10, 26, 1355), (4, 14, 1392), (-10, -14, 1402), (-22, -38, 1380), (-24, -38, 1330)],
        rng=rng,
        jitter_mm=2,
    )
    descending = smooth_curve(
        [(-24, -38, 1330), (-20, -32, 1260), (-10, -20, 1190), (-8, -8, 1110), (-6, -6, 1052)],
        rng=rng,
        jitter_mm=2,
    )
    canvas.tube("aorta", arch, 15.0 * caliber, over=_BED)
    canvas.tube("aorta", descending, np.linspace(12.5, 8.5, len(descending)) * caliber, over=_BED)
    cava = smooth_curve(
        [(18, -6, 1050), (20, -8, 1120), (22, -12, 1180), (20, 2, 1235)], rng=rng, jitter_mm=2
    )
    canvas.tube("inferior_vena_cava", cava, 10.5 * caliber, over=_BED)
    upper = smooth_curve([(24, 8, 1318), (26, 10, 1360), (24, 18, 1410)], rng=rng, jitter_mm=2)
    canvas.tube("superior_vena_cava", upper, 9.0 * caliber, over=_BED)
    gullet = smooth_curve(
        [(-4, -2, 1520), (-4, -24, 1440), (2, -38, 1350), (-6, -30, 1260), (-32, -10, 1205)]
    )
    canvas.tube("esophagus", gullet, 7.5, over=_BED)
    for side in SIDES:
        artery = smooth_curve([(6, -6, 1052), (38, -14, 995), (58, 8, 950), (72, 40, 905)])
        canvas.tube(f"iliac_artery_{side}", mirrored(artery, side), 5.5 * caliber, over=_BED)
        vein = smooth_curve([(14, -10, 1048), (42, -20, 990), (60, 0, 945), (64, 36, 900)])
        canvas.tube(f"iliac_vena_{side}", mirrored(vein, side), 6.0 * caliber, over=_BED)


def _paint_lung(canvas: Canvas, side: str, volume_ml: float) -> None:
    sign = 1.0 if side == "right" else -1.0
    body = ellipsoid((sign * 72, -2, 1262), (72, 92, 205))

    def level(x: Field, y: Field, z: Field) -> Field:
        floor = (dome(x, y) + 4 - z) * np.float32(0.8)
        inner = 18 - x * np.float32(sign)
        return np.asarray(np.maximum(np.maximum(body(x, y, z), floor), inner))

    low, high = _LUNG_LOW[side], _LUNG_HIGH[side]
    canvas.fill(f"lung_lower_lobe_{side}", level, low, high, volume_ml=volume_ml, over=_INNER)
    # The oblique fissure runs from the fourth vertebra down to the front of the diaphragm.
    upper = below((0, 0, 1318), (0, -1, -1))
    over = (f"lung_lower_lobe_{side}",)
    canvas.fill(f"lung_upper_lobe_{side}", upper, low, high, over=over)
    if side == "right":
        middle = common(upper, below((0, 0, 1312), (0, 0, 1)))
        canvas.fill("lung_middle_lobe_right", middle, low, high, over=("lung_upper_lobe_right",))

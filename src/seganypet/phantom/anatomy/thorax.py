"""Lungs, great vessels, gullet and thymus in the standard body."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.body import cavity
from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.heart import paint_heart
from seganypet.phantom.anatomy.lung_vessels import paint_pulmonary_vessels
from seganypet.phantom.anatomy.organ_volumes import draw_volume_ml
from seganypet.phantom.anatomy.shapes import below, common, ellipsoid, mirrored, smooth_curve, trunk, union
from seganypet.phantom.anatomy.tissues import SIDES
from seganypet.phantom.anatomy.warp import Field

_LUNG_LOW = {"right": (0, -120, 1110), "left": (-160, -120, 1110)}
_LUNG_HIGH = {"right": (160, 135, 1490), "left": (0, 135, 1490)}
_INNER = ("torso_fat",)
_BED = ("torso_fat", "skeletal_muscle")
_RECESS_MM = 1165.0  # lowest reach of the lungs, beside the spine and the flanks


def dome(x: Field, y: Field, breath_mm: float) -> Field:
    """Return the height of the diaphragm over a place of the cavity, in mm."""
    right = 1245 - ((x - 70) ** 2 + (y - 16) ** 2) / np.float32(105)
    left = 1232 - ((x + 72) ** 2 + (y - 12) ** 2) / np.float32(105)
    # The heart rests on the tendon between the two.
    tendon = 1230 - ((x + 8) ** 2 + (y - 30) ** 2) / np.float32(150)
    height = np.maximum.reduce([right, left, tendon, np.full_like(right, _RECESS_MM)])
    return np.asarray(height - np.float32(breath_mm))


def paint_thorax(
    canvas: Canvas, build: Build, rng: np.random.Generator, *, chest_wall_mm: float = 9.0
) -> None:
    """Paint heart, vessels, gullet, thymus and lungs, each where the map does not hold it yet.

    Args:
        canvas: The body so far.
        build: Whose body it is.
        rng: Source of randomness.
        chest_wall_mm: Distance of the lungs from the cavity's wall: ribs, pleura and what lies between them.
    """
    gullet = smooth_curve([(-4, -2, 1520), (-4, -24, 1440), (2, -40, 1350), (-2, -36, 1260), (-30, -8, 1205)])
    canvas.tube("esophagus", gullet, 6.0, over=_BED)
    paint_heart(canvas, build, rng)
    _paint_vessels(canvas, build, rng)
    thymus = union(*(ellipsoid(mirrored((8, 58, 1372), side), (11, 7, 26)) for side in SIDES))
    volume_ml = draw_volume_ml("thymus", build, rng)
    canvas.fill("thymus", thymus, (-45, 20, 1310), (45, 90, 1440), volume_ml=volume_ml, over=_INNER)
    for side in SIDES:
        _paint_lung(canvas, build, side, chest_wall_mm)
        paint_pulmonary_vessels(canvas, build, rng, side)


def _paint_vessels(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    caliber = float(rng.uniform(0.85, 1.2)) * (0.9 if build.female else 1.0)
    arch = smooth_curve(
        [(0, 16, 1318), (10, 24, 1355), (4, 14, 1388), (-10, -12, 1398), (-22, -36, 1378), (-24, -38, 1330)],
        rng=rng,
        jitter_mm=2,
    )
    descending = smooth_curve(
        [(-24, -38, 1330), (-20, -32, 1260), (-10, -18, 1190), (-8, -8, 1110), (-6, -6, 1052)],
        rng=rng,
        jitter_mm=2,
    )
    canvas.tube("aorta", arch, 14.5 * caliber, over=_BED)
    canvas.tube("aorta", descending, np.linspace(12.5, 8.5, len(descending)) * caliber, over=_BED)
    cava = smooth_curve(
        [(18, -6, 1050), (20, -8, 1120), (22, -10, 1180), (20, 2, 1238)], rng=rng, jitter_mm=2
    )
    canvas.tube("inferior_vena_cava", cava, 10.5 * caliber, over=_BED)
    upper = smooth_curve([(24, 6, 1312), (26, 8, 1360), (24, 16, 1412)], rng=rng, jitter_mm=2)
    canvas.tube("superior_vena_cava", upper, 9.0 * caliber, over=_BED)
    for side in SIDES:
        artery = smooth_curve([(-4, -6, 1052), (34, -12, 995), (58, 10, 950), (74, 40, 905)])
        canvas.tube(f"iliac_artery_{side}", mirrored(artery, side), 5.2 * caliber, over=_BED)
        vein = smooth_curve([(12, -10, 1048), (40, -20, 990), (60, 0, 945), (66, 36, 900)])
        canvas.tube(f"iliac_vena_{side}", mirrored(vein, side), 6.0 * caliber, over=_BED)


def _paint_lung(canvas: Canvas, build: Build, side: str, chest_wall_mm: float) -> None:
    """Fill a half of the chest above the diaphragm; the fissures part it into lobes."""
    sign = np.float32(1.0 if side == "right" else -1.0)
    chest = trunk(*cavity(build, margin_mm=chest_wall_mm))
    apex = ellipsoid((float(sign) * 62, -8, 1240), (93 - chest_wall_mm, 111 - chest_wall_mm, 222))
    breath = build.breath_mm

    def level(x: Field, y: Field, z: Field) -> Field:
        floor = (dome(x, y, breath) + 5 - z) * np.float32(0.8)
        # The mediastinum is narrow behind and widens in front above the heart.
        inner = np.float32(20) + np.float32(0.16) * np.maximum(y, 0) - x * sign
        return np.asarray(np.maximum.reduce([chest(x, y, z), apex(x, y, z), floor, inner]))

    canvas.fill(f"lung_lower_lobe_{side}", level, _LUNG_LOW[side], _LUNG_HIGH[side], over=_INNER)
    paint_lobes(canvas, build, side)


def paint_lobes(canvas: Canvas, build: Build, side: str) -> None:
    """Part a lung that is painted as its lower lobe by its fissures."""
    low, high = _LUNG_LOW[side], _LUNG_HIGH[side]
    shift = build.breath_mm / 2
    # The oblique fissure runs from the fourth vertebra down to the front of the diaphragm.
    upper = below((0, 0, 1318 - shift), (0, -1, -1))
    canvas.fill(f"lung_upper_lobe_{side}", upper, low, high, over=(f"lung_lower_lobe_{side}",))
    if side == "right":
        middle = common(upper, below((0, 0, 1316 - shift), (0, 0, 1)))
        canvas.fill("lung_middle_lobe_right", middle, low, high, over=("lung_upper_lobe_right",))

"""Bladder and genitals in the standard body."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.organ_volumes import draw_volume_ml
from seganypet.phantom.anatomy.shapes import ellipsoid, mirrored, smooth_curve
from seganypet.phantom.anatomy.tissues import FILLERS, SIDES

_BED = ("torso_fat", "skeletal_muscle")


def paint_pelvis(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    """Paint the bladder, which flattens as it empties, and the genitals of the body's sex."""
    volume_ml = draw_volume_ml("urinary_bladder", build, rng)
    # An empty bladder is a flat dish behind the pubic bones; it fills upwards, then outwards.
    half_height = 30.0 * float(np.clip((volume_ml / 200) ** 0.6, 0.3, 1.25))
    half_width = float(np.sqrt(1000.0 * volume_ml / (4.19 * 1.15 * half_height)))
    bladder = ellipsoid(
        (rng.normal(0, 3), 15, 899 + half_height), (half_width, 1.15 * half_width, half_height)
    )
    low, high = (-90, -50, 880), (90, 90, 1035)
    canvas.fill("urinary_bladder", bladder, low, high, volume_ml=volume_ml, over=_BED)
    if build.female:
        _paint_female(canvas, build, rng)
    else:
        _paint_male(canvas, build, rng)


def _paint_female(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    lean = float(rng.normal(0, 10))
    womb = ellipsoid((lean, -16, 968), (25, 20, 38), rotation_deg=(float(rng.normal(-35, 15)), 0, lean))
    womb_ml = draw_volume_ml("uterus", build, rng)
    canvas.fill("uterus", womb, (-60, -75, 890), (60, 65, 1045), volume_ml=womb_ml, over=_BED)
    for side in SIDES:
        place = mirrored((46, -10, 975), side) + rng.normal(0, 4, 3)
        ovary_ml = draw_volume_ml("ovary", build, rng)
        ovary = ellipsoid(place, (9, 8, 13))
        canvas.fill(f"ovary_{side}", ovary, place - 28, place + 28, over=_BED, volume_ml=ovary_ml)
    canvas.tube("urethra", np.array([(0.0, 18, 900), (0.0, 24, 872)]), 3.0)


def _paint_male(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    prostate_ml = draw_volume_ml("prostate", build, rng)
    gland = ellipsoid((0, 8, 889), (23, 17, 18))
    canvas.fill("prostate", gland, (-55, -45, 845), (55, 65, 940), volume_ml=prostate_ml, over=_BED)
    front = 0.3 * build.fat_mm
    course = smooth_curve([(0, 8, 880), (0, 14, 866), (0, 34, 862), (0, 50 + front, 862)])
    canvas.tube("urethra", course, 3.0, over=FILLERS)
    for side in SIDES:
        place = mirrored((14, 52 + front, 836), side)
        testis_ml = draw_volume_ml("testis", build, rng)
        testis = ellipsoid(place, (12, 13, 21))
        canvas.fill(
            f"testis_{side}", testis, place - 32, place + 32, over=("subcutaneous_fat",), volume_ml=testis_ml
        )

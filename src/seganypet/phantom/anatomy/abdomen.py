"""Organs of abdomen and pelvis in the standard body."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.body import Build
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.shapes import below, common, ellipsoid, mirrored, smooth_curve, union, without
from seganypet.phantom.anatomy.thorax import dome
from seganypet.phantom.anatomy.tissues import SIDES
from seganypet.phantom.anatomy.warp import Field, Points

_BED = ("torso_fat", "skeletal_muscle")
_INNER = ("torso_fat",)


def paint_abdomen(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    """Paint kidneys and adrenals first, then the solid organs that mould to them, then what winds around."""
    for side in SIDES:
        _paint_kidney(canvas, rng, side)
    _paint_liver(canvas, rng)
    _paint_spleen(canvas, rng)
    _paint_pelvic_organs(canvas, build, rng)
    _paint_pancreas(canvas, rng)
    _paint_stomach(canvas, rng)
    _paint_colon(canvas, build, rng)
    _paint_small_bowel(canvas, build, rng)


def _under_dome(x: Field, y: Field, z: Field) -> Field:
    return np.asarray((z - dome(x, y) + 2) * np.float32(0.8))


def _paint_liver(canvas: Canvas, rng: np.random.Generator) -> None:
    shift = rng.normal(0, 4, 3)
    right = ellipsoid(
        np.array((70.0, 6.0, 1160.0)) + shift, (72, 88, 92), rotation_deg=(0, 0, float(rng.normal(0, 6)))
    )
    left_reach = float(rng.uniform(75, 110))
    left = ellipsoid(
        np.array((-5.0, 42.0, 1190.0)) + shift,
        (left_reach, 40, 40),
        rotation_deg=(0, float(rng.normal(8, 5)), 0),
    )
    # The visceral surface faces down, back and to the left.
    slope = float(rng.uniform(0.4, 0.65))
    visceral = below((70, 0, float(rng.uniform(1085, 1105))), (-slope, -0.25, -1))
    gallbladder_ml = float(rng.uniform(15, 45))
    bag = ellipsoid(np.array((52.0, 52.0, 1108.0)) + shift, (14, 20, 30), rotation_deg=(-20, 0, 0))
    canvas.fill("gallbladder", bag, (15, 5, 1050), (95, 110, 1165), volume_ml=gallbladder_ml, over=_BED)
    shape = common(union(right, left), visceral, _under_dome)
    volume_ml = float(np.clip(rng.normal(1550, 230), 1080, 2100))
    low, high = (-135, -105, 1000), (160, 140, 1265)
    canvas.fill("liver", shape, low, high, volume_ml=volume_ml, over=_INNER)
    portal = smooth_curve([(45, 8, 1150), (25, 5, 1125), (0, 2, 1118), (-40, -12, 1135), (-80, -28, 1155)])
    canvas.tube("portal_vein_and_splenic_vein", portal, 6.0, over=_BED)


def _paint_kidney(canvas: Canvas, rng: np.random.Generator, side: str) -> None:
    center = mirrored((60, -46, 1092 if side == "right" else 1108), side) + rng.normal(0, 4, 3)
    tilt = 12.0 if side == "right" else -12.0
    bean = ellipsoid(center, (27, 25, 56), rotation_deg=(6, tilt, 0))
    hilum = ellipsoid(center - mirrored((26, -6, 0), side), (15, 12, 17))
    volume_ml = float(np.clip(rng.normal(160, 28), 105, 235))
    low, high = center - 85, center + 85
    pelvis = ellipsoid(center - mirrored((11, -3, 0), side), (9, 8, 20))
    pelvis_ml = float(rng.uniform(4, 12))
    canvas.fill(f"kidney_pelvis_{side}", pelvis, center - 40, center + 40, volume_ml=pelvis_ml, over=_BED)
    shape = without(bean, hilum)
    canvas.fill(f"kidney_{side}", shape, low, high, volume_ml=volume_ml - pelvis_ml, over=_BED)
    adrenal = center + mirrored((-20, 10, 60), side)
    limbs = adrenal + np.array([(-10.0, -8.0, -10.0), (0.0, 2.0, 6.0), (10.0, -10.0, -8.0)])
    canvas.tube(f"adrenal_gland_{side}", limbs, 5.0, over=_BED)
    start = center - mirrored((18, -4, 20), side)
    path = smooth_curve(
        [
            start,
            mirrored((38, -22, 1040), side),
            mirrored((40, -18, 980), side),
            mirrored((24, -8, 930), side),
        ]
    )
    canvas.tube(f"ureter_{side}", path, 2.5, over=_BED)


def _paint_spleen(canvas: Canvas, rng: np.random.Generator) -> None:
    center = np.array((-104.0, -36.0, 1172.0)) + rng.normal(0, 4, 3)
    body = ellipsoid(center, (27, 44, 58), rotation_deg=(25, 12, 15))
    hollow = ellipsoid(center + np.array((48.0, 22.0, 0.0)), (34, 38, 44))
    volume_ml = float(np.clip(np.exp(rng.normal(np.log(190), 0.3)), 100, 380))
    shape = common(without(body, hollow), _under_dome)
    canvas.fill("spleen", shape, center - 90, center + 90, volume_ml=volume_ml, over=_INNER)


def _paint_pelvic_organs(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    volume_ml = float(np.exp(rng.uniform(np.log(60), np.log(400))))
    bladder = ellipsoid((rng.normal(0, 3), 16, 932), (42, 34, 34))
    canvas.fill("urinary_bladder", bladder, (-80, -45, 885), (80, 75, 1020), volume_ml=volume_ml, over=_BED)
    if build.female:
        lean = float(rng.normal(0, 12))
        womb = ellipsoid((lean, -14, 972), (26, 20, 38), rotation_deg=(float(rng.normal(-35, 15)), 0, lean))
        womb_ml = float(rng.uniform(40, 120))
        canvas.fill("uterus", womb, (-60, -70, 900), (60, 60, 1040), volume_ml=womb_ml, over=_BED)
        for side in SIDES:
            place = mirrored((45, -10, 975), side) + rng.normal(0, 4, 3)
            ovary = ellipsoid(place, (9, 8, 15))
            canvas.fill(f"ovary_{side}", ovary, place - 20, place + 20, over=_BED)
        return
    gland = ellipsoid((0, 8, 893), (23, 17, 18))
    prostate_ml = float(np.exp(rng.uniform(np.log(20), np.log(70))))
    canvas.fill("prostate", gland, (-50, -40, 850), (50, 60, 940), volume_ml=prostate_ml, over=_BED)


def _paint_pancreas(canvas: Canvas, rng: np.random.Generator) -> None:
    knots = [(32, 8, 1078), (28, 14, 1100), (2, 20, 1112), (-32, 4, 1124), (-62, -16, 1138), (-84, -26, 1148)]
    path = smooth_curve(knots, rng=rng, jitter_mm=3)
    radius = np.interp(np.linspace(0, 1, len(path)), (0, 0.2, 0.4, 0.8, 1), (14, 15, 9, 11, 8))
    canvas.tube("pancreas", path, radius * float(rng.uniform(0.85, 1.1)), over=_INNER)


def _paint_stomach(canvas: Canvas, rng: np.random.Generator) -> None:
    knots = [
        (-58, -14, 1215),
        (-68, 0, 1190),
        (-72, 22, 1150),
        (-50, 48, 1108),
        (-12, 54, 1098),
        (20, 42, 1112),
    ]
    path = smooth_curve(knots, rng=rng, jitter_mm=5)
    radius = np.interp(np.linspace(0, 1, len(path)), (0, 0.3, 0.6, 0.85, 1), (34, 34, 28, 19, 12))
    canvas.tube("stomach", path, radius * float(rng.uniform(0.75, 1.15)), over=_INNER)
    loop = [(20, 42, 1112), (44, 30, 1118), (52, 6, 1085), (36, -6, 1052), (0, 6, 1050), (-28, 12, 1085)]
    canvas.tube("duodenum", smooth_curve(loop, rng=rng, jitter_mm=3), 11.5, over=_INNER)


def _paint_colon(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    front = 0.6 * build.belly_mm
    knots = np.array(
        [
            (0, -42, 890), (0, -46, 930), (4, -34, 968), (30, -4, 992), (-20, 14, 1005), (-70, 8, 992),
            (-90, 6, 1025), (-96, -14, 1080), (-100, -16, 1135), (-98, 8, 1165), (-62, 60 + front, 1120),
            (-5, 70 + front, 1072 + rng.uniform(-25, 20)), (48, 62 + front, 1082), (88, 18, 1092),
            (96, -12, 1055), (94, -4, 1015), (82, 10, 985),
        ],
        dtype=np.float64,
    )  # fmt: skip
    path = smooth_curve(knots, rng=rng, jitter_mm=6)
    haustra = 1 + 0.15 * np.sin(np.arange(len(path)) * 1.7) + rng.normal(0, 0.08, len(path))
    base = np.interp(np.linspace(0, 1, len(path)), (0, 0.3, 0.6, 1), (16, 14, 18, 25))
    canvas.tube("colon", path, base * haustra * float(rng.uniform(0.8, 1.15)), over=_INNER)


def _paint_small_bowel(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    low = np.array((-78.0, -2.0, 962.0))
    high = np.array((78.0, 58.0 + 0.7 * build.belly_mm, 1075.0))
    path = smooth_curve(_wander(rng, low, high, int(rng.integers(45, 75)), 38.0))
    radius = 11.5 + 2.0 * np.sin(np.arange(len(path)) * 0.9) * rng.random(len(path))
    canvas.tube("small_bowel", path, radius, over=_INNER)


def _wander(rng: np.random.Generator, low: Points, high: Points, count: int, stride_mm: float) -> Points:
    """A random walk that is reflected at the walls of a box, [count, 3]."""
    position = rng.uniform(low, high)
    heading = rng.normal(size=3)
    points = []
    for _ in range(count):
        heading = 0.5 * heading / np.linalg.norm(heading) + rng.normal(0, 0.6, 3)
        step = stride_mm * heading / np.linalg.norm(heading)
        outside = (position + step < low) | (position + step > high)
        heading, step = np.where(outside, -heading, heading), np.where(outside, -step, step)
        position = np.clip(position + step, low, high)
        points.append(position)
    return np.array(points)

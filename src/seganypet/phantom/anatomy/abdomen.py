"""Solid organs of the abdomen in the standard body."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.bowel import paint_bowel, paint_lumen
from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas, Level
from seganypet.phantom.anatomy.organ_volumes import draw_volume_ml
from seganypet.phantom.anatomy.pelvis import paint_pelvis
from seganypet.phantom.anatomy.shapes import below, common, ellipsoid, mirrored, smooth_curve, union, without
from seganypet.phantom.anatomy.thorax import dome
from seganypet.phantom.anatomy.tissues import SIDES
from seganypet.phantom.anatomy.warp import Field, Points

_BED = ("torso_fat", "skeletal_muscle")
_INNER = ("torso_fat",)
_NEVER = 1e3


def paint_abdomen(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    """Paint kidneys and adrenals first, then the solid organs that mould to them, then what winds around."""
    kidney_ml = draw_volume_ml("kidney", build, rng)
    for side in SIDES:
        _paint_kidney(canvas, build, rng, side, kidney_ml * float(np.exp(rng.normal(0, 0.05))))
    courses = paint_lumen(canvas, build, rng)
    _paint_liver(canvas, build, rng)
    _paint_spleen(canvas, build, rng)
    paint_pelvis(canvas, build, rng)
    _paint_pancreas(canvas, build, rng)
    paint_bowel(canvas, build, rng, courses)


def lowered(build: Build, share: float) -> Points:
    """Return how far an organ that follows a share of the diaphragm's travel lies from its place, [3]."""
    return np.array((0.0, 0.0, -share * build.breath_mm))


def _under_dome(build: Build) -> Level:
    breath = build.breath_mm

    def level(x: Field, y: Field, z: Field) -> Field:
        return np.asarray((z - dome(x, y, breath) + 2) * np.float32(0.8))

    return level


def _paint_liver(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    """The right lobe fills the dome out to the ribs, the left one tapers; below, a plane faces the bowel."""
    shift = rng.normal(0, 3, 3) + lowered(build, 1.0)
    right = ellipsoid(
        np.array((72.0, 4.0, 1165.0)) + shift, (88, 112, 118), rotation_deg=(0, 0, float(rng.normal(0, 5)))
    )
    left = ellipsoid(
        np.array((-8.0, 42.0, 1188.0)) + shift,
        (float(rng.uniform(88, 122)), 52, 54),
        rotation_deg=(0, float(rng.normal(-8, 5)), 0),
    )
    # The visceral surface faces down, back and to the left, less so under the left lobe; the liver's volume moves
    # it up or down.
    slope = float(rng.uniform(0.55, 0.95))
    tip = np.array((95.0, 0.0, float(rng.uniform(1050, 1085)))) + shift
    visceral = union(
        below(tip, (-slope, -0.3, -1)),
        below((0, 40, float(rng.uniform(1140, 1160)) + shift[2]), (0, -0.4, -1)),
    )
    _paint_gallbladder(canvas, build, rng, shift)
    outer, ceiling = union(right, left), _under_dome(build)

    def level(x: Field, y: Field, z: Field) -> Field:
        sides = np.maximum(np.float32(2) * outer(x, y, z), visceral(x, y, z))
        return np.where(ceiling(x, y, z) < 0, sides, np.float32(_NEVER))

    low, high = (-140, -125, 970), (165, 150, 1275)
    portal = smooth_curve(
        [(45, 8, 1150), (25, 10, 1125), (-2, 14, 1118), (-24, 10, 1125), (-46, -10, 1138), (-80, -28, 1155)]
    )
    canvas.tube("portal_vein_and_splenic_vein", portal + lowered(build, 0.8), 5.5, over=_BED)
    canvas.fill("liver", level, low, high, volume_ml=draw_volume_ml("liver", build, rng), over=_INNER)


def _paint_gallbladder(canvas: Canvas, build: Build, rng: np.random.Generator, shift: Points) -> None:
    bag = ellipsoid(np.array((50.0, 54.0, 1112.0)) + shift, (13, 19, 29), rotation_deg=(-20, 0, 0))
    volume_ml = draw_volume_ml("gallbladder", build, rng)
    low, high = np.array((5.0, 5, 1045)) + shift, np.array((95.0, 110, 1175)) + shift
    canvas.fill("gallbladder", bag, low, high, volume_ml=volume_ml, over=_INNER)


def _paint_kidney(
    canvas: Canvas, build: Build, rng: np.random.Generator, side: str, volume_ml: float
) -> None:
    """A bean whose upper pole leans to the spine, its pelvis, the adrenal on top, and the ureter."""
    # In the lean there is little behind the kidneys.
    back = -46 - 0.15 * min(build.belly_mm, 0.0)
    center = mirrored((62, back, 1090 if side == "right" else 1104), side) + rng.normal(0, 4, 3)
    center += lowered(build, 0.6)
    lean = -13.0 if side == "right" else 13.0
    long = float(rng.uniform(0.93, 1.07))
    bean = ellipsoid(center, (27 / long, 25, 57 * long), rotation_deg=(8, lean, 0))
    hilum = ellipsoid(center - mirrored((27, -8, 0), side), (15, 13, 18))
    low, high = center - 85, center + 85
    pelvis = ellipsoid(center - mirrored((12, -4, 0), side), (9, 8, 19))
    pelvis_ml = draw_volume_ml("kidney_pelvis", build, rng)
    canvas.fill(f"kidney_pelvis_{side}", pelvis, center - 40, center + 40, volume_ml=pelvis_ml, over=_BED)
    shape = without(bean, hilum)
    canvas.fill(f"kidney_{side}", shape, low, high, volume_ml=volume_ml - pelvis_ml, over=_BED)
    _paint_adrenal(canvas, build, rng, side, center)
    ureter = [
        center - mirrored((20, -6, 22), side),
        mirrored((36, -20, 1030), side),
        mirrored((40, -16, 980), side),
        mirrored((40, -22, 950), side),
        mirrored((18, -8, 922), side),
    ]
    canvas.tube(f"ureter_{side}", smooth_curve(ureter, rng=rng, jitter_mm=2), 2.5, over=_BED)


def _paint_adrenal(canvas: Canvas, build: Build, rng: np.random.Generator, side: str, kidney: Points) -> None:
    top = kidney + mirrored((-20, 8, 58), side)
    limbs = top + np.array([(-9.0, -9.0, -8.0), (0.0, 2.0, 6.0), (9.0, -9.0, -8.0)])
    volume_ml = draw_volume_ml("adrenal_gland", build, rng)
    canvas.tube(f"adrenal_gland_{side}", limbs, 5.6, over=_BED, volume_ml=volume_ml)


def _paint_spleen(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    center = np.array((-106.0, -38.0, 1172.0)) + rng.normal(0, 4, 3) + lowered(build, 0.9)
    body = ellipsoid(center, (26, 44, 58), rotation_deg=(25, 12, 15))
    hollow = ellipsoid(center + np.array((48.0, 22.0, 0.0)), (34, 38, 44))
    shape = common(without(body, hollow), _under_dome(build))
    volume_ml = draw_volume_ml("spleen", build, rng)
    canvas.fill("spleen", shape, center - 90, center + 90, volume_ml=volume_ml, over=_INNER)


def _paint_pancreas(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    knots = [(32, 8, 1078), (28, 14, 1100), (2, 20, 1112), (-32, 4, 1124), (-62, -16, 1138), (-84, -26, 1148)]
    path = smooth_curve(knots, rng=rng, jitter_mm=3) + lowered(build, 0.7)
    radius = np.interp(np.linspace(0, 1, len(path)), (0, 0.2, 0.4, 0.8, 1), (16, 17, 10.5, 12.5, 9.5))
    volume_ml = draw_volume_ml("pancreas", build, rng)
    canvas.tube("pancreas", path, radius, over=_INNER, volume_ml=volume_ml)

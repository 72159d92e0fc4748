"""Glands, eyes and airways of head and neck in the standard body."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.brain import paint_brain
from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas, Vector
from seganypet.phantom.anatomy.organ_volumes import draw_volume_ml
from seganypet.phantom.anatomy.shapes import ellipsoid, mirrored, smooth_curve, union
from seganypet.phantom.anatomy.tissues import FILLERS, SIDES, TISSUE_IDS

_PAIRS = (
    ("eye", (32, 76, 1645), (12, 12, 12)),
    ("lacrimal_gland", (45, 70, 1659), (5, 5, 8)),
    ("parotid_gland", (56, 10, 1586), (11, 16, 26)),
    ("submandibular_gland", (30, 40, 1546), (9, 14, 12)),
)
_SOFT = (*FILLERS, "skull")


def paint_head(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    """Paint brain, glands, eyes and airways."""
    paint_brain(canvas, build, rng)
    for name, center, radii in _PAIRS:
        volume_ml = draw_volume_ml(name, build, rng)
        for side in SIDES:
            own_ml = volume_ml * float(np.exp(rng.normal(0, 0.05)))
            _paint_at(canvas, f"{name}_{side}", mirrored(center, side), radii, own_ml)
    for side in SIDES:
        tonsil = mirrored((16, 24, 1570), side)
        canvas.tube("palatine_tonsils", tonsil + np.array([(0.0, 0.0, -5.0), (0.0, 0.0, 5.0)]), 4.5)
        for height in (1612.0, 1598.0):
            turbinate = mirrored([(9, 84, height), (9, 48, height)], side)
            canvas.tube("nasal_mucosa", turbinate, 4.0, over=_SOFT)
    _paint_neck(canvas, build, rng)


def _paint_neck(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    size = 0.88 if build.female else 1.0
    windpipe = smooth_curve([(0, 30, 1508), (0, 26, 1478), (0, -2, 1400), (0, -12, 1360)])
    canvas.tube("trachea", windpipe, 8.2 * size)
    for side in SIDES:
        bronchus = smooth_curve([(0, -12, 1362), (18, -14, 1345), (34, -16, 1325)])
        canvas.tube("trachea", mirrored(bronchus, side), 5.5 * size)
    lobes = union(*(ellipsoid(mirrored((19, 30, 1484), side), (9, 10, 24)) for side in SIDES))
    isthmus = ellipsoid((0, 40, 1476), (18, 7, 10))
    # A bridge in front of the windpipe first, so that a small gland does not fall apart.
    bridge = smooth_curve([(-18, 36, 1476), (0, 42, 1474), (18, 36, 1476)])
    canvas.tube("thyroid_gland", bridge, 3.0)
    volume_ml = draw_volume_ml("thyroid_gland", build, rng)
    volume_ml -= np.count_nonzero(canvas.label_map == TISSUE_IDS["thyroid_gland"]) * canvas.voxel_ml
    canvas.fill("thyroid_gland", union(lobes, isthmus), (-45, 0, 1435), (45, 65, 1530), volume_ml=volume_ml)
    cords = np.array([(0.0, 32, 1514), (0.0, 34, 1532)])
    canvas.tube("larynx", cords, 14.0 * size)


def _paint_at(canvas: Canvas, name: str, middle: Vector, radii: Vector, volume_ml: float) -> None:
    reach = 1.7 * np.asarray(radii, dtype=np.float64)
    low, high = np.asarray(middle) - reach, np.asarray(middle) + reach
    canvas.fill(name, ellipsoid(middle, radii), low, high, volume_ml=volume_ml, over=_SOFT)

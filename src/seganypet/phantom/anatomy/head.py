"""Brain, glands and airways of head and neck in the standard body."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.shapes import ellipsoid, mirrored, smooth_curve, union
from seganypet.phantom.anatomy.tissues import SIDES


def paint_head(canvas: Canvas, rng: np.random.Generator) -> None:
    """Paint brain, glands, eyes and airways."""
    _paint_brain(canvas, rng)
    for side in SIDES:
        _paint_pair(canvas, f"eye_{side}", (32, 74, 1645), (12, 12, 12), side, 7.0)
        _paint_pair(canvas, f"lacrimal_gland_{side}", (44, 70, 1660), (5, 5, 8), side, 0.9)
        parotid_ml, submandibular_ml = rng.uniform(16, 32), rng.uniform(6, 13)
        _paint_pair(canvas, f"parotid_gland_{side}", (55, 8, 1586), (12, 17, 26), side, parotid_ml)
        _paint_pair(
            canvas, f"submandibular_gland_{side}", (32, 38, 1546), (9, 14, 12), side, submandibular_ml
        )
        tonsil = mirrored((16, 22, 1568), side)
        canvas.tube("palatine_tonsils", tonsil + np.array([(0.0, 0.0, -6.0), (0.0, 0.0, 6.0)]), 6.0)
    lobes = union(*(ellipsoid(mirrored((19, 30, 1482), side), (9, 10, 24)) for side in SIDES))
    isthmus = ellipsoid((0, 40, 1474), (16, 5, 8))
    canvas.tube("trachea", smooth_curve([(0, 28, 1505), (0, 26, 1480), (0, -2, 1400), (0, -12, 1360)]), 8.5)
    thyroid_ml = float(rng.uniform(10, 24))
    canvas.fill("thyroid_gland", union(lobes, isthmus), (-45, 0, 1435), (45, 65, 1530), volume_ml=thyroid_ml)
    canvas.tube("larynx", np.array([(0.0, 30, 1512), (0.0, 32, 1532)]), 14.0)


def _paint_brain(canvas: Canvas, rng: np.random.Generator) -> None:
    behind = ellipsoid((0, -38, 1612), (48, 32, 25))
    canvas.fill(
        "cerebellum", behind, (-70, -100, 1560), (70, 10, 1660), volume_ml=float(rng.uniform(115, 155))
    )
    whole = ellipsoid((0, 0, 1662), (66, 83, 74))
    volume_ml = float(rng.normal(1230, 70))
    canvas.fill("brain", whole, (-90, -110, 1560), (90, 110, 1760), volume_ml=np.clip(volume_ml, 1060, 1400))


def _paint_pair(
    canvas: Canvas,
    name: str,
    center: tuple[float, float, float],
    radii: tuple[float, float, float],
    side: str,
    volume_ml: float,
) -> None:
    middle = mirrored(center, side)
    reach = 1.6 * np.asarray(radii)
    canvas.fill(name, ellipsoid(middle, radii), middle - reach, middle + reach, volume_ml=volume_ml)

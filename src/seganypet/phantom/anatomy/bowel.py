"""Stomach, duodenum, small bowel and colon in the standard body."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.organ_volumes import draw_volume_ml
from seganypet.phantom.anatomy.shapes import smooth_curve
from seganypet.phantom.anatomy.tissues import TISSUE_IDS
from seganypet.phantom.anatomy.warp import Points

_INNER = ("torso_fat",)
_BED = ("torso_fat", "skeletal_muscle")
_DUODENUM_ML = 65.0
_LUMEN_MM = 5.5


def paint_bowel(canvas: Canvas, build: Build, rng: np.random.Generator, colon: Points) -> None:
    """Paint the stomach, then what winds around and below it.

    Args:
        canvas: The body with its solid organs.
        build: Whose body it is.
        rng: Source of randomness.
        colon: Course of the colon, whose lumen `paint_lumen` has painted.
    """
    down = np.array((0.0, 0.0, -0.7 * build.breath_mm))
    knots = [
        (-56, -16, 1216),
        (-70, -4, 1190),
        (-76, 18, 1152),
        (-54, 46, 1112),
        (-14, 54, 1098),
        (20, 42, 1112),
    ]
    path = smooth_curve(knots, rng=rng, jitter_mm=4) + down
    radius = np.interp(np.linspace(0, 1, len(path)), (0, 0.25, 0.6, 0.85, 1), (34, 36, 28, 19, 12))
    volume_ml = draw_volume_ml("stomach", build, rng)
    canvas.tube("stomach", path, radius * (volume_ml / 400) ** 0.3, over=_INNER, volume_ml=volume_ml)
    loop = [(20, 42, 1112), (44, 30, 1118), (52, 6, 1085), (38, 6, 1052), (0, 16, 1048), (-28, 14, 1085)]
    course = smooth_curve(loop, rng=rng, jitter_mm=3) + 0.7 * down
    duodenum_ml = _DUODENUM_ML * float(rng.uniform(0.7, 1.3))
    canvas.tube("duodenum", course, 11.0, over=_BED, volume_ml=duodenum_ml)
    _paint_colon(canvas, build, rng, colon)
    _paint_small_bowel(canvas, build, rng, draw_volume_ml("small_bowel", build, rng) - duodenum_ml)


def paint_lumen(canvas: Canvas, build: Build, rng: np.random.Generator) -> Points:
    """Paint a thin colon from end to end, which nothing can cut later, and return its course [N, 3]."""
    front = 0.6 * build.belly_mm
    rectum = [(0, -36, 896), (0, -46, 930), (4, -36, 968), (30, -4, 992), (-20, 14, 1005), (-66, 8, 992)]
    left = [
        (-92, 6, 1025),
        (-100, -12, 1068),
        (-106, -4, 1102),
        (-106, 24, 1124),
        (-86, 48 + front / 2, 1128),
    ]
    middle = 1072 + float(rng.uniform(-30, 20))
    across = [(-60, 62 + front, 1108), (-5, 72 + front, middle), (48, 64 + front, 1084), (90, 18, 1090)]
    right = [(100, -12, 1055), (98, -2, 1015), (84, 12, 985)]
    knots = np.array([*rectum, *left, *across, *right], dtype=np.float64)
    path = smooth_curve(knots, rng=rng, jitter_mm=6)
    canvas.tube("colon", path, _LUMEN_MM, over=_BED)
    return path


def _paint_colon(canvas: Canvas, build: Build, rng: np.random.Generator, path: Points) -> None:
    """Widen the colon, with its haustra, into what room is left."""
    haustra = 1 + 0.15 * np.sin(np.arange(len(path)) * 1.7) + rng.normal(0, 0.08, len(path))
    base = np.interp(np.linspace(0, 1, len(path)), (0, 0.1, 0.3, 0.6, 1), (13, 17, 12, 15, 22))
    volume_ml = draw_volume_ml("colon", build, rng)
    lumen_ml = np.count_nonzero(canvas.label_map == TISSUE_IDS["colon"]) * canvas.voxel_ml
    radius = base * haustra * (volume_ml / 750) ** 0.5
    canvas.tube("colon", path, radius, over=_BED, volume_ml=max(volume_ml - lumen_ml, 0.0))


def _paint_small_bowel(canvas: Canvas, build: Build, rng: np.random.Generator, volume_ml: float) -> None:
    """Loops that wander through the belly inside the frame of the colon, from the duodenum's end."""
    low = np.array((-82.0, -8.0, 948.0))
    high = np.array((82.0, 60.0 + 0.7 * build.belly_mm, 1078.0))
    start = np.array((-28.0, 14.0, 1085.0))
    path = smooth_curve(np.concatenate([[start], _wander(rng, low, high, int(rng.integers(70, 90)), 38.0)]))
    radius = 11.0 + 2.0 * np.sin(np.arange(len(path)) * 0.9) * rng.random(len(path))
    canvas.tube("small_bowel", path, radius, over=_INNER, volume_ml=volume_ml)


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

"""Stomach, duodenum, small bowel and colon in the standard body."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.organ_volumes import draw_volume_ml
from seganypet.phantom.anatomy.shapes import smooth_curve
from seganypet.phantom.anatomy.warp import Points

_INNER = ("torso_fat",)
_DUODENUM_ML = 65.0


def paint_bowel(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    """Paint the stomach, then what winds around and below it."""
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
    loop = [(20, 42, 1112), (44, 30, 1118), (52, 6, 1085), (36, -4, 1052), (0, 8, 1050), (-28, 12, 1085)]
    course = smooth_curve(loop, rng=rng, jitter_mm=3) + 0.7 * down
    duodenum_ml = _DUODENUM_ML * float(rng.uniform(0.7, 1.3))
    canvas.tube("duodenum", course, 11.0, over=_INNER, volume_ml=duodenum_ml)
    _paint_colon(canvas, build, rng)
    _paint_small_bowel(canvas, build, rng, draw_volume_ml("bowel_small", build, rng) - duodenum_ml)


def _paint_colon(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    front = 0.6 * build.belly_mm
    knots = np.array(
        [
            (0, -36, 896), (0, -46, 930), (4, -36, 968), (30, -4, 992), (-20, 14, 1005), (-66, 8, 992),
            (-92, 6, 1025), (-99, -14, 1080), (-104, -14, 1135), (-100, 10, 1165), (-62, 60 + front, 1120),
            (-5, 72 + front, 1072 + rng.uniform(-30, 20)), (48, 64 + front, 1084), (90, 18, 1090),
            (100, -12, 1055), (98, -2, 1015), (84, 12, 985),
        ],
        dtype=np.float64,
    )  # fmt: skip
    path = smooth_curve(knots, rng=rng, jitter_mm=6)
    haustra = 1 + 0.15 * np.sin(np.arange(len(path)) * 1.7) + rng.normal(0, 0.08, len(path))
    base = np.interp(np.linspace(0, 1, len(path)), (0, 0.1, 0.3, 0.6, 1), (13, 17, 12, 15, 22))
    volume_ml = draw_volume_ml("colon", build, rng)
    radius = base * haustra * (volume_ml / 750) ** 0.5
    canvas.tube("colon", path, radius, over=_INNER, volume_ml=volume_ml)


def _paint_small_bowel(canvas: Canvas, build: Build, rng: np.random.Generator, volume_ml: float) -> None:
    """Loops that wander through the belly inside the frame of the colon, from the duodenum's end."""
    low = np.array((-82.0, -8.0, 948.0))
    high = np.array((82.0, 60.0 + 0.7 * build.belly_mm, 1078.0))
    start = np.array((-28.0, 12.0, 1085.0))
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

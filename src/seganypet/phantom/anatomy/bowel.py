"""Stomach, duodenum, small bowel and colon in the standard body."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.organ_volumes import draw_volume_ml
from seganypet.phantom.anatomy.outline import WIDER
from seganypet.phantom.anatomy.pieces import keep_largest_piece
from seganypet.phantom.anatomy.shapes import smooth_curve
from seganypet.phantom.anatomy.tissues import TISSUE_IDS
from seganypet.phantom.anatomy.warp import Axes, Points, random_lattice

_INNER = ("torso_fat",)
_BED = ("torso_fat", "skeletal_muscle")
_DUODENUM_ML = 65.0
_LUMEN_MM = 5.5
_THIN_MM = 3.0
_CAVITY_MM = 120.0  # half the width of the belly's cavity
_WALL_MM = 2.5
_PART_MM = 70.0  # length of the parts of a bowel whose gas does not communicate
# How often there is no gas, and the largest share of the organ that gas fills. The designer's choice; the whole
# fasting gut of healthy people holds 95 ml (quartiles 71-141, CT; Neurogastroenterol Motil 2015).
_STOMACH_GAS, _COLON_GAS = (0.2, 0.55), (0.15, 0.4)


def paint_bowel(
    canvas: Canvas, build: Build, rng: np.random.Generator, courses: tuple[Points, Points]
) -> None:
    """Paint the stomach, then what winds around and below it.

    Args:
        canvas: The body with its solid organs.
        build: Whose body it is.
        rng: Source of randomness.
        courses: What `paint_lumen` returned.
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
    _paint_gas(canvas, "stomach", _STOMACH_GAS, rng)
    colon, duodenum = courses
    duodenum_ml = _DUODENUM_ML * float(rng.uniform(0.7, 1.3))
    lumen_ml = np.count_nonzero(canvas.label_map == TISSUE_IDS["duodenum"]) * canvas.voxel_ml
    canvas.tube("duodenum", duodenum, 11.0, over=_BED, volume_ml=max(duodenum_ml - lumen_ml, 0.0))
    _paint_colon(canvas, build, rng, colon)
    _paint_small_bowel(canvas, build, rng, draw_volume_ml("small_bowel", build, rng) - duodenum_ml)
    keep_largest_piece(canvas, "colon", instead="torso_fat")
    _paint_gas(canvas, "colon", _COLON_GAS, rng, uneven_mm=90.0)


def paint_lumen(canvas: Canvas, build: Build, rng: np.random.Generator) -> tuple[Points, Points]:
    """Paint a thin colon and duodenum from end to end, which nothing can cut later; return their courses [N, 3]."""
    loop = [(20, 42, 1112), (42, 24, 1116), (52, 4, 1085), (38, 6, 1052), (0, 16, 1048), (-28, 14, 1085)]
    duodenum = smooth_curve(loop, rng=rng, jitter_mm=3) - np.array((0.0, 0.0, 0.49 * build.breath_mm))
    canvas.tube("duodenum", duodenum, _THIN_MM, over=_BED)
    front = (0.6 if build.belly_mm > 0 else 1.0) * build.belly_mm
    rectum = [(0, -34, 896), (0, -43, 930), (4, -33, 968), (30, -4, 992), (-20, 14, 1005), (-66, 8, 992)]
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
    wider = (WIDER * build.belly_mm - (6.0 if build.female else 0.0)) / _CAVITY_MM
    knots[:, 0] *= 1 + wider * np.interp(knots[:, 2], (1000, 1060), (0, 1))
    path = smooth_curve(knots, rng=rng, jitter_mm=6)
    bones = (name for name in ("sacrum", "hip_left", "hip_right") if name not in canvas.kept)
    canvas.tube("colon", path, _LUMEN_MM, over=(*_BED, *bones))
    return path, duodenum


def _paint_colon(canvas: Canvas, build: Build, rng: np.random.Generator, path: Points) -> None:
    """Widen the colon, with its haustra, into what room is left."""
    haustra = 1 + 0.15 * np.sin(np.arange(len(path)) * 1.7) + rng.normal(0, 0.08, len(path))
    base = np.interp(np.linspace(0, 1, len(path)), (0, 0.1, 0.3, 0.6, 1), (13, 17, 12, 15, 22))
    volume_ml = draw_volume_ml("colon", build, rng)
    lumen_ml = np.count_nonzero(canvas.label_map == TISSUE_IDS["colon"]) * canvas.voxel_ml
    radius = base * haustra * (volume_ml / 750) ** 0.5
    canvas.tube("colon", path, radius, over=_BED, volume_ml=max(volume_ml - lumen_ml, 0.0))


def _paint_gas(
    canvas: Canvas,
    organ: str,
    often: tuple[float, float],
    rng: np.random.Generator,
    *,
    uneven_mm: float = 0.0,
) -> None:
    """Fill the front of a hollow organ with gas: it rises, and the patient lies on the back.

    Args:
        canvas: The body with the organ.
        organ: Name of the organ; the gas is the tissue `{organ}_gas`.
        often: How often there is none, and the largest share of the organ's volume.
        rng: Source of randomness.
        uneven_mm: How far the level of the gas differs between parts that do not communicate.
    """
    none, most = often
    share = float(rng.uniform(0.03, most)) if rng.random() >= none else 0.0
    inside = canvas.label_map == TISSUE_IDS[organ]
    spans = ndimage.find_objects(inside.astype(np.int8))
    gas = f"{organ}_gas"
    if not spans or share == 0 or gas in canvas.kept:
        return
    box = spans[0]
    inside = inside[box]
    depth = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=canvas.spacing_mm)[1:-1, 1:-1, 1:-1]
    # The depth is that of a voxel's centre under the first centre outside.
    lumen = inside & (depth > _WALL_MM + 0.5 * canvas.spacing_mm.max())
    axes: Axes = (canvas.axes[0][box[0]], canvas.axes[1][box[1]], canvas.axes[2][box[2]])
    low, high = [float(axis[0]) for axis in axes], [float(axis[-1]) for axis in axes]
    field = random_lattice(rng, low, high, step_mm=_PART_MM).on_grid(axes)[0]
    height = (axes[1][None, :, None] + np.float32(uneven_mm) * field)[lumen]
    count = min(round(share * int(inside.sum())), height.size - 1)
    values = canvas.label_map[box][lumen]
    values[height > np.partition(height, -count - 1)[-count - 1]] = TISSUE_IDS[gas]
    canvas.label_map[box][lumen] = values


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

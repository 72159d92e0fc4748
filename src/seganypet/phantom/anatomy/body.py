"""The body's flesh: skin, fat and muscle of trunk, head and limbs, and the trunk's cavity."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas, Slices
from seganypet.phantom.anatomy.outline import WIDER, Part, body_parts, breast_center_mm
from seganypet.phantom.anatomy.shapes import (
    Profile,
    ellipsoid,
    mirrored,
    smooth_curve,
    trunk,
)
from seganypet.phantom.anatomy.tissues import SIDES, TISSUE_IDS
from seganypet.phantom.anatomy.warp import Field, Points

_CAVITY_Z = (885, 900, 930, 960, 1000, 1040, 1100, 1200, 1300, 1380, 1430, 1470)
_CAVITY_WIDTH = (30, 45, 62, 80, 105, 118, 121, 130, 136, 128, 96, 45)
_CAVITY_DEPTH = (30, 42, 52, 60, 66, 70, 75, 82, 86, 76, 55, 28)
_CAVITY_MIDDLE = (-4, -2, 0, 4, 8, 12, 13, 12, 4, 0, -6, -10)
SKIN_MM = 1.7
_FAR_MM = 1e3
_LINING_MM = 8.5
_LINED = np.array((0.5, 0.6, 0.4, 0.0, 0.0, 1.0, 1.0, 1.5))


def cavity(build: Build, *, margin_mm: float = 0.0) -> tuple[Profile, Profile, Profile]:
    """Return half width, half depth and middle of the trunk's cavity, shrunk by a margin."""
    belly = build.belly_mm * np.interp(_CAVITY_Z, (930, 1020, 1130, 1250), (0, 1, 1, 0))
    narrow = margin_mm + (6.0 if build.female else 0.0)
    return (
        Profile(
            _CAVITY_Z, [max(w + WIDER * b - narrow, 5) for w, b in zip(_CAVITY_WIDTH, belly, strict=True)]
        ),
        Profile(
            _CAVITY_Z, [max(d + b / 2 - margin_mm, 5) for d, b in zip(_CAVITY_DEPTH, belly, strict=True)]
        ),
        Profile(_CAVITY_Z, [m + b / 2 for m, b in zip(_CAVITY_MIDDLE, belly, strict=True)]),
    )


def paint_body(canvas: Canvas, build: Build) -> None:
    """Paint skin, the fat under it, muscle inside that, and the trunk's inner fat as a bed for the organs.

    Skin is 1.7 mm thick, thinner than a voxel: the voxels whose centres lie in it are skin, so that its volume
    is right though it has holes. 1.7 mm makes the skin of ICRP Publication 89 (3300 g, 1.9 m²; approximate).
    """
    outer = np.full(canvas.label_map.shape, _FAR_MM, dtype=np.float32)
    inner = outer.copy()
    for part in body_parts(build):
        _join(canvas, part, outer, inner)
    canvas.label_map[outer < 0] = TISSUE_IDS["subcutaneous_fat"]
    canvas.label_map[(outer < 0) & (outer > -SKIN_MM)] = TISSUE_IDS["skin"]
    canvas.label_map[(inner < 0) & (outer < -SKIN_MM)] = TISSUE_IDS["skeletal_muscle"]
    paint_cavity(canvas, build, lining_mm=_LINING_MM)
    if build.female:
        _paint_glands(canvas, build)


def paint_cavity(canvas: Canvas, build: Build, *, lining_mm: float = 0.0) -> None:
    """Paint the fat that beds the organs of the trunk.

    Args:
        canvas: The body so far.
        build: Whose body it is.
        lining_mm: Thickness of the muscle between and inside the ribs, and on the inside of the pelvis.
    """
    whole = trunk(*cavity(build))
    lining = Profile((900, 950, 1000, 1040, 1150, 1215, 1400, 1440), lining_mm * _LINED)

    def inside(x: Field, y: Field, z: Field) -> Field:
        return np.asarray(
            np.maximum.reduce([whole(x, y, z) + lining(z), _CAVITY_Z[0] - z, z - _CAVITY_Z[-1]])
        )

    canvas.fill("torso_fat", inside, (-160, -130, 880), (160, 170, 1475), over=("skeletal_muscle",))


def rib_curve(build: Build, number: int, side: str) -> Points:
    """Return the course of a rib, from its vertebra to its front end, [N, 3]."""
    width, depth, middle = cavity(build, margin_mm=-5)
    start = 1462 - 24.5 * (number - 1)
    reach = {10: 118.0, 11: 88.0, 12: 60.0}.get(number, 152.0 if number <= 7 else 138.0)
    drop = np.interp(number, (1, 5, 10), (32, 80, 112))
    angle = np.radians(np.linspace(16, reach, 24))
    z = start - drop * (1 - np.cos(angle)) / 2
    a = np.array([width.at(float(h)) for h in z])
    b = np.array([depth.at(float(h)) for h in z])
    y = np.array([middle.at(float(h)) for h in z]) - b * np.cos(angle)
    return mirrored(smooth_curve(np.stack([a * np.sin(angle), y, z], axis=1)[::3]), side)


def _join(canvas: Canvas, part: Part, outer: Field, inner: Field) -> None:
    """Join a solid to the levels of the body so far, in place, with a fillet as deep as a quarter of its blend."""
    box: Slices = canvas.box(part.low, part.high)
    if 0 in outer[box].shape:
        return
    x, y, z = canvas.coordinates(box)
    level = part.level(x, y, z)
    fat_mm = part.fat_mm(z) if isinstance(part.fat_mm, Profile) else np.float32(part.fat_mm)
    _join_level(outer[box], level, part.blend_mm)
    _join_level(inner[box], level + fat_mm, part.blend_mm)


def _join_level(body: Field, level: Field, blend_mm: float) -> None:
    # The polynomial smooth minimum.
    nearness = np.abs(body - level)
    np.subtract(np.float32(blend_mm), nearness, out=nearness)
    np.maximum(nearness, 0, out=nearness)
    nearness *= nearness
    nearness *= np.float32(0.25 / blend_mm)
    np.minimum(body, level, out=body)
    body -= nearness


def _paint_glands(canvas: Canvas, build: Build) -> None:
    for side in SIDES:
        size = 24 + 0.45 * build.fat_mm
        center = breast_center_mm(build, side) + mirrored((4, 6, -4), side)
        gland = ellipsoid(center, (1.1 * size, 0.65 * size, size))
        reach = 1.4 * size
        canvas.fill(f"breast_{side}", gland, center - reach, center + reach, over=("subcutaneous_fat",))

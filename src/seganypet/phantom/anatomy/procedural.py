"""Bodies drawn from our own parameters, without any patient's data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seganypet.errors import GeometryError
from seganypet.phantom.anatomy.abdomen import paint_abdomen
from seganypet.phantom.anatomy.body import paint_body
from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.anatomy.build import STANDARD_HEIGHT_M, Build, draw_build
from seganypet.phantom.anatomy.canvas import AxisMap, Canvas
from seganypet.phantom.anatomy.head import paint_head
from seganypet.phantom.anatomy.limbs import arm_joints
from seganypet.phantom.anatomy.muscles import paint_muscles
from seganypet.phantom.anatomy.outline import TOP_MM
from seganypet.phantom.anatomy.skeleton import paint_skeleton
from seganypet.phantom.anatomy.thorax import paint_thorax
from seganypet.phantom.anatomy.tissues import SIDES
from seganypet.phantom.anatomy.warp import Points, random_warp

_HALF_FIELD_MM = 345.0  # of a scanner with a bore of 70 cm


def procedural_anatomy(rng: np.random.Generator, *, spacing_mm: Sequence[float] = (4.0, 4.0, 4.0)) -> Anatomy:
    """Return a random adult's body, head to mid-thigh, knees or feet, with arms up, down or absent.

    Proportions, positions and organ volumes vary as among adults; a smooth invertible warp then bends
    everything.

    Args:
        rng: Source of randomness; the same state gives the same body.
        spacing_mm: Voxel size along x, y, z, in mm; finer than 12 mm.

    Returns:
        A label map on a RAS+ grid (x to the right, y to the front, z up).

    Raises:
        GeometryError: The voxel size is not three numbers between 0 and 12 mm.
    """
    spacing = check_spacing(spacing_mm)
    build = draw_build(rng)
    canvas = _canvas(build, spacing, rng)
    paint_body(canvas, build)
    paint_skeleton(canvas, build)
    paint_head(canvas, build, rng)
    paint_thorax(canvas, build, rng)
    paint_abdomen(canvas, build, rng)
    paint_muscles(canvas, build, rng)
    return canvas.anatomy()


def check_spacing(spacing_mm: Sequence[float]) -> tuple[float, float, float]:
    """Return a usable voxel size.

    Raises:
        GeometryError: Not three numbers between 0 and 12 mm.
    """
    if len(spacing_mm) != 3 or not all(0 < step <= 12 for step in spacing_mm):
        raise GeometryError(f"spacing_mm {tuple(spacing_mm)}; expected three numbers between 0 and 12 mm")
    x, y, z = (float(step) for step in spacing_mm)
    return x, y, z


def _canvas(build: Build, spacing_mm: tuple[float, float, float], rng: np.random.Generator) -> Canvas:
    tall = build.height_m / STANDARD_HEIGHT_M
    scale = (
        float(np.sqrt(tall) * build.frame[0]),
        float(np.sqrt(tall) * build.frame[1]),
        float(tall * build.frame[2]),
    )
    maps = (_scaled(scale[0]), _scaled(scale[1]), _scaled(scale[2]))
    low, high = _field_of_view(build, rng)
    low, high = low * scale, high * scale
    low[0], high[0] = max(low[0], -_HALF_FIELD_MM), min(high[0], _HALF_FIELD_MM)
    shape = np.ceil((high - low) / spacing_mm).astype(int) + 1
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = low
    warp = random_warp(rng, low.tolist(), high.tolist(), amplitude_mm=float(rng.uniform(8, 15)))
    return Canvas(affine, shape.tolist(), maps, warp, build.posture)


def _field_of_view(build: Build, rng: np.random.Generator) -> tuple[Points, Points]:
    """Corners of what is imaged, in the standard body: raised hands are often cut off."""
    half_width, top = 215.0 + build.fat_mm + max(build.legs_apart_mm, 0), TOP_MM
    to_the_hands = bool(rng.random() < 0.4)
    if build.arms:
        joints = np.stack([arm_joints(build, side) for side in SIDES])
        half_width = max(half_width, float(np.abs(joints[..., 0]).max()) + 60.0)
        if build.arms_up and to_the_hands:
            top = float(joints[..., 2].max()) + 15.0
    top += rng.uniform(12, 55)
    front = 170.0 + build.belly_mm + build.fat_mm
    low = np.array((-half_width, -150.0 - build.fat_mm, build.lowest_mm))
    return low, np.array((half_width, front, top))


def _scaled(scale: float) -> AxisMap:
    return AxisMap((0.0, 1000.0 * scale), (0.0, 1000.0))

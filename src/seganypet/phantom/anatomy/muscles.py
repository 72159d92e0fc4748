"""Named muscles, and the brown fat, in the standard body: parts of what fills space around the organs."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas, Level
from seganypet.phantom.anatomy.fasciae import paint_intermuscular_fat
from seganypet.phantom.anatomy.limbs import arm_joints, leg_shift_mm, on_leg
from seganypet.phantom.anatomy.organ_volumes import draw_volume_ml
from seganypet.phantom.anatomy.pieces import keep_largest_piece
from seganypet.phantom.anatomy.shapes import Profile, capsule, ellipsoid, mirrored, smooth_curve, union
from seganypet.phantom.anatomy.spine import canal_y, spine_y
from seganypet.phantom.anatomy.tissues import FILLERS, SIDES
from seganypet.phantom.anatomy.warp import Field

_MUSCLE = ("skeletal_muscle",)
_DEEP = ("skeletal_muscle", "torso_fat")
_LEG_AXIS = np.array([(90.0, 0.0, 900.0), (93.0, 0.0, 500.0)])
_THIGH_MM, _FOREARM_MM = 80.0, 36.0


def paint_muscles(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    """Name the muscles of back, hip, thigh and arm, and paint the brown fat and the fat between muscles."""
    volumes_ml = {
        name: draw_volume_ml(name, build, rng) for name in ("autochthon", "iliopsoas", "gluteus_maximus")
    }
    for side in SIDES:
        _paint_iliopsoas(canvas, side, volumes_ml["iliopsoas"])
        _paint_back(canvas, build, side, volumes_ml["autochthon"])
        _paint_gluteus(canvas, build, side, volumes_ml["gluteus_maximus"])
        _name_thigh(canvas, build, side)
        if build.arms:
            _name_arm(canvas, build, side)
    _paint_brown_fat(canvas, rng)
    paint_intermuscular_fat(canvas, build, rng)


def _paint_back(canvas: Canvas, build: Build, side: str, volume_ml: float) -> None:
    """The column of muscle on either side of the spinous processes."""
    z = np.array((905.0, 960, 1040, 1120, 1220, 1330, 1440, 1500, 1560))
    across = Profile(z, np.array((12.0, 24, 30, 29, 26, 24, 20, 16, 12)) * build.muscle)
    deep = Profile(z, np.array((10.0, 17, 20, 19, 15, 13, 12, 13, 10)) * build.muscle)
    middle = Profile(z, [canal_y(height) - 9 for height in z])
    sign = np.float32(1.0 if side == "right" else -1.0)

    def level(x: Field, y: Field, z: Field) -> Field:
        a, b = across(z), deep(z)
        square = ((x * sign - a - 2) / a) ** 2 + ((y - middle(z)) / b) ** 2
        shape = (np.sqrt(square) - 1) * np.minimum(a, b)
        return np.asarray(np.maximum.reduce([shape, 905 - z, z - 1560, 2 - x * sign]))

    low, high = np.sort(np.array([mirrored((0, -130, 900), side), mirrored((75, -20, 1565), side)]), axis=0)
    canvas.fill(f"autochthon_{side}", level, low, high, over=_DEEP, volume_ml=volume_ml)


def _paint_iliopsoas(canvas: Canvas, side: str, volume_ml: float) -> None:
    course = smooth_curve(
        [(28, -36, 1130), (36, -38, 1070), (46, -34, 1010), (62, -10, 965), (82, 16, 930), (98, 4, 880)]
    )
    radii = np.interp(np.linspace(0, 1, len(course)), (0, 0.3, 0.5, 0.75, 1), (10, 22, 27, 24, 12))
    wide = (volume_ml / 245) ** 0.5
    canvas.tube(
        f"iliopsoas_{side}", mirrored(course, side), wide * radii, over=_DEEP, volume_ml=0.72 * volume_ml
    )
    iliacus = smooth_curve([(90, -12, 1022), (80, -4, 985), (76, 8, 945), (82, 16, 930)])
    canvas.tube(
        f"iliopsoas_{side}", mirrored(iliacus, side), 19.0 * wide, over=_DEEP, volume_ml=0.28 * volume_ml
    )
    keep_largest_piece(canvas, f"iliopsoas_{side}", instead="skeletal_muscle")


def _paint_gluteus(canvas: Canvas, build: Build, side: str, volume_ml: float) -> None:
    center = mirrored((82, -66, 930), side)
    shape = ellipsoid(center, (62, 30, 88), rotation_deg=(8, 0, -12 if side == "right" else 12))
    reach = np.array((110.0, 75.0, 125.0))
    name = f"gluteus_maximus_{side}"
    canvas.fill(name, shape, center - reach, center + reach, over=_MUSCLE, volume_ml=volume_ml)


def _name_thigh(canvas: Canvas, build: Build, side: str) -> None:
    sign = np.float32(1.0 if side == "right" else -1.0)
    leg = on_leg(build, _LEG_AXIS, side)
    femur = capsule(leg[0], leg[1], _THIGH_MM, _THIGH_MM)
    arm = _arm(build, side) if build.arms and not build.arms_up else None

    def level(x: Field, y: Field, z: Field) -> Field:
        # The groin runs obliquely: higher on the outside than at the crotch.
        top = z - 838 - (x * sign) * np.float32(0.35)
        inside = [top, 515 - z, -x * sign]
        if arm is not None:  # hanging beside the thigh: what lies nearer to the arm is not the thigh's
            inside.append(femur(x, y, z) - arm(x, y, z))
        return np.asarray(np.maximum.reduce(inside))

    wide = 210.0 + float(leg_shift_mm(build, 500.0))
    low, high = np.sort(np.array([mirrored((0, -140, 510), side), mirrored((wide, 120, 915), side)]), axis=0)
    canvas.fill(f"thigh_muscle_{side}", level, low, high, over=_MUSCLE)


def _arm(build: Build, side: str) -> Level:
    """The forearm and the hand."""
    _, elbow, wrist, tips = arm_joints(build, side)
    return union(capsule(elbow, wrist, _FOREARM_MM, _FOREARM_MM), capsule(wrist, tips, 24.0, 20.0))


def _name_arm(canvas: Canvas, build: Build, side: str) -> None:
    shoulder, elbow, wrist, _ = arm_joints(build, side)
    start = shoulder + 0.12 * (elbow - shoulder)
    for first, last, radii in ((start, elbow, (46.0, 60.0)), (elbow, wrist, (60.0, 50.0))):
        low, high = np.minimum(first, last) - 60, np.maximum(first, last) + 60
        canvas.fill(f"arm_muscle_{side}", capsule(first, last, *radii), low, high, over=_MUSCLE)


def _paint_brown_fat(canvas: Canvas, rng: np.random.Generator) -> None:
    """Fat beside the neck, above the collar bones and along the upper spine, where brown fat takes up."""
    thick = float(rng.uniform(7.0, 12.5))
    for side in SIDES:
        neck = smooth_curve([(44, -18, 1535), (46, -12, 1500), (62, 2, 1472), (95, 2, 1464), (124, -6, 1452)])
        canvas.tube("brown_fat", mirrored(neck, side), thick, over=FILLERS)
        for height in range(1265, 1440, 24):
            place = np.array([(24.0, spine_y(height) - 4, height), (24.0, spine_y(height) - 4, height + 9)])
            canvas.tube("brown_fat", mirrored(place, side), 0.7 * thick, over=FILLERS)

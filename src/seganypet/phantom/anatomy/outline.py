"""The body's solids: trunk, head and limbs, each with the fat under its skin, as levels to be joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Level
from seganypet.phantom.anatomy.limbs import arm_joints, leg_shift_mm
from seganypet.phantom.anatomy.shapes import Profile, capsule, common, ellipsoid, mirrored, trunk
from seganypet.phantom.anatomy.tissues import SIDES
from seganypet.phantom.anatomy.warp import Field, Points

_Z = (828, 845, 862, 885, 950, 1040, 1100, 1200, 1300, 1390, 1425, 1455, 1476, 1500, 1550, 1600)
_WIDTH = (6, 62, 112, 156, 165, 146, 140, 147, 158, 166, 165, 138, 98, 66, 57, 56)
_DEPTH = (6, 46, 72, 88, 96, 92, 95, 102, 105, 95, 86, 75, 65, 57, 55, 55)
_MIDDLE = (-6, -8, -10, -9, -5, 0, 2, 2, 0, -4, -4, -4, -4, -3, -6, -12)
_FEMALE = ((860, 900, 1000, 1080, 1180, 1300, 1400, 1460, 1500), (12, 12, 9, -6, -6, -5, -11, -9, -6))
_LEG_Z = (-20, 0, 60, 120, 230, 330, 400, 490, 600, 700, 800, 850, 900, 950, 1000)
_LEG_RADIUS = (34, 36, 38, 39, 49, 57, 56, 59, 68, 77, 86, 88, 80, 58, 28)
_LEG_X = (95, 95, 95, 95, 95, 96, 95, 92, 91, 90, 90, 91, 94, 98, 100)
_LEG_Y = (-12, -12, -10, -10, -16, -20, -14, -2, -4, -6, -9, -11, -12, -12, -12)
_LEG_FAT_MM = 9.0
TOP_MM = 1757.0
WIDER = 0.25  # how far a belly widens the waist, over how far it comes forward


class Part(NamedTuple):
    """A solid of the body, the fat under its skin, how softly it joins the rest, and a box around it.

    The fat is one thickness in mm, or one that depends on the height.
    """

    level: Level
    fat_mm: float | Profile
    blend_mm: float
    low: Sequence[float]
    high: Sequence[float]


def body_parts(build: Build) -> list[Part]:
    """Return every solid of the body."""
    parts = [_trunk_part(build), *_head_parts(build), *_leg_parts(build)]
    parts += _breast_parts(build) if build.female else [_scrotum(build)]
    return parts + (_arm_parts(build) if build.arms else [])


def breast_center_mm(build: Build, side: str) -> Points:
    """Return the middle of a breast, lying, in the standard body."""
    return mirrored((84, 84 + 0.4 * build.fat_mm, 1306), side)


def _trunk_part(build: Build) -> Part:
    fat = build.fat_mm
    # In the lean the hollow of the belly lies inside: a thicker wall of muscle.
    belly = (build.belly_mm if build.belly_mm > 0 else 0.5 * build.belly_mm) * np.interp(
        _Z, (930, 1020, 1130, 1250), (0, 1, 1, 0)
    )
    # Women store fat at the hips, men at the waist.
    share = (
        (0.3, 1.3, 1.25, 0.95, 0.75, 0.45, 0.25) if build.female else (0.3, 0.95, 1.0, 1.1, 0.85, 0.5, 0.3)
    )
    thick = fat * np.interp(_Z, (845, 890, 970, 1080, 1300, 1480, 1550), share)
    sex = np.interp(_Z, *_FEMALE) if build.female else np.zeros(len(_Z))
    sex = np.where(np.asarray(_Z) < 862, 0.0, sex)
    width = np.asarray(_WIDTH) + thick + sex + WIDER * belly
    depth = np.asarray(_DEPTH) + thick * 0.8 + belly / 2 + 0.4 * np.minimum(sex, 0)
    middle = np.asarray(_MIDDLE) + belly / 2
    level = trunk(Profile(_Z, width), Profile(_Z, depth), Profile(_Z, middle))
    bounded = common(level, lambda x, y, z: np.maximum(_Z[0] - z, z - _Z[-1]))
    wide, back, front = width.max() + 24, (middle - depth).min() - 24, (middle + depth).max() + 24
    return Part(bounded, Profile(_Z, 0.9 * thick), 24.0, (-wide, back, _Z[0]), (wide, front, _Z[-1]))


def _solid(
    center: Sequence[float], radii: Sequence[float], fat_mm: float, blend_mm: float, tilt_deg: float = 0.0
) -> Part:
    middle, reach = np.asarray(center, dtype=np.float64), 1.15 * float(max(radii)) + blend_mm
    level = ellipsoid(center, radii, rotation_deg=(tilt_deg, 0, 0))
    return Part(level, fat_mm, blend_mm, (middle - reach).tolist(), (middle + reach).tolist())


def _head_parts(build: Build) -> list[Part]:
    fat = 3.5 + 0.08 * build.fat_mm
    nose = _limb(np.array((0.0, 92, 1634)), np.array((0.0, 108, 1602)), (8.0, 12.0), 2.0, 8.0)
    ears = [_solid(mirrored((79, -6, 1630), side).tolist(), (5, 17, 30), 1.0, 4.0) for side in SIDES]
    return [
        _solid((0, -3, 1664), (77, 98, 93), fat, 10.0),
        _solid((0, 40, 1606), (62, 58, 66), fat, 16.0, -8.0),
        _solid((0, -34, 1606), (60, 57, 58), fat, 16.0),
        _solid((0, 48, 1556), (48, 48, 28), fat, 16.0, -6.0),
        nose,
        *ears,
    ]


def _leg_parts(build: Build) -> list[Part]:
    grow = 0.55 * build.fat_mm - 6.0
    grown = grow * np.interp(_LEG_Z, (0, 120, 500, 860), (0, 0.3, 0.6, 1))
    radius = Profile(_LEG_Z, build.muscle * np.asarray(_LEG_RADIUS) + grown)
    middle_y, fat_mm = Profile(_LEG_Z, _LEG_Y), Profile(_LEG_Z, _LEG_FAT_MM + grown)
    middle_x = Profile(_LEG_Z, np.asarray(_LEG_X) + leg_shift_mm(build, _LEG_Z))

    def legs(x: Field, y: Field, z: Field) -> Field:
        distance = np.hypot(np.abs(x) - middle_x(z), (y - middle_y(z)) * np.float32(0.94)) - radius(z)
        return np.asarray(np.maximum(np.maximum(distance, -15 - z), z - 995))

    side_mm = 205.0 + max(build.legs_apart_mm, 0) + grow
    feet = []
    for side in SIDES:
        out = float(leg_shift_mm(build, 10.0))
        heel, toe = mirrored((88 + out, -38, 14), side), mirrored((118 + out, 145, 12), side)
        feet.append(_limb(heel, toe, (34, 22), 4.0, 18.0))
    buttocks = [
        _solid(
            mirrored((72, -60 - 0.3 * build.fat_mm, 915), side).tolist(),
            (66 + 0.4 * build.fat_mm, 42 + 0.45 * build.fat_mm, 72 + 0.4 * build.fat_mm),
            build.fat_mm,
            24,
        )
        for side in SIDES
    ]
    return [Part(legs, fat_mm, 22.0, (-side_mm, -125, -20), (side_mm, 110, 1010)), *feet, *buttocks]


def _limb(start: Points, end: Points, radii_mm: tuple[float, float], fat_mm: float, blend_mm: float) -> Part:
    reach = max(radii_mm) + blend_mm / 2
    low, high = np.minimum(start, end) - reach, np.maximum(start, end) + reach
    return Part(capsule(start, end, *radii_mm), fat_mm, blend_mm, low.tolist(), high.tolist())


def _arm_parts(build: Build) -> list[Part]:
    parts: list[Part] = []
    fat, m = 2.0 + 0.3 * build.fat_mm, build.muscle * (0.94 if build.female else 1.0)
    for side in SIDES:
        shoulder, elbow, wrist, tips = arm_joints(build, side)
        parts.append(_limb(shoulder, elbow, (44 * m + fat, 34 * m + fat), fat, 22.0))
        parts.append(_limb(elbow, wrist, (36 * m + fat, 24 * m + fat / 2), fat, 12.0))
        parts.append(_limb(wrist, tips, (24, 15), 3.0, 10.0))
    return parts


def _breast_parts(build: Build) -> list[Part]:
    size = 44 + build.fat_mm * 0.75
    radii = (1.05 * size, 0.72 * size, size)
    return [_solid(breast_center_mm(build, side).tolist(), radii, size, 14.0) for side in SIDES]


def _scrotum(build: Build) -> Part:
    return _solid((0, 52 + 0.3 * build.fat_mm, 842), (30, 24, 32), 40.0, 10.0)

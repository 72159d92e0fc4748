"""The body's outline: trunk, head and limbs with their fat and muscle, and the trunk's cavity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seganypet.phantom.anatomy.canvas import Canvas, Level
from seganypet.phantom.anatomy.shapes import (
    Profile,
    capsule,
    common,
    ellipsoid,
    mirrored,
    smooth_curve,
    trunk,
    union,
)
from seganypet.phantom.anatomy.tissues import SIDES
from seganypet.phantom.anatomy.warp import Field, Points

_Z = (860, 890, 950, 1040, 1100, 1200, 1300, 1390, 1430, 1458, 1480, 1505, 1550)
_WIDTH = (168, 168, 165, 144, 138, 148, 160, 172, 172, 145, 100, 68, 58)
_DEPTH = (92, 96, 98, 92, 95, 102, 105, 92, 80, 70, 62, 57, 57)
_MIDDLE = (-8, -6, -4, 0, 2, 2, 0, -6, -8, -8, -6, 0, 2)
_CAVITY_Z = (885, 900, 930, 960, 1000, 1040, 1100, 1200, 1300, 1380, 1430, 1470)
_CAVITY_WIDTH = (30, 45, 62, 80, 105, 116, 118, 128, 136, 130, 98, 45)
_CAVITY_DEPTH = (30, 42, 52, 60, 66, 70, 74, 80, 84, 74, 55, 28)
_CAVITY_MIDDLE = (-4, -2, 0, 4, 8, 12, 13, 12, 4, 0, -6, -10)
TOP_MM = 1755.0


class _Part(NamedTuple):
    """A solid of the body, the fat under its skin, and a box around it in the standard body."""

    level: Level
    fat_mm: float
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Build:
    """What makes one adult's body differ from another's.

    Attributes:
        female: Sex: pelvis, breasts, internal genitals.
        height_m: Standing height, in m.
        fat_mm: Thickness of the fat under the skin at the flanks, in mm.
        belly_mm: How far visceral fat pushes the belly forward, in mm.
        arms_up: Whether the arms lie above the head.
        arms: Whether the arms are in the image at all.
        lowest_mm: Lowest height in the image, in the standard body: feet 0, knees 480, mid-thigh 700.
    """

    female: bool
    height_m: float
    fat_mm: float
    belly_mm: float
    arms_up: bool
    arms: bool
    lowest_mm: float


def draw_build(rng: np.random.Generator) -> Build:
    """Return a random adult; heights after NCD-RisC, eLife 2016."""
    female = bool(rng.random() < 0.5)
    height_m = rng.normal(1.64, 0.06) if female else rng.normal(1.77, 0.065)
    return Build(
        female=female,
        height_m=float(np.clip(height_m, 1.48, 1.95)),
        fat_mm=float(rng.uniform(9, 30) + (5 if female else 0)),
        belly_mm=float(rng.uniform(0, 45)),
        arms_up=bool(rng.random() < 0.65),
        arms=bool(rng.random() < 0.9),
        lowest_mm=float(rng.choice([700.0, 450.0, -30.0], p=[0.7, 0.15, 0.15]) + rng.uniform(-60, 60)),
    )


def cavity(build: Build, *, margin_mm: float = 0.0) -> tuple[Profile, Profile, Profile]:
    """Return half width, half depth and middle of the trunk's cavity, shrunk by a margin."""
    belly = build.belly_mm * np.interp(_CAVITY_Z, (930, 1020, 1130, 1250), (0, 1, 1, 0))
    return (
        Profile(_CAVITY_Z, [max(w - margin_mm, 5) for w in _CAVITY_WIDTH]),
        Profile(
            _CAVITY_Z, [max(d + b / 2 - margin_mm, 5) for d, b in zip(_CAVITY_DEPTH, belly, strict=True)]
        ),
        Profile(_CAVITY_Z, [m + b / 2 for m, b in zip(_CAVITY_MIDDLE, belly, strict=True)]),
    )


def paint_body(canvas: Canvas, build: Build) -> None:
    """Paint fat under the skin, muscle inside it, and the trunk's inner fat as a bed for the organs."""
    parts = [_trunk_part(build), _head_part(), *_leg_parts(), *_arm_parts(build)]
    for part in parts:
        canvas.fill("subcutaneous_fat", part.level, part.low, part.high, over=(), outside=True)
    if build.female:
        _paint_breasts(canvas, build)
    for part in parts:
        inner = _inset(part.level, part.fat_mm)
        canvas.fill("skeletal_muscle", inner, part.low, part.high, over=("subcutaneous_fat",))
    paint_cavity(canvas, build)


def paint_cavity(canvas: Canvas, build: Build) -> None:
    """Paint the fat that beds the organs of the trunk."""
    inside = common(trunk(*cavity(build)), lambda x, y, z: np.maximum(_CAVITY_Z[0] - z, z - _CAVITY_Z[-1]))
    canvas.fill("torso_fat", inside, (-160, -130, 880), (160, 170, 1475), over=("skeletal_muscle",))


def arm_bones(build: Build, side: str) -> tuple[Points, Points]:
    """Return the axes of upper arm and forearm, [2, 3] each, in the standard body."""
    shoulder, elbow, wrist = _arm_joints(build, side)
    return np.stack([shoulder, elbow]), np.stack([elbow, wrist])


def _trunk_part(build: Build) -> _Part:
    fat = build.fat_mm
    belly = build.belly_mm * np.interp(_Z, (930, 1020, 1130, 1250), (0, 1, 1, 0))
    thick = fat * np.interp(_Z, (860, 1000, 1300, 1480, 1550), (1.1, 1.1, 0.8, 0.5, 0.25))
    hips = (12.0 if build.female else 0.0) * np.interp(_Z, (860, 900, 1000, 1080), (1, 1, 1, 0))
    level = trunk(
        Profile(_Z, np.asarray(_WIDTH) + thick + hips),
        Profile(_Z, np.asarray(_DEPTH) + thick * 0.8 + belly / 2),
        Profile(_Z, np.asarray(_MIDDLE) + belly / 2),
    )
    bounded = common(level, lambda x, y, z: np.maximum(_Z[0] - z, z - _Z[-1]))
    return _Part(bounded, fat, (-245, -170, _Z[0]), (245, 220, _Z[-1]))


def _head_part() -> _Part:
    cranium = ellipsoid((0, 2, 1655), (77, 97, 100))
    face = ellipsoid((0, 38, 1590), (60, 58, 68), rotation_deg=(-12, 0, 0))
    cheeks = ellipsoid((0, 8, 1585), (76, 62, 58))
    nape = ellipsoid((0, -32, 1585), (60, 58, 70))
    return _Part(union(cranium, face, cheeks, nape), 4.0, (-80, -100, 1500), (80, 110, 1760))


def _leg_parts() -> list[_Part]:
    heights = (-20, 0, 60, 120, 300, 380, 490, 700, 860, 900)
    radius = Profile(heights, (36, 36, 40, 40, 56, 60, 62, 76, 92, 80))
    middle_x = Profile(heights, (95, 95, 95, 95, 95, 95, 92, 90, 90, 92))

    def legs(x: Field, y: Field, z: Field) -> Field:
        distance = np.hypot(np.abs(x) - middle_x(z), (y + 4) * np.float32(0.95)) - radius(z)
        return np.asarray(np.maximum(np.maximum(distance, -15 - z), z - 900))

    feet = [
        _limb(mirrored((85, -35, 12), side), mirrored((110, 150, 5), side), (34, 24), 5.0) for side in SIDES
    ]
    return [_Part(legs, 10.0, (-190, -105, -20), (190, 100, 900)), *feet]


def _limb(start: Points, end: Points, radii_mm: tuple[float, float], fat_mm: float) -> _Part:
    low = np.minimum(start, end) - max(radii_mm)
    high = np.maximum(start, end) + max(radii_mm)
    return _Part(capsule(start, end, *radii_mm), fat_mm, low.tolist(), high.tolist())


def _arm_joints(build: Build, side: str) -> tuple[Points, Points, Points]:
    if build.arms_up:
        joints = ((176, -10, 1432), (262, 5, 1660), (95, 25, 1860))
    else:
        joints = ((188, -10, 1425), (240, -15, 1130), (238, 25, 890))
    a, b, c = (mirrored(joint, side) for joint in joints)
    return a, b, c


def _arm_parts(build: Build) -> list[_Part]:
    if not build.arms:
        return []
    parts: list[_Part] = []
    fat = 0.3 * build.fat_mm
    for side in SIDES:
        shoulder, elbow, wrist = _arm_joints(build, side)
        hand = wrist + (wrist - elbow) / np.linalg.norm(wrist - elbow) * 130
        parts.append(_limb(shoulder, elbow, (50 + fat, 38 + fat), fat))
        parts.append(_limb(elbow, wrist, (38 + fat, 26 + fat / 2), fat))
        parts.append(_limb(wrist, hand, (24, 18), 3.0))
    return parts


def _paint_breasts(canvas: Canvas, build: Build) -> None:
    size = 42 + build.fat_mm * 0.8
    for side in SIDES:
        center = mirrored((78, 92, 1310), side)
        low, high = center - 1.4 * size, center + 1.4 * size
        level = ellipsoid(center, (size, size, size))
        canvas.fill("subcutaneous_fat", level, low.tolist(), high.tolist(), over=(), outside=True)


def _inset(level: Level, depth_mm: float) -> Level:
    return lambda x, y, z: level(x, y, z) + np.float32(depth_mm)


def rib_curve(build: Build, number: int, side: str) -> Points:
    """Return the course of a rib, from its vertebra to its front end, [N, 3]."""
    width, depth, middle = cavity(build, margin_mm=-5)
    start = 1455 - 25.0 * (number - 1)
    reach = {10: 120.0, 11: 90.0, 12: 60.0}.get(number, 155.0 if number <= 7 else 140.0)
    drop = np.interp(number, (1, 5, 10), (35, 75, 105))
    angle = np.radians(np.linspace(18, reach, 24))
    z = start - drop * (1 - np.cos(angle)) / 2
    a = np.array([width.at(float(h)) for h in z])
    b = np.array([depth.at(float(h)) for h in z])
    y = np.array([middle.at(float(h)) for h in z]) - b * np.cos(angle)
    return mirrored(smooth_curve(np.stack([a * np.sin(angle), y, z], axis=1)[::3]), side)

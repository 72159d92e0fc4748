"""`Build`: what makes one adult's body, and how it lies in the scanner, differ from another's."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from seganypet.phantom.anatomy.posture import Posture, draw_posture

STANDARD_HEIGHT_M = 1.75


@dataclass(frozen=True, kw_only=True)
class ArmPose:
    """How one arm lies: angles from the body's long axis, outwards positive, in degrees.

    Attributes:
        upper_deg: Upper arm.
        fore_deg: Forearm.
        front_deg: How far the arm is lifted off the table.
    """

    upper_deg: float = 15.0
    fore_deg: float = 0.0
    front_deg: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Build:
    """One adult's body.

    Attributes:
        female: Sex: pelvis, breasts, genitals, organ sizes.
        height_m: Standing height, in m.
        fat_mm: Thickness of the fat under the skin at the flanks, in mm.
        belly_mm: How far visceral fat pushes the belly forward, in mm.
        muscle: Thickness of the limbs' muscle over that of the standard body.
        arms_up: Whether the arms lie above the head.
        arms: Whether the arms are in the image at all.
        arm_poses: Pose of the left and of the right arm.
        legs_apart_mm: How far each foot lies outwards of where it is in the standard body, in mm.
        breath_mm: How far the diaphragm lies below its place at mid-breath, in mm; positive when full of air.
        organ_scale: Factor on all organ volumes: large people have large organs.
        posture: How head and spine bend.
        lowest_mm: Lowest height in the image, in the standard body: feet 0, knees 480, mid-thigh 700.
    """

    female: bool
    height_m: float = STANDARD_HEIGHT_M
    fat_mm: float = 12.0
    belly_mm: float = 0.0
    muscle: float = 1.0
    arms_up: bool = False
    arms: bool = True
    arm_poses: tuple[ArmPose, ArmPose] = (ArmPose(), ArmPose())
    legs_apart_mm: float = 0.0
    breath_mm: float = 0.0
    organ_scale: float = 1.0
    posture: Posture = field(default_factory=Posture)
    lowest_mm: float = -30.0


def draw_build(rng: np.random.Generator) -> Build:
    """Return a random adult; heights after NCD-RisC, eLife 2016, the rest a designer's choice."""
    female = bool(rng.random() < 0.5)
    height_m = float(np.clip(rng.normal(1.64, 0.06) if female else rng.normal(1.77, 0.065), 1.48, 1.95))
    arms_up = bool(rng.random() < 0.65)
    usual_m = 1.64 if female else 1.77
    return Build(
        female=female,
        height_m=height_m,
        fat_mm=float(rng.uniform(8, 28) + (5 if female else 0)),
        belly_mm=float(rng.uniform(0, 45)),
        muscle=float(np.clip(rng.normal(0.96 if female else 1.04, 0.05), 0.85, 1.2)),
        arms_up=arms_up,
        arm_poses=(_draw_arm(rng, arms_up), _draw_arm(rng, arms_up)),
        legs_apart_mm=float(rng.uniform(-8, 45)),
        breath_mm=float(np.clip(rng.normal(0, 8), -16, 22)),
        organ_scale=float((height_m / usual_m) ** 1.5),
        posture=draw_posture(rng),
        lowest_mm=float(rng.choice([700.0, 450.0, -30.0], p=[0.7, 0.15, 0.15]) + rng.uniform(-60, 60)),
    )


def _draw_arm(rng: np.random.Generator, up: bool) -> ArmPose:
    if up:
        upper, fore, front = rng.uniform(14, 38), rng.uniform(-60, -10), rng.uniform(0, 12)
    else:
        upper, fore, front = rng.uniform(6, 20), rng.uniform(-12, 8), rng.uniform(-4, 8)
    return ArmPose(upper_deg=float(upper), fore_deg=float(fore), front_deg=float(front))

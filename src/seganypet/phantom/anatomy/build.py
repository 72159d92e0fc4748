"""`Build`: what makes one adult's body, and how it lies in the scanner, differ from another's."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from seganypet.phantom.anatomy.posture import Posture, draw_posture

STANDARD_HEIGHT_M = 1.75
_USUAL_BMI = 26.0
_MEDIAN_BMI = {False: 27.8, True: 26.5}  # women True
# Body-mass index of bodies painted without warp, fitted to within 0.4 kg/m2: constant, fat, fat squared, belly,
# fat times belly (all in mm), muscle above 1. By sex: women True.
_BMI_OF_FLESH = {
    False: (19.907, 0.2364, 0.00054, 0.0196, 0.00013, 19.28),
    True: (19.424, 0.2309, 0.00073, 0.0195, 0.00013, 18.80),
}


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
        belly_mm: How far visceral fat pushes the belly forward, in mm; negative in the lean.
        muscle: Thickness of the limbs' muscle over that of the standard body.
        arms_up: Whether the arms lie above the head.
        arms: Whether the arms are in the image at all.
        arm_poses: Pose of the left and of the right arm.
        legs_apart_mm: How far each foot lies outwards of where it is in the standard body, in mm.
        breath_mm: How far the diaphragm lies below its place at mid-breath, in mm; positive when full of air.
        organ_scale: Factor on all organ volumes: large people have large organs.
        posture: How head and spine bend.
        lowest_mm: Lowest height in the image, in the standard body: feet 0, knees 480, mid-thigh 700.
        frame: Breadth, depth and length over those that a body of this height usually has.
        bmi: Body-mass index, in kg/m2, that fat, belly and muscle are chosen for.
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
    frame: tuple[float, float, float] = (1.0, 1.0, 1.0)
    bmi: float = 26.0


def draw_build(rng: np.random.Generator) -> Build:
    """Return a random adult patient.

    Heights follow NCD-RisC, eLife 2016. The body-mass index is log-normal with the medians, and about the
    quartiles, of a European population of middle age (SHIP-TREND, J Clin Med 2024, 13:769: men 27.8, 25.5-30.5;
    women 26.5, 23.3-30.5 kg/m2). The rest is a designer's choice.
    """
    female = bool(rng.random() < 0.5)
    height_m = float(np.clip(rng.normal(1.64, 0.06) if female else rng.normal(1.77, 0.065), 1.48, 1.95))
    arms_up = bool(rng.random() < 0.65)
    usual_m = 1.64 if female else 1.77
    bmi = float(np.clip(_MEDIAN_BMI[female] * np.exp(rng.normal(0, 0.21 if female else 0.17)), 17.3, 41.5))
    frame = _draw_frame(bmi, rng)
    fat_mm, belly_mm, muscle = _draw_flesh(bmi / float(np.prod(frame)), female, rng)
    return Build(
        female=female,
        height_m=height_m,
        fat_mm=fat_mm,
        belly_mm=belly_mm,
        muscle=muscle,
        arms_up=arms_up,
        arm_poses=(_draw_arm(rng, arms_up), _draw_arm(rng, arms_up)),
        legs_apart_mm=float(rng.uniform(-8, 45)),
        breath_mm=float(np.clip(rng.normal(0, 8), -16, 22)),
        organ_scale=float((height_m / usual_m) ** 1.5),
        posture=draw_posture(rng),
        lowest_mm=float(rng.choice([700.0, 450.0, -30.0], p=[0.7, 0.15, 0.15]) + rng.uniform(-60, 60)),
        frame=frame,
        bmi=bmi,
    )


def _draw_frame(bmi: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Breadth, depth and length: heavy people have a broad skeleton."""
    broad = (bmi / _USUAL_BMI) ** 0.15
    return (
        float(broad * rng.normal(1.0, 0.03)),
        float(broad * rng.normal(1.0, 0.035)),
        float(rng.normal(1.0, 0.02)),
    )


def _draw_flesh(bmi: float, female: bool, rng: np.random.Generator) -> tuple[float, float, float]:
    """Fat under the skin, belly and muscle that give a body of the usual frame a body-mass index."""
    above = bmi - _USUAL_BMI
    mean_mm, slope_mm, usual = (-13.0, 3.2, 0.98) if female else (3.0, 4.2, 1.06)
    belly_mm = float(np.clip(rng.normal(mean_mm + slope_mm * above, 6.0), -30, 50))
    muscle = float(np.clip(rng.normal(usual + 0.008 * above, 0.035), 0.82, 1.22))
    constant, by_fat, by_fat2, by_belly, by_both, by_muscle = _BMI_OF_FLESH[female]
    # The root of the quadratic in the thickness of the fat.
    rest = bmi - constant - by_belly * belly_mm - by_muscle * (muscle - 1)
    linear = by_fat + by_both * belly_mm
    root = np.sqrt(max(linear**2 + 4 * by_fat2 * rest, 0.0))
    return float(np.clip((root - linear) / (2 * by_fat2), 2.5, 62)), belly_mm, muscle


def _draw_arm(rng: np.random.Generator, up: bool) -> ArmPose:
    if up:
        upper, fore, front = rng.uniform(14, 38), rng.uniform(-60, -10), rng.uniform(0, 12)
    else:
        upper, fore, front = rng.uniform(6, 20), rng.uniform(-12, 8), rng.uniform(-4, 8)
    return ArmPose(upper_deg=float(upper), fore_deg=float(fore), front_deg=float(front))

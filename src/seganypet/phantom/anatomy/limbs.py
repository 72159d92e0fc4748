"""The axes of arms and legs in the standard body, on which bones and flesh agree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seganypet.phantom.anatomy.build import ArmPose, Build
from seganypet.phantom.anatomy.shapes import mirrored
from seganypet.phantom.anatomy.tissues import SIDES
from seganypet.phantom.anatomy.warp import Points

_UPPER_MM, _FORE_MM, HAND_MM = 290.0, 250.0, 130.0
_SHOULDER_MM = {True: (170.0, -12.0, 1436.0), False: (180.0, -14.0, 1418.0)}
_HIP_MM = 900.0
_HEAD_TOP_MM, _HEAD_HALF_MM = 1800.0, 125.0


def arm_joints(build: Build, side: str) -> tuple[Points, Points, Points, Points]:
    """Return shoulder, elbow, wrist and finger tips, [3] each, in the standard body."""
    pose = build.arm_poses[SIDES.index(side)]
    shoulder = np.array(_SHOULDER_MM[build.arms_up]) - np.array((6.0 if build.female else 0.0, 0, 0))
    upper_deg, fore_deg = (_raised if build.arms_up else _beside)(build, pose, shoulder)
    up = 1.0 if build.arms_up else -1.0
    elbow = shoulder + _UPPER_MM * _direction(upper_deg, pose.front_deg, up)
    ahead = _direction(fore_deg, pose.front_deg, up)
    wrist = elbow + _FORE_MM * ahead
    joints = [mirrored(point, side) for point in (shoulder, elbow, wrist, wrist + HAND_MM * ahead)]
    return joints[0], joints[1], joints[2], joints[3]


def leg_shift_mm(build: Build, z: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return how far the right leg's axis lies outwards of the standard body's at heights z, in mm."""
    return np.asarray(build.legs_apart_mm * np.clip((_HIP_MM - np.asarray(z)) / _HIP_MM, 0, None))


def on_leg(build: Build, points: npt.ArrayLike, side: str) -> Points:
    """Return points of the right leg, [N, 3], moved to a leg of this body."""
    moved = np.array(points, dtype=np.float64)
    moved[:, 0] += leg_shift_mm(build, moved[:, 2])
    return mirrored(moved, side)


def hip_half_width_mm(build: Build) -> float:
    """Return half the body's width at the hips, in mm."""
    return 168.0 + 1.1 * build.fat_mm + (12.0 if build.female else 0.0)


def _direction(out_deg: float, front_deg: float, up: float) -> Points:
    out, front = np.radians(out_deg), np.radians(front_deg)
    return np.array((np.sin(out) * np.cos(front), np.sin(front), up * np.cos(out) * np.cos(front)))


def _raised(build: Build, pose: ArmPose, shoulder: Points) -> tuple[float, float]:
    """Angles at which neither forearm nor hand runs into the head."""
    elbow = shoulder + _UPPER_MM * _direction(pose.upper_deg, pose.front_deg, 1.0)
    along = np.linspace(0, _FORE_MM + HAND_MM, 20)[:, None]
    for fore_deg in np.arange(pose.fore_deg, 0.0, 4.0):
        points = elbow + along * _direction(float(fore_deg), pose.front_deg, 1.0)
        beside = points[:, 2] < _HEAD_TOP_MM
        if (points[beside, 0] > _HEAD_HALF_MM).all() and (points[:, 0] > 30).all():
            return pose.upper_deg, float(fore_deg)
    return pose.upper_deg, 0.0


def _beside(build: Build, pose: ArmPose, shoulder: Points) -> tuple[float, float]:
    """Angles at which elbow and wrist clear the flanks and the hips."""
    hips = hip_half_width_mm(build)
    elbow_x = max(shoulder[0] + _UPPER_MM * np.sin(np.radians(pose.upper_deg)), hips - 18 + 44)
    upper_deg = np.degrees(np.arcsin(np.clip((elbow_x - shoulder[0]) / _UPPER_MM, -1, 0.9)))
    wrist_x = max(elbow_x + _FORE_MM * np.sin(np.radians(pose.fore_deg)), hips + 40)
    fore_deg = np.degrees(np.arcsin(np.clip((wrist_x - elbow_x) / _FORE_MM, -0.9, 0.9)))
    return float(upper_deg), float(fore_deg)

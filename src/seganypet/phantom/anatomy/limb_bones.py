"""Bones of arms and legs in the standard body, with the marrow cavities of their shafts."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas, Vector
from seganypet.phantom.anatomy.limbs import arm_joints, on_leg
from seganypet.phantom.anatomy.shapes import mirrored
from seganypet.phantom.anatomy.tissues import FILLERS
from seganypet.phantom.anatomy.warp import Points

# Hip and pelvis meet at the socket; the femur's head stays where it is.
_DEEP = (*FILLERS, "hip_left", "hip_right")
_NECK = [(88, 2, 926), (110, -2, 912), (128, -8, 895), (121, -4, 840), (106, 2, 680), (92, 2, 525)]
_NECK_RADII = (23.0, 15, 17, 15.5, 13, 17)
_TIBIA = [(76, -2, 462), (108, -2, 462), (92, 4, 430), (93, 8, 250), (93, -6, 72)]
# Height where shaft and cavity begin and end, in the standard body; adult marrow of the shafts is fat.
_FEMUR_CAVITY = [(120.5, -4, 835), (106, 2, 680), (96, 2, 575)]
_TIBIA_CAVITY = [(92, 4.5, 405), (93, 8, 250), (93, -4, 120)]
_THINNEST_MM = 4.5


def paint_leg_bones(canvas: Canvas, build: Build, side: str) -> None:
    """Paint femur, and below a high cut of the image only that."""
    _paint(canvas, f"femur_{side}", on_leg(build, _NECK, side), _NECK_RADII, over=_DEEP)
    # Below the lesser trochanter the femur's wall is about half its radius.
    _hollow(canvas, f"femur_marrow_{side}", on_leg(build, _FEMUR_CAVITY, side), (7.0, 6.5, 8.0))
    if build.lowest_mm > 600:
        return
    knee = [(72.0, -2, 497), (112, -2, 497)]
    _paint(canvas, f"femur_{side}", on_leg(build, knee, side), (22.0, 22.0), over=_DEEP)
    patella = [(92.0, 38, 507), (92, 38, 495)]
    _paint(canvas, f"patella_{side}", on_leg(build, patella, side), (14.0, 14.0))
    _paint(canvas, f"tibia_{side}", on_leg(build, _TIBIA, side), (18.0, 18, 18, 11.5, 14), over=_DEEP)
    _hollow(canvas, f"tibia_marrow_{side}", on_leg(build, _TIBIA_CAVITY, side), (7.0, 6.0, 6.5))
    fibula = [(122.0, -20, 440), (117, -18, 250), (113, -14, 72)]
    _paint(canvas, f"fibula_{side}", on_leg(build, fibula, side), (6.0, 6.0, 7.0))
    heel = [(92.0, -12, 55), (90, -40, 22)]
    _paint(canvas, f"tibia_{side}", on_leg(build, heel, side), (16.0, 18.0))


def paint_arm_bones(canvas: Canvas, build: Build, side: str) -> None:
    """Paint humerus with its cavity, and the two bones of the forearm."""
    shoulder, elbow, wrist, _ = arm_joints(build, side)
    head = shoulder - mirrored((12, 0, 2), side)
    neck = shoulder + 0.12 * (elbow - shoulder)
    middle = (shoulder + elbow) / 2
    shaft = np.stack([head, neck, middle, elbow])
    _paint(canvas, f"humerus_{side}", shaft, (22.0, 14, 10.5, 15))
    cavity = shoulder + np.array([[0.2], [0.5], [0.85]]) * (elbow - shoulder)
    _hollow(canvas, f"humerus_marrow_{side}", cavity, (6.5, 5.0, 5.0))
    apart = np.array((0.0, 10.0, 0.0))
    for shift in (-apart, apart):
        _paint(canvas, f"forearm_{side}", np.stack([elbow + shift, wrist + shift]), (6.5, 6.5))


def _paint(canvas: Canvas, name: str, points: Points, radii: Vector, over: tuple[str, ...] = FILLERS) -> None:
    canvas.tube(name, points, np.asarray(radii, dtype=np.float64), over=over)


def _hollow(canvas: Canvas, name: str, points: Points, radii: Vector) -> None:
    """Paint a marrow cavity, no thinner than a label map can show, inside the bone it belongs to."""
    bone = name.replace("_marrow", "")
    if bone in canvas.kept:
        return
    wide = np.maximum(np.asarray(radii, dtype=np.float64), _THINNEST_MM)
    canvas.tube(name, points, wide, over=(bone,))

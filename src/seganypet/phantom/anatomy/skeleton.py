"""Bones in the standard body."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.body import Build, arm_bones, rib_curve
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.shapes import below, common, ellipsoid, mirrored, smooth_curve, without
from seganypet.phantom.anatomy.tissues import SIDES, VERTEBRAE
from seganypet.phantom.anatomy.warp import Points

_SPINE_Z = (930, 975, 1010, 1090, 1150, 1220, 1320, 1410, 1470, 1530, 1590)
_SPINE_Y = (-62, -50, -40, -36, -40, -49, -60, -57, -42, -26, -16)
_VERTEBRA_MM = {"L": 34.0, "T": 25.0, "C": 17.0}
_RADIUS_MM = {"L": 22.0, "T": 16.0, "C": 10.0}
_LOWEST_VERTEBRA_MM = 978.0


def spine_y(z: float) -> float:
    """Return y of the middle of the vertebral bodies at a height, in mm."""
    return float(np.interp(z, _SPINE_Z, _SPINE_Y))


def paint_skeleton(canvas: Canvas, build: Build) -> None:
    """Paint every bone that the map does not hold yet."""
    _paint_spine(canvas)
    _paint_skull(canvas)
    for side in SIDES:
        _paint_thorax_side(canvas, build, side)
        _paint_pelvis_side(canvas, side)
        _paint_leg(canvas, build, side)
        if build.arms:
            _paint_arm(canvas, build, side)
    sternum = smooth_curve([(0, 70, 1432), (0, 84, 1370), (0, 92, 1290)])
    canvas.tube("sternum", np.concatenate([sternum - _ACROSS, sternum[::-1] + _ACROSS]), 7.0)


def _paint_spine(canvas: Canvas) -> None:
    cord = np.array(
        [(0, spine_y(z) - (27 if z < 1150 else 21 if z < 1455 else 16), z) for z in range(1100, 1600, 10)],
        float,
    )
    canvas.tube("spinal_cord", cord, 6.5)
    bottom = _LOWEST_VERTEBRA_MM
    for name in VERTEBRAE:
        region = name[len("vertebrae_")]
        height, radius = _VERTEBRA_MM[region], _RADIUS_MM[region]
        _paint_vertebra(canvas, name, bottom, height, radius)
        bottom += height
    z = np.array([972.0, 950, 925, 900])
    y = np.array([-52.0, -68, -80, -76])
    for x in (-22.0, 0.0, 22.0):
        path = np.stack([x * np.array([1.2, 1, 0.6, 0.3]), y, z], axis=1)
        canvas.tube("sacrum", path, np.array([17.0, 15, 12, 7]))


def _paint_vertebra(canvas: Canvas, name: str, bottom: float, height: float, radius: float) -> None:
    middle = bottom + height / 2
    center = (0.0, spine_y(middle), middle)
    # The upper and lower 12 % are discs, which have no marrow.
    slab = common(
        ellipsoid(center, (radius * 1.1, radius * 0.85, height * 4)),
        below((0, 0, middle + 0.38 * height), (0, 0, 1)),
        below((0, 0, middle - 0.38 * height), (0, 0, -1)),
    )
    reach = np.array([radius * 1.3, radius * 1.3, height / 2])
    canvas.fill(name, slab, np.asarray(center) - reach, np.asarray(center) + reach)
    back = center[1] - radius - 15
    spine = np.array([(0, back, middle - 3), (0, back - 7, middle - 10)])
    canvas.tube(name, spine, 5.0)
    across = np.array(
        [(-radius * 1.4, back + 8, middle), (0, back + 2, middle), (radius * 1.4, back + 8, middle)]
    )
    canvas.tube(name, across, 5.0)


def _paint_skull(canvas: Canvas) -> None:
    inner = ellipsoid((0, 0, 1662), (67, 84, 75))
    outer = ellipsoid((0, 0, 1662), (73, 91, 82))
    canvas.fill("skull", without(outer, inner), (-95, -115, 1560), (95, 115, 1765))
    jaw = smooth_curve([(-52, 15, 1590), (-48, 40, 1560), (0, 78, 1545), (48, 40, 1560), (52, 15, 1590)])
    canvas.tube("skull", jaw, 7.0)
    upper = smooth_curve([(-40, 45, 1590), (0, 82, 1585), (40, 45, 1590)])
    canvas.tube("skull", upper, 8.0)


def _paint_thorax_side(canvas: Canvas, build: Build, side: str) -> None:
    for number in range(1, 13):
        canvas.tube(f"rib_{side}_{number}", rib_curve(build, number, side), 5.0)
    clavicle = smooth_curve([(14, 66, 1436), (70, 52, 1450), (120, 15, 1462), (152, 2, 1458)])
    canvas.tube(f"clavicula_{side}", mirrored(clavicle, side), 6.0)
    corner = np.array([(72, -80, 1440), (78, -88, 1385), (88, -90, 1325)], dtype=np.float64)
    shoulder = np.array((150.0, -35.0, 1435.0))
    for start in smooth_curve(corner)[::2]:
        canvas.tube(f"scapula_{side}", mirrored(np.stack([start, shoulder]), side), 4.0)


def _paint_pelvis_side(canvas: Canvas, side: str) -> None:
    name = f"hip_{side}"
    crest = smooth_curve([(42, -62, 985), (62, -58, 1022), (95, -25, 1046), (118, 15, 1035), (122, 45, 1002)])
    socket = np.array((92.0, 0.0, 940.0))
    for end in crest[::2]:
        canvas.tube(name, mirrored(np.stack([socket, end]), side), 5.5)
    canvas.tube(name, mirrored(crest, side), 7.0)
    pubis = smooth_curve([(88, 18, 935), (60, 38, 915), (12, 48, 895), (35, 22, 875), (60, -20, 868)])
    canvas.tube(name, mirrored(pubis, side), 9.0)
    ischium = smooth_curve([(92, -12, 930), (75, -32, 900), (60, -25, 868)])
    canvas.tube(name, mirrored(ischium, side), 13.0)


def _paint_leg(canvas: Canvas, build: Build, side: str) -> None:
    femur = np.array(
        [(90, 2, 925), (112, -2, 912), (128, -8, 895), (120, -4, 840), (105, 2, 680), (92, 4, 520)]
    )
    radii = np.array([23.0, 15, 18, 16, 13.5, 17])
    canvas.tube(f"femur_{side}", mirrored(femur, side), radii, over=_DEEP)
    if build.lowest_mm > 600:
        return
    knee = np.array([(70.0, 0, 495), (114, 0, 495)])
    canvas.tube(f"femur_{side}", mirrored(knee, side), 22.0, over=_DEEP)
    canvas.tube(f"patella_{side}", mirrored([(92, 42, 505), (92, 42, 495)], side), 14.0)
    tibia = np.array([(76, -2, 460), (108, -2, 460), (92, 8, 430), (92, 14, 250), (92, -5, 70)])
    canvas.tube(f"tibia_{side}", mirrored(tibia, side), np.array([18.0, 18, 18, 11, 14]), over=_DEEP)
    fibula = np.array([(122.0, -16, 440), (116, -12, 250), (112, -12, 70)])
    canvas.tube(f"fibula_{side}", mirrored(fibula, side), 6.0)


def _paint_arm(canvas: Canvas, build: Build, side: str) -> None:
    upper, fore = arm_bones(build, side)
    middle = upper.mean(axis=0)
    shaft = np.stack([_inward(upper[0], side), middle, upper[1]])
    canvas.tube(f"humerus_{side}", shaft, np.array([22.0, 11, 15]))
    for shift in (-11.0, 11.0):
        canvas.tube(f"forearm_{side}", fore + np.array([[0, shift, 0], [0, shift, 0]]), 6.5)


def _inward(point: Points, side: str) -> Points:
    return point - mirrored((14, 0, 0), side)


_ACROSS = np.array((7.0, 0.0, 0.0))  # half the breast bone's width
# Hip and pelvis meet at the socket; the femur's head stays where it is.
_DEEP = ("subcutaneous_fat", "skeletal_muscle", "torso_fat", "hip_left", "hip_right")

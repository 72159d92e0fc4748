"""Bones in the standard body: skull, ribs, breast bone, shoulder and pelvis; spine and limbs have their own files."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.body import rib_curve
from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.limb_bones import paint_arm_bones, paint_leg_bones
from seganypet.phantom.anatomy.shapes import below, common, ellipsoid, mirrored, smooth_curve
from seganypet.phantom.anatomy.spine import paint_spine
from seganypet.phantom.anatomy.tissues import SIDES
from seganypet.phantom.anatomy.warp import Points

_ACROSS = np.array((8.0, 0.0, 0.0))  # half the breast bone's width


def paint_skeleton(canvas: Canvas, build: Build) -> None:
    """Paint every bone that the map does not hold yet; the brain is painted into the skull afterwards."""
    paint_spine(canvas)
    _paint_skull(canvas)
    for side in SIDES:
        _paint_thorax_side(canvas, build, side)
        _paint_pelvis_side(canvas, build, side)
        paint_leg_bones(canvas, build, side)
        if build.arms:
            paint_arm_bones(canvas, build, side)
    sternum = smooth_curve([(0, 58, 1430), (0, 73, 1370), (0, 88, 1285)])
    canvas.tube("sternum", np.concatenate([sternum - _ACROSS, sternum[::-1] + _ACROSS]), 6.0)


def _paint_skull(canvas: Canvas) -> None:
    # The base of the skull rises from the nape to the roof of the eye sockets.
    vault = common(ellipsoid((0, -1, 1668), (71, 91, 78)), below((0, 0, 1604), (0, 0.25, -1)))
    canvas.fill("skull", vault, (-95, -115, 1560), (95, 115, 1765))
    jaw = smooth_curve([(-56, 12, 1596), (-50, 34, 1558), (0, 86, 1548), (50, 34, 1558), (56, 12, 1596)])
    canvas.tube("skull", jaw, 6.5)
    upper = smooth_curve([(-38, 50, 1588), (0, 88, 1582), (38, 50, 1588)])
    canvas.tube("skull", upper, 8.0)
    for side in SIDES:
        cheek = smooth_curve([(64, 22, 1622), (56, 58, 1618), (32, 78, 1622), (22, 84, 1600)])
        canvas.tube("skull", mirrored(cheek, side), 5.0)


def _paint_thorax_side(canvas: Canvas, build: Build, side: str) -> None:
    for number in range(1, 13):
        canvas.tube(f"rib_{side}_{number}", rib_curve(build, number, side), 5.0)
    clavicle = smooth_curve([(14, 64, 1436), (70, 50, 1450), (118, 14, 1460), (152, -4, 1456)])
    canvas.tube(f"clavicula_{side}", mirrored(clavicle, side), 5.5)
    _paint_scapula(canvas, side)


def _paint_scapula(canvas: Canvas, side: str) -> None:
    """A thin blade behind the ribs, its spine, and the socket of the shoulder."""
    border = smooth_curve([(70, -82, 1442), (76, -90, 1390), (96, -88, 1315)])
    socket = np.array((148.0, -32.0, 1422.0))
    for start in border[::2]:
        middle = (start + socket) / 2 + np.array((0.0, -10.0, 0.0))
        blade = smooth_curve([start, middle, socket])
        canvas.tube(f"scapula_{side}", mirrored(blade, side), 3.0)
    ridge = smooth_curve([(74, -92, 1425), (120, -72, 1446), (158, -30, 1458)])
    canvas.tube(f"scapula_{side}", mirrored(ridge, side), 5.0)
    canvas.tube(f"scapula_{side}", mirrored(np.stack([socket, socket + np.array((2.0, 0, 16))]), side), 9.0)


def _paint_pelvis_side(canvas: Canvas, build: Build, side: str) -> None:
    name = f"hip_{side}"
    wide = np.array((1.06 if build.female else 1.0, 1.0, 1.0))
    crest = smooth_curve([(42, -62, 985), (64, -56, 1024), (98, -22, 1046), (122, 15, 1036), (124, 44, 1004)])
    socket = np.array((88.0, 0.0, 938.0))
    for end in crest[::2]:
        canvas.tube(name, _placed(np.stack([socket, end]), wide, side), 6.0)
    canvas.tube(name, _placed(crest, wide, side), 8.5)
    pubis = smooth_curve([(88, 18, 935), (60, 38, 915), (13, 46, 896), (35, 22, 876), (60, -20, 868)])
    canvas.tube(name, _placed(pubis, wide, side), 9.0)
    ischium = smooth_curve([(92, -12, 930), (76, -32, 900), (60, -25, 866)])
    canvas.tube(name, _placed(ischium, wide, side), 15.0)
    cup = socket + np.array([(-8.0, 0, 0), (0.0, 0, 8)])
    canvas.tube(name, _placed(cup, wide, side), 28.0)


def _placed(points: Points, wide: Points, side: str) -> Points:
    return mirrored(points * wide, side)

"""The spine in the standard body: its curve, vertebrae with their processes, sacrum and cord."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.shapes import below, common, ellipsoid, union
from seganypet.phantom.anatomy.tissues import VERTEBRAE

_SPINE_Z = (930, 975, 1010, 1090, 1150, 1220, 1320, 1410, 1470, 1530, 1590)
_SPINE_Y = (-62, -50, -40, -36, -40, -49, -60, -57, -42, -26, -20)
_VERTEBRA_MM = {"L": 34.0, "T": 25.0, "C": 17.0}
_RADIUS_MM = {"L": 23.0, "T": 16.5, "C": 10.0}
_LOWEST_VERTEBRA_MM = 978.0


def spine_y(z: float) -> float:
    """Return y of the middle of the vertebral bodies at a height, in mm."""
    return float(np.interp(z, _SPINE_Z, _SPINE_Y))


def canal_y(z: float) -> float:
    """Return y of the middle of the spinal canal at a height, in mm."""
    return spine_y(z) - float(np.interp(z, (1000, 1130, 1180, 1440, 1470), (28, 27, 22, 21, 16)))


def paint_spine(canvas: Canvas) -> None:
    """Paint cord, vertebrae and sacrum; discs stay what lies there, for they have no marrow."""
    cord = np.array([(0.0, canal_y(z), z) for z in range(1110, 1600, 10)])
    canvas.tube("spinal_cord", cord, 5.2)
    bottom = _LOWEST_VERTEBRA_MM
    for name in VERTEBRAE:
        region = name[len("vertebrae_")]
        _paint_vertebra(canvas, name, bottom, _VERTEBRA_MM[region], _RADIUS_MM[region])
        bottom += _VERTEBRA_MM[region]
    z = np.array([972.0, 950, 925, 900])
    y = np.array([-54.0, -68, -80, -76])
    for x in (-24.0, 0.0, 24.0):
        path = np.stack([x * np.array([1.25, 1, 0.6, 0.3]), y, z], axis=1)
        canvas.tube("sacrum", path, np.array([17.0, 15, 12, 7]))


def _paint_vertebra(canvas: Canvas, name: str, bottom: float, height: float, radius: float) -> None:
    middle = bottom + height / 2
    center = (0.0, spine_y(middle), middle)
    # The upper and lower 12 % are discs.
    slab = common(
        ellipsoid(center, (radius * 1.1, radius * 0.85, height * 4)),
        below((0, 0, middle + 0.38 * height), (0, 0, 1)),
        below((0, 0, middle - 0.38 * height), (0, 0, -1)),
    )
    back = canal_y(middle)
    arch = union(
        ellipsoid((0, back - 17, middle - 6), (4.5, 13, 0.42 * height)),
        ellipsoid((0, back - 7, middle), (radius * 1.5, 5, 0.2 * height)),
        *(ellipsoid((s * radius * 0.75, back + 4, middle), (4.5, 11, 0.24 * height)) for s in (-1.0, 1.0)),
    )
    reach = np.array([radius * 1.6, radius + 8, 0.6 * height])
    low, high = np.asarray(center) - reach, np.asarray(center) + reach
    low[1] = back - 32
    canvas.fill(name, union(slab, arch), low, high)

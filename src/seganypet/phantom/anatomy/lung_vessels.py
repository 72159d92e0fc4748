"""Large vessels between heart and lungs, and their first branches."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.shapes import mirrored, smooth_curve
from seganypet.phantom.anatomy.tissues import LUNG_LOBES
from seganypet.phantom.anatomy.warp import Points

_HILUM = np.array((38.0, -12.0, 1322.0))
_THINNEST = 0.55  # radius of the thinnest vessels that are painted, over the longest voxel edge
_ARTERY = [(4, 8, 1346), (20, 0, 1338), (38, -12, 1322)]
_VEINS = (
    [(12, -16, 1288), (28, -14, 1302), (44, -8, 1316)],
    [(12, -20, 1276), (30, -24, 1278), (50, -34, 1268)],
)
# Where branches end: upper lobe, middle lobe or lingula, lower lobe; and how far they follow the breath.
_ENDS = (
    ((62, -14, 1432), 0.0),
    ((88, 22, 1392), 0.1),
    ((84, -52, 1372), 0.1),
    ((84, 58, 1300), 0.6),
    ((98, -10, 1268), 0.7),
    ((76, -72, 1250), 0.8),
    ((54, -58, 1222), 0.9),
)


def paint_pulmonary_vessels(canvas: Canvas, build: Build, rng: np.random.Generator, side: str) -> None:
    """Paint artery, veins and three generations of branches of one lung; none into a given lung.

    They are one tissue, part of the group "lung_left" or "lung_right" but of no lobe.
    """
    if canvas.kept & set(LUNG_LOBES):
        return
    wide = float(rng.uniform(0.85, 1.2)) * (0.92 if build.female else 1.0)
    _tube(canvas, side, smooth_curve(_ARTERY), 10.0 * wide, 8.5 * wide)
    for vein in _VEINS:
        _tube(canvas, side, smooth_curve(vein, rng=rng, jitter_mm=2), 7.0 * wide, 5.0 * wide)
    for end, share in _ENDS:
        tip = np.array(end, dtype=np.float64) + rng.normal(0, 7, 3)
        tip[2] -= share * build.breath_mm
        middle = 0.5 * (_HILUM + tip) + rng.normal(0, 8, 3)
        branch = smooth_curve([_HILUM, middle, tip])
        _tube(canvas, side, branch, 6.2 * wide, 2.6 * wide)
        for start in (branch[len(branch) // 3], branch[len(branch) // 2]):
            twig = start + 0.6 * (tip - start) + rng.normal(0, 20, 3)
            _tube(canvas, side, smooth_curve([start, twig]), 3.8 * wide, 1.8)


def _tube(canvas: Canvas, side: str, points: Points, first_mm: float, last_mm: float) -> None:
    radii = np.linspace(first_mm, last_mm, len(points))
    # A tube is never painted thinner than the voxels show: what is much thinner would come out far too large.
    shown = max(2, int(np.count_nonzero(radii >= _THINNEST * canvas.spacing_mm.max())))
    points, radii = points[:shown], radii[:shown]
    over = ("torso_fat", *(name for name in LUNG_LOBES if name.endswith(side)))
    canvas.tube(f"pulmonary_vessels_{side}", mirrored(points, side), radii, over=over)

"""Where a given body lies in the standard body, told from the organs it shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.phantom.anatomy.canvas import AxisMap
from seganypet.phantom.anatomy.warp import Points

_MIN_GAP_MM = 60.0
_SLOPES = (0.8, 1.25)
_KIDNEYS = ("kidney_left", "kidney_right")
# Heights in the standard body, from the soles.
_HEIGHTS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("urinary_bladder",), 932.0),
    (_KIDNEYS, 1098.0),
    (("heart_blood_pool", "heart_myocardium"), 1272.0),
    (("thyroid_gland",), 1484.0),
    (("larynx",), 1522.0),
    (("palatine_tonsils",), 1568.0),
    (("brain",), 1664.0),
)
_TOP_MM, _SOLES_MM = 1755.0, -15.0
_KIDNEY_Y_MM, _HEART_Y_MM = -46.0, 22.0
_SPLEEN_EDGE_MM, _LIVER_EDGE_MM = -131.0, 142.0


@dataclass(frozen=True)
class Extent:
    """Centre and corners of one organ, in world mm."""

    center: Points
    low: Points
    high: Points


def extents(
    label_map: npt.NDArray[np.integer], affine: npt.NDArray[np.float64], ids: Mapping[str, Iterable[int]]
) -> dict[str, Extent]:
    """Return the extent of every named organ that occurs in a label map; ids of no organ are left out."""
    table = np.zeros(int(label_map.max()) + 1, dtype=np.int16)
    for number, identifiers in enumerate(ids.values(), start=1):
        table[[at for at in identifiers if at < len(table)]] = number
    organs = table[label_map]
    found = {}
    boxes = ndimage.find_objects(organs, max_label=len(ids))
    for number, (name, box) in enumerate(zip(ids, boxes, strict=True), start=1):
        if box is not None:
            start = [span.start for span in box]
            voxels = np.argwhere(organs[box] == number) + start
            world = voxels @ affine[:3, :3].T + affine[:3, 3]
            found[name] = Extent(world.mean(axis=0), world.min(axis=0), world.max(axis=0))
    return found


def fit_standard_body(
    organs: Mapping[str, Extent], body: Extent | None
) -> tuple[AxisMap, AxisMap, AxisMap] | None:
    """Return maps from world to the standard body, or None where too few organs show where it lies.

    Needed are both kidneys and the heart. Bladder, thyroid, larynx, tonsils, brain, liver and spleen
    refine the fit, and the body's top and bottom do where it is whole.

    Args:
        organs: Extents by tissue name, in world mm.
        body: Extent of a body from head to feet, if it is one.
    """
    if not all(name in organs for name in (*_KIDNEYS, "heart_blood_pool")):
        return None
    kidneys = (organs["kidney_left"].center + organs["kidney_right"].center) / 2
    return _fit_x(organs, kidneys), _fit_y(organs, kidneys), _fit_z(organs, body)


def _fit_x(organs: Mapping[str, Extent], kidneys: Points) -> AxisMap:
    midline = float(kidneys[0])
    if "urinary_bladder" in organs:
        midline = 0.5 * (midline + float(organs["urinary_bladder"].center[0]))
    left, right = 1.0, 1.0
    if "spleen" in organs:
        left = _clipped(_SPLEEN_EDGE_MM / min(float(organs["spleen"].low[0]) - midline, -1.0))
    if "liver" in organs:
        right = _clipped(_LIVER_EDGE_MM / max(float(organs["liver"].high[0]) - midline, 1.0))
    return AxisMap((midline - 200 / left, midline, midline + 200 / right), (-200.0, 0.0, 200.0))


def _fit_y(organs: Mapping[str, Extent], kidneys: Points) -> AxisMap:
    back, front = float(kidneys[1]), float(organs["heart_blood_pool"].center[1])
    slope = _clipped((_HEART_Y_MM - _KIDNEY_Y_MM) / max(front - back, 1.0))
    middle, standard = (back + front) / 2, (_KIDNEY_Y_MM + _HEART_Y_MM) / 2
    return AxisMap((middle - 100 / slope, middle + 100 / slope), (standard - 100, standard + 100))


def _fit_z(organs: Mapping[str, Extent], body: Extent | None) -> AxisMap:
    knots = []
    for names, height in _HEIGHTS:
        centers = [float(organs[name].center[2]) for name in names if name in organs]
        if centers:
            knots.append((float(np.mean(centers)), height))
    if body is not None:
        knots = [(float(body.low[2]), _SOLES_MM), *knots, (float(body.high[2]), _TOP_MM)]
    chosen = [knots[0]]
    for world, height in knots[1:]:
        if height - chosen[-1][1] >= _MIN_GAP_MM and world > chosen[-1][0] + 1:
            chosen.append((world, height))
    if len(chosen) == 1:
        chosen.append((chosen[0][0] + 1000, chosen[0][1] + 1000))
    return AxisMap(tuple(world for world, _ in chosen), tuple(height for _, height in chosen))


def _clipped(slope: float) -> float:
    return float(np.clip(slope, *_SLOPES))

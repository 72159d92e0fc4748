"""Neighbouring lesions labelled as one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.labels.boundary import Spacing
from seganypet.phantom.labels.units import Box, boxes_of, is_one_of, joint_box, padded
from seganypet.volume import BoolArray


def neighbouring_pairs(
    lesions: LabelArray, boxes: Mapping[int, Box], spacing_mm: Spacing, gap_mm: float
) -> list[tuple[int, int]]:
    """Return the pairs of instances whose nearest voxel centres are at most `gap_mm` apart, smaller id first."""
    points = {
        one: (np.argwhere(lesions[box] == one) + [axis.start for axis in box]) * np.asarray(spacing_mm)
        for one, box in boxes.items()
    }
    pairs = []
    for one in sorted(boxes):
        near = padded(boxes[one], lesions.shape, spacing_mm, gap_mm)
        tree = None
        for other in sorted(boxes):
            if other <= one or not _overlap(near, boxes[other]):
                continue
            tree = tree or cKDTree(points[one])
            if float(tree.query(points[other])[0].min()) <= gap_mm:
                pairs.append((one, other))
    return pairs


def _overlap(one: Box, other: Box) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def bridge(mask: BoolArray, gap_mm: float, spacing_mm: Spacing) -> BoolArray:
    """Return the mask with gaps up to `gap_mm` closed, bool [I, J, K]: closing by a ball."""
    radius = gap_mm / 2
    wide = np.pad(mask, [(int(np.ceil(radius / step)) + 1,) * 2 for step in spacing_mm])
    grown = ndimage.distance_transform_edt(~wide, sampling=spacing_mm) <= radius
    closed = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > radius
    inner = tuple(
        slice(int(np.ceil(radius / step)) + 1, -int(np.ceil(radius / step)) - 1) for step in spacing_mm
    )
    filled: BoolArray = closed[inner] | mask
    return filled


def merge(
    lesions: LabelArray, pair: tuple[int, int], body: BoolArray, spacing_mm: Spacing, gap_mm: float
) -> bool:
    """Give the second instance of a pair, and the gap between the two, to the first; changes the map.

    Returns False, with nothing changed, where one of the two is absent.

    Args:
        lesions: Instances, int16 [I, J, K].
        pair: Id that stays, id that goes.
        body: Where labels may be, bool [I, J, K].
        spacing_mm: Voxel size along i, j, k, in mm.
        gap_mm: Widest gap that is filled, in mm.
    """
    stays, goes = pair
    boxes = boxes_of(pair, ndimage.find_objects(lesions))
    if len(boxes) < 2:
        return False
    box = joint_box(boxes)
    crop = lesions[box]
    crop[crop == goes] = stays
    joined = bridge(is_one_of(crop, (stays,)), gap_mm, spacing_mm)
    crop[joined & (crop == 0) & body[box]] = stays
    return True

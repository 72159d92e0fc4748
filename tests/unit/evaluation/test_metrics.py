"""Agreement of masks by hand, against the packages that are used, and the policy on empty masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from surface_distance import (
    compute_robust_hausdorff,
    compute_surface_dice_at_tolerance,
    compute_surface_distances,
)

from seganypet.errors import GeometryError, ImageValueError
from seganypet.evaluation import dice
from seganypet.evaluation.metrics import agreement
from seganypet.volume import Volume

EMPTY = np.zeros((2, 2, 2), dtype=bool)


def mask(*voxels: tuple[int, int, int]) -> np.ndarray:
    array = EMPTY.copy()
    for voxel in voxels:
        array[voxel] = True
    return array


def test_half_overlap_by_hand():
    # 2 * 1 / (2 + 3)
    a, b = mask((0, 0, 0), (0, 0, 1)), mask((0, 0, 1), (1, 0, 0), (1, 1, 1))
    assert dice(a, b) == pytest.approx(0.4)
    assert dice(b, a) == dice(a, b)


def test_equal_masks_agree_and_disjoint_ones_do_not():
    assert dice(mask((0, 1, 0)), mask((0, 1, 0))) == 1.0
    assert dice(mask((0, 1, 0)), mask((1, 1, 0))) == 0.0


def test_empty_masks():
    assert dice(EMPTY, EMPTY) == 1.0
    assert dice(EMPTY, mask((0, 0, 0))) == 0.0
    assert dice(mask((0, 0, 0)), EMPTY) == 0.0


def test_returns_a_plain_float():
    assert type(dice(mask((0, 0, 0)), mask((0, 0, 0)))) is float


def test_refuses_masks_of_different_shape():
    with pytest.raises(GeometryError, match=r"\(2, 2, 2\).*\(2, 2, 1\)"):
        dice(EMPTY, EMPTY[:, :, :1])


def test_refuses_label_maps_and_logits():
    with pytest.raises(ImageValueError, match="float32"):
        dice(EMPTY.astype(np.float32), EMPTY)
    with pytest.raises(ImageValueError, match="uint8"):
        dice(EMPTY, EMPTY.astype(np.uint8))


SHAPE = (20, 20, 20)


def cube(low: int, high: int, shift: int = 0) -> np.ndarray:
    array = np.zeros(SHAPE, dtype=bool)
    array[low + shift : high + shift, low:high, low:high] = True
    return array


def scan(spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0)) -> Volume:
    suv = np.ones(SHAPE, dtype=np.float32)
    suv[5:10, 5:10, 5:10] = 4.0
    suv[7, 7, 7] = 10.0
    return Volume(suv, np.diag([*spacing_mm, 1.0]))


def test_equal_masks_agree_in_everything():
    found = agreement(cube(5, 10), cube(5, 10), scan())
    assert (found.dsc, found.nsd, found.nsd_monai, found.hd95_mm) == (1.0, 1.0, 1.0, 0.0)
    assert (found.volume_error_pct, found.suvmax_error_pct, found.tlg_error_pct) == (0.0, 0.0, 0.0)
    assert found.volume_ml == found.reference_ml == pytest.approx(125 * 0.008)


def test_volume_and_uptake_errors_by_hand():
    # the mask is 2 of 5 planes, without the hottest voxel: 50 voxels of SUV 4; the reference has 124 and one of 10
    prediction = np.zeros(SHAPE, dtype=bool)
    prediction[8:10, 5:10, 5:10] = True
    found = agreement(prediction, cube(5, 10), scan())
    assert found.dsc == pytest.approx(2 * 50 / 175)
    assert found.volume_error_pct == pytest.approx(-60.0)
    assert found.suvmax_error_pct == pytest.approx(-60.0)
    assert found.tlg_error_pct == pytest.approx(100 * (200 / (124 * 4 + 10) - 1))


def test_distances_are_in_mm_along_each_axis():
    # shifted by one voxel of 2 mm along i: a tolerance below leaves the two end faces apart, one above nothing
    near = agreement(cube(5, 10), cube(5, 10, 1), scan(), tolerance_mm=1.9)
    assert near.hd95_mm == pytest.approx(2.0)
    assert 0.3 < near.nsd < 0.8
    assert agreement(cube(5, 10), cube(5, 10, 1), scan(), tolerance_mm=2.1).nsd == 1.0
    wide = agreement(cube(5, 10), cube(5, 10, 1), scan((6.0, 2.0, 2.0)), tolerance_mm=2.1)
    assert wide.hd95_mm == pytest.approx(6.0)
    assert wide.nsd < 1.0


def test_the_two_surface_dices_are_those_of_their_packages():
    # of a cube of 10 voxels against one a voxel larger on each side, with 1 mm voxels: all is within 1 mm but edges
    # and corners, which only the count of MONAI's surface voxels shows in full
    one, other = cube(5, 15), cube(4, 16)
    found = agreement(one, other, scan((1.0, 1.0, 1.0)), tolerance_mm=1.0)
    distances = compute_surface_distances(other, one, (1.0, 1.0, 1.0))
    assert found.nsd == compute_surface_dice_at_tolerance(distances, 1.0)
    assert found.hd95_mm == compute_robust_hausdorff(distances, 95)
    surface_of_larger, beyond_reach = 12**3 - 10**3, 12 * 10 + 8
    surface_of_smaller = 10**3 - 8**3
    by_hand = 1 - beyond_reach / (surface_of_larger + surface_of_smaller)
    assert found.nsd_monai == pytest.approx(by_hand, abs=1e-6)


def test_an_empty_mask_is_infinitely_far():
    nothing = np.zeros(SHAPE, dtype=bool)
    found = agreement(nothing, cube(5, 10), scan())
    assert (found.dsc, found.nsd, found.nsd_monai, found.hd95_mm) == (0.0, 0.0, 0.0, math.inf)
    assert found.volume_error_pct == found.tlg_error_pct == -100.0
    assert math.isnan(found.suvmax_error_pct)


def test_of_two_empty_masks_what_has_a_value_agrees():
    nothing = np.zeros(SHAPE, dtype=bool)
    found = agreement(nothing, nothing, scan())
    assert (found.dsc, found.nsd, found.nsd_monai, found.hd95_mm) == (1.0, 1.0, 1.0, 0.0)
    assert math.isnan(found.volume_error_pct)


def test_refuses_a_scan_of_another_grid():
    with pytest.raises(
        GeometryError, match=r"masks of shape \(2, 2, 2\) on a volume of shape \(20, 20, 20\)"
    ):
        agreement(EMPTY, EMPTY, scan())

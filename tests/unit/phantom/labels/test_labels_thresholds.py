from __future__ import annotations

import numpy as np

from seganypet.phantom.labels.thresholds import hot_spot, threshold_contour, window_contour


def image() -> tuple[np.ndarray, np.ndarray]:
    """A lesion of SUV 10 and 3 (halves of 32 voxels), beside it an organ of SUV 6 (64 voxels), SUV 1 around."""
    suv = np.ones((20, 12, 12), dtype=np.float32)
    suv[4:6, 4:8, 4:8] = 3.0
    suv[6:8, 4:8, 4:8] = 10.0
    suv[8:12, 4:8, 4:8] = 6.0
    lesion = np.zeros(suv.shape, dtype=bool)
    lesion[4:8, 4:8, 4:8] = True
    return suv, lesion


EVERYWHERE = np.ones((20, 12, 12), dtype=bool)


def test_41_percent_leaks_into_the_hot_neighbour_and_misses_the_faint_half():
    suv, lesion = image()
    contour = threshold_contour(suv, lesion, 0.41 * 10, EVERYWHERE)
    assert contour is not None
    assert np.count_nonzero(contour) == 32 + 64
    assert not contour[4:6].any()


def test_a_leak_ends_where_the_reader_cuts_it_off():
    suv, lesion = image()
    within = EVERYWHERE.copy()
    within[9:] = False
    contour = threshold_contour(suv, lesion, 4.1, within)
    assert contour is not None
    assert np.count_nonzero(contour) == 32 + 16


def test_a_fixed_suv_of_2_5_takes_the_faint_half_too():
    suv, lesion = image()
    contour = threshold_contour(suv, lesion, 2.5, EVERYWHERE)
    assert contour is not None
    assert np.count_nonzero(contour) == 128


def test_70_percent_keeps_the_hot_half_only():
    suv, lesion = image()
    contour = threshold_contour(suv, lesion, 7.0, EVERYWHERE)
    assert contour is not None
    assert np.count_nonzero(contour) == 32


def test_useless_threshold_contours_are_thrown_away():
    suv, lesion = image()
    assert threshold_contour(suv, lesion, 11.0, EVERYWHERE) is None
    # All 2,880 voxels: Dice 2 * 64 / (2,880 + 64) = 0.04.
    assert threshold_contour(suv, lesion, 0.5, EVERYWHERE) is None


def test_an_organ_window_takes_what_lies_in_it_and_fills_holes():
    suv = np.ones((20, 12, 12), dtype=np.float32)
    suv[4:9, 3:8, 3:8] = 5.0
    organ = suv > 4
    suv[6, 5, 5] = 20.0
    suv[9:11, 3:8, 3:8] = 4.5
    contour = window_contour(suv, organ, (4.0, 6.0), EVERYWHERE)
    assert contour is not None
    assert np.count_nonzero(contour) == 7 * 25


def test_useless_window_contours_are_thrown_away():
    suv, _ = image()
    organ = np.zeros(suv.shape, dtype=bool)
    organ[8:12, 4:8, 4:8] = True
    assert window_contour(suv, organ, (20.0, 30.0), EVERYWHERE) is None
    # All 2,880 voxels: Dice 2 * 64 / (2,880 + 64) = 0.04.
    assert window_contour(suv, organ, (0.5, 30.0), EVERYWHERE) is None


def test_a_hot_spot_stays_in_its_ball():
    suv = np.full((11, 11, 11), 8.0, dtype=np.float32)
    # Voxels at most 1 from the middle: itself and six neighbours.
    assert np.count_nonzero(hot_spot(suv, (5, 5, 5), 0.5, 2.0, (2.0, 2.0, 2.0))) == 7
    suv[6:] = 1.0
    assert np.count_nonzero(hot_spot(suv, (5, 5, 5), 0.5, 2.0, (2.0, 2.0, 2.0))) == 6

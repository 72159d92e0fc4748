from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from seganypet.phantom.labels.error import label_error

SPACING = (2.0, 2.0, 5.0)


def test_numbers_of_two_overlapping_boxes():
    truth = np.zeros((10, 10, 10), dtype=bool)
    truth[2:6, 2:6, 2:6] = True
    label = np.zeros_like(truth)
    label[2:8, 2:6, 2:6] = True
    error = label_error("liver", ("boundary",), label, truth, SPACING)
    assert error.dice == pytest.approx(2 * 64 / (64 + 96))
    assert error.volume_ml == pytest.approx(96 * 0.02)
    assert error.true_volume_ml == pytest.approx(64 * 0.02)
    assert error.kinds == ("boundary",)


def test_hausdorff_distance_of_a_shifted_plate_is_the_shift():
    truth = np.zeros((10, 10, 12), dtype=bool)
    truth[2:8, 2:8, 2] = True
    assert label_error(
        "liver", (), np.roll(truth, 3, axis=2), truth, SPACING
    ).hausdorff95_mm == pytest.approx(15)
    assert label_error("liver", (), truth, truth, SPACING).hausdorff95_mm == 0


def test_hausdorff_distance_agrees_with_all_pairs_of_border_voxels():
    rng = np.random.default_rng(3)
    label, truth = (np.pad(rng.random((6, 6, 6)) < 0.2, 2) for _ in range(2))
    # At this density every voxel has a free face with near certainty; take those that do.
    borders = []
    for mask in (label, truth):
        free = [
            at
            for at in np.argwhere(mask)
            if not all(
                mask[tuple(at + step)] for step in np.vstack([np.eye(3, dtype=int), -np.eye(3, dtype=int)])
            )
        ]
        borders.append(np.array(free) * SPACING)
    pairs = cdist(*borders)
    expected = np.percentile(np.concatenate([pairs.min(axis=1), pairs.min(axis=0)]), 95)
    assert label_error("liver", (), label, truth, SPACING).hausdorff95_mm == pytest.approx(expected)


def test_empty_masks_have_no_distance():
    empty = np.zeros((4, 4, 4), dtype=bool)
    full = np.ones_like(empty)
    assert label_error("liver", (), empty, full, SPACING).hausdorff95_mm is None
    assert label_error("liver", (), empty, full, SPACING).dice == 0
    assert label_error("liver", (), empty, empty, SPACING).dice == 1

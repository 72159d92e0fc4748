"""Lesions found and missed, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from seganypet.errors import GeometryError
from seganypet.evaluation.detection import detection

SHAPE = (30, 10, 10)


def lesions(*starts: int, size: int = 3) -> np.ndarray:
    """Cubes along i."""
    mask = np.zeros(SHAPE, dtype=bool)
    for start in starts:
        mask[start : start + size, 2 : 2 + size, 2 : 2 + size] = True
    return mask


def test_one_found_one_missed_one_false_by_hand():
    found = detection(lesions(1, 20), lesions(1, 10), 0.5)
    assert found.lesion_f1 == pytest.approx(2 / (2 + 1 + 1))
    assert found.fp_ml == found.fn_ml == 27 * 0.5


def test_all_found():
    found = detection(lesions(1, 10), lesions(1, 10), 0.5)
    assert (found.lesion_f1, found.fp_ml, found.fn_ml) == (1.0, 0.0, 0.0)


def test_a_lesion_is_found_from_an_overlap_of_a_tenth_on():
    # IoU of a cube of 27 with 3 of its own voxels is 1/9; with 2 it is 2/27
    for voxels, f1 in ((3, 1.0), (2, 0.0)):
        prediction = np.zeros(SHAPE, dtype=bool)
        prediction[1, 2, 2 : 2 + voxels] = True
        found = detection(prediction, lesions(1), 1.0)
        assert found.lesion_f1 == f1
        assert (found.fp_ml, found.fn_ml) == (0.0, 0.0)  # it was touched


def test_one_component_may_find_two_lesions():
    prediction = lesions(1, 10)
    prediction[4:10, 3, 3] = True
    assert detection(prediction, lesions(1, 10), 1.0).lesion_f1 == 1.0


def test_edges_connect_and_corners_do_not():
    # of two cubes that share an edge, the mask has one: that is the one lesion, half covered
    edge, corner = np.zeros(SHAPE, dtype=bool), np.zeros(SHAPE, dtype=bool)
    edge[1:3, 1:3, 1:3] = edge[3:5, 3:5, 1:3] = True
    corner[1:3, 1:3, 1:3] = corner[3:5, 3:5, 3:5] = True
    one = np.zeros(SHAPE, dtype=bool)
    one[1:3, 1:3, 1:3] = True
    assert detection(one, edge, 1.0).lesion_f1 == 1.0
    assert detection(one, corner, 1.0).lesion_f1 == pytest.approx(2 / 3)
    assert detection(one, corner, 1.0).fn_ml == 8.0


def test_a_case_without_lesions_has_false_positives_only():
    found = detection(lesions(1), np.zeros(SHAPE, dtype=bool), 2.0)
    assert math.isnan(found.lesion_f1)
    assert math.isnan(found.fn_ml)
    assert found.fp_ml == 54.0


def test_an_empty_mask_misses_everything():
    found = detection(np.zeros(SHAPE, dtype=bool), lesions(1, 10), 1.0)
    assert (found.lesion_f1, found.fp_ml, found.fn_ml) == (0.0, 0.0, 54.0)


def test_refuses_masks_of_different_shape():
    with pytest.raises(GeometryError, match=r"\(30, 10, 10\).*\(2, 2, 2\)"):
        detection(lesions(1), np.ones((2, 2, 2), dtype=bool), 1.0)


def autopet_volumes(prediction: np.ndarray, reference: np.ndarray, voxel_ml: float) -> tuple[float, float]:
    """FPV and FNV as autoPET's evaluation defines them, component by component, by the library that it uses."""
    cc3d = pytest.importorskip("cc3d")
    volumes = []
    for these, others in ((prediction, reference), (reference, prediction)):
        components = cc3d.connected_components(these.astype(np.uint8), connectivity=18)
        alone = [n for n in range(1, int(components.max()) + 1) if not (others & (components == n)).any()]
        volumes.append(sum(int((components == n).sum()) for n in alone) * voxel_ml)
    return volumes[0], volumes[1]


@pytest.mark.parametrize("seed", range(6))
def test_volumes_are_those_of_autopet_s_evaluation(seed):
    noise = np.random.default_rng(seed).normal(size=(2, 24, 24, 24))
    masks = ndimage.gaussian_filter(noise, (0, 1.0, 1.0, 1.0)) > 0.22
    found = detection(masks[0], masks[1], 0.064)
    assert (found.fp_ml, found.fn_ml) == pytest.approx(autopet_volumes(masks[0], masks[1], 0.064))
    assert found.fp_ml > 0
    assert found.fn_ml > 0

"""The synthetic scan has organs of the promised size, well apart, inside its grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seganypet.errors import UsageError
from seganypet.evaluation.scan import place_organs, synthetic_scan
from seganypet.evaluation.scripted_model import threshold_logits
from seganypet.preprocessing.intensity import normalise

SHAPE, SPACING_MM = (200, 200, 400), (4.0, 4.0, 3.0)


def spans_mm(mask, spacing_mm):
    return [
        np.ptp(np.flatnonzero(mask.any(others))) * s + s
        for others, s in zip(_OTHERS, spacing_mm, strict=True)
    ]


_OTHERS = ((1, 2), (0, 2), (0, 1))


def whole(organ, shape, spacing_mm):
    mask = np.zeros(shape, dtype=bool)
    box, inside = organ.voxels(shape, spacing_mm)
    mask[box] = inside
    return mask


@pytest.mark.parametrize("window_mm", [192.0, 256.0])
def test_one_organ_fits_a_window_and_the_other_is_half_as_long_again(window_mm):
    fits, long = (
        spans_mm(whole(organ, SHAPE, SPACING_MM), SPACING_MM)
        for organ in place_organs(SHAPE, SPACING_MM, window_mm, network="x")
    )
    assert max(fits) <= 0.65 * window_mm
    assert max(long[:2]) <= 0.6 * window_mm
    assert long[2] == pytest.approx(1.5 * window_mm, abs=2 * SPACING_MM[2])


def test_where_the_window_allows_the_first_organ_has_the_size_of_a_liver():
    organ, _ = place_organs(SHAPE, SPACING_MM, 320.0, network="x")
    assert spans_mm(whole(organ, SHAPE, SPACING_MM), SPACING_MM) == pytest.approx([180, 140, 160], abs=8)


def test_organs_lie_apart_and_off_the_edges_in_the_smallest_scan_that_is_accepted():
    shape, spacing_mm = (14, 14, 40), (4.0, 4.0, 4.0)
    masks = [whole(o, shape, spacing_mm) for o in place_organs(shape, spacing_mm, 64.0, network="x")]
    planes = np.stack([m.any((0, 1)) for m in masks])
    assert not planes[:, [0, -1]].any()
    first_of_the_second = np.flatnonzero(planes[1])[0]
    assert not planes[0, first_of_the_second - 1 :].any()
    with pytest.raises(UsageError, match="give a larger --shape or --spacing-mm"):
        place_organs((14, 14, 39), spacing_mm, 64.0, network="x")


def test_clicks_along_an_organ_lie_inside_it():
    for organ in place_organs(SHAPE, SPACING_MM, 192.0, network="x"):
        mask = whole(organ, SHAPE, SPACING_MM)
        clicks = [organ.click(along, SPACING_MM) for along in (0.0, 0.5, -0.5)]
        assert all(mask[tuple(int(c) for c in click)] for click in clicks)
        assert clicks[1][2] - clicks[2][2] == pytest.approx(organ.half_axes_mm[2] / SPACING_MM[2], abs=1)


@pytest.mark.parametrize("normalisation", ["log1p", "zscore_positive"])
def test_the_threshold_finds_the_organs_whatever_the_normalisation(normalisation):
    shape, spacing_mm = (60, 60, 60), (4.0, 4.0, 4.0)
    organs = place_organs(shape, spacing_mm, 64.0, network="x")
    volume = synthetic_scan(shape, spacing_mm, organs)
    patch = torch.from_numpy(normalise(volume.array, normalisation))[None, None]
    found = threshold_logits(patch, 60)[0, 0].numpy() > 0
    expected = np.logical_or(*(whole(organ, shape, spacing_mm) for organ in organs))
    np.testing.assert_array_equal(found, expected)


def test_a_scan_has_its_grid_body_and_organs():
    shape, spacing_mm = (60, 60, 60), (4.0, 5.0, 4.0)
    organs = place_organs(shape, spacing_mm, 64.0, network="x")
    volume = synthetic_scan(shape, spacing_mm, organs)
    assert (volume.shape, volume.spacing_mm) == (shape, spacing_mm)
    inside = np.logical_or(*(whole(organ, shape, spacing_mm) for organ in organs))
    assert volume.array[inside].mean() == pytest.approx(4.0, rel=0.02)
    body = (volume.array > 0) & ~inside
    assert volume.array[body].mean() == pytest.approx(0.5, rel=0.02)
    assert not volume.array[30, 0].any()  # air in front: the body is 240 mm deep

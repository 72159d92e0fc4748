"""Crop, pad and paste."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.errors import GeometryError
from seganypet.preprocessing import crop_or_pad, paste
from seganypet.preprocessing.cropping import bounding_box

STARTS = st.tuples(*[st.integers(-9, 9)] * 3)
SIZES = st.tuples(*[st.integers(1, 9)] * 3)


def test_box_over_the_corner_by_hand():
    array = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    box = crop_or_pad(array, (1, -1, 0), (2, 2, 1), pad_value=-7)
    assert box.dtype == np.int16
    np.testing.assert_array_equal(box[:, :, 0], [[-7, 4], [-7, -7]])


def test_box_beside_the_array_is_padding_only():
    assert (crop_or_pad(np.ones((2, 2, 2)), (5, 0, 0), (2, 2, 2), pad_value=3) == 3).all()
    assert (crop_or_pad(np.ones((2, 2, 2)), (0, -5, 0), (2, 2, 2), pad_value=3) == 3).all()


def test_crop_is_a_copy():
    array = np.zeros((3, 3, 3))
    crop_or_pad(array, (0, 0, 0), (3, 3, 3))[:] = 1
    assert not array.any()


@settings(deadline=None)
@given(start=STARTS, size=SIZES)
def test_marker_keeps_its_place(start, size):
    array = np.zeros((4, 5, 6))
    marker = np.array((2, 3, 1))
    array[tuple(marker)] = 1
    found = np.argwhere(crop_or_pad(array, start, size))
    inside = ((marker >= start) & (marker < np.add(start, size))).all()
    assert len(found) == int(inside)
    if inside:
        np.testing.assert_array_equal(found[0] + start, marker)


@settings(deadline=None)
@given(start=STARTS, size=SIZES)
def test_paste_puts_a_crop_back_where_it_was(start, size):
    array = np.random.default_rng(0).random((4, 5, 6))
    box = crop_or_pad(array, start, size, pad_value=np.nan)
    target = np.full(array.shape, -1.0)
    paste(target, box, start)
    written = target != -1
    np.testing.assert_array_equal(target[written], array[written])
    assert np.count_nonzero(written) == np.count_nonzero(~np.isnan(box))


@settings(deadline=None)
@given(start=STARTS, size=SIZES)
def test_crop_undoes_paste_inside_the_target(start, size):
    patch = np.random.default_rng(1).random(size)
    target = np.full((4, 5, 6), -1.0)
    paste(target, patch, start)
    again = crop_or_pad(target, start, size, pad_value=-2)
    np.testing.assert_array_equal(again[again != -2], patch[again != -2])


@settings(deadline=None)
@given(low=st.tuples(*[st.integers(0, 8)] * 3), more=st.tuples(*[st.integers(0, 8)] * 3))
def test_bounding_box_holds_both_corners_and_no_more(low, more):
    mask = np.zeros((17, 18, 19), dtype=bool)
    high = np.add(low, more)
    mask[low] = mask[tuple(high)] = True
    box = bounding_box(mask)
    assert box == tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))


def test_nothing_has_no_bounding_box():
    assert bounding_box(np.zeros((3, 4, 5), dtype=bool)) is None


@pytest.mark.parametrize("size", [(2, 2), (2, 0, 2), (2, -1, 2), (2, 2.0, 2)])
def test_refuses_a_size_that_is_no_box(size):
    with pytest.raises(GeometryError, match="three positive numbers"):
        crop_or_pad(np.zeros((3, 3, 3)), (0, 0, 0), size)


def test_refuses_arrays_that_are_not_3d():
    with pytest.raises(GeometryError, match="three axes each"):
        crop_or_pad(np.zeros((3, 3)), (0, 0, 0), (1, 1, 1))
    with pytest.raises(GeometryError, match="three axes each"):
        paste(np.zeros((3, 3, 3)), np.zeros((1, 1)), (0, 0, 0))
    with pytest.raises(GeometryError, match="three axes each"):
        paste(np.zeros((3, 3, 3)), np.zeros((1, 1, 1)), (0, 0))


def test_refuses_a_start_between_voxels():
    with pytest.raises(GeometryError, match=r"starts at \(0, 1.5, 0\); expected whole voxels"):
        crop_or_pad(np.zeros((3, 3, 3)), (0, 1.5, 0), (1, 1, 1))

"""What an action changes of a mask: taken back by doing it once more."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seganypet.app.changes import Change, ObjectMask
from seganypet.errors import StoreError, UsageError
from seganypet.io.packed_bits import packed_bits, unpacked_bits

SHAPE = (5, 6, 7)
MASKS = arrays(np.bool_, SHAPE)


@st.composite
def changes(draw):
    start = tuple(draw(st.integers(0, n - 1)) for n in SHAPE)
    shape = tuple(draw(st.integers(1, n - first)) for n, first in zip(SHAPE, start, strict=True))
    return Change(start, draw(arrays(np.bool_, shape)))


def test_bits_are_packed_as_the_page_reads_them():
    mask = np.zeros((1, 2, 5), bool)
    mask[0, 0, 0] = mask[0, 1, 4] = True  # the first of ten voxels, and the last
    assert zlib.decompress(packed_bits(mask)) == bytes([0b1000_0000, 0b0100_0000])


@settings(deadline=None)
@given(changes())
def test_a_change_comes_back_from_its_bytes(change):
    back = Change.unpacked(change.start, change.shape, change.packed())
    assert back.start == change.start
    np.testing.assert_array_equal(back.flipped, change.flipped)


@pytest.mark.parametrize("shape", [(2, 2, 3), (2, 2, 20), (1, 1, 1)])
def test_bytes_of_another_shape_are_refused(shape):
    with pytest.raises(StoreError, match=rf"shape \({shape[0]}, .*cannot be unpacked"):
        unpacked_bits(packed_bits(np.ones((2, 2, 8), bool)), shape)


@settings(deadline=None, max_examples=50)
@given(changes(), st.data())
def test_bytes_that_were_cut_off_are_refused(change, data):
    content = change.packed()
    with pytest.raises(StoreError, match="cannot be unpacked"):
        unpacked_bits(content[: data.draw(st.integers(0, len(content) - 1))], change.shape)


def test_bytes_that_are_no_bits_are_refused():
    with pytest.raises(StoreError, match="cannot be unpacked"):
        Change.unpacked((0, 0, 0), (2, 2, 2), b"no zlib")


def test_bytes_that_swell_are_refused_without_being_unpacked():
    with pytest.raises(StoreError, match="2 bytes for 8 voxels"):  # of a billion
        unpacked_bits(zlib.compress(bytes(10_000_000)), (2, 2, 2))


@settings(deadline=None)
@given(MASKS, MASKS)
def test_what_lies_between_two_masks_turns_one_into_the_other_and_back(before, after):
    change = Change.between(before, after)
    if change is None:
        np.testing.assert_array_equal(before, after)
        return
    mask = before.copy()
    mask[change.slices] ^= change.flipped
    np.testing.assert_array_equal(mask, after)
    mask[change.slices] ^= change.flipped
    np.testing.assert_array_equal(mask, before)


def test_between_two_masks_lies_no_more_than_the_box_that_differs():
    before, after = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    before[1, 2, 3] = after[3, 2, 5] = True
    change = Change.between(before, after)
    assert (change.start, change.shape) == ((1, 2, 3), (3, 1, 3))
    assert change.slices == (slice(1, 4), slice(2, 3), slice(3, 6))
    assert np.argwhere(change.flipped).tolist() == [[0, 0, 0], [2, 0, 2]]


def test_a_change_does_not_hold_on_to_the_masks_it_came_from():
    before, after = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    change = Change.between(before, after)
    after[:] = False
    assert change.flipped.all()


@settings(deadline=None)
@given(st.lists(changes(), max_size=8))
def test_a_mask_is_what_its_changes_add_up_to(several):
    mask, expected = ObjectMask(SHAPE), np.zeros(SHAPE, bool)
    for change in several:
        mask.turn(change)
        expected[change.slices] ^= change.flipped
    np.testing.assert_array_equal(mask.array(), expected)
    assert mask.any() == expected.any()


@settings(deadline=None)
@given(st.lists(changes(), max_size=5), changes())
def test_a_mask_that_is_turned_twice_is_itself(several, change):
    mask = ObjectMask(SHAPE)
    for each in several:
        mask.turn(each)
    before = mask.array()
    mask.turn(change)
    mask.turn(change)
    np.testing.assert_array_equal(mask.array(), before)


@settings(deadline=None)
@given(st.lists(changes(), max_size=5))
def test_the_box_of_a_mask_makes_it_out_of_nothing_and_is_as_small_as_it_can_be(several):
    mask = ObjectMask(SHAPE)
    for each in several:
        mask.turn(each)
    box = mask.box()
    if box is None:
        assert not mask.array().any()
        return
    other = ObjectMask(SHAPE)
    other.turn(box)
    np.testing.assert_array_equal(other.array(), mask.array())
    for axis in range(3):
        faces = np.moveaxis(box.flipped, axis, 0)
        assert faces[0].any()
        assert faces[-1].any()


def test_a_new_mask_is_empty():
    mask = ObjectMask(SHAPE)
    assert mask.array().shape == SHAPE
    assert not mask.array().any()
    assert not mask.any()
    assert mask.box() is None


def test_arrays_that_were_handed_out_do_not_change_the_mask():
    mask = ObjectMask(SHAPE)
    change = Change((1, 1, 1), np.ones((2, 2, 2), bool))
    mask.turn(change)
    mask.array()[:] = False
    mask.box().flipped[:] = False
    change.flipped[:] = False
    assert mask.array().sum() == 8


@pytest.mark.parametrize("start", [(-1, 0, 0), (0, 0, 6), (4, 5, 6)])
def test_a_change_beyond_the_grid_is_refused_and_changes_nothing(start):
    mask = ObjectMask(SHAPE)
    with pytest.raises(UsageError, match=r"reaches beyond the grid of \(5, 6, 7\)"):
        mask.turn(Change(start, np.ones((2, 2, 2), bool)))
    assert not mask.any()

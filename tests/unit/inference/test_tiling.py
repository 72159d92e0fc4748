import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seganypet.inference.tiling import LogitBox, apart, box_of, holds, merge, open_neighbours, window_around

P = 8


def constant(value: float) -> np.ndarray:
    return np.full((P, P, P), value, np.float32)


def merged_on(shape, windows: dict, base=None) -> LogitBox:
    """Merge on the smallest box of a grid of the given shape."""
    return merge(windows.items(), *box_of(windows, P, shape), base)


def test_one_window_merges_to_itself():
    logits = np.random.default_rng(0).normal(size=(P, P, P)).astype(np.float32)
    merged = merged_on((20, 20, 20), {(2, 3, 4): logits})
    assert merged.start == (2, 3, 4)
    assert merged.known.all()
    np.testing.assert_allclose(merged.logits, logits, rtol=1e-6)


@given(
    starts=st.lists(st.tuples(*[st.integers(-6, 20)] * 3), min_size=1, max_size=5, unique=True),
    start=st.tuples(*[st.integers(-3, 12)] * 3),
    size=st.tuples(*[st.integers(1, 25)] * 3),
    based=st.booleans(),
)
def test_a_box_is_cut_out_of_the_whole(starts, start, size, based):
    rng = np.random.default_rng(0)
    windows = {s: rng.normal(size=(P, P, P)).astype(np.float32) for s in starts}
    values = rng.normal(size=(60, 60, 60)).astype(np.float32)
    base = LogitBox((-20, -20, -20), values, np.ones(values.shape, bool)) if based else None
    whole = merge(windows.items(), (-20, -20, -20), (60, 60, 60), base)
    box = merge(windows.items(), start, size, base)
    np.testing.assert_allclose(box.logits, whole.crop(start, size), rtol=1e-5, atol=1e-6)
    inside = tuple(slice(s + 20, s + 20 + n) for s, n in zip(start, size, strict=True))
    np.testing.assert_array_equal(box.known, whole.known[inside])


def test_a_given_mask_is_not_what_windows_said():
    base = LogitBox((0, 0, 0), np.full((20, 20, 20), -5, np.float32), np.ones((20, 20, 20), bool))
    known = merge([((2, 3, 4), constant(1))], (0, 0, 0), (20, 20, 20), base).known
    assert known.sum() == P**3
    assert known[2:10, 3:11, 4:12].all()


@pytest.mark.parametrize(
    ("windows", "groups"),
    [
        ([(0, 0, 0), (9, 0, 0), (18, 0, 0)], 3),
        ([(0, 0, 0), (8, 8, 8)], 1),  # a corner in common
        ([(0, 0, 0), (16, 0, 0), (8, 0, 0)], 1),  # joined by the last
        ([(0, 0, 0), (0, 20, 20), (4, 0, 0), (4, 20, 20)], 2),
        ([(0, 0, 0), (8, 0, 0), (16, 0, 0), (16, 8, 0), (16, 16, 0), (0, 12, 0)], 1),  # in the box of an L
    ],
)
def test_windows_whose_boxes_lie_apart_are_told_apart(windows, groups):
    found = apart(windows, P)
    assert len(found) == groups
    assert sorted(w for group in found for w in group) == sorted(windows)
    for n, (start, size) in enumerate(box_of(group, P, (99, 99, 99)) for group in found):
        for other, length in (box_of(group, P, (99, 99, 99)) for group in found[:n]):
            assert any(a > b + m or b > a + n for a, b, n, m in zip(start, other, size, length, strict=True))


def test_merging_changes_no_window():
    logits = constant(3)
    logits.setflags(write=False)
    merged = merged_on((20, 20, 20), {(2, 3, 4): logits})
    merged.logits[:] = 0
    assert (logits == 3).all()


def test_merging_holds_little_beside_its_result():
    side = 64
    windows = {(s, 0, 0): np.ones((side, side, side), np.float32) for s in range(0, 256, side // 2)}
    merge(windows.items(), (0, 0, 0), (1, 1, 1))  # the weights of one window are kept
    tracemalloc.start()
    merged = merge(windows.items(), (0, 0, 0), (288, 64, 64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * (merged.logits.nbytes + merged.known.nbytes)


@pytest.mark.parametrize(
    ("starts", "start", "size"),
    [
        ([(2, 3, 4)], (2, 3, 4), (8, 8, 8)),
        ([(-4, 3, 4), (14, 0, 4)], (0, 0, 4), (20, 11, 8)),
        ([(-4, 16, -1)], (0, 16, 0), (4, 4, 7)),
    ],
)
def test_box_of_windows_by_hand(starts, start, size):
    assert box_of(starts, P, (20, 20, 20)) == (start, size)


def test_parts_outside_the_grid_are_dropped():
    merged = merged_on((20, 20, 6), {(-4, 0, 0): constant(1)})
    assert merged.start == (0, 0, 0)
    assert merged.logits.shape == (4, 8, 6)


def test_two_windows_hand_over_gradually():
    merged = merged_on((20, 20, 20), {(0, 0, 0): constant(0), (4, 0, 0): constant(1)})
    line = merged.logits[:, 4, 4]
    np.testing.assert_allclose(line[:4], 0)
    np.testing.assert_allclose(line[8:], 1)
    # weights at half overlap: 7/8 5/8 3/8 1/8 of the first against 1/8 3/8 5/8 7/8 of the second
    np.testing.assert_allclose(line[4:8], [1 / 8, 3 / 8, 5 / 8, 7 / 8], rtol=1e-5)


@given(st.floats(-9, 9), st.lists(st.tuples(*[st.integers(-6, 14)] * 3), min_size=1, max_size=5, unique=True))
def test_windows_that_agree_leave_no_seam(value: float, starts: list[tuple[int, int, int]]):
    merged = merged_on((16, 16, 16), {s: constant(value) for s in starts})
    np.testing.assert_allclose(merged.logits[merged.known], value, atol=1e-5)
    assert not merged.logits[~merged.known].any()


def test_given_mask_fills_what_no_window_saw_and_fades_at_centres():
    base = LogitBox((0, 0, 0), np.full((20, 20, 20), -5, np.float32), np.ones((20, 20, 20), bool))
    merged = merged_on((20, 20, 20), {(0, 0, 0): constant(5), (12, 12, 12): constant(5)}, base)
    assert merged.logits[0, 19, 0] == pytest.approx(-5)
    assert merged.logits[4, 4, 4] > 4.5


def test_crop_returns_zero_where_nothing_is_known():
    merged = merged_on((20, 20, 20), {(4, 4, 4): constant(2)})
    crop = merged.crop((0, 4, 4), (8, 8, 8))
    assert not crop[:4].any()
    np.testing.assert_allclose(crop[4:], 2, rtol=1e-6)


def slab(axis: int, at: slice) -> np.ndarray:
    region = np.zeros((P, P, P), bool)
    index = [slice(2, 5)] * 3
    index[axis] = at
    region[tuple(index)] = True
    return region


@pytest.mark.parametrize("axis", range(3))
def test_window_is_added_beyond_the_face_that_is_reached(axis: int):
    step = [0, 0, 0]
    step[axis] = 4
    up = tuple(8 + s for s in step)
    down = tuple(8 - s for s in step)
    assert list(open_neighbours(slab(axis, slice(4, 8)), (8, 8, 8), (40, 40, 40))) == [up]
    assert list(open_neighbours(slab(axis, slice(0, 4)), (8, 8, 8), (40, 40, 40))) == [down]
    assert list(open_neighbours(slab(axis, slice(3, 5)), (8, 8, 8), (40, 40, 40))) == []


@pytest.mark.parametrize("axis", range(3))
def test_growth_ends_where_the_image_ends(axis: int):
    window, shape = [8, 8, 8], [40, 40, 40]
    shape[axis] = 16
    assert list(open_neighbours(slab(axis, slice(4, 8)), tuple(window), tuple(shape))) == []
    window[axis] = -3
    assert list(open_neighbours(slab(axis, slice(0, 4)), tuple(window), tuple(shape))) == []


def test_a_few_voxels_at_a_face_open_no_window():
    region = np.zeros((P, P, P), bool)
    region[7, 4, 2:5] = True
    assert list(open_neighbours(region, (8, 8, 8), (40, 40, 40))) == []


def test_window_is_centred_on_the_point():
    assert window_around((10.2, 3.0, 7.9), 8) == (6, -1, 4)


def test_holds_counts_the_voxels_full_extent():
    assert holds((0, 0, 0), (-0.5, 7.5, 3), P)
    assert not holds((0, 0, 0), (-0.6, 3, 3), P)
    assert not holds((0, 0, 0), (0.4, 3, 3), P, margin=1)

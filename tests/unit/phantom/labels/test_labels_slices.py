from __future__ import annotations

import numpy as np

from seganypet.phantom.labels.slices import (
    copy_slice,
    cut_ends,
    interpolate_slices,
    labelled_slices,
    wrong_slices,
)

UNIT = (1.0, 1.0, 1.0)


def squares(*widths: int) -> np.ndarray:
    """One centred square for each slice, on 12 x 12 pixels."""
    mask = np.zeros((12, 12, len(widths)), dtype=bool)
    for k, width in enumerate(widths):
        mask[6 - width // 2 : 6 + width // 2, 6 - width // 2 : 6 + width // 2, k] = True
    return mask


def widths(mask: np.ndarray) -> list[int]:
    return [int(mask[:, 6, k].sum()) for k in range(mask.shape[2])]


def test_ends_are_cut_from_both_sides():
    assert widths(cut_ends(squares(0, 2, 4, 6, 8, 0), 1, 2)) == [0, 0, 4, 0, 0, 0]
    assert widths(cut_ends(squares(0, 2, 4, 0), 0, 0)) == [0, 2, 4, 0]


def test_a_copied_slice_replaces_the_next_ones():
    assert widths(copy_slice(squares(2, 4, 6, 8, 10), 1, 2)) == [2, 4, 4, 4, 10]


def test_between_drawn_squares_lies_the_square_midway():
    # Widths 2 and 6: at 1.5 from the middle the distances are +0.5 and -1.5, at 2.5 they are +1.5 and -0.5.
    mask = squares(2, 10, 6)
    interpolated = interpolate_slices(mask, 2, UNIT)
    assert np.array_equal(interpolated, squares(2, 4, 6))


def test_slices_beyond_the_last_drawn_one_are_left_out():
    assert widths(interpolate_slices(squares(0, 4, 4, 4, 4, 0), 2, UNIT)) == [0, 4, 4, 4, 0, 0]


def test_a_cylinder_is_interpolated_to_itself():
    mask = squares(4, 4, 4, 4, 4, 4, 4)
    assert np.array_equal(interpolate_slices(mask, 3, UNIT), mask)


def test_short_masks_keep_their_slices():
    mask = squares(0, 4, 4, 4, 0)
    assert np.array_equal(wrong_slices(mask, UNIT, np.random.default_rng(0)), mask)


def test_all_ways_of_wrong_slices_occur_and_none_empties_a_mask():
    mask = squares(0, 2, 4, 6, 8, 10, 8, 6, 4, 2, 0)
    drawn = {wrong_slices(mask, UNIT, np.random.default_rng(seed)).tobytes() for seed in range(40)}
    assert len(drawn) > 5
    assert all(np.frombuffer(one, dtype=bool).any() for one in drawn)
    assert labelled_slices(mask).tolist() == list(range(1, 10))


def test_nothing_is_interpolated_towards_an_empty_slice():
    assert widths(interpolate_slices(squares(4, 4, 0, 4, 4), 2, UNIT)) == [4, 0, 0, 0, 4]

from __future__ import annotations

import numpy as np

from seganypet.phantom.labels.confusion import contact, move_divides, relabel, take_piece

SPACING = (4.0, 4.0, 4.0)


def halves() -> np.ndarray:
    """Two parts, 3 and 4, of 8 x 8 x 8 voxels each, side by side along k in a body of 1."""
    label_map = np.ones((12, 12, 20), dtype=np.int16)
    label_map[2:10, 2:10, 2:10] = 3
    label_map[2:10, 2:10, 10:18] = 4
    return label_map


def test_contact_is_where_the_neighbour_comes_within_two_voxels():
    label_map = halves()
    touching = contact(label_map == 3, label_map == 4)
    # 64 voxels in the first layer; in the second, those two steps away: all but none, as steps run straight.
    assert np.count_nonzero(touching) == 128
    assert not touching[..., 12:].any()


def test_a_piece_is_a_ball_of_the_neighbour():
    label_map = halves()
    # About a voxel of the face, 4 mm: itself, four neighbours in the layer, one beneath; the seventh is not its own.
    piece = take_piece(label_map == 4, (5, 5, 10), 4.0, SPACING)
    assert np.count_nonzero(piece) == 6


def test_moved_divides_leave_the_organ_as_a_whole_alone():
    label_map = halves()
    moved = move_divides(label_map, [3, 4], 6.0, 30.0, SPACING, np.random.default_rng(0))
    assert np.array_equal(np.isin(moved, [3, 4]), np.isin(label_map, [3, 4]))
    assert np.count_nonzero(moved != label_map) > 20
    assert np.all(moved[..., 4:6][2:10, 2:10] == 3)


def test_divides_moved_by_nothing_stay():
    label_map = halves()
    same = move_divides(label_map, [3, 4], 0.0, 30.0, SPACING, np.random.default_rng(0))
    assert np.array_equal(same, label_map)


def test_relabelling_swaps_at_once_and_leaves_other_ids():
    label_map = halves()
    swapped = relabel(label_map, {3: 4, 4: 3})
    assert np.array_equal(swapped == 3, label_map == 4)
    assert np.array_equal(swapped == 4, label_map == 3)
    assert np.array_equal(swapped == 1, label_map == 1)
    assert swapped.dtype == np.int16

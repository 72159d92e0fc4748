"""The box a reader would draw, around masks made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seganypet.errors import PromptError
from seganypet.prompts import simulated_box
from seganypet.prompts.box import Box


def block(shape: tuple[int, int, int], *sides: tuple[int, int]) -> np.ndarray:
    """Return a mask that is True from the first to the last voxel along each axis."""
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(first, last + 1) for first, last in sides)] = True
    return mask


def faces(mask: np.ndarray, jitter: float, count: int, seed: int = 0) -> np.ndarray:
    """Return faces [box, first or last, axis] of many boxes of one generator."""
    rng = np.random.default_rng(seed)
    boxes = [simulated_box(mask, generator=rng, jitter=jitter) for _ in range(count)]
    return np.array([(box.ijk_min, box.ijk_max) for box in boxes])


def test_box_goes_from_the_first_voxel_to_the_last():
    mask = np.zeros((9, 10, 11), dtype=bool)
    mask[2, 7, 4] = mask[5, 3, 6] = mask[4, 4, 10] = True
    assert simulated_box(mask) == Box((2, 3, 4), (5, 7, 10))


def test_box_of_one_voxel_and_of_the_whole_array():
    assert simulated_box(block((4, 5, 6), (1, 1), (2, 2), (3, 3))) == Box((1, 2, 3), (1, 2, 3))
    assert simulated_box(np.ones((4, 5, 6), dtype=bool)) == Box((0, 0, 0), (3, 4, 5))


def test_without_jitter_nothing_is_drawn():
    rng = np.random.default_rng(0)
    assert simulated_box(block((4, 4, 4), (1, 2), (1, 2), (1, 2)), generator=rng) == Box((1, 1, 1), (2, 2, 2))
    assert rng.random() == np.random.default_rng(0).random()


def test_faces_move_by_at_most_their_share_of_the_side_and_reach_it():
    # Sides of 10, 20 and 40 voxels, half of them: 5, 10 and 20 voxels in and out.
    offsets = faces(block((99, 99, 99), (30, 39), (30, 49), (30, 69)), 0.5, 800) - [[30] * 3, [39, 49, 69]]
    np.testing.assert_array_equal(offsets.max(axis=0), [[5, 10, 20]] * 2)
    np.testing.assert_array_equal(offsets.min(axis=0), [[-5, -10, -20]] * 2)
    assert np.all(np.abs(offsets.mean(axis=0)) < 3 * np.array([5, 10, 20]) / np.sqrt(3 * 800))


def test_faces_move_independently():
    moved = faces(block((80, 80, 80), (20, 59), (20, 59), (20, 59)), 0.2, 600).reshape(600, 6)
    correlations = np.corrcoef(moved.T) - np.eye(6)
    assert np.abs(correlations).max() < 0.15  # four deviations of chance are 0.16


def test_faces_of_small_targets_move_by_one_voxel():
    offsets = faces(block((12, 12, 12), (4, 6), (4, 6), (4, 6)), 0.05, 200) - [[4] * 3, [6] * 3]
    assert set(np.unique(offsets)) == {-1, 0, 1}
    assert all(set(np.unique(offsets[:, end, axis])) == {-1, 0, 1} for end in (0, 1) for axis in range(3))


def test_box_stays_in_the_array():
    moved = faces(np.ones((8, 9, 10), dtype=bool), 0.5, 100)
    assert moved.min() == 0
    np.testing.assert_array_equal(moved.max(axis=(0, 1)), [7, 8, 9])


def test_box_always_holds_a_voxel_of_the_target():
    # Two far corners: every box that loses both is drawn again, or given up for the smallest one.
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[2, 2, 2] = mask[17, 17, 17] = True
    found = faces(mask, 0.5, 300).astype(int)
    assert all(mask[tuple(map(slice, first, last + 1))].any() for first, last in found)
    assert len(np.unique(found, axis=0)) > 50


def test_box_may_end_on_the_only_voxels_it_holds():
    plate = block((20, 20, 9), (5, 14), (5, 14), (4, 4))
    found = faces(plate, 0.2, 200)
    on_plate = found[found[:, 1, 2] == 4]
    assert len(on_plate) > 60
    assert len(np.unique(on_plate, axis=0)) > 40


def test_jitter_tries_again_before_it_gives_up():
    # A try holds a single voxel with chance (9/16)³ = 0.18, one of eight with 0.79: 0.21 give up, 0.07 draw nought.
    found = faces(block((9, 9, 9), (4, 4), (4, 4), (4, 4)), 0.1, 400)
    unmoved = np.all(found == 4, axis=(1, 2)).mean()
    assert 0.15 < unmoved < 0.45


@given(
    st.integers(0, 10_000),
    st.tuples(*[st.integers(1, 9)] * 3),
    st.floats(0.005, 1.0),
    st.floats(0.0, 0.5),
)
def test_every_box_is_a_fair_one(seed, shape, density, jitter):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < density
    mask[tuple(rng.integers(shape))] = True
    box = simulated_box(mask, generator=rng, jitter=jitter)
    first, last = np.array(box.ijk_min), np.array(box.ijk_max)
    np.testing.assert_array_equal([first, last], np.rint([first, last]))
    assert np.all((first >= 0) & (first <= last) & (last < shape))
    assert mask[tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))].any()


def test_same_seed_gives_the_same_box():
    mask = block((40, 40, 40), (10, 29), (5, 30), (12, 24))
    np.testing.assert_array_equal(faces(mask, 0.2, 5, seed=3), faces(mask, 0.2, 5, seed=3))
    assert not np.array_equal(faces(mask, 0.2, 5, seed=3), faces(mask, 0.2, 5, seed=4))


def test_mask_is_not_changed():
    mask = block((10, 10, 10), (2, 5), (3, 6), (4, 7))
    kept = mask.copy()
    faces(mask, 0.5, 5)
    np.testing.assert_array_equal(mask, kept)


def test_refuses_an_empty_reference():
    with pytest.raises(PromptError, match="the reference is empty"):
        simulated_box(np.zeros((3, 3, 3), dtype=bool))


@pytest.mark.parametrize("jitter", [-0.01, 0.51, np.nan, np.inf])
def test_refuses_a_jitter_that_is_no_share(jitter):
    with pytest.raises(PromptError, match=f"box jitter of {jitter}; expected a share"):
        simulated_box(np.ones((3, 3, 3), dtype=bool), generator=np.random.default_rng(0), jitter=jitter)


def test_refuses_a_jitter_without_a_generator():
    with pytest.raises(PromptError, match=r"box jitter of 0\.1 needs a generator"):
        simulated_box(np.ones((3, 3, 3), dtype=bool), jitter=0.1)

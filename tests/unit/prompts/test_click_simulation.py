"""Where a reader clicks next, on masks made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seganypet.errors import GeometryError, PromptError
from seganypet.prompts import Click, deepest_voxel, largest_component, next_click

MM = (1.0, 1.0, 1.0)


def box(shape, *slices: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in slices)] = True
    return mask


def test_first_click_is_the_middle_of_a_cube():
    reference = box((12, 12, 12), (2, 7), (3, 8), (4, 9))
    assert next_click(np.zeros_like(reference), reference, spacing_mm=MM) == Click((4, 5, 6), positive=True)


def test_false_positive_gets_a_negative_click():
    reference = box((12, 12, 12), (0, 3), (0, 3), (0, 3))
    prediction = reference | box((12, 12, 12), (6, 11), (6, 11), (6, 11))
    assert next_click(prediction, reference, spacing_mm=MM) == Click((8, 8, 8), positive=False)


def test_the_larger_error_is_clicked():
    missed, false = box((16, 8, 8), (1, 4), (1, 4), (1, 4)), box((16, 8, 8), (8, 13), (1, 6), (1, 6))
    assert next_click(false, missed, spacing_mm=MM) == Click((10, 3, 3), positive=False)
    assert next_click(missed, false, spacing_mm=MM) == Click((10, 3, 3), positive=True)


def test_nothing_to_click_where_the_masks_agree():
    mask = box((4, 4, 4), (1, 3), (1, 3), (1, 3))
    assert next_click(mask, mask.copy(), spacing_mm=MM) is None
    assert next_click(np.zeros_like(mask), np.zeros_like(mask), spacing_mm=MM) is None


def test_depth_is_measured_in_mm():
    # 9 × 9 × 3 voxels. Isotropic: two voxels deep at most, first reached in the second layer.
    # At 10 mm along k: 5 mm to the sides decide, and the first layer is as deep as the second.
    mask = box((11, 11, 5), (1, 10), (1, 10), (1, 4))
    assert deepest_voxel(mask, (1.0, 1.0, 1.0)) == (2, 2, 2)
    assert deepest_voxel(mask, (1.0, 1.0, 10.0)) == (5, 5, 1)


def test_spacing_decides_between_two_arms():
    # One arm 7 voxels along i and 3 along j, another 3 along i and 7 along j.
    mask = box((20, 20, 3), (1, 8), (1, 4), (0, 3)) | box((20, 20, 3), (12, 15), (1, 8), (0, 3))
    assert deepest_voxel(mask, (1.0, 9.0, 9.0)) == (4, 1, 0)  # 4 mm deep; the other sides are 9 mm away
    assert deepest_voxel(mask, (9.0, 1.0, 9.0)) == (12, 4, 0)


def test_edge_of_the_array_is_border():
    assert deepest_voxel(np.ones((5, 5, 5), dtype=bool), MM) == (2, 2, 2)
    assert deepest_voxel(np.ones((1, 1, 1), dtype=bool), MM) == (0, 0, 0)


def test_hole_is_border():
    mask = np.ones((9, 9, 9), dtype=bool)
    mask[4, 4, 4] = False
    voxel = deepest_voxel(mask, MM)
    assert voxel != (4, 4, 4)
    assert min(min(c + 1, 9 - c) for c in voxel) >= 2


def test_largest_component_counts_voxels_not_extent():
    long, thick = box((12, 6, 6), (0, 7), (0, 1), (0, 1)), box((12, 6, 6), (9, 11), (2, 4), (2, 4))
    np.testing.assert_array_equal(largest_component(long | thick), thick)


def test_voxels_that_share_a_corner_are_connected():
    diagonal = np.zeros((6, 6, 6), dtype=bool)
    diagonal[[0, 1, 2], [0, 1, 2], [0, 1, 2]] = True
    pair = box((6, 6, 6), (4, 6), (5, 6), (0, 1))
    np.testing.assert_array_equal(largest_component(diagonal | pair), diagonal)


def test_uniform_clicks_fall_on_every_error_by_its_size():
    reference = box((8, 8, 8), (0, 1), (0, 1), (0, 3))  # 3 voxels missed
    prediction = box((8, 8, 8), (6, 7), (6, 7), (6, 7))  # 1 voxel too much
    rng = np.random.default_rng(0)
    clicks = [
        next_click(prediction, reference, spacing_mm=MM, policy="uniform", generator=rng) for _ in range(400)
    ]
    found = {c.ijk: sum(d.ijk == c.ijk for d in clicks) for c in clicks}
    assert set(found) == {(0, 0, 0), (0, 0, 1), (0, 0, 2), (6, 6, 6)}
    assert all(60 < count < 140 for count in found.values())
    assert all(c.positive == (c.ijk != (6, 6, 6)) for c in clicks)


def test_same_seed_gives_the_same_click():
    reference = np.random.default_rng(1).random((8, 8, 8)) < 0.3
    prediction = np.zeros_like(reference)

    def clicks(seed: int) -> list[Click | None]:
        rng = np.random.default_rng(seed)
        return [
            next_click(prediction, reference, spacing_mm=MM, policy="uniform", generator=rng)
            for _ in range(5)
        ]

    assert clicks(3) == clicks(3)
    assert clicks(3) != clicks(4)


@given(st.integers(0, 10_000), st.sampled_from(["deepest", "uniform"]), st.floats(0.02, 0.9))
def test_every_click_lies_in_the_error_and_has_its_sign(seed, policy, density):
    rng = np.random.default_rng(seed)
    prediction, reference = rng.random((2, 5, 6, 7)) < density
    click = next_click(prediction, reference, spacing_mm=(1.0, 2.0, 3.0), policy=policy, generator=rng)
    if click is None:
        assert np.array_equal(prediction, reference)
        return
    voxel = tuple(int(c) for c in click.ijk)
    assert prediction[voxel] != reference[voxel]
    assert click.positive == reference[voxel]


def test_masks_are_not_changed():
    prediction, reference = np.random.default_rng(2).random((2, 6, 6, 6)) < 0.4
    kept = prediction.copy(), reference.copy()
    next_click(prediction, reference, spacing_mm=MM)
    np.testing.assert_array_equal(prediction, kept[0])
    np.testing.assert_array_equal(reference, kept[1])


def test_refuses_masks_of_different_shape():
    with pytest.raises(GeometryError, match=r"\(2, 2, 2\), reference of shape \(2, 2, 3\)"):
        next_click(np.zeros((2, 2, 2), dtype=bool), np.ones((2, 2, 3), dtype=bool), spacing_mm=MM)


def test_refuses_an_unknown_policy_and_chance_without_a_generator():
    empty, full = np.zeros((2, 2, 2), dtype=bool), np.ones((2, 2, 2), dtype=bool)
    with pytest.raises(PromptError, match='policy "nearest" is unknown; choose "deepest" or "uniform"'):
        next_click(empty, full, spacing_mm=MM, policy="nearest")
    with pytest.raises(PromptError, match='"uniform" needs a generator'):
        next_click(empty, full, spacing_mm=MM, policy="uniform")


def test_missed_and_excess_voxels_that_touch_are_separate_errors():
    reference, prediction = np.zeros((12, 5, 5), bool), np.zeros((12, 5, 5), bool)
    reference[0:4, 0:3, 0:3] = True  # 36 voxels missed
    prediction[4:10, 0:5, 0:5] = True  # 150 voxels in excess, face to face with them
    click = next_click(prediction, reference, spacing_mm=(1.0, 1.0, 1.0))
    assert click is not None
    assert not click.positive
    assert click.ijk in {(6.0, 2.0, 2.0), (7.0, 2.0, 2.0)}  # three voxels deep; joined, it would lie nearer 4

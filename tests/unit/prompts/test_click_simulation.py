"""Where a reader clicks next, on masks made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_masks import MM, box, draws, missed
from hypothesis import given
from hypothesis import strategies as st

from seganypet.errors import GeometryError, PromptError
from seganypet.prompts import CLICK_POLICIES, Click, next_click


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


def test_largest_component_clicks_fall_on_every_voxel_of_it_alone():
    reference = box((8, 8, 8), (0, 1), (0, 1), (0, 3)) | box((8, 8, 8), (4, 5), (6, 7), (2, 4))
    prediction = box((8, 8, 8), (6, 8), (4, 5), (6, 8))  # 4 voxels in excess, against 3 and 2 missed
    found = draws(prediction, reference, policy="largest_component")
    assert set(found) == {Click((i, 4, k), positive=False) for i in (6, 7) for k in (6, 7)}
    assert all(60 < count < 140 for count in found.values())


def test_boundary_clicks_fall_on_every_voxel_of_the_outermost_layer():
    reference = box((9, 9, 9), (2, 5), (3, 6), (4, 7)) | box((9, 9, 9), (7, 9), (0, 1), (0, 1))
    found = draws(np.zeros_like(reference), reference, 1000, policy="boundary")
    cube = {(i, j, k) for i in (2, 3, 4) for j in (3, 4, 5) for k in (4, 5, 6)}
    assert {click.ijk for click in found} == cube - {(3, 4, 5)}
    assert all(click.positive and 15 < count < 65 for click, count in found.items())  # 38 each on average


def test_boundary_takes_face_neighbours_not_corners():
    reference = box((7, 7, 7), (1, 6), (1, 6), (1, 6))
    reference[2, 2, 1] = False  # a dent: (2, 2, 2) comes to the surface, (3, 3, 2) shares but an edge with it
    clicked = {click.ijk for click in draws(np.zeros_like(reference), reference, 3000, policy="boundary")}
    assert (2, 2, 2) in clicked
    assert (3, 3, 2) not in clicked
    assert len(clicked) == 125 - 27 - 1 + 1


def test_edge_of_the_array_is_boundary():
    reference = np.zeros((3, 5, 5), dtype=bool)
    reference[:, 1:4, 1:4] = True  # touches the first and the last plane
    clicked = {click.ijk for click in draws(np.zeros_like(reference), reference, policy="boundary")}
    assert len(clicked) == 26
    assert (1, 2, 2) not in clicked


def test_border_to_the_correct_part_of_the_target_is_boundary():
    # 5 × 3 × 3 voxels missed beside a part that is right: the border between them belongs to the error's outline.
    reference = box((12, 5, 5), (1, 11), (1, 4), (1, 4))
    prediction = box((12, 5, 5), (1, 6), (1, 4), (1, 4))
    clicked = {click.ijk for click in draws(prediction, reference, 1500, policy="boundary")}
    assert len(clicked) == 45 - 3
    assert (6, 2, 2) in clicked
    assert not clicked & {(7, 2, 2), (8, 2, 2), (9, 2, 2)}


@pytest.mark.parametrize("policy", [policy for policy in CLICK_POLICIES if policy != "uniform"])
def test_of_two_errors_of_equal_size_the_missed_one_is_clicked_then_the_first(policy):
    first, second = box((9, 4, 4), (0, 3), (0, 3), (0, 3)), box((9, 4, 4), (5, 8), (1, 4), (1, 4))
    nothing = np.zeros_like(first)
    for prediction, reference, expected in (
        (first, second, second),  # the excess comes first in the array, the missed one is preferred
        (second, first, first),
        (nothing, first | second, first),
        (first | second, nothing, first),
    ):
        found = draws(prediction, reference, 30, policy=policy)
        assert all(expected[tuple(map(int, click.ijk))] for click in found)
        assert all(click.positive == reference[tuple(map(int, click.ijk))] for click in found)


@pytest.mark.parametrize("policy", [policy for policy in CLICK_POLICIES if policy != "uniform"])
def test_many_small_errors_of_a_kind_do_not_outweigh_the_largest(policy):
    reference = box((20, 12, 12), (0, 3), (0, 3), (0, 3))  # 27 voxels missed
    prediction = np.zeros_like(reference)
    prediction[6::2, ::2, ::2] = True  # 252 single voxels in excess
    found = draws(prediction, reference, 20, policy=policy)
    assert all(click.positive for click in found)


def test_same_seed_gives_the_same_click():
    reference = np.random.default_rng(1).random((8, 8, 8)) < 0.3
    prediction = np.zeros_like(reference)

    def clicks(policy: str, perturbation_mm: float, seed: int) -> list[Click | None]:
        rng = np.random.default_rng(seed)
        options = {"policy": policy, "generator": rng, "perturbation_mm": perturbation_mm}
        return [next_click(prediction, reference, spacing_mm=MM, **options) for _ in range(5)]

    for policy in CLICK_POLICIES:
        for perturbation_mm in (0.0, 2.0):
            first = clicks(policy, perturbation_mm, 3)
            assert clicks(policy, perturbation_mm, 3) == first
            is_free_of_chance = policy == "deepest" and not perturbation_mm
            assert (clicks(policy, perturbation_mm, 4) == first) == is_free_of_chance


def test_deepest_draws_nothing_without_perturbation():
    rng = np.random.default_rng(0)
    next_click(*missed((4, 4, 4)), spacing_mm=MM, generator=rng)
    assert rng.random() == np.random.default_rng(0).random()


@given(
    st.integers(0, 10_000),
    st.sampled_from(CLICK_POLICIES),
    st.floats(0.02, 0.9),
    st.sampled_from([0.0, 0.5, 3.0, 100.0]),
)
def test_every_click_lies_in_the_error_and_has_its_sign(seed, policy, density, perturbation_mm):
    rng = np.random.default_rng(seed)
    prediction, reference = rng.random((2, 5, 6, 7)) < density
    click = next_click(
        prediction,
        reference,
        spacing_mm=(1.0, 2.0, 3.0),
        policy=policy,
        generator=rng,
        perturbation_mm=perturbation_mm,
    )
    if click is None:
        assert np.array_equal(prediction, reference)
        return
    voxel = tuple(int(c) for c in click.ijk)
    assert voxel == click.ijk
    assert min(voxel) >= 0
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


@pytest.mark.parametrize("same", [False, True], ids=["masks differ", "masks agree"])
def test_refuses_an_unknown_policy(same: bool):
    prediction, reference = missed((2, 2, 2))
    with pytest.raises(
        PromptError, match='policy "nearest" is unknown; choose one of "deepest", "uniform", '
    ):
        next_click(reference if same else prediction, reference, spacing_mm=MM, policy="nearest")


@pytest.mark.parametrize("policy", ["uniform", "largest_component", "boundary"])
def test_refuses_a_policy_of_chance_without_a_generator(policy):
    with pytest.raises(PromptError, match=f'policy "{policy}" needs a generator'):
        next_click(*missed((2, 2, 2)), spacing_mm=MM, policy=policy)


def test_missed_and_excess_voxels_that_touch_are_separate_errors():
    reference, prediction = np.zeros((12, 5, 5), bool), np.zeros((12, 5, 5), bool)
    reference[0:4, 0:3, 0:3] = True  # 36 voxels missed
    prediction[4:10, 0:5, 0:5] = True  # 150 voxels in excess, face to face with them
    click = next_click(prediction, reference, spacing_mm=(1.0, 1.0, 1.0))
    assert click is not None
    assert not click.positive
    assert click.ijk in {(6.0, 2.0, 2.0), (7.0, 2.0, 2.0)}  # three voxels deep; joined, it would lie nearer 4

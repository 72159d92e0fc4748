"""Clicks that miss by chance, but stay truthful."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_masks import MM, box, draws, missed

from seganypet.errors import PromptError
from seganypet.prompts import Click, deepest_voxel, next_click


def test_perturbation_has_its_deviation_in_mm_along_each_axis():
    prediction, reference = missed((41, 41, 41))
    rng = np.random.default_rng(5)
    moved = np.array(
        [
            next_click(
                prediction, reference, spacing_mm=(1.0, 2.0, 4.0), generator=rng, perturbation_mm=4.0
            ).ijk
            for _ in range(200)
        ]
    ) - deepest_voxel(reference, (1.0, 2.0, 4.0))
    np.testing.assert_allclose(moved.std(axis=0), (4, 2, 1), rtol=0.15)
    assert np.all(np.abs(moved.mean(axis=0)) < 3 * np.array((4, 2, 1)) / np.sqrt(200))


def test_offsets_are_rounded_to_the_nearest_voxel():
    prediction, reference = missed((7, 7, 7))
    small = draws(prediction, reference, 200, perturbation_mm=0.05)  # half a voxel is ten deviations
    assert set(small) == {Click((3, 3, 3))}
    some = draws(prediction, reference, 60, perturbation_mm=0.5)
    offsets = np.array([click.ijk for click in some.elements()]) - 3
    assert 0.15 < np.mean(offsets == 1) + np.mean(offsets == -1) < 0.5  # 0.32 lie beyond one deviation


def test_perturbed_click_stays_put_where_no_offset_is_truthful():
    prediction, reference = np.zeros((2, 40, 40, 40), dtype=bool)
    reference[20, 20, 20] = True
    assert set(draws(prediction, reference, 50, perturbation_mm=6.0)) == {Click((20, 20, 20))}
    assert set(draws(*missed((3, 3, 3)), 20, perturbation_mm=1e300)) == {Click((1, 1, 1))}


def test_perturbed_click_does_not_cross_into_the_other_kind_of_error():
    prediction = box((16, 6, 6), (8, 16), (0, 6), (0, 6))
    reference = ~prediction  # everything is in error, half of it of either kind
    found = draws(prediction, reference, 40, perturbation_mm=4.0)
    assert len(found) > 10
    assert all(click.positive and click.ijk[0] < 8 for click in found)


def test_perturbation_tries_again_before_it_gives_up():
    prediction, reference = missed((3, 3, 3))
    found = draws(prediction, reference, 300, perturbation_mm=1.5)
    # An offset stays in reach of the middle along one axis with chance 0.68, along three with 0.32: at most
    # 0.68 ** 8 = 5 % of the clicks may have given up, besides the 1.8 % whose offset is nought.
    assert found[Click((1, 1, 1))] < 0.2 * 300


def test_refuses_a_perturbation_without_a_generator():
    with pytest.raises(PromptError, match=r"perturbation of 2\.0 mm needs a generator"):
        next_click(*missed((2, 2, 2)), spacing_mm=MM, perturbation_mm=2.0)


@pytest.mark.parametrize("perturbation_mm", [-0.5, np.inf, np.nan])
def test_refuses_a_perturbation_that_is_no_length(perturbation_mm):
    with pytest.raises(PromptError, match=f"perturbation of {perturbation_mm} mm; expected"):
        next_click(
            *missed((2, 2, 2)),
            spacing_mm=MM,
            generator=np.random.default_rng(0),
            perturbation_mm=perturbation_mm,
        )

"""Means and intervals over training seeds and cases."""

from __future__ import annotations

import numpy as np
import pytest

from ablation_statistics import (
    DRAWS,
    difference_interval,
    drawn_means,
    drawn_weights,
    mean_interval,
)


def drawn(scores: np.ndarray) -> np.ndarray:
    """Return the bootstrap's means of scores [S, C]."""
    rng = np.random.default_rng(3)
    cases = drawn_weights(scores.shape[1], rng)
    return drawn_means(scores, drawn_weights(scores.shape[0], rng), cases)


def test_weights_are_shares_of_one_fewer_than_there_are() -> None:
    weights = drawn_weights(4, np.random.default_rng(0))

    assert weights.shape == (DRAWS, 4)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert set(np.unique(np.round(weights * 3, 9))) == {0, 1, 2, 3}  # three draws of four
    np.testing.assert_allclose(weights.mean(axis=0), 0.25, atol=0.01)


def test_a_single_unit_is_always_drawn() -> None:
    np.testing.assert_array_equal(drawn_weights(1, np.random.default_rng(0)), 1)


def test_drawn_mean_weighs_rows_by_seed_and_columns_by_case() -> None:
    scores = np.array([[1.0, 2.0, 4.0], [10.0, 20.0, 40.0]])

    means = drawn_means(scores, np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0, 0.5, 0.5], [1.0, 0, 0]]))

    np.testing.assert_allclose(means, [3.0, 5.5])


def test_mean_is_that_of_all_scores() -> None:
    assert mean_interval(np.array([[0.1, 0.2, 0.3], [0.5, 0.6, 0.7]])).mean == pytest.approx(0.4)


def test_interval_of_two_cases_goes_from_one_to_the_other() -> None:
    # One of the two is drawn.
    assert mean_interval(np.array([[0.25, 0.75]])) == (0.5, 0.25, 0.75)


def test_interval_of_three_cases_has_the_ends_of_an_enumeration() -> None:
    # Two of 0, 3 and 9: each pair of equal ones, chance 1/9 > 2.5 %, gives an end.
    assert mean_interval(np.array([[0.0, 3.0, 9.0]])) == (4.0, 0.0, 9.0)


def test_interval_has_the_ends_of_a_normal_distribution_where_cases_are_many() -> None:
    # 400 cases of 0 and 400 of 1: standard error 0.5 / sqrt(799), 1.96 of it to each side.
    scores = np.tile([0.0, 1.0], 400)[None]

    interval = mean_interval(scores)

    assert interval.low == pytest.approx(0.5 - 0.03467, abs=0.0015)
    assert interval.high == pytest.approx(0.5 + 0.03467, abs=0.0015)


def test_seeds_vary_as_the_unbiased_variance_says() -> None:
    # s² of 0, 0.3, 0.6 is 0.09; of their mean a third of it.
    assert drawn(np.array([[0.0], [0.3], [0.6]])).var() == pytest.approx(0.03, rel=0.05)


def test_cases_shared_by_seeds_do_not_average_out() -> None:
    # s² of the cases 1, 2, 3, 4 is 5/3; of their mean 5/12, however many seeds saw them.
    one_seed = np.array([[1.0, 2.0, 3.0, 4.0]])

    assert drawn(np.repeat(one_seed, 5, axis=0)).var() == pytest.approx(5 / 12, rel=0.05)


def test_variances_of_seeds_and_cases_add_up() -> None:
    seeds, cases = np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 4.0, 6.0])

    variance = drawn(seeds[:, None] + cases[None, :]).var()

    assert variance == pytest.approx(1 / 3 + (20 / 3) / 4, rel=0.05)


def test_difference_cancels_what_cases_share() -> None:
    scores = np.array([[0.1, 0.9, 0.4, 0.6]])

    interval = difference_interval(scores + 0.05, scores)

    np.testing.assert_allclose(interval, [0.05, 0.05, 0.05])


def test_difference_draws_the_seeds_of_each_strategy_apart() -> None:
    # One of two seeds is drawn on each side: -1, 0, 0, 1, each with a chance of 1/4.
    scores = np.array([[0.0], [1.0]])

    assert difference_interval(scores, scores) == (0.0, -1.0, 1.0)


def test_difference_is_the_first_above_the_second() -> None:
    interval = difference_interval(np.array([[0.8, 0.9]]), np.array([[0.6, 0.5], [0.6, 0.5]]))

    np.testing.assert_allclose(interval, [0.3, 0.2, 0.4])


def test_difference_of_other_cases_is_refused() -> None:
    with pytest.raises(ValueError, match="2 and 3 cases"):
        difference_interval(np.zeros((1, 2)), np.zeros((1, 3)))


def test_same_scores_give_the_same_interval() -> None:
    scores = np.random.default_rng(1).random((3, 12))

    assert mean_interval(scores) == mean_interval(scores)

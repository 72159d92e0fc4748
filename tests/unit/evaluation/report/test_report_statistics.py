"""Means with intervals over cases, medians with quartiles: numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seganypet.evaluation.report.statistics import DRAWS, drawn_weights, mean_interval, median_iqr, quantile

INF, NAN = math.inf, math.nan


def test_interval_of_two_cases_goes_from_one_to_the_other():
    # one of two is drawn
    assert mean_interval([0.2, 0.2, 0.8, 0.8], ["a", "a", "b", "b"]) == pytest.approx((0.5, 0.2, 0.8, 4, 2))


def test_interval_of_three_cases_has_the_ends_of_an_enumeration():
    # two of 0, 3 and 9: each pair of equal ones, chance 1/9 > 2.5 %, gives an end
    assert mean_interval([0.0, 3.0, 9.0], list("abc")) == (4.0, 0.0, 9.0, 3, 3)


def test_interval_over_many_cases_has_the_ends_of_a_normal_distribution():
    # 400 cases of 0 and 400 of 1: standard error 0.5 / sqrt(799), 1.96 of it to each side
    found = mean_interval([0.0, 1.0] * 400, [str(n) for n in range(800)])
    assert found.low == pytest.approx(0.5 - 0.03467, abs=0.0015)
    assert found.high == pytest.approx(0.5 + 0.03467, abs=0.0015)


def test_targets_of_one_case_do_not_make_the_interval_smaller():
    once = mean_interval([0.1, 0.5, 0.9], list("abc"))
    often = mean_interval([0.1, 0.5, 0.9] * 10, list("abc") * 10)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_cases_count_by_their_targets():
    assert mean_interval([0.0, 1.0, 1.0, 1.0], list("abbb")) == (0.75, 0.0, 1.0, 4, 2)


def test_kinds_count_alike_however_many_targets_they_have():
    found = mean_interval([0.8, 0.6, 0.2], list("aba"), ["liver", "liver", "spleen"])
    assert found.value == pytest.approx((0.7 + 0.2) / 2)


def test_a_draw_without_a_kind_averages_the_others():
    # either case is drawn alone, and has one of the two organs
    found = mean_interval([0.4, 0.8], ["a", "b"], ["liver", "spleen"])
    assert found == pytest.approx((0.6, 0.4, 0.8, 2, 2))


def test_a_single_case_has_no_interval():
    found = mean_interval([0.5, 0.7], ["a", "a"])
    assert found.value == pytest.approx(0.6)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.cases == 1


def test_missing_values_do_not_count():
    assert mean_interval([0.5, NAN, 0.7], list("abc")) == pytest.approx((0.6, 0.5, 0.7, 2, 2))


def test_nothing_has_no_mean():
    found = mean_interval([NAN], ["a"])
    assert math.isnan(found.value)
    assert (found.targets, found.cases) == (0, 0)


def test_the_mean_of_an_infinite_value_is_infinite_and_has_no_interval():
    found = mean_interval([1.0, INF], ["a", "b"])
    assert found.value == INF
    assert math.isnan(found.low)


def test_the_same_values_give_the_same_interval():
    values = np.random.default_rng(1).random(12)
    names = [str(n) for n in range(12)]
    assert mean_interval(values, names) == mean_interval(values, names)


def test_weights_are_shares_of_one_fewer_than_there_are():
    weights = drawn_weights(4, np.random.default_rng(0))
    assert weights.shape == (DRAWS, 4)
    assert set(np.unique(np.round(weights * 3, 9))) == {0, 1, 2, 3}


def test_median_has_the_quartiles_between_neighbours():
    assert median_iqr([1.0, 2.0, 3.0, 4.0], list("aabb")) == (2.5, 1.75, 3.25, 4, 2)


def test_median_leaves_out_what_is_missing():
    assert median_iqr([1.0, NAN, 3.0], list("abb")) == (2.0, 1.5, 2.5, 2, 2)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([1.0, 2.0, INF], 0.5, 2.0),
        ([1.0, 2.0, INF], 0.75, INF),  # between a number and infinity
        ([1.0, INF, INF], 0.5, INF),
        ([INF, INF], 0.25, INF),
        ([INF, 1.0], 0.0, 1.0),
        ([7.0], 0.75, 7.0),
    ],
)
def test_quantile_takes_infinity_for_larger_than_any_number(values, share, expected):
    assert quantile(np.array(values), share) == expected


def test_quantile_of_nothing_is_nan():
    assert math.isnan(quantile(np.array([]), 0.5))

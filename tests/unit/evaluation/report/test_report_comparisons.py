"""Paired comparisons and clicks to reach: who is compared on what."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seganypet.evaluation.report.clicks_to_reach import clicks_to_reach, first_reached
from seganypet.evaluation.report.comparisons import Comparison, compare, corrected, signed_rank
from seganypet.evaluation.report.statistics import Estimate


def test_methods_are_compared_on_what_both_answered(results_of, row):
    rows = [row(case, "A", dsc) for case, dsc in zip("abcd", (0.5, 0.6, 0.7, 0.1), strict=True)]
    rows += [row(case, "B", dsc) for case, dsc in zip("abc", (0.6, 0.8, 1.0), strict=True)]
    (found,) = compare(results_of(rows), "A", [1])
    assert (found.method, found.domain, found.group) == ("B", "organs", "1 point")
    assert found.difference == pytest.approx((0.2, 0.1, 0.3, 3, 3))
    assert found.p == pytest.approx(0.25)  # all three of one sign: 2 · 2⁻³


def test_methods_without_a_common_target_are_not_compared(results_of, row):
    assert compare(results_of([row("a", "A", 0.5), row("b", "B", 0.5)]), "A", [1]) == []


def test_kinds_of_targets_and_clicks_are_compared_apart(results_of, row):
    rows = [
        row("a", method, 0.5, target=target, click=click)
        for method in "AB"
        for target in ("liver", "lesion", "lesions")
        for click in (1, 3)
    ]
    found = [(c.domain, c.group) for c in compare(results_of(rows), "A", [1, 3])]
    assert found == [(d, g) for d in ("organs", "lesions", "lesion") for g in ("1 point", "3 points")]


def test_a_method_without_clicks_is_compared_after_each_of_the_others(results_of, row):
    rows = [row("a", "A", 0.5 + click / 10, click=click) for click in (1, 3)]
    rows += [row("a", "auto", 0.7, click=0), row("a", "named", 0.8, click=0)]
    results = results_of(rows)
    found = [(c.group, c.method, round(c.difference.value, 3)) for c in compare(results, "A", [1, 3])]
    assert found == [
        ("1 point", "auto", 0.1),
        ("1 point", "named", 0.2),
        ("3 points", "auto", -0.1),
        ("3 points", "named", 0.0),
    ]
    found = [(c.group, c.method, round(c.difference.value, 3)) for c in compare(results, "auto", [1, 3])]
    assert found == [("1 point", "A", -0.1), ("3 points", "A", 0.1), ("without clicks", "named", 0.1)]


def comparison(p: float) -> Comparison:
    return Comparison(domain="organs", group="1 point", method="B", difference=Estimate(0, 0, 0, 1, 1), p=p)


def test_p_is_corrected_for_the_number_of_tests_that_there_are():
    # Benjamini and Hochberg: 0.01 · 3 / 1, 0.02 · 3 / 2, 0.5 · 3 / 3; the undefined one is no test
    found = corrected([comparison(p) for p in (0.5, math.nan, 0.01, 0.02)])
    assert [c.p_corrected for c in found if not math.isnan(c.p)] == pytest.approx([0.5, 0.03, 0.03])
    assert math.isnan(found[1].p_corrected)


def test_signed_rank_of_equal_pairs_is_1_and_of_one_case_undefined():
    assert signed_rank(np.array([0.0, 1e-17, -1e-17])) == 1.0
    assert math.isnan(signed_rank(np.array([0.3])))


def test_signed_rank_of_six_cases_of_one_sign():
    assert signed_rank(np.arange(1, 7) / 10) == pytest.approx(2 / 2**6)


def test_the_first_click_counts_even_if_a_later_one_is_worse(row, results_of):
    dices = (0.7, 0.86, 0.84, 0.91, 0.9)
    rows = results_of([row("a", "A", d, click=n) for n, d in enumerate(dices, start=1)]).drawn
    found = {goal: first_reached(rows, goal, 5)["clicks"].item() for goal in (0.7, 0.85, 0.9)}
    assert found == {0.7: 1, 0.85: 2, 0.9: 4}


def test_what_is_never_reached_counts_as_the_highest_number(row, results_of):
    rows = [row("a", "A", 0.1, click=n) for n in (1, 2)] + [row("b", "A", 0.9, click=n) for n in (1, 2)]
    found = clicks_to_reach(results_of(rows).drawn, 0.8, 4)
    assert found.clicks.value == pytest.approx((4 + 1) / 2)
    assert found.never.value == pytest.approx(0.5)


def test_draws_of_a_target_are_averaged_and_the_mask_without_clicks_does_not_count(row, results_of):
    rows = [row("a", "A", 0.9, click=0), row("a", "A", 0.1, click=1), row("a", "A", 0.9, click=2)]
    rows += [row("a", "A", 0.9, click=n, draw=1) for n in (1, 2)]
    found = first_reached(results_of(rows).drawn, 0.8, 2)
    assert (found["clicks"].item(), found["never"].item()) == (1.5, 0.0)

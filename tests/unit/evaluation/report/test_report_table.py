"""Cells, their texts, and which is best."""

from __future__ import annotations

import math

import pytest

from seganypet.evaluation.report.statistics import Estimate
from seganypet.evaluation.report.table import Cell, Row, formatted, number_cell, with_best

NAN = math.nan


def rows_of(*values: float | None, group: str = "") -> list[Row]:
    return [
        Row(group=group, cells=(Cell() if v is None else Cell(text=f"{v:.1f}", value=v),)) for v in values
    ]


def best(rows) -> list[bool]:
    return [row.cells[0].best for row in rows]


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (0.9136, "percent", "91.4"),
        (0.0123, "change", "+1.2"),
        (-0.0123, "change", "−1.2"),
        (-0.00001, "change", "0.0"),
        (-12.34, "signed", "−12.3"),
        (0.256, "share", "26"),
        (1.234, "number", "1.23"),
        (12.34, "number", "12.3"),
        (1234.4, "number", "1234"),
        (5.0, "count", "5"),
        (2.5, "count", "2.5"),
        (math.inf, "number", "∞"),
        (-math.inf, "signed", "−∞"),
        (NAN, "percent", "–"),
    ],
)
def test_numbers_are_written_by_their_style(value, style, text):
    assert formatted(value, style) == text


def test_a_cell_shows_its_interval_and_holds_the_numbers_in_the_same_unit():
    cell = number_cell(Estimate(0.9, 0.85, 0.95, 3, 3), "percent")
    assert cell.shown() == "90.0 (85.0–95.0)"
    assert (cell.value, cell.low, cell.high) == pytest.approx((90, 85, 95))


def test_an_interval_with_signs_is_written_with_a_word():
    assert number_cell(Estimate(0.01, -0.02, 0.04, 3, 3), "change").shown() == "+1.0 (−2.0 to +4.0)"


def test_an_undefined_interval_is_shown_as_such():
    assert number_cell(Estimate(0.9, NAN, NAN, 1, 1), "percent").shown() == "90.0 (–)"


def test_a_number_of_fewer_targets_has_a_star():
    assert number_cell(Estimate(0.9, 0.8, 1.0, 2, 2), "percent", expected=3).shown() == "90.0* (80.0–100.0)"


def test_what_is_missing_is_a_dash_without_a_star():
    assert number_cell(Estimate(NAN, NAN, NAN, 0, 0), "percent", expected=3).shown() == "–"


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("higher", [False, True, False]), ("lower", [True, False, False]), ("nearer 0", [False, False, True])],
)
def test_the_best_is_marked(direction, expected):
    assert best(with_best(rows_of(-3.0, 2.0, 0.5), [direction])) == expected


def test_no_direction_has_no_best():
    assert best(with_best(rows_of(1.0, 2.0), [""])) == [False, False]


def test_what_looks_alike_is_best_alike():
    assert best(with_best(rows_of(0.91, 0.94, 0.5), ["higher"])) == [True, True, False]


def test_where_all_are_alike_none_is_best():
    assert best(with_best(rows_of(0.91, 0.94), ["higher"])) == [False, False]


def test_a_single_number_is_not_best():
    assert best(with_best(rows_of(0.9, None), ["higher"])) == [False, False]


def test_each_group_has_its_best():
    rows = [*rows_of(0.1, 0.2, group="1 point"), *rows_of(0.9, 0.8, group="3 points")]
    assert best(with_best(rows, ["higher"])) == [False, True, True, False]


def test_a_number_of_fewer_targets_is_never_best():
    easy = Row(cells=(Cell(text="99.0", value=99.0, targets=2, expected=3),))
    assert best(with_best([easy, *rows_of(0.5, 0.7)], ["higher"])) == [False, False, True]

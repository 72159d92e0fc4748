"""Where simulated and recorded readers click."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.errors import ImageValueError, UsageError
from seganypet.evaluation.readers import Habits, RecordedReader, SimulatedReader, SliceReader, axial_axis
from seganypet.prompts import Click

SHAPE = (12, 12, 12)
AFFINE = np.diag([4.0, 4.0, 3.0, 1.0])


def block(*sides: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[tuple(slice(a, b) for a, b in sides)] = True
    return mask


def simulated(reference: np.ndarray, habits: Habits, seed: int = 0) -> SimulatedReader:
    return SimulatedReader(reference, (4.0, 4.0, 4.0), habits, np.random.default_rng(seed))


def test_the_first_click_has_its_own_policy():
    reference, nothing = block((2, 9), (2, 9), (2, 9)), np.zeros(SHAPE, dtype=bool)
    firsts = {
        simulated(reference, Habits(first="uniform"), seed).clicks(nothing)[0].ijk for seed in range(10)
    }
    assert len(firsts) > 5
    assert all(reference[tuple(int(c) for c in ijk)] for ijk in firsts)
    reader = simulated(reference, Habits(first="uniform"))
    reader.clicks(nothing)
    assert reader.clicks(nothing) == [Click((5, 5, 5))]


def test_later_clicks_have_theirs():
    reference, nothing = block((2, 9), (2, 9), (2, 9)), np.zeros(SHAPE, dtype=bool)
    reader = simulated(reference, Habits(later="boundary"))
    assert reader.clicks(nothing) == [Click((5, 5, 5))]
    (later,) = reader.clicks(nothing)
    assert {2, 8} & {int(c) for c in later.ijk}


def test_the_same_seed_gives_the_same_clicks():
    reference, nothing = block((2, 9), (2, 9), (2, 9)), np.zeros(SHAPE, dtype=bool)
    habits = Habits(perturbation_mm=6.0)
    one, other = (simulated(reference, habits, 5) for _ in range(2))
    assert [one.clicks(nothing) for _ in range(4)] == [other.clicks(nothing) for _ in range(4)]


@pytest.mark.parametrize(
    ("habits", "random"),
    [
        (Habits(), False),
        (Habits(first="uniform"), True),
        (Habits(later="boundary"), True),
        (Habits(perturbation_mm=1.0), True),
    ],
)
def test_habits_know_whether_draws_differ(habits, random):
    assert habits.random is random


@pytest.mark.parametrize(
    ("habits", "message"),
    [
        ({"perturbation_mm": -1.0}, r"perturbation_mm is -1\.0"),
        ({"perturbation_mm": float("nan")}, "perturbation_mm is nan"),
        ({"later": "sideways"}, "click policy 'sideways' is unknown; choose of deepest"),
    ],
)
def test_refuses_habits_that_are_none(habits, message):
    with pytest.raises(UsageError, match=message):
        Habits(**habits)


def test_slices_are_clicked_where_their_own_reader_would():
    reference = block((2, 7), (2, 7), (4, 6))
    reference[1:10, 1:10, 6] = True  # a wider slice
    reader = SliceReader(reference, AFFINE, Habits(), np.random.default_rng(0))
    nothing = np.zeros(SHAPE, dtype=bool)
    assert reader.clicks(nothing) == [Click((4, 4, 4)), Click((4, 4, 5)), Click((5, 5, 6))]
    too_much = reference.copy()
    too_much[9:12, 9:12, 5] = True
    assert reader.clicks(too_much) == [Click((10, 10, 5), positive=False)]
    assert reader.clicks(reference) == []


def test_slices_follow_the_body_whatever_the_array_s_order():
    sagittal = np.array([[0, 4.0, 0, 0], [0, 0, -4.0, 0], [3.0, 0, 0, 0], [0, 0, 0, 1.0]])
    assert axial_axis(sagittal) == 0
    reader = SliceReader(block((4, 6), (2, 7), (2, 7)), sagittal, Habits(), np.random.default_rng(0))
    assert reader.clicks(np.zeros(SHAPE, dtype=bool)) == [Click((4, 4, 4)), Click((5, 4, 4))]


def test_an_oblique_scan_has_its_nearest_axis():
    angle = np.radians(30)
    rotation = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([1.0, 1.0, 5.0])
    assert axial_axis(affine) == 2


def test_recorded_clicks_come_in_order_and_end():
    reader = RecordedReader([[Click((1, 1, 1))], [Click((2, 2, 2)), Click((3, 3, 3), positive=False)]])
    nothing = np.zeros(SHAPE, dtype=bool)
    assert list(reader.clicks(nothing)) == [Click((1, 1, 1))]
    assert len(reader.clicks(nothing)) == 2
    assert list(reader.clicks(nothing)) == []


def test_refuse_an_empty_reference():
    nothing = np.zeros(SHAPE, dtype=bool)
    with pytest.raises(ImageValueError, match="the reference is empty: there is nothing to click"):
        simulated(nothing, Habits())
    with pytest.raises(ImageValueError, match="the reference is empty"):
        SliceReader(nothing, AFFINE, Habits(), np.random.default_rng(0))

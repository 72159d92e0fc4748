"""The interactive protocol with methods that answer as told."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.errors import GeometryError
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.session import SessionMethod
from seganypet.evaluation.metrics import dice
from seganypet.evaluation.protocol import Answer, play
from seganypet.evaluation.readers import Habits, RecordedReader, SimulatedReader
from seganypet.prompts import Click
from seganypet.volume import Volume
from synthetic_model import half_of_click
from told_method import Automatic, Told

MM = (4.0, 4.0, 4.0)
SHAPE = (20, 20, 20)


def cube(low: int, high: int) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[low:high, low:high, low:high] = True
    return mask


def reader(reference: np.ndarray, spacing_mm: tuple[float, float, float] = MM) -> SimulatedReader:
    return SimulatedReader(reference, spacing_mm, Habits(), np.random.default_rng(0))


def answers(method: Told, reference: np.ndarray, rounds: int) -> list[Answer]:
    return list(play(method, reader(reference), "liver", rounds))


def test_perfect_method_is_clicked_once_and_its_mask_kept():
    method = Told(cube(5, 10))
    found = answers(method, cube(5, 10), 4)
    assert [dice(a.mask, cube(5, 10)) for a in found] == [0.0, 1.0, 1.0, 1.0, 1.0]
    assert [a.round for a in found] == [0, 1, 2, 3, 4]
    assert method.clicks == [Click((7, 7, 7))]
    assert [len(a.clicks) for a in found] == [0, 1, 0, 0, 0]
    assert method.targets == ["liver"]


def test_empty_method_gets_every_click():
    method = Told(np.zeros(SHAPE, dtype=bool))
    answers(method, cube(5, 10), 3)
    assert method.clicks == [Click((7, 7, 7))] * 3


def test_clicks_follow_the_errors_by_hand():
    reference, too_much, too_little = cube(5, 10), cube(5, 10) | cube(12, 17), cube(5, 8)
    method = Told(too_much, too_little, reference)
    scores = [dice(a.mask, reference) for a in answers(method, reference, 4)[1:]]
    assert scores == pytest.approx([2 * 125 / (125 + 250), 2 * 27 / (27 + 125), 1.0, 1.0])
    assert method.clicks[:2] == [Click((7, 7, 7)), Click((14, 14, 14), positive=False)]
    assert len(method.clicks) == 3
    assert method.clicks[2].positive


def test_time_is_that_of_the_method():
    found = answers(Told(cube(5, 10)), cube(5, 10), 2)
    assert found[1].seconds > 0
    assert found[2].seconds == 0  # nothing was clicked


def test_what_is_told_by_name_gets_no_clicks():
    method = Automatic(liver=cube(5, 8))
    found = answers(method, cube(5, 10), 2)
    assert [int(a.mask.sum()) for a in found] == [27, 27, 27]
    assert method.clicks == []


def test_several_clicks_of_a_round_are_given_one_by_one():
    method = Told(cube(5, 6), cube(5, 7), cube(5, 8))
    clicks = [Click((5, 5, 5)), Click((9, 9, 9), positive=False)]
    found = list(play(method, RecordedReader([clicks]), "liver", 2))
    assert found[1].clicks == tuple(clicks)
    assert found[1].mask.sum() == found[2].mask.sum() == 8


def test_refuses_a_mask_of_another_grid():
    with pytest.raises(GeometryError, match=r"gave a mask of \(2, 2, 2\), not of \(20, 20, 20\)"):
        answers(Told(cube(5, 6), np.ones((2, 2, 2), dtype=bool)), cube(5, 10), 2)


def test_session_method_answers_as_a_session_does():
    suv = np.ones(SHAPE, dtype=np.float32)
    suv[cube(5, 10)] = 10.0
    method = SessionMethod(half_of_click())
    method.start(Scan(case="a", volume=Volume(suv, np.diag([*MM, 1.0]))))
    assert [dice(a.mask, cube(5, 10)) for a in answers(method, cube(5, 10), 2)] == [0.0, 1.0, 1.0]
    encoded = method._session.model.network.encoded
    assert [dice(a.mask, cube(5, 10)) for a in answers(method, cube(5, 10), 1)] == [0.0, 1.0]
    assert method._session.model.network.encoded == encoded  # embeddings outlive a restart

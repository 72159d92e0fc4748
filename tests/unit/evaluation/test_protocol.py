"""The interactive protocol with methods that answer as told."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.errors import ImageValueError
from seganypet.evaluation import SessionMethod, ThresholdMethod, dice_per_click
from seganypet.prompts import Click
from seganypet.volume import Volume
from synthetic_model import half_of_click

MM = (4.0, 4.0, 4.0)
SHAPE = (20, 20, 20)


def cube(low: int, high: int) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[low:high, low:high, low:high] = True
    return mask


class Told:
    """Answers with the given masks one after the other, the last one again; remembers the clicks."""

    def __init__(self, *masks: np.ndarray) -> None:
        self.masks = masks
        self.clicks: list[Click] = []
        self.restarts = 0

    def start(self, volume: Volume) -> None:
        raise AssertionError("the volume was given before")

    def restart(self) -> None:
        self.restarts += 1
        self.clicks = []

    def click(self, *given: object) -> np.ndarray:
        (click,) = given  # nothing else, the reference least of all
        assert type(click) is Click
        self.clicks.append(click)
        return self.masks[min(len(self.clicks), len(self.masks)) - 1]


def test_perfect_method_scores_one_and_is_clicked_once():
    method = Told(cube(5, 10))
    assert list(dice_per_click(method, cube(5, 10), MM, clicks=4)) == [1.0] * 4
    assert method.clicks == [Click((7, 7, 7))]
    assert method.restarts == 1


def test_empty_method_scores_zero_and_gets_every_click():
    method = Told(np.zeros(SHAPE, dtype=bool))
    assert list(dice_per_click(method, cube(5, 10), MM, clicks=3)) == [0.0] * 3
    assert method.clicks == [Click((7, 7, 7))] * 3


@pytest.mark.parametrize("clicks", [0, 1, 5])
def test_yields_one_score_per_click(clicks):
    assert len(list(dice_per_click(Told(cube(5, 9)), cube(5, 10), MM, clicks=clicks))) == clicks


def test_clicks_follow_the_errors_by_hand():
    reference, too_much, too_little = cube(5, 10), cube(5, 10) | cube(12, 17), cube(5, 8)
    method = Told(too_much, too_little, reference)
    scores = list(dice_per_click(method, reference, MM, clicks=4))
    assert scores == pytest.approx([2 * 125 / (125 + 250), 2 * 27 / (27 + 125), 1.0, 1.0])
    assert method.clicks[:2] == [Click((7, 7, 7)), Click((14, 14, 14), positive=False)]
    assert len(method.clicks) == 3
    assert method.clicks[2].positive


def test_spacing_decides_where_the_first_click_falls():
    reference = np.zeros(SHAPE, dtype=bool)
    reference[1:10, 1:10, 1:4] = True
    method = Told(reference)
    for spacing_mm, expected in (((1, 1, 1), (2, 2, 2)), ((1, 1, 10), (5, 5, 1))):
        list(dice_per_click(method, reference, spacing_mm, clicks=1))
        assert method.clicks[0].ijk == expected


def test_random_first_click_follows_the_seed_and_later_ones_are_deepest():
    empty, reference = np.zeros(SHAPE, dtype=bool), cube(5, 10)

    def clicks(seed: int) -> list[Click]:
        method = Told(empty)
        rng = np.random.default_rng(seed)
        list(dice_per_click(method, reference, MM, clicks=3, first="uniform", generator=rng))
        return method.clicks

    assert clicks(1) == clicks(1)
    firsts = {clicks(seed)[0].ijk for seed in range(10)}
    assert len(firsts) > 5
    assert all(reference[tuple(int(c) for c in ijk)] for ijk in firsts)
    assert clicks(1)[1:] == [Click((7, 7, 7))] * 2


def test_refuses_an_empty_reference():
    with pytest.raises(ImageValueError, match="the reference is empty: there is nothing to click"):
        next(dice_per_click(Told(), np.zeros(SHAPE, dtype=bool), MM, clicks=1))


def scan() -> Volume:
    suv = np.ones(SHAPE, dtype=np.float32)
    suv[cube(5, 10)] = 10.0
    suv[14:17, 14:17, 14:17] = 4.5
    return Volume(suv, np.diag([*MM, 1.0]))


@pytest.mark.parametrize("name", ["threshold41", "region_growing"])
def test_threshold_methods_keep_the_mask_of_the_first_click(name):
    method, reference = ThresholdMethod(name), cube(4, 12)
    method.start(scan())
    scores = list(dice_per_click(method, reference, MM, clicks=3))
    assert scores == pytest.approx([2 * 125 / (125 + 512)] * 3)
    first = method.click(Click((15, 15, 15)))
    np.testing.assert_array_equal(first, cube(5, 10))
    method.restart()
    np.testing.assert_array_equal(method.click(Click((15, 15, 15))), cube(14, 17))


def test_threshold_methods_differ_in_their_level():
    suv = scan().array.copy()
    suv[7, 7, 7] = 22.0  # 41 % of it is 9.02, half of it 11
    for name, expected in (("threshold41", 125), ("region_growing", 1)):
        method = ThresholdMethod(name)
        method.start(Volume(suv, np.diag([*MM, 1.0])))
        assert method.click(Click((7, 7, 7))).sum() == expected


def test_starting_on_another_volume_forgets_the_mask():
    method = ThresholdMethod("region_growing")
    method.start(scan())
    method.click(Click((7, 7, 7)))
    method.start(scan())
    np.testing.assert_array_equal(method.click(Click((15, 15, 15))), cube(14, 17))


def test_session_method_answers_as_a_session_does():
    method = SessionMethod(half_of_click())
    method.start(scan())
    assert list(dice_per_click(method, cube(5, 10), MM, clicks=2)) == [1.0, 1.0]
    encoded = method._session.model.network.encoded
    assert list(dice_per_click(method, cube(5, 10), MM, clicks=1)) == [1.0]
    assert method._session.model.network.encoded == encoded  # embeddings outlive a restart

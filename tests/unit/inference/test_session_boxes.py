"""A session that starts from a box, with a network that answers with the box it is shown."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from seganypet.errors import PromptError, UsageError
from seganypet.inference import Session
from seganypet.prompts import Box
from seganypet.volume import Mask, Volume
from synthetic_model import box_as_mask, half_of_click

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
PATCH = 16
CODES = [
    "".join(ends) for axes in itertools.permutations(("RL", "AP", "SI")) for ends in itertools.product(*axes)
]


def session_on(shape: tuple[int, int, int], affine: np.ndarray = AFFINE, **described) -> Session:
    session = Session(box_as_mask(patch_size=PATCH, **described))
    session.set_volume(Volume(noise(shape), affine))
    return session


def noise(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).random(shape).astype(np.float32)


def filled(shape: tuple[int, ...], *boxes: tuple[tuple[int, ...], tuple[int, ...]]) -> np.ndarray:
    """Return a mask of boxes, given by their first and last voxels."""
    mask = np.zeros(shape, bool)
    for first, last in boxes:
        mask[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))] = True
    return mask


def seen(session: Session, call: int = -1) -> tuple[list[list[float]], list[int], torch.Tensor | None]:
    coords, labels, previous = session.model.network.seen[call]
    return coords[0].tolist(), labels[0].tolist(), previous


def windows_of(session: Session) -> set[tuple[int, int, int]]:
    return set(session.state.found.now().windows)


@pytest.mark.parametrize("code", CODES)
def test_the_mask_of_a_box_lies_where_the_reader_drew_it_in_every_orientation(code):
    affine = np.array([[-4.0, 0, 0, 30], [0, 0, -4, 20], [0, 4, 0, -50], [0, 0, 0, 1]])
    session = session_on((12, 18, 14), affine, orientation=code)
    mask = session.add_box((2, 7, 1), (5, 16, 3))
    np.testing.assert_array_equal(mask.array, filled((12, 18, 14), ((2, 7, 1), (5, 16, 3))))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_mask_of_a_box_lies_where_the_reader_drew_it_on_anisotropic_voxels(sign):
    shape = (10, 6, 4)
    session = session_on(shape, np.diag([2.0 * sign, 4, 8 * sign, 1]))
    mask = session.add_box((2, 1, 1), (5, 3, 1))
    np.testing.assert_array_equal(mask.array, filled(shape, ((2, 1, 1), (5, 3, 1))))


def test_one_window_around_the_box_is_shown_its_corners():
    session = session_on((24, 20, 22))
    session.add_box((6, 8, 4), (10, 11, 9))
    assert windows_of(session) == {(0, 2, -1)}
    assert seen(session) == ([[6, 6, 5], [10, 9, 10]], [2, 3], None)
    assert len(session.model.network.seen) == 1


def test_a_box_thinner_than_a_working_voxel_is_shown_as_one():
    session = session_on((60, 20, 20), np.diag([1.0, 4, 4, 1]))
    session.add_box((26, 8, 8), (26, 9, 9))
    (first, last), labels, _ = seen(session)
    assert labels == [2, 3]
    assert last[0] == first[0]


def test_a_box_larger_than_a_window_comes_out_whole_and_bounds_the_target():
    shape, box = (64, 24, 24), ((3, 5, 5), (50, 14, 14))
    session = session_on(shape)
    mask = session.add_box(*box)
    assert windows_of(session) == {(i, 2, 2) for i in (3, 11, 19, 27, 35)}
    np.testing.assert_array_equal(mask.array, filled(shape, box))
    parts = [(coords[0][0], coords[1][0]) for coords, _, _ in (seen(session, n) for n in range(5))]
    assert parts == [(0, 15)] * 5
    session = session_on(shape)
    session.add_box((3, 5, 5), (46, 14, 14))  # four voxels shorter: the outermost windows see less of it
    ends = {w[0]: w for w in windows_of(session)}
    assert sorted(ends) == [1, 9, 17, 25, 33]
    shown = {(coords[0][0], coords[1][0]) for coords, _, _ in (seen(session, n) for n in range(5))}
    assert shown == {(2, 15), (0, 15), (0, 13)}


def test_later_windows_of_a_box_are_shown_what_the_first_said():
    session = session_on((64, 24, 24))
    session.add_box((3, 5, 5), (50, 14, 14))
    previous = [seen(session, n)[2] for n in range(5)]
    assert previous[0] is None
    assert all((p == 0).any() and (p > 0).any() for p in previous[1:])


def test_clicks_correct_the_mask_and_the_box_stays_in_view():
    shape, box = (24, 20, 22), ((6, 8, 4), (10, 11, 9))
    session = session_on(shape)
    session.add_box(*box)
    mask = session.add_click((6, 8, 4), positive=False)
    assert seen(session)[:2] == (
        [[6, 6, 5], [6, 6, 5], [10, 9, 10]],
        [0, 2, 3],
    )  # and no click that nobody made
    assert seen(session)[2] is not None
    expected = filled(shape, box)
    expected[6:8, 8:10, 4:6] = False
    np.testing.assert_array_equal(mask.array, expected)
    mask = session.add_click((8, 13, 6))
    assert seen(session)[1] == [0, 1, 2, 3]
    expected[7:10, 12:15, 5:8] = True
    np.testing.assert_array_equal(mask.array, expected)
    assert session.box == Box(*box)
    assert len(session.clicks) == 2


def test_every_pass_shows_the_box():
    session = session_on((24, 20, 22), passes=(3, 2))
    session.add_box((6, 8, 4), (10, 11, 9))
    assert [seen(session, n)[1] for n in range(3)] == [[2, 3]] * 3
    session.add_click((7, 9, 5))
    assert [labels for _, labels, _ in (seen(session, n) for n in range(3, 5))] == [[1, 2, 3]] * 2
    assert len(session.model.network.seen) == 5


class TestGrowth:
    """A box that fills its window: the target reaches all faces."""

    BOX = ((4, 4, 4), (19, 19, 19))

    @pytest.fixture
    def session(self) -> Session:
        session = session_on((48, 48, 48))
        session.add_box(*self.BOX)
        return session

    def test_no_window_is_added_beyond_the_box(self, session):
        assert windows_of(session) == {(4, 4, 4)}
        session.add_click((12, 12, 12))
        session.add_click((7, 12, 12), positive=False)
        assert windows_of(session) == {(4, 4, 4)}

    def test_a_click_near_the_face_adds_only_the_window_that_holds_it(self, session):
        session.add_click((19, 12, 12))
        assert windows_of(session) == {(4, 4, 4), (12, 4, 4)}

    def test_a_positive_click_outside_lets_the_target_grow(self, session):
        before = len(session.model.network.seen)
        session.add_click((20, 12, 12))
        assert windows_of(session) > {(4, 4, 4), (12, 4, 4)}
        labels = [seen(session, n)[1] for n in range(before, len(session.model.network.seen))]
        assert all(
            1 in shown for shown in labels
        )  # where the click is out of view, the middle of what grew there

    def test_a_negative_click_outside_does_not(self, session):
        session.add_click((17, 12, 12))
        session.add_click((20, 12, 12), positive=False)
        assert windows_of(session) == {(4, 4, 4), (12, 4, 4)}

    def test_a_window_that_the_box_does_not_touch_is_not_shown_it(self, session):
        session.add_click((40, 40, 40))
        coords, labels, _ = seen(session)
        assert labels == [1]
        assert len(coords) == 1

    def test_a_negative_click_far_away_looks_nowhere(self, session):
        calls = len(session.model.network.seen)
        session.add_click((40, 40, 40), positive=False)
        assert len(session.model.network.seen) == calls


@pytest.mark.parametrize(("blob", "kept"), [((0, 2), False), ((0, 7), True)])
def test_only_parts_that_touch_the_box_are_kept(blob, kept, monkeypatch):
    session = session_on((16, 16, 16))
    network = session.model.network
    decode = network.decode

    def with_blob(*arguments):
        logits = decode(*arguments)
        logits[0, 0, blob[0] : blob[1], 7:9, 7:9] = 4.0
        return logits

    monkeypatch.setattr(network, "decode", with_blob)
    mask = session.add_box((5, 6, 6), (10, 9, 9)).array
    assert windows_of(session) == {(0, 0, 0)}
    assert mask[7, 7, 7]
    assert mask[0:2, 7:9, 7:9].all() == kept
    assert mask[0:2, 7:9, 7:9].any() == kept


def test_a_box_drops_clicks_and_undo_brings_them_back():
    shape, box = (24, 20, 22), ((6, 8, 4), (10, 11, 9))
    session = session_on(shape)
    clicked = session.add_click((3, 3, 3)).array
    boxed = session.add_box(*box).array
    assert session.clicks == ()
    assert not boxed[3, 3, 3]
    corrected = session.add_click((10, 8, 4), positive=False).array
    assert session.reset().array.any() == np.False_
    assert session.box is None
    states = [np.zeros(shape, bool), clicked, boxed, corrected]
    for expected in reversed(states):
        np.testing.assert_array_equal(session.undo().array, expected)
    assert session.box is None
    for expected in states[1:]:
        np.testing.assert_array_equal(session.redo().array, expected)
    assert session.box == Box(*box)


def test_a_mask_drops_the_box_and_a_box_the_mask():
    shape = (24, 20, 22)
    session = session_on(shape)
    prior = filled(shape, ((1, 1, 1), (3, 3, 3)))
    session.add_box((6, 8, 4), (10, 11, 9))
    np.testing.assert_array_equal(session.add_mask(Mask(prior, AFFINE)).array, prior)
    assert session.box is None
    assert not session.add_box((6, 8, 4), (10, 11, 9)).array[prior].any()


def test_a_new_volume_has_no_box():
    session = session_on((24, 20, 22))
    session.add_box((6, 8, 4), (10, 11, 9))
    session.set_volume(session.volume)
    assert session.box is None
    with pytest.raises(PromptError, match="first click must be positive"):
        session.add_click((6, 8, 4), positive=False)


def test_probability_is_high_in_the_box_and_zero_where_nothing_looked():
    session = session_on((40, 20, 22))
    session.add_box((6, 8, 4), (10, 11, 9))
    probability = session.probability
    assert probability[8, 9, 6] == pytest.approx(1 / (1 + np.exp(-4)))
    assert probability[12, 9, 6] == pytest.approx(1 / (1 + np.exp(4)))
    assert probability[30, 9, 6] == 0


REFUSED = {
    "outside": (
        (30, 8, 4),
        (34, 11, 9),
        r"from \(30.0, 8.0, 4.0\) to \(34.0, .*\) reaches beyond .* \(23, 19, 21\)",
    ),
    "partly outside": ((20, 8, 4), (24, 11, 9), r"to \(24.0, 11.0, 9.0\) reaches beyond"),
    "below zero": ((6, -1, 4), (10, 11, 9), "reaches beyond"),
    "backwards": ((6, 8, 9), (10, 11, 4), r"from \(6, 8, 9\) to \(10, 11, 4\); give its first voxel"),
    "not a number": ((6, float("nan"), 4), (10, 11, 9), "three finite voxel coordinates"),
    "infinite": ((6, 8, 4), (10, 11, float("inf")), "three finite voxel coordinates"),
    "two numbers": ((6, 8), (10, 11, 9), "three finite voxel coordinates"),
}


@pytest.mark.parametrize(("first", "last", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_is_no_box_in_the_volume_and_keeps_what_it_has(first, last, message):
    session = session_on((24, 20, 22))
    session.add_click((3, 3, 3))
    with pytest.raises(PromptError, match=message):
        session.add_box(first, last)
    assert len(session.clicks) == 1
    assert session.mask.array[3, 3, 3]


def test_refuses_a_box_of_more_windows_than_any_organ_needs(monkeypatch):
    monkeypatch.setattr("seganypet.inference.growth._MAX_WINDOWS", 4)
    with pytest.raises(PromptError, match="takes 5 windows of 16 voxels a side, more than 4; draw it close"):
        session_on((64, 24, 24)).add_box((3, 5, 5), (50, 14, 14))
    session_on((64, 24, 24)).add_box((3, 5, 5), (40, 14, 14))


@pytest.mark.parametrize(
    "model",
    [box_as_mask(boxes=False), half_of_click(boxes=True), half_of_click()],
    ids=["not learned", "no place", "neither"],
)
def test_refuses_boxes_with_weights_that_never_learned_them(model):
    session = Session(model)
    session.set_volume(Volume(noise((24, 20, 22)), AFFINE))
    with pytest.raises(
        PromptError, match=r"not trained with boxes \(\(6, 8, 4\) to \(10, 11, 9\)\); click inside"
    ):
        session.add_box((6, 8, 4), (10, 11, 9))


def test_refuses_a_box_without_a_volume():
    with pytest.raises(UsageError, match="set_volume"):
        Session(box_as_mask()).add_box((6, 8, 4), (10, 11, 9))

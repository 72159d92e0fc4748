"""One session of a scan serves all objects and readings: each goes on from where its own actions left it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seganypet.app import assistant as module
from seganypet.app.assistant import Assistant
from seganypet.app.changes import Change
from seganypet.app.history import BOX, CLEAR, CLICK, STROKE
from seganypet.app.reading import Reading
from seganypet.app.store import Store
from seganypet.errors import PromptError
from seganypet.inference import Session
from seganypet.models.weights import load_model
from seganypet.prompts import Box, Click
from seganypet.volume import Volume
from small_server import HOT, IN_HOT, IN_WARM, RAS, SHAPE, WARM, in_block, small_volume
from synthetic_model import box_as_mask, half_of_click
from tiny_weights import write_tiny_weights


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "work")
    yield opened
    opened.close()


@pytest.fixture
def reading(store):
    return begun(store, "Ada")


def begun(store: Store, reader: str) -> Reading:
    scan = store.add_scan("pet", Path("pet.nii.gz"))
    return Reading(store, store.begin_reading(scan.id, reader, assisted=True, shape=SHAPE))


def add(reading: Reading) -> int:
    return reading.add("lesion", "#e6194b").object_id


def click(assistant: Assistant, reading: Reading, number: int, ijk, positive=True, *, remember=True):
    """Do what a click does, and return the mask."""
    after = assistant.click(reading, number, Click(tuple(map(float, ijk)), positive))
    details = {"ijk": ijk, "positive": positive}
    action = reading.do(CLICK, number, details, Change.between(reading.array(number), after))
    if remember:
        assistant.remember(action)
    return after


def edit(reading: Reading, number: int, after: np.ndarray, kind=STROKE) -> None:
    reading.do(kind, number, {}, Change.between(reading.array(number), after))


def noisy() -> Volume:
    """A scan on which every click gives another mask."""
    suv = np.random.default_rng(0).uniform(0.5, 8, SHAPE).astype(np.float32)
    return Volume(suv, RAS)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return load_model(write_tiny_weights(tmp_path_factory.mktemp("weights")), device="cpu")


def test_a_click_gives_the_block_that_it_lies_in(reading):
    assistant = Assistant(half_of_click(), small_volume())
    np.testing.assert_array_equal(click(assistant, reading, add(reading), IN_HOT), in_block(HOT))


def test_objects_do_not_see_each_others_clicks(reading):
    assistant = Assistant(half_of_click(), small_volume())
    first, second = add(reading), add(reading)
    click(assistant, reading, first, IN_HOT)
    np.testing.assert_array_equal(click(assistant, reading, second, IN_WARM), in_block(WARM))
    after = click(assistant, reading, first, (4, 5, 6), False)
    # Nearer to the negative corner than to the click: (4, 5, 6) is 1, 1, 1 voxels from (5, 6, 7).
    assert not after[4, 5, 6]
    assert after[5, 6, 7]
    assert not (after & ~in_block(HOT)).any()
    np.testing.assert_array_equal(reading.array(second), in_block(WARM))


def test_a_first_click_that_is_negative_is_refused(reading):
    assistant = Assistant(half_of_click(), small_volume())
    number = add(reading)
    with pytest.raises(PromptError, match="the first click must be positive"):
        assistant.click(reading, number, Click((5, 6, 7), positive=False))
    click(assistant, reading, number, IN_HOT)
    other = add(reading)
    with pytest.raises(PromptError, match="the first click must be positive"):
        assistant.click(reading, other, Click((5, 6, 7), positive=False))


def test_clicks_of_an_object_are_those_of_one_session_whatever_was_done_between(reading, tiny):
    """With a network, whose answer depends on all clicks and on its answer before."""
    clicks = [((5, 6, 7), True), ((9, 9, 9), True), ((2, 3, 4), False)]
    session = Session(tiny)
    session.set_volume(noisy())
    expected = [session.add_click(ijk, positive).array for ijk, positive in clicks]
    assert len({mask.tobytes() for mask in expected}) == 3
    assistant = Assistant(tiny, noisy())
    number, other = add(reading), add(reading)
    for (ijk, positive), mask in zip(clicks, expected, strict=True):
        click(assistant, reading, other, tuple(c + 1 for c in ijk))
        np.testing.assert_array_equal(click(assistant, reading, number, ijk, positive), mask)


@pytest.mark.parametrize("forgotten", ["states", "assistant"])
def test_what_was_forgotten_is_repeated_and_gives_the_same(reading, tiny, forgotten, monkeypatch):
    """After a restart, or with more objects than states are kept, as with all of them in memory."""
    session = Session(tiny)
    session.set_volume(noisy())
    for ijk in ((5, 6, 7), (9, 9, 9)):
        session.add_click(ijk)
    expected = session.add_click((2, 3, 4), False).array
    if forgotten == "states":
        monkeypatch.setattr(module, "_KEPT", 1)
    assistant = Assistant(tiny, noisy())
    number, other = add(reading), add(reading)
    click(assistant, reading, number, (5, 6, 7))
    click(assistant, reading, number, (9, 9, 9))
    click(assistant, reading, other, (1, 1, 1))  # with one state kept, forgets the first object's
    if forgotten == "assistant":
        assistant = Assistant(tiny, noisy())
    np.testing.assert_array_equal(click(assistant, reading, number, (2, 3, 4), False), expected)


def test_after_undo_a_click_builds_on_what_is_left(reading, tiny):
    session = Session(tiny)
    session.set_volume(noisy())
    session.add_click((5, 6, 7))
    expected = session.add_click((2, 3, 4)).array
    assistant = Assistant(tiny, noisy())
    number = add(reading)
    click(assistant, reading, number, (5, 6, 7))
    click(assistant, reading, number, (9, 9, 9))
    reading.undo()
    np.testing.assert_array_equal(click(assistant, reading, number, (2, 3, 4)), expected)


def test_a_click_that_was_not_stored_leaves_no_trace(reading, tiny):
    session = Session(tiny)
    session.set_volume(noisy())
    session.add_click((5, 6, 7))
    expected = session.add_click((2, 3, 4)).array
    assistant = Assistant(tiny, noisy())
    number = add(reading)
    click(assistant, reading, number, (5, 6, 7))
    assistant.click(reading, number, Click((9, 9, 9)))  # and the disk was full
    np.testing.assert_array_equal(click(assistant, reading, number, (2, 3, 4)), expected)


def test_the_same_clicks_of_two_readers_give_the_same(store, tiny):
    assistant = Assistant(tiny, noisy())
    masks = []
    for reader in ("Ada", "Bob"):
        reading = begun(store, reader)
        number = add(reading)
        click(assistant, reading, number, (5, 6, 7))
        masks.append(click(assistant, reading, number, (9, 9, 9)))
    np.testing.assert_array_equal(*masks)


def test_a_click_keeps_what_was_painted_apart_from_it(reading):
    assistant = Assistant(half_of_click(), small_volume())
    number = add(reading)
    click(assistant, reading, number, IN_HOT)
    painted = reading.array(number)
    painted[0:2, 15:17, 14] = True  # cold, and apart
    edit(reading, number, painted)
    after = click(assistant, reading, number, IN_WARM)
    assert after[0:2, 15:17, 14].all()
    assert after[WARM].all()
    np.testing.assert_array_equal(after, painted | in_block(WARM))


def test_a_negative_click_may_come_first_on_what_was_painted(reading):
    assistant = Assistant(half_of_click(), small_volume())
    number = add(reading)
    edit(reading, number, in_block(HOT))
    assert not click(assistant, reading, number, IN_HOT, False)[IN_HOT]


def test_after_a_clear_the_first_click_must_be_positive_again(reading):
    assistant = Assistant(half_of_click(), small_volume())
    number = add(reading)
    click(assistant, reading, number, IN_HOT)
    edit(reading, number, np.zeros(SHAPE, bool), CLEAR)
    with pytest.raises(PromptError, match="must be positive"):
        assistant.click(reading, number, Click((5, 6, 7), positive=False))
    np.testing.assert_array_equal(click(assistant, reading, number, IN_WARM), in_block(WARM))


def test_undo_of_a_clear_goes_on_with_the_clicks_before_it(reading):
    assistant = Assistant(half_of_click(), small_volume())
    number = add(reading)
    click(assistant, reading, number, IN_HOT)
    edit(reading, number, np.zeros(SHAPE, bool), CLEAR)
    reading.undo()
    after = click(assistant, reading, number, (4, 5, 6), False)
    assert after[IN_HOT]
    assert not after[4, 5, 6]


def test_other_weights_correct_what_the_reader_sees(reading):
    """Not what they would have made of the earlier clicks."""
    number = add(reading)
    click(Assistant(half_of_click(), small_volume()), reading, number, IN_HOT)
    drawn = reading.array(number)
    # This network keeps what is there and adds 3 × 3 × 3 voxels at a click: it would never have made the block.
    after = click(Assistant(box_as_mask(), small_volume()), reading, number, IN_WARM)
    np.testing.assert_array_equal(after, drawn | in_block(WARM))


def test_a_box_starts_an_object_anew_and_clicks_go_on_from_it(reading):
    assistant = Assistant(box_as_mask(), small_volume())
    number = add(reading)
    click(assistant, reading, number, IN_WARM)
    after = assistant.box(Box((4, 5, 6), (7, 8, 9)))
    np.testing.assert_array_equal(after, in_block(HOT))
    details = {"ijk_min": [4, 5, 6], "ijk_max": [7, 8, 9]}
    action = reading.do(BOX, number, details, Change.between(reading.array(number), after))
    assistant.remember(action)
    again = Assistant(box_as_mask(), small_volume())
    for each in (assistant, again):  # in memory, and after a restart
        assert each.click(reading, number, Click((9, 9, 9)))[8:11, 8:11, 8:11].all()
        assert each.click(reading, number, Click((4, 5, 6), positive=False))[HOT].sum() == 64 - 8


def test_a_box_is_refused_where_the_weights_know_none():
    with pytest.raises(PromptError, match="were not trained with boxes"):
        Assistant(half_of_click(), small_volume()).box(Box((4, 5, 6), (7, 8, 9)))


def test_no_more_states_are_kept_than_there_is_room_for(reading, monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 3)
    assistant = Assistant(half_of_click(), small_volume())
    for _ in range(5):
        click(assistant, reading, add(reading), IN_HOT)
    assert len(assistant._states) == 3


def test_uncertainty_is_that_of_the_object_that_is_asked_for(reading):
    assistant = Assistant(half_of_click(), small_volume())
    first, second = add(reading), add(reading)
    click(assistant, reading, first, IN_HOT)
    p = 1 / (1 + np.exp(-4))
    entropy = assistant.uncertainty(reading, first)
    assert entropy.shape == SHAPE
    assert entropy[IN_HOT] == pytest.approx(-(p * np.log(p) + (1 - p) * np.log(1 - p)), abs=1e-4)
    assert assistant.uncertainty(reading, second).max() < 1e-5  # nothing was asked about it yet


def test_embeddings_are_computed_once_for_all_objects_and_readers(store):
    model = half_of_click()
    assistant = Assistant(model, small_volume())
    for reader in ("Ada", "Bob"):
        reading = begun(store, reader)
        for _ in range(2):
            click(assistant, reading, add(reading), IN_HOT)
    assert model.network.encoded == 1

"""A reading: whatever is done, undo goes back to the beginning and redo comes back; the store knows all of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seganypet.app.changes import Change
from seganypet.app.history import CLEAR, CLICK, DESCRIBE, MASK, REMOVE, STROKE
from seganypet.app.reading import Reading
from seganypet.app.store import Store
from seganypet.errors import StoreError, UsageError

SHAPE = (3, 4, 2)
# What is to be done, and to which of the objects that there are.
STEPS = st.tuples(
    st.sampled_from(["add", "given", CLICK, STROKE, MASK, CLEAR, REMOVE, DESCRIBE, "undo", "redo"]),
    st.integers(0, 3),
    arrays(np.bool_, SHAPE),
)


@dataclass
class Work:
    """A store with one reading."""

    store: Store
    id: str

    @classmethod
    def new(cls, folder: Path) -> Work:
        store = Store(folder)
        scan = store.add_scan("pet", Path("pet.nii.gz"))
        return cls(store, store.begin_reading(scan.id, "Ada", assisted=True, shape=SHAPE).id)

    def reading(self) -> Reading:
        """Return the reading as it is stored."""
        return Reading(self.store, self.store.reading(self.id))


@pytest.fixture
def work(tmp_path):
    made = Work.new(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def reading(work):
    return work.reading()


def looks(reading: Reading) -> tuple:
    """Return all that can be seen of a reading, to be compared."""
    return (
        list(reading.objects.items()),
        {number: reading.array(number).tobytes() for number in reading.objects},
        [action.id for action in reading.actions],
        reading.undoable and reading.undoable.id,
        reading.redoable and reading.redoable.id,
    )


def box(*start, shape=(1, 1, 1)) -> Change:
    return Change(start, np.ones(shape, bool))


def take(reading: Reading, step: tuple) -> None:
    """Do what a page would let its reader do."""
    kind, which, mask = step
    numbers = list(reading.objects)
    if kind in ("undo", "redo"):
        if reading.undoable if kind == "undo" else reading.redoable:
            getattr(reading, kind)()
        return
    if kind in ("add", "given") or not numbers:
        change = Change.between(np.zeros(SHAPE, bool), mask) if kind == "given" else None
        reading.add(f"object {which}", "#e6194b", change)
        return
    number = numbers[which % len(numbers)]
    before = reading.array(number)
    if kind in (CLEAR, REMOVE):
        reading.do(kind, number, {}, reading.mask(number).box())
    elif kind == DESCRIBE:
        reading.do(kind, number, {"name": f"name {which}"})
    elif kind == CLICK:
        details = {"ijk": [which, 0.5, 1], "positive": bool(which % 2)}
        reading.do(kind, number, details, Change.between(before, mask))
    else:
        reading.do(kind, number, {}, Change.between(before, before | mask if kind == STROKE else mask))


@settings(deadline=None, max_examples=60)
@given(st.lists(STEPS, max_size=14))
def test_whatever_is_done_undo_goes_back_to_the_beginning_and_redo_comes_back(steps):
    with tempfile.TemporaryDirectory() as folder:
        work = Work.new(Path(folder))
        reading = work.reading()
        beginning = looks(reading)
        for step in steps:
            take(reading, step)
            assert looks(work.reading()) == looks(reading)  # the store knows it
        while reading.redoable:
            reading.redo()
        seen = [looks(reading)]
        while reading.undoable:
            reading.undo()
            seen.append(looks(reading))
        assert seen[-1][:4] == beginning[:4]
        for expected in seen[-2::-1]:
            reading.redo()
            assert looks(reading) == expected
        assert looks(work.reading()) == looks(reading)
        work.store.close()


@settings(deadline=None, max_examples=40)
@given(st.lists(STEPS, max_size=10), st.integers(0, 9))
def test_a_reading_that_is_loaded_half_way_goes_on_as_the_one_in_memory(steps, at):
    with tempfile.TemporaryDirectory() as folder:
        work = Work.new(Path(folder))
        reading = work.reading()
        for number, step in enumerate(steps):
            if number == at:
                reading = work.reading()
            take(reading, step)
        assert looks(work.reading()) == looks(reading)
        work.store.close()


def test_undo_brings_a_deleted_object_back_with_its_mask(reading):
    reading.add("lesion", "#e6194b")
    reading.do(STROKE, 1, {}, box(0, 1, 1, shape=(2, 2, 1)))
    reading.do(CLICK, 1, {"ijk": [1, 2, 1], "positive": True}, box(2, 3, 0))
    before = looks(reading)
    reading.do(REMOVE, 1, {}, reading.mask(1).box())
    assert reading.objects == {}
    assert not reading.mask(1).any()
    assert reading.undo().kind == REMOVE
    assert looks(reading)[:2] == before[:2]
    assert reading.array(1).sum() == 5
    assert len(reading.objects[1].clicks) == 1


def test_undo_of_a_clear_brings_mask_and_clicks_back(reading):
    reading.add("lesion", "#e6194b")
    reading.do(CLICK, 1, {"ijk": [1, 2, 1], "positive": True}, box(2, 3, 0))
    reading.do(CLEAR, 1, {}, reading.mask(1).box())
    assert reading.objects[1].clicks == ()
    assert not reading.array(1).any()
    reading.undo()
    assert reading.objects[1].clicks[0].ijk == (1, 2, 1)
    assert np.argwhere(reading.array(1)).tolist() == [[2, 3, 0]]


def test_something_new_after_undo_cannot_be_redone_away(reading):
    reading.add("a", "#e6194b")
    reading.add("b", "#3cb44b")
    reading.undo()
    assert reading.redoable.details["name"] == "b"
    reading.add("c", "#4363d8")
    assert reading.redoable is None
    assert [found.name for found in reading.objects.values()] == ["a", "c"]
    assert list(reading.objects) == [1, 3]  # 2 was b's


def test_an_object_without_a_mask_is_empty(reading):
    reading.add("a", "#e6194b")
    assert reading.array(1).shape == SHAPE
    assert not reading.array(1).any()
    assert reading.mask(1).box() is None


def test_an_object_may_be_added_with_a_mask_and_where_it_came_from(reading):
    action = reading.add("a", "#e6194b", box(1, 1, 1), {"rule": "41%"})
    assert action.details == {"rule": "41%", "name": "a", "colour": "#e6194b"}
    assert np.argwhere(reading.array(action.object_id)).tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("step", ["undo", "redo"])
def test_nothing_to_undo_or_redo_is_refused(reading, step):
    with pytest.raises(UsageError, match=f"nothing to {step}"):
        getattr(reading, step)()


@pytest.mark.parametrize("step", ["do", "add", "undo", "redo"])
def test_what_cannot_be_stored_has_not_happened(reading, work, monkeypatch, step):
    reading.add("a", "#e6194b", box(0, 0, 0))
    reading.do(STROKE, 1, {}, box(1, 1, 1))
    reading.do(STROKE, 1, {}, box(2, 2, 1))
    reading.undo()
    before = looks(reading)
    work.store._connection.execute("PRAGMA query_only = ON")
    arguments = {"do": (STROKE, 1, {}, box(0, 2, 1)), "add": ("b", "#3cb44b", box(0, 0, 0))}.get(step, ())
    with pytest.raises(StoreError, match="cannot be written"):
        getattr(reading, step)(*arguments)
    assert looks(reading) == before
    work.store._connection.execute("PRAGMA query_only = OFF")
    assert looks(work.reading()) == before
    getattr(reading, step)(*arguments)
    assert looks(work.reading()) == looks(reading) != before


def test_a_store_that_lost_actions_is_reported(reading, work):
    reading.add("a", "#e6194b")
    reading.add("b", "#e6194b")
    work.store._connection.execute("DELETE FROM actions WHERE object_id = 2")
    with pytest.raises(StoreError, match=r"counts 2 actions of 1; restore the file"):
        work.reading()

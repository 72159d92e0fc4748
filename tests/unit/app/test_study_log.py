"""A study log holds all that was done in a reading, undone or not, and what came of it."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seganypet.app.changes import Change
from seganypet.app.reading import Reading
from seganypet.app.store import Store
from seganypet.app.stored_work import StoredWork
from seganypet.app.study_log import reading_log, work_log
from seganypet.errors import StoreError
from seganypet.io.study_log import read_study_log
from small_server import IN_HOT, Page, ok, serving, write_scan

SHAPE = (6, 7, 8)


def turned_over(*voxels: tuple[int, int, int]) -> Change:
    mask = np.zeros(SHAPE, bool)
    for voxel in voxels:
        mask[voxel] = True
    change = Change.between(np.zeros(SHAPE, bool), mask)
    assert change is not None
    return change


@pytest.fixture
def clock(monkeypatch):
    """Time that goes on by a second at each look."""
    seconds = [1000.0]

    def tick() -> float:
        seconds[0] += 1
        return seconds[0]

    monkeypatch.setattr("seganypet.app.store.time.time", tick)
    return seconds


@pytest.fixture
def store(tmp_path, clock):
    store = Store(tmp_path / "work")
    yield store
    store.close()


@pytest.fixture
def begun(store) -> Reading:
    scan = store.add_scan("pet.nii", Path("/scans/pet.nii"))
    stored = store.begin_reading(scan.id, "Ada", assisted=False, shape=SHAPE)
    store.add_event(stored.id, "open", {})
    return Reading(store, stored)


def work(store: Store, reading: Reading) -> None:
    """Paint two objects, with one stroke that is overtaken, one undone for good, and one object deleted."""
    reading.add("first", "#ff0000")
    reading.do(
        "stroke", 1, {"points_mm": [[0, 0, 0], [1, 1, 1]], "radius_mm": 2}, turned_over((1, 2, 3)), 0.5
    )
    reading.do("stroke", 1, {"points_mm": [[0, 0, 0]]}, turned_over((4, 5, 6)))
    reading.undo()
    reading.do("describe", 1, {"name": "renamed"})
    reading.add("second", "#00ff00")
    reading.do("remove", 2, {})
    reading.do("stroke", 1, {}, turned_over((0, 0, 0)))
    reading.undo()
    store.add_event(reading.id, "close", {})


def test_everything_that_was_done_is_there_in_order(store, begun, clock):
    work(store, begun)
    log = reading_log(store, begun)
    assert [(e.kind, e.object_id, e.in_effect) for e in log.timeline] == [
        ("open", None, None),
        ("add", 1, True),
        ("stroke", 1, True),
        ("stroke", 1, False),  # undone, then overtaken
        ("undo", 1, None),
        ("describe", 1, True),
        ("add", 2, True),
        ("remove", 2, True),
        ("stroke", 1, False),  # undone, can be done again
        ("undo", 1, None),
        ("close", None, None),
    ]
    times = [entry.at_s for entry in log.timeline]
    assert np.diff(times).tolist() == [1.0] * 10
    assert log.timeline[2].seconds == 0.5
    assert log.timeline[2].details == {"radius_mm": 2, "points": 2}
    assert {entry.name for entry in log.timeline if entry.object_id == 1} == {"renamed"}
    assert {entry.name for entry in log.timeline if entry.object_id == 2} == {"second"}


def test_the_objects_are_those_at_the_end_with_their_masks(store, begun):
    work(store, begun)
    (found,) = reading_log(store, begun).objects
    assert (found.id, found.name, found.start) == (1, "renamed", (1, 2, 3))
    np.testing.assert_array_equal(found.inside, np.ones((1, 1, 1), bool))


def test_undo_and_redo_concern_the_object_whose_action_they_move(store, begun):
    begun.add("first", "#ff0000")
    begun.add("second", "#00ff00")
    begun.do("stroke", 1, {}, turned_over((0, 0, 0)))
    begun.do("stroke", 2, {}, turned_over((1, 0, 0)))
    begun.undo()
    begun.undo()
    begun.redo()
    begun.undo()
    kinds = [(entry.kind, entry.object_id) for entry in reading_log(store, begun).timeline[5:]]
    assert kinds == [("undo", 2), ("undo", 1), ("redo", 1), ("undo", 1)]


def test_an_empty_object_has_no_box(store, begun):
    begun.add("nothing", "#ff0000")
    (found,) = reading_log(store, begun).objects
    assert found.inside.shape == (0, 0, 0)


def test_a_work_folder_is_read_while_a_server_works_there(store, begun, tmp_path):
    begun.add("first", "#ff0000")
    (before,) = work_log(tmp_path / "work")
    assert [entry.kind for entry in before.timeline] == ["open", "add"]
    begun.do("stroke", 1, {}, turned_over((1, 1, 1)))  # the server goes on
    (after,) = work_log(tmp_path / "work")
    assert [entry.kind for entry in after.timeline] == ["open", "add", "stroke"]
    assert (after.reader, after.assisted, after.scan_name, after.shape) == ("Ada", False, "pet.nii", SHAPE)


def test_what_is_read_is_of_one_moment(store, begun, tmp_path):
    begun.add("first", "#ff0000")
    stored = StoredWork(tmp_path / "work")
    (reading,) = stored.readings()
    begun.do("stroke", 1, {}, turned_over((1, 1, 1)))
    assert [action.kind for action in Reading(stored, reading).actions] == ["add"]
    stored.close()


def test_reading_leaves_the_folder_as_it_is(store, begun, tmp_path):
    begun.add("first", "#ff0000")
    store.close()
    folder = tmp_path / "work"
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    work_log(folder)
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    with pytest.raises(StoreError, match="cannot be written"):
        StoredWork(folder).add_scan("x", Path("x"))


def test_work_of_a_server_that_was_killed_is_read(tmp_path):
    code = (
        "import os; from pathlib import Path; from seganypet.app.store import Store\n"
        f"store = Store(Path({str(tmp_path)!r})); scan = store.add_scan('a.nii', Path('a.nii'))\n"
        "store.begin_reading(scan.id, 'Ada', assisted=True, shape=(2, 3, 4)); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert (tmp_path / "work.sqlite-wal").exists()
    assert [(found.scan_name, found.assisted) for found in work_log(tmp_path)] == [("a.nii", True)]


def test_a_folder_without_work_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"holds no work\.sqlite; give the folder that"):
        work_log(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_store_of_ours_is_refused(tmp_path):
    (tmp_path / "work.sqlite").write_bytes(os.urandom(5000))
    with pytest.raises(StoreError, match=r"work\.sqlite: cannot be opened"):
        work_log(tmp_path)
    (tmp_path / "work.sqlite").unlink()
    sqlite3.connect(tmp_path / "work.sqlite").close()
    (tmp_path / "work.sqlite").touch()
    with pytest.raises(StoreError, match="holds no work yet"):
        work_log(tmp_path)
    connection = sqlite3.connect(tmp_path / "work.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"written by a newer SegAnyPET \(format 99"):
        work_log(tmp_path)


def test_the_server_exports_a_reading(tmp_path):
    write_scan(tmp_path / "served" / "pet.nii.gz")
    with serving(tmp_path) as client:
        page = Page(client, reader="Ben")
        number = page.add("lesion")
        page.click(number, IN_HOT)
        page.undo()
        page.redo()
        response = client.get(page.at("log.json"))
        assert ok(response)["format"] == "seganypet-study-log"
        assert 'filename="log.json"' in response.headers["content-disposition"]
        (tmp_path / "log.json").write_bytes(response.content)
        (found,) = read_study_log(tmp_path / "log.json")
        assert [entry.kind for entry in found.timeline] == ["open", "add", "click", "undo", "redo"]
        assert (found.reader, found.assisted, found.scan_name) == ("Ben", True, "pet.nii.gz")
        (kept,) = found.objects
        whole = page.empty()
        whole[tuple(slice(a, a + n) for a, n in zip(kept.start, kept.inside.shape, strict=True))] = (
            kept.inside
        )
        np.testing.assert_array_equal(whole, page.mask(number))
        (same,) = work_log(tmp_path / "work")
        assert same.timeline == found.timeline


def test_reading_a_work_folder_loads_no_torch(tmp_path):
    code = "import sys, seganypet.app.study_log; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False"]

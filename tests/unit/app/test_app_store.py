"""What must outlive the server: stored in whole transactions, by one server at a time."""

import shutil
import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from seganypet.app.changes import Change
from seganypet.app.history import ADD, STROKE
from seganypet.app.store import Store
from seganypet.errors import StoreError

SHAPE = (4, 5, 6)


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "work")
    yield opened
    opened.close()


@pytest.fixture
def reading_id(store):
    scan = store.add_scan("pet", Path("/data/pet.nii.gz"))
    return store.begin_reading(scan.id, "Ada", assisted=True, shape=SHAPE).id


def append(store, reading_id, *, done, kind=STROKE, object_id=1, change=None, details=None):
    return store.append(
        reading_id,
        kind=kind,
        object_id=object_id,
        details=details or {},
        change=change,
        seconds=0.5,
        done=done,
    )


def noise(n=40) -> Change:
    """A change that does not compress."""
    return Change((0, 0, 0), np.random.default_rng(0).random((n, n, n)) > 0.5)


def contents(store) -> list[list[tuple]]:
    tables = ("scans", "readings", "actions", "events")
    with sqlite3.connect(store.file) as db:
        return [db.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in tables]


def test_a_scan_is_known_by_what_was_said_of_it(store):
    before = time.time()
    scan = store.add_scan("Läsion", Path("/data/a b"), "1.2.3")
    assert (scan.name, scan.path, scan.series_uid) == ("Läsion", Path("/data/a b"), "1.2.3")
    assert scan.second_path is None
    assert before <= scan.added_at <= time.time()
    assert store.scan(scan.id) == scan
    assert store.scan("0" * 16) is None


def test_the_same_path_and_series_are_one_scan(store):
    paths = [("a", None), ("a", "1.2"), ("a", "1.3"), ("b", None)]
    ids = [store.add_scan("x", Path(path), uid).id for path, uid in paths]
    assert len(set(ids)) == 4
    assert [store.add_scan("another name", Path(path), uid).id for path, uid in paths] == ids
    assert [scan.id for scan in store.scans()] == ids
    assert {scan.name for scan in store.scans()} == {"x"}


def test_a_scan_that_somebody_began_to_read_is_not_removed(store):
    read, unread = store.add_scan("a", Path("a")), store.add_scan("b", Path("b"))
    store.begin_reading(read.id, "Ada", assisted=True, shape=SHAPE)
    store.remove_scan(read.id)
    store.remove_scan(unread.id)
    assert [scan.id for scan in store.scans()] == [read.id]


def test_an_image_to_be_shown_with_a_scan_is_kept_and_taken_away(store):
    scan = store.add_scan("a", Path("a"))
    store.set_second(scan.id, Path("ct"))
    assert store.scan(scan.id).second_path == Path("ct")
    store.set_second(scan.id, None)
    assert store.scan(scan.id).second_path is None


def test_a_reader_goes_on_with_the_reading_of_the_same_kind(store):
    scan = store.add_scan("a", Path("a"))
    wanted = [("Ada", True), ("Ada", False), ("Bob", True)]
    ids = [store.begin_reading(scan.id, who, assisted=how, shape=SHAPE).id for who, how in wanted]
    assert len(set(ids)) == 3
    assert [store.begin_reading(scan.id, who, assisted=how, shape=SHAPE).id for who, how in wanted] == ids
    found = store.readings(scan.id)
    assert [(r.id, r.reader, r.assisted, r.shape, r.done, r.view) for r in found] == [
        (number, who, how, SHAPE, 0, {}) for number, (who, how) in zip(ids, wanted, strict=True)
    ]
    assert store.readings() == found
    assert store.readings("0" * 16) == []
    assert store.reading("0" * 16) is None


def test_a_reading_of_a_scan_that_is_not_known_is_refused(store):
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        store.begin_reading("0" * 16, "Ada", assisted=True, shape=SHAPE)


def test_a_view_is_kept(store, reading_id):
    store.set_view(reading_id, {"window": [0, 7.5], "visible": {"1": False}})
    assert store.reading(reading_id).view == {"window": [0, 7.5], "visible": {"1": False}}


def test_an_action_comes_back_as_it_was_stored(store, reading_id):
    flipped = np.random.default_rng(1).random((2, 3, 4)) > 0.5
    details = {"name": "Läsion <script>", "ijk": [1.5, 2, 3], "positive": True}
    first = append(store, reading_id, done=0, kind=ADD, details=details)
    second = append(store, reading_id, done=1, change=Change((1, 2, 0), flipped))
    assert second.id > first.id
    for stored, action in zip(store.actions(reading_id), (first, second), strict=True):
        assert (stored.id, stored.kind, stored.object_id, stored.made_at, stored.seconds) == (
            action.id,
            action.kind,
            action.object_id,
            action.made_at,
            action.seconds,
        )
        assert stored.details == action.details
    assert store.actions(reading_id)[0].change is None
    change = store.actions(reading_id)[1].change
    assert change.start == (1, 2, 0)
    np.testing.assert_array_equal(change.flipped, flipped)
    assert store.reading(reading_id).done == 2


def test_an_action_after_undo_drops_what_was_undone_and_keeps_it_for_the_record(store, reading_id):
    ids = [append(store, reading_id, done=done).id for done in range(4)]
    store.set_done(reading_id, 1, "undo")
    assert [action.id for action in store.actions(reading_id)] == ids
    new = append(store, reading_id, done=1).id
    assert [action.id for action in store.actions(reading_id)] == [ids[0], new]
    assert [action.id for action in store.all_actions(reading_id)] == [*ids, new]
    assert store.reading(reading_id).done == 2


def test_readings_do_not_drop_each_others_actions(store, reading_id):
    scan_id = store.reading(reading_id).scan_id
    other = store.begin_reading(scan_id, "Bob", assisted=True, shape=SHAPE).id
    kept = append(store, other, done=0).id
    append(store, reading_id, done=0)
    append(store, reading_id, done=0)
    assert [action.id for action in store.actions(other)] == [kept]


def test_an_id_of_an_object_is_never_given_twice(store, reading_id):
    assert store.next_object_id(reading_id) == 1
    append(store, reading_id, done=0, kind=ADD, object_id=1)
    append(store, reading_id, done=1, kind=ADD, object_id=2)
    assert store.next_object_id(reading_id) == 3
    store.set_done(reading_id, 1, "undo")
    append(store, reading_id, done=1, object_id=1)  # overtakes what added the second
    assert store.next_object_id(reading_id) == 3


def test_events_are_kept_in_order(store, reading_id):
    store.add_event(reading_id, "open", {})
    append(store, reading_id, done=0)
    store.set_done(reading_id, 0, "undo")
    store.add_event(reading_id, "look", {"object": 1})
    found = [(event["kind"], event["details"]) for event in store.events(reading_id)]
    assert found == [("open", {}), ("undo", {}), ("look", {"object": 1})]


def test_everything_is_there_when_it_is_opened_again(store, reading_id, tmp_path):
    append(store, reading_id, done=0, change=noise(5))
    store.add_event(reading_id, "open", {})
    before = contents(store)
    store.close()
    again = Store(tmp_path / "work")
    assert contents(again) == before
    assert [scan.id for scan in again.scans()] == [again.reading(reading_id).scan_id]
    again.close()


def test_everything_is_there_in_a_copy_made_while_it_is_open(store, reading_id, tmp_path):
    append(store, reading_id, done=0, change=noise(5))
    shutil.copytree(tmp_path / "work", tmp_path / "copy")
    copy = Store(tmp_path / "copy")
    assert len(copy.actions(reading_id)) == 1
    assert copy.reading(reading_id).done == 1
    copy.close()


def test_a_transaction_lasts_through_a_power_cut(store):
    (mode,) = store._connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = store._connection.execute("PRAGMA synchronous").fetchone()
    assert (mode, synchronous) == ("wal", 2)  # FULL


def test_a_second_server_in_the_same_folder_is_refused(store, tmp_path):
    with pytest.raises(StoreError, match=r"work\.sqlite: cannot be opened .*choose another work folder"):
        Store(tmp_path / "work")
    assert store.scans() == []


def test_a_folder_is_free_once_its_server_has_closed_it_from_whatever_thread(store, tmp_path):
    thread = threading.Thread(target=store.close)
    thread.start()
    thread.join()
    Store(tmp_path / "work").close()


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(store, tmp_path):
    store.close()
    with sqlite3.connect(store.file) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(StoreError, match=r"newer SegAnyPET \(format 2, this one reads 1\)"):
        Store(tmp_path / "work")
    with sqlite3.connect(store.file) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        db.execute("PRAGMA user_version = 1")
    db.close()
    Store(tmp_path / "work").close()  # the refused one holds no lock


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "work.sqlite").write_bytes(b"no database, but long enough to be looked at " * 50)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_created_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be opened .*choose another work folder"):
        Store(tmp_path / "file" / "work")


def test_a_full_disk_is_reported_and_nothing_has_changed(store, reading_id):
    append(store, reading_id, done=0)
    append(store, reading_id, done=1)
    store.set_done(reading_id, 1, "undo")
    before = contents(store)
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"cannot be written \(.*full\); free space and try again"):
        append(store, reading_id, done=1, change=noise())
    assert contents(store) == before
    store._connection.execute("PRAGMA max_page_count = 100000")
    append(store, reading_id, done=1, change=noise())
    assert store.reading(reading_id).done == 2


def test_an_action_that_cannot_be_written_down_changes_nothing(store, reading_id):
    append(store, reading_id, done=0)
    before = contents(store)
    with pytest.raises(TypeError):
        append(store, reading_id, done=0, details={"a": object()})
    assert contents(store) == before
    append(store, reading_id, done=1)


def test_a_database_that_is_closed_is_reported(store, reading_id):
    store.close()
    with pytest.raises(StoreError, match="cannot be written"):
        store.add_event(reading_id, "open", {})
    with pytest.raises(StoreError, match="cannot be read"):
        store.scans()


def test_a_stored_change_that_is_damaged_is_reported(store, reading_id):
    append(store, reading_id, done=0, change=noise(5))
    store._connection.execute("UPDATE actions SET flipped = ?", (b"damaged",))
    with pytest.raises(StoreError, match=r"shape \(5, 5, 5\) cannot be unpacked"):
        store.actions(reading_id)


def test_many_threads_may_write_at_once(store, reading_id):
    def write():
        for _ in range(5):
            store.add_event(reading_id, "look", {})

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.events(reading_id)) == 30

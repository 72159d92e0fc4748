"""Thresholds inside a mask's neighbourhood, colours and names, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seganypet.app import edits
from seganypet.app.changes import Change
from seganypet.app.history import STROKE
from seganypet.app.open_scans import open_scan
from seganypet.app.reading import Reading
from seganypet.app.store import Store, StoredScan
from seganypet.app.wire import ThresholdRequest
from seganypet.errors import PromptError, UsageError
from small_server import HOT, IN_HOT, RAS, SHAPE, in_block, small_suv, write_scan


def opened(folder: Path, suv: np.ndarray, affine: np.ndarray = RAS):
    path = write_scan(folder / "pet.nii.gz", affine, suv)
    return open_scan(
        StoredScan(id="0" * 16, name="pet", path=path, series_uid=None, second_path=None, added_at=0)
    )


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "work")
    yield made
    made.close()


@pytest.fixture
def reading(store):
    scan = store.add_scan("pet", Path("pet.nii.gz"))
    return Reading(store, store.begin_reading(scan.id, "Ada", assisted=True, shape=SHAPE))


def painted_object(reading: Reading, mask: np.ndarray, name="lesion") -> int:
    number = reading.add(name, "#e6194b").object_id
    reading.do(STROKE, number, {}, Change.between(np.zeros(SHAPE, bool), mask))
    return number


def thresholded(reading, scan, number, rule, **more) -> np.ndarray:
    action = edits.threshold(reading, scan, number, ThresholdRequest(rule=rule, **more))
    return reading.array(action.object_id)


@pytest.mark.parametrize(("rule", "level"), [("41%", 4.1), ("50%", 5.0), ("2.5", 2.5), ("4.0", 4.0)])
def test_a_rule_takes_what_reaches_its_level(tmp_path, reading, rule, level):
    suv = small_suv()
    ladder = {(8, 6, 7): level, (3, 6, 7): level - 0.01, (5, 9, 7): level + 0.01}
    for voxel, value in ladder.items():  # all beside the block of 10
        suv[voxel] = value
    number = painted_object(reading, in_block(HOT))
    found = thresholded(reading, opened(tmp_path, suv), number, rule)
    expected = in_block(HOT)
    expected[5, 9, 7] = True
    expected[8, 6, 7] = np.float32(level) >= level  # as float32 holds it
    np.testing.assert_array_equal(found, expected)
    action = reading.undoable
    assert (action.details["from"], action.details["rule"]) == (number, rule)
    assert action.details["level_suv"] == pytest.approx(level)


def test_a_share_is_one_of_the_hottest_voxel_inside_the_mask(tmp_path, reading):
    suv = small_suv()
    suv[IN_HOT] = 24  # 41 % of it is 9.84
    scan = opened(tmp_path, suv)
    inside = painted_object(reading, in_block(HOT))
    np.testing.assert_array_equal(thresholded(reading, scan, inside, "41%"), in_block(HOT))
    assert thresholded(reading, scan, inside, "50%").sum() == 1  # 12
    beside = in_block(HOT)
    beside[IN_HOT] = False
    np.testing.assert_array_equal(
        thresholded(reading, scan, painted_object(reading, beside), "50%"), in_block(HOT)
    )


def test_the_level_of_the_liver_is_that_of_percist(tmp_path, reading):
    suv = np.ones(SHAPE, np.float32)
    suv[HOT] = 10
    i, j, k = np.indices(SHAPE)
    suv[(i + j + k) % 2 == 0] += 1  # 1 and 2 in turn
    scan = opened(tmp_path, suv)
    number = painted_object(reading, in_block(HOT))
    liver = scan.volume.to_xyz_mm((14, 12, 5))
    found = thresholded(reading, scan, number, "liver", liver_mm=liver)
    np.testing.assert_array_equal(found, in_block(HOT))
    # Within 15 mm lie 135 voxels an even number of steps away, which are 1, and 116 an odd number, which are 2:
    # mean 367/251 = 1.4622, variance 135 · 116 / 251² = 0.24857; 1.5 · 1.4622 + 2 · 0.49857.
    assert reading.undoable.details["level_suv"] == 3.1904


def test_the_liver_needs_a_place_in_the_scan(tmp_path, reading):
    scan = opened(tmp_path, small_suv())
    number = painted_object(reading, in_block(HOT))
    with pytest.raises(PromptError, match="needs a place in the liver"):
        thresholded(reading, scan, number, "liver")
    with pytest.raises(PromptError, match="outside the volume"):
        thresholded(reading, scan, number, "liver", liver_mm=(1000, 0, 0))


def test_a_threshold_reaches_15_mm_beyond_the_mask_and_no_farther(tmp_path, reading):
    suv = np.ones(SHAPE, np.float32)
    suv[2:18, 8, 8] = 10  # a rod along i, voxels of 4 mm
    seed = np.zeros(SHAPE, bool)
    seed[9, 8, 8] = True
    found = thresholded(reading, opened(tmp_path, suv), painted_object(reading, seed), "50%")
    assert np.argwhere(found).tolist() == [[i, 8, 8] for i in range(6, 13)]  # 3 · 4 = 12 mm, 4 · 4 = 16 mm


def test_a_threshold_stops_at_the_edge_of_the_scan(tmp_path, reading):
    suv = np.ones(SHAPE, np.float32)
    suv[:2, :2, :2] = 10
    seed = np.zeros(SHAPE, bool)
    seed[0, 0, 0] = True
    found = thresholded(reading, opened(tmp_path, suv), painted_object(reading, seed), "50%")
    assert found.sum() == 8


def test_what_is_hot_but_not_connected_with_what_was_drawn_is_left_out(tmp_path, reading):
    suv = small_suv()
    suv[9, 6, 7] = 10  # one voxel beyond a gap of one
    suv[8, 4, 5] = 10  # across a corner of the block
    scan = opened(tmp_path, suv)
    found = thresholded(reading, scan, painted_object(reading, in_block(HOT)), "50%")
    expected = in_block(HOT)
    expected[8, 4, 5] = True
    np.testing.assert_array_equal(found, expected)
    both = in_block(HOT)
    both[9, 6, 7] = True  # drawn as well, so it is wanted
    np.testing.assert_array_equal(
        thresholded(reading, scan, painted_object(reading, both), "50%"), expected | both
    )


def test_a_threshold_goes_by_mm_on_voxels_of_another_shape(tmp_path, reading):
    affine = np.diag([10.0, 2.0, 3.0, 1.0])
    suv = np.full(SHAPE, 10, np.float32)
    suv[0, 0, 0] = 0
    seed = np.zeros(SHAPE, bool)
    seed[9, 9, 8] = True
    found = thresholded(reading, opened(tmp_path, suv, affine), painted_object(reading, seed), "50%")
    offsets = (np.stack(np.indices(SHAPE), -1) - (9, 9, 8)) * (10, 2, 3)
    np.testing.assert_array_equal(found, np.linalg.norm(offsets, axis=-1) <= 15)


def test_an_empty_object_has_nothing_to_compare_with(tmp_path, reading):
    number = reading.add("lesion", "#e6194b").object_id
    with pytest.raises(UsageError, match=r'"lesion" is empty: click or paint first'):
        thresholded(reading, opened(tmp_path, small_suv()), number, "41%")
    assert len(reading.objects) == 1


def test_a_level_that_nothing_reaches_is_refused(tmp_path, reading):
    cold = np.zeros(SHAPE, bool)
    cold[1, 1, 1] = True
    number = painted_object(reading, cold)
    with pytest.raises(UsageError, match=r'nothing in or around "lesion" reaches SUV 2\.50; choose another'):
        thresholded(reading, opened(tmp_path, small_suv()), number, "2.5")
    assert len(reading.objects) == 1


def test_a_share_of_no_uptake_is_refused(tmp_path, reading):
    """It would take all the air around."""
    suv = small_suv()
    suv[:3] = 0
    number = painted_object(reading, np.arange(SHAPE[0])[:, None, None] * np.ones(SHAPE) < 2)
    with pytest.raises(UsageError, match=r'nothing in or around "lesion" reaches'):
        thresholded(reading, opened(tmp_path, suv), number, "41%")
    assert len(reading.objects) == 1


@pytest.mark.parametrize(
    ("rule", "label"),
    [
        ("41%", "≥ 41% of SUVmax"),
        ("50%", "≥ 50% of SUVmax"),
        ("2.5", "≥ SUV 2.5"),
        ("4.0", "≥ SUV 4.0"),
        ("liver", "≥ liver level"),
    ],
)
def test_every_rule_has_a_label(rule, label):
    assert rule in edits.rules()
    assert edits.label_of(rule) == label


def test_a_threshold_of_a_long_name_keeps_within_what_a_name_may_be(tmp_path, reading):
    number = painted_object(reading, in_block(HOT), "x" * 80)
    thresholded(reading, opened(tmp_path, small_suv()), number, "41%")
    assert max(len(found.name) for found in reading.objects.values()) == 80
    other = painted_object(reading, in_block(HOT), "y" * 70)
    thresholded(reading, opened(tmp_path, small_suv()), other, "41%")
    assert list(reading.objects.values())[-1].name == "y" * 64 + " ≥ 41% of SUVmax"


def test_colours_are_free_ones_while_there_are_any(reading):
    given = [edits.free_colour(reading)]
    for _ in range(len(edits.COLOURS) + 2):
        reading.add("x", given[-1])
        given.append(edits.free_colour(reading))
    assert given[: len(edits.COLOURS)] == list(edits.COLOURS)
    assert given[len(edits.COLOURS) :] == list(edits.COLOURS[:3])
    assert len(set(edits.COLOURS)) == 10


def test_the_colour_of_a_removed_object_is_free_again(reading):
    first = reading.add("a", edits.free_colour(reading))
    reading.add("b", edits.free_colour(reading))
    edits.remove(reading, first.object_id)
    assert edits.free_colour(reading) == edits.COLOURS[0]

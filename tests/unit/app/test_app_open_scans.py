"""Scans in memory: read when they are opened, forgotten when others need the room."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from seganypet.app import open_scans as module
from seganypet.app.model import SharedModel
from seganypet.app.open_scans import OpenScans, open_scan
from seganypet.app.store import StoredScan
from seganypet.errors import ImageReadError
from small_server import HOT, LAS, RAS, SHAPE, in_block, oblique, small_suv, write_scan
from synthetic_model import half_of_click

IMAGE_BYTES = 4 * 20 * 18 * 16


def stored(path, number=0) -> StoredScan:
    return StoredScan(
        id=f"{number:016x}", name="pet", path=path, series_uid=None, second_path=None, added_at=0.0
    )


@pytest.fixture
def three(tmp_path):
    return [stored(write_scan(tmp_path / f"{number}.nii"), number) for number in range(3)]


@pytest.mark.parametrize("affine", [RAS, LAS, oblique()], ids=["RAS", "LAS", "oblique"])
def test_a_mask_goes_back_to_the_files_own_grid(tmp_path, affine):
    scan = open_scan(stored(write_scan(tmp_path / "pet.nii", affine)))
    mask = scan.native(scan.volume.array == 10)
    np.testing.assert_array_equal(mask.array, in_block(HOT))
    np.testing.assert_allclose(mask.affine, affine, atol=1e-4)
    assert mask.source.sform[1] == 1


def test_a_scan_moves_no_voxel_in_the_world(tmp_path):
    scan = open_scan(stored(write_scan(tmp_path / "pet.nii", oblique())))
    for voxel in ((0, 0, 0), (19, 17, 15), (3, 4, 5)):
        xyz = (oblique() @ [*voxel, 1])[:3]
        ijk = tuple(np.rint(scan.volume.to_ijk(xyz)).astype(int))
        assert scan.volume.array[ijk] == small_suv()[voxel]
        np.testing.assert_allclose(scan.volume.to_ijk(xyz), ijk, atol=1e-4)


def test_a_scan_in_memory_is_not_read_again(three, monkeypatch):
    scans = OpenScans(most=2, most_bytes=1 << 30)
    first = scans.get(three[0])
    monkeypatch.setattr(module, "open_scan", lambda _: pytest.fail("read again"))
    assert scans.get(three[0]) is first


def test_the_scan_that_was_not_used_for_longest_is_forgotten_first(three):
    scans = OpenScans(most=2, most_bytes=1 << 30)
    scans.get(three[0])
    scans.get(three[1])
    scans.get(three[0])
    scans.get(three[2])
    assert scans.ids() == [three[0].id, three[2].id]
    scans.forget(three[0].id)
    scans.forget("unknown")
    assert scans.ids() == [three[2].id]


def test_images_hold_no_more_than_they_may_together_but_one_is_kept(three):
    scans = OpenScans(most=9, most_bytes=2 * IMAGE_BYTES)
    for scan in three:
        scans.get(scan)
    assert scans.ids() == [three[1].id, three[2].id]
    assert scans.bytes == 2 * IMAGE_BYTES
    scans = OpenScans(most=9, most_bytes=1)
    for scan in three:
        scans.get(scan)
        assert scans.ids() == [scan.id]


def test_a_projection_counts_as_memory(three):
    scans = OpenScans(most=9, most_bytes=1 << 30)
    scan = scans.get(three[0])
    frame = scan.projection.frame(0)
    assert scan.projection is scan.projection
    assert scan.bytes == scans.bytes == 2 * IMAGE_BYTES + frame.nbytes


def test_a_scan_that_cannot_be_read_is_not_kept(tmp_path):
    scans = OpenScans(most=2, most_bytes=1 << 30)
    with pytest.raises(ImageReadError):
        scans.get(stored(tmp_path / "none.nii"))
    assert scans.ids() == []
    write_scan(tmp_path / "none.nii")
    assert scans.get(stored(tmp_path / "none.nii")).volume.shape == SHAPE


def test_two_who_open_a_scan_at_once_get_the_same(three, monkeypatch):
    reads, real = [], open_scan

    def slow(scan):
        reads.append(scan.id)
        return real(scan)

    monkeypatch.setattr(module, "open_scan", slow)
    scans, found = OpenScans(most=2, most_bytes=1 << 30), []
    threads = [threading.Thread(target=lambda: found.append(scans.get(three[0]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert reads == [three[0].id]


def test_an_assistant_is_made_at_its_first_use_and_kept(three):
    loads = []
    model = SharedModel(lambda: loads.append(1) or half_of_click(), "x")
    scan = open_scan(three[0])
    assert not loads
    assert scan.assistant(model) is scan.assistant(model)
    assert loads == [1]


def test_the_shown_part_holds_the_body_and_3_cm_around(tmp_path):
    suv = np.zeros((40, 40, 40), np.float32)
    suv[15:25, 12:28, 2:38] = 1
    scan = open_scan(stored(write_scan(tmp_path / "pet.nii", LAS, suv)))
    # 30 mm are 7.5 voxels of 4 mm, rounded to 8; the first axis is turned over; the last ends with the image.
    assert scan.shown == ((7, 4, 0), (26, 32, 40))

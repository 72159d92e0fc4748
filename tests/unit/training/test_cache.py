"""The cache: the file's own voxels, written once, whole or not at all, read where they are needed."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from seganypet.errors import ImageReadError, ManifestError, OutputError
from seganypet.io import side_by_side
from seganypet.training import cache as cache_module
from seganypet.training.cohort import read_cohort
from small_cohorts import LAS, organs, row, save, suv_of, tumours, write


@pytest.fixture
def manifest(tmp_path) -> Path:
    clean = {"reference": organs(), "lesions": tumours(), "clean_reference": np.roll(organs(), 1, 0)}
    return write(tmp_path, row(tmp_path, "a", seed=1, maps=clean), row(tmp_path, "b", seed=2))


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """Names of the cases that were written."""
    names: list[str] = []
    real = cache_module.read_images

    def noting(row):
        names.append(row.case)
        return real(row)

    monkeypatch.setattr(cache_module, "read_images", noting)
    return names


def test_arrays_are_the_files_own_voxels(manifest, cache):
    case = read_cohort([manifest], "train", cache).open(0)
    assert case.suv.dtype == np.float16
    assert case.reference.dtype == case.lesions.dtype == np.uint8
    np.testing.assert_allclose(case.suv, suv_of(1), rtol=1e-3)
    np.testing.assert_array_equal(case.reference, organs())
    np.testing.assert_array_equal(case.lesions, tumours())
    np.testing.assert_array_equal(case.clean, np.roll(organs(), 1, 0))
    np.testing.assert_allclose(case.affine, LAS)


def test_arrays_stay_on_disk(manifest, cache):
    case = read_cohort([manifest], "train", cache).open(0)
    for array in (case.suv, case.reference, case.lesions, case.clean):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_maps_that_a_case_does_not_have_are_none(tmp_path, cache):
    manifest = write(tmp_path, row(tmp_path, "a", maps={"lesions": tumours()}))
    case = read_cohort([manifest], "train", cache).open(0)
    assert case.reference is None
    assert case.clean is None


def test_values_beyond_half_precision_are_clipped(tmp_path, cache):
    case, suv = row(tmp_path, "a"), suv_of(0)
    suv[3, 3, 3] = 1e6
    save(suv, case.image)
    cached = read_cohort([write(tmp_path, case)], "train", cache).open(0)
    assert cached.suv[3, 3, 3] == 65504
    assert np.isfinite(cached.suv).all()


def test_ids_above_255_are_kept(tmp_path, cache):
    manifest = write(
        tmp_path,
        row(tmp_path, "a", maps={"reference": 100 * organs()}),
        labels={"liver": [100], "k": [200, 300]},
    )
    case = read_cohort([manifest], "train", cache).open(0)
    assert case.reference.dtype == np.uint16
    np.testing.assert_array_equal(case.reference, 100 * organs())


def test_a_second_run_reads_nothing_again(manifest, cache, written):
    first = read_cohort([manifest], "train", cache)
    assert sorted(written) == ["a", "b"]
    progress: list[tuple[int, int]] = []
    second = read_cohort([manifest], "train", cache, on_case=lambda *done: progress.append(done))
    assert sorted(written) == ["a", "b"]
    assert second.cases == first.cases
    assert progress == [(2, 2)]


def touched(manifest: Path) -> None:
    reference = manifest.parent / "b" / "reference.nii.gz"
    os.utime(reference, ns=(0, reference.stat().st_mtime_ns + 1))


def sidecar_added(manifest: Path) -> None:
    (manifest.parent / "b" / "pet.json").write_text("{}")


def another_version(manifest: Path) -> None:
    cache_module.CACHE_VERSION += 1


@pytest.mark.parametrize(
    ("change", "again"), [(touched, ["b"]), (sidecar_added, ["b"]), (another_version, ["a", "b"])]
)
def test_what_changed_is_written_again(manifest, cache, written, monkeypatch, change, again):
    monkeypatch.setattr(cache_module, "CACHE_VERSION", 1)
    read_cohort([manifest], "train", cache)
    written.clear()
    change(manifest)
    read_cohort([manifest], "train", cache)
    assert sorted(written) == again


def test_other_labels_give_other_targets(manifest, cache):
    read_cohort([manifest], "train", cache)
    (manifest.parent / "labels.json").write_text(json.dumps({"spleen": [1], "b": [2, 3]}))
    assert read_cohort([manifest], "train", cache).cases[0].targets[0].name == "spleen"


def test_other_targets_of_a_row_are_found(tmp_path, cache):
    read_cohort([write(tmp_path, row(tmp_path, "a", targets=("liver",)))], "train", cache)
    text = (tmp_path / "manifest.csv").read_text()
    (tmp_path / "manifest.csv").write_text(text.replace("liver", "lesion"))
    cohort = read_cohort([tmp_path / "manifest.csv"], "train", cache)
    assert {target.name for target in cohort.cases[0].targets} == {"lesion"}


def test_other_quality_needs_no_writing(tmp_path, cache, written):
    read_cohort([write(tmp_path, row(tmp_path, "a", quality="hq"))], "train", cache)
    text = (tmp_path / "manifest.csv").read_text()
    (tmp_path / "manifest.csv").write_text(text.replace(",hq,", ",lq,"))
    assert read_cohort([tmp_path / "manifest.csv"], "train", cache).cases[0].hq is False
    assert written == ["a"]


def test_refuses_files_that_change_while_they_are_read(manifest, cache, monkeypatch):
    real = cache_module.read_images

    def slow(row):
        images = real(row)
        touched(manifest)
        return images

    monkeypatch.setattr(cache_module, "read_images", slow)
    with pytest.raises(ManifestError, match="case 'b': its files changed while they were read"):
        read_cohort([manifest], "train", cache)


def test_a_kill_leaves_nothing_that_looks_complete(manifest, cache, monkeypatch):
    def killed(place: Path, *_: object) -> None:
        np.save(place / "suv.npy", np.zeros(3))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "_write", killed)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # a kill tidies nothing
        with pytest.raises(KeyboardInterrupt):
            read_cohort([manifest], "train", cache)
    assert [p.name[0] for p in cache.iterdir()] == ["."]
    assert len(read_cohort([manifest], "train", cache).cases) == 2


def test_leftovers_of_yesterday_are_removed_and_younger_ones_stay(manifest, cache):
    old, young = cache / ".a-1.x.partial", cache / ".b-1.x.partial"
    for place in (old, young):
        place.mkdir(parents=True)
    os.utime(old, (0, time.time() - 25 * 3600))
    read_cohort([manifest], "train", cache)
    assert (old.exists(), young.exists()) == (False, True)


def test_another_process_may_be_quicker(manifest, cache, monkeypatch):
    real = cache_module._write

    def slow(place: Path, *rest: object) -> None:
        real(place, *rest)
        folder = place.with_name(place.name[1:].rsplit(".", 2)[0])
        if not folder.exists():
            shutil.copytree(place, folder)

    monkeypatch.setattr(cache_module, "_write", slow)
    cohort = read_cohort([manifest], "train", cache)
    assert len(cohort.cases) == 2
    assert not list(cache.glob(".*"))
    np.testing.assert_array_equal(cohort.open(0).reference, organs())


@pytest.mark.parametrize("name", ["file", "file/run/cache"])
def test_refuses_a_cache_that_is_a_file_or_lies_in_one(manifest, tmp_path, written, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=rf"^{tmp_path}/file: is a file"):
        read_cohort([manifest], "train", tmp_path / name)
    assert written == []


def test_refuses_a_cache_that_cannot_be_written(manifest, cache, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module.np, "save", full)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"):
        read_cohort([manifest], "train", cache)
    assert list(cache.iterdir()) == []


def test_refuses_a_damaged_folder(manifest, cache):
    cohort = read_cohort([manifest], "train", cache)
    (cohort.cases[0].folder / "lesions.npy").write_bytes(b"x")
    with pytest.raises(ImageReadError, match="remove it to have it written again"):
        cohort.open(0)
    (cohort.cases[1].folder / "case.json").write_text("{")
    with pytest.raises(ImageReadError, match="remove it"):
        read_cohort([manifest], "train", cache)


def test_more_cases_than_files_may_be_open(tmp_path, cache, monkeypatch):
    """Those opened last stay open; the number of open ones is bounded."""
    manifest = write(tmp_path, *(row(tmp_path, f"c{n}", maps={"lesions": tumours()}) for n in range(3)))
    cohort = read_cohort([manifest], "train", cache)
    assert cohort.open(1).suv is cohort.open(1).suv
    assert cache_module._opened.cache_info().maxsize * 4 < 512


def test_processes_side_by_side_write_the_same(manifest, cache, tmp_path):
    progress: list[tuple[int, int]] = []
    one = read_cohort([manifest], "train", cache)
    two = read_cohort(
        [manifest], "train", tmp_path / "other", jobs=2, on_case=lambda *done: progress.append(done)
    )
    assert progress == [(0, 2), (1, 2), (2, 2)]
    assert [case.targets for case in one.cases] == [case.targets for case in two.cases]
    np.testing.assert_array_equal(one.open(1).suv, two.open(1).suv)


def test_uses_only_one_process_where_one_case_is_missing(manifest, cache, monkeypatch):
    read_cohort([manifest], "train", cache)
    touched(manifest)
    monkeypatch.setattr(side_by_side, "ProcessPoolExecutor", None)
    assert len(read_cohort([manifest], "train", cache, jobs=2).cases) == 2

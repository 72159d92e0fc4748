"""Cohorts through the command line: with real processes, killed, and in the file formats that others read."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from seganypet.cli import main
from seganypet.io import read_mask, read_volume
from seganypet.io.manifest import read_labels, read_manifest

CASES, RECORD = 3, "simulate.json"


@pytest.fixture(scope="module")
def body(tmp_path_factory) -> Path:
    """Write a trunk of 30 cm with its names: quicker to scan than a whole procedural body."""
    folder = tmp_path_factory.mktemp("body")
    ids = np.zeros((36, 28, 32), dtype=np.int16)
    ids[2:34, 2:26, 1:31] = 1
    ids[18:31, 6:20, 14:26] = 2
    ids[6:10, 6:12, 10:18] = 3
    nib.save(nib.Nifti1Image(ids, np.diag([10.0, 10.0, 10.0, 1.0])), folder / "trunk.nii.gz")
    (folder / "trunk.json").write_text('{"1": "body", "2": "liver", "3": "kidney_left"}')
    return folder / "trunk.nii.gz"


def options(body: Path, folder: Path) -> list[str]:
    return [
        *("simulate", "-o", str(folder), "--cases", str(CASES), "--seed", "4", "--tracer", "mixed"),
        *("--spacing", "10,10,10", "--anatomy", str(body), "--labels", "both", "--dicom"),
        *("--split", "0.4,0.3,0.3"),
    ]


@pytest.fixture(scope="module")
def whole(body, tmp_path_factory) -> Path:
    """A cohort that was written in one go, by one process."""
    folder = tmp_path_factory.mktemp("whole") / "cohort"
    assert main(options(body, folder)) == 0
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Return all files but the record of the run, which holds times."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def wait_for_group(group: int) -> None:
    """Wait until the processes of a killed one have ended with it; after 10 s, end them."""
    end = time.monotonic() + 10
    try:
        while time.monotonic() < end:
            os.killpg(group, 0)
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def test_killed_and_run_again_with_other_processes_it_is_the_same_cohort(body, whole, tmp_path):
    folder = tmp_path / "cohort"
    command = [sys.executable, "-m", "seganypet", *options(body, folder), "--jobs", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        end = time.monotonic() + 120
        while not list(folder.glob("case_*")) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_for_group(process.pid)
    finished = {path.name for path in folder.glob("case_*")}
    assert finished  # else this would not show that they are kept
    assert not (folder / "manifest.csv").exists()
    for name in finished:
        assert (folder / name / "case.json").exists()
    assert main(options(body, folder)) == 0
    assert content(folder) == content(whole)


def test_others_can_use_the_cohort(whole):
    rows = read_manifest(whole / "manifest.csv")
    labels = read_labels(whole / "manifest.csv")
    assert [row.split for row in rows if row.quality == "hq"] == ["train", "val", "test"]
    for row in rows:
        volume = read_volume(row.image)
        reference, lesions = (np.asarray(nib.load(path).dataobj) for path in (row.reference, row.lesions))
        assert reference.shape == lesions.shape == volume.shape
        assert np.isin(reference, labels["liver"]).any()
        assert not (lesions[reference == 0] > 0).any()
        np.testing.assert_allclose(nib.load(row.reference).affine, volume.affine, atol=1e-4)


def test_a_lesion_can_be_read_as_a_mask_of_its_scan(whole, tmp_path):
    (row, *_) = read_manifest(whole / "manifest.csv")
    image = nib.load(row.lesions)
    nib.save(
        nib.Nifti1Image((np.asarray(image.dataobj) > 0).astype(np.uint8), image.affine), tmp_path / "m.nii"
    )
    mask = read_mask(tmp_path / "m.nii", like=read_volume(row.image))
    record = json.loads((row.image.parent / "case.json").read_text())
    assert mask.volume_ml == pytest.approx(sum(lesion["volume_ml"] for lesion in record["lesions"]))


def test_the_series_is_the_scan(whole):
    for row in read_manifest(whole / "manifest.csv"):
        image, series = read_volume(row.image), read_volume(row.image.parent / "dicom")
        corner = np.rint(series.to_ijk(image.to_xyz_mm((0, 0, 0)))).astype(int)
        assert series.array[tuple(corner)] == pytest.approx(image.array[0, 0, 0], abs=1e-2)
        centre = tuple(n // 2 for n in image.shape)
        there = tuple(np.rint(series.to_ijk(image.to_xyz_mm(centre))).astype(int))
        assert series.array[there] == pytest.approx(image.array[centre], rel=1e-2)
        assert series.array.max() == pytest.approx(image.array.max(), rel=1e-4)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (dicom3tools)")
def test_dciodvfy_finds_no_error_in_the_series(whole):
    files = sorted((whole / "case_000001" / "dicom").iterdir())
    for file in (files[0], files[-1]):
        found = subprocess.run(["dciodvfy", "-new", str(file)], capture_output=True, text=True, check=False)
        assert (found.returncode, found.stderr) == (0, "PETImage\n")


def test_refuses_other_options_in_the_same_folder(body, whole, capfd):
    before = content(whole)
    assert main([*options(body, whole), "--tracer", "psma"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "holds a cohort whose phantom.tracer is mixed, not psma" in line
    assert content(whole) == before

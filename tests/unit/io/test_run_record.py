import hashlib
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seganypet.errors import ImageReadError
from seganypet.io.run_record import run_record, sha256_of_files
from seganypet.io.write import write_json
from seganypet.volume import Source

STARTED = datetime(2024, 5, 1, 9, 0, 0, tzinfo=UTC)
# FIPS 180-4: SHA-256 of "abc"
SHA_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@dataclass(frozen=True, kw_only=True)
class Config:
    steps: int
    out: Path


def record(inputs=(), **kwargs):
    arguments = {
        "command": ["segment", "pet.nii.gz"],
        "outputs": ["mask.nii.gz"],
        "config": {},
        "started": STARTED,
    }
    return run_record(inputs=inputs, **(arguments | kwargs))


def test_holds_command_outputs_configuration_and_times(tmp_path):
    made = record(config=Config(steps=3, out=Path("run")), finished=STARTED + timedelta(seconds=90.5))
    write_json(made, tmp_path / "run.json")
    stored = json.loads((tmp_path / "run.json").read_text())
    assert stored["command"] == ["segment", "pet.nii.gz"]
    assert stored["outputs"] == ["mask.nii.gz"]
    assert stored["config"] == {"steps": 3, "out": "run"}
    assert stored["duration_s"] == 90.5
    assert datetime.fromisoformat(stored["started"]) == STARTED


def test_finishes_now_by_default_also_from_local_time():
    made = record(started=datetime.now() - timedelta(seconds=5))
    assert 4.9 < made["duration_s"] < 60


def test_hashes_a_file(tmp_path):
    (tmp_path / "pet.nii.gz").write_bytes(b"abc")
    (made,) = record([tmp_path / "pet.nii.gz"])["inputs"]
    assert made == {"path": str(tmp_path / "pet.nii.gz"), "kind": "file", "sha256": SHA_ABC}


def test_series_hash_is_that_of_the_files_hashes_in_slice_order(tmp_path):
    for name, content in (("1.dcm", b"abc"), ("2.dcm", b"")):
        (tmp_path / name).write_bytes(content)
    files = (str(tmp_path / "2.dcm"), str(tmp_path / "1.dcm"))
    (made,) = record([Source(path=str(tmp_path), kind="dicom", dicom_files=files)])["inputs"]
    empty = hashlib.sha256(b"").hexdigest()
    assert made["sha256"] == hashlib.sha256((empty + SHA_ABC).encode()).hexdigest()
    assert made["files"] == 2
    assert made["sha256"] != sha256_of_files(files[::-1])


def test_folder_is_hashed_in_the_order_of_names(tmp_path):
    for name, content in (("1.dcm", b"abc"), ("2.dcm", b"")):
        (tmp_path / name).write_bytes(content)
    (made,) = record([tmp_path])["inputs"]
    assert made["kind"] == "folder"
    assert made["sha256"] == sha256_of_files([tmp_path / "1.dcm", tmp_path / "2.dcm"])


def test_volume_from_a_file_or_from_memory(tmp_path):
    (tmp_path / "pet.nii.gz").write_bytes(b"abc")
    made = record([Source(path=str(tmp_path / "pet.nii.gz"), kind="nifti"), Source()])["inputs"]
    assert made[0]["sha256"] == SHA_ABC
    assert made[1] == {"path": "", "kind": "memory"}


def test_names_versions_and_torch_only_where_it_is_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    versions = record()["versions"]
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"numpy", "nibabel", "pydicom", "seganypet"} <= set(versions)
    assert "torch" not in versions
    monkeypatch.setitem(sys.modules, "torch", object())
    assert "torch" in record()["versions"]


def test_extra_entries_may_not_replace_the_records_own():
    assert record(extra={"seed": 7})["seed"] == 7
    with pytest.raises(ValueError, match="command"):
        record(extra={"command": "other"})


def test_refuses_an_input_that_cannot_be_read(tmp_path):
    with pytest.raises(ImageReadError, match=r"none\.nii: cannot be read"):
        record([tmp_path / "none.nii"])

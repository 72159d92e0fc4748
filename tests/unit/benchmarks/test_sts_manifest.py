"""The manifest of the real tumours: who is trained on, who is left for testing, and where the files lie."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from seganypet.errors import ManifestError, OutputError
from seganypet.io import read_labels, read_manifest
from sts_manifest import main, rows_of


@pytest.fixture
def source(tmp_path) -> Path:
    for number in (2, 24, 25, 34):
        folder = tmp_path / "crops" / f"STS_{number:03d}"
        folder.mkdir(parents=True)
        for name in ("pet_suv", "gtv_mass"):
            (folder / f"{name}.nii.gz").write_bytes(b"")
    return tmp_path / "crops"


def run(monkeypatch, source: Path, output: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["sts_manifest.py", str(source), "-o", str(output)])
    main()


def test_manifest_leads_to_the_files_and_copies_none(tmp_path, source, monkeypatch):
    output = tmp_path / "data" / "sts.csv"
    run(monkeypatch, source, output)
    rows = read_manifest(output)
    assert [(row.case, row.split) for row in rows] == [
        ("STS_002", "train"), ("STS_024", "train"), ("STS_025", "test"), ("STS_034", "test"),
    ]  # fmt: skip
    assert {(row.quality, row.tracer, row.reference) for row in rows} == {("hq", "fdg", None)}
    assert rows[0].image.resolve() == (source / "STS_002" / "pet_suv.nii.gz").resolve()
    assert rows[0].lesions.resolve() == (source / "STS_002" / "gtv_mass.nii.gz").resolve()
    assert read_labels(output) == {}
    assert sorted(path.name for path in output.parent.iterdir()) == ["about.json", "labels.json", "sts.csv"]
    assert json.loads((output.parent / "about.json").read_text())["licence"] == "CC BY 3.0"
    run(monkeypatch, source, output)  # once more


def test_refuses_the_folder_of_another_manifest(tmp_path, source, monkeypatch):
    (tmp_path / "labels.json").write_text('{"liver": [1]}')
    with pytest.raises(OutputError, match="belongs to another manifest"):
        run(monkeypatch, source, tmp_path / "sts.csv")


def test_refuses_a_folder_without_crops(tmp_path):
    with pytest.raises(ManifestError, match="give the folder of the crops"):
        rows_of(tmp_path)


def test_folds_leave_every_patient_out_once(tmp_path):
    for patient in range(2, 11):
        folder = tmp_path / f"STS_{patient:03d}"
        folder.mkdir()
        (folder / "pet_suv.nii.gz").touch()
    left_out = [row.case for n in (1, 2, 3) for row in rows_of(tmp_path, (n, 3)) if row.split == "test"]
    assert sorted(left_out) == [f"STS_{patient:03d}" for patient in range(2, 11)]
    assert sum(row.split == "train" for row in rows_of(tmp_path, (1, 3))) == 6

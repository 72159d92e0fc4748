"""Evaluation of the shipped weights on real tumours, through the command line."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from seganypet.cli import main
from seganypet.io import ManifestRow, write_manifest

PATIENTS = ("STS_025", "STS_026")


@pytest.fixture
def manifest(shared_data, tmp_path):
    rows = [
        ManifestRow(
            case=name,
            image=shared_data / "sts_crops" / name / "pet_suv.nii.gz",
            lesions=shared_data / "sts_crops" / name / "gtv_mass.nii.gz",
        )
        for name in PATIENTS
    ]
    write_manifest(rows, tmp_path / "manifest.csv")
    (tmp_path / "labels.json").write_text("{}")
    return tmp_path / "manifest.csv"


@pytest.mark.real_data
def test_shipped_weights_beside_a_threshold_on_real_tumours(manifest, tmp_path):
    folder = tmp_path / "run"
    command = ["evaluate", "--manifest", str(manifest), "--lesions", "union", "--clicks", "1,3"]
    assert main([*command, "--methods", "default,threshold41", "-o", str(folder)]) == 0
    frame = pd.read_csv(folder / "per_case.csv")
    ours = frame[(frame["method"] == "default") & (frame["click"] == 3)]
    assert list(ours["case"]) == list(PATIENTS)
    assert (ours["dsc"] > 0.8).all()
    record = json.loads((folder / "evaluation.json").read_text())
    assert record["methods"]["default"].startswith("weights=")

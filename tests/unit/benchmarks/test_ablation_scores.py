"""Measuring networks on the scans of a cohort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ablation_scores import TABLE_NAME, Work, all_work, measure, rows_of, weight_file
from seganypet.io import ManifestRow, write_json, write_manifest, write_volume
from seganypet.io.label_map import write_label_map
from seganypet.volume import Volume
from tiny_weights import write_tiny_weights

LABELS = {"liver": [1, 2], "aorta": [3], "prostate": [4], "spleen": [5]}


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Return the folder of a cohort of one scan: liver of two parts, aorta, a small prostate, no spleen."""
    folder = tmp_path / "cohort"
    parts = np.zeros((20, 18, 16), dtype=np.int16)
    parts[2:8, 2:8, 2:8], parts[8:10, 2:8, 2:8] = 1, 2  # 288 voxels of 0.064 ml: 18.4 ml
    parts[12:18, 12:16, 2:14] = 3  # 288 voxels
    parts[2:4, 12:14, 2:4] = 4  # 8 voxels: 0.5 ml
    volume = Volume(1 + 4 * (parts > 0).astype(np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))
    write_volume(volume, folder / "pet.nii.gz")
    write_label_map(parts, volume, folder / "reference.nii.gz")
    write_json(LABELS, folder / "labels.json")
    write_cases(folder, quality="hq")
    return folder


def write_cases(folder: Path, quality: str) -> None:
    """Write the manifest."""
    files = {"image": folder / "pet.nii.gz", "reference": folder / "reference.nii.gz"}
    row = ManifestRow(case="case_1", targets=tuple(LABELS), quality=quality, **files)
    write_manifest([row], folder / "manifest.csv")


def work_on(cohort: Path, tmp_path: Path) -> list[Work]:
    """Return the work of one small network."""
    return all_work([cohort], [weight_file("mix", str(write_tiny_weights(tmp_path)))])


def test_every_target_has_a_row_and_small_or_absent_ones_no_dice(cohort: Path, tmp_path: Path) -> None:
    rows = {row["target"]: row for row in rows_of(work_on(cohort, tmp_path)[0])}

    assert {name: row["volume_ml"] for name, row in rows.items()} == {
        "liver": "18.4",
        "aorta": "18.4",
        "prostate": "0.5",
        "spleen": "0.0",
    }
    assert {name: row["group"] for name, row in rows.items()} == {
        "liver": "seen",
        "aorta": "unseen",
        "prostate": "unseen",
        "spleen": "seen",
    }
    for name, row in rows.items():
        dices = [row[f"dice_{n}"] for n in range(1, 6)]
        if name in ("liver", "aorta"):
            assert all(0 < float(dice) <= 1 for dice in dices)
        else:
            assert dices == [""] * 5


def test_what_is_in_the_table_is_not_measured_again(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = work_on(cohort, tmp_path)
    measured = measure(work, tmp_path / "results", jobs=1)
    monkeypatch.setattr("ablation_scores.rows_of", None)

    again = measure(work, tmp_path / "results", jobs=1)

    assert again == measured
    assert len(again) == 4
    assert (tmp_path / "results" / TABLE_NAME).read_text().count("case_1") == 4


def test_another_description_beside_the_weights_is_another_network(tmp_path: Path) -> None:
    path = write_tiny_weights(tmp_path)
    before = weight_file("mix", str(path))
    description = path.with_suffix(".json")
    description.write_text(description.read_text() + "\n")

    assert weight_file("mix", str(path)).sha256 != before.sha256


def test_labels_of_low_quality_are_refused(cohort: Path, tmp_path: Path) -> None:
    write_cases(cohort, quality="lq")

    with pytest.raises(SystemExit, match="labels of case_1 are not exact"):
        work_on(cohort, tmp_path)

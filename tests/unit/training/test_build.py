"""Making cases: what is there stays, what is missing is made, real tumours come to the working grid."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from seganypet.errors import ImageReadError
from seganypet.phantom import PhantomConfig
from seganypet.training import build
from seganypet.training.build import add_phantoms, add_tumours
from seganypet.training.cases import load_case


@pytest.fixture
def simulated(monkeypatch) -> list[int]:
    """The seeds of cases simulated so far; a block stands for a body."""
    seeds: list[int] = []

    def simulate(seed: int, config: PhantomConfig, anatomy: object) -> SimpleNamespace:
        seeds.append(seed)
        reference, lesions = np.zeros((2, 8, 8, 8), np.int16)
        reference[1:4, 1:4, 1:4], lesions[5:7, 5:7, 5:7] = 3, 1
        volume = SimpleNamespace(array=1.0 + reference, spacing_mm=(4.0, 4.0, 4.0))
        labels = {"liver": [3], "some_other_tissue": [3]}
        return SimpleNamespace(volume=volume, reference=reference, lesions=lesions, labels=labels)

    monkeypatch.setattr(build, "simulate_case", simulate)
    return seeds


def test_one_folder_per_seed_with_organs_and_lesions(tmp_path, simulated):
    add_phantoms(tmp_path, [7, 12], PhantomConfig())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["body_000007", "body_000012"]
    case = load_case(tmp_path / "body_000007")
    assert [(t.name, t.voxels) for t in case.targets] == [("liver", 27), ("lesion", 8)]
    assert case.spacing_mm == 4.0


def test_cases_that_are_there_are_not_made_again(tmp_path, simulated):
    add_phantoms(tmp_path, [1, 2], PhantomConfig())
    (tmp_path / "body_000001" / "case.json").unlink()  # as a kill while writing leaves it
    add_phantoms(tmp_path, [1, 2, 3], PhantomConfig())
    assert simulated == [1, 2, 1, 3]


def write_label_map(folder: Path) -> Path:
    labels = np.zeros((30, 30, 30), np.uint8)
    labels[5:25, 5:25, 5:25] = 2
    labels[10:20, 10:20, 10:20] = 1
    nib.save(nib.Nifti1Image(labels, np.diag([3.0, 3, 3, 1])), folder / "someone.nii.gz")
    (folder / "someone.json").write_text(json.dumps({"1": "liver", "2": "skin"}))
    return folder / "someone.nii.gz"


def test_cases_of_a_label_map_carry_its_name(tmp_path, simulated):
    add_phantoms(tmp_path / "cases", [5], PhantomConfig(), write_label_map(tmp_path))
    assert [p.name for p in (tmp_path / "cases").iterdir()] == ["someone_000005"]


@pytest.fixture
def tumour(tmp_path, monkeypatch) -> Path:
    """One patient's tumour of 24 mm, on voxels of 2 mm along i and j and 3 mm along k."""
    monkeypatch.setattr(build, "TRAINING_TUMOURS", ("STS_002",))
    mask = np.zeros((40, 40, 24), np.uint8)
    mask[12:24, 12:24, 8:16] = 1
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    source = tmp_path / "source" / "STS_002"
    source.mkdir(parents=True)
    nib.save(nib.Nifti1Image(mask, affine), source / "gtv_mass.nii.gz")
    nib.save(nib.Nifti1Image((0.5 + 3.5 * mask).astype(np.float32), affine), source / "pet_suv.nii.gz")
    return tmp_path / "source"


def test_real_tumour_on_the_working_grid(tmp_path, tumour):
    add_tumours(tmp_path / "real", tumour)
    case = load_case(tmp_path / "real" / "STS_002")
    assert case.suv.shape == (20, 20, 18)
    (target,) = case.targets
    assert (target.name, target.ids, target.voxels) == ("lesion", (1,), 6**3)
    assert (target.start, target.stop) == ((6, 6, 6), (12, 12, 12))
    assert float(case.suv[8, 8, 8]) == pytest.approx(4.0, abs=0.01)
    assert float(case.suv[2, 2, 2]) == pytest.approx(0.5, abs=0.01)


def test_real_tumour_that_is_there_is_not_read_again(tmp_path, tumour):
    add_tumours(tmp_path / "real", tumour)
    assert add_tumours(tmp_path / "real", tmp_path / "gone") == tmp_path / "real"


def test_refuses_a_missing_patient(tmp_path, tumour):
    with pytest.raises(ImageReadError, match="STS_002"):
        add_tumours(tmp_path / "real", tmp_path / "gone")

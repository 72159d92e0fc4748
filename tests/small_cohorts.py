"""Small cohorts of NIfTI files for the tests of the data side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from seganypet.io import ManifestRow, write_manifest

SHAPE = (24, 20, 16)
LAS = np.array([[-4.0, 0, 0, 90], [0, 4, 0, -50], [0, 0, 4, 10], [0, 0, 0, 1]])
LABELS = {"liver": [1], "kidneys": [2, 3], "kidney_left": [2]}


def save(array: np.ndarray, path: Path, affine: np.ndarray = LAS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, 1)
    image.set_qform(None, 0)
    nib.save(image, path)
    return path


def suv_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 5, SHAPE).astype(np.float32)


def organs() -> np.ndarray:
    """A liver of 6 x 6 x 6 voxels, a left kidney of 4 x 4 x 4, a right one of 3 x 3 x 3."""
    reference = np.zeros(SHAPE, np.int16)
    reference[2:8, 2:8, 2:8] = 1
    reference[12:16, 2:6, 2:6] = 2
    reference[18:21, 2:5, 2:5] = 3
    return reference


def tumours() -> np.ndarray:
    """Lesions of 27 and 8 voxels, and one of 2."""
    lesions = np.zeros(SHAPE, np.int16)
    lesions[10:13, 10:13, 10:13] = 1
    lesions[16:18, 16:18, 6:8] = 2
    lesions[0, 0, 0:2] = 5
    return lesions


def row(
    folder: Path, case: str, *, seed: int = 0, maps: Mapping[str, np.ndarray] | None = None, **cells: Any
):
    """Write a case's files and return its row; by default it has organs and lesions."""
    maps = {"reference": organs(), "lesions": tumours()} if maps is None else maps
    paths = {name: save(array, folder / case / f"{name}.nii.gz") for name, array in maps.items()}
    return ManifestRow(case=case, image=save(suv_of(seed), folder / case / "pet.nii.gz"), **paths, **cells)


def write(folder: Path, *rows: ManifestRow, labels: Mapping[str, list[int]] = LABELS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(rows, folder / "manifest.csv")
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder / "manifest.csv"

"""Small scans on disk, sound or with one thing wrong: NIfTI with any header field, DICOM with any tag."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from synthetic_dicom import pet_folder

AFFINE = np.array([[-4.0, 0, 0, 50], [0, 4, 0, -30], [0, 0, 3, -300], [0, 0, 0, 1]])
SHAPE = (8, 7, 6)
Maker = Callable[[Path], Path]


def suv_values(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 8, shape).astype(np.float32)


def one_voxel(value: float) -> np.ndarray:
    array = suv_values()
    array[1, 2, 3] = value
    return array


def nifti(array: np.ndarray | None = None, *, sidecar: dict[str, Any] | None = None, **header: Any) -> Maker:
    """Return what writes a NIfTI file, with fields of its header overwritten as no library would."""

    def make(folder: Path) -> Path:
        path = folder / "pet.nii"
        nib.save(nib.Nifti1Image(suv_values() if array is None else array, AFFINE), path)
        content = path.read_bytes()
        raw = nib.Nifti1Header(content[:348], check=False)
        for field, value in header.items():
            raw[field] = value
        path.write_bytes(raw.binaryblock + content[348:])
        if sidecar is not None:
            (folder / "pet.json").write_text(json.dumps(sidecar))
        return path

    return make


def dicom(**tags: Any) -> Maker:
    return lambda folder: pet_folder(folder / "series", **tags)


def only_third(**tags: Any) -> Callable[[int, Any], None]:
    return lambda k, data: data.update(tags if k == 2 else {})


def cut(make: Maker, name: str, size: int) -> Maker:
    """Return what writes a scan of which one file is cut off after some bytes."""

    def made(folder: Path) -> Path:
        scan = make(folder)
        file = scan / name if scan.is_dir() else scan
        file.write_bytes(file.read_bytes()[:size])
        return scan

    return made


def two_series(folder: Path) -> Path:
    pet_folder(folder / "series" / "a", SeriesDescription="PET AC")
    pet_folder(folder / "series" / "b", SeriesDescription="PET NAC")
    return folder / "series"


def without_a_file(folder: Path) -> Path:
    (pet_folder(folder / "series", stored=np.full((5, 6, 5), 9, np.int16)) / "002.dcm").unlink()
    return folder / "series"


def two_time_frames(k: int, data: Any) -> None:
    data.FrameReferenceTime = str(60_000 * (1 + k // 2))

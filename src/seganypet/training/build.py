"""Make training cases: simulated scans, and real tumours on the working grid."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from seganypet.io import read_mask, read_volume
from seganypet.phantom import PhantomConfig, simulate_case
from seganypet.phantom.cohort import read_anatomy
from seganypet.preprocessing.model_grid import ModelGrid
from seganypet.targets import ORGANS
from seganypet.training.cases import save_case
from seganypet.training.recipes import TRAINING_TUMOURS

_SPACING_MM = 4.0


def add_phantoms(
    folder: Path, seeds: Iterable[int], config: PhantomConfig, label_map: Path | None = None
) -> None:
    """Simulate the cases that are not there yet, one folder each.

    Args:
        folder: Where the cases go.
        seeds: One case per seed.
        config: What the scans are like; the spacing must be the working grid's.
        label_map: Organ labels of a real body to scan, NIfTI with `{id: name}` in a JSON file beside it; without
            it each case has a procedural body.
    """
    prefix = "body" if label_map is None else label_map.name.split(".")[0]
    for seed in seeds:
        case_folder = folder / f"{prefix}_{seed:06d}"
        if (case_folder / "case.json").exists():
            continue
        case = simulate_case(seed, config, None if label_map is None else read_anatomy(label_map, seed))
        organs = {name: ids for name, ids in case.labels.items() if name in ORGANS}
        spacing_mm = case.volume.spacing_mm[0]
        save_case(case_folder, case.volume.array, case.reference, case.lesions, organs, spacing_mm)


def add_phantoms_in_parallel(
    folder: Path, seeds: Sequence[int], config: PhantomConfig, label_map: Path | None = None
) -> None:
    """Do as `add_phantoms`, one process per core."""
    workers = os.cpu_count() or 1
    shares = [seeds[start::workers] for start in range(workers)]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(add_phantoms, folder, share, config, label_map) for share in shares]:
            done.result()


def add_tumours(folder: Path, source: Path) -> Path:
    """Bring the training patients' real tumours to the working grid, one folder each; return the folder.

    Args:
        folder: Where the cases go.
        source: `NAME/pet_suv.nii.gz` and `NAME/gtv_mass.nii.gz` of every name in `TRAINING_TUMOURS`.

    Raises:
        ImageReadError: One is missing.
    """
    for name in TRAINING_TUMOURS:
        if (folder / name / "case.json").exists():
            continue
        volume = read_volume(source / name / "pet_suv.nii.gz")
        mask = read_mask(source / name / "gtv_mass.nii.gz", like=volume)
        grid = ModelGrid.of(volume.affine, volume.shape, _SPACING_MM)
        tumour = grid.resample(mask.array.astype(np.float32)) > 0.5
        parts = np.zeros(grid.shape, dtype=np.uint8)
        save_case(folder / name, grid.resample(volume.array), parts, tumour.astype(np.uint8), {}, _SPACING_MM)
    return folder

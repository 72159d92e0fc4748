"""Make training cases: simulated scans, and real tumours on the working grid."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from seganypet.io import read_volume
from seganypet.io.nifti import read_mask
from seganypet.phantom import PhantomConfig, simulate_case
from seganypet.phantom.anatomy import Anatomy
from seganypet.preprocessing.model_grid import ModelGrid
from seganypet.targets import ORGANS
from seganypet.training.cases import save_case


def add_phantoms(
    folder: Path, seeds: Iterable[int], config: PhantomConfig, *, anatomy: Anatomy | None = None, prefix: str = "body"
) -> None:
    """Simulate cases that are not there yet, one folder each.

    Args:
        folder: Where the cases go.
        seeds: One case per seed.
        config: What the scans are like; the spacing must be the working grid's.
        anatomy: Body of all of them; a procedural one each by default.
        prefix: Of the folders' names.
    """
    for seed in seeds:
        case_folder = folder / f"{prefix}_{seed:06d}"
        if (case_folder / "case.json").exists():
            continue
        case = simulate_case(seed, config, anatomy)
        organs = {name: ids for name, ids in case.labels.items() if name in ORGANS}
        spacing_mm = case.volume.spacing_mm[0]
        save_case(case_folder, case.volume.array, case.reference, case.lesions, organs, spacing_mm)


def add_real_tumours(folder: Path, pairs: Iterable[tuple[str, Path, Path]], spacing_mm: float) -> None:
    """Bring real tumours to the working grid, one folder each.

    Args:
        folder: Where the cases go.
        pairs: Name, PET in SUV, and mask of each tumour.
        spacing_mm: Spacing of the working grid.
    """
    for name, pet, mask in pairs:
        if (folder / name / "case.json").exists():
            continue
        volume = read_volume(pet)
        grid = ModelGrid.of(volume.affine, volume.shape, spacing_mm)
        tumour = grid.resample(read_mask(mask, like=volume).array.astype(np.float32)) > 0.5
        parts = np.zeros(grid.shape, dtype=np.int16)
        save_case(folder / name, grid.resample(volume.array), parts, tumour.astype(np.int16), {}, spacing_mm)

"""A small cohort on disk, and a recipe of seconds to train on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from seganypet.models.compact import CompactConfig
from seganypet.training.config import TrainingConfig
from seganypet.training.recipes import debug

# 32 voxels: of convolutions over 2 x 2 x 2 voxels, as 16 would give, some oneDNN versions return weight gradients
# in bfloat16 that were never written.
TINY = CompactConfig(
    patch_size=32,
    channels=(4, 8, 12),
    encoder_blocks=(1, 1, 1),
    transformer_blocks=1,
    decoder_blocks=1,
    num_heads=2,
    boxes=True,
)
SPACING_MM = 6.0
_COLUMNS = "case,image,reference,lesions,clean_reference,split,quality\n"


@pytest.fixture
def tiny_recipe() -> TrainingConfig:
    """Three steps of two patches with a network of a few thousand weights."""
    recipe = debug()
    model = replace(recipe.model, config=asdict(TINY), spacing_mm=SPACING_MM)
    loop = replace(recipe.loop, steps=3, precision="float32", log_every=1)
    return replace(recipe, model=model, loop=loop, batch_size=2, validation=None)


@pytest.fixture
def write_cohort(tmp_path) -> Callable[..., Path]:
    """A function that writes a cohort of which every case has a hot ball as lesion 1 and a warm block as liver."""

    def write(*rows: tuple[str, str], name: str = "cohort") -> Path:
        """Write a case for every (split, quality); labels of low quality are the block grown by a voxel."""
        folder = tmp_path / name
        folder.mkdir()
        grid = np.indices((24, 24, 24))
        lesion, organ = ((grid - 8) ** 2).sum(0) <= 9, (grid >= 14).all(0)
        images = {
            "pet": (0.2 + 5.0 * lesion + 2.0 * organ).astype(np.float32),
            "clean": organ.astype(np.uint8),
            "noisy": (grid >= 13).all(0).astype(np.uint8),
            "lesions": lesion.astype(np.uint8),
        }
        for title, array in images.items():
            nib.save(nib.Nifti1Image(array, np.diag([SPACING_MM] * 3 + [1])), folder / f"{title}.nii.gz")
        lines = [
            f"c{n},pet.nii.gz,{'noisy' if quality == 'lq' else 'clean'}.nii.gz,lesions.nii.gz,"
            f"{'clean.nii.gz' if quality == 'lq' else ''},{split},{quality}\n"
            for n, (split, quality) in enumerate(rows)
        ]
        (folder / "manifest.csv").write_text(_COLUMNS + "".join(lines))
        (folder / "labels.json").write_text(json.dumps({"liver": [1]}))
        return folder / "manifest.csv"

    return write

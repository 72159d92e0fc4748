"""Small cases and a very small network to train."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seganypet.models.compact import CompactConfig
from seganypet.training.cases import save_case
from seganypet.training.episode import EpisodeConfig
from seganypet.training.loop import TrainingConfig
from seganypet.training.sampling import SamplingConfig

# 32 voxels: of convolutions over 2 x 2 x 2 voxels, as 16 would give, some oneDNN versions return weight gradients
# in bfloat16 that were never written.
TINY = CompactConfig(
    patch_size=32,
    channels=(4, 8, 12),
    encoder_blocks=(1, 1, 1),
    transformer_blocks=1,
    decoder_blocks=1,
    num_heads=2,
)


@pytest.fixture
def tiny_recipe() -> TrainingConfig:
    """A recipe for a network of a few thousand weights; 2.5 seconds are 3 steps on the ticking clock."""
    return TrainingConfig(
        architecture=TINY,
        sampling=SamplingConfig(patch_size=32),
        episode=EpisodeConfig(clicks=(2, 2)),
        batch_size=2,
        warmup_steps=2,
        minutes=2.5 / 60,
    )


@pytest.fixture
def cases(tmp_path) -> Path:
    """A folder with one case: a hot ball as lesion 1, a warm block as organ 1."""
    grid = np.indices((24, 24, 24))
    lesion = ((grid - 8) ** 2).sum(0) <= 9
    organ = (grid >= 14).all(0)
    suv = 0.2 + 5.0 * lesion + 2.0 * organ
    save_case(
        tmp_path / "cases" / "one", suv, organ.astype(np.int16), lesion.astype(np.int16), {"liver": [1]}, 4.0
    )
    return tmp_path / "cases"

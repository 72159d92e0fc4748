"""Recipes: what trains and what must not."""

from __future__ import annotations

from seganypet.models.compact import CompactConfig
from seganypet.training.recipes import FIRST_TRAINING_SEED, TRAINING_TUMOURS, compact, training_phantoms

VALIDATION = {f"STS_{n:03d}" for n in range(25, 35)}


def test_no_patient_of_validation_or_demonstration_trains():
    assert not VALIDATION & set(TRAINING_TUMOURS)
    assert "STS_001" not in TRAINING_TUMOURS
    assert len(TRAINING_TUMOURS) == len(set(TRAINING_TUMOURS)) == 23


def test_training_seeds_leave_room_for_demonstration_and_validation():
    assert 100 <= FIRST_TRAINING_SEED < 900_000


def test_compact_recipe_trains_the_compact_network_for_the_time_given():
    recipe = compact(minutes=12.0, seed=3)
    assert recipe.minutes == 12.0
    assert recipe.seed == 3
    assert recipe.architecture == CompactConfig()
    assert recipe.sampling.patch_size == recipe.architecture.patch_size


def test_simulated_scans_have_the_working_grids_spacing():
    assert training_phantoms().spacing_mm == (4.0, 4.0, 4.0)

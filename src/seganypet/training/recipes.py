"""Training recipes: functions that return a configuration, named after what they train."""

from __future__ import annotations

from seganypet.phantom import PhantomConfig
from seganypet.phantom.stream import StreamConfig
from seganypet.training.loop import TrainingConfig
from seganypet.training.on_the_fly import FlyingConfig

# By patient: STS_002 to STS_024 may train, STS_025 to STS_034 validate and are never read here.
TRAINING_TUMOURS = tuple(f"STS_{n:03d}" for n in range(2, 25))
# Seeds below are for demonstrations and tests, seeds from 900,000 on for tuning and validation.
FIRST_TRAINING_SEED = 1000


def compact(*, minutes: float = 73.0, seed: int = 0) -> TrainingConfig:
    """Return the recipe of the shipped compact weights: simulated scans and real tumours, two CPU cores."""
    return TrainingConfig(minutes=minutes, seed=seed)


def training_phantoms() -> PhantomConfig:
    """Return what the simulated scans are like: FDG, PSMA and random uptake, many lesions."""
    return PhantomConfig(tracer="mixed", lesion_count=(8, 25))


def simulated_on_the_fly() -> FlyingConfig:
    """Return how the same scans are simulated while training, in place of cases on disk."""
    return FlyingConfig(stream=StreamConfig(phantom=training_phantoms()))

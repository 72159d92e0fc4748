"""`TrainingConfig`: everything that decides what a training computes; a recipe is a function that returns one."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from seganypet.errors import UsageError
from seganypet.models.model import ModelDescription
from seganypet.training.cpcl import CPCLConfig
from seganypet.training.episode import EpisodeConfig
from seganypet.training.loop_config import LoopConfig
from seganypet.training.on_the_fly import FlyingConfig
from seganypet.training.sampling import SamplingConfig
from seganypet.training.validation import ValidationConfig


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """A training recipe, or what became of one once data and settings were known.

    Attributes:
        recipe: Name of the recipe.
        model: The network, the images it expects and how it is prompted.
        sampling: How patches are drawn.
        episode: How a reader is simulated.
        cpcl: How labels of low quality are learned from; None: like those of high quality.
        loop: Optimiser, schedule, precision, steps.
        batch_size: Patches of one process at a time; a step has `loop.accumulation` times as many, of each process.
        epochs: Length of the training: an epoch is as many patches as the cohort has targets, however they are drawn;
            None: `loop.steps` says it.
        validation: What is looked at while training; None: nothing.
        targets: Names of what is trained on, "lesion" for the lesions; empty for all that the cohort has.
        on_the_fly: How scans are simulated while training, where they are not (only) a cohort's.
        cohort_share: Share of patches from the cohort, where there is one besides what is simulated on the fly.
        fine_tunes: Whether the recipe makes no sense but from given weights.

    Raises:
        UsageError: A length or size below 1, or a share outside 0 to 1.
    """

    recipe: str
    model: ModelDescription
    loop: LoopConfig
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    episode: EpisodeConfig = field(default_factory=EpisodeConfig)
    cpcl: CPCLConfig | None = None
    batch_size: int = 4
    epochs: float | None = None
    validation: ValidationConfig | None = field(default_factory=ValidationConfig)
    targets: tuple[str, ...] = ()
    on_the_fly: FlyingConfig | None = None
    cohort_share: float = 0.15
    fine_tunes: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch_size={self.batch_size}; expected 1 or more")
        if self.epochs is not None and not 0 < self.epochs < math.inf:
            raise UsageError(f"epochs={self.epochs}; expected a number above 0, or none")
        if not 0 <= self.cohort_share <= 1:
            raise UsageError(f"cohort_share={self.cohort_share}; expected 0 to 1")

    def with_length(self, targets: int, world: int) -> TrainingConfig:
        """Return the configuration with `loop.steps` instead of epochs.

        Args:
            targets: How many the cohort has.
            world: Processes that train together.
        """
        if self.epochs is None:
            return self
        per_step = self.batch_size * self.loop.accumulation * world
        steps = max(1, math.ceil(self.epochs * targets / per_step))
        return replace(self, epochs=None, loop=replace(self.loop, steps=steps))

    def as_dict(self) -> dict[str, Any]:
        """Return it as nested mappings, as JSON holds it."""
        return asdict(self)

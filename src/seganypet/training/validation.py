"""Validation while training: the interactive protocol on fixed patches of cases that are not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, default_collate

from seganypet.errors import UsageError
from seganypet.models.model import ModelDescription
from seganypet.training.agreement import dice
from seganypet.training.distributed import Processes
from seganypet.training.episode import EpisodeConfig, run_episode
from seganypet.training.sample import Sample


@dataclass(frozen=True, kw_only=True)
class ValidationConfig:
    """What is looked at during training.

    Attributes:
        samples: Patches, the same at every validation.
        clicks: After which numbers of clicks Dice is reported; the mean of them is the score.
        batch_size: Patches at a time.

    Raises:
        UsageError: A number below 1, or clicks out of order.
    """

    samples: int = 48
    clicks: tuple[int, ...] = (1, 3, 5)
    batch_size: int = 4

    def __post_init__(self) -> None:
        rising = bool(self.clicks) and list(self.clicks) == sorted(set(self.clicks))
        if not rising or min(self.samples, self.batch_size, *self.clicks) < 1:
            raise UsageError(f"{self}: expected counts of 1 or more, and clicks in rising order")


class Validation:
    """Clicks of a reader on fixed patches: first the target's deepest voxel, then the deepest of the largest error.

    Args:
        dataset: Samples by number; their anchors are the targets' deepest voxels.
        description: How the network is prompted.
        config: How many samples and clicks.
        processes: Which of the samples this process looks at.
    """

    def __init__(
        self,
        dataset: Dataset[Sample],
        description: ModelDescription,
        config: ValidationConfig,
        processes: Processes,
    ) -> None:
        self._dataset, self._description, self._config, self._processes = (
            dataset,
            description,
            config,
            processes,
        )
        most = config.clicks[-1]
        self._episode = EpisodeConfig(clicks=(most, most), policies=(("deepest", 1.0),))

    @torch.no_grad()
    def __call__(self, network: nn.Module, step: int) -> Mapping[str, float]:
        """Return the mean Dice after each number of clicks, and their mean as "score"; in all processes the same.

        Args:
            network: What is validated.
            step: The optimiser step; the patches do not depend on it.
        """
        training = network.training
        network.eval()
        scores = [score for batch in self._batches() for score in self._scores(network, batch)]
        network.train(training)
        everyone = [score for scores in self._processes.gather(scores) for score in scores]
        means = np.mean(everyone, axis=0)
        named = {f"dice_{n}": float(mean) for n, mean in zip(self._config.clicks, means, strict=True)}
        return named | {"score": float(means.mean())}

    def _batches(self) -> Iterator[Sample]:
        numbers = range(self._processes.rank, self._config.samples, self._processes.world)
        size = self._config.batch_size
        chunks = [numbers[at : at + size] for at in range(0, len(numbers), size)]
        for chunk in chunks:
            yield default_collate([self._dataset[n] for n in chunk])

    def _scores(self, network: nn.Module, batch: Sample) -> list[list[float]]:
        """Return each sample's Dice after the numbers of clicks."""
        batch = Sample(*(field.to(self._processes.device) for field in batch))
        rng = np.random.default_rng(0)  # of nothing: the number of clicks and their places are fixed
        predictions = run_episode(
            network,  # type: ignore[arg-type]
            batch,
            self._episode,
            self._description,
            rng,
            passes=self._description.passes,
        )
        shown = [dice(predictions[n - 1] > 0, batch.reference) for n in self._config.clicks]
        return torch.stack(shown, dim=1).tolist()

"""One training episode: simulated clicks on a batch, the previous logits fed back, a loss for every prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seganypet.models.compact import CompactSegmenter
from seganypet.prompts import ClickPolicy, next_click
from seganypet.training.sampling import Sample

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class EpisodeConfig:
    """How clicks are simulated.

    Attributes:
        clicks: Fewest and most clicks of an iteration.
        deepest_share: Chance that a click goes to the deepest error rather than to any voxel in error.
        prior_share: Chance that a sample starts with a part of its mask already known, as a window beside another
            one does, or as with a mask given by the reader.
    """

    clicks: tuple[int, int] = (1, 3)
    deepest_share: float = 0.5
    prior_share: float = 0.2


def run_episode(
    model: CompactSegmenter, batch: Sample, loss: Loss, config: EpisodeConfig, rng: np.random.Generator
) -> tuple[Tensor, list[float]]:
    """Return the mean loss over the clicks, and the mean Dice after each click.

    Args:
        model: The network; its image embedding is computed once [P1 eq. 1].
        batch: Patch [B, 1, P, P, P], reference [B, 1, P, P, P], anchor [B, 3].
        loss: Of logits and reference.
        config: How clicks are simulated.
        rng: Source of randomness.
    """
    reference = batch.reference
    embedding = model.encode(batch.patch)
    logits, coords, labels = _start(batch, config, rng)
    total, scores = torch.zeros(()), []
    steps = int(rng.integers(config.clicks[0], config.clicks[1] + 1))
    for step in range(steps):
        prediction = model.decode(embedding, coords, labels, logits)
        total = total + loss(prediction.float(), reference.float()) / steps
        logits = prediction.detach().float()
        scores.append(_dice(logits > 0, reference))
        if step + 1 < steps:
            coords, labels = _add_clicks(coords, labels, logits > 0, reference, config, rng)
    return total, scores


def _start(batch: Sample, config: EpisodeConfig, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return what is known before the first click (0 = unknown), and the first click of each sample."""
    size = batch.patch.shape[-1]
    logits = torch.zeros_like(batch.patch, dtype=torch.float32)
    coords = batch.anchor[:, None].float().clamp(0, size - 1)
    for n in range(len(logits)):
        if rng.random() >= config.prior_share:
            continue
        known = _known_part(batch.anchor[n].numpy(), size, rng)
        prior = (batch.reference[n, 0].float() * 2 - 1) * float(rng.uniform(2, 8))
        logits[n, 0] = torch.where(known, prior, 0.0)
        if rng.random() < 0.3:  # a prior that is off by a few voxels, all of it known
            moved = torch.roll(prior, tuple(int(s) for s in rng.integers(-3, 4, 3)), (0, 1, 2))
            logits[n, 0] = moved
    return logits, coords, torch.ones(len(coords), 1, dtype=torch.long)


def _known_part(anchor: npt.NDArray[np.int64], size: int, rng: np.random.Generator) -> Tensor:
    """Return a half of the patch, bool [P, P, P], that holds the anchor."""
    axis = int(rng.integers(3))
    position = torch.arange(size)
    cut = int(rng.integers(size // 4, 3 * size // 4))
    side = position < cut if anchor[axis] < cut else position >= cut
    shape = [1, 1, 1]
    shape[axis] = size
    return side.reshape(shape).expand(size, size, size)


def _add_clicks(
    coords: Tensor,
    labels: Tensor,
    prediction: Tensor,
    reference: Tensor,
    config: EpisodeConfig,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Return the clicks with one more for each sample; padding where the masks agree."""
    added, kinds = [], []
    for n in range(len(coords)):
        policy: ClickPolicy = "deepest" if rng.random() < config.deepest_share else "uniform"
        click = next_click(
            prediction[n, 0].numpy(),
            reference[n, 0].numpy(),
            spacing_mm=(1.0, 1.0, 1.0),
            policy=policy,
            generator=rng,
        )
        added.append(click.ijk if click else (0.0, 0.0, 0.0))
        kinds.append(int(click.positive) if click else -1)
    return (
        torch.cat([coords, torch.tensor(added)[:, None]], dim=1),
        torch.cat([labels, torch.tensor(kinds)[:, None]], dim=1),
    )


def _dice(prediction: Tensor, reference: Tensor) -> float:
    """Return the mean Dice of a batch; references are never empty, for they hold the anchor."""
    axes = (1, 2, 3, 4)
    overlap = (prediction & reference).sum(axes)
    return float((2 * overlap / (prediction.sum(axes) + reference.sum(axes)).clamp(min=1)).mean())

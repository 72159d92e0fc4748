"""What is minimised: an episode of clicks on a batch and its loss, plain or by CPCL, as one module.

One module, so that distributed training wraps the whole of it: gradients are averaged over the processes only for what
runs inside the wrapped module's forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from seganypet.models.model import ModelDescription
from seganypet.training.agreement import dice
from seganypet.training.cpcl import CPCLConfig, consistency_loss, ramp_up, rectified_labels
from seganypet.training.episode import EpisodeConfig, Network, run_episode
from seganypet.training.losses import segmentation_loss
from seganypet.training.outcome import Outcome
from seganypet.training.randomness import Use, rng_of
from seganypet.training.sample import Sample


class Objective(nn.Module):
    """The loss of a batch [P1 Alg. 1].

    Args:
        network: What is trained.
        description: How it is prompted.
        episode: How a reader is simulated.
        cpcl: How LQ samples are learned from; None: like HQ samples, from their labels as they are.
        steps: Optimiser steps of the whole training, for λ.
        seed: Of the number of clicks in each step.
    """

    def __init__(
        self,
        network: nn.Module,
        description: ModelDescription,
        episode: EpisodeConfig,
        cpcl: CPCLConfig | None,
        *,
        steps: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.description, self.episode, self.cpcl = description, episode, cpcl
        self.steps, self.seed = steps, seed

    def forward(self, batch: Sample, step: int) -> Outcome:
        """Return the mean loss over the batch and the clicks, and its terms.

        Args:
            batch: What to train on.
            step: The optimiser step, from 0; the number of clicks follows from it, the same in all processes.
        """
        rng = rng_of(self.seed, Use.EPISODE, step)
        network = cast(Network, self.network)
        logits = run_episode(network, batch, self.episode, self.description, rng)
        device = batch.patch.device.type
        with torch.autocast(device, enabled=False):
            return self._loss(logits, batch, step)

    def _loss(self, logits: Sequence[Tensor], batch: Sample, step: int) -> Outcome:
        """Return the loss of the logits after each click, [B, 1, P, P, P] each."""
        if self.cpcl is None:
            loss = _supervised(logits, batch.reference)
            return Outcome(loss.mean(), _agreement(logits, batch))
        hq, config = batch.hq, self.cpcl
        probability = [one.sigmoid() for one in logits]
        shape = (-1, 1, 1, 1, 1)
        rectified = rectified_labels(probability, batch.reference, config)
        learned = torch.where(hq.view(shape), batch.reference, rectified)
        supervised, consistency = _supervised(logits, learned), consistency_loss(probability)
        ramp = ramp_up(step / self.steps, config)
        lq_weight = ramp * config.beta if config.lq_weight == "ramped" else 1.0
        lq_loss = lq_weight * supervised + ramp * float(config.consistency) * consistency
        loss = torch.where(hq, supervised, lq_loss)  # eq. 6, one sample being of either kind [Alg. 1, 11-17]
        terms = {
            "loss_hq": _mean(supervised, hq),
            "loss_lq": _mean(supervised, ~hq),
            "consistency": _mean(consistency, ~hq),
            "lambda": loss.new_tensor(ramp),
        }
        return Outcome(loss.mean(), terms | _rectification(batch, rectified) | _agreement(logits, batch))


def _supervised(logits: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Return Dice + cross-entropy of each sample, mean over the clicks that are learned from, [B].

    One click after the other: on a CPU, all at once takes several times as long, for memory that is new each time.
    """
    learned = [one for one in logits if one.requires_grad] or logits  # none of them without gradients
    return torch.stack([segmentation_loss(one, labels) for one in learned]).mean(0)


@torch.no_grad()
def _rectification(batch: Sample, rectified: Tensor) -> dict[str, Tensor]:
    """Return how LQ labels agree with the truth before and after rectification, and how often a change is right.

    Samples whose truth is not known play no part.
    """
    changed, wrong = rectified != batch.reference, batch.reference != batch.clean
    lq = ~batch.hq & batch.known
    kept = changed & lq.view(-1, 1, 1, 1, 1)
    return {
        "lq_label_dice": _mean(dice(batch.reference, batch.clean), lq),
        "rectified_label_dice": _mean(dice(rectified, batch.clean), lq),
        "labels_changed": kept.sum() / (lq.sum() * changed[0].numel()),
        "changes_right": (kept & wrong).sum() / kept.sum(),
    }


@torch.no_grad()
def _agreement(logits: Sequence[Tensor], batch: Sample) -> dict[str, Tensor]:
    """Return how the first and the last prediction agree with the labels."""
    named = {"dice_first_click": logits[0], "dice_last_click": logits[-1]}
    return {name: dice(prediction > 0, batch.reference).mean() for name, prediction in named.items()}


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean of the chosen samples' values, NaN where there is none: the log leaves it out."""
    return values.detach()[chosen].mean()

"""`State`: everything that changes while training."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim.lr_scheduler import LambdaLR

from seganypet.errors import TrainingError, reason_of
from seganypet.training.tally import Tally

_NUMBERS = ("step", "seconds", "skipped", "skipped_in_a_row", "best")


@dataclass(kw_only=True)
class State:
    """Everything that changes while training.

    Attributes:
        network: What is trained.
        average: The moving average of its weights, which is validated and shipped; the network itself where a recipe
            has no average.
        optimiser: Its moments and learning rates.
        schedule: Of the learning rates.
        scaler: Of the loss in float16; otherwise switched off.
        step: Optimiser steps done.
        seconds: Time that they took.
        skipped: Steps in which float16 overflowed, so that the weights stayed as they were.
        skipped_in_a_row: The newest of them, without one between that was not skipped.
        best: The highest validation score so far.
        tally: The numbers since the last line of the log.
        stopped_by: Why the training stopped before its last step; empty where it did not.
        whole: Whether all of it is that after `step` steps; not so while a step changes it and is told of.
    """

    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: LambdaLR
    scaler: GradScaler
    step: int = 0
    seconds: float = 0.0
    skipped: int = 0
    skipped_in_a_row: int = 0
    best: float | None = None
    tally: Tally = field(default_factory=Tally)
    stopped_by: str = ""
    whole: bool = True

    def dump(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """Return all of it, and the recipe, as the content of a checkpoint."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return {**parts, **numbers, "tally": self.tally.series, "recipe": dict(recipe)}

    def restore(self, stored: Mapping[str, Any], where: Path) -> None:
        """Take over what `dump` returned.

        Args:
            stored: The content of a checkpoint.
            where: Its file, for the message.

        Raises:
            TrainingError: It does not fit the network, or lacks something.
        """
        try:
            for name, part in self._parts().items():
                part.load_state_dict(stored[name])
            for name in _NUMBERS:
                setattr(self, name, stored[name])
            self.tally = Tally(stored["tally"])
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{where} does not fit this network ({reason_of(error)}); choose another folder"
            ) from error

    def _parts(self) -> dict[str, Any]:
        names = ("network", "average", "optimiser", "schedule", "scaler")
        return {name: getattr(self, name) for name in names}


def averaged(network: nn.Module) -> nn.Module:
    """Return a copy of the network for the average of its weights."""
    return copy.deepcopy(network).requires_grad_(False).eval()


@torch.no_grad()
def update_average(state: State, decay: float) -> None:
    """Bring the average nearer to the network; at first by more, so that it forgets where the training began.

    Args:
        state: Of a training, `step` being the number of steps done before this one.
        decay: What remains of the average, once the training is under way.
    """
    decay = min(decay, (1 + state.step) / (10 + state.step))
    averages: list[Tensor] = list(state.average.parameters())
    torch._foreach_lerp_(averages, list(state.network.parameters()), 1 - decay)
    for kept, new in zip(state.average.buffers(), state.network.buffers(), strict=True):
        kept.copy_(new)

"""`LoopConfig`: how a network is trained, whatever its objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from seganypet.errors import UsageError
from seganypet.training.optimisation import OptimiserConfig, ScheduleConfig

Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How a network is trained, whatever its objective.

    Attributes:
        optimiser: AdamW.
        schedule: Of its learning rates.
        steps: Optimiser steps.
        accumulation: Batches of each process whose gradients make one step.
        precision: What autocast computes in; weights are float32 in any case, and float16 has its loss scaled.
        clip_norm: Largest norm of the gradient; None: not limited.
        ema_decay: Of the moving average of the weights, smaller in the first steps; None: no average.
        seed: Of whatever is random in the objective.
        save_every_s: Seconds between checkpoints.
        log_every: Steps between lines of the log.
        validate_every: Steps between validations; 0: only after the last step.

    Raises:
        UsageError: A value outside its range.
    """

    optimiser: OptimiserConfig
    schedule: ScheduleConfig
    steps: int
    accumulation: int = 1
    precision: Precision = "float32"
    clip_norm: float | None = None
    ema_decay: float | None = None
    seed: int = 0
    save_every_s: float = 120.0
    log_every: int = 20
    validate_every: int = 0

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("accumulation", 1), ("log_every", 1), ("validate_every", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} is {getattr(self, name)!r}; expected {least} or more")
        if self.precision not in get_args(Precision):
            raise UsageError(
                f"precision is {self.precision!r}; expected one of {', '.join(get_args(Precision))}"
            )
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise UsageError(f"clip_norm is {self.clip_norm!r}; expected a number above 0, or None")
        if self.ema_decay is not None and not 0 <= self.ema_decay < 1:
            raise UsageError(f"ema_decay is {self.ema_decay!r}; expected a number from 0 to below 1, or None")
        if not self.save_every_s >= 0:
            raise UsageError(f"save_every_s is {self.save_every_s!r}; expected 0 or more")

"""AdamW and the schedule of its learning rates, as the papers have them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from seganypet.errors import UsageError

PARTS = ("image_encoder", "prompt_encoder", "mask_decoder")
ScheduleKind = Literal["multistep", "cosine", "constant"]


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """AdamW. P1: 8e-4 for all; P2: 8e-5, and 10 times smaller for prompt encoder and mask decoder.

    Attributes:
        learning_rate: Of the image encoder, before the schedule.
        prompt_and_decoder_factor: That of prompt encoder and mask decoder, as a part of the image encoder's.
        weight_decay: Of all parameters, biases and norms included; both papers have 0.1.
        betas: Decay of the means of gradient and squared gradient.

    Raises:
        UsageError: A value outside its range.
    """

    learning_rate: float
    prompt_and_decoder_factor: float = 1.0
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)

    def __post_init__(self) -> None:
        for name in ("learning_rate", "prompt_and_decoder_factor"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} is {getattr(self, name)!r}; expected a number above 0")
        if not 0 <= self.weight_decay < math.inf:
            raise UsageError(f"weight_decay is {self.weight_decay!r}; expected 0 or more")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UsageError(f"betas is {self.betas!r}; expected two numbers from 0 to below 1")


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How learning rates change over the training. P1: 120 and 180 of 200 epochs; P2: 120 and 180 of 500.

    Attributes:
        kind: "multistep": times `gamma` at each milestone; "cosine": half a cosine towards 0; "constant".
        milestones: Where "multistep" lowers the rates, in order, as parts of all steps.
        gamma: What "multistep" multiplies by at each.
        warmup_steps: Optimiser steps over which the rates rise linearly, on top of the above.

    Raises:
        UsageError: A value outside its range, or milestones that the kind does not take or lacks.
    """

    kind: ScheduleKind = "multistep"
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(ScheduleKind):
            raise UsageError(f"kind is {self.kind!r}; expected one of {', '.join(get_args(ScheduleKind))}")
        if (self.kind == "multistep") != bool(self.milestones):
            raise UsageError(
                f"milestones is {self.milestones!r}; a multistep schedule has some, a {self.kind} one none"
                if self.milestones
                else "milestones is empty; a multistep schedule has some, for example (0.6, 0.9)"
            )
        ordered = all(a < b for a, b in zip(self.milestones, self.milestones[1:], strict=False))
        if not ordered or not all(0 < milestone < 1 for milestone in self.milestones):
            raise UsageError(
                f"milestones is {self.milestones!r}; expected rising parts of all steps between 0 and 1"
            )
        if not 0 < self.gamma <= 1:
            raise UsageError(f"gamma is {self.gamma!r}; expected a number above 0, at most 1")
        if self.warmup_steps < 0:
            raise UsageError(f"warmup_steps is {self.warmup_steps!r}; expected 0 or more")


def build_optimiser(network: nn.Module, config: OptimiserConfig) -> AdamW:
    """Return AdamW with a named group for each of the papers' three parts; frozen parameters are left out.

    Args:
        network: Has the parts `image_encoder`, `prompt_encoder` and `mask_decoder`, and no parameter beside them.
        config: Rates and decay.

    Raises:
        UsageError: A part is missing, a parameter to train lies in none of them, or there is nothing to train.
    """
    missing = [name for name in PARTS if not isinstance(getattr(network, name, None), nn.Module)]
    if missing:
        raise UsageError(f"{type(network).__name__} has no {', '.join(missing)}; all three parts are needed")
    for name, parameter in network.named_parameters():
        if parameter.requires_grad and name.partition(".")[0] not in PARTS:
            raise UsageError(f"parameter {name} lies in none of {', '.join(PARTS)}; move it into one of them")
    groups = []
    for part in PARTS:
        parameters = [p for p in getattr(network, part).parameters() if p.requires_grad]
        factor = 1.0 if part == "image_encoder" else config.prompt_and_decoder_factor
        if parameters:
            groups.append({"params": parameters, "lr": config.learning_rate * factor, "name": part})
    if not groups:
        raise UsageError(f"{type(network).__name__} has no parameter that needs a gradient; nothing to train")
    return AdamW(groups, weight_decay=config.weight_decay, betas=config.betas, fused=True)


def build_schedule(optimiser: torch.optim.Optimizer, config: ScheduleConfig, steps: int) -> LambdaLR:
    """Return torch's scheduler of the learning rates of `steps` optimiser steps."""
    return LambdaLR(optimiser, partial(schedule_factor, config, steps))


def schedule_factor(config: ScheduleConfig, steps: int, step: int) -> float:
    """Return what the learning rates are multiplied by in an optimiser step: a pure function of it.

    Args:
        config: The schedule.
        steps: Optimiser steps of the whole training.
        step: The step, from 0.
    """
    factor = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.kind == "multistep":
        factor *= config.gamma ** sum(step >= round(part * steps) for part in config.milestones)
    elif config.kind == "cosine":
        factor *= (1 + math.cos(math.pi * step / steps)) / 2
    return factor


def advance(schedule: LambdaLR) -> None:
    """Set the learning rates of the next step."""
    with warnings.catch_warnings():
        # A first step that loss scaling skips looks to torch as if the optimiser had been forgotten.
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step", category=UserWarning)
        schedule.step()

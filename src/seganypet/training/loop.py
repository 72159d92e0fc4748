"""The training loop: bounded by time, resumable, one checkpoint that is always whole."""

from __future__ import annotations

import copy
import json
import math
import pickle
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from seganypet.errors import SegAnyPETError
from seganypet.models.compact import CompactConfig, CompactSegmenter
from seganypet.training.episode import EpisodeConfig, Loss, run_episode
from seganypet.training.on_the_fly import FlyingConfig, SimulatedPatches
from seganypet.training.sampling import PatchStream, Sample, SamplingConfig, Seed, load_all


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """A training recipe.

    Attributes:
        architecture: Sizes of the network.
        sampling: How patches are drawn.
        episode: How clicks are simulated.
        batch_size: Patches per step.
        learning_rate: Peak of the schedule: linear warm-up, then a cosine to 0 over the time given.
        weight_decay: Of AdamW.
        warmup_steps: Steps of warm-up.
        clip_norm: Largest norm of the gradient.
        ema_decay: Of the moving average of the weights, which is what is shipped.
        minutes: Time to train.
        seed: Of everything random.
        on_the_fly: How scans are simulated while training; None: they are on disk.
    """

    architecture: CompactConfig = field(default_factory=CompactConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    episode: EpisodeConfig = field(default_factory=EpisodeConfig)
    batch_size: int = 4
    learning_rate: float = 6e-4
    weight_decay: float = 0.02
    warmup_steps: int = 150
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    minutes: float = 60.0
    seed: int = 0
    on_the_fly: FlyingConfig | None = None


@dataclass
class State:
    """Everything that changes while training; `average` holds the weights that are shipped."""

    model: CompactSegmenter
    average: CompactSegmenter
    optimiser: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0

    def dump(self, config: TrainingConfig) -> dict[str, Any]:
        """Return all of it, and the recipe, as a checkpoint."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "config": asdict(config),
        }


def train(
    run: Path,
    phantoms: Path | None,
    real: Path | None,
    config: TrainingConfig,
    *,
    resume: bool = False,
    log_every: int = 20,
) -> State:
    """Return the state after training for the time given; `run/checkpoint.pt` holds all of it.

    Args:
        run: Folder for checkpoint and log.
        phantoms: Folder of cases written by `save_case`; None where the recipe simulates on the fly.
        real: Folder of real cases, or None.
        config: The recipe.
        resume: Continue `run/checkpoint.pt`.
        log_every: Steps between lines of `run/log.jsonl`.

    Raises:
        SegAnyPETError: The loss is not finite, there are no cases, or there is a checkpoint that cannot be continued
            or is not to be (`resume`).
    """
    if config.on_the_fly is None and not load_all(phantoms):
        raise SegAnyPETError(
            f"{phantoms}: no training cases with targets; write some with save_case, or simulate on the fly"
        )
    if real is not None and not load_all(real):
        raise SegAnyPETError(f"{real}: no real cases with targets; give another folder, or none")
    run.mkdir(parents=True, exist_ok=True)
    state = _begin(run / "checkpoint.pt", config, resume)
    rng = np.random.default_rng([config.seed, state.step])
    loss, batches = dice_cross_entropy(), _batches(phantoms, real, config, (config.seed, state.step))
    saved, recent = time.monotonic(), []
    while state.seconds < config.minutes * 60:
        started = time.monotonic()
        value, scores = train_step(state, next(batches), loss, config, rng)
        recent.append((value, scores[0], scores[-1]))
        state.step += 1
        state.seconds += time.monotonic() - started
        if state.step % log_every == 0:
            _log(run / "log.jsonl", state, recent)
            recent = []
        if time.monotonic() - saved > 120:
            _save(run / "checkpoint.pt", state.dump(config))
            saved = time.monotonic()
    _save(run / "checkpoint.pt", state.dump(config))
    return state


def dice_cross_entropy() -> Loss:
    """Return Dice + cross-entropy on the sigmoid, squared predictions [P1 §3.3, P2 Methods]."""
    from monai.losses.dice import DiceCELoss

    loss: Loss = DiceCELoss(sigmoid=True, squared_pred=True)
    return loss


def fresh_state(config: TrainingConfig) -> State:
    """Return the state before the first step; its weights follow from the seed."""
    torch.manual_seed(config.seed)
    model = CompactSegmenter(config.architecture)
    model.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
    )
    return State(model, copy.deepcopy(model).requires_grad_(False), optimiser)


def _begin(checkpoint: Path, config: TrainingConfig, resume: bool) -> State:
    state = fresh_state(config)
    if not checkpoint.exists():
        return state
    if not resume:
        raise SegAnyPETError(f"{checkpoint} exists; continue it with --resume or choose another folder")
    stored = _load(checkpoint)
    if stored["config"]["architecture"] != asdict(config.architecture):
        raise SegAnyPETError(f"{checkpoint} holds a network of other sizes; choose another folder")
    now = asdict(config)
    for name in ("sampling", "on_the_fly"):
        if stored["config"].get(name) != now[name]:
            raise SegAnyPETError(
                f"{checkpoint} was trained with another {name}; resume with the same, or choose another folder"
            )
    state.model.load_state_dict(stored["model"])
    state.average.load_state_dict(stored["average"])
    state.optimiser.load_state_dict(stored["optimiser"])
    state.step, state.seconds = stored["step"], stored["seconds"]
    return state


def _load(checkpoint: Path) -> dict[str, Any]:
    try:
        stored: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        why = str(error).partition("\n")[0] or type(error).__name__
        raise SegAnyPETError(f"{checkpoint} cannot be read ({why}); remove it to start anew") from error
    return stored


def _batches(
    phantoms: Path | None, real: Path | None, config: TrainingConfig, seed: Seed
) -> Iterator[Sample]:
    stream: IterableDataset[Sample]
    if config.on_the_fly is not None:
        stream = SimulatedPatches(config.on_the_fly, config.sampling, seed, real=real)
    else:
        stream = PatchStream(phantoms, real, config.sampling, seed)
    if config.on_the_fly is not None and config.on_the_fly.device != "cpu":
        return iter(DataLoader(stream, batch_size=config.batch_size))
    return iter(DataLoader(stream, batch_size=config.batch_size, num_workers=1, prefetch_factor=4))


def train_step(
    state: State, batch: Sample, loss: Loss, config: TrainingConfig, rng: np.random.Generator
) -> tuple[float, list[float]]:
    """Train on one batch; return the loss and the Dice after each click."""
    for group in state.optimiser.param_groups:
        group["lr"] = _learning_rate(state, config)
    with torch.autocast("cpu", torch.bfloat16):
        total, scores = run_episode(state.model, batch, loss, config.episode, rng)
    _require_finite("loss", total, state)
    state.optimiser.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.clip_norm)
    _require_finite("gradient", norm, state)  # before it can reach weights and checkpoint
    state.optimiser.step()
    _update_average(state, config.ema_decay)
    return float(total.detach()), scores


def _require_finite(what: str, value: Tensor, state: State) -> None:
    if not torch.isfinite(value):
        raise SegAnyPETError(
            f"the {what} is {float(value.detach())} at step {state.step}; lower the learning rate and resume"
        )


def _learning_rate(state: State, config: TrainingConfig) -> float:
    done = min(1.0, state.seconds / (config.minutes * 60))
    return (
        config.learning_rate
        * min(1.0, (state.step + 1) / config.warmup_steps)
        * (1 + math.cos(math.pi * done))
        / 2
    )


def _update_average(state: State, decay: float) -> None:
    decay = min(decay, (1 + state.step) / (10 + state.step))
    averages: list[Tensor] = list(state.average.parameters())
    torch._foreach_lerp_(averages, [p.detach() for p in state.model.parameters()], 1 - decay)


def _log(path: Path, state: State, recent: list[tuple[float, float, float]]) -> None:
    loss, first, last = (float(np.mean(column)) for column in zip(*recent, strict=True))
    line = {"step": state.step, "minutes": round(state.seconds / 60, 2), "loss": round(loss, 4)}
    line |= {"dice_first_click": round(first, 4), "dice_last_click": round(last, 4)}
    with path.open("a") as log:
        log.write(json.dumps(line) + "\n")


def _save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint that survives a kill at any moment."""
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)

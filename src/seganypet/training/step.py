"""One optimiser step: gradients of several batches, checked before they can spoil anything, then the update."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seganypet.errors import TrainingError
from seganypet.training.distributed import Processes, without_averaging
from seganypet.training.loop_config import LoopConfig
from seganypet.training.optimisation import advance
from seganypet.training.outcome import Outcome
from seganypet.training.sample import Sample
from seganypet.training.state import State, update_average

_AUTOCAST = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# Loss scaling halves at each: from 65,536 they lead below 1e-4, where the scale is not what is wrong.
_MOST_SKIPPED_IN_A_ROW = 30
TERMS = "terms/"


class _Seen(NamedTuple):
    """What one batch of a step gave."""

    outcome: Outcome
    seeds: Tensor

    def numbers(self) -> dict[str, float]:
        terms = {TERMS + name: float(term) for name, term in self.outcome.terms.items()}
        return {"loss": float(self.outcome.loss.detach()), **terms, "samples": len(self.seeds)}


def take_step(
    state: State,
    model: nn.Module,
    batches: Iterator[Sample],
    config: LoopConfig,
    processes: Processes,
    *,
    wishes: Callable[[], tuple[bool, ...]],
    checkpoint: Path,
) -> tuple[bool, ...]:
    """Train for one step; return which wishes any process has.

    Args:
        state: Of the training; changed only where loss and gradient are finite. It is left as not `whole`, for the
            caller to finish.
        model: The objective, as `Processes.wrap` returned it.
        batches: Gives this process's next batches.
        config: How to train.
        processes: Those that train together.
        wishes: Asked, once the gradients are there, what this process would do after the step.
        checkpoint: Where the last good state lies, for the message.

    Raises:
        TrainingError: Loss or gradient is not finite, in any process, or there are no more batches. In float16,
            where that is usual now and then, the step is skipped instead, but not too many in a row.
        SegAnyPETError: A batch cannot be had, in any process.
    """
    torch.manual_seed(seed_of_step(config.seed, state.step, processes.rank))
    state.optimiser.zero_grad(set_to_none=True)
    seen = []
    for remaining in reversed(range(config.accumulation)):
        batch = processes.each(lambda: _next(batches, state, config))
        with nullcontext() if remaining == 0 else without_averaging(model):
            seen.append(_backward(state, model, batch, config, processes.device))
    state.scaler.unscale_(state.optimiser)
    parameters = [p for group in state.optimiser.param_groups for p in group["params"]]
    limit = math.inf if config.clip_norm is None else config.clip_norm
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, limit))
    numbers = [each.numbers() for each in seen]
    finite = math.isfinite(norm) and all(math.isfinite(each["loss"]) for each in numbers)
    broken, *shared = processes.any(not finite, *wishes())
    state.whole = False
    if not broken:
        _update(state, config)
    elif config.precision == "float16" and state.skipped_in_a_row < _MOST_SKIPPED_IN_A_ROW:
        state.skipped += 1
        state.skipped_in_a_row += 1
    else:
        own = [(each, one.seeds.tolist()) for each, one in zip(numbers, seen, strict=True)]
        found = [pair for pairs in processes.gather(own) for pair in pairs]
        raise TrainingError(_explained(found, norm, state, config, checkpoint))
    state.scaler.update()
    advance(state.schedule)
    state.step += 1
    for each in numbers:
        state.tally.add(each)
    state.tally.add({"gradient_norm": norm})
    return tuple(shared)


def seed_of_step(seed: int, step: int, rank: int) -> int:
    """Return the seed of torch's random numbers in a step: after a resume they are the same, dropout included."""
    digest = hashlib.blake2b(f"{seed} {step} {rank}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # 63 bits: torch takes what fits a signed integer


def _next(batches: Iterator[Sample], state: State, config: LoopConfig) -> Sample:
    batch = next(batches, None)
    if batch is None:
        raise TrainingError(f"the batches end in step {state.step} of {config.steps}; give enough of them")
    return batch


def _backward(
    state: State, model: nn.Module, batch: Sample, config: LoopConfig, device: torch.device
) -> _Seen:
    """Add a batch's part to the gradients."""
    on_device = Sample(*(field.to(device, non_blocking=True) for field in batch))
    dtype = _AUTOCAST[config.precision]
    with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
        outcome: Outcome = model(on_device, state.step)
    state.scaler.scale(outcome.loss / config.accumulation).backward()  # type: ignore[no-untyped-call]
    return _Seen(Outcome(outcome.loss.detach(), outcome.terms), batch.seed)


def _update(state: State, config: LoopConfig) -> None:
    """Change weights and average."""
    state.scaler.step(state.optimiser)
    state.skipped_in_a_row = 0
    if config.ema_decay is not None:
        update_average(state, config.ema_decay)


def _explained(
    found: list[tuple[dict[str, float], list[int]]],
    norm: float,
    state: State,
    config: LoopConfig,
    checkpoint: Path,
) -> str:
    """Return what was not finite in the batches of all processes, where, and what to do."""
    broken = [(numbers, seeds) for numbers, seeds in found if not math.isfinite(numbers["loss"])]
    what = f"the loss is {broken[0][0]['loss']}" if broken else f"the gradient's norm is {norm}"
    numbers = (broken or found)[0][0]
    terms = [f"{n.removeprefix(TERMS)} {value:g}" for n, value in numbers.items() if n.startswith(TERMS)]
    seeds = ", ".join(str(seed) for _, seeds in broken or found for seed in seeds)
    skipped = f" after {state.skipped_in_a_row} skipped steps" if state.skipped_in_a_row else ""
    again = (
        f"the last good checkpoint is {checkpoint}: resume to see whether it was the machine"
        if checkpoint.exists()
        else "there is no checkpoint yet: begin anew"
    )
    precision = "" if config.precision == "float32" else " or in float32"
    return (
        f"{what} in step {state.step}{skipped} (terms: {', '.join(terms) or 'none'}; sample seeds: {seeds}); "
        f"nothing of that step was kept; {again}; if it comes again, train with a lower learning rate{precision}"
    )

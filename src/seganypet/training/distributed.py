"""`Processes`: what a process of a training must know of the others, and how they agree."""

from __future__ import annotations

import gc
import importlib
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from seganypet.errors import SegAnyPETError, UsageError
from seganypet.models.device import device_named

T = TypeVar("T")
# While the first process reads a cohort of ten thousand scans, the others wait.
_PATIENCE = timedelta(hours=12)


@dataclass(frozen=True, kw_only=True)
class Processes:
    """The processes that train together. Alone (`world` 1) nothing is communicated.

    Attributes:
        rank: Which of them this is, from 0.
        world: How many there are.
        device: What this one computes on.
    """

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module, its gradients averaged over the processes whenever its forward runs.

        Which parameters an episode reaches differs between processes and steps: without a negative click, the
        embedding of negative clicks gets no gradient. So unused parameters are looked for in each step.
        """
        if self.world == 1:
            return module
        # In the channels-last layout, 1 x 1 x 1 kernels have strides that differ in name only: nothing to be warned of.
        warnings.filterwarnings(
            "ignore", message="Grad strides do not match bucket view", category=UserWarning
        )
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices, find_unused_parameters=True)

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Return for each flag whether it is set in any process."""
        if self.world == 1:
            return flags
        shared = torch.tensor(flags, dtype=torch.int32, device=self.device)
        dist.all_reduce(shared, op=dist.ReduceOp.MAX)
        return tuple(bool(flag) for flag in shared.tolist())

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes, by rank, in each of them."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def each(self, work: Callable[[], T]) -> T:
        """Do the work in each process; return what it gave in this one.

        Raises:
            SegAnyPETError: The work raised it in one of them; all raise the same, so that none waits for another.
        """
        if self.world == 1:
            return work()
        value: T | None = None
        failure: SegAnyPETError | None = None
        try:
            value = work()
        except SegAnyPETError as error:
            failure = error
        if self.any(failure is not None)[0]:
            raise next(found for found in self.gather(failure) if found is not None)
        return cast(T, value)

    def on_first(self, work: Callable[[], T]) -> T:
        """Do the work in the first process alone; return what it gave in all of them.

        Raises:
            SegAnyPETError: The work raised it; all processes raise the same.
        """
        value = self.each(lambda: work() if self.is_first else None)
        return cast(T, self.gather(value)[0])


ALONE = Processes()


def without_averaging(module: nn.Module) -> AbstractContextManager[None]:
    """Return a context in which gradients gather in each process: for all but the last part of a batch."""
    if isinstance(module, DistributedDataParallel):
        return cast(AbstractContextManager[None], module.no_sync())
    return nullcontext()


@contextmanager
def joined(device: str = "auto") -> Iterator[Processes]:
    """Give the processes that torchrun started together, or this one alone where it did not.

    Args:
        device: "auto", "cpu" or "cuda"; on "cuda" each process has the GPU of its local rank.

    Raises:
        UsageError: torchrun's variables are incomplete, or the device is not available.
    """
    world = _variable("WORLD_SIZE", 1)
    if world == 1:
        yield Processes(device=device_named(device))
        return
    rank, local_rank = _variable("RANK"), _variable("LOCAL_RANK")
    chosen = device_named(device)
    if chosen.type == "cuda":
        if torch.cuda.device_count() <= local_rank:
            raise UsageError(
                f"process {local_rank} of this machine has no GPU of its own, of {torch.cuda.device_count()}; "
                "start fewer with --nproc-per-node, or choose cpu"
            )
        chosen = torch.device("cuda", local_rank)
        torch.cuda.set_device(chosen)
    # Threads of a group that something still holds outlive it, and sometimes abort the interpreter while it ends. So:
    # loaded later, with the first DistributedDataParallel, this module would hold it as a default argument.
    importlib.import_module("torch.distributed.nn.functional")
    on_gpus = chosen.type == "cuda"
    dist.init_process_group(
        "nccl" if on_gpus else "gloo",
        rank=rank,
        world_size=world,
        device_id=chosen if on_gpus else None,
        timeout=_PATIENCE,
    )
    try:
        yield Processes(rank=rank, world=world, device=chosen)
    finally:
        gc.collect()  # models that hold it, in the cycles of errors and their tracebacks
        dist.destroy_process_group()


def _variable(name: str, default: int | None = None) -> int:
    text = os.environ.get(name)
    if text is None and default is not None:
        return default
    if text is None or not text.isdecimal():
        raise UsageError(
            f"the environment variable {name} is {text!r}; start several processes with torchrun"
        )
    return int(text)

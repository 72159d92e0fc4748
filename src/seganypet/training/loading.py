"""Batches of samples for one of several training processes, in an order that needs nothing but the step's number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from seganypet.errors import SegAnyPETError, UsageError
from seganypet.training.sample import Sample
from seganypet.training.shortage import shortage
from seganypet.training.stopping import leave_signals_to_the_loop


class BatchNumbers(Sampler[list[int]]):
    """The numbers of the samples of each batch of one process.

    Step t's micro-batch m of all processes together holds the numbers from (t * accumulation + m) * batch_size * world
    on, one process after the other: so `world` processes of `batch_size` see what one of `batch_size * world` sees.

    Args:
        batch_size: Samples of a micro-batch of one process.
        accumulation: Micro-batches of a step.
        first_step: Where to begin.
        steps: Where to end: the first step that is no longer wanted.
        rank: Number of this process.
        world: Number of processes.

    Raises:
        UsageError: A number that makes no sense.
    """

    def __init__(
        self, *, batch_size: int, accumulation: int, first_step: int, steps: int, rank: int, world: int
    ) -> None:
        if min(batch_size, accumulation, world) < 1 or min(first_step, steps) < 0 or not 0 <= rank < world:
            raise UsageError(
                f"batches of {batch_size} x {accumulation}, from step {first_step} to {steps}, for process {rank} of "
                f"{world}: counts must be 1 or more, steps 0 or more, and rank below world"
            )
        self.batch_size, self.rank, self.world = batch_size, rank, world
        self.micro_batches = range(first_step * accumulation, steps * accumulation)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the numbers of one batch after the other."""
        for micro_batch in self.micro_batches:
            first = (micro_batch * self.world + self.rank) * self.batch_size
            yield list(range(first, first + self.batch_size))

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.micro_batches)


def batches(
    dataset: Dataset[Sample],
    *,
    batch_size: int,
    accumulation: int,
    first_step: int,
    steps: int,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    pin_memory: bool = False,
) -> Iterator[Sample]:
    """Yield the micro-batches of the steps from `first_step` to before `steps`, in order.

    The same numbers give the same batches, whatever `workers` is. Workers compute on one thread each.

    Args:
        dataset: Gives sample n for any n from 0 on, always the same.
        batch_size: Samples of a micro-batch of one process.
        accumulation: Micro-batches of a step.
        first_step: Where to begin; to resume, the number of steps done.
        steps: Where to end.
        rank: Number of this process.
        world: Number of processes.
        workers: Processes that prepare samples beside this one; 0: they are prepared here.
        pin_memory: Whether batches lie in memory from which a GPU copies fast.

    Raises:
        UsageError: A number that makes no sense.
        SegAnyPETError: What a sample's preparation raised, wherever it was prepared.
        ShortageError: A worker was ended from outside, or memory ran out.
    """
    if workers < 0:
        raise UsageError(f"workers is {workers}; expected 0 or more")
    numbers = BatchNumbers(
        batch_size=batch_size,
        accumulation=accumulation,
        first_step=first_step,
        steps=steps,
        rank=rank,
        world=world,
    )
    loader: DataLoader[Any] = DataLoader(
        _Carrying(dataset),
        batch_sampler=numbers,
        num_workers=workers,
        pin_memory=pin_memory,
        collate_fn=_collate,
        prefetch_factor=4 if workers else None,
        worker_init_fn=leave_signals_to_the_loop,
    )
    return _checked(loader)


class _Carrying(Dataset[Any]):
    """A data set that returns its errors in place of samples: torch would bury the message in a traceback."""

    def __init__(self, dataset: Dataset[Sample]) -> None:
        self.dataset = dataset

    def __getitem__(self, number: int) -> Sample | SegAnyPETError:
        try:
            return self.dataset[number]
        except SegAnyPETError as error:
            return error


def _collate(samples: Sequence[Sample | SegAnyPETError]) -> Sample | SegAnyPETError:
    for sample in samples:
        if isinstance(sample, SegAnyPETError):
            return sample
    return cast(Sample, default_collate(list(samples)))


def _checked(loader: DataLoader[Any]) -> Iterator[Sample]:
    loaded = iter(loader)
    try:
        while (batch := _next(loaded)) is not None:
            if isinstance(batch, SegAnyPETError):
                raise batch
            yield batch
    finally:
        # torch does so when nothing refers to `loaded` any more, which the traceback of an error may do for long.
        if hasattr(loaded, "_shutdown_workers"):
            loaded._shutdown_workers()


def _next(loaded: Iterator[Any]) -> Sample | SegAnyPETError | None:
    """Return the next batch, or what a sample's preparation raised, or None after the last one."""
    try:
        found: Sample | SegAnyPETError | None = next(loaded, None)
    except (RuntimeError, MemoryError) as error:
        if (short := shortage(error)) is None:
            raise
        raise short from error
    return found

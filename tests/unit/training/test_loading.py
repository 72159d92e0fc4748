"""Batches: which numbers they hold, and that neither workers nor processes nor an interruption changes them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset, get_worker_info

from seganypet.errors import ImageReadError, TrainingError, UsageError
from seganypet.training.loading import batches
from seganypet.training.sample import Sample
from seganypet.training.shortage import shortage


class Numbers(Dataset):
    """Samples that hold their number."""

    def __init__(self, bad: int = -1) -> None:
        self.bad = bad

    def __getitem__(self, number: int) -> Sample:
        if number == self.bad:
            raise ImageReadError(f"sample {number} cannot be read; remove it")
        cube = torch.full((1, 2, 2, 2), float(number))
        flag = torch.tensor(torch.get_num_threads() == 1)
        return Sample(
            cube,
            cube > 0,
            cube > 0,
            flag,
            flag,
            torch.zeros(3).long(),
            torch.zeros(2, 3),
            torch.tensor(number),
        )


DEFAULTS = {"batch_size": 3, "accumulation": 2, "first_step": 0, "steps": 4}


def numbers(dataset=None, **options) -> list[list[int]]:
    loaded = batches(dataset or Numbers(), **{**DEFAULTS, **options})
    return [batch.seed.tolist() for batch in loaded]


def test_numbers_by_hand():
    assert numbers(steps=2) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert numbers(steps=2, rank=1, world=2) == [[3, 4, 5], [9, 10, 11], [15, 16, 17], [21, 22, 23]]


def test_processes_see_together_what_one_sees():
    ranks = [numbers(rank=rank, world=2) for rank in range(2)]
    together = [first + second for first, second in zip(*ranks, strict=True)]
    assert together == numbers(batch_size=6)


def test_resuming_continues_where_the_step_says():
    assert numbers(first_step=1) == numbers()[2:]
    assert numbers(first_step=4) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_the_same_batches_on_one_thread_each(workers):
    loaded = list(batches(Numbers(), **DEFAULTS, workers=workers))
    assert [batch.seed.tolist() for batch in loaded] == numbers()
    assert all(batch.hq.all() for batch in loaded)


def test_a_batch_is_a_sample_with_a_leading_axis():
    batch = next(batches(Numbers(), **DEFAULTS))
    assert isinstance(batch, Sample)
    assert batch.patch.shape == (3, 1, 2, 2, 2)
    assert batch.reference.dtype == torch.bool
    assert batch.box.shape == (3, 2, 3)


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_surface_as_they_were_raised(workers):
    loaded = batches(Numbers(bad=7), **DEFAULTS, workers=workers)
    assert [next(loaded).seed.tolist() for _ in range(2)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ImageReadError) as caught:
        next(loaded)
    assert str(caught.value) == "sample 7 cannot be read; remove it"


class Short(Numbers):
    """Sample 7 ends the process that prepares it, or asks for more memory than there is."""

    def __getitem__(self, number: int) -> Sample:
        if number == 7 and get_worker_info():
            os.kill(os.getpid(), signal.SIGKILL)
        elif number == 7:
            torch.empty(10**15)
        return super().__getitem__(number)


@pytest.mark.parametrize(
    ("workers", "text"),
    [
        (
            1,
            r"^a process that prepares patches was ended \(DataLoader worker \(pid.*; resume with fewer --workers, or",
        ),
        (
            0,
            r"^memory ran out \(.*can't allocate memory.*\); begin a new run with a lower batch_size and, .*or free",
        ),
    ],
)
def test_machine_that_falls_short_is_told_of_as_such(workers, text):
    with pytest.raises(TrainingError, match=text) as caught:
        list(batches(Short(), **DEFAULTS, workers=workers))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("signal_name", ["Terminated", "Alarm clock"])
def test_a_process_that_was_told_to_stop_is_not_short_of_memory(signal_name):
    reason = f"DataLoader worker (pid 7) is killed by signal: {signal_name}."
    assert str(shortage(RuntimeError(f"{reason} "))) == (
        f"a process that prepares patches was told to stop ({reason}) and the training was not; stop the training "
        "itself, and resume"
    )


class Faulty(Numbers):
    def __getitem__(self, number: int) -> Sample:
        raise RuntimeError("the size of tensor a must match")


@pytest.mark.parametrize("workers", [0, 1])
def test_faults_of_the_program_are_not(workers):
    with pytest.raises(RuntimeError, match="the size of tensor a must match"):
        list(batches(Faulty(), **DEFAULTS, workers=workers))
    assert shortage(ValueError("out of memory")) is None


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 0},
        {"accumulation": 0},
        {"first_step": -1},
        {"steps": -1},
        {"rank": 1},
        {"rank": -1},
        {"world": 0},
    ],
)
def test_refuses_numbers_that_make_no_sense(change):
    with pytest.raises(UsageError, match="counts must be 1 or more"):
        batches(Numbers(), **{**DEFAULTS, **change})


def test_closed_batches_leave_no_process():
    loaded = batches(Numbers(), **DEFAULTS, workers=1)
    next(loaded)
    assert multiprocessing.active_children()
    loaded.close()
    assert not multiprocessing.active_children()


class Groups(Dataset[int]):
    """Samples that tell the process group of the process that prepares them."""

    def __getitem__(self, number: int) -> int:
        return os.getpgid(0)


def test_signals_to_the_process_group_do_not_reach_the_data_loading_processes():
    loaded = batches(Groups(), **DEFAULTS, workers=1)
    assert os.getpgid(0) not in next(loaded).tolist()
    loaded.close()


_ABANDONED = """
from seganypet.training import stopping
from seganypet.training.loading import batches
from test_loading import DEFAULTS, Numbers
stopping._GRACE_S = 1
loaded = batches(Numbers(), **DEFAULTS | {"steps": 100}, workers=1)
next(loaded)
"""


def test_abandoned_batches_do_not_keep_python_from_ending():
    place = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", _ABANDONED], env=place, timeout=120, check=False)
    assert done.returncode == 0


def test_refuses_a_negative_number_of_workers():
    with pytest.raises(UsageError, match="workers is -1"):
        batches(Numbers(), **DEFAULTS, workers=-1)

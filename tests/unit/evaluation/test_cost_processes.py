"""Work in a process of its own: its result, its errors, its end, its memory."""

from __future__ import annotations

import os
import platform

import numpy as np
import pytest
import torch

from seganypet.errors import UsageError, WeightsError
from seganypet.evaluation import fresh_process
from seganypet.evaluation.fresh_process import in_fresh_process, peak_gpu_bytes, peak_resident_bytes


def facts(number: int) -> tuple[int, int, int, int | None]:
    return number, os.getpid(), torch.get_num_threads(), peak_resident_bytes()


def refuse() -> None:
    raise WeightsError("no such weights")


def test_the_result_is_of_another_process_with_its_own_threads_and_peak():
    held = np.ones(100_000_000)  # 800 MB that the other process does not hold
    number, process, threads, peak = in_fresh_process(facts, 7, threads=3)
    assert (number, threads) == (7, 3)
    assert process != os.getpid()
    if platform.system() == "Linux":
        assert 50e6 < peak < held.nbytes < peak_resident_bytes()


def test_an_error_comes_back_as_it_is():
    with pytest.raises(WeightsError, match=r"^no such weights$"):
        in_fresh_process(refuse)


def test_a_process_that_is_ended_from_outside_is_told():
    with pytest.raises(UsageError, match="want of memory; choose a smaller --shape"):
        in_fresh_process(os._exit, 9)


def test_where_the_system_does_not_tell_there_is_no_peak(monkeypatch):
    monkeypatch.setattr(fresh_process.platform, "system", lambda: "Windows")
    assert peak_resident_bytes() is None


def test_the_peak_of_a_gpu_is_of_that_gpu_and_no_other_device_has_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 100 + device.index)
    assert peak_gpu_bytes(torch.device("cuda:1")) == 101
    assert peak_gpu_bytes(torch.device("cpu")) is None

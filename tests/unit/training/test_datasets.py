"""Sample n is the same sample whenever, wherever and in whatever order it is asked for."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch
from torch.utils.data import Dataset

from seganypet.errors import UsageError
from seganypet.training.cohort import Cohort, read_cohort
from seganypet.training.cutting import PatchFormat
from seganypet.training.datasets import CohortPatches, MixedPatches
from seganypet.training.sampling import SamplingConfig
from small_cohorts import row, write

FORM = PatchFormat(patch_size=12, spacing_mm=5.0, normalisation="log1p", orientation="LAS")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Cohort:
    folder = tmp_path_factory.mktemp("cohort")
    rows = [row(folder, "a", seed=1, quality="hq"), row(folder, "b", seed=2, quality="lq")]
    return read_cohort([write(folder, *rows)], "train", folder / "cache")


def patches(cohort: Cohort, seed: int | tuple[int, ...] = 0) -> CohortPatches:
    return CohortPatches(cohort, FORM, SamplingConfig(hq_share=0.5), seed)


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_sample_is_a_function_of_seed_and_number(cohort):
    forwards = [patches(cohort)[n] for n in range(6)]
    dataset = patches(cohort)
    backwards = [dataset[n] for n in reversed(range(6))][::-1]
    assert all(same(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert not same(forwards[0], forwards[1])
    assert not same(forwards[0], patches(cohort, 1)[0])
    assert not same(patches(cohort, (0, 1))[0], patches(cohort, (0, 2))[0])


def test_seeds_of_samples_differ(cohort):
    dataset = patches(cohort)
    assert len({int(dataset[n].seed) for n in range(30)}) == 30
    assert {bool(dataset[n].hq) for n in range(30)} == {True, False}


def test_another_process_gives_the_same_sample(cohort):
    dataset = patches(cohort)
    dataset[0]  # opens files, which cannot be sent
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert same(pool.submit(dataset.__getitem__, 5).result(), dataset[5])


class Constant(Dataset):
    def __init__(self, value: int) -> None:
        self.value = value

    def __getitem__(self, number: int) -> tuple[int, int]:
        return self.value, number


@pytest.mark.parametrize("share", [0.0, 0.15, 1.0])
def test_mixed_samples_come_at_their_share_and_keep_their_number(share):
    mixed = MixedPatches(Constant(0), Constant(1), share, 0)
    drawn = [mixed[n] for n in range(1000)]
    assert [n for _, n in drawn] == list(range(1000))
    assert abs(sum(value for value, _ in drawn) / 1000 - share) < 0.05
    assert drawn == [mixed[n] for n in range(1000)]


def test_refuses_a_share_that_is_none():
    with pytest.raises(UsageError, match=r"share is 1\.5"):
        MixedPatches(Constant(0), Constant(1), 1.5, 0)

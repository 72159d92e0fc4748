"""Patches of scans simulated while training: pure, and nothing simulated twice in the common case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seganypet.errors import ImageReadError, UsageError
from seganypet.phantom import PhantomConfig, StreamConfig, procedural_anatomy
from seganypet.training import on_the_fly
from seganypet.training.cases import Target
from seganypet.training.cohort import read_cohort
from seganypet.training.cutting import PatchFormat
from seganypet.training.datasets import CohortPatches, MixedPatches
from seganypet.training.loading import batches
from seganypet.training.on_the_fly import FlyingConfig, SimulatedPatches, choose_target
from seganypet.training.sampling import SamplingConfig
from small_cohorts import row, write

PHANTOM = PhantomConfig(spacing_mm=(12.0, 12.0, 12.0), tracer="mixed", lesion_count=(6, 12))
STREAM = StreamConfig(phantom=PHANTOM, shape=(32, 20, 28), blocks_per_patient=2, patients_per_body=1)
CONFIG = FlyingConfig(stream=STREAM, patches_per_block=2, lanes=2)
FORM = PatchFormat(patch_size=16, spacing_mm=12.0, normalisation="log1p")


def patches(config=CONFIG, seed=1, **options) -> SimulatedPatches:
    return SimulatedPatches(config, FORM, SamplingConfig(), seed, **options)


@pytest.fixture(scope="module")
def first() -> list:
    """Samples 0 to 13: of each of two lanes, patches of both blocks of a body, and of the next body."""
    dataset = patches()
    return [dataset[n] for n in range(14)]


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_patches_hold_their_target_at_the_anchor(first):
    for sample in first:
        assert sample.patch.shape == sample.reference.shape == (1, 16, 16, 16)
        assert sample.reference[(0, *sample.anchor.tolist())]
        assert sample.hq
        assert torch.equal(sample.clean, sample.reference)
        assert torch.isfinite(sample.patch).all()


def test_any_order_gives_the_same_samples(first):
    """Also back within a body, and on to the middle of the next one."""
    dataset = patches()
    for number in (4, 0, 12, 7, 2, 11):
        assert same(dataset[number], first[number])


def test_another_seed_gives_other_samples(first):
    assert not same(patches(seed=2)[0], first[0])


@pytest.fixture
def rendered(monkeypatch) -> list[int]:
    """Seeds of the blocks that were rendered."""
    seeds: list[int] = []
    real = on_the_fly.render_blocks

    def noting(batch, spacing_mm, device):
        seeds.extend(block.seed for block in batch)
        return real(batch, spacing_mm, device)

    monkeypatch.setattr(on_the_fly, "render_blocks", noting)
    return seeds


def test_no_block_is_rendered_twice_and_each_gives_its_patches(rendered):
    dataset = patches(replace(CONFIG, patches_per_block=3))
    for n in range(12):
        dataset[n]
    assert len(rendered) == len(set(rendered))
    assert 4 <= len(rendered) <= 5  # 12 patches of 2 lanes; a block without a target costs one more


def test_two_workers_share_the_lanes_without_rendering_twice(rendered):
    """Batches of 1 in turn: worker 0 gets the even numbers, which are lane 0's, and worker 1 the odd ones."""
    for worker in range(2):
        dataset = patches()
        for number in range(worker, 12, 2):
            dataset[number]
    assert len(rendered) == len(set(rendered))


def test_lanes_begin_at_different_blocks(rendered):
    dataset = patches(replace(CONFIG, patches_per_block=50))
    positions = []
    real = dataset._blocks.case_from
    dataset._blocks.case_from = lambda lane, at: positions.append((lane, at)) or real(lane, at)
    dataset[0], dataset[1], dataset[2]
    assert positions == [(0, 0), (1, 1), (0, 0)]


def test_blocks_rendered_together_give_the_same_patches(first):
    together = patches(replace(CONFIG, batch=2))
    for number, one in enumerate(first[:6]):
        torch.testing.assert_close(together[number].patch, one.patch)


def test_workers_give_the_same_batches(first):
    numbers = {"batch_size": 2, "accumulation": 1, "first_step": 1, "steps": 3}
    loaded = list(batches(patches(), **numbers, workers=2))
    assert torch.equal(loaded[0].patch, torch.stack([first[2].patch, first[3].patch]))
    assert torch.equal(loaded[1].seed, torch.stack([first[4].seed, first[5].seed]))


def test_real_cases_can_be_mixed_in(tmp_path, first):
    cohort = read_cohort([write(tmp_path, row(tmp_path, "a"))], "train", tmp_path / "cache")
    real = CohortPatches(cohort, FORM, SamplingConfig(), 1)
    mixed = MixedPatches(patches(), real, 0.5, 1)
    kinds = {same(mixed[n], first[n]) for n in range(8)}
    assert kinds == {True, False}


def test_gives_up_where_no_block_holds_a_target():
    config = replace(CONFIG, stream=replace(STREAM, shape=(1, 1, 1), blocks_per_patient=60))
    with pytest.raises(UsageError, match=r"50 blocks of \(1, 1, 1\) voxels without any target"):
        patches(config)[0]


def test_balanced_choice_within_a_block():
    def target(name, kind, volume_ml):
        return Target(name, kind, (1,), (0,) * 3, (9,) * 3, None, 9, volume_ml)

    targets = [target("liver", "organ", 900.0), target("lesion", "lesion", 60.0)]
    targets += [target("lesion", "lesion", 0.1)] * 8
    rng = np.random.default_rng(0)
    drawn = [choose_target(targets, 0.6, rng).volume_ml for _ in range(2000)]
    for volume_ml, share in ((900.0, 0.4), (60.0, 0.3), (0.1, 0.3)):
        assert abs(np.mean(np.array(drawn) == volume_ml) - share) < 0.05
    assert {choose_target(targets[1:], 0.0, rng).kind for _ in range(5)} == {"lesion"}
    assert {choose_target(targets[:1], 1.0, rng).kind for _ in range(5)} == {"organ"}


def test_organs_named_more_often_are_drawn_more_often():
    targets = [Target(name, "organ", (1,), (0,) * 3, (9,) * 3, None, 9, 1.0) for name in ("liver", "aorta")]
    rng = np.random.default_rng(0)
    drawn = [choose_target(targets, None, rng, {"liver": 3}).name for _ in range(2000)]
    assert abs(drawn.count("liver") / 2000 - 0.75) < 0.05


def test_lanes_have_voxel_sizes_in_turn():
    config = replace(CONFIG, spacings_mm=(12.0, 8.0), lanes=3)
    dataset = patches(config)
    for lane, edge_mm in ((0, 12.0), (1, 8.0), (2, 12.0)):
        case = dataset._blocks.case_from(lane, 0)
        assert case.affine[0, 0] == edge_mm
        assert case.suv.shape == STREAM.shape
        assert dataset[lane].reference.any()


def test_some_bodies_are_those_of_label_maps(monkeypatch, tmp_path):
    path, made = tmp_path / "body.nii.gz", []
    path.touch()

    def noted(path, seed, *, spacing_mm):
        made.append((path, tuple(spacing_mm)))
        return procedural_anatomy(np.random.default_rng(seed), spacing_mm=spacing_mm)

    monkeypatch.setattr(on_the_fly, "read_anatomy", noted)
    config = replace(CONFIG, anatomies=(str(path),), given_share=0.5, patches_per_block=1)
    dataset = patches(config)
    one = [dataset[n] for n in range(24)]  # six bodies of each lane
    assert 2 <= len(made) <= 10
    assert set(made) == {(path, (12.0, 12.0, 12.0))}
    again = patches(config)
    assert all(same(again[n], one[n]) for n in (23, 5))


def test_refuses_a_label_map_that_is_not_there():
    with pytest.raises(ImageReadError, match=r"gone\.nii\.gz: no such label map"):
        patches(replace(CONFIG, anatomies=("gone.nii.gz",)))


def test_targets_are_those_of_the_configuration_or_of_the_recipe():
    few = patches(replace(CONFIG, names=("liver", "lesion")))
    assert {t.name for t in few._blocks.case_from(0, 0).targets} <= {"liver", "lesion"}
    fewer = patches(replace(CONFIG, names=("liver", "lesion")), names=("lesion",))
    assert {t.name for t in fewer._blocks.case_from(0, 0).targets} == {"lesion"}
    with pytest.raises(UsageError, match="'livr': no simulated body has it"):
        patches(replace(CONFIG, names=("livr",)))


@pytest.mark.parametrize(
    ("change", "text"), [({"given_share": 1.5}, "given_share=1.5"), ({"spacings_mm": (0.5,)}, "spacing_mm")]
)
def test_refuses_settings_that_make_no_sense(change, text):
    with pytest.raises(UsageError, match=text):
        replace(CONFIG, **change)


@pytest.mark.parametrize("name", ["patches_per_block", "lanes", "batch"])
def test_refuses_counts_below_one(name):
    with pytest.raises(UsageError, match="must be 1 or more"):
        replace(CONFIG, **{name: 0})


def test_refuses_to_render_on_a_gpu_in_workers():
    numbers = {"batch_size": 1, "accumulation": 1, "first_step": 0, "steps": 1}
    with pytest.raises(UsageError, match="use 0 workers"):
        next(batches(patches(replace(CONFIG, device="cuda")), **numbers, workers=1))

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from seganypet.errors import SegAnyPETError, UsageError
from seganypet.phantom import PhantomConfig, StreamConfig
from seganypet.training.loop import train
from seganypet.training.on_the_fly import FlyingConfig, SimulatedPatches
from seganypet.training.sampling import SamplingConfig

PHANTOM = PhantomConfig(spacing_mm=(8.0, 8.0, 8.0), tracer="mixed", lesion_count=(6, 12))
CONFIG = FlyingConfig(stream=StreamConfig(phantom=PHANTOM, shape=(48, 32, 40)), patches_per_block=3, pool=2)
SAMPLING = SamplingConfig(patch_size=32)


def samples(count, seed=1, **options):
    return list(islice(SimulatedPatches(CONFIG, SAMPLING, seed, **options), count))


def test_patches_hold_their_target_at_the_anchor():
    for sample in samples(12):
        assert sample.patch.shape == sample.reference.shape == (1, 32, 32, 32)
        assert sample.reference[(0, *sample.anchor.tolist())]
        assert torch.isfinite(sample.patch).all()


def test_same_seed_gives_the_same_patches_and_another_seed_others():
    first, second, other = samples(8), samples(8), samples(8, seed=2)
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a.patch, b.patch)
        assert torch.equal(a.reference, b.reference)
    assert not all(torch.equal(a.patch, b.patch) for a, b in zip(first, other, strict=True))


def test_real_cases_come_in_at_their_share(cases):
    stream = SimulatedPatches(CONFIG, replace(SAMPLING, real_share=0.5), 1, real=cases)
    # the folder's one case is made of few values
    real = [sample.patch.unique().numel() < 2000 for sample in islice(stream, 60)]
    assert 0.3 < np.mean(real) < 0.7


def test_blocks_rendered_together_give_the_same_patches():
    together = SimulatedPatches(replace(CONFIG, batch=2), SAMPLING, 1)
    for one, other in zip(samples(6), together, strict=False):
        torch.testing.assert_close(one.patch, other.patch)


def test_gives_up_where_no_block_holds_a_target():
    config = replace(CONFIG, stream=replace(CONFIG.stream, shape=(1, 1, 1)))
    with pytest.raises(UsageError, match=r"blocks of \(1, 1, 1\) voxels without any target"):
        next(iter(SimulatedPatches(config, SAMPLING, 1)))


def test_refuses_an_empty_folder_of_real_cases(tmp_path, tiny_recipe):
    with pytest.raises(SegAnyPETError, match="no real cases"):
        train(tmp_path / "run", None, tmp_path / "nothing", replace(tiny_recipe, on_the_fly=CONFIG))


def test_resumes_only_what_it_began(tmp_path, tiny_recipe):
    recipe = replace(tiny_recipe, on_the_fly=CONFIG, sampling=SAMPLING, minutes=0.3 / 60)
    train(tmp_path / "run", None, None, recipe)
    other = replace(recipe, on_the_fly=replace(CONFIG, pool=3))
    with pytest.raises(SegAnyPETError, match="another on_the_fly"):
        train(tmp_path / "run", None, None, other, resume=True)


def test_trains_without_a_case_on_disk(tmp_path, tiny_recipe):
    recipe = replace(tiny_recipe, on_the_fly=CONFIG, sampling=SAMPLING, minutes=0.5 / 60)
    state = train(tmp_path / "run", None, None, recipe)
    assert state.step >= 1
    assert (tmp_path / "run" / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pool": 0}, "must be 1 or more"),
        ({"stream": StreamConfig(phantom=PhantomConfig(spacing_mm=(4.0, 4.0, 3.0)))}, "cubic voxels"),
    ],
)
def test_refuses_what_cannot_be_trained_on(change, message):
    with pytest.raises(UsageError, match=message):
        replace(CONFIG, **change)

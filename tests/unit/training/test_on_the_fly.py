from dataclasses import replace
from itertools import islice

import pytest
import torch

from seganypet.errors import UsageError
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
    stream = SimulatedPatches(CONFIG, replace(SAMPLING, real_share=1.0), 1, real=cases)
    for sample in islice(stream, 4):
        # the folder's one case has background 0.2, a lesion of 5.2 and an organ of 2.2
        assert sample.patch.unique().numel() < 2000


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

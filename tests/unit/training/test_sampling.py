"""Patches to train on: the anchor stays in the target, and mask and image stay together."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from seganypet.training.cases import CachedCase, load_case, save_case
from seganypet.training.sampling import PatchStream, Sample, SamplingConfig, draw_sample, load_all

SHAPE = (40, 36, 44)
P = 16


@pytest.fixture(scope="module")
def thin(tmp_path_factory) -> CachedCase:
    """Targets that are easily lost: lines one voxel thick, voxels at the corners, a sheet."""
    parts, lesions = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    parts[:, 5, 5] = 1
    parts[20, :, 30] = 2
    parts[:, :, -1] = 3
    lesions[0, 0, :4] = 1
    lesions[-4:, -1, 0] = 2
    lesions[20:22, 20:22, 20] = 3
    folder = tmp_path_factory.mktemp("thin")
    save_case(folder, np.ones(SHAPE), parts, lesions, {"a": [1], "b": [2], "c": [3]}, 4.0)
    return load_case(folder)


@pytest.fixture(scope="module")
def ball(tmp_path_factory) -> CachedCase:
    """A ball of SUV 10 in nothing."""
    lesion = ((np.indices((64,) * 3) - 31.5) ** 2).sum(0) <= 36
    folder = tmp_path_factory.mktemp("ball")
    save_case(folder, 10.0 * lesion, np.zeros((64,) * 3, np.uint8), lesion.astype(np.uint8), {}, 4.0)
    return load_case(folder)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, 100_000), st.sampled_from([(0.75, 1.3), (1.3, 1.3), (0.5, 0.5), (2.0, 2.0), (1.0, 1.0)])
)
def test_anchor_is_always_inside_the_reference(thin, seed, zoom):
    sample = draw_sample(thin, SamplingConfig(patch_size=P, zoom=zoom), np.random.default_rng(seed))
    assert sample.patch.shape == sample.reference.shape == (1, P, P, P)
    assert sample.patch.dtype == torch.float32
    assert sample.reference.dtype == torch.bool
    i, j, k = sample.anchor.tolist()
    assert sample.reference[0, i, j, k]


@pytest.mark.parametrize("zoom", [0.75, 1.0, 1.17, 1.3])
def test_mask_and_image_have_the_same_centre_at_every_scale(ball, zoom):
    """Also under flips: a mask shifted by half a voxel against the image would show here."""
    config = SamplingConfig(patch_size=40, zoom=(zoom, zoom))
    sizes = set()
    for seed in range(24):
        sample = draw_sample(ball, config, np.random.default_rng(seed))
        uptake, reference = np.expm1(sample.patch[0].numpy()), sample.reference[0].numpy()
        if any(reference.take(face, axis).any() for axis in range(3) for face in (0, -1)):
            continue  # cut off by the patch
        np.testing.assert_allclose(
            ndimage.center_of_mass(uptake), ndimage.center_of_mass(reference), atol=0.25
        )
        radius = float(np.cbrt(reference.sum() / (4 / 3 * np.pi)))
        sizes.add(min((6.0, 6 / zoom), key=lambda expected, radius=radius: abs(radius - expected)))
        assert min(abs(radius - 6.0), abs(radius - 6 / zoom)) < 0.3
    assert sizes == {6.0, 6 / zoom}  # about every second patch is scaled


def test_uptake_is_scaled_as_a_whole(ball):
    config = SamplingConfig(patch_size=P, zoom=(1.0, 1.0), uptake_scale=0.5)
    peaks = [
        float(np.expm1(draw_sample(ball, config, np.random.default_rng(s)).patch.max().item()))
        for s in range(200)
    ]
    logs = np.log(np.array(peaks) / 10)
    assert abs(logs.mean()) < 0.15
    assert 0.4 < logs.std() < 0.6


def test_uptake_without_scaling_is_the_cases_own(ball):
    config = SamplingConfig(patch_size=P, zoom=(1.0, 1.0), uptake_scale=0.0)
    sample = draw_sample(ball, config, np.random.default_rng(0))
    assert float(sample.patch.max()) == pytest.approx(np.log(11))
    assert torch.equal(sample.reference, sample.patch > 1)


def test_most_patches_lie_around_the_anchor_and_some_beside_it(ball):
    config = SamplingConfig(patch_size=32)
    distances = [
        (draw_sample(ball, config, np.random.default_rng(s)).anchor - 15.5).abs().max().item()
        for s in range(200)
    ]
    assert max(distances) <= 32 * 3 / 8 + 1
    near = np.mean([d <= 32 / 16 + 1 for d in distances])
    assert 0.65 < near < 0.9


def brightness(sample: Sample) -> float:
    return round(float(np.expm1(sample.patch[sample.reference].max().item())), 1)


@pytest.fixture
def mixed(tmp_path) -> Path:
    """A case with an organ of SUV 2 and a lesion of SUV 5, and one without any target."""
    parts, lesions = np.zeros((24,) * 3, np.uint8), np.zeros((24,) * 3, np.uint8)
    parts[2:8, 2:8, 2:8] = 1
    lesions[14:20, 14:20, 14:20] = 1
    save_case(tmp_path / "a", 2.0 * (parts > 0) + 5.0 * (lesions > 0), parts, lesions, {"liver": [1]}, 4.0)
    nothing = np.zeros((8,) * 3, np.uint8)
    save_case(tmp_path / "b", np.ones((8,) * 3), nothing, nothing, {}, 4.0)
    return tmp_path


@pytest.mark.parametrize(("share", "expected"), [(0.0, {2.0}), (1.0, {5.0}), (0.5, {2.0, 5.0})])
def test_lesion_share(mixed, share, expected):
    config = SamplingConfig(patch_size=8, zoom=(1.0, 1.0), uptake_scale=0.0, lesion_share=share)
    case, rng = load_case(mixed / "a"), np.random.default_rng(0)
    assert {brightness(draw_sample(case, config, rng)) for _ in range(30)} == expected


def test_cases_without_targets_are_left_out(mixed):
    assert len(load_all(mixed)) == 1
    assert load_all(None) == []


def test_folders_that_are_not_complete_are_left_out(mixed):
    (mixed / "a" / "case.json").unlink()
    assert load_all(mixed) == []


def stream(folder: Path, real: Path | None = None, seed: int = 0, **settings) -> PatchStream:
    config = SamplingConfig(patch_size=8, zoom=(1.0, 1.0), uptake_scale=0.0, **settings)
    return PatchStream(folder, real, config, seed)


def test_same_seed_gives_the_same_patches(mixed):
    one, same, other = (list(islice(stream(mixed, seed=s), 5)) for s in (1, 1, 2))
    assert all(torch.equal(a.patch, b.patch) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a.patch, b.patch) for a, b in zip(one, other, strict=True))


def save_block(folder: Path, suv: float) -> None:
    lesion = np.ones((6,) * 3, np.uint8)
    save_case(folder, suv * lesion, np.zeros_like(lesion), lesion, {}, 4.0)


def test_share_of_real_cases(tmp_path):
    save_block(tmp_path / "phantoms" / "p", 1.0)
    save_block(tmp_path / "real" / "r", 3.0)
    drawn = islice(stream(tmp_path / "phantoms", tmp_path / "real", real_share=0.25), 199)
    assert 0.15 < np.mean([brightness(s) == 3.0 for s in drawn]) < 0.35
    drawn = islice(stream(tmp_path / "phantoms", None, real_share=1.0), 5)
    assert {brightness(s) for s in drawn} == {1.0}


def test_cases_that_appear_later_join_in(tmp_path):
    save_block(tmp_path / "early", 1.0)
    samples = iter(stream(tmp_path))
    next(samples)
    save_block(tmp_path / "later", 3.0)
    assert {brightness(s) for s in islice(samples, 199)} == {1.0}
    assert {brightness(s) for s in islice(samples, 50)} == {1.0, 3.0}

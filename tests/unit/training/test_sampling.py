"""Patches to train on: the anchor stays in the target, and mask and image stay together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from seganypet.errors import UsageError
from seganypet.training.cases import CachedCase, targets_of
from seganypet.training.cutting import PatchFormat
from seganypet.training.sample import Sample
from seganypet.training.sampling import SamplingConfig, draw_sample

SHAPE = (40, 36, 44)
P = 16
AFFINE = np.array([[-4.0, 0, 0, 0], [0, 3, 0, 0], [0, 0, 5, 0], [0, 0, 0, 1]])
FORM = PatchFormat(patch_size=P, spacing_mm=4.0, normalisation="log1p")
PLAIN = SamplingConfig(zoom_share=0, uptake_scale=0, near=0, beside_share=0, flips=False, box_jitter=0)


def case_of(suv, reference=None, lesions=None, affine=AFFINE, labels=None, **more) -> CachedCase:
    targets, _ = targets_of(reference, lesions, labels or {}, affine, find_deepest=True)
    return CachedCase(
        suv=suv, reference=reference, lesions=lesions, affine=affine, targets=tuple(targets), **more
    )


def draw(case: CachedCase, seed: int, config=PLAIN, form=FORM, target=0) -> Sample:
    return draw_sample(case, case.targets[target], form, config, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def thin() -> CachedCase:
    """Targets that are easily lost: lines one voxel thick, voxels at the corners, a sheet."""
    parts, lesions = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    parts[:, 5, 5] = 1
    parts[20, :, 30] = 2
    parts[:, :, -1] = 3
    lesions[0, 0, :4] = 1
    lesions[-4:, -1, 0] = 2
    lesions[20:22, 20:22, 20] = 3
    suv = np.ones(SHAPE, np.float16)
    return case_of(suv, parts, lesions, labels={"a": [1], "b": [2], "c": [3]})


@pytest.fixture(scope="module")
def ball() -> CachedCase:
    """A ball of SUV 10 in nothing, on voxels of 4 mm."""
    lesion = ((np.indices((64,) * 3) - 31.5) ** 2).sum(0) <= 36
    return case_of(10.0 * lesion, lesions=lesion.astype(np.uint8), affine=np.diag([4.0, 4, 4, 1]))


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, 100_000),
    st.integers(0, 5),
    st.sampled_from([(0.75, 1.3), (0.5, 0.5), (2.0, 2.0)]),
    st.sampled_from([1.5, 4.0, 9.0]),
)
def test_anchor_and_box_always_hold_the_reference(thin, seed, target, zoom, spacing_mm):
    config = SamplingConfig(zoom=zoom)
    sample = draw(thin, seed, config, replace(FORM, spacing_mm=spacing_mm), target)
    assert sample.patch.shape == sample.reference.shape == sample.clean.shape == (1, P, P, P)
    assert sample.patch.dtype == sample.box.dtype == torch.float32
    assert sample.reference.dtype == sample.clean.dtype == sample.hq.dtype == torch.bool
    assert sample.anchor.dtype == sample.seed.dtype == torch.int64
    i, j, k = sample.anchor.tolist()
    assert sample.reference[0, i, j, k]
    first, last = sample.box
    assert (first >= 0).all()
    assert (first <= last).all()
    assert (last <= P - 1).all()


@pytest.mark.parametrize("zoom", [0.75, 1.0, 1.17, 1.3])
def test_mask_and_image_have_the_same_centre_at_every_scale(ball, zoom):
    """Also under flips: a mask shifted by half a voxel against the image would show here."""
    config = SamplingConfig(zoom=(zoom, zoom))
    sizes = set()
    for seed in range(24):
        sample = draw(ball, seed, config, replace(FORM, patch_size=40))
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
    config = replace(PLAIN, uptake_scale=0.5)
    peaks = [float(np.expm1(draw(ball, s, config).patch.max().item())) for s in range(200)]
    logs = np.log(np.array(peaks) / 10)
    assert abs(logs.mean()) < 0.15
    assert 0.4 < logs.std() < 0.6


def test_uptake_without_scaling_is_the_cases_own(ball):
    sample = draw(ball, 0)
    assert float(sample.patch.max()) == pytest.approx(np.log(11))
    assert torch.equal(sample.reference, sample.patch > 1)


def test_normalisation_is_the_networks(ball):
    sample = draw(ball, 0, form=replace(FORM, normalisation="zscore_positive"))
    assert float(sample.patch.max()) == 0  # all positive voxels are equal
    assert float(sample.patch.min()) == pytest.approx(-10)


def test_most_patches_lie_around_the_anchor_and_some_beside_it(ball):
    form = replace(FORM, patch_size=32)
    distances = [
        (draw(ball, s, SamplingConfig(zoom_share=0), form).anchor - 15.5).abs().max().item()
        for s in range(200)
    ]
    assert max(distances) <= 32 * 3 / 8 + 1
    near = np.mean([d <= 32 / 16 + 1 for d in distances])
    assert 0.65 < near < 0.9


def test_patches_may_be_centred_by_depth_or_by_any_voxel(ball):
    deepest = draw(ball, 0, replace(PLAIN, deepest_share=1.0))
    assert deepest.anchor.tolist() == [P // 2] * 3
    reference = deepest.reference[0].numpy()
    depth = ndimage.distance_transform_edt(reference)
    assert depth[P // 2, P // 2, P // 2] == depth.max()
    centres = np.array(
        [
            ndimage.center_of_mass(draw(ball, s, replace(PLAIN, deepest_share=0.0)).patch[0].numpy())
            for s in range(100)
        ]
    )
    assert (
        centres.std(axis=0).min() > 1
    )  # of a ball of radius 6 it is 6 / sqrt(5) = 2.7, if all of it is in the patch


def test_any_voxel_has_the_same_chance():
    """A line of SUV 1, 2, 3, ... : what lies in the patch's middle says which voxel was chosen."""
    line = np.zeros((20, 20, 20), np.uint8)
    line[4:14, 10, 10] = 1
    suv = np.zeros(line.shape)
    suv[4:14, 10, 10] = np.arange(1, 11)
    case = case_of(suv, lesions=line, affine=np.diag([4.0, 4, 4, 1]))
    config = replace(PLAIN, deepest_share=0.0)
    form = replace(FORM, patch_size=8)
    middles = [round(np.expm1(draw(case, s, config, form).patch[0, 4, 4, 4].item())) for s in range(400)]
    counts = np.bincount(middles, minlength=11)[1:]
    assert counts.sum() == 400
    assert counts.min() > 20  # 40 expected each


def test_flips_take_all_three_axes_and_the_box_and_anchor_with_them():
    lesions = np.zeros((20,) * 3, np.uint8)
    lesions[10:13, 10:11, 10:12] = 1
    case = case_of(1.0 + lesions, lesions=lesions, affine=np.diag([4.0, 4, 4, 1]))
    config = replace(PLAIN, flips=True, deepest_share=1.0)
    corners = set()
    for seed in range(60):
        sample = draw(case, seed, config)
        i, j, k = sample.anchor.tolist()
        assert sample.reference[0, i, j, k]
        voxels = torch.nonzero(sample.reference[0])
        assert torch.equal(sample.box, torch.stack([voxels.amin(0), voxels.amax(0)]).float())
        assert torch.equal(sample.reference, sample.patch > np.log(2.5))
        corners.add(tuple(int(c) > P // 2 - 1 for c in sample.anchor))
    assert len(corners) == 8


def test_box_is_jittered():
    lesions = np.zeros((24,) * 3, np.uint8)
    lesions[8:16, 8:16, 8:16] = 1
    case = case_of(1.0 + lesions, lesions=lesions, affine=np.diag([4.0, 4, 4, 1]))
    boxes = {tuple(draw(case, s, replace(PLAIN, box_jitter=0.2)).box.flatten().tolist()) for s in range(10)}
    assert len(boxes) > 5


def test_quality_and_truth_come_with_the_patch():
    parts = np.zeros((24,) * 3, np.uint8)
    parts[8:14, 8:14, 8:14] = 1
    affine = np.diag([4.0, 4, 4, 1])
    noisy = case_of(
        1.0 + parts, parts, affine=affine, labels={"a": [1]}, clean=np.roll(parts, 2, 1), hq=False
    )
    sample = draw(noisy, 0)
    assert not sample.hq
    assert torch.equal(sample.clean, sample.reference.roll(2, 2))
    flipped = [draw(noisy, s, replace(PLAIN, flips=True)) for s in range(10)]
    ways = {
        int((torch.nonzero(s.clean[0]) - torch.nonzero(s.reference[0])).float().mean(0)[1]) for s in flipped
    }
    assert ways == {-2, 2}
    exact = draw(replace(noisy, clean=None, hq=True), 0)
    assert exact.hq
    assert torch.equal(exact.clean, exact.reference)


def test_targets_are_shown_at_the_scales_that_their_length_fits():
    """On patches of 64 mm: finer where it fills at most 24 mm of 32, coarser where it is longer than 32 mm."""
    config, drawn = replace(PLAIN, scales=(0.5, 1.0, 2.0)), {}
    for edge, fitting in ((4, {0.5, 1.0}), (7, {1.0}), (9, {1.0, 2.0})):
        lesion = np.zeros((40,) * 3, np.uint8)
        lesion[16 : 16 + edge, 18:21, 18:21] = 1
        case = case_of(1.0 * lesion, lesions=lesion, affine=np.diag([4.0, 4, 4, 1]))
        volumes = [int(draw(case, seed, config).reference.sum()) for seed in range(30)]
        at_one = edge * 9
        found = {min((0.5, 1.0, 2.0), key=lambda s, v=v: abs(v - at_one / s**3)) for v in volumes}
        assert found == fitting
        drawn[edge] = np.mean(np.array(volumes) == at_one)
    assert drawn[7] == 1
    assert 0.2 < drawn[4] < 0.8


def test_short_targets_are_shown_from_afar_as_often_as_asked_for():
    """Of 7 voxels, on patches of 16: too short for a coarser scale and too long for a finer one."""
    lesion = np.zeros((40,) * 3, np.uint8)
    lesion[16:23, 16:23, 16:23] = 1
    case = case_of(1.0 * lesion, lesions=lesion, affine=np.diag([4.0, 4, 4, 1]))
    for share in (0.0, 0.3, 1.0):
        config = replace(PLAIN, scales=(0.5, 1.0, 2.0, 4.0), afar_share=share)
        volumes = [int(draw(case, seed, config).reference.sum()) for seed in range(60)]
        assert np.mean(np.array(volumes) < 343) == pytest.approx(share, abs=0.15 if share == 0.3 else 0)
    assert {min((2.0, 4.0), key=lambda s, v=v: abs(v - 343 / s**3)) for v in volumes} == {2.0, 4.0}
    alone = replace(PLAIN, scales=(0.5, 1.0), afar_share=1.0)
    assert {int(draw(case, seed, alone).reference.sum()) for seed in range(9)} == {343}


def test_same_randomness_gives_the_same_sample(thin):
    one, same, other = (draw(thin, seed, SamplingConfig()) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert one.seed != other.seed


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"hq_share": 1.1}, "hq_share is 1.1"),
        ({"lesion_share": -0.1}, "lesion_share is -0.1"),
        ({"deepest_share": 2.0}, "deepest_share"),
        ({"beside_share": -1.0}, "beside_share"),
        ({"zoom_share": float("nan")}, "zoom_share"),
        ({"manifest_shares": (0.5, 0.4)}, "together 1"),
        ({"manifest_shares": (-0.5, 1.5)}, "together 1"),
        ({"manifest_shares": ()}, "together 1"),
        ({"near": 0.5}, "near is 0.5"),
        ({"beside": -0.1}, "beside is -0.1"),
        ({"scales": (0.5, 2.0)}, "1 among them"),
        ({"scales": (1.0, 0.0)}, "above 0"),
        ({"scale_share": 1.5}, "scale_share is 1.5"),
        ({"afar_share": -0.1}, "afar_share is -0.1"),
        ({"zoom": (1.3, 0.75)}, "zoom is"),
        ({"zoom": (0.0, 1.0)}, "zoom is"),
        ({"uptake_scale": -1.0}, "uptake_scale"),
        ({"box_jitter": 0.6}, "box_jitter"),
    ],
)
def test_refuses_settings_that_make_no_sense(change, text):
    with pytest.raises(UsageError, match=text):
        SamplingConfig(**change)

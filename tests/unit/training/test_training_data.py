"""What a training is fed with: cohorts, simulated scans or both, and patches to validate on that stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from seganypet.errors import ManifestError, SegAnyPETWarning, UsageError
from seganypet.training.cohort import Cohort, read_cohort
from seganypet.training.data import (
    Cohorts,
    patch_format,
    read_cohorts,
    training_samples,
    validation_samples,
)
from seganypet.training.validation import ValidationConfig


@pytest.fixture
def read(tmp_path) -> Callable[[Path], Callable[[str], Cohort]]:
    """A function that reads a manifest's splits."""

    def reader(*manifests: Path) -> Callable[[str], Cohort]:
        def of_split(split: str) -> Cohort:
            return read_cohort(manifests, split, tmp_path / "cache")

        return of_split

    return reader


@pytest.fixture
def recipe(tiny_recipe):
    sampling = replace(tiny_recipe.sampling, scales=(1.0,))
    return replace(tiny_recipe, validation=ValidationConfig(samples=2), sampling=sampling)


@pytest.fixture
def form(recipe):
    class Network(nn.Module):
        patch_size = field_size = 32

    return patch_format(recipe, Network())


def test_patches_to_validate_on_are_centred_on_the_deepest_voxel_and_left_as_they_are(
    write_cohort, read, recipe, form
):
    manifest = write_cohort(("train", "hq"), ("val", "hq"))
    cohorts = read_cohorts([manifest], recipe, read(manifest))
    samples = validation_samples(recipe, form, cohorts)
    for n in range(6):
        sample = samples[n]
        assert sample.anchor.tolist() == [16, 16, 16]
        volume = int(sample.reference.sum())
        assert volume in (10**3, 123)  # the liver or the ball, neither flipped nor scaled
        if volume == 123:
            assert sample.patch.max() == pytest.approx(float(torch.log1p(torch.tensor(5.2))), abs=1e-2)
    trained = training_samples(recipe, form, cohorts)
    assert {tuple(trained[n].anchor.tolist()) for n in range(10)} != {(16, 16, 16)}


def test_labels_of_low_quality_are_validated_on_only_where_there_are_no_others(
    write_cohort, read, recipe, form
):
    rows = [("train", "hq"), ("val", "lq"), ("val", "hq")]
    mixed, noisy = write_cohort(*rows), write_cohort(*rows[:2], name="noisy")
    for manifest, expected in ((mixed, {True}), (noisy, {False})):
        cohorts = read_cohorts([manifest], recipe, read(manifest))
        samples = validation_samples(recipe, form, cohorts)
        assert {bool(samples[n].hq) for n in range(8)} == expected


def test_nothing_to_validate_on_is_said(write_cohort, read, recipe, form):
    manifest = write_cohort(("train", "hq"))
    with pytest.warns(SegAnyPETWarning, match="no row has split val: nothing is validated"):
        cohorts = read_cohorts([manifest], recipe, read(manifest))
    assert validation_samples(recipe, form, cohorts) is None


def test_rows_to_validate_on_are_not_read_where_nothing_is_validated(write_cohort, read, tiny_recipe):
    manifest = write_cohort(("train", "hq"), ("val", "hq"))
    assert read_cohorts([manifest], tiny_recipe, read(manifest)).held_out is None


def test_what_is_wrong_is_told_of_both_splits(recipe, write_cohort):
    manifest = write_cohort(("train", "hq"), ("val", "hq"))

    def refuse(split: str) -> Cohort:
        raise ManifestError(f"{split} is bad")

    with pytest.raises(ManifestError, match="train is bad; val is bad"):
        read_cohorts([manifest], recipe, refuse)


def test_fingerprint_is_that_of_the_data_and_not_of_its_place(tmp_path, write_cohort, read, tiny_recipe):
    rows = [("train", "hq"), ("train", "lq")]
    manifests = [
        write_cohort(*rows),
        write_cohort(*rows, name="moved"),
        write_cohort(rows[0], rows[0], name="hq"),
    ]
    one, same, other = (read_cohorts([m], tiny_recipe, read(m)).fingerprint() for m in manifests)
    assert one == same != other
    assert set(one) == {"train"}


def test_refuses_to_train_on_nothing(tiny_recipe, form):
    with pytest.raises(UsageError, match="nothing to train on; give --manifest, or simulate scans"):
        training_samples(tiny_recipe, form, Cohorts())

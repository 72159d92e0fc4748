"""The weights that ship: they load by name, describe themselves, and find what is clicked."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from seganypet.evaluation import dice
from seganypet.inference import Session
from seganypet.io import read_mask, read_volume
from seganypet.models.weights import load_model, shipped_weights, weights_path
from seganypet.phantom import PhantomConfig, simulate_case
from seganypet.prompts import next_click
from seganypet.volume import Volume


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(load_model())


@pytest.fixture(scope="module")
def for_lesions() -> Session:
    return Session(load_model("lesion"))


def clicked(session: Session, volume: Volume, reference: np.ndarray, clicks: int) -> float:
    """Return the Dice after the clicks of a simulated reader."""
    prediction = np.zeros_like(reference)
    session.reset()
    for _ in range(clicks):
        click = next_click(prediction, reference, spacing_mm=volume.spacing_mm)
        prediction = session.add_click(click.ijk, click.positive).array
    return dice(prediction, reference)


@pytest.mark.parametrize("name", ["default", "lesion"])
def test_weights_describe_themselves(name: str):
    description = load_model(name).description
    assert description.name == name
    assert description.licence == "Apache-2.0"
    assert all("licence" in data for data in description.training_data)
    assert description.metrics
    assert not re.search(r'"/', json.dumps(asdict(description))), "an absolute path"


def test_weights_are_small():
    assert shipped_weights() == ["default", "lesion"]
    sizes = [weights_path(name).stat().st_size for name in shipped_weights()]
    assert max(sizes) < 30e6
    assert sum(sizes) < 60e6


def test_organs_and_bladder_of_a_new_body(session: Session):
    case = simulate_case(3, PhantomConfig(spacing_mm=(4.0, 4.0, 3.0), tracer="fdg"))
    session.set_volume(case.volume)
    for name, clicks, least in (("liver", 1, 0.7), ("kidney_left", 3, 0.8), ("urinary_bladder", 1, 0.85)):
        reference = np.isin(case.reference, case.labels[name])
        assert clicked(session, case.volume, reference, clicks) > least, name


def test_lesions_of_a_new_body(for_lesions: Session):
    config = PhantomConfig(spacing_mm=(4.0, 4.0, 3.0), tracer="fdg", lesions="lymphoma", lesion_count=(8, 8))
    case = simulate_case(5, config)
    for_lesions.set_volume(case.volume)
    masks = [case.lesions == n for n in range(1, int(case.lesions.max()) + 1)]
    large = [mask for mask in masks if mask.sum() * case.volume.voxel_volume_ml > 2]
    assert len(large) > 2
    scores = [clicked(for_lesions, case.volume, mask, 3) for mask in large]
    assert np.mean(scores) > 0.7


@pytest.mark.filterwarnings("ignore::seganypet.errors.SegAnyPETWarning")
def test_tumour_of_the_real_whole_body_scan(session: Session, shared_data: Path):
    volume = read_volume(shared_data / "sts_001" / "dicom_pet")
    crop = read_mask(shared_data / "sts_001" / "ibsi_suv" / "gtv_mass_crop.nii.gz")
    reference = np.zeros(volume.shape, dtype=bool)
    for voxel in np.argwhere(crop.array):
        reference[tuple(round(c) for c in volume.to_ijk(crop.to_xyz_mm(voxel)))] = True
    assert reference.sum() == 5095
    session.set_volume(volume)
    assert clicked(session, volume, reference, 3) > 0.7
    mask = session.mask
    assert mask.shape == volume.shape
    np.testing.assert_array_equal(mask.affine, volume.affine)

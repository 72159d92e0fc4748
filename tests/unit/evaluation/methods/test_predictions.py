"""Masks that other systems have written."""

from __future__ import annotations

import json

import numpy as np
import pytest

import small_cohorts
from seganypet.errors import MethodError
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.predictions import predictions
from seganypet.io import read_volume
from seganypet.prompts import Click


@pytest.fixture
def folder(tmp_path):
    small_cohorts.save(small_cohorts.organs(), tmp_path / "masks" / "a.nii.gz")
    labels = {"liver": [1], "kidneys": [2, 3], "lesion": [3]}
    (tmp_path / "masks" / "labels.json").write_text(json.dumps(labels))
    return tmp_path / "masks"


def scan(tmp_path, case: str = "a") -> Scan:
    image = small_cohorts.save(small_cohorts.suv_of(0), tmp_path / "pet.nii.gz")
    return Scan(case=case, volume=read_volume(image))


def test_gives_the_mask_of_the_name(folder, tmp_path):
    method = predictions(folder)
    method.start(scan(tmp_path))
    assert np.array_equal(method.restart("liver"), small_cohorts.organs() == 1)
    assert np.array_equal(method.restart("kidneys"), small_cohorts.organs() >= 2)
    assert np.array_equal(method.restart("lesions"), small_cohorts.organs() == 3)


@pytest.mark.parametrize("target", ["spleen", "lesion"])
def test_refuses_what_it_does_not_tell_apart(folder, tmp_path, target):
    method = predictions(folder)
    method.start(scan(tmp_path))
    with pytest.raises(MethodError, match=f"target '{target}' is not among liver, kidneys, lesions"):
        method.restart(target)


def test_refuses_a_click(folder, tmp_path):
    method = predictions(folder)
    method.start(scan(tmp_path))
    with pytest.raises(MethodError, match="cannot be corrected by clicks"):
        method.click(Click((1, 1, 1)))


def test_refuses_cases_that_are_missing_or_elsewhere(folder, tmp_path):
    method = predictions(folder)
    with pytest.raises(MethodError, match=r"b\.nii\.gz: no such file"):
        method.start(scan(tmp_path, "b"))
    small_cohorts.save(small_cohorts.organs(), folder / "a.nii.gz", np.diag([4.0, 4, 4, 1]))
    with pytest.raises(MethodError, match=r"a\.nii\.gz: its affine places voxels up to .* resample it"):
        method.start(scan(tmp_path))


def test_refuses_a_folder_that_is_none(tmp_path):
    with pytest.raises(MethodError, match=r"no such folder; expected CASE\.nii\.gz"):
        predictions(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MethodError, match=r"labels\.json: is not there"):
        predictions(tmp_path / "empty")

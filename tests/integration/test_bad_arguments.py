"""Clicks, prompt files, masks, weights and outputs that cannot be used: one line each, and nothing written."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from odd_scans import AFFINE, SHAPE, nifti
from tiny_weights import write_tiny_weights

CLICK = ["--click", "2,2,2"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def pet(tmp_path: Path) -> Path:
    return nifti()(tmp_path)


def prompts(positive: bool = True, shape=SHAPE, affine=AFFINE, xyz=(2, 2, 2)) -> dict[str, Any]:
    point = {"type": "point", "xyz": list(xyz), "label": int(positive)}
    grid = {"shape": list(shape), "affine": np.asarray(affine).tolist()}
    objects = [{"id": 1, "name": "lesion", "prompts": [point]}]
    return {"version": 1, "space": "voxel", "grid": grid, "objects": objects}


MOVED = AFFINE + np.array([[0, 0, 0, 2.0], *np.zeros((3, 4))])
NO_CLICK = r"no positive click; .*--click I,J,K \(voxel\) or --click-mm X,Y,Z"
OUTSIDE = "lies outside the volume, whose voxels run from 0,0,0 to 7,6,5"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--click", "8,2,2"], f"--click 8,2,2 {OUTSIDE}"),
        (["--click", "2,2,2", "--negative", "2,-1,2"], f"--negative 2,-1,2 {OUTSIDE}"),
        (
            ["--click-mm", "0,0,0"],
            "--click-mm 0,0,0 lies outside the volume, which spans x 20 to 52, .*z -301.5",
        ),
        ([], NO_CLICK),
        (["--negative", "2,2,2"], NO_CLICK),
        (
            ["--negative", "2,2,2", "--click", "3,3,3"],
            "first click is negative; give a positive one before it",
        ),
    ],
)
def test_clicks_that_cannot_be_used(refused, pet, weights, argv, message):
    assert re.search(message, refused("segment", pet, *argv, "--weights", weights, "-o", "new/m.nii.gz"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            prompts(shape=(9, 7, 6)),
            r"made for a grid of shape \(9, 7, 6\).*image has shape \(8, 7, 6\).*use the",
        ),
        (
            prompts(affine=MOVED),
            r"made for a grid .*\(voxels up to 2 mm apart\); use the image that was clicked",
        ),
        (prompts(xyz=(2, 2, 9)), r"voxel \(2, 2, 9\) lies outside the image of shape \(8, 7, 6\)"),
        (prompts(positive=False), NO_CLICK),
        ({"tumor": [], "background": [[1, 1, 1]]}, NO_CLICK),
        ({"clicks": []}, r"unknown prompt format \(keys: clicks\); expected SegAnyPET"),
        ("no JSON", "is no readable JSON"),
    ],
)
def test_prompt_files_that_cannot_be_used(refused, pet, weights, tmp_path, content, message):
    (tmp_path / "clicks.json").write_text(content if isinstance(content, str) else json.dumps(content))
    line = refused("segment", pet, "--prompts", "clicks.json", "--weights", weights, "-o", "new/m.nii.gz")
    assert re.search(rf"clicks\.json: .*{message}|clicks\.json: {message}", line), line


@pytest.mark.parametrize(
    ("mask", "affine", "message"),
    [
        (
            np.ones((8, 7, 5)),
            AFFINE,
            r"shape \(8, 7, 5\) .*not on the image's grid of shape \(8, 7, 6\).*resample",
        ),
        (np.ones(SHAPE), MOVED, r"not on the image's grid .*\(voxels up to 2 mm apart\); resample"),
        (np.zeros(SHAPE), AFFINE, "empty; leave it out and click"),
        (np.full(SHAPE, 3), AFFINE, "mask values other than 0 and 1; choose one label"),
    ],
)
def test_masks_that_cannot_be_started_from(refused, pet, weights, tmp_path, mask, affine, message):
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), affine), tmp_path / "prior.nii.gz")
    argv = [*CLICK, "--mask", "prior.nii.gz", "--weights", weights, "-o", "new/m.nii.gz"]
    line = refused("segment", pet, *argv)
    assert "prior.nii.gz: " in line
    assert re.search(message, line), line


def truncated(folder: Path, tiny: Path, *, hashed: bool) -> str:
    description = json.loads(tiny.with_suffix(".json").read_text())
    (folder / "w.json").write_text(json.dumps(description if hashed else description | {"sha256": ""}))
    (folder / "w.safetensors").write_bytes(tiny.read_bytes()[:-100])
    return "w.safetensors"


def foreign(folder: Path, tiny: Path, *, described: bool) -> str:
    save_file({"embeddings.weight": np.zeros((3, 3), np.float32)}, folder / "w.safetensors")
    if described:
        description = json.loads(tiny.with_suffix(".json").read_text())
        (folder / "w.json").write_text(json.dumps(description | {"sha256": ""}))
    return "w.safetensors"


def of_another_program(folder: Path, tiny: Path) -> str:
    shutil.copy(tiny, folder / "w.safetensors")
    (folder / "w.json").write_text(json.dumps({"model_type": "bert"}))
    return "w.safetensors"


def pickled(folder: Path, tiny: Path) -> str:
    torch.save({"weight": torch.zeros(3)}, folder / "w.pth")
    return "w.pth"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f, t: truncated(f, t, hashed=True), r"w\.safetensors: .*truncated"),
        (
            lambda f, t: truncated(f, t, hashed=False),
            r"w\.safetensors: no readable safetensors.*copy it again",
        ),
        (lambda f, t: foreign(f, t, described=False), r"w\.safetensors: its description w\.json is missing"),
        (
            lambda f, t: foreign(f, t, described=True),
            r"w\.safetensors: lacks \d+ of \d+ tensors.*another architecture",
        ),
        (of_another_program, r"w\.json: unknown fields .*model_type"),
        (pickled, r"w\.pth: lacks 324 of 324 tensors .*another architecture"),
        (lambda f, t: "nowhere.safetensors", r"nowhere\.safetensors: no such weight file"),
    ],
)
def test_weights_that_cannot_be_used(refused, pet, weights, tmp_path, make, message):
    argv = [*CLICK, "--weights", make(tmp_path, weights), "-o", "new/m.nii.gz"]
    line = refused("segment", pet, *argv)
    assert re.search(message, line), line


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("file/m.nii.gz", "file/m.nii.gz: cannot be written, as .*file is a file; choose another folder"),
        (
            "file/below/m.nii.gz",
            "file/below/m.nii.gz: cannot be written, as .*file is a file; choose another",
        ),
        ("pet.nii", "is an input .* would be overwritten; choose another name"),
        ("m.mha", "m.mha: unknown suffix '.mha'; use a name that ends in .nii.gz or .nii"),
        ("folder.nii.gz", "folder.nii.gz: is a folder; give the name of a file"),
    ],
)
def test_outputs_that_cannot_be_written(refused, pet, weights, tmp_path, output, message):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.nii.gz").mkdir()
    for argv in (["segment", pet, *CLICK, "--weights", weights], ["suv", pet]):
        line = refused(*argv, "-o", output)
        assert re.search(message, line), line

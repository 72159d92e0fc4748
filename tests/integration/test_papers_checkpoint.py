"""A checkpoint in the authors' format on the command line: from a click to a mask, or one line of refusal."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

import seganypet
from papers_checkpoint import SMALL, random_network, training_state, write_papers_checkpoint
from seganypet.cli import main
from seganypet.io import read_mask, read_volume
from seganypet.models.weights import sha256_of

HOT = (6, 5, 4)


@pytest.fixture
def pet(tmp_path) -> Path:
    """A scan of 48 x 40 x 36 mm, stored to the left, with a hot ball: about one window of 32 voxels of 1.5 mm."""
    affine = np.diag([-4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = [50, -30, -300]
    i, j, k = np.ogrid[:12, :10, :9]
    ball = (i - HOT[0]) ** 2 + (j - HOT[1]) ** 2 + (k - HOT[2]) ** 2 <= 9
    array = np.where(ball, 8, 1) + np.random.default_rng(0).random((12, 10, 9))
    path = tmp_path / "pet.nii.gz"
    nib.save(nib.Nifti1Image(array.astype(np.float32), affine), path)
    return path


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    return write_papers_checkpoint(tmp_path / "tiny.pth")


def segment(pet: Path, weights: Path, out: Path) -> int:
    click = ",".join(map(str, HOT))
    return main(["segment", str(pet), "--weights", str(weights), "--click", click, "-o", str(out)])


def test_segments_with_a_checkpoint_of_the_authors(pet, checkpoint, tmp_path, capsys):
    assert segment(pet, checkpoint, tmp_path / "mask.nii.gz") == 0
    mask, volume = read_mask(tmp_path / "mask.nii.gz"), read_volume(pet)
    assert mask.shape == volume.shape
    np.testing.assert_array_equal(mask.affine, volume.affine)
    assert mask.array[HOT]
    record = json.loads((tmp_path / "mask.json").read_text())
    assert record["weights"]["name"] == "tiny"
    assert record["weights"]["architecture"] == "sam3d"
    assert record["weights"]["licence"] == "unknown"
    assert record["weights"]["sha256"] == sha256_of(checkpoint)
    assert {"path": str(checkpoint), "sha256": sha256_of(checkpoint)}.items() <= record["inputs"][-1].items()
    assert (record["working_spacing_mm"], record["expected_dice"]) == (1.5, None)
    assert record["config"]["precision"] == "float32"
    assert "error" not in capsys.readouterr().err


def test_the_same_tensors_give_the_same_mask_in_every_file(pet, checkpoint, tmp_path):
    """As a checkpoint, saved anew, and converted: only the last is rounded, so it is compared by its values."""
    volume = read_volume(pet)

    def probability(weights: Path) -> np.ndarray:
        session = seganypet.Session(seganypet.load_model(weights, device="cpu"))
        session.set_volume(volume)
        session.add_click(HOT)
        return session.probability

    model = seganypet.load_model(checkpoint, device="cpu")
    seganypet.save_checkpoint(model, tmp_path / "again.pth")
    seganypet.save_weights(model.network, model.description, tmp_path / "small.safetensors")
    expected = probability(checkpoint)
    assert expected.std() > 0.005  # something is told apart
    np.testing.assert_array_equal(probability(tmp_path / "again.pth"), expected)
    np.testing.assert_allclose(probability(tmp_path / "small.safetensors"), expected, atol=2e-3)


def of_another_network(path: Path) -> None:
    torch.save({"model_state_dict": {"encoder.stem.weight": torch.zeros(3)}}, path)


def unsafe(path: Path) -> None:
    torch.save(training_state(random_network()) | {"path": path}, path)


def truncated(path: Path) -> None:
    write_papers_checkpoint(path)
    path.write_bytes(path.read_bytes()[:-1000])


def contradicted(path: Path) -> None:
    write_papers_checkpoint(path)
    path.with_suffix(".json").write_text(json.dumps({"config": {"depth": SMALL.depth + 1}}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (of_another_network, "w.pth: lacks 324 of 324 tensors"),
        (unsafe, "w.pth: holds objects that could run code when loaded (pathlib."),
        (truncated, "w.pth: is truncated"),
        (contradicted, "w.json: config: depth is 5 but the tensors say 4"),
        (lambda path: path.write_bytes(b"<html>404</html>"), "w.pth: is a web page, not weights"),
        (lambda path: path.mkdir(), "w.pth: is a folder"),
        (lambda path: None, "w.pth: no such weight file"),
    ],
)
def test_refuses_in_one_line_and_writes_nothing(pet, tmp_path, capsys, make, message):
    make(tmp_path / "w.pth")
    before = set(tmp_path.rglob("*"))
    assert segment(pet, tmp_path / "w.pth", tmp_path / "new" / "mask.nii.gz") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert set(tmp_path.rglob("*")) == before

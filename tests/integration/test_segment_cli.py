"""`seganypet segment` and `demo` from end to end: what they write, and what they refuse."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from seganypet.cli import main
from seganypet.cli.phantom_scan import chosen_lesion
from seganypet.inference import Session
from seganypet.io import read_mask, read_volume, write_mask, write_prompts
from seganypet.models.weights import load_model, sha256_of
from seganypet.prompts.click import Click
from seganypet.volume import Volume
from synthetic_dicom import pet_folder
from tiny_weights import write_tiny_weights

HOT = (12, 8, 9)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return write_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def pet(tmp_path) -> Path:
    """A small anisotropic scan, stored to the left, with a hot ball."""
    affine = np.diag([-4.0, 4.0, 3.0, 1.0])
    affine[:3, 3] = [50, -30, -300]
    i, j, k = np.ogrid[:24, :18, :20]
    ball = (i - HOT[0]) ** 2 + (j - HOT[1]) ** 2 + (k - HOT[2]) ** 2 <= 9
    array = np.where(ball, 8, 1).astype(np.float32) + np.random.default_rng(0).normal(0, 0.05, (24, 18, 20))
    path = tmp_path / "pet.nii.gz"
    nib.save(nib.Nifti1Image(array.astype(np.float32), affine), path)
    return path


@pytest.fixture
def segment(pet, weights):
    """Run `seganypet segment` on the scan with further arguments; return its exit code."""

    def run(*argv) -> int:
        return main(["segment", str(pet), "--weights", str(weights), *(str(a) for a in argv)])

    return run


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_writes_mask_record_and_figure(segment, pet, weights, tmp_path, capsys):
    out = tmp_path / "new"
    code = segment(
        "--click",
        "12,8,9",
        "--negative-mm",
        "-30,-30,-300",
        "-o",
        out / "m.nii.gz",
        "--figure",
        out / "m.png",
    )
    assert code == 0
    assert names_in(out) == {"m.nii.gz", "m.json", "m.png"}
    volume = read_volume(pet)
    mask = read_mask(out / "m.nii.gz")
    np.testing.assert_array_equal(mask.affine, volume.affine)
    assert mask.array[HOT]
    assert not mask.array[20, 0, 0]
    record = json.loads((out / "m.json").read_text())
    suv = volume.array[mask.array]
    assert record["measurements"] == {
        "volume_ml": pytest.approx(mask.array.sum() * 0.048),
        "suv_max": pytest.approx(suv.max()),
        "suv_mean": pytest.approx(suv.mean(), rel=1e-5),
    }
    first, second = record["clicks"]
    assert first == {
        "ijk": [12, 8, 9],
        "xyz_mm": [2, 2, -273],
        "positive": True,
        "suv": pytest.approx(float(volume.array[HOT])),
    }
    assert (second["ijk"], second["positive"]) == ([20, 0, 0], False)
    assert record["inputs"][0]["sha256"] == sha256_of(pet)
    assert record["weights"]["sha256"] == sha256_of(weights)
    assert record["outputs"] == [str(out / name) for name in ("m.nii.gz", "m.json", "m.png")]
    assert len(record["seconds"]["prompts"]) == 2
    assert record["reader"]["branch"] == ["units: none given, SUV assumed"]
    assert record["command"][:2] == ["seganypet", "segment"]
    assert record["versions"]["torch"]
    text = capsys.readouterr().out
    assert f"{volume.array[HOT]:.2f}" in text
    assert f"{mask.volume_ml:.2f} ml" in text
    assert f"wrote {out / 'm.nii.gz'}" in text


def test_the_same_point_as_voxel_and_in_mm_gives_the_same_mask(segment, tmp_path):
    assert segment("--click", "12,8,9", "-o", tmp_path / "a.nii.gz") == 0
    assert segment("--click-mm", "2,2,-273", "-o", tmp_path / "b.nii.gz") == 0
    a, b = (read_mask(tmp_path / name).array for name in ("a.nii.gz", "b.nii.gz"))
    np.testing.assert_array_equal(a, b)


def test_a_file_of_clicks_gives_the_same_mask(segment, pet, tmp_path):
    write_prompts([Click(HOT)], read_volume(pet), tmp_path / "clicks.json", object_name="node")
    assert segment("--click", "12,8,9", "-o", tmp_path / "a.nii.gz") == 0
    given = ["--prompts", tmp_path / "clicks.json", "--object", "node"]
    assert segment(*given, "-o", tmp_path / "b.nii.gz") == 0
    a, b = (read_mask(tmp_path / name).array for name in ("a.nii.gz", "b.nii.gz"))
    np.testing.assert_array_equal(a, b)
    record = json.loads((tmp_path / "b.json").read_text())
    assert record["target"] == "node"
    assert str(tmp_path / "clicks.json") in [entry["path"] for entry in record["inputs"]]


def test_corrects_a_mask(segment, pet, tmp_path):
    volume = read_volume(pet)
    prior = np.zeros(volume.shape, dtype=bool)
    prior[10:15, 6:11, 7:12] = True
    write_mask(volume.like(prior), tmp_path / "prior.nii.gz")
    given = ["--mask", tmp_path / "prior.nii.gz", "--negative", "10,6,7"]
    assert segment(*given, "-o", tmp_path / "m.nii.gz") == 0
    mask = read_mask(tmp_path / "m.nii.gz").array
    assert not mask[10, 6, 7]
    assert segment("--mask", tmp_path / "prior.nii.gz", "-o", tmp_path / "same.nii.gz") == 0
    np.testing.assert_array_equal(read_mask(tmp_path / "same.nii.gz").array, prior)


@pytest.fixture(scope="module")
def box_weights(tmp_path_factory) -> Path:
    return write_tiny_weights(tmp_path_factory.mktemp("box_weights"), boxes=True)


def test_starts_from_a_box_that_clicks_correct(pet, box_weights, tmp_path, capsys):
    def masked(name: str, *argv: str) -> np.ndarray:
        out = ["-o", str(tmp_path / f"{name}.nii.gz"), "--weights", str(box_weights)]
        assert main(["segment", str(pet), *argv, *out]) == 0
        return read_mask(tmp_path / f"{name}.nii.gz").array

    masked("box", "--box", "9,5,6,15,11,12")
    record = json.loads((tmp_path / "box.json").read_text())
    assert record["config"]["box"] == [9, 5, 6, 15, 11, 12]
    assert record["clicks"] == []
    assert len(record["seconds"]["prompts"]) == 1
    corrected = masked("both", "--click", "12,8,9", "--box", "9,5,6,15,11,12", "--negative", "9,5,6")
    session = Session(load_model(box_weights, device="cpu"))
    session.set_volume(read_volume(pet))
    session.add_box((9, 5, 6), (15, 11, 12))
    session.add_click(HOT)
    np.testing.assert_array_equal(corrected, session.add_click((9, 5, 6), positive=False).array)
    assert not np.array_equal(corrected, masked("clicks", "--click", "12,8,9", "--negative", "9,5,6"))
    record = json.loads((tmp_path / "both.json").read_text())
    assert record["config"]["box"] == [9, 5, 6, 15, 11, 12]
    assert [click["positive"] for click in record["clicks"]] == [True, False]
    assert len(record["seconds"]["prompts"]) == 3
    assert masked("negative", "--box", "9,5,6,15,11,12", "--negative", "9,5,6")[9, 5, 6] == np.False_


def test_refuses_a_box_that_reaches_beyond_the_scan(pet, box_weights, tmp_path, capsys):
    argv = ["--box", "9,5,6,24,11,12", "--weights", str(box_weights), "-o", str(tmp_path / "m.nii.gz")]
    assert main(["segment", str(pet), *argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "to (24.0, 11.0, 12.0) reaches beyond the volume" in line
    assert "(23, 17, 19)" in line
    assert not (tmp_path / "m.nii.gz").exists()


def test_replaces_its_own_earlier_outputs(segment, tmp_path):
    for _ in range(2):
        assert segment("--click", "12,8,9", "-o", tmp_path / "m.nii.gz") == 0


def test_segments_a_dicom_series(weights, tmp_path, capsys):
    stored = np.random.default_rng(0).integers(1, 1000, (20, 18, 16)).astype(np.int16)
    folder = pet_folder(tmp_path / "series", stored=stored)
    argv = [
        "--click",
        "8,9,10",
        "--weights",
        str(weights),
        "-o",
        str(tmp_path / "m.nii.gz"),
        "--weight-kg",
        "35",
    ]
    assert main(["segment", str(folder), *argv]) == 0
    record = json.loads((tmp_path / "m.json").read_text())
    assert record["inputs"][0]["files"] == 20
    assert record["reader"]["suvbw_factor"] == pytest.approx(2e-4)
    assert record["reader"]["overrides"] == {"weight_kg": 35}


REFUSED = {
    "nothing to segment": ([], "no positive click"),
    "negative alone": (["--negative", "1,2,3"], "no positive click"),
    "negative first": (["--negative", "1,2,3", "--click", "12,8,9"], "first click is negative"),
    "bad number": (["--click", "12,8,x"], "--click: 'x' in '12,8,x' is no number"),
    "two numbers": (["--click", "12,8"], "--click: '12,8' is not I,J,K"),
    "infinite": (["--click-mm", "-inf,0,0"], "--click-mm: '-inf,0,0' is not finite"),
    "outside": (["--click", "24,8,9"], "--click 24,8,9 lies outside the volume"),
    "outside, below zero": (["--click", "-1,8,9"], "--click -1,8,9 lies outside the volume"),
    "negative outside": (["--click", "12,8,9", "--negative-mm", "-500,0,0"], "--negative-mm -500,0,0 lies"),
    "box": (["--box", "1,1,1,9,9,9"], "not trained with boxes"),
    "box backwards": (["--box", "9,1,1,1,9,9"], "--box: box from (9.0, 1.0, 1.0) to (1.0, 9.0, 9.0); give"),
    "box and mask": (
        ["--box", "1,1,1,9,9,9", "--mask", "m.nii.gz"],
        "--box and --mask both say where to start",
    ),
    "short box": (["--box", "1,1,1,9,9"], "--box: '1,1,1,9,9' is not I,J,K,I,J,K"),
    "no such prompts": (["--prompts", "nowhere.json"], "nowhere.json: no such prompt file"),
    "object alone": (["--click", "12,8,9", "--object", "node"], "--prompts FILE"),
    "no such mask": (["--mask", "nowhere.nii.gz"], "nowhere.nii.gz: no such file"),
    "no such weights": (["--click", "12,8,9", "--weights", "nonsense"], '"nonsense"'),
    "no such weight file": (["--click", "12,8,9", "--weights", "no.safetensors"], "no.safetensors"),
    "no such device": (["--click", "12,8,9", "--device", "toaster"], '"toaster"'),
    "no such precision": (
        ["--click", "12,8,9", "--precision", "int8"],
        "--precision: invalid choice: 'int8'",
    ),
    "series of NIfTI": (["--click", "12,8,9", "--series", "1.2.3"], "--series"),
    "unknown option": (["--click", "12,8,9", "--clicks", "1,2,3"], "unrecognized arguments: --clicks"),
    "figure suffix": (["--click", "12,8,9", "--figure", "f.jpg"], "f.jpg: unknown suffix"),
    "figure below a file": (["--click", "12,8,9", "--figure", "file/f.png"], "file is a file"),
}


@pytest.mark.parametrize(("argv", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_in_one_line_and_writes_nothing(segment, tmp_path, monkeypatch, capsys, argv, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    before = names_in(tmp_path)
    assert segment(*argv, "-o", "new/m.nii.gz") == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("seganypet: error: ")
    assert message in line
    assert captured.out == ""
    assert names_in(tmp_path) == before


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("m.mha", "unknown suffix"),
        ("m", "unknown suffix"),
        ("m.dcm", "DICOM SEG cannot be written yet"),
        ("folder.nii.gz", "is a folder"),
        ("file/m.nii.gz", "file is a file"),
        ("pet.nii.gz", "is an input"),
        ("pet.nii", "is an input"),  # its record would become the scan's sidecar
        ("clicks.nii.gz", "is an input"),  # its record would replace the prompts
    ],
)
def test_refuses_an_output_that_cannot_be(segment, pet, tmp_path, monkeypatch, capsys, output, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.nii.gz").mkdir()
    write_prompts([Click(HOT)], read_volume(pet), tmp_path / "clicks.json")
    before, scan = names_in(tmp_path), pet.read_bytes()
    assert segment("--prompts", tmp_path / "clicks.json", "-o", tmp_path / output) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert names_in(tmp_path) == before
    assert pet.read_bytes() == scan


@pytest.mark.parametrize("scan", ["nowhere.nii.gz", "empty.nii.gz", "text.txt", "folder"])
def test_refuses_a_scan_that_is_none(weights, tmp_path, monkeypatch, capsys, scan):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.nii.gz").write_bytes(b"")
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "folder").mkdir()
    before = names_in(tmp_path)
    argv = ["segment", scan, "--click", "1,1,1", "--weights", str(weights), "-o", "m.nii.gz"]
    assert main(argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert scan in line
    assert names_in(tmp_path) == before


def test_a_figure_that_fails_takes_the_mask_back(segment, tmp_path, monkeypatch, capsys):
    import seganypet.analysis.figure as figure

    def fail(*_, **__):
        raise RuntimeError("no fonts")

    monkeypatch.setattr(figure, "save_figure", fail)
    before = names_in(tmp_path)
    out = ["-o", tmp_path / "new" / "m.nii.gz", "--figure", tmp_path / "m.png"]
    assert segment("--click", "12,8,9", *out) == 1
    assert "no fonts" in capsys.readouterr().err
    assert names_in(tmp_path) == before


def test_outputs_are_checked_before_anything_is_read(weights, tmp_path, capsys):
    argv = ["segment", str(tmp_path / "nowhere.nii.gz"), "--click", "1,1,1", "-o", str(tmp_path / "m.mha")]
    assert main(argv) == 2
    assert "m.mha" in capsys.readouterr().err


def test_the_command_runs_as_a_program(pet, weights, tmp_path):
    argv = [
        "--click-mm",
        "2,2,-273",
        "--negative-mm",
        "-30,-30,-300",
        "--weights",
        str(weights),
        "-o",
        "m.nii.gz",
    ]
    result = subprocess.run(
        [sys.executable, "-m", "seganypet", "segment", str(pet), *argv],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "m.nii.gz").exists()


def test_demo_segments_a_scan_of_ones_own(pet, weights, tmp_path, capsys):
    out = tmp_path / "out"
    argv = ["demo", "--pet", str(pet), "--click", "12,8,9", "--weights", str(weights), "-o", str(out)]
    assert main(argv) == 0
    assert names_in(out) == {"mask.nii.gz", "mask.json", "figure.png"}
    text = capsys.readouterr().out
    assert "SUVmean" in text
    assert "Dice" not in text


def test_demo_finds_three_targets_in_a_simulated_scan(weights, tmp_path, monkeypatch, capsys):
    import seganypet.cli.phantom_scan as phantom_scan

    monkeypatch.setattr(phantom_scan, "_SPACING_MM", (8.0, 8.0, 8.0))  # coarse, to be quick
    assert main(["demo", "--weights", str(weights), "-o", str(tmp_path)]) == 0
    names = {
        f"{name}{suffix}" for name in ("liver", "kidney_left", "lesion") for suffix in (".nii.gz", ".json")
    }
    scan = {"pet.nii.gz", "labels.nii.gz", "lesions.nii.gz", "labels.json"}
    assert names_in(tmp_path) == names | scan | {"figure.png"}
    volume, labels = read_volume(tmp_path / "pet.nii.gz"), nib.load(tmp_path / "labels.nii.gz")
    assert isinstance(volume, Volume)
    assert labels.shape == volume.shape
    (liver,) = json.loads((tmp_path / "labels.json").read_text())["liver"]
    truth = np.asarray(labels.dataobj) == liver
    record = json.loads((tmp_path / "liver.json").read_text())
    (click,) = record["clicks"]
    assert truth[tuple(int(c) for c in click["ijk"])]
    mask = read_mask(tmp_path / "liver.nii.gz").array
    assert record["dice"] == pytest.approx(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    printed = capsys.readouterr().out.splitlines()
    head, row = (next(line for line in printed if line.split()[:1] == [name]) for name in ("target", "liver"))
    assert "true ml" in head
    assert row.split()[5] == f"{truth.sum() * volume.voxel_volume_ml:.1f}"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--click", "1,2,3"], "--click needs a scan to click on; give --pet"),
        (["--pet", "pet.nii.gz"], "--pet needs clicks; .*--click I,J,K"),
        (["--pet", "pet.nii.gz", "--negative", "1,2,3"], "no positive click"),
        (["--pet", "nowhere.nii.gz", "--click", "1,2,3"], "nowhere.nii.gz"),
        (["--pet", "pet.nii.gz", "--click", "99,2,3"], "--click 99,2,3 lies outside"),
        (["--weights", "nonsense"], "nonsense"),
        (["-o", "pet.nii.gz"], "pet.nii.gz is a file"),
    ],
)
def test_demo_refuses(pet, weights, tmp_path, monkeypatch, capsys, argv, message):
    import re

    monkeypatch.chdir(tmp_path)
    before = names_in(tmp_path)
    assert main(["demo", "--weights", str(weights), *argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert names_in(tmp_path) == before


@pytest.mark.parametrize(
    ("sizes_ml", "identifier"), [([2, 30, 7, 80], 2), ([2, 80, 3], 2), ([1, 3, 2], 2), ([5, 50], 2)]
)
def test_the_demo_takes_a_lesion_of_a_usual_size(sizes_ml, identifier):
    assert chosen_lesion(sizes_ml) == identifier


@pytest.mark.real_data
def test_segments_the_real_dicom_scan(shared_data, weights, tmp_path):
    argv = ["--click", "64,64,60", "--weights", str(weights), "-o", str(tmp_path / "m.nii.gz")]
    assert main(["segment", str(shared_data / "sts_001" / "dicom_pet"), *argv]) == 0
    record = json.loads((tmp_path / "m.json").read_text())
    assert record["reader"]["suvbw_factor"] == pytest.approx(2.42903e-4, rel=1e-5)
    assert record["warnings"]

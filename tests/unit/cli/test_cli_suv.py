"""`seganypet suv`: the factor, the tags, the converted volume."""

import json

import nibabel as nib
import numpy as np
import pytest

from seganypet.cli import main
from seganypet.io import read_volume
from synthetic_dicom import START_FACTOR, pet_folder


@pytest.fixture
def series(tmp_path):
    return pet_folder(tmp_path / "series")


@pytest.fixture
def bq_ml(tmp_path):
    path = tmp_path / "bq.nii.gz"
    nib.save(nib.Nifti1Image(np.linspace(0, 20000, 60, dtype=np.float32).reshape(3, 4, 5), np.eye(4)), path)
    return path


def test_writes_a_volume_that_reads_back_as_suv(series, tmp_path, capsys):
    output = tmp_path / "new" / "suv.nii.gz"
    assert main(["suv", str(series), "-o", str(output)]) == 0
    volume = read_volume(output)
    np.testing.assert_allclose(volume.array, read_volume(series).array, rtol=1e-6)
    record = json.loads((tmp_path / "new" / "suv.json").read_text())
    assert record["suvbw_factor"] == pytest.approx(START_FACTOR)
    assert record["Units"] == "g/ml"
    assert record["inputs"][0]["files"] == 4
    assert record["tags"]["(0010,1030) PatientWeight"] == 70
    text = capsys.readouterr().out
    assert "units: BQML" in text
    assert "suvbw_factor" in text
    assert "0.0004" in text
    assert f"wrote {output}" in text


def test_prints_json_alone(series, capsys):
    assert main(["suv", str(series), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["suvbw_factor"] == pytest.approx(START_FACTOR)
    assert facts["shape"] == [5, 6, 4]


def test_overrides_reach_the_conversion(series, capsys):
    assert main(["suv", str(series), "--json", "--weight-kg", "35", "--dose-mbq", "700"]) == 0
    # half the weight, twice the dose
    assert json.loads(capsys.readouterr().out)["suvbw_factor"] == pytest.approx(START_FACTOR / 4)


def test_converts_nifti_in_bq_ml(bq_ml, tmp_path, capsys):
    given = "--weight-kg 70 --dose-bq 350e6 --half-life-s 6586.2 --injection-time 09:10:13.8 --reference-time 11:00:00"
    assert main(["suv", str(bq_ml), *given.split(), "-o", str(tmp_path / "suv.nii"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["suvbw_factor"] == pytest.approx(START_FACTOR)
    assert facts["output"] == str(tmp_path / "suv.nii")
    assert read_volume(tmp_path / "suv.nii").array.max() == pytest.approx(8.0, rel=1e-4)


def refused(argv, capsys) -> str:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("seganypet: error: ")
    return line


def test_refuses_to_do_nothing(series, capsys):
    assert "-o suv.nii.gz" in refused(["suv", str(series)], capsys)


def test_refuses_a_path_that_is_missing(tmp_path, capsys):
    assert "nowhere" in refused(["suv", str(tmp_path / "nowhere"), "--json"], capsys)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("suv.mha", "unknown suffix"),
        ("bq.nii.gz", "is an input"),
        ("bq.nii", "is an input"),
        ("series", "suffix"),
    ],
)
def test_refuses_an_output_that_cannot_be(series, bq_ml, tmp_path, capsys, output, message):
    before = sorted(tmp_path.rglob("*"))
    assert message in refused(["suv", str(bq_ml), "-o", str(tmp_path / output)], capsys)
    assert sorted(tmp_path.rglob("*")) == before


def test_refuses_bq_ml_without_overrides_naming_options_that_exist(bq_ml, capsys):
    line = refused(["suv", str(bq_ml), "--json"], capsys)
    for option in ("--weight-kg", "--dose-bq", "--half-life-s", "--injection-time", "--reference-time"):
        assert option in line


def test_refuses_a_dose_twice(series, capsys):
    line = refused(["suv", str(series), "--json", "--dose-bq", "350e6", "--dose-mbq", "350"], capsys)
    assert "--dose-mbq" in line


def test_refuses_a_series_of_nifti(bq_ml, capsys):
    assert "--series" in refused(["suv", str(bq_ml), "--json", "--series", "1.2.3"], capsys)


def test_refuses_a_series_that_is_not_there(series, capsys):
    assert "1.2.3" in refused(["suv", str(series), "--json", "--series", "1.2.3"], capsys)

import sys
import types

import numpy as np
import pytest

from seganypet.errors import ImageReadError, UsageError
from seganypet.io import read_volume, write_volume
from seganypet.volume import Volume


@pytest.fixture
def volume():
    return Volume(np.arange(24, dtype=np.float32).reshape(2, 3, 4), np.diag([4.0, 4.0, 3.0, 1.0]))


@pytest.fixture
def dicom_calls(monkeypatch, volume):
    """Stand in for the DICOM reader; the calls it got."""
    calls = []

    def read_dicom_pet(path, **kwargs):
        calls.append((path, kwargs))
        return volume

    module = types.ModuleType("seganypet.io.dicom_pet")
    module.read_dicom_pet = read_dicom_pet
    monkeypatch.setitem(sys.modules, "seganypet.io.dicom_pet", module)
    return calls


def test_reads_nifti(volume, tmp_path, dicom_calls):
    write_volume(volume, tmp_path / "pet.nii.gz")
    np.testing.assert_array_equal(read_volume(str(tmp_path / "pet.nii.gz")).array, volume.array)
    assert dicom_calls == []


@pytest.mark.parametrize("name", ["folder", "slice.dcm", "SLICE.IMA", "000001"])
def test_hands_dicom_over(name, tmp_path, volume, dicom_calls):
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"\0" * 128 + b"DICM" if name == "000001" else b"")
    assert read_volume(path, series_uid="1.2", overrides=None) is volume
    assert dicom_calls == [(path, {"series_uid": "1.2", "overrides": None})]


@pytest.mark.parametrize("name", ["pet.nrrd", "pet.mha", "notes.txt", "short"])
def test_refuses_unknown_formats(name, tmp_path, dicom_calls):
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(ImageReadError, match=rf"{name}: unknown format; expected a \.nii or \.nii\.gz file"):
        read_volume(tmp_path / name)
    assert dicom_calls == []


@pytest.mark.parametrize("name", ["none.nii.gz", "none", "none/pet.nii.gz"])
def test_refuses_missing_paths(name, tmp_path):
    with pytest.raises(ImageReadError, match=f"{name}: no such file or folder"):
        read_volume(tmp_path / name)


def test_refuses_a_name_too_long_for_the_system(tmp_path):
    with pytest.raises(ImageReadError, match="cannot be read"):
        read_volume(tmp_path / ("n" * 300 + ".nii.gz"))


def test_refuses_a_series_uid_for_nifti(volume, tmp_path):
    write_volume(volume, tmp_path / "pet.nii.gz")
    with pytest.raises(UsageError, match="series_uid chooses a DICOM series"):
        read_volume(tmp_path / "pet.nii.gz", series_uid="1.2")

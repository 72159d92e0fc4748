"""Finding series below a path and choosing one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seganypet.errors import ImageReadError, SeriesError
from seganypet.io.dicom_series import choose_pet, list_series, scan
from synthetic_dicom import make_slices, pet_folder, write_series


def pick(folder: Path, uid: str | None = None):
    return choose_pet(folder, scan(folder).series, uid)


def test_series_are_listed_with_what_tells_them_apart(tmp_path: Path):
    pet_folder(tmp_path / "ct", Modality="CT", SeriesDescription="low dose")
    pet_folder(tmp_path / "deep" / "er", SeriesDescription="PET AC")
    pet, ct = list_series(tmp_path)
    assert (pet.modality, pet.description, pet.number_of_files, pet.date) == ("PT", "PET AC", 4, "2024-02-29")
    assert (ct.modality, ct.description) == ("CT", "low dose")
    assert [file.name for file in pet.files] == ["000.dcm", "001.dcm", "002.dcm", "003.dcm"]
    assert str(pet) == f"{pet.uid} PT 'PET AC' 4 files 2024-02-29"


def test_a_series_spread_over_folders_is_one(tmp_path: Path):
    slices = make_slices()
    write_series(tmp_path / "a", slices[:2])
    write_series(tmp_path / "b", slices[2:])
    assert [s.number_of_files for s in list_series(tmp_path)] == [4]


def test_a_file_stands_for_its_own_series_in_its_own_folder(tmp_path: Path):
    pet_folder(tmp_path, SeriesDescription="other")
    mine = write_series(tmp_path, make_slices(SeriesDescription="mine"), names=["a", "b", "c", "d"])
    pet_folder(tmp_path / "below")
    assert [(s.description, s.number_of_files) for s in list_series(mine / "c")] == [("mine", 4)]


def test_other_files_are_passed_over_and_told(tmp_path: Path):
    pet_folder(tmp_path)
    (tmp_path / "notes.txt").write_text("not DICOM")
    (tmp_path / "._000.dcm").write_bytes(b"\0\5\26\7 resource fork")
    (tmp_path / "empty").touch()
    (tmp_path / "DICOMDIR").write_bytes(directory_file(tmp_path))
    found = scan(tmp_path)
    assert [s.number_of_files for s in found.series] == [4]
    assert sorted(p.name for p in found.ignored) == ["._000.dcm", "DICOMDIR", "empty", "notes.txt"]


def directory_file(folder: Path) -> bytes:
    data = make_slices(SOPClassUID="1.2.840.10008.1.3.10")[0]
    del data.SeriesInstanceUID, data.PixelData
    write_series(folder / "x", [data])
    content = (folder / "x" / "000.dcm").read_bytes()
    shutil.rmtree(folder / "x")
    return content


def test_files_without_preamble_are_read(tmp_path: Path):
    pet_folder(tmp_path)
    for file in tmp_path.iterdir():
        bare = file.read_bytes()
        start = bare.index(b"\x08\x00", 132 + 12 + int.from_bytes(bare[140:144], "little"))
        file.write_bytes(bare[start:])
    assert [s.number_of_files for s in list_series(tmp_path)] == [4]


def test_missing_path(tmp_path: Path):
    with pytest.raises(ImageReadError, match="nowhere: no such file"):
        list_series(tmp_path / "nowhere")


def test_folder_without_dicom(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ImageReadError, match="no DICOM images among 1 files"):
        list_series(tmp_path)


def test_file_that_is_no_dicom(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ImageReadError, match=r"notes\.txt: not a DICOM image"):
        list_series(tmp_path / "notes.txt")


@pytest.mark.parametrize("length", [0, 50, 131])
def test_dicom_by_name_only_is_refused(tmp_path: Path, length: int):
    file = pet_folder(tmp_path) / "002.dcm"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ImageReadError, match=r"002\.dcm: not DICOM, in spite of its name"):
        list_series(tmp_path)


@pytest.mark.parametrize("length", [132, 140, 200, 400, 500])
def test_truncated_header_is_refused_by_name(tmp_path: Path, length: int):
    file = pet_folder(tmp_path) / "002.dcm"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ImageReadError, match=r"002\.dcm: "):
        list_series(tmp_path)


def test_the_only_pet_series_is_chosen(tmp_path: Path):
    pet_folder(tmp_path / "ct", Modality="CT")
    pet_folder(tmp_path / "pet")
    assert pick(tmp_path).modality == "PT"


def test_screen_captures_beside_the_pet_are_not_chosen(tmp_path: Path):
    pet_folder(tmp_path / "capture", SOPClassUID="1.2.840.10008.5.1.4.1.1.7", SeriesDescription="MIP")
    pet_folder(tmp_path / "pet")
    assert pick(tmp_path).description == "PET AC"


def test_several_pet_series_are_listed(tmp_path: Path):
    pet_folder(tmp_path / "a", SeriesDescription="PET AC")
    pet_folder(tmp_path / "b", SeriesDescription="PET NAC")
    with pytest.raises(SeriesError, match=r"2 PET series: .*PT 'PET AC' 4 files.*'PET NAC'.*--series UID"):
        pick(tmp_path)
    uid = list_series(tmp_path)[1].uid
    assert pick(tmp_path, uid).description == "PET NAC"


def test_no_pet_series_lists_what_there_is(tmp_path: Path):
    pet_folder(tmp_path, Modality="MR", SeriesDescription="T1")
    with pytest.raises(SeriesError, match=r"no PET series.*MR 'T1' 4 files"):
        pick(tmp_path)


def test_unknown_series_lists_what_there_is(tmp_path: Path):
    pet_folder(tmp_path)
    with pytest.raises(SeriesError, match=r"no series 1\.2\.3; found: .*PT 'PET AC'"):
        pick(tmp_path, "1.2.3")

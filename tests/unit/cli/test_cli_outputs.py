"""Outputs are checked before the work, and all are kept or none."""

import os
from pathlib import Path

import pytest

from seganypet.cli.outputs import JSON, NIFTI, PNG, check_outputs, record_path, staged
from seganypet.errors import OutputError


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def fail_after_writing(paths: list[Path], text: str) -> None:
    """Write the first output, then fail."""
    with staged(paths) as places:
        places[paths[0]].write_text(text)
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("image", "record"),
    [
        ("a/mask.nii.gz", "a/mask.json"),
        ("mask.nii", "mask.json"),
        ("MASK.NII.GZ", "MASK.json"),
        ("a.b/m.v2.nii.gz", "a.b/m.v2.json"),
        ("scan", "scan.json"),
    ],
)
def test_the_record_lies_beside_the_image(image, record):
    assert record_path(Path(image)) == Path(record)


def test_what_can_be_written_passes_and_leaves_nothing(tmp_path):
    check_outputs({tmp_path / "new" / "deep" / "mask.nii.gz": NIFTI, tmp_path / "a.PNG": PNG}, [])
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "suffixes", "message"),
    [
        ("mask.png", NIFTI, "unknown suffix '.png'; use a name that ends in .nii.gz or .nii"),
        ("mask", NIFTI, "unknown suffix ''"),
        ("figure.jpg", PNG, "ends in .png"),
        ("mask.dcm", NIFTI, "DICOM SEG cannot be written yet"),
        (".nii.gz", NIFTI, "no name before the suffix"),
        ("folder.json", JSON, "is a folder"),
        ("file.json/mask.nii.gz", NIFTI, "cannot be written, as .*file.json is a file"),
        ("file.json/deep/mask.nii.gz", NIFTI, "cannot be written, as .*file.json is a file"),
        ("x" * 300 + ".json", JSON, "cannot be written"),
        ("pet.nii.gz", NIFTI, "is an input"),
        ("link.nii.gz", NIFTI, "is an input"),
    ],
)
def test_refuses_what_cannot_or_must_not_be_written(tmp_path, name, suffixes, message):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file.json").write_text("{}")
    (tmp_path / "pet.nii.gz").write_text("")
    (tmp_path / "link.nii.gz").symlink_to("pet.nii.gz")
    before = files_below(tmp_path)
    with pytest.raises(OutputError, match=message):
        check_outputs({tmp_path / name: suffixes}, [tmp_path / "pet.nii.gz"])
    assert files_below(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_refuses_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        check_outputs({tmp_path / "mask.nii.gz": NIFTI}, [])


def test_refuses_a_place_where_no_file_can_be_made():
    with pytest.raises(OutputError, match="cannot be written"):
        check_outputs({Path("/proc/mask.nii.gz"): NIFTI}, [])


def test_refuses_one_file_for_two_outputs(tmp_path):
    with pytest.raises(OutputError, match="written twice"):
        check_outputs({tmp_path / "m.json": JSON, tmp_path / "." / ".." / tmp_path.name / "m.json": JSON}, [])


def test_all_outputs_take_their_places(tmp_path):
    paths = [tmp_path / "new" / "a.json", tmp_path / "b.png"]
    with staged(paths) as places:
        for path in paths:
            assert places[path].name == path.name
            places[path].write_text(path.name)
            assert not path.exists()
    assert [path.read_text() for path in paths] == ["a.json", "b.png"]
    assert files_below(tmp_path) == ["b.png", "new", "new/a.json"]


def test_a_failure_leaves_no_output_and_no_folder(tmp_path):
    paths = [tmp_path / "new" / "deep" / "a.json", tmp_path / "b.png"]
    with pytest.raises(ZeroDivisionError):
        fail_after_writing(paths, "half")
    assert files_below(tmp_path) == []


def test_a_failure_leaves_earlier_files_as_they_were(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("earlier")
    with pytest.raises(ZeroDivisionError):
        fail_after_writing([path], "later")
    assert path.read_text() == "earlier"
    assert files_below(tmp_path) == ["a.json"]


def test_an_output_that_was_never_made_takes_back_the_others(tmp_path):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    with pytest.raises(OutputError, match=r"b\.json: cannot be written"), staged(paths) as places:
        places[paths[0]].write_text("a")
    assert files_below(tmp_path) == []


def test_messages_name_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(OutputError) as error, staged([path]) as places:
        raise OutputError(f"{places[path]}: disk full")
    assert str(error.value) == f"{path}: disk full"


def test_writes_through_a_link(tmp_path):
    (tmp_path / "link.json").symlink_to("target.json")
    (tmp_path / "target.json").write_text("earlier")
    with staged([tmp_path / "link.json"]) as places:
        places[tmp_path / "link.json"].write_text("later")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "target.json").read_text() == "later"

"""A manifest reads back as it was written, and says which line is wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seganypet.errors import ManifestError, OutputError, UsageError
from seganypet.io.manifest import COLUMNS, ManifestRow, read_labels, read_manifest, write_manifest

HEADER = "case,image,reference,lesions,clean_reference,ct,prompts,targets,split,quality,tracer,centre"


@pytest.fixture
def cohort(tmp_path):
    """A folder with an image and a function that writes a manifest of the given lines beside it."""
    (tmp_path / "a").mkdir()
    for name in ("pet.nii.gz", "reference.nii.gz", "lesions.nii.gz", "clean.nii.gz"):
        (tmp_path / "a" / name).write_bytes(b"")

    def write(*lines, encoding="utf-8"):
        path = tmp_path / "manifest.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write


def test_the_columns_are_those_of_the_contract():
    assert ",".join(COLUMNS) == HEADER


def test_a_manifest_holds_relative_paths_and_empty_cells(cohort, tmp_path):
    row = ManifestRow(
        case="one",
        image=tmp_path / "a" / "pet.nii.gz",
        reference=tmp_path / "a" / "reference.nii.gz",
        targets=("liver", "lesion"),
        split="val",
        quality="hq",
        tracer="fdg",
        centre="Siemens, Vision",
    )
    write_manifest([row], tmp_path / "manifest.csv")
    assert (tmp_path / "manifest.csv").read_bytes().decode() == (
        f'{HEADER}\none,a/pet.nii.gz,a/reference.nii.gz,,,,,liver;lesion,val,hq,fdg,"Siemens, Vision"\n'
    )
    assert read_manifest(tmp_path / "manifest.csv") == [row]


def test_a_manifest_elsewhere_points_back(cohort, tmp_path):
    rows = [
        ManifestRow(
            case=name,
            image=tmp_path / "a" / "pet.nii.gz",
            lesions=tmp_path / "a" / "lesions.nii.gz",
            clean_reference=tmp_path / "a" / "clean.nii.gz",
        )
        for name in ("one", "two")
    ]
    write_manifest(rows, tmp_path / "other" / "manifest.csv")
    assert (
        "two,../a/pet.nii.gz,,../a/lesions.nii.gz,../a/clean.nii.gz"
        in (tmp_path / "other" / "manifest.csv").read_text()
    )
    back = read_manifest(tmp_path / "other" / "manifest.csv")
    assert [row.case for row in back] == ["one", "two"]
    assert back[0].image.samefile(rows[0].image)


@given(
    names=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1), unique=True),
    centre=st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])),
)
def test_any_names_come_back(tmp_path_factory, names, centre):
    folder = tmp_path_factory.mktemp("cohort")
    (folder / "pet.nii").write_bytes(b"")
    stripped = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    assume(stripped)
    rows = [ManifestRow(case=name, image=folder / "pet.nii", centre=centre.strip()) for name in stripped]
    write_manifest(rows, folder / "manifest.csv")
    assert read_manifest(folder / "manifest.csv") == rows


def test_columns_in_any_order_and_a_byte_order_mark_are_read(cohort):
    path = cohort("image,case", "a/pet.nii.gz,one", "", encoding="utf-8-sig")
    (row,) = read_manifest(path)
    assert (row.case, row.reference, row.split) == ("one", None, "")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], r"manifest\.csv: is empty; expected a line with case,image"),
        (["case,image,organ"], "line 1: unknown column 'organ'; expected case,image"),
        (["case;image"], "line 1: unknown column 'case;image'"),
        (["case,image,case"], "line 1: column 'case' is there twice"),
        (["case,reference"], "line 1: no column 'image'; expected case,image"),
        (
            ["name,image,scan,image"],
            "line 1: unknown column 'name', unknown column 'scan', column 'image' is there twice, no column 'case';",
        ),
        (["case,image,reference"], "has no rows; add one a case, below the names of the columns"),
        (["case,image", " ,", ""], "has no rows"),
        (["case,image", "one,a/pet.nii.gz,3"], "line 2: 3 cells, but 2 columns"),
        (["case,image", "one,a/none.nii.gz"], "line 2: image 'a/none.nii.gz' is not there"),
        (["case,image,ct", "one,a/pet.nii.gz,ct.nii.gz"], "line 2: ct 'ct.nii.gz' is not there"),
        (["case,image", "one,"], "line 2: image is empty"),
        (["case,image", ",a/pet.nii.gz"], "line 2: case is empty"),
        (
            ["case,image", "one,a/pet.nii.gz", "", "one,a/pet.nii.gz"],
            "line 4: case 'one' is that of line 2 too",
        ),
        (
            ["case,image,split", "one,a/pet.nii.gz,training"],
            "line 2: split is 'training'; expected train, val",
        ),
        (["case,image,quality", "one,a/pet.nii.gz,HQ"], "line 2: quality is 'HQ'; expected hq, lq"),
        (["case,image,targets", "one,a/pet.nii.gz,liver;;heart"], "line 2: target ''"),
        (["case,image", '"one,a/pet.nii.gz'], "cannot be read as CSV"),
    ],
)
def test_refuses_a_wrong_manifest(cohort, lines, message):
    with pytest.raises(ManifestError, match=message):
        read_manifest(cohort(*lines))


def test_everything_that_is_wrong_with_the_rows_is_told_at_once(cohort):
    rows = ["one,a/none.nii.gz,", "two,a/pet.nii.gz,best", "two,a/pet.nii.gz,hq", *["x,y"] * 12]
    with pytest.raises(ManifestError) as refusal:
        read_manifest(cohort("case,image,quality", *rows))
    message = str(refusal.value)
    assert "line 2: image 'a/none.nii.gz' is not there" in message
    assert "line 3: quality is 'best'" in message
    assert "line 4" not in message  # the name was that of a line that is no row
    assert "line 12: 2 cells" in message
    assert "line 13" not in message
    assert message.endswith("; and 4 more")


def test_refuses_what_is_no_text(cohort):
    path = cohort("case,image")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match="cannot be read as CSV"):
        read_manifest(path)


def test_refuses_a_missing_manifest(tmp_path):
    with pytest.raises(ManifestError, match="no such file"):
        read_manifest(tmp_path / "manifest.csv")


def test_refuses_to_write_two_cases_of_one_name(tmp_path):
    row = ManifestRow(case="one", image=tmp_path / "pet.nii.gz")
    with pytest.raises(OutputError, match="two cases are called 'one'"):
        write_manifest([row, row], tmp_path / "manifest.csv")
    assert list(tmp_path.iterdir()) == []


def test_refuses_another_suffix(tmp_path):
    with pytest.raises(OutputError, match=r"unknown suffix '\.txt'"):
        write_manifest([], tmp_path / "manifest.txt")


def test_a_row_refuses_a_target_with_a_semicolon(tmp_path):
    with pytest.raises(UsageError, match="target 'a;b'"):
        ManifestRow(case="one", image=tmp_path, targets=("a;b",))


def test_labels_lie_beside_the_manifest(tmp_path):
    (tmp_path / "labels.json").write_text(json.dumps({"heart": [3, 4], "liver": [5]}))
    assert read_labels(tmp_path / "manifest.csv") == {"heart": [3, 4], "liver": [5]}
    assert read_labels(tmp_path / "labels.json") == {"heart": [3, 4], "liver": [5]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "holds a list; expected {name: "),
        ('{"liver": 5}', "'liver' is 5; expected a list of whole numbers above 0"),
        ('{"liver": [0]}', r"'liver' is \[0\]"),
        ('{"liver": []}', r"'liver' is \[\]"),
        ("{", "cannot be read"),
    ],
)
def test_refuses_labels_of_another_form(tmp_path, text, message):
    (tmp_path / "labels.json").write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_labels(tmp_path / "manifest.csv")


def test_refuses_missing_labels(tmp_path):
    with pytest.raises(ManifestError, match=r"labels\.json: is not there; write \{"):
        read_labels(tmp_path / "manifest.csv")


def test_refuses_names_with_blanks_around_them():
    with pytest.raises(UsageError, match="leave out the blanks"):
        ManifestRow(case=" one", image=Path("pet.nii.gz"))

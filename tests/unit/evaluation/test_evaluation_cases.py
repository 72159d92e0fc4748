"""What is to be segmented in the cases of a manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import small_cohorts
from seganypet.errors import GeometryError, ImageReadError, ManifestError
from seganypet.evaluation.cases import check_names, read_case, size_class
from seganypet.targets import LESION, LESIONS

LABELS = small_cohorts.LABELS


def test_organs_come_in_the_order_of_the_labels_then_lesions_then_their_union(tmp_path):
    case = read_case(small_cohorts.row(tmp_path, "a"), LABELS)
    assert [(t.name, t.instance) for t in case.targets] == [
        ("liver", ""),
        ("kidneys", ""),
        ("kidney_left", ""),
        (LESION, "1"),
        (LESION, "2"),
        (LESIONS, ""),
    ]
    assert case.left_out == (LESION,)  # of two voxels
    assert case.scan.case == "a"


def test_masks_are_those_of_the_maps(tmp_path):
    case = read_case(small_cohorts.row(tmp_path, "a"), LABELS)
    voxels = [int(case.mask(target).sum()) for target in case.targets]
    assert voxels == [216, 64 + 27, 64, 27, 8, 27 + 8 + 2]


def test_lesions_know_their_size(tmp_path):
    # voxels of 0.064 ml
    case = read_case(small_cohorts.row(tmp_path, "a"), LABELS)
    assert [t.size for t in case.targets if t.name == LESION] == ["0.5-2 ml", "0.5-2 ml"]
    assert [size_class(ml) for ml in (0.4, 0.5, 2, 10)] == [
        "under 0.5 ml",
        "0.5-2 ml",
        "2-10 ml",
        "over 10 ml",
    ]


@pytest.mark.parametrize(
    ("lesions", "expected"),
    [("union", [LESIONS]), ("each", [LESION, LESION]), ("none", [])],
)
def test_lesions_as_wanted(tmp_path, lesions, expected):
    case = read_case(small_cohorts.row(tmp_path, "a"), LABELS, lesions=lesions)
    assert [t.name for t in case.targets if t.of_lesions] == expected


def test_names_and_the_row_choose(tmp_path):
    row = small_cohorts.row(tmp_path, "a", targets=("liver", LESION))
    assert {t.name for t in read_case(row, LABELS).targets} == {"liver", LESION, LESIONS}
    assert [t.name for t in read_case(row, LABELS, names=("liver", "kidneys")).targets] == ["liver"]
    assert {t.name for t in read_case(row, LABELS, names=(LESIONS,)).targets} == {LESION, LESIONS}


def test_the_truth_behind_a_label_of_low_quality_is_the_reference(tmp_path):
    noisy = np.where(small_cohorts.organs() == 1, 0, small_cohorts.organs())
    maps = {"reference": noisy, "clean_reference": small_cohorts.organs()}
    case = read_case(small_cohorts.row(tmp_path, "a", maps=maps), LABELS)
    assert case.targets[0].name == "liver"


def test_a_case_without_lesions_has_them_as_a_target_only_where_wanted(tmp_path):
    row = small_cohorts.row(tmp_path, "a", maps={"lesions": np.zeros(small_cohorts.SHAPE, np.int16)})
    assert read_case(row, {}).targets == ()
    (target,) = read_case(row, {}, without_lesions=True).targets
    assert target.name == LESIONS


def test_the_liver_is_clicked_away_from_lesions(tmp_path):
    case = read_case(small_cohorts.row(tmp_path, "a"), LABELS)
    i, j, k = (int(c) for c in case.scan.liver_ijk)
    assert small_cohorts.organs()[i, j, k] == 1
    inside = {"reference": small_cohorts.organs(), "lesions": np.zeros(small_cohorts.SHAPE, np.int16)}
    inside["lesions"][2:7, 2:8, 2:8] = 1
    case = read_case(small_cohorts.row(tmp_path, "b", maps=inside), LABELS)
    assert case.scan.liver_ijk[0] == 7
    assert read_case(small_cohorts.row(tmp_path, "c", maps={}), LABELS).scan.liver_ijk is None


def test_refusals_name_case_and_file(tmp_path):
    row = small_cohorts.row(tmp_path, "broken")
    row.image.write_bytes(b"no image")
    with pytest.raises(ImageReadError, match=r"case 'broken': .*pet\.nii\.gz"):
        read_case(row, LABELS)
    row = small_cohorts.row(tmp_path, "shifted")
    small_cohorts.save(small_cohorts.organs(), row.reference, np.diag([4.0, 4, 4, 1]))
    with pytest.raises(GeometryError, match=r"case 'shifted': .*reference\.nii\.gz: its affine"):
        read_case(row, LABELS)


def test_refuses_a_name_that_no_map_has():
    check_names(("liver", LESION, LESIONS), LABELS, Path("labels.json"))
    with pytest.raises(ManifestError, match=r"^labels\.json: has no target 'spleen'; choose of lesion"):
        check_names(("liver", "spleen"), LABELS, Path("labels.json"))


def test_lesions_in_a_row_mean_what_lesion_means(tmp_path):
    row = small_cohorts.row(tmp_path, "a", targets=("liver", "lesions"))
    names = [target.name for target in read_case(row, LABELS).targets]
    assert names == ["liver", LESION, LESION, LESIONS]

"""A manifest becomes nnU-Net's raw data set."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

import small_cohorts as cohorts
from seganypet.errors import GeometryError, ManifestError
from seganypet.evaluation.nnunet.export import DATASET, cohort_of, export, image_to_predict, upright
from seganypet.io import read_volume


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cohort"


def read(path):
    return np.asarray(nib.load(path).dataobj)


def manifest_of(folder, *splits, **cells):
    rows = [cohorts.row(folder, f"case {n}", seed=n, split=split, **cells) for n, split in enumerate(splits)]
    return cohorts.write(folder, *rows)


def test_rows_go_where_their_split_says(folder):
    cohort = cohort_of(manifest_of(folder, "test", "train", "val", "", "test"), ["liver"])
    assert {name: row.case for name, row in cohort.training.items()} == {
        "case_00002": "case 1",
        "case_00004": "case 3",
    }
    assert list(cohort.validation) == ["case_00003"]
    assert list(cohort.test) == ["case_00001", "case_00005"]


def test_all_targets_by_default_and_lesions_where_all_have_their_map(folder):
    manifest = manifest_of(folder, "train", "test")
    assert set(cohort_of(manifest, []).classes.targets) == {"liver", "kidneys", "kidney_left", "lesion"}
    manifest = manifest_of(folder, "train", "test", maps={"reference": cohorts.organs()})
    assert set(cohort_of(manifest, []).classes.targets) == {"liver", "kidneys", "kidney_left"}


def test_the_data_set_by_hand(folder, tmp_path):
    cohort = cohort_of(manifest_of(folder, "train", "test"), ["kidneys", "liver", "lesion"])
    told = []
    place = export(cohort, tmp_path / "raw", on_case=lambda done, of: told.append((done, of)))
    assert place == tmp_path / "raw" / DATASET
    assert json.loads((place / "dataset.json").read_text()) == {
        "channel_names": {"0": "PET"},
        "labels": {"background": 0, "liver": 1, "kidneys": 2, "lesion": 3},
        "numTraining": 1,
        "file_ending": ".nii.gz",
        "overwrite_image_reader_writer": "SimpleITKIO",
    }
    assert json.loads((place / "cases.json").read_text()) == {"case_00001": "case 0", "case_00002": "case 1"}
    assert told == [(1, 2), (2, 2)]
    expected = np.zeros(cohorts.SHAPE, np.int16)
    expected[2:8, 2:8, 2:8] = 1
    expected[12:16, 2:6, 2:6] = expected[18:21, 2:5, 2:5] = 2
    expected[cohorts.tumours() > 0] = 3
    # The scans' first axis leads to the left, and is turned.
    np.testing.assert_array_equal(read(place / "labelsTr" / "case_00001.nii.gz"), expected[::-1])
    np.testing.assert_array_equal(
        read(place / "imagesTr" / "case_00001_0000.nii.gz"), cohorts.suv_of(0)[::-1]
    )
    image = image_to_predict(tmp_path / "raw", "case_00002")
    np.testing.assert_array_equal(read(image), cohorts.suv_of(1)[::-1])
    np.testing.assert_allclose(nib.load(image).affine, np.diag([4, 4, 4, 1]))
    assert not (place / "labelsTs").exists()


def test_oblique_scans_with_permuted_axes_come_back(folder, tmp_path):
    turn = np.radians(20)
    affine = np.eye(4)
    affine[:3, :3] = [
        [0, 3 * np.cos(turn), -5 * np.sin(turn)],
        [0, 3 * np.sin(turn), 5 * np.cos(turn)],
        [-2, 0, 0],
    ]
    array = cohorts.suv_of(4)
    rows = [cohorts.row(folder, "a", split="train"), cohorts.row(folder, "b", split="test")]
    cohorts.save(array, rows[1].image, affine)
    cohort = cohort_of(cohorts.write(folder, *rows), ["liver"])
    export(cohort, tmp_path)
    image = nib.load(image_to_predict(tmp_path, "case_00002"))
    assert image.shape == (20, 16, 24)
    np.testing.assert_allclose(image.header.get_zooms(), (3, 5, 2), rtol=1e-6)
    volume = read_volume(rows[1].image)
    np.testing.assert_array_equal(upright(volume).invert(np.asarray(image.dataobj)), array)


def test_refuses_a_manifest_with_nothing_to_learn_or_to_predict(folder):
    with pytest.raises(ManifestError, match="no case of split 'train'; fill the column split"):
        cohort_of(manifest_of(folder, "val", "test"), ["liver"])
    unpredicted = manifest_of(folder, "train", "")
    with pytest.raises(ManifestError, match=r"no case of split 'test'; fill .* or give --no-predictions"):
        cohort_of(unpredicted, ["liver"])
    assert not cohort_of(unpredicted, ["liver"], predictions=False).test


def test_refuses_an_unknown_target(folder):
    with pytest.raises(ManifestError, match=r"manifest.csv: target 'spleen' is not in labels.json"):
        cohort_of(manifest_of(folder, "train", "test"), ["liver", "spleen"])


def test_refuses_cases_that_are_not_labelled(folder):
    manifest = manifest_of(folder, "train", "test", maps={})
    with pytest.raises(ManifestError, match=r"no reference for case 0; no lesions for case 0; leave these"):
        cohort_of(manifest, ["liver", "lesion"])


def test_cases_to_predict_need_no_labels(folder):
    rows = [cohorts.row(folder, "a", split="train"), cohorts.row(folder, "b", split="test", maps={})]
    assert len(cohort_of(cohorts.write(folder, *rows), ["liver", "lesion"]).test) == 1


@pytest.mark.parametrize("name", ["../elsewhere", "/elsewhere"])
def test_refuses_names_that_lead_out_of_the_folder(folder, name):
    rows = [cohorts.row(folder, "a", split="train"), cohorts.row(folder, "b", split="test")]
    manifest = cohorts.write(folder, rows[0], replace(rows[1], case=name))
    with pytest.raises(ManifestError, match="names a place elsewhere; rename it"):
        cohort_of(manifest, ["liver"])


def test_refuses_a_label_map_on_another_grid_and_names_the_case(folder, tmp_path):
    row = cohorts.row(folder, "a b", split="train")
    cohorts.save(np.zeros((3, 3, 3), np.int16), row.reference)
    cohort = cohort_of(
        cohorts.write(folder, row, cohorts.row(folder, "c", split="test")), ["liver", "lesion"]
    )
    with pytest.raises(GeometryError, match=r"case 'a b': .*shape"):
        export(cohort, tmp_path)

"""Targets become classes that no voxel shares, and come back from them."""

import numpy as np
import pytest

from seganypet.errors import ManifestError
from seganypet.evaluation.nnunet.classes import classes_of

LABELS = {"liver": [7], "heart": [3, 9], "heart_myocardium": [3], "kidneys": [5, 2], "lungs": [300]}


def test_a_union_alone_is_one_class():
    classes = classes_of(LABELS, ["heart", "kidneys"])
    assert classes.parts == ((2, 5), (3, 9))
    assert classes.targets == {"kidneys": [1], "heart": [2]}
    assert classes.titles == {"background": 0, "kidneys": 1, "heart": 2}


def test_a_union_and_its_part_share_a_class():
    classes = classes_of(LABELS, ["heart", "heart_myocardium", "liver"])
    assert classes.parts == ((3,), (7,), (9,))
    assert classes.targets == {"heart": [1, 3], "heart_myocardium": [1], "liver": [2]}
    assert classes.titles == {"background": 0, "heart/heart_myocardium": 1, "liver": 2, "heart": 3}
    assert classes.count == 3


@pytest.mark.parametrize("name", ["lesion", "lesions"])
def test_lesions_are_the_last_class_under_the_name_that_predictions_are_read_by(name):
    classes = classes_of(LABELS, [name, "liver"])
    assert classes.count == 2
    assert classes.targets == {"liver": [1], "lesion": [2]}
    assert classes.titles == {"background": 0, "liver": 1, "lesion": 2}


def test_label_maps_by_hand():
    reference = np.array([0, 7, 3, 9, 2, 5, 300, 4], dtype=np.uint16).reshape(2, 2, 2)
    lesions = np.array([0, 6, 0, 1, 0, 0, 0, 0], dtype=np.uint8).reshape(2, 2, 2)
    classes = classes_of(LABELS, ["kidneys", "heart", "liver", "lungs", "lesion"])
    assert classes.targets == {"kidneys": [1], "heart": [2], "liver": [3], "lungs": [4], "lesion": [5]}
    # Background, a lesion in the liver, heart, a lesion in the heart, kidney, kidney, lung, an id of no target.
    assert classes.label_map(reference, lesions).ravel().tolist() == [0, 5, 2, 5, 1, 1, 4, 0]


def test_organs_without_lesions_keep_them():
    reference = np.full((1, 1, 2), 7, dtype=np.uint8)
    lesions = np.array([[[0, 1]]], dtype=np.uint8)
    assert classes_of(LABELS, ["liver"]).label_map(reference, lesions).ravel().tolist() == [1, 1]


def test_lesions_alone_need_no_reference():
    lesions = np.array([[[0, 4]]], dtype=np.uint8)
    assert classes_of({}, ["lesion"]).label_map(None, lesions).ravel().tolist() == [0, 1]


def test_targets_come_back_from_a_label_map():
    reference = np.arange(10, dtype=np.uint8).reshape(1, 2, 5)
    classes = classes_of(LABELS, ["heart", "heart_myocardium", "liver", "kidneys"])
    label_map = classes.label_map(reference, None)
    for name, numbers in classes.targets.items():
        np.testing.assert_array_equal(np.isin(label_map, numbers), np.isin(reference, LABELS[name]))


@pytest.mark.parametrize(
    ("labels", "targets", "problem"),
    [
        (LABELS, ["spleen"], "'spleen' is not in labels.json; it has liver, heart"),
        ({"lesion": [1]}, ["lesion"], "has 'lesion', which stands for"),
        ({}, [], "no target"),
    ],
)
def test_refuses(labels, targets, problem):
    with pytest.raises(ManifestError, match=problem):
        classes_of(labels, targets)

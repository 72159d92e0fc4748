"""Targets of a case, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.training.cases import CachedCase, Target, targets_of

SHAPE = (10, 12, 14)
AFFINE = np.diag([-2.0, 2.0, 5.0, 1.0])  # voxels of 0.02 ml
LABELS = {"heart": [5, 7], "liver": [300], "spleen": [6], "brain": [900]}


def box(*slices: tuple[int, int]) -> tuple[slice, ...]:
    return tuple(slice(a, b) for a, b in slices)


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray]:
    """A heart of two parts, a liver; two lesions, and one too small."""
    parts, lesions = np.zeros(SHAPE, np.uint16), np.zeros(SHAPE, np.uint8)
    parts[box((0, 3), (0, 3), (0, 3))] = 5
    parts[box((3, 8), (0, 3), (0, 3))] = 7
    parts[box((0, 5), (6, 11), (6, 11))] = 300
    lesions[box((6, 9), (6, 9), (6, 9))] = 1
    lesions[box((0, 1), (0, 1), (0, 3))] = 2
    lesions[box((9, 10), (11, 12), (10, 14))] = 4
    return parts, lesions


HEART = Target("heart", "organ", (5, 7), (0, 0, 0), (8, 3, 3), (1, 1, 0), 72, pytest.approx(1.44))
LIVER = Target("liver", "organ", (300,), (0, 6, 6), (5, 11, 11), (2, 8, 7), 125, pytest.approx(2.5))
FIRST = Target("lesion", "lesion", (1,), (6, 6, 6), (9, 9, 9), (7, 7, 6), 27, pytest.approx(0.54))
SECOND = Target("lesion", "lesion", (4,), (9, 11, 10), (10, 12, 14), (9, 11, 10), 4, pytest.approx(0.08))


def test_targets_by_hand(maps):
    assert targets_of(*maps, LABELS, AFFINE, find_deepest=True) == ([HEART, LIVER, FIRST, SECOND], ["lesion"])


def test_only_names_asked_for(maps):
    found, small = targets_of(*maps, LABELS, AFFINE, names=("liver", "brain"), find_deepest=True)
    assert (found, small) == ([LIVER], [])
    found, small = targets_of(*maps, LABELS, AFFINE, names=("lesion",), find_deepest=True)
    assert (found, small) == ([FIRST, SECOND], ["lesion"])


def test_depth_is_in_mm():
    """A block of 5 x 9 x 3 voxels is thinnest along k; where these are 10 mm thick, it is thinnest along i."""
    parts = np.zeros((9, 11, 9), np.uint8)
    parts[2:7, 1:10, 3:6] = 1
    by_one = targets_of(parts, None, {"a": [1]}, np.eye(4), find_deepest=True)[0][0].deepest
    assert by_one == (3, 2, 4)
    tall = targets_of(parts, None, {"a": [1]}, np.diag([1.0, 1.0, 10.0, 1.0]), find_deepest=True)[0][
        0
    ].deepest
    assert tall == (4, 3, 3)


def test_a_case_without_maps_has_no_target():
    assert targets_of(None, None, LABELS, AFFINE) == ([], [])


def test_each_target_finds_its_own_map_and_truth(maps):
    parts, lesions = maps
    case = CachedCase(
        suv=np.zeros(SHAPE),
        reference=parts,
        lesions=lesions,
        clean=parts[::-1],
        affine=AFFINE,
        targets=(LIVER, FIRST),
    )
    assert case.map_of(LIVER) is parts
    assert case.map_of(FIRST) is lesions
    assert case.clean_map_of(LIVER) is case.clean
    assert case.clean_map_of(FIRST) is None
    assert np.count_nonzero(parts[LIVER.box] == 300) == 125

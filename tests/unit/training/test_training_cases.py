"""Cases on disk: what is stored of each target, counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seganypet.training.cases import Target, load_case, save_case

SHAPE = (10, 12, 14)


def box(*slices: tuple[int, int]) -> tuple[slice, ...]:
    return tuple(slice(a, b) for a, b in slices)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A heart of two parts, a liver, an organ that is absent; two lesions, and one too small."""
    parts, lesions = np.zeros(SHAPE, np.int16), np.zeros(SHAPE, np.int16)
    parts[box((0, 3), (0, 3), (0, 3))] = 5
    parts[box((3, 8), (0, 3), (0, 3))] = 7
    parts[box((0, 5), (6, 11), (6, 11))] = 300
    lesions[box((6, 9), (6, 9), (6, 9))] = 1
    lesions[box((0, 1), (0, 1), (0, 3))] = 2
    lesions[box((9, 10), (11, 12), (10, 14))] = 4
    suv = np.arange(np.prod(SHAPE)).reshape(SHAPE) / 100
    labels = {"heart": [5, 7], "liver": [300], "spleen": [6], "brain": [900]}
    save_case(tmp_path / "case", suv, parts, lesions, labels, 4.0)
    return tmp_path / "case"


def test_targets_by_hand(folder):
    assert load_case(folder).targets == (
        Target("heart", "organ", (5, 7), (0, 0, 0), (8, 3, 3), (1, 1, 1), 27 + 45),
        Target("liver", "organ", (300,), (0, 6, 6), (5, 11, 11), (2, 8, 8), 125),
        Target("lesion", "lesion", (1,), (6, 6, 6), (9, 9, 9), (7, 7, 7), 27),
        Target("lesion", "lesion", (4,), (9, 11, 10), (10, 12, 14), (9, 11, 10), 4),
    )


def test_arrays_come_back(folder):
    case = load_case(folder)
    np.testing.assert_allclose(case.suv, np.arange(np.prod(SHAPE)).reshape(SHAPE) / 100, rtol=1e-3)
    assert isinstance(case.suv, np.memmap)
    assert case.suv.dtype == np.float16
    assert sorted(np.unique(case.parts)) == [0, 5, 7, 300]
    assert sorted(np.unique(case.lesions)) == [0, 1, 2, 4]
    assert case.spacing_mm == 4.0


def test_each_target_finds_its_own_map(folder):
    case = load_case(folder)
    for target in case.targets:
        mask = np.isin(case.map_of(target), target.ids)
        assert mask.sum() == target.voxels
        assert mask[target.deepest]


def test_smallest_target_can_be_chosen(tmp_path):
    lesions = np.zeros((4, 4, 4), np.uint8)
    lesions[0, 0, :2] = 1
    empty = np.zeros((4, 4, 4), np.uint8)
    save_case(tmp_path, np.ones((4, 4, 4)), empty, lesions, {}, 4.0, min_voxels=2)
    assert [t.voxels for t in load_case(tmp_path).targets] == [2]
    save_case(tmp_path, np.ones((4, 4, 4)), empty, lesions, {}, 4.0, min_voxels=3)
    assert load_case(tmp_path).targets == ()


def test_case_is_complete_only_when_all_arrays_are_written(tmp_path, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dumps", killed)
    empty = np.zeros((4, 4, 4), np.uint8)
    with pytest.raises(KeyboardInterrupt):
        save_case(tmp_path, np.ones((4, 4, 4)), empty, empty, {}, 4.0)
    assert not (tmp_path / "case.json").exists()
    assert {p.name for p in tmp_path.glob("*.npy")} == {"suv.npy", "parts.npy", "lesions.npy"}


def test_description_appears_whole(folder, monkeypatch):
    def killed(path: Path, target: Path) -> None:
        raise KeyboardInterrupt

    before = (folder / "case.json").read_text()
    monkeypatch.setattr(Path, "replace", killed)
    empty = np.zeros((4, 4, 4), np.uint8)
    with pytest.raises(KeyboardInterrupt):
        save_case(folder, np.ones((4, 4, 4)), empty, empty, {}, 4.0)
    assert (folder / "case.json").read_text() == before

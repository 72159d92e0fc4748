"""AutoPET's clicks and scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.evaluation.autopet import autopet_rounds, autopet_scores

MM = (2.0, 2.0, 2.0)


@pytest.fixture
def scan() -> tuple[np.ndarray, np.ndarray]:
    """Two lesions, and a hot bladder of 0.2 % of the other voxels."""
    suv = np.ones((40, 40, 40), dtype=np.float32)
    lesions = np.zeros(suv.shape, dtype=bool)
    lesions[5:10, 5:10, 5:10] = lesions[20:23, 20:23, 20:23] = True
    suv[lesions] = 8
    suv[30:35, 30:35, 30:35] = 20
    return suv, lesions


def test_centres_come_first_then_borders(scan):
    suv, lesions = scan
    rounds = autopet_rounds(suv, lesions, MM, np.random.default_rng(42))
    tumour = [clicks[0].ijk for clicks in rounds]
    assert len(tumour) == 10
    assert set(tumour[:2]) == {(7, 7, 7), (21, 21, 21)}
    inner = {(7, 7, 7), (21, 21, 21)} | {(i, j, k) for i in (6, 7, 8) for j in (6, 7, 8) for k in (6, 7, 8)}
    assert not set(tumour[2:]) & inner
    assert all(lesions[tuple(int(c) for c in ijk)] for ijk in tumour)


def test_background_clicks_lie_in_hot_voxels_that_are_no_lesion(scan):
    suv, lesions = scan
    rounds = autopet_rounds(suv, lesions, MM, np.random.default_rng(42))
    background = [clicks[1] for clicks in rounds]
    assert not any(click.positive for click in background)
    assert {suv[tuple(int(c) for c in click.ijk)] for click in background} == {20.0}


def test_the_same_seed_gives_the_same_clicks_and_another_others(scan):
    one, same, other = (autopet_rounds(*scan, MM, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_a_case_without_lesions_gets_no_clicks(scan):
    suv, lesions = scan
    assert autopet_rounds(suv, np.zeros_like(lesions), MM, np.random.default_rng(0)) == [[]] * 10


def rows(**curves: list[float]) -> list[dict[str, float]]:
    base = {"dsc": [0.0] * 11, "fp_ml": [0.0] * 11, "fn_ml": [0.0] * 11, "lesion_f1": [0.0] * 11} | curves
    return [{name: values[n] for name, values in base.items()} for n in range(11)]


def test_a_perfect_curve_has_an_area_of_ten():
    scores = autopet_scores(rows(dsc=[1.0] * 11))
    assert scores["dice_auc"] == 10.0
    assert scores["dice_final"] == 1.0


def test_areas_are_those_of_trapezoids_by_hand():
    scores = autopet_scores(rows(dsc=[0.0, *[0.5] * 9, 1.0], fp_ml=[11.0 - n for n in range(11)]))
    assert scores["dice_auc"] == pytest.approx(0.25 + 8 * 0.5 + 0.75)
    assert scores["fpv_auc"] == pytest.approx(60.0)
    assert scores["fpv_final"] == 1.0


def test_without_lesions_only_false_positives_have_a_score():
    scores = autopet_scores(rows(dsc=[math.nan] * 11, fn_ml=[math.nan] * 11, fp_ml=[2.0] * 11))
    assert math.isnan(scores["dice_auc"])
    assert math.isnan(scores["fnv_final"])
    assert scores["fpv_auc"] == 20.0


def test_refuses_another_number_of_masks():
    with pytest.raises(UsageError, match="5 masks; autoPET's scores need 11"):
        autopet_scores(rows()[:5])

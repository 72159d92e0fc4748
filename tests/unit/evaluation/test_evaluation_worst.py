"""The worst results as slices to look at."""

from __future__ import annotations

import numpy as np
import pytest

import small_cohorts
from seganypet.evaluation.config import EvaluationConfig
from seganypet.evaluation.methods.registry import chosen_methods
from seganypet.evaluation.results import Results, read_results
from seganypet.evaluation.run import EvaluationRun, evaluate, rows_of
from seganypet.evaluation.worst import worst_cases


@pytest.fixture
def run(tmp_path) -> EvaluationRun:
    """A scan whose left kidney and first lesion stand out, and nothing else."""
    organs, lesions = small_cohorts.organs(), small_cohorts.tumours()
    suv = np.ones(small_cohorts.SHAPE, np.float32)
    suv[organs == 2] = 5.0
    suv[lesions == 1] = 9.0
    row = small_cohorts.row(tmp_path / "data", "a")
    small_cohorts.save(suv, row.image)
    return EvaluationRun(
        folder=tmp_path / "run",
        manifest=small_cohorts.write(tmp_path / "data", row),
        methods=tuple(chosen_methods(["suv2.5"])),
        config=EvaluationConfig(clicks=(1,)),
    )


def worst(run: EvaluationRun, count: int) -> tuple[Results, list]:
    rows, labels = evaluate(run), rows_of(run)[1]
    results = read_results(run.folder, rows, run.methods)
    found = worst_cases(run.folder, rows, labels, results.per_case, "suv2.5", 1, title="SUV 2.5", count=count)
    return results, found


def test_the_worst_come_first_and_all_lesions_together_not_at_all(run):
    _, found = worst(run, 10)
    assert [case.title for case in found] == [
        "a, liver, SUV 2.5: Dice 0.00",
        "a, lesion 2, SUV 2.5: Dice 0.00",
        "a, kidneys, SUV 2.5: Dice 0.83",
        "a, kidney_left, SUV 2.5: Dice 1.00",
        "a, lesion 1, SUV 2.5: Dice 1.00",
    ]


def test_three_planes_through_the_middle_of_the_error(run):
    _, (liver, *_) = worst(run, 1)
    assert [view.title for view in liver.views] == ["axial", "coronal", "sagittal"]
    for view in liver.views:
        assert view.reference.sum() == 36  # a cube of six, cut through its middle
        assert not view.prediction.any()
        assert view.suv.shape == view.reference.shape
        assert view.pixel_mm == (4.0, 4.0)


def test_where_nothing_is_wrong_the_middle_of_the_target_is_shown(run):
    _, found = worst(run, 10)
    perfect = found[3]
    assert all(view.reference.sum() == 16 for view in perfect.views)
    assert all(np.array_equal(view.reference, view.prediction) for view in perfect.views)

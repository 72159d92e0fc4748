"""One method on one case: rows, clicks, costs, what is skipped."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import small_cohorts
from seganypet.errors import MethodError, PromptError, UsageError
from seganypet.evaluation.cases import Case, read_case
from seganypet.evaluation.config import EvaluationConfig
from seganypet.evaluation.readers import Habits
from seganypet.evaluation.unit import mask_key, run_unit
from seganypet.targets import LESION, LESIONS
from told_method import Automatic, Told

SHAPE = small_cohorts.SHAPE


def case_of(tmp_path, **cells) -> Case:
    lesions = cells.pop("lesions", "both")
    return read_case(small_cohorts.row(tmp_path, "a", **cells), small_cohorts.LABELS, lesions=lesions)


def told(*masks: np.ndarray, case: Case) -> Told:
    method = Told(*masks)
    method.start(case.scan)
    return method


def test_every_click_of_every_target_has_a_row(tmp_path):
    case = case_of(tmp_path)
    liver = small_cohorts.organs() == 1
    result = run_unit(told(liver, case=case), case, EvaluationConfig(clicks=(1, 2)), 0.5)
    keys = [(row["target"], row["instance"], row["click"]) for row in result.rows]
    assert keys[:2] == [("liver", "", 1), ("liver", "", 2)]
    assert len(keys) == 2 * len(case.targets)
    assert result.rows[0]["dsc"] == 1.0
    assert [row["points"] for row in result.rows[:4]] == [
        1,
        1,
        1,
        2,
    ]  # nothing more to click in a perfect liver
    assert result.rows[6]["size"] == "0.5-2 ml"


def test_lesions_found_are_counted_for_all_of_them_only(tmp_path):
    case = case_of(tmp_path)
    result = run_unit(told(small_cohorts.tumours() > 0, case=case), case, EvaluationConfig(clicks=(1,)), 0)
    found = {(row["target"], row["instance"]): row for row in result.rows}
    assert found[LESIONS, ""]["lesion_f1"] == 1.0
    assert found[LESIONS, ""]["fn_ml"] == 0.0
    assert math.isnan(found[LESION, "1"]["lesion_f1"])


def test_clicks_costs_and_last_masks_are_kept(tmp_path):
    case = case_of(tmp_path)
    liver = small_cohorts.organs() == 1
    result = run_unit(told(~liver, liver, case=case), case, EvaluationConfig(clicks=(1, 3)), 0.5)
    ours = [click for click in result.clicks if click["target"] == "liver"]
    assert [(c["click"], c["positive"]) for c in ours] == [(1, 1), (2, 0)]
    cost = result.costs[0]
    assert (cost["target"], cost["points"], cost["start_s"]) == ("liver", 2, 0.5)
    assert 0 < cost["first_click_s"] < 1
    assert 0 < cost["later_click_s"] < 1
    assert np.array_equal(result.masks[mask_key("liver", "", 0)], liver)


def test_what_is_told_by_name_has_one_row_without_clicks(tmp_path):
    case = case_of(tmp_path, lesions="none")
    organs = small_cohorts.organs()
    method = Automatic(liver=organs == 1, kidneys=organs == 2, kidney_left=organs == 2)
    method.start(case.scan)
    result = run_unit(method, case, EvaluationConfig(draws=3, habits=Habits(first="uniform")), 0)
    assert [(row["target"], row["click"], row["draw"], row["points"]) for row in result.rows] == [
        ("liver", 0, 0, 0),
        ("kidneys", 0, 0, 0),
        ("kidney_left", 0, 0, 0),
    ]
    assert math.isnan(result.costs[0]["later_click_s"])


def test_draws_differ_and_each_is_the_same_again_whatever_the_method(tmp_path):
    case = case_of(tmp_path, lesions="none", targets=("liver",))
    config = EvaluationConfig(clicks=(1,), draws=4, habits=Habits(first="uniform"))
    nothing, liver = np.zeros(SHAPE, dtype=bool), small_cohorts.organs() == 1
    one, other = (run_unit(told(mask, case=case), case, config, 0).clicks for mask in (nothing, liver))
    assert one == other
    assert len({(c["i"], c["j"], c["k"]) for c in one}) > 1
    again = run_unit(told(nothing, case=case), case, EvaluationConfig(clicks=(1,), habits=config.habits), 0)
    assert again.clicks == one[:1]


def test_a_target_that_a_method_cannot_do_is_skipped_and_leaves_nothing(tmp_path):
    class Fails(Told):
        def click(self, *given):
            if len(self.clicks) == 1 and self.targets[-1] == "kidneys":
                raise MethodError("out of memory")
            return super().click(*given)

    case = case_of(tmp_path, lesions="none")
    method = Fails(np.zeros(SHAPE, dtype=bool))
    method.start(case.scan)
    result = run_unit(method, case, EvaluationConfig(clicks=(2,)), 0)
    assert result.skipped == [{"target": "kidneys", "instance": "", "draw": 0, "reason": "out of memory"}]
    for rows in (result.rows, result.clicks, result.costs):
        assert {row["target"] for row in rows} == {"liver", "kidney_left"}


def test_autopet_s_scheme_has_eleven_masks_of_all_lesions(tmp_path):
    case = case_of(tmp_path)
    result = run_unit(
        told(small_cohorts.tumours() > 0, case=case), case, EvaluationConfig(scheme="autopet"), 0
    )
    assert [(row["target"], row["click"]) for row in result.rows] == [(LESIONS, n) for n in range(11)]
    assert [row["dsc"] for row in result.rows] == [0.0] + [1.0] * 10
    assert result.rows[-1]["points"] == 20
    assert result.skipped == []


def test_in_autopet_s_scheme_a_case_without_lesions_has_false_positives_only(tmp_path):
    maps = {"lesions": np.zeros(SHAPE, np.int16)}
    case = read_case(small_cohorts.row(tmp_path, "a", maps=maps), {}, without_lesions=True)
    method = Automatic(lesions=small_cohorts.organs() == 1)
    method.start(case.scan)
    result = run_unit(method, case, EvaluationConfig(scheme="autopet"), 0)
    assert len(result.rows) == 11
    assert all(math.isnan(row["dsc"]) for row in result.rows)
    assert [row["fp_ml"] for row in result.rows] == pytest.approx([216 * 0.064] * 11)


def recorded(tmp_path, content: object, **cells) -> Case:
    path = tmp_path / "clicks.json"
    path.write_text(json.dumps(content))
    return case_of(tmp_path, prompts=path, **cells)


def own_file(*objects: dict) -> dict:
    return {"version": 1, "space": "voxel", "objects": list(objects)}


def points(*xyz: tuple[int, int, int]) -> list[dict]:
    return [{"type": "point", "xyz": list(p), "label": 1, "t": t} for t, p in enumerate(xyz)]


def test_in_autopet_s_scheme_a_network_without_clicks_has_the_same_mask_eleven_times(tmp_path):
    case = case_of(tmp_path)
    organs = small_cohorts.organs()
    method = Automatic(lesions=organs == 1, liver=organs == 1)
    method.start(case.scan)
    result = run_unit(method, case, EvaluationConfig(scheme="autopet"), 0)
    assert [(row["target"], row["click"], row["points"]) for row in result.rows] == [
        (LESIONS, n, 0) for n in range(11)
    ]
    assert {row["prompting"] for row in result.rows} == {"target"}


def test_what_goes_wrong_in_another_system_is_told_and_skipped(tmp_path):
    class Breaks(Told):
        def click(self, *given):
            raise RuntimeError("CUDA out of memory")

    case = case_of(tmp_path, lesions="none", targets=("liver",))
    result = run_unit(Breaks(np.zeros(SHAPE, dtype=bool)), case, EvaluationConfig(), 0)
    assert [row["reason"] for row in result.skipped] == ["RuntimeError: CUDA out of memory"]
    assert result.rows == []


def test_recorded_clicks_end_where_they_end(tmp_path):
    case = recorded(tmp_path, own_file({"id": 1, "name": "liver", "prompts": points((3, 3, 3), (4, 4, 4))}))
    method = told(np.zeros(SHAPE, dtype=bool), case=case)
    result = run_unit(method, case, EvaluationConfig(scheme="recorded", clicks=(1, 3, 5)), 0)
    assert [row["click"] for row in result.rows] == [1, 2]


def test_recorded_clicks_are_made_as_they_were(tmp_path):
    liver = {"id": 1, "name": "liver", "prompts": points((3, 3, 3), (4, 4, 4))}
    second = {"id": 2, "name": LESION, "prompts": points((16, 16, 6))}
    case = recorded(tmp_path, own_file(liver, second))
    method = told(np.zeros(SHAPE, dtype=bool), case=case)
    result = run_unit(method, case, EvaluationConfig(scheme="recorded", clicks=(1, 3)), 0)
    made = [(c["target"], c["instance"], c["click"], c["i"]) for c in result.clicks]
    assert made == [("liver", "", 1, 3.0), ("liver", "", 2, 4.0), (LESION, "2", 1, 16.0)]
    reasons = {(row["target"], row["instance"]): row["reason"] for row in result.skipped}
    assert "has no object 'lesion' with id 1" in reasons[LESION, "1"]
    assert "has no object 'kidneys'" in reasons["kidneys", ""]


def test_clicks_of_autopet_s_files_are_for_all_lesions(tmp_path):
    case = recorded(tmp_path, {"tumor": [[11, 11, 11], [16, 16, 6]], "background": [[3, 3, 3]]})
    method = told(np.zeros(SHAPE, dtype=bool), case=case)
    result = run_unit(method, case, EvaluationConfig(scheme="recorded", clicks=(3,)), 0)
    assert [(c["target"], c["i"], c["positive"]) for c in result.clicks] == [
        (LESIONS, 11.0, 1),
        (LESIONS, 3.0, 0),
        (LESIONS, 16.0, 1),
    ]


def test_refuses_recorded_clicks_that_cannot_be_used(tmp_path):
    case = recorded(tmp_path, own_file({"id": 1, "name": "liver", "prompts": points((99, 3, 3))}))
    with pytest.raises(PromptError, match=r"clicks\.json: prompt 1 at voxel \(99, 3, 3\) lies outside"):
        run_unit(told(np.zeros(SHAPE, dtype=bool), case=case), case, EvaluationConfig(scheme="recorded"), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clicks": ()}, "clicks none"),
        ({"clicks": (0, 1)}, "expected whole numbers from 1"),
        ({"clicks": (3, 1)}, "the smallest first"),
        ({"clicks": (1, 1)}, "each number once"),
        ({"draws": 0}, "draws is 0"),
        ({"draws": 2}, "all would be the same; choose a random first click"),
        ({"draws": 2, "scheme": "recorded", "habits": Habits(first="uniform")}, "all would be the same"),
        ({"tolerance_mm": -1.0}, "tolerance_mm is"),
        ({"scheme": "autopet", "lesions": "each"}, "for all lesions of a case as one target, not 'each'"),
    ],
)
def test_refuses_settings_that_make_no_sense(settings, message):
    with pytest.raises(UsageError, match=message):
        EvaluationConfig(**settings)


class DrawsOn(Told):
    """A method that hands out the same array each time, and changes it."""

    def click(self, click):
        mask = super().click(click)
        if not hasattr(self, "_page"):
            self._page = mask.copy()
        self._page[...] = mask
        return self._page


def test_a_mask_that_a_method_changes_in_place_is_scored_anew(tmp_path):
    case = case_of(tmp_path, lesions="none")
    liver = small_cohorts.organs() == 1
    half = liver.copy()
    half[np.argwhere(liver)[0][0]] = False
    method = DrawsOn(half, liver)
    method.start(case.scan)
    result = run_unit(method, case, EvaluationConfig(clicks=(1, 2)), 0)
    first, second = (row["dsc"] for row in result.rows[:2])
    assert first < second == 1.0


def test_an_equal_mask_is_not_measured_again(tmp_path, monkeypatch):
    from seganypet.evaluation import unit

    measured = []
    agreement = unit.agreement
    monkeypatch.setattr(unit, "agreement", lambda *a, **k: measured.append(1) or agreement(*a, **k))
    case = case_of(tmp_path, lesions="none")
    half = small_cohorts.organs() == 1
    half[np.argwhere(half)[0][0]] = False
    run_unit(told(half, half.copy(), half.copy(), case=case), case, EvaluationConfig(clicks=(1, 3)), 0)
    assert len(measured) == len(case.targets)

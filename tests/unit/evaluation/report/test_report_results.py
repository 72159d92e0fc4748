"""The table of all cases: checked, averaged over draws, cut into kinds of targets."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from seganypet.errors import UsageError
from seganypet.evaluation.report.prompting import settings
from seganypet.evaluation.report.results import Results, in_order, mean_of, of_targets, worst_targets


def test_draws_of_a_target_are_averaged_first(row, results_of):
    results = results_of([row("a", "A", 0.4), row("a", "A", 0.8, draw=1), row("b", "A", 0.9)])
    assert of_targets(results.rows, "dsc")["dsc"].tolist() == pytest.approx([0.6, 0.9])
    assert mean_of(results.rows, "dsc").value == pytest.approx(0.75)
    assert len(results.drawn) == 3


def test_a_missing_column_is_refused(row):
    frame = pd.DataFrame([row("a", "A", 0.4)]).drop(columns=["nsd"])
    with pytest.raises(UsageError, match="per_case: no column nsd"):
        Results.of(frame, pd.DataFrame(), [])


def test_a_missing_column_of_costs_is_refused(row, frames):
    per_case, costs = frames([row("a", "A", 0.4)])
    with pytest.raises(UsageError, match="costs: no column peak_mb"):
        Results.of(per_case, costs.drop(columns="peak_mb"), [])


def test_a_table_that_was_written_and_read_again_is_the_same(row, results_of):
    rows = [
        row("a", "A", 0.4, target="lesion", instance="1", size="0.5-2 ml"),
        row("a", "A", 0.6, target="liver"),
    ]
    text = pd.DataFrame(rows).to_csv(index=False)
    again = pd.read_csv(io.StringIO(text))
    assert again["instance"].isna().any()  # what was written as ""
    read = Results.of(again, pd.DataFrame(), [])
    pd.testing.assert_frame_equal(read.rows, results_of(rows).rows)
    assert read.rows["instance"].tolist() == ["1", ""]


def test_the_tables_given_stay_as_they_are(row, frames):
    per_case, costs = frames([row("a", "A", 0.4, instance=None)])
    before = per_case.copy()
    Results.of(per_case, costs, [])
    pd.testing.assert_frame_equal(per_case, before)


def test_kinds_of_targets_are_told_apart(row, results_of):
    results = results_of(
        [row("a", "A", 0.4, target=name) for name in ("liver", "lesion", "lesions", "spleen")]
    )
    found = {name: results.domain(name).rows["target"].tolist() for name in ("organs", "lesion", "lesions")}
    assert found == {"organs": ["liver", "spleen"], "lesion": ["lesion"], "lesions": ["lesions"]}


def test_an_automatic_method_stands_after_every_click_as_it_is(row, results_of):
    results = results_of(
        [row("a", "auto", 0.4, click=0), row("a", "A", 0.1, click=0, prompting="clicks"), row("a", "A", 0.5)]
    )
    assert results.automatic("auto")
    assert not results.automatic("A")
    assert results.after("auto", 5)["dsc"].tolist() == [0.4]
    assert results.after("A", 1)["dsc"].tolist() == [0.5]
    assert results.after("A", 5).empty


def test_prompts_are_named_as_in_the_papers(row, results_of):
    rows = [row("a", "A", 0.5, click=3), row("a", "auto", 0.4, click=0)]
    rows += [
        row(case, "slices", 0.5, click=3, points=points, prompting="slice_clicks")
        for case, points in (("a", 90), ("b", 30))
    ]
    # what is perfect early gets no more clicks
    rows += [row("a", "early", 1.0, click=3, points=1), row("b", "early", 0.5, click=3, points=3)]
    found = {s.method: (s.group, s.prompt) for s in settings(results_of(rows), [1, 3])}
    assert found == {
        "A": ("3 points", "3 points"),
        "slices": ("3 points", "3N points (median 60)"),
        "early": ("3 points", "3 points"),
        "auto": ("without clicks", "no click"),
    }


def test_columns_begin_with_the_papers_organs_and_end_with_lesions():
    names = ["lesion", "tail", "lesions", "brain", "spleen", "liver", "brain"]
    assert in_order(names) == ["liver", "spleen", "brain", "tail", "lesions", "lesion"]


def test_worst_targets_come_worst_first(row):
    rows = [row("a", "A", 0.9), row("b", "A", 0.2), row("b", "A", 0.4, draw=1), row("c", "A", 0.1)]
    rows += [row("d", "B", 0.0), row("c", "A", 0.0, click=2)]
    found = worst_targets(pd.DataFrame(rows), "A", 1, count=2)
    assert found["case"].tolist() == ["c", "b"]
    assert found["dsc"].tolist() == pytest.approx([0.1, 0.3])

"""What the tables say, of three cases and two methods."""

from __future__ import annotations

import pytest

from seganypet.evaluation.report.accuracy_tables import cohort_tables, median_tables, organ_tables
from seganypet.evaluation.report.comparison_tables import p_text, paired_table, reach_table
from seganypet.evaluation.report.measure_tables import cost_table, lesion_tables, quantification_tables
from seganypet.evaluation.report.results import PAPERS_ORGANS
from seganypet.evaluation.report.tables import settings_table, skipped_table

SKIPPED = {"case": "c2", "target": "spleen", "method": "B", "reason": "out of memory"}


def shown(table) -> list[list[str]]:
    return [[row.group, *(cell.shown() for cell in row.cells)] for row in table.rows]


def test_means_of_organs_with_intervals(results_of, three_cases):
    # of 0.9, 0.8, 0.7 two are drawn: ends 0.7 and 0.9; the mean of both organs has half that width
    (table,) = organ_tables(results_of(three_cases), [1], PAPERS_ORGANS)
    assert table.heads == ("method", "prompt", "liver", "spleen", "mean")
    assert shown(table) == [
        ["1 point", "A", "1 point", "80.0 (70.0–90.0)", "50.0 (50.0–50.0)", "65.0 (60.0–70.0)"],
        ["1 point", "B", "1 point", "60.0 (40.0–80.0)", "50.0 (50.0–50.0)", "55.0 (45.0–65.0)"],
    ]
    assert [[cell.best for cell in row.cells[2:]] for row in table.rows] == [[True, False, True], [False] * 3]
    assert "n: 3 cases, 6 targets (liver 3, spleen 3)." in table.notes
    assert "Skipped: nothing." in table.notes


def test_seen_and_unseen_organs_are_apart(results_of, three_cases):
    seen, unseen = organ_tables(results_of(three_cases), [1], ["liver"])
    assert seen.heads[2:] == ("liver", "mean")
    assert unseen.heads[2:] == ("spleen", "mean")


def test_without_a_list_of_seen_organs_all_are_together(results_of, three_cases):
    (table,) = organ_tables(results_of(three_cases), [1], [])
    assert (table.name, table.heads[2:]) == ("organs", ("liver", "spleen", "mean"))


def test_a_method_that_missed_a_target_is_flagged_and_never_best(results_of, three_cases):
    rows = [r for r in three_cases if (r["case"], r["method"], r["target"]) != ("c2", "B", "liver")]
    rows = [r | {"dsc": 0.99} if r["method"] == "B" else r for r in rows]
    results = results_of(rows, [SKIPPED | {"target": "liver"}])
    (table,) = organ_tables(results, [1], PAPERS_ORGANS)
    a, b = table.rows
    assert [cell.fewer for cell in b.cells] == [False, False, True, False, True]
    assert [cell.best for cell in b.cells] == [False, False, False, True, False]
    assert not any(cell.fewer for cell in a.cells)
    notes = " ".join(table.notes)
    assert "B (1 point) 5 of 6" in notes
    assert "Skipped and left out: B 1;" in notes


def test_skips_of_other_targets_are_not_a_tables_own(results_of, three_cases):
    seen, unseen = organ_tables(results_of(three_cases, [SKIPPED]), [1], ["liver"])
    assert "Skipped: nothing." in seen.notes
    assert any(note.startswith("Skipped and left out: B 1") for note in unseen.notes)


def test_a_single_case_has_no_interval_and_says_so(results_of, row):
    (table,) = organ_tables(results_of([row("a", "A", 0.8)]), [1], PAPERS_ORGANS)
    assert shown(table) == [["1 point", "A", "1 point", "80.0 (–)", "80.0 (–)"]]
    assert any("the interval is undefined" in note for note in table.notes)


def test_clicks_and_automatic_methods_are_groups_of_their_own(results_of, row):
    rows = [row("a", "A", 0.5 + click / 10, click=click) for click in (1, 2, 3)] + [
        row("a", "auto", 0.3, click=0)
    ]
    (table,) = organ_tables(results_of(rows), [1, 3, 5], PAPERS_ORGANS)
    assert [(line[0], line[1], line[3]) for line in shown(table)] == [
        ("1 point", "A", "60.0 (–)"),
        ("3 points", "A", "80.0 (–)"),
        ("without clicks", "auto", "30.0 (–)"),
    ]
    assert "No method was clicked 5 times." in table.notes


def test_each_tracer_has_a_table_where_there_are_several(results_of, three_cases, row):
    assert cohort_tables(results_of(three_cases), [1]) == []
    rows = [*three_cases, row("p", "A", 0.3, tracer="PSMA", target="lesions")]
    fdg, psma = cohort_tables(results_of(rows), [1])
    assert (fdg.title, psma.title) == ("Tracer FDG: Dice (DSC), %", "Tracer PSMA: Dice (DSC), %")
    assert fdg.heads == ("method", "prompt", "liver", "spleen")
    assert shown(psma) == [["1 point", "A", "1 point", "30.0 (–)"]]


def test_medians_have_quartiles_and_infinite_distances(results_of, row):
    values = ((0.2, 5.0), (0.4, 7.0), (0.9, float("inf")))
    rows = [row(f"c{n}", "A", dsc, hd95_mm=mm) for n, (dsc, mm) in enumerate(values)]
    tables = {table.name: table for table in median_tables(results_of(rows), [1])}
    assert shown(tables["median_dsc"])[0][-1] == "40.0 (30.0–65.0)"
    assert shown(tables["median_nsd"])[0][-1] == "20.0 (15.0–32.5)"
    assert shown(tables["median_hd95_mm"])[0][-1] == "7.00 (6.00–∞)"
    assert any("infinite where one mask alone is empty" in note for note in tables["median_hd95_mm"].notes)


def test_lesions_as_one_and_one_by_one(results_of, row):
    rows = [
        row("a", "A", 0.8, target="lesions", lesion_f1=0.5, fp_ml=2.0, fn_ml=0.0),
        row("b", "A", 0.6, target="lesions", lesion_f1=1.0, fp_ml=4.0, fn_ml=1.0),
        row("a", "A", 0.9, target="lesion", instance="1", size=">10 ml"),
        row("a", "A", 0.1, target="lesion", instance="2", size="<0.5 ml"),
        row("b", "A", 0.5, target="lesion", instance="1", size="0.5-2 ml"),
    ]
    united, single = lesion_tables(results_of(rows), [1])
    assert shown(united)[0][3:] == [
        "70.0 (60.0–80.0)",
        "35.0 (30.0–40.0)",
        "75.0 (50.0–100.0)",
        "3.00 (2.00–4.00)",
        "0.50 (0.00–1.00)",
    ]
    assert single.heads[2:6] == ("DSC, %: all", "DSC, %: <0.5 ml", "DSC, %: 0.5-2 ml", "DSC, %: >10 ml")
    assert shown(single)[0][3:7] == ["50.0 (50.0–50.0)", "10.0 (–)", "50.0 (–)", "90.0 (–)"]


def test_quantification_has_medians_with_signs_and_marks_what_is_nearest_to_0(results_of, row):
    errors = {"A": (-10.0, -2.0, 6.0), "B": (5.0, 6.0, 7.0)}
    rows = [row(f"c{n}", m, 0.5, volume_error_pct=errors[m][n]) for m in errors for n in range(3)]
    rows[0]["suvmax_error_pct"] = float("nan")  # its mask is empty
    (table,) = quantification_tables(results_of(rows), [1])
    assert table.name == "quantification_organs"
    a, b = table.rows
    assert a.cells[2].shown() == "−2.0 (−6.0 to +2.0)"
    assert (a.cells[2].best, b.cells[2].best) == (True, False)
    assert a.cells[3].fewer
    assert any("A (1 point) 2 of 3" in note for note in table.notes)


def test_cost_has_medians_and_the_highest_peak(frames, results_of, three_cases):
    results = results_of(three_cases)
    results.costs.loc[results.costs.index[0], "peak_mb"] = 900.0
    table = cost_table(results)
    assert shown(table)[0][1:] == ["A", "2.00 (2.00–2.00)", "0.50 (0.50–0.50)", "–", "3 (3–3)", "900"]
    assert "n: 3 cases, 6 targets, of each method those that it answered." in table.notes


def test_paired_table_tells_difference_p_and_numbers(results_of, three_cases):
    # livers 0.1, 0.2, 0.3 below, spleens alike: mean of the organs' means -0.1, cases -0.05, -0.1, -0.15
    table = paired_table(results_of(three_cases), "A", [1])
    assert shown(table) == [["organs, 1 point", "B", "−10.0 (−15.0 to −5.0)", "0.25", "0.25", "6", "3"]]


def test_nothing_is_compared_where_there_is_one_method(results_of, row):
    assert paired_table(results_of([row("a", "A", 0.5)]), "A", [1]) is None


@pytest.mark.parametrize(
    ("p", "text"), [(float("nan"), "–"), (0.0001, "< 0.001"), (0.0123, "0.012"), (0.25, "0.25")]
)
def test_p_is_written_with_two_digits(p, text):
    assert p_text(p) == text


def test_clicks_to_reach_counts_failures_at_the_highest_number(results_of, row):
    dices = {"a": (0.7, 0.82, 0.81), "b": (0.5, 0.6, 0.7)}
    rows = [row(case, "A", dice, click=n) for case in dices for n, dice in enumerate(dices[case], start=1)]
    table = reach_table(results_of([*rows, row("a", "auto", 0.9, click=0)]))
    assert table.heads[:3] == ("method", "NoC@80", "never, %")
    assert shown(table) == [
        ["organs", "A", "2.50 (2.00–3.00)", "50", "3.00 (3.00–3.00)", "100", "3.00 (3.00–3.00)", "100"]
    ]


def test_only_automatic_methods_reach_nothing_by_clicks(results_of, row):
    assert reach_table(results_of([row("a", "auto", 0.9, click=0)])) is None


def test_equal_reasons_are_told_once(results_of, three_cases):
    skipped = [SKIPPED | {"case": f"c{n}"} for n in range(7)]
    table = skipped_table(results_of(three_cases, skipped))
    assert shown(table) == [["", "B", "spleen", "out of memory", "7", "c0, c1, c2, c3, c4 and 2 more"]]
    assert skipped_table(results_of(three_cases)) is None


def test_settings_are_written_the_same_each_time():
    table = settings_table({"clicks": (1, 3), "labels": {"b": {"y", "x"}, "a": 1}, "device": "cpu"})
    assert [row.cells[1].text for row in table.rows] == ["[1, 3]", '{"a": 1, "b": ["x", "y"]}', "cpu"]
    assert settings_table({}) is None

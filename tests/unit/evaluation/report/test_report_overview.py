"""One line for each method: means after each click, and costs."""

from __future__ import annotations

from seganypet.evaluation.report.comma_separated import csv_of_table
from seganypet.evaluation.report.overview import overview_tables


def lines(table) -> list[list[str]]:
    return [[cell.shown() for cell in row.cells] for row in table.rows]


def test_means_after_each_click_stand_beside_the_costs(results_of, row):
    rows = [
        *(row("a", "A", 0.5 + click / 10, click=click) for click in (1, 2, 3)),
        *(row("b", "A", 0.3 + click / 10, click=click) for click in (1, 2, 3)),
        *(row(case, "B", 0.65, click=click) for case in "ab" for click in (1, 2, 3)),
        *(row(case, "auto", 0.8, click=0) for case in "ab"),
    ]
    (table,) = overview_tables(results_of(rows), [1, 3], ())
    assert table.heads[:2] == ("method", "organs: Dice (DSC), %")
    assert [line[:2] for line in lines(table)] == [["A", "50.0 → 70.0"], ["B", "65.0"], ["auto", "80.0"]]
    assert lines(table)[0][2:] == ["2.00", "0.50", "–", "3", "100"]
    assert [row.cells[1].best for row in table.rows] == [False, False, True]


def test_each_kind_of_target_has_a_column(results_of, three_cases, row):
    rows = [
        *three_cases,
        row("c0", "A", 0.4, target="lesions"),
        row("c0", "B", 0.2, target="lesion", instance="1"),
    ]
    (table,) = overview_tables(results_of(rows), [1], ["liver"])
    assert [head.split(":")[0] for head in table.heads[1:5]] == [
        "organs seen",
        "organs not seen",
        "lesions, all as one",
        "lesions, each",
    ]
    assert [line[1:5] for line in lines(table)] == [
        ["80.0", "50.0", "40.0", "–"],
        ["60.0", "50.0", "–", "20.0"],
    ]


def test_a_method_that_missed_targets_is_flagged_and_never_best(results_of, row):
    rows = [row("a", "A", 0.5), row("b", "A", 0.5), row("a", "B", 0.9)]
    (table,) = overview_tables(results_of(rows), [1], ())
    assert [line[1] for line in lines(table)] == ["50.0", "90.0*"]
    assert not any(row.cells[1].best for row in table.rows)
    assert any(note.startswith("*: of fewer targets") for note in table.notes)


def test_nothing_gives_no_table(results_of):
    assert overview_tables(results_of([]), [1], ()) == []


def test_each_tracer_has_a_table_without_costs(results_of, row):
    rows = [row("a", "A", 0.5), row("b", "A", 0.7, tracer="PSMA")]
    both, fdg, psma = overview_tables(results_of(rows), [1], ())
    assert [lines(table) for table in (fdg, psma)] == [[["A", "50.0"]], [["A", "70.0"]]]
    assert (fdg.title, fdg.heads) == ("Accuracy, tracer FDG", both.heads[:2])
    assert len({table.name for table in (both, fdg, psma)}) == 3


def test_equal_last_means_are_best_together_whatever_was_before(results_of, row):
    dice = {"A": (0.5, 0.7), "B": (0.6, 0.7), "C": (0.6, 0.6)}
    rows = [row("a", m, dsc, click=n) for m in dice for n, dsc in enumerate(dice[m], start=1)]
    (table,) = overview_tables(results_of(rows), [1, 2], ())
    assert [(line.cells[1].text, line.cells[1].best) for line in table.rows] == [
        ("50.0 → 70.0", True),
        ("60.0 → 70.0", True),
        ("60.0", False),
    ]


def test_the_csv_has_the_whole_course(results_of, row):
    (table,) = overview_tables(results_of([row("a", "A", n / 10, click=n) for n in (1, 2)]), [1, 2], ())
    assert csv_of_table(table).splitlines()[1].startswith("A,10.0 → 20.0,")


def test_what_was_skipped_with_one_tracer_is_not_told_of_another(results_of, row):
    rows = [row("a", "A", 0.5), row("a", "B", 0.5), row("b", "A", 0.7, tracer="PSMA")]
    skipped = [{"case": "b", "target": "liver", "method": "B", "reason": "no"}]
    _, fdg, psma = overview_tables(results_of(rows, skipped), [1], ())
    assert "Skipped: nothing." in fdg.notes
    assert any(note.startswith("Skipped and left out: B 1") for note in psma.notes)

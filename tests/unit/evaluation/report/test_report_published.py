"""The papers' figures: all there, in the right place, and the one that cannot be right is found."""

from __future__ import annotations

from seganypet.evaluation.report.published import Figure, printed_twice, published_results
from seganypet.evaluation.report.published_tables import published_tables


def figure(**more: str) -> Figure:
    values = {
        "paper": "P2",
        "table": "T",
        "cohort": "C",
        "method": "one",
        "prompt": "1 point",
        "target": "Heart",
        "metric": "DSC median (IQR)",
        "value": "0.1234",
        "iqr": "0.1000–0.2000",
    }
    return Figure(**(values | more))


def found(paper: str, table: str, method: str, prompt: str, target: str) -> list[str]:
    return [
        f.value
        for f in published_results()
        if (f.paper, f.table, f.method, f.prompt, f.target) == (paper, table, method, prompt, target)
    ]


def test_all_figures_are_there():
    figures = published_results()
    assert len(figures) == 791
    assert {f.paper for f in figures} == {"P1", "P2"}
    assert all(0 <= f.number <= 100 for f in figures if f.metric != "s")


def test_figures_are_those_of_the_papers():
    assert found("P1", "Table 1", "SegAnyPET", "1 point", "Avg") == ["90.49"]
    assert found("P1", "Table 1", "nnUNet", "Auto", "Heart") == ["90.96"]


def test_the_figure_that_p2_prints_twice_is_found():
    ((one, other),) = printed_twice(published_results())
    assert {one.method, other.method} == {"nnInteractive", "SegAnyPET"}
    assert one.cohort.startswith("UMD-PETMR")
    assert (one.target, one.value, one.iqr) == ("Heart", "0.0348", "0.0043–0.1954")


def test_figures_that_differ_in_anything_are_not_printed_twice():
    for more in ({"iqr": "0.1000–0.2001"}, {"target": "Liver"}, {"cohort": "D"}, {"value": "0.1235"}):
        assert printed_twice([figure(), figure(method="other", **more)]) == []
    assert len(printed_twice([figure(), figure(method="other")])) == 1


def test_what_may_be_alike_by_chance_is_not_reported():
    zeros = {"value": "0.0000", "iqr": "0.0000–0.0000"}
    assert printed_twice([figure(**zeros), figure(method="other", **zeros)]) == []
    assert printed_twice([figure(iqr=""), figure(method="other", iqr="")]) == []


def test_a_published_table_has_theirs_then_ours_in_per_cent(results_of, three_cases):
    tables = published_tables(results_of(three_cases), [1])
    first = tables[0]
    assert first.heads == ("method", "prompt", "Liver", "Kidney-L", "Kidney-R", "Heart", "Spleen", "Avg")
    lines = {(row.group, row.cells[0].text, row.cells[1].text): row for row in first.rows}
    theirs = lines["published, P1, ICCV 2025, arXiv 2502.14351", "SegAnyPET", "1 point"]
    assert [cell.shown() for cell in theirs.cells[2:]] == [
        "93.06",
        "89.84",
        "90.61",
        "88.29",
        "90.67",
        "90.49",
    ]
    ours = lines["this report, on its own data", "A", "1 point"]
    assert [cell.shown() for cell in ours.cells[2:5]] == ["80.0 (70.0–90.0)", "–", "–"]
    assert all("other data" in table.title for table in tables)
    assert all("not comparable" in " ".join(table.notes) for table in tables)
    assert not any(cell.best for table in tables for row in table.rows for cell in row.cells)


def test_the_doubted_figure_is_marked_in_its_table_alone(results_of, row):
    tables = published_tables(results_of([row("a", "A", 0.5, target="heart")]), [1])
    marked = [t for t in tables if any("†" in cell.text for r in t.rows for cell in r.cells)]
    (table,) = marked
    assert "UMD-PETMR" in table.title
    texts = [cell.shown() for r in table.rows for cell in r.cells if "†" in cell.text]
    assert texts == ["3.48† (0.43–19.54)"] * 2
    (note,) = [note for t in tables for note in t.notes if "†" in note]
    assert "nnInteractive and SegAnyPET on Heart" in note


def test_papers_tables_without_any_of_our_targets_are_left_out(results_of, row):
    tables = published_tables(results_of([row("a", "A", 0.5, target="lesions")]), [1])
    assert {table.heads[2] for table in tables} == {"tumor", "Lymphoma", "Lung Cancer", "PCa"}
    notes = {note for table in tables for note in table.notes}
    assert "Ours under Lymphoma: all lesions of a case here, whatever their disease." in notes
    assert published_tables(results_of([row("a", "A", 0.5, target="thyroid_gland")]), [1]) == []

"""A whole report: its files, the same bytes each time, and inputs that leave little to report."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pandas as pd
import pytest

from seganypet.errors import OutputError, UsageError
from seganypet.evaluation.report import View, WorstCase, write_report

NASTY = "5% & _x <i>"


@pytest.fixture
def write(frames, tmp_path):
    """Write a report of rows; return its folder."""

    def make(rows, name="report", skipped=(), **more):
        per_case, costs = frames(rows) if rows else (pd.DataFrame(), pd.DataFrame())
        more = {"title": "Test", "settings": {"device": "cpu"}} | more
        write_report(tmp_path / name, per_case, costs, list(skipped), **more)
        return tmp_path / name

    return make


def hashes(folder) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def headings(folder) -> list[str]:
    return re.findall("^## (.*)$", (folder / "report.md").read_text(), re.MULTILINE)


def worst() -> list[WorstCase]:
    mask = np.zeros((8, 8), bool)
    mask[2:5, 2:5] = True
    return [WorstCase(title="c0, liver", views=[View(suv=np.ones((8, 8)), reference=mask, prediction=~mask)])]


def test_autopet_s_scheme_has_a_report_of_its_own(row, frames, tmp_path):
    rows = [
        row(case, "A", 0.5, target="lesions", click=n, points=2 * n) for case in ("a", "b") for n in range(11)
    ]
    scores = pd.DataFrame(
        [
            {"case": case, "method": "A", "draw": 0, "dice_auc": auc, "dice_final": 0.5}
            | dict.fromkeys(("fpv_auc", "fpv_final", "fnv_auc", "fnv_final", "dmm_auc", "dmm_final"), 1.0)
            for case, auc in (("a", 4.0), ("b", 6.0))
        ]
    )
    per_case, costs = frames(rows)
    write_report(tmp_path, per_case, costs, [], title="t", settings={}, scores=scores)
    report = (tmp_path / "report.md").read_text()
    assert "| A | 5.00 (4.00–6.00) | 50.0 (50.0–50.0) |" in report
    assert "1 point" not in report


def test_a_report_has_all_its_files_and_the_same_bytes_each_time(write, three_cases, row):
    rows = [*three_cases, row("c0", NASTY, 0.5), row("c0", "auto", 0.6, click=0)]
    rows += [row("c1", "A", 0.5, target="lesions", tracer="PSMA", lesion_f1=0.5, fp_ml=1.0, fn_ml=2.0)]
    skipped = [{"case": "c1", "target": "liver", "method": NASTY, "reason": "out of <memory>"}]
    first = write(rows, "first", skipped, worst=worst())
    again = write(rows, "again", skipped, worst=worst())
    assert hashes(first) == hashes(again)
    names = set(hashes(first))
    assert {"report.md", "report.html"} < names
    assert {
        f"figures/{n}.png" for n in ("dice_by_target", "dice_against_clicks", "volumes", "worst_cases")
    } < names
    tables = {name.split("/")[1].split(".")[0] for name in names if name.startswith("tables/")}
    assert {f"tables/{name}.{end}" for name in tables for end in ("csv", "tex")} < names
    assert {"organs_seen", "lesions", "tracer_1", "tracer_2", "median_nsd", "cost", "paired_tests"} < tables
    assert {"quantification_organs", "clicks_to_reach", "skipped", "settings", "published_1"} < tables
    assert headings(first)[-1] == "Published, on other data: not comparable"
    text = (first / "report.html").read_text()
    assert "Paired tests: Dice compared with A" in text  # the first method
    assert text.count("data:image/png;base64,") == 4
    assert "5% &amp; _x &lt;i&gt;" in text
    assert "<script" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert r"5\% \& \_x \textless{}i\textgreater{}" in (first / "tables" / "organs_seen.tex").read_text()


def test_pictures_linked_in_markdown_are_there(write, three_cases):
    folder = write(three_cases)
    links = re.findall(r"\]\((figures/.*?)\)", (folder / "report.md").read_text())
    assert links
    assert all((folder / link).is_file() for link in links)


def test_nothing_at_all_makes_a_report_that_says_so(write):
    folder = write([], settings={})
    text = (folder / "report.md").read_text()
    assert "There are no results." in text
    assert headings(folder) == []
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.md"]


def test_where_all_was_skipped_the_reasons_are_reported(write):
    folder = write([], skipped=[{"case": "a", "target": "liver", "method": "A", "reason": "no GPU"}])
    assert headings(folder) == ["Skipped", "Settings"]
    assert "no GPU" in (folder / "report.md").read_text()


def test_only_automatic_methods_have_neither_curves_nor_clicks_to_reach(write, row):
    folder = write([row("a", "auto", 0.6, click=0), row("b", "auto", 0.8, click=0)])
    assert not (folder / "figures" / "dice_against_clicks.png").exists()
    assert (folder / "figures" / "dice_by_target.png").exists()
    found = headings(folder)
    assert "Clicks to reach" not in found
    assert "Paired tests" not in found
    assert "without clicks" in (folder / "report.md").read_text()


def test_methods_are_compared_with_the_one_that_is_named(write, three_cases):
    named = write(three_cases, reference_method="B")
    assert "compared with B" in (named / "report.md").read_text()


def test_an_unknown_reference_method_is_refused(write, three_cases):
    with pytest.raises(UsageError, match="reference method 'C' has no results; choose of 'A', 'B'"):
        write(three_cases, reference_method="C")


def test_a_reference_method_that_was_always_skipped_leaves_nothing_to_compare(write, three_cases):
    skipped = [{"case": "c0", "target": "liver", "method": "C", "reason": "no GPU"}]
    assert "Paired tests" not in headings(write(three_cases, skipped=skipped, reference_method="C"))


@pytest.mark.parametrize("clicks", [(), (0, 1)])
def test_clicks_that_cannot_be_shown_are_refused(write, three_cases, clicks):
    with pytest.raises(UsageError, match="give one or more numbers from 1"):
        write(three_cases, clicks=clicks)


def test_a_folder_that_is_a_file_is_refused(write, three_cases, tmp_path):
    (tmp_path / "report").write_text("here")
    with pytest.raises(OutputError):
        write(three_cases)
    assert (tmp_path / "report").read_text() == "here"

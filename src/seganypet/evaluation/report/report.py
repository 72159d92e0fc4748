"""Write a report: one page as Markdown and as HTML, its tables as LaTeX and CSV, its figures as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seganypet.errors import UsageError
from seganypet.evaluation.report import bland_altman, figures, notes, worst_cases
from seganypet.evaluation.report.autopet_table import AUTOPET_CAPTION, autopet_table
from seganypet.evaluation.report.comma_separated import csv_of_table
from seganypet.evaluation.report.document import Document, Picture, Section
from seganypet.evaluation.report.html import html_of_report
from seganypet.evaluation.report.latex import latex_of_table
from seganypet.evaluation.report.markdown import markdown_of_report
from seganypet.evaluation.report.measure_tables import cost_table
from seganypet.evaluation.report.overview import overview_tables
from seganypet.evaluation.report.published_tables import HEADING, published_tables
from seganypet.evaluation.report.results import PAPERS_ORGANS, Results, Skip
from seganypet.evaluation.report.tables import all_tables, settings_table, skipped_table
from seganypet.evaluation.report.worst_cases import WorstCase

if TYPE_CHECKING:
    import pandas as pd

_PUBLISHED = (
    "What the papers printed. They measured on other scans, with other references and other clicks, so that no "
    "difference between their figures and ours tells which method is better. Ours stand below theirs in each table."
)


def write_report(
    folder: Path,
    per_case: pd.DataFrame,
    costs: pd.DataFrame,
    skipped: Sequence[Skip],
    *,
    clicks: Sequence[int] = (1, 3, 5),
    seen: Sequence[str] = PAPERS_ORGANS,
    reference_method: str | None = None,
    title: str,
    settings: Mapping[str, Any],
    worst: Sequence[WorstCase] | None = None,
    scores: pd.DataFrame | None = None,
) -> None:
    """Write report.md, report.html, tables/*.tex and *.csv, and figures/*.png; the same input gives the same bytes.

    Args:
        folder: Where to; files of an earlier report with the same names are replaced.
        per_case: One row for each target, method, draw and click; the columns are those that `Results` checks.
        costs: One row for each target, method and draw.
        skipped: What was not answered: case, target, method, reason.
        clicks: After which clicks tables show results; box plots and volumes are of the first of these.
        seen: Organs that the tested models saw in training; empty to show all organs in one table.
        reference_method: Label of the method that the others are compared with; the first one by default.
        title: Of the report.
        settings: What the run was made with.
        worst: Slices of the worst results, if they are to be shown.
        scores: Of autoPET's scheme; the report then has these, cost and what was skipped: its clicks come in pairs that
            were made in advance, and have no place in the other tables.

    Raises:
        UsageError: A column is missing, no clicks are asked for, or the reference method is unknown.
        GeometryError: Slices of a worst result do not match.
        OutputError: A file cannot be written.
    """
    if not clicks or min(clicks) < 1:
        raise UsageError(f"clicks {list(clicks)}; give one or more numbers from 1")
    results = Results.of(per_case, costs, skipped)
    reference = _reference(results, reference_method)
    shown = sorted(set(clicks))
    document = Document(
        title=title,
        texts=_beginning(results),
        sections=tuple(
            _sections(results, shown, seen, reference, settings, worst or ())
            if scores is None
            else _autopet_sections(results, scores, settings, worst or ())
        ),
    )
    _write(folder, document)


def _sections(
    results: Results,
    clicks: Sequence[int],
    seen: Sequence[str],
    reference: str,
    settings: Mapping[str, Any],
    worst: Sequence[WorstCase],
) -> list[Section]:
    pictures, overview = _pictures(results, clicks[0], worst), overview_tables(results, clicks, seen)
    found = [Section(heading="Overview", tables=tuple(overview))] if overview else []
    if pictures:
        found.append(Section(heading="At a glance", pictures=pictures))
    for heading, tables in all_tables(results, clicks, seen, reference).items():
        found.append(Section(heading=heading, tables=tuple(tables)))
    of_run = settings_table(settings)
    if of_run is not None:
        found.append(Section(heading="Settings", tables=(of_run,)))
    published = published_tables(results, clicks)
    if published:
        found.append(Section(heading=HEADING, texts=(_PUBLISHED,), tables=tuple(published), foreign=True))
    return found


def _autopet_sections(
    results: Results, scores: pd.DataFrame, settings: Mapping[str, Any], worst: Sequence[WorstCase]
) -> list[Section]:
    drawn = [
        Picture(path=f"figures/{name}.png", caption=caption, png=png)
        for name, caption, png in (
            ("dice_against_clicks", AUTOPET_CAPTION, figures.dice_curves(results)),
            ("worst_cases", worst_cases.CAPTION, worst_cases.worst_cases(worst)),
        )
        if png is not None
    ]
    found = [Section(heading="At a glance", pictures=tuple(drawn))] if drawn else []
    tables = {
        "autoPET's scores": autopet_table(scores),
        "Cost": cost_table(results),
        "Skipped": skipped_table(results),
        "Settings": settings_table(settings),
    }
    return found + [Section(heading=name, tables=(table,)) for name, table in tables.items() if table]


def _pictures(results: Results, click: int, worst: Sequence[WorstCase]) -> tuple[Picture, ...]:
    drawn = (
        ("dice_by_target", figures.boxes_caption(click), figures.dice_boxes(results, click)),
        ("dice_against_clicks", figures.CURVES_CAPTION, figures.dice_curves(results)),
        ("volumes", bland_altman.caption(click), bland_altman.bland_altman(results, click)),
        ("worst_cases", worst_cases.CAPTION, worst_cases.worst_cases(worst)),
    )
    return tuple(
        Picture(path=f"figures/{name}.png", caption=caption, png=png)
        for name, caption, png in drawn
        if png is not None
    )


def _beginning(results: Results) -> tuple[str, ...]:
    """Return what the report says first: of how much it is, and how to read it."""
    if not len(results.rows):
        return ("There are no results.", notes.left_out(results))
    several = []
    for column, name in (("split", "splits"), ("tracer", "tracers"), ("centre", "centres")):
        of_case = results.rows.drop_duplicates(["case", column])[column].value_counts(sort=False)
        each = ", ".join(f"{value or 'not given'} {number}" for value, number in of_case.items())
        several.append(f"{name}: {each}")
    return (
        f"{notes.counted(results)} Cases by {'; by '.join(several)}.",
        f"{notes.OVERLAP_OF_EMPTY} {notes.left_out(results)}",
        "Research use only. Not a medical device.",
    )


def _reference(results: Results, wanted: str | None) -> str:
    if wanted is None:
        return results.methods[0] if results.methods else ""
    known = dict.fromkeys((*results.methods, *(entry.get("method", "") for entry in results.skipped)))
    if wanted not in known:
        raise UsageError(
            f"reference method {wanted!r} has no results; choose of {', '.join(map(repr, known)) or 'none'}"
        )
    return wanted


def _write(folder: Path, document: Document) -> None:
    for section in document.sections:
        for picture in section.pictures:
            _write_bytes(folder / picture.path, picture.png)
        for table in section.tables:
            _write_bytes(folder / "tables" / f"{table.name}.csv", csv_of_table(table).encode())
            _write_bytes(folder / "tables" / f"{table.name}.tex", latex_of_table(table).encode())
    _write_bytes(folder / "report.md", markdown_of_report(document).encode())
    _write_bytes(folder / "report.html", html_of_report(document).encode())


def _write_bytes(path: Path, data: bytes) -> None:
    from seganypet.io.write import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_bytes(data)

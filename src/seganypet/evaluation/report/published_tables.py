"""The papers' figures beside ours: other data, so nothing to be compared, but an order of magnitude."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from seganypet.evaluation.report import notes
from seganypet.evaluation.report.prompting import settings
from seganypet.evaluation.report.published import (
    PAPERS,
    TARGETS,
    Figure,
    printed_twice,
    published_results,
    twice_note,
)
from seganypet.evaluation.report.results import Results, mean_of, median_of
from seganypet.evaluation.report.table import Cell, Row, Table, number_cell, text_cell
from seganypet.targets import LESIONS

HEADING: Final = "Published, on other data: not comparable"
_OURS: Final = "this report, on its own data"


class _Metric(NamedTuple):
    """How the papers print a metric: what it is here, and what makes per cent of it."""

    column: str
    title: str
    per_cent: float
    median: bool


_METRICS: Final = {
    "DSC %": _Metric("dsc", "Dice (DSC), %, mean", 1, False),
    "DSC median (IQR)": _Metric("dsc", "Dice (DSC), %, median (quartiles)", 100, True),
    "NSD median (IQR)": _Metric("nsd", "surface Dice (NSD), %, median (quartiles)", 100, True),
}


def published_tables(results: Results, clicks: Sequence[int]) -> list[Table]:
    """Return the papers' tables of targets that these results have too, ours below theirs.

    Args:
        results: Ours.
        clicks: After which clicks.
    """
    ours = set(results.rows["target"])
    sources: dict[tuple[str, ...], list[Figure]] = {}
    for figure in published_results():
        if figure.metric in _METRICS:
            sources.setdefault((figure.paper, figure.table, figure.cohort, figure.metric), []).append(figure)
    tables = []
    for number, figures in enumerate(sources.values(), start=1):
        if any(TARGETS.get(figure.target) in ours for figure in figures):
            tables.append(_table(results, figures, clicks, f"published_{number}"))
    return tables


def _table(results: Results, figures: Sequence[Figure], clicks: Sequence[int], name: str) -> Table:
    first, metric = figures[0], _METRICS[figures[0].metric]
    targets = list(dict.fromkeys(figure.target for figure in figures))
    doubted = printed_twice(figures)
    rows = [*_theirs(figures, targets, metric), *_ours(results, targets, clicks, metric)]
    below = (
        f"Source: {PAPERS[first.paper]}, {first.table}; figures as printed, in per cent. Published, on other data: not "
        "comparable with ours, which stand below them.",
        *(f"†: {twice_note(group)}" for group in doubted),
        f"Ours: {notes.MEDIANS if metric.median else notes.MEANS}",
        *_of_any_disease(targets),
        notes.counted(_common(results, targets)),
        notes.OVERLAP_OF_EMPTY,
        notes.left_out(_common(results, targets)),
    )
    return Table(
        name=name,
        title=f"Published, on other data: {first.paper}, {first.cohort}: {metric.title}",
        heads=("method", "prompt", *targets),
        rows=tuple(rows),
        notes=below,
    )


def _theirs(figures: Sequence[Figure], targets: Sequence[str], metric: _Metric) -> Iterable[Row]:
    """Yield the papers' rows; what was printed twice has a dagger."""
    doubted = {figure for group in printed_twice(figures) for figure in group}
    lines: dict[tuple[str, str], dict[str, Figure]] = {}
    for figure in figures:
        lines.setdefault((figure.method, figure.prompt), {})[figure.target] = figure
    group = f"published, {PAPERS[figures[0].paper]}"
    for (method, prompt), line in lines.items():
        cells = (
            _printed(line[target], metric, line[target] in doubted) if target in line else Cell()
            for target in targets
        )
        yield Row(group=group, cells=(text_cell(method), text_cell(prompt), *cells))


def _ours(results: Results, targets: Sequence[str], clicks: Sequence[int], metric: _Metric) -> Iterable[Row]:
    summary = median_of if metric.median else mean_of
    for setting in settings(_common(results, targets), clicks):
        cells = []
        for target in targets:
            rows = setting.rows[setting.rows["target"] == TARGETS.get(target)]
            cells.append(number_cell(summary(rows, metric.column), "percent") if len(rows) else Cell())
        yield Row(group=_OURS, cells=(text_cell(setting.method), text_cell(setting.prompt), *cells))


def _of_any_disease(targets: Sequence[str]) -> tuple[str, ...]:
    diseases = [target for target in targets if TARGETS.get(target) == LESIONS]
    if not diseases:
        return ()
    return (f"Ours under {', '.join(diseases)}: all lesions of a case here, whatever their disease.",)


def _common(results: Results, targets: Sequence[str]) -> Results:
    return results.kept("target", [TARGETS[target] for target in targets if target in TARGETS])


def _printed(figure: Figure, metric: _Metric, doubted: bool) -> Cell:
    """Return a printed figure in per cent, with all of its digits."""
    ends = [float(end) * metric.per_cent for end in figure.iqr.split("–")] if figure.iqr else []
    value = figure.number * metric.per_cent
    return Cell(
        text=f"{value:.2f}{'†' if doubted else ''}",
        interval="–".join(f"{end:.2f}" for end in ends),
        value=value,
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
    )

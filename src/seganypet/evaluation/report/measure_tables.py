"""Tables with a column for each measure: lesions found, lesions by size, what is quantified, what it costs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seganypet.evaluation.report import notes
from seganypet.evaluation.report.accuracy_tables import Summary
from seganypet.evaluation.report.prompting import settings
from seganypet.evaluation.report.results import DOMAINS, TARGET, Results, mean_of, median_of
from seganypet.evaluation.report.table import (
    Better,
    Cell,
    Row,
    Style,
    Table,
    formatted,
    number_cell,
    text_cell,
    with_best,
)
from seganypet.targets import LESION, LESIONS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        head: Its name, with unit.
        value: The column that it summarises.
        style: How it is written.
        better: What makes it better.
        size: Of which lesions only; None of all.
    """

    head: str
    value: str
    style: Style
    better: Better
    size: str | None = None


_FOUND: Final = (
    Column(head="DSC, %", value="dsc", style="percent", better="higher"),
    Column(head="NSD, %", value="nsd", style="percent", better="higher"),
    Column(head="detection F1, %", value="lesion_f1", style="percent", better="higher"),
    Column(head="false-positive volume, ml", value="fp_ml", style="number", better="lower"),
    Column(head="false-negative volume, ml", value="fn_ml", style="number", better="lower"),
)
_QUANTIFIED: Final = (
    Column(head="volume error, %", value="volume_error_pct", style="signed", better="nearer 0"),
    Column(head="SUVmax error, %", value="suvmax_error_pct", style="signed", better="nearer 0"),
    Column(head="TLG error, %", value="tlg_error_pct", style="signed", better="nearer 0"),
)
_COSTS: Final = (
    Column(head="start of a case, s", value="start_s", style="number", better="lower"),
    Column(head="first click, s", value="first_click_s", style="number", better="lower"),
    Column(head="each later click, s", value="later_click_s", style="number", better="lower"),
    Column(head="prompts", value="points", style="count", better=""),
)
COST_HEADS: Final = (*(column.head for column in _COSTS), "peak memory, MB")


def lesion_tables(results: Results, clicks: Sequence[int]) -> list[Table]:
    """Return how well lesions are found and drawn: all of a case as one, as P1's Table 6, and one by one by size."""
    united, single = results.domain(LESIONS), results.domain(LESION)
    tables = []
    if len(united.rows):
        title = "Lesions: all of a case as one target"
        tables.append(_table(united, _FOUND, clicks, "lesions", title, mean_of, notes.MEANS))
    if len(single.rows):
        title = "Lesions one by one, by size: Dice (DSC) and surface Dice (NSD)"
        tables.append(
            _table(single, _by_size(single), clicks, "lesions_by_size", title, mean_of, notes.MEANS)
        )
    return tables


def quantification_tables(results: Results, clicks: Sequence[int]) -> list[Table]:
    """Return the errors of volume (of lesions MTV), SUVmax and total lesion glycolysis, for each kind of target."""
    tables = []
    for domain, title in DOMAINS.items():
        part = results.domain(domain)
        if len(part.rows):
            heading = f"Quantification: {title}"
            name = f"quantification_{domain}"
            start = f"{notes.MEDIANS} Above 0: more than the reference has."
            tables.append(
                _table(part, _QUANTIFIED, clicks, name, heading, median_of, start, notes.UPTAKE_OF_EMPTY)
            )
    return tables


def cost_table(results: Results) -> Table | None:
    """Return what methods cost in seconds, memory and prompts; None where nothing is known."""
    costs = results.costs
    rows = []
    for method in dict.fromkeys(costs["method"]):
        of = costs[costs["method"] == method]
        rows.append(Row(cells=(text_cell(method), *cost_cells(of))))
    if not rows:
        return None
    targets = costs[TARGET].drop_duplicates()
    below = (
        "Median, in brackets the quartiles, over targets; of the memory the highest peak of the process, Python and "
        "libraries included. Bold: the lowest.",
        f"n: {notes.plural(targets['case'].nunique(), 'case')}, {notes.plural(len(targets), 'target')}, of each method "
        "those that it answered.",
        notes.left_out(results),
    )
    heads = ("method", *COST_HEADS)
    better: tuple[Better, ...] = ("", *(column.better for column in _COSTS), "lower")
    return Table(name="cost", title="Cost", heads=heads, rows=with_best(rows, better), notes=below, texts=1)


def cost_cells(costs: pd.DataFrame) -> tuple[Cell, ...]:
    """Return medians over one method's targets, as `COST_HEADS` names them, and its highest memory."""
    medians = (number_cell(median_of(costs, column.value), column.style) for column in _COSTS)
    return (*medians, _peak(costs))


def _table(
    results: Results,
    columns: Sequence[Column],
    clicks: Sequence[int],
    name: str,
    title: str,
    summary: Summary,
    start: str,
    empty: str = notes.OVERLAP_OF_EMPTY,
) -> Table:
    rows = []
    for setting in settings(results, clicks):
        cells = [_cell(results, setting.rows, column, summary) for column in columns]
        rows.append(
            Row(group=setting.group, cells=(text_cell(setting.method), text_cell(setting.prompt), *cells))
        )
    marked = with_best(rows, ("", "", *(column.better for column in columns)))
    below = (
        start,
        notes.BEST,
        notes.counted(results),
        empty,
        notes.left_out(results),
        *notes.flagged(marked),
        *notes.undefined(cell for row in marked for cell in row.cells),
        *notes.absent(results, clicks),
    )
    heads = ("method", "prompt", *(column.head for column in columns))
    return Table(name=name, title=title, heads=heads, rows=marked, notes=below)


def _cell(results: Results, rows: pd.DataFrame, column: Column, summary: Summary) -> Cell:
    """Return one summary; it should be of as many targets as any method has this value of."""
    everything = results.rows
    if column.size is not None:
        everything = everything[everything["size"] == column.size]
        rows = rows[rows["size"] == column.size]
    expected = len(everything.loc[everything[column.value].notna(), TARGET].drop_duplicates())
    return number_cell(summary(rows, column.value), column.style, expected=expected)


def _peak(costs: pd.DataFrame) -> Cell:
    peak = float(costs["peak_mb"].max())
    return Cell() if peak != peak else Cell(text=formatted(peak, "number"), value=peak)


def _by_size(single: Results) -> list[Column]:
    """Return the columns of Dice and surface Dice: of all lesions, then of each size, smallest first."""
    sizes = sorted({size for size in single.rows["size"] if size}, key=_smallest_ml)
    columns = []
    for head, value in (("DSC", "dsc"), ("NSD", "nsd")):
        columns.append(Column(head=f"{head}, %: all", value=value, style="percent", better="higher"))
        columns += [
            Column(head=f"{head}, %: {size}", value=value, style="percent", better="higher", size=size)
            for size in sizes
        ]
    return columns


def _smallest_ml(size: str) -> tuple[float, float, str]:
    """Return what orders sizes such as "< 0.5 ml", "0.5-2 ml" and "> 10 ml"."""
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", size)]
    if not numbers:
        return float("inf"), 0.0, size
    below = size.lstrip().startswith(("<", "≤"))
    return (0.0 if below else numbers[0]), numbers[-1], size

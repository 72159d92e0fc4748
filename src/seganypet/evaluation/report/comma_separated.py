"""Write a table as comma-separated values: the numbers, not rounded as they are shown, and their intervals."""

from __future__ import annotations

import csv
import io

from seganypet.evaluation.report.table import Cell, Table


def csv_of_table(table: Table) -> str:
    """Return a table; the first column is the group of each row, if there are any, an empty value is a missing one.

    A column with intervals becomes three: itself, `… low` and `… high`; the ends are a 95 % interval or the quartiles,
    as the table's notes say. One with numbers that are not of all targets is followed by `… targets`, of how many.
    """
    grouped = any(row.group for row in table.rows)
    columns = list(zip(*(row.cells for row in table.rows), strict=True)) or [() for _ in table.heads]
    kinds = [(_has_interval(cells), any(cell.fewer for cell in cells)) for cells in columns]
    lines = [["group"] * grouped]
    for head, (interval, fewer) in zip(table.heads, kinds, strict=True):
        lines[0] += [head, *([f"{head} low", f"{head} high"] * interval), *([f"{head} targets"] * fewer)]
    for row in table.rows:
        line = [row.group] * grouped
        for cell, (interval, fewer) in zip(row.cells, kinds, strict=True):
            line += [_value(cell), *([_number(cell.low), _number(cell.high)] * interval)]
            line += [str(cell.targets)] * fewer
        lines.append(line)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _has_interval(cells: tuple[Cell, ...]) -> bool:
    return any(cell.interval for cell in cells)


def _value(cell: Cell) -> str:
    if cell.value is not None:
        return _number(cell.value)
    return "" if cell.text == Cell().text else cell.text


def _number(value: float | None) -> str:
    """Return a number with eight digits, more than are meaningful and fewer than differ from machine to machine."""
    return "" if value is None else f"{value:.8g}"

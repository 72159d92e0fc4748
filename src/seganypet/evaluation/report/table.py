"""A table as data: what it says, in what unit, which value is best; how it looks is up to its writers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from seganypet.evaluation.report.statistics import Estimate

MISSING: Final = "–"
Better = Literal["higher", "lower", "nearer 0", ""]
Style = Literal["percent", "signed", "number", "count", "share", "change"]
_FACTORS: Final[Mapping[Style, int]] = {
    "percent": 100,
    "signed": 1,
    "number": 1,
    "count": 1,
    "share": 100,
    "change": 100,
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One place of a table.

    Attributes:
        text: The value as it is shown.
        interval: What follows it, without brackets; "" if nothing does.
        value: The number itself, in the unit that is shown; None of texts and of what is missing.
        low: Lower end of the interval, or first quartile; None where there is none.
        high: Likewise.
        targets: How many targets the number is of.
        expected: How many there are.
        best: Whether no comparable number of its column and group is better.
    """

    text: str = MISSING
    interval: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    targets: int = 0
    expected: int = 0
    best: bool = False

    @property
    def fewer(self) -> bool:
        """Whether others answered more of these targets, so that the numbers cannot be compared."""
        return self.targets < self.expected

    def shown(self) -> str:
        """Return the whole text, without what makes it bold."""
        return f"{self.main()} ({self.interval})" if self.interval else self.main()

    def main(self) -> str:
        """Return what stands before the interval."""
        return f"{self.text}*" if self.fewer and self.value is not None else self.text


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table.

    Attributes:
        group: What it shares with its neighbours, such as "1 point"; groups are never compared. "" of none.
        cells: One for each head.
    """

    group: str = ""
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        name: Of its files, without suffix.
        title: What it shows, with unit.
        heads: Names of its columns.
        rows: Its lines; those of a group stand together.
        notes: What a reader must know beside it.
        texts: How many columns, from the left, hold texts.
    """

    name: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    texts: int = 2


def text_cell(text: str) -> Cell:
    """Return a cell with a text."""
    return Cell(text=text or MISSING)


def number_cell(found: Estimate, style: Style, *, expected: int = 0) -> Cell:
    """Return the cell of an estimate.

    Args:
        found: The estimate.
        style: "percent", of a share, as the papers print Dice; "change", the same with its sign; "share", without
            decimals; "signed", of what is in per cent already; "number", three digits; "count", whole if it is.
        expected: Of how many targets it should be; 0 if any number is right.
    """
    if math.isnan(found.value):
        return Cell(expected=expected)
    ends = (found.low, found.high)
    if any(math.isnan(end) for end in ends):
        interval = MISSING
    else:
        low, high = (formatted(end, style) for end in ends)
        interval = f"{low} to {high}" if style in ("change", "signed") else f"{low}–{high}"
    return Cell(
        text=formatted(found.value, style),
        interval=interval,
        value=found.value * _FACTORS[style],
        low=None if math.isnan(found.low) else found.low * _FACTORS[style],
        high=None if math.isnan(found.high) else found.high * _FACTORS[style],
        targets=found.targets,
        expected=expected,
    )


def formatted(value: float, style: Style) -> str:
    """Return the text of a number; see `number_cell`."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if style == "number":
        decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
        text = f"{value:.{decimals}f}"
    elif style == "count":
        text = f"{value:.1f}".removesuffix(".0")
    elif style == "share":
        text = f"{value * _FACTORS[style]:.0f}"
    else:
        scaled = value * _FACTORS[style]
        text = f"{scaled:+.1f}" if style in ("change", "signed") else f"{scaled:.1f}"
    if float(text) == 0:  # no "-0.0"
        text = text.lstrip("+-")
    return text.replace("-", "−")


def with_best(rows: Iterable[Row], better: Sequence[Better]) -> tuple[Row, ...]:
    """Return rows with the best of each column and group marked: what is shown alike is best alike.

    Numbers of fewer targets than others' are left out; where less than two can be compared, or all are alike, none is
    best.

    Args:
        rows: The rows.
        better: For each column what makes a value better; "" if none is.
    """
    marked = list(rows)
    for group in dict.fromkeys(row.group for row in marked):
        places = [n for n, row in enumerate(marked) if row.group == group]
        for column, direction in enumerate(better):
            cells = {n: marked[n].cells[column] for n in places}
            rivals = {n: _rank(cell, direction) for n, cell in cells.items() if _comparable(cell)}
            if not direction or len(rivals) < 2:
                continue
            if len({cells[n].text for n in rivals}) == 1:
                continue
            best = cells[min(rivals, key=lambda n: rivals[n])].text
            for n in rivals:
                if cells[n].text == best:
                    marked[n] = _replaced(marked[n], column, replace(cells[n], best=True))
    return tuple(marked)


def _comparable(cell: Cell) -> bool:
    return cell.value is not None and not cell.fewer


def _rank(cell: Cell, direction: Better) -> float:
    """Return what is lowest for the best."""
    value = math.nan if cell.value is None else cell.value
    return {"higher": -value, "lower": value, "nearer 0": abs(value), "": 0.0}[direction]


def _replaced(row: Row, column: int, cell: Cell) -> Row:
    return replace(row, cells=(*row.cells[:column], cell, *row.cells[column + 1 :]))

"""Tables of the paired tests and of the clicks to reach a Dice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from seganypet.evaluation.report import notes
from seganypet.evaluation.report.clicks_to_reach import GOALS, clicks_to_reach
from seganypet.evaluation.report.comparisons import Comparison, compare
from seganypet.evaluation.report.results import DOMAINS, Results
from seganypet.evaluation.report.table import Better, Cell, Row, Table, number_cell, text_cell, with_best


def paired_table(results: Results, reference: str, clicks: Sequence[int]) -> Table | None:
    """Return the comparisons of all methods with one; None where there is nothing to compare."""
    comparisons = compare(results, reference, clicks)
    if not comparisons:
        return None
    rows = tuple(
        Row(group=f"{DOMAINS[found.domain]}, {found.group}", cells=_compared(found)) for found in comparisons
    )
    below = (
        f"Dice of the method minus that of {reference}, on the targets that both answered, in percentage points: mean "
        "(of organs the mean of the organs' means), in brackets its 95 % interval (bootstrap over cases).",
        "p: Wilcoxon's signed-rank test, two-sided, on the cases' mean differences; corrected: by Benjamini and "
        f"Hochberg over the {sum(not math.isnan(found.p) for found in comparisons)} tests of this table. A single case "
        "has no p; of fewer than six, p cannot be below 0.05.",
        "A method without clicks is compared with the other after each number of clicks.",
        f"n: for each row its own. {notes.OVERLAP_OF_EMPTY}",
        notes.left_out(results),
        *notes.undefined(cell for row in rows for cell in row.cells),
    )
    heads = ("method", "difference", "p", "p corrected", "targets", "cases")
    title = f"Paired tests: Dice compared with {reference}"
    return Table(name="paired_tests", title=title, heads=heads, rows=rows, notes=below, texts=1)


def reach_table(results: Results) -> Table | None:
    """Return how many clicks methods need for a Dice; None where none is clicked."""
    most = results.clicks_made()
    rows = []
    for domain, title in DOMAINS.items():
        part = results.domain(domain)
        for method in results.methods:
            of = part.drawn[part.drawn["method"] == method]
            if len(of) and not results.automatic(method):
                cells: list[Cell] = [text_cell(method)]
                for goal in GOALS:
                    reached = clicks_to_reach(of, goal, most)
                    cells.append(number_cell(reached.clicks, "number", expected=len(part.targets())))
                    never = number_cell(reached.never, "share", expected=len(part.targets()))
                    cells.append(replace(never, interval="", low=None, high=None))
                rows.append(Row(group=title, cells=tuple(cells)))
    if not most or not rows:
        return None
    heads = ("method", *(head for goal in GOALS for head in (f"NoC@{goal * 100:.0f}", "never, %")))
    lower: Better = "lower"
    better: tuple[Better, ...] = ("", *(lower for _ in heads[1:]))
    marked = with_best(rows, better)
    below = (
        f"NoC@q: mean number of the first click with a Dice of q %, {most} where none of {most} clicks reaches it; "
        "never: share of the targets of which this is so. In brackets the 95 % interval (bootstrap over cases).",
        "Bold: the lowest of its column.",
        notes.counted(results),
        notes.OVERLAP_OF_EMPTY,
        notes.left_out(results),
        *_fewer(marked),
        *notes.undefined(cell for row in marked for cell in row.cells),
    )
    return Table(
        name="clicks_to_reach", title="Clicks to reach a Dice", heads=heads, rows=marked, notes=below, texts=1
    )


def p_text(p: float) -> str:
    """Return a p value with two digits; "–" where it is undefined."""
    if math.isnan(p):
        return Cell().text
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _compared(found: Comparison) -> tuple[Cell, ...]:
    tests = (Cell(text=p_text(p), value=None if math.isnan(p) else p) for p in (found.p, found.p_corrected))
    counts = (
        Cell(text=str(number), value=number) for number in (found.difference.targets, found.difference.cases)
    )
    return (text_cell(found.method), number_cell(found.difference, "change"), *tests, *counts)


def _fewer(rows: Sequence[Row]) -> tuple[str, ...]:
    starred = any(cell.fewer for row in rows for cell in row.cells)
    return ("*: of fewer targets than there are, not comparable and never bold.",) if starred else ()

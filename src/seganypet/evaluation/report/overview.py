"""One line for each method: what it reaches with more and more clicks, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seganypet.evaluation.report import notes
from seganypet.evaluation.report.accuracy_tables import DICE
from seganypet.evaluation.report.measure_tables import COST_HEADS, cost_cells
from seganypet.evaluation.report.prompting import points
from seganypet.evaluation.report.results import ORGANS, Results, mean_of
from seganypet.evaluation.report.table import Better, Cell, Row, Table, number_cell, text_cell, with_best
from seganypet.targets import LESION, LESIONS


def overview_tables(results: Results, clicks: Sequence[int], seen: Sequence[str]) -> list[Table]:
    """Return the mean Dice of each kind of targets beside the costs, then of each tracer where there are several.

    Args:
        results: All of them.
        clicks: After which clicks.
        seen: Organs that the tested models saw in training; none makes one column of all organs.
    """
    tables = [_overview(results, clicks, seen, "overview", "Accuracy and cost", costs=True)]
    tracers = sorted(set(results.rows["tracer"]))
    for number, tracer in enumerate(tracers if len(tracers) > 1 else (), start=1):
        part, title = results.kept("tracer", [tracer]), f"Accuracy, tracer {tracer or 'not given'}"
        tables.append(_overview(part, clicks, seen, f"overview_tracer_{number}", title, costs=False))
    return [table for table in tables if table is not None]


def _overview(
    results: Results, clicks: Sequence[int], seen: Sequence[str], name: str, title: str, *, costs: bool
) -> Table | None:
    """Return one line for each method, with or without costs; None where nothing was answered."""
    kinds = {head: part for head, part in _kinds(results, seen).items() if len(part.rows)}
    courses = {
        method: [_course(part, method, clicks) for part in kinds.values()] for method in results.methods
    }
    better: list[Better] = [DICE.better] * len(kinds)
    best = with_best((Row(cells=tuple(course[-1] for course in of)) for of in courses.values()), better)
    rows = []
    for (method, of), marked in zip(courses.items(), best, strict=True):
        cells = [_shown(course, last) for course, last in zip(of, marked.cells, strict=True)]
        if costs:
            of_method = results.costs[results.costs["method"] == method]
            cells += [replace(cell, interval="") for cell in cost_cells(of_method)]
        rows.append(Row(cells=(text_cell(method), *cells)))
    if not kinds or not rows:
        return None
    steps = " → ".join(points(click) for click in clicks)
    below = (
        f"Mean Dice after {steps}; one number: clicks change nothing, or there were none. Bold: the best after the "
        "last. Intervals are in the tables below.",
        notes.counted(results),
        *(["Seconds are medians over targets; the start is once for each case."] if costs else []),
        notes.left_out(results),
        *_fewer(rows),
        *notes.absent(results, clicks),
    )
    heads = ("method", *(f"{head}: {DICE.title}" for head in kinds), *(COST_HEADS if costs else ()))
    return Table(name=name, title=title, heads=heads, rows=tuple(rows), notes=below, texts=1)


def _kinds(results: Results, seen: Sequence[str]) -> dict[str, Results]:
    organs = results.domain(ORGANS)
    others = set(organs.rows["target"]) - set(seen)
    of_organs = (
        {"organs seen": organs.kept("target", seen), "organs not seen": organs.kept("target", others)}
        if seen
        else {"organs": organs}
    )
    return {**of_organs, **{notes.shown(name): results.domain(name) for name in (LESIONS, LESION)}}


def _course(part: Results, method: str, clicks: Sequence[int]) -> list[Cell]:
    """Return the means after one click after the other; at least one cell, which may be empty."""
    expected = len(part.targets())
    wanted = (0,) if part.automatic(method) else clicks
    rows = [part.after(method, click) for click in wanted]
    means = [number_cell(mean_of(found, DICE.column), DICE.style, expected=expected) for found in rows]
    return [cell for cell in means if cell.value is not None] or [Cell(expected=expected)]


def _shown(course: Sequence[Cell], last: Cell) -> Cell:
    """Return a course as one cell of text; it is best where its last mean is."""
    texts = [cell.main() for cell in course]
    return Cell(text=texts[0] if len(set(texts)) == 1 else " → ".join(texts), best=last.best)


def _fewer(rows: Sequence[Row]) -> tuple[str, ...]:
    some = any(cell.text.endswith("*") for row in rows for cell in row.cells[1:])
    return ("*: of fewer targets than there are, not comparable and never bold.",) if some else ()

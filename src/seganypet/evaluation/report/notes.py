"""What stands below a table: how many targets and cases, what became of empty masks and of what was not answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from seganypet.evaluation.report.results import ORGANS, Results, Skip, in_order
from seganypet.evaluation.report.table import MISSING, Cell, Row
from seganypet.targets import LESION, LESIONS

MEANS: Final = (
    "Mean, in brackets its 95 % interval (bootstrap over cases, each drawn with all of its targets); draws of clicks "
    "of one target are averaged first."
)
MEDIANS: Final = (
    "Median, in brackets the quartiles, over targets; draws of clicks of one target are averaged first."
)
BEST: Final = "Bold: the best of its column among the methods of its group."
OVERLAP_OF_EMPTY: Final = (
    "Empty masks: where mask and reference are both empty, Dice and surface Dice are 1; where only one is, they "
    "are 0."
)
DISTANCE_OF_EMPTY: Final = "The distance is infinite where one mask alone is empty."
UPTAKE_OF_EMPTY: Final = (
    "Empty masks: of an empty mask the volume and TLG errors are −100 % and SUVmax has none; of an empty reference, "
    "nothing has."
)


def counted(results: Results) -> str:
    """Return of how many cases and targets the results are, and of which."""
    targets = results.targets()
    if not len(targets):
        return "n: nothing."
    each = targets["target"].value_counts()
    cases, draws = targets["case"].nunique(), results.drawn["draw"].nunique()
    text = f"n: {plural(cases, 'case')}, {plural(len(targets), 'target')}"
    if len(each) > 1:
        text += f" ({', '.join(f'{shown(name)} {each[name]}' for name in in_order(each.index))})"
    if draws > 1:
        text += f"; {draws} draws of clicks for each"
    return f"{text}."


def left_out(results: Results) -> str:
    """Return how often which method did not answer the targets that these results are of."""
    names = set(results.rows["target"])
    counts: dict[str, int] = {}
    for entry in results.skipped:
        if _concerns(entry, names):
            method = entry.get("method", "")
            counts[method] = counts.get(method, 0) + 1
    if not counts:
        return "Skipped: nothing."
    each = ", ".join(f"{method or 'all methods'} {number}" for method, number in counts.items())
    return f"Skipped and left out: {each}; the reasons are in the table of what was skipped."


def flagged(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return a note where numbers are of fewer targets than there are; the first two cells are method and prompt."""
    found = []
    for row in rows:
        fewer = [cell for cell in row.cells if cell.fewer]
        if fewer:
            worst = max(fewer, key=lambda cell: (cell.expected, -cell.targets))
            method, prompt = (cell.text for cell in row.cells[:2])
            found.append(f"{method} ({prompt}) {worst.targets} of {worst.expected}")
    if not found:
        return ()
    return (
        f"*: of fewer targets than there are, not comparable and never bold: {'; '.join(found)}. The paired tests "
        "compare on the targets that both methods answered.",
    )


def undefined(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return a note where an interval is undefined."""
    missing = any(cell.interval == MISSING for cell in cells)
    return (f"({MISSING}): the interval is undefined, of one case or of infinite values.",) if missing else ()


def absent(results: Results, clicks: Sequence[int]) -> tuple[str, ...]:
    """Return a note where fewer clicks were made than the table was asked to show."""
    made = results.clicks_made()
    more = [str(click) for click in clicks if click > made]
    return (f"No method was clicked {' or '.join(more)} times.",) if more and made else ()


def shown(target: str) -> str:
    """Return a target's name for tables."""
    return {LESION: "lesions, each", LESIONS: "lesions, all as one"}.get(target, target.replace("_", " "))


def _concerns(entry: Skip, names: set[str]) -> bool:
    """Return whether what was skipped is of one of the targets; without a target it is of all."""
    target = entry.get("target", "")
    if not target or target in names:
        return True
    return target == ORGANS and not names <= {LESION, LESIONS}


def plural(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"

"""What a method was told, in the words of the papers' tables, and which rows of a table that makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from seganypet.evaluation.report.results import Results

if TYPE_CHECKING:
    import pandas as pd

AUTOMATIC: Final = "without clicks"


class Setting(NamedTuple):
    """One method after so many clicks.

    Attributes:
        group: "1 point", "3 points", … as the papers group; or `AUTOMATIC`.
        method: Its label.
        click: 0 of automatic methods.
        prompt: What it was told: "1 point", "N points (median 34)", "no click".
        rows: Its results.
    """

    group: str
    method: str
    click: int
    prompt: str
    rows: pd.DataFrame


def settings(results: Results, clicks: Sequence[int]) -> Iterator[Setting]:
    """Yield every method after each number of clicks that it has results of, then those without clicks."""
    for click in clicks:
        for method in results.methods:
            rows = results.after(method, click)
            if len(rows) and not results.automatic(method):
                yield Setting(points(click), method, click, _prompt(rows, click), rows)
    for method in results.methods:
        rows = results.after(method, 0)
        if len(rows) and results.automatic(method):
            yield Setting(AUTOMATIC, method, 0, "no click", rows)


def points(number: int) -> str:
    """Return "1 point", "2 points" and so on."""
    return f"{number} point" if number == 1 else f"{number} points"


def _prompt(rows: pd.DataFrame, click: int) -> str:
    """Return how many points it may have been given; N is the number of slices where each gets its own."""
    given = rows["points"].dropna()
    if (rows["prompting"] == "slice_clicks").any():
        return f"{'' if click == 1 else click}N points (median {given.median():.0f})"
    return points(click)

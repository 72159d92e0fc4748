"""Tables of one metric: a row for each method and prompt, a column for each target, as P1's Tables 1 to 3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seganypet.evaluation.report import notes
from seganypet.evaluation.report.prompting import settings
from seganypet.evaluation.report.results import ORGANS, Results, in_order, mean_of, median_of
from seganypet.evaluation.report.statistics import Estimate
from seganypet.evaluation.report.table import Better, Row, Style, Table, number_cell, text_cell, with_best

if TYPE_CHECKING:
    import pandas as pd

Summary = Callable[["pd.DataFrame", str], Estimate]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a table is of.

    Attributes:
        column: In the table of all cases.
        title: Its name, with unit.
        style: How it is written.
        better: What makes it better.
        empty: What becomes of empty masks.
    """

    column: str
    title: str
    style: Style
    better: Better
    empty: str = notes.OVERLAP_OF_EMPTY


DICE: Final = Metric(column="dsc", title="Dice (DSC), %", style="percent", better="higher")
SURFACE_DICE: Final = Metric(column="nsd", title="surface Dice (NSD), %", style="percent", better="higher")
SURFACE_DICE_MONAI: Final = Metric(
    column="nsd_monai", title="surface Dice (NSD) by MONAI, %", style="percent", better="higher"
)
HAUSDORFF: Final = Metric(
    column="hd95_mm",
    title="95th percentile of the surface distance (HD95), mm",
    style="number",
    better="lower",
    empty=notes.DISTANCE_OF_EMPTY,
)


def organ_tables(results: Results, clicks: Sequence[int], seen: Sequence[str]) -> list[Table]:
    """Return the mean Dice of organs, seen in training and not.

    Args:
        results: All of them.
        clicks: After which clicks.
        seen: Organs that the training of the tested models saw; none makes one table.
    """
    organs = results.domain(ORGANS)
    others = set(organs.rows["target"]) - set(seen)
    if not seen:
        return _nonempty([mean_table(organs, DICE, clicks, "organs", "Organs")])
    note = f"Seen: {', '.join(notes.shown(name) for name in seen)}. A method may have been trained on others."
    return _nonempty(
        [
            mean_table(
                organs.kept("target", seen), DICE, clicks, "organs_seen", "Organs seen in training", (note,)
            ),
            mean_table(
                organs.kept("target", others),
                DICE,
                clicks,
                "organs_unseen",
                "Organs not seen in training",
                (note,),
            ),
        ]
    )


def cohort_tables(results: Results, clicks: Sequence[int]) -> list[Table]:
    """Return the mean Dice of organs and lesions for each tracer, and each centre, where there are several."""
    found = []
    for column in ("tracer", "centre"):
        names = sorted(set(results.rows[column]))
        if len(names) < 2:
            continue
        for number, name in enumerate(names, start=1):
            part = results.kept(column, [name])
            title = f"{column.capitalize()} {name or 'not given'}"
            found.append(mean_table(part, DICE, clicks, f"{column}_{number}", title, of_all=False))
    return _nonempty(found)


def median_tables(results: Results, clicks: Sequence[int]) -> list[Table]:
    """Return medians and quartiles of overlap and distance of all targets, as P2's supplement has them."""
    return _nonempty(
        [
            _table(
                results, metric, clicks, f"median_{metric.column}", f"Medians: {metric.title}", median_of,
                (notes.MEDIANS,), of_all=False,
            )
            for metric in (DICE, SURFACE_DICE, SURFACE_DICE_MONAI, HAUSDORFF)
        ]
    )  # fmt: skip


def mean_table(
    results: Results,
    metric: Metric,
    clicks: Sequence[int],
    name: str,
    title: str,
    extra: tuple[str, ...] = (),
    *,
    of_all: bool = True,
) -> Table:
    """Return the means of a metric.

    Args:
        results: Of the targets that become columns.
        metric: What is averaged.
        clicks: After which clicks.
        name: Of the table's files.
        title: Of the table, without the metric.
        extra: Further notes.
        of_all: Whether the last column is the mean of the others.
    """
    mean = "The last column is the mean of the others, as in the papers." if of_all else ""
    start = (f"{notes.MEANS} {mean}".strip(), *extra)
    return _table(results, metric, clicks, name, f"{title}: {metric.title}", mean_of, start, of_all=of_all)


def _table(
    results: Results,
    metric: Metric,
    clicks: Sequence[int],
    name: str,
    title: str,
    summary: Summary,
    start: tuple[str, ...],
    *,
    of_all: bool,
) -> Table:
    targets = results.targets()["target"].value_counts(sort=False)
    columns = in_order(str(target) for target in targets.index)
    rows = []
    for setting in settings(results, clicks):
        of = setting.rows["target"]
        cells = [text_cell(setting.method), text_cell(setting.prompt)]
        for target in columns:
            found = summary(setting.rows[of == target], metric.column)
            cells.append(number_cell(found, metric.style, expected=int(targets[target])))
        if of_all:
            found = summary(setting.rows, metric.column)
            cells.append(number_cell(found, metric.style, expected=int(targets.sum())))
        rows.append(Row(group=setting.group, cells=tuple(cells)))
    heads = ("method", "prompt", *map(notes.shown, columns), *(("mean",) if of_all else ()))
    marked = with_best(rows, ("", "", *[metric.better] * (len(heads) - 2)))
    below = (
        *start,
        notes.BEST,
        notes.counted(results),
        metric.empty,
        notes.left_out(results),
        *notes.flagged(marked),
        *notes.undefined(cell for row in marked for cell in row.cells),
        *notes.absent(results, clicks),
    )
    return Table(name=name, title=title, heads=heads, rows=marked, notes=below)


def _nonempty(tables: Sequence[Table]) -> list[Table]:
    return [table for table in tables if table.rows]

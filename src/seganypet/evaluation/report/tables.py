"""All tables of a report, in their order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from seganypet.evaluation.report.accuracy_tables import cohort_tables, median_tables, organ_tables
from seganypet.evaluation.report.comparison_tables import paired_table, reach_table
from seganypet.evaluation.report.measure_tables import cost_table, lesion_tables, quantification_tables
from seganypet.evaluation.report.notes import shown
from seganypet.evaluation.report.results import Results
from seganypet.evaluation.report.table import Row, Table, text_cell

_EXAMPLES: Final = 5


def all_tables(
    results: Results, clicks: Sequence[int], seen: Sequence[str], reference: str
) -> dict[str, list[Table]]:
    """Return the tables by the headings that they stand under; headings without a table are left out.

    Args:
        results: All of them.
        clicks: After which clicks.
        seen: Organs that the tested models saw in training.
        reference: Label of the method that the others are compared with.
    """
    single = {
        "Paired tests": paired_table(results, reference, clicks),
        "Clicks to reach": reach_table(results),
        "Cost": cost_table(results),
        "Skipped": skipped_table(results),
    }
    found = {
        "Organs": organ_tables(results, clicks, seen),
        "Lesions": lesion_tables(results, clicks),
        "Tracers and centres": cohort_tables(results, clicks),
        "Medians": median_tables(results, clicks),
        "Quantification": quantification_tables(results, clicks),
        **{heading: [table] for heading, table in single.items() if table is not None},
    }
    return {heading: tables for heading, tables in found.items() if tables}


def skipped_table(results: Results) -> Table | None:
    """Return what was not answered and why, equal reasons together; None where all was answered."""
    together: dict[tuple[str, str, str], list[str]] = {}
    for entry in results.skipped:
        method, target, reason = (str(entry.get(key, "")) for key in ("method", "target", "reason"))
        together.setdefault((method, target, reason), []).append(str(entry.get("case", "")))
    if not together:
        return None
    rows = tuple(
        Row(
            cells=tuple(
                text_cell(text) for text in (method, shown(target), reason, str(len(cases)), _few(cases))
            )
        )
        for (method, target, reason), cases in together.items()
    )
    heads = ("method", "target", "reason", "times", "cases")
    notes = ("Nothing that was skipped is in a mean; nor does it count as a Dice of 0.",)
    return Table(name="skipped", title="What was skipped", heads=heads, rows=rows, notes=notes, texts=5)


def settings_table(settings: Mapping[str, Any]) -> Table | None:
    """Return the settings of the run as a table; None of none."""
    rows = tuple(
        Row(cells=(text_cell(str(key)), text_cell(_value(value)))) for key, value in settings.items()
    )
    if not rows:
        return None
    return Table(name="settings", title="Settings", heads=("setting", "value"), rows=rows)


def _value(value: Any) -> str:
    """Return a setting as text; sets are sorted, so that it is the same each time."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)
    return str(value)


def _plain(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, set | frozenset) else str(value)


def _few(cases: Sequence[str]) -> str:
    names = list(dict.fromkeys(cases))
    more = len(names) - _EXAMPLES
    return ", ".join(names[:_EXAMPLES]) + (f" and {more} more" if more > 0 else "")

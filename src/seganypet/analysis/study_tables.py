"""An annotation study as the papers' table, and as a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from seganypet.analysis.annotation_study import Comparison, LesionPair, Spread, Study

COLUMNS = (
    "scan", "reader", "manual_object", "assisted_object", "matched_by",
    "manual_s", "assisted_s", "saving_pct",
    "manual_clicks", "assisted_clicks", "manual_strokes", "assisted_strokes", "manual_actions", "assisted_actions",
    "dice",
)  # fmt: skip
_NONE = "–"


def csv_text(study: Study) -> str:
    """Return one row for each lesion, those without a counterpart included, what is missing empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_csv_row(pair) for pair in study.lesions)
    return text.getvalue()


def markdown(study: Study) -> str:
    """Return the tables of a study with what they mean.

    The first is the papers' comparison [P2, clinical utility and Figure 4b]: manual against assisted time of each
    reader, and the saving in per cent.
    """
    parts = [
        "# Annotation study",
        "## Time per scan",
        _table(
            ("Reader", "Scans", "Manual", "Assisted", "Time saved", "p"),
            [_times(found) for found in study.comparisons if found.unit == "scan"],
        ),
        "The published study reports savings of 82.37 % and 82.95 % for its two experts [P2].",
        "## Time per lesion",
        _table(
            ("Reader", "Lesions", "Manual", "Assisted", "Time saved", "p", "DSC manual–assisted"),
            [
                (*_times(found), _number(found.dice, 3))
                for found in study.comparisons
                if found.unit == "lesion"
            ],
        )
        or "No lesion of a manual reading was found again in the assisted one.",
        "## Each scan",
        _each_scan(study),
        *_agreement(study),
        *_missing(study),
        "## How this is counted",
        _how(study),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def comparison_rows(study: Study) -> list[tuple[str, ...]]:
    """Return the comparisons as short rows with a heading, to be printed."""
    heading = ("reader", "per", "n", "manual", "assisted", "saved", "p")
    return [heading] + [
        (row[0], found.unit, *row[1:]) for found in study.comparisons for row in [_times(found)]
    ]


def _times(found: Comparison) -> tuple[str, ...]:
    return (
        found.reader or "all readers",
        str(found.n),
        _mean(found.manual),
        _mean(found.assisted),
        _percent(found.saving_pct),
        _number(found.p_value, 4),
    )


def _each_scan(study: Study) -> str:
    heading = (
        "Scan",
        "Reader",
        "Manual",
        "Assisted",
        "Time saved",
        "Strokes manual",
        "Strokes assisted",
        "Clicks assisted",
    )
    rows = [
        (
            pair.scan,
            pair.reader,
            _seconds(pair.manual.seconds),
            _seconds(pair.assisted.seconds),
            _percent(pair.saving_pct),
            str(pair.manual.strokes),
            str(pair.assisted.strokes),
            str(pair.assisted.clicks),
        )
        for pair in study.scans
    ]
    return _table(heading, rows)


def _agreement(study: Study) -> list[str]:
    if not study.agreements:
        return []
    rows = [
        (
            " and ".join(found.readers),
            found.mode,
            str(found.scans),
            str(found.lesions),
            str(found.alone),
            _number(found.dice, 3),
        )
        for found in study.agreements
    ]
    heading = ("Readers", "Way", "Scans", "Lesions of both", "Of one alone", "DSC")
    return ["## Agreement between readers", _table(heading, rows)]


def _missing(study: Study) -> list[str]:
    """Return what has no counterpart."""
    alone = [pair for pair in study.lesions if pair.matched_by is None]
    lines = [f"- {scan}, {reader}: no pair, {mode} only" for scan, reader, mode in study.unpaired]
    lines += [
        f"- {pair.scan}, {pair.reader}: no pair for {pair.manual_object or pair.assisted_object} "
        f"({'manual' if pair.manual_object else 'assisted'} only)"
        for pair in alone
    ]
    return ["## Without a counterpart", "\n".join(_plain(line) for line in lines)] if lines else []


def _how(study: Study) -> str:
    return f"""\
- Mean ± standard deviation over scans or lesions; "Time saved" is 100 · (1 − assisted / manual) of the sums, over
  pairs that have both sides; p is Wilcoxon's signed-rank test, two-sided, of six pairs or more that differ. Lesions of
  one scan are not independent: the p over scans is the one to report.
- The time between two actions belongs to the object of the later one, so looking for a lesion counts to it; of a pause
  at most {study.idle_s:g} s count. The first begins when the reading is opened; nothing counts while it is closed, and
  after the last action. Waiting for the model counts, and so does what was undone or deleted later.
- A scan's time is that of all its objects, with those that have no counterpart.
- Objects are the same lesion where their masks overlap, highest Dice coefficient first, each once; where none overlaps,
  by a name that only these two have.
- Clicks (boxes among them) and strokes are all that were made, undone ones too. DSC: Dice coefficient of the masks."""


def _csv_row(pair: LesionPair) -> list[str]:
    sides = (pair.manual, pair.assisted)
    counts = [
        "" if side is None else str(getattr(side, name))
        for name in ("clicks", "strokes", "actions")
        for side in sides
    ]
    return [
        *(
            _harmless(text or "")
            for text in (pair.scan, pair.reader, pair.manual_object, pair.assisted_object)
        ),
        pair.matched_by or "no pair",
        *("" if side is None else f"{side.seconds:.3f}" for side in sides),
        "" if pair.saving_pct is None else f"{pair.saving_pct:.2f}",
        *counts,
        "" if pair.dice is None else f"{pair.dice:.4f}",
    ]


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, or nothing where there are no rows."""
    body = [f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows]
    if not body:
        return ""
    return "\n".join([f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}", *body])


def _plain(text: str) -> str:
    """Return a text that breaks no table."""
    return " ".join(text.replace("|", "\\|").split())


def _harmless(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(tuple("=+-@\t\r")) else name


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _mean(spread: Spread) -> str:
    deviation = "" if spread.sd_s is None else f" ± {spread.sd_s:.1f}"
    return f"{spread.mean_s:.1f}{deviation} s"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f} %"


def _number(value: float | None, digits: int) -> str:
    return _NONE if value is None else f"{value:.{digits}f}"

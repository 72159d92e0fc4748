"""`seganypet study`: what readers' timed work says of the time that assistance saves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seganypet.cli.messages import progress, say, table
from seganypet.cli.outputs import JSON, check_outputs, staged
from seganypet.cli.parsing import positive
from seganypet.errors import OutputError

if TYPE_CHECKING:
    from seganypet.analysis.annotation_study import Study
    from seganypet.io.study_log import StudyReading

_TABLE, _RECORD, _REPORT = "study.csv", "study.json", "study.md"
_DATABASE = "work.sqlite"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "study",
        help="compare manual with assisted work: time, saving, agreement",
        description="Compares readings of the same scans by the same readers, once without the model (`seganypet serve "
        "--manual`, or a manual reading on the page) and once with it: time per lesion, scan and reader, the saving in "
        "per cent, clicks, strokes and agreement, as the papers' annotation study does. Writes study.csv, study.md and "
        "study.json.",
    )
    parser.add_argument(
        "logs",
        type=Path,
        nargs="+",
        metavar="LOG",
        help="work folder of a server, which may be running, or a study log that it exported (…/log.json)",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--idle",
        type=positive,
        default=60.0,
        metavar="S",
        help="seconds of a pause that count at most (default: 60)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, compare, write, print."""
    started = datetime.now(UTC)
    from seganypet.analysis.annotation_study import annotation_study
    from seganypet.analysis.study_tables import comparison_rows, csv_text, markdown
    from seganypet.io import write_json

    folder: Path = arguments.output
    inputs = [log / _DATABASE if log.is_dir() else log for log in arguments.logs]
    table_path, record_path, report_path = (folder / name for name in (_TABLE, _RECORD, _REPORT))
    outputs = [table_path, record_path, report_path]
    _check(folder, inputs, outputs)
    with progress("reading the logs"):
        logs = [_readings(log) for log in arguments.logs]
    study = annotation_study(logs, idle_s=arguments.idle)
    with staged(outputs) as places:
        places[table_path].write_text(csv_text(study), encoding="utf-8")
        places[report_path].write_text(markdown(study), encoding="utf-8")
        write_json(_record(arguments, inputs, outputs, started, logs, study), places[record_path])
    say(table([list(row) for row in comparison_rows(study)], indent=0))
    for path in outputs:
        say(f"wrote {path}")
    return 0


def _check(folder: Path, inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Refuse a place that cannot be written, before any work."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; give the folder to write")
    check_outputs({path: JSON if path.name == _RECORD else (path.suffix,) for path in outputs}, inputs)


def _readings(log: Path) -> list[StudyReading]:
    """Return the readings of a work folder or a study log."""
    if log.is_dir():
        from seganypet.app.study_log import work_log

        return work_log(log)
    from seganypet.io.study_log import read_study_log

    return read_study_log(log)


def _record(
    arguments: argparse.Namespace,
    inputs: Sequence[Path],
    outputs: Sequence[Path],
    started: datetime,
    logs: Sequence[Sequence[StudyReading]],
    study: Study,
) -> dict[str, Any]:
    """Return what was compared and what came of it."""
    from dataclasses import asdict

    from seganypet.io import run_record

    readings = [
        {
            "log": str(log),
            "id": reading.id,
            "scan_id": reading.scan_id,
            "scan": reading.scan_name,
            "reader": reading.reader,
            "assisted": reading.assisted,
            "entries": len(reading.timeline),
        }
        for log, found in zip(arguments.logs, logs, strict=True)
        for reading in found
    ]
    config = {"idle_s": arguments.idle}
    extra = {"readings": readings, "study": asdict(study)}
    return run_record(arguments.command_line, inputs, outputs, config, started, extra=extra)

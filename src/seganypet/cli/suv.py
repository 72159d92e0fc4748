"""`seganypet suv`: convert a PET series to SUV, and say how."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seganypet.cli.messages import progress, say, table
from seganypet.cli.outputs import JSON, NIFTI, check_outputs, record_path, staged
from seganypet.cli.reading import add_reading_options, files_of, overrides_of, read
from seganypet.errors import UsageError

_UNIT = "g/ml"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "suv",
        help="convert a PET series to SUV and print the tags and decisions behind it",
        description="Convert a PET series to SUV normalised to body weight (SUVbw, g/ml). Prints tags, decisions and "
        "the factor; writes a NIfTI file and, beside it, the same as JSON.",
    )
    parser.add_argument(
        "pet", type=Path, metavar="DICOM_DIR", help="DICOM folder or file, or a NIfTI file in Bq/ml or SUV"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="SUV", help="volume to write: .nii.gz or .nii")
    parser.add_argument("--json", action="store_true", help="print JSON; the factor is suvbw_factor")
    add_reading_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, convert, write, print."""
    started = datetime.now(UTC)
    output: Path | None = arguments.output
    if output is None and not arguments.json:
        raise UsageError(
            "nothing to do: give -o suv.nii.gz to write the volume, or --json to print the factor"
        )
    outputs: dict[Path, tuple[str, ...]] = {}
    if output is not None:
        check_outputs({output: NIFTI}, [])
        outputs = {output: NIFTI, record_path(output): JSON}
        check_outputs(outputs, files_of(arguments))
    with progress(f"reading {arguments.pet}"):
        volume = read(arguments)
    facts = {**volume.source.record, "shape": list(volume.shape), "spacing_mm": list(volume.spacing_mm)}
    if output is not None:
        with staged(list(outputs)) as places:
            from seganypet.io import run_record, write_json, write_volume

            # "Units" is how a BIDS sidecar says that the values beside it are SUV: they are not converted twice.
            extra = {"Units": _UNIT, **facts}
            config = {"series": arguments.series, "overrides_given": overrides_of(arguments).given()}
            record = run_record(
                arguments.command_line, [volume.source], list(outputs), config, started, extra=extra
            )
            write_volume(volume, places[output])
            write_json(record, places[record_path(output)])
    if arguments.json:
        wrote = {} if output is None else {"output": str(output)}
        sys.stdout.write(json.dumps({**facts, **wrote}, indent=2, ensure_ascii=False, default=str) + "\n")
    else:
        _report(facts, list(outputs))
    return 0


def _report(facts: Mapping[str, Any], outputs: list[Path]) -> None:
    tags = {**facts.get("tags", {}), **{f"override {k}": v for k, v in facts.get("overrides", {}).items()}}
    if tags:
        say("tags")
        width = max(len(name) for name in tags)
        for name, value in tags.items():
            say(f"  {name.ljust(width)}  {_text(value)}")
    say("branch")
    for decision in facts["branch"]:
        say(f"  {decision}")
    shape, spacing_mm = (facts[name] for name in ("shape", "spacing_mm"))
    say(
        table(
            [
                ["suvbw_factor", f"{facts['suvbw_factor']:.6g}"],
                ["voxels", " × ".join(str(n) for n in shape)],
                ["voxel size", " × ".join(f"{mm:.3f}" for mm in spacing_mm) + " mm"],
            ],
            indent=0,
        )
    )
    for path in outputs:
        say(f"wrote {path}")


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return "\\".join(str(v) for v in value) if isinstance(value, list) else str(value)

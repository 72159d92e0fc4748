"""`seganypet simulate`: a cohort of simulated scans with exact labels, and its manifest."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.cli.messages import progress_bar, say
from seganypet.cli.parsing import numbers

if TYPE_CHECKING:
    from seganypet.io.manifest import ManifestRow
    from seganypet.phantom import PhantomConfig
    from seganypet.phantom.cohort import CohortConfig

_RECORD = "simulate.json"
# Options that set the field of `PhantomConfig` of the same name.
_PHANTOM_OPTIONS = ("tracer", "lesions", "scanner", "artefact_share", "limited_share", "faithful")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "simulate",
        help="write a cohort of simulated scans with exact labels and a manifest",
        description="Simulates whole-body PET scans with exact labels of organs and lesions. Writes a folder a case, "
        "labels.json and manifest.csv. Run again with the same options, it goes on where it was stopped; with more "
        "cases, it adds them.",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--cases", type=int, required=True, metavar="N", help="how many scans")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="same seed, same cohort (default: %(default)s)"
    )
    _add_scan_options(parser.add_argument_group("scans"))
    _add_label_options(parser.add_argument_group("labels"))
    parser.add_argument("--dicom", action="store_true", help="write each scan as a DICOM series, too")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes side by side (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def _add_scan_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--tracer", metavar="T", help="fdg (default), psma, dotatate, flt, fapi, random, or mixed"
    )
    group.add_argument(
        "--lesions",
        metavar="PRESET",
        help="lymphoma, lung_cancer, head_neck, melanoma, prostate, sarcoma, random (default), none, or mixed for one "
        "that goes with the tracer",
    )
    group.add_argument("--scanner", metavar="NAME", help="scanner or group of scanners (default: mixed)")
    group.add_argument(
        "--spacing",
        dest="spacing_mm",
        type=numbers("X,Y,Z"),
        metavar="X,Y,Z",
        help="voxel size in mm (default: as the scanner writes it)",
    )
    group.add_argument(
        "--artefacts",
        dest="artefact_share",
        type=float,
        metavar="SHARE",
        help="chance of each slip of the attenuation and scatter corrections (default: 0.05)",
    )
    group.add_argument(
        "--limited",
        dest="limited_share",
        type=float,
        metavar="SHARE",
        help="share of scans of one or two bed positions only (default: 0)",
    )
    group.add_argument(
        "--faithful",
        action="store_true",
        default=None,
        help="project, count and reconstruct by OSEM: slow, needs the extra osem",
    )
    group.add_argument(
        "--anatomy",
        type=Path,
        action="append",
        default=[],
        metavar="LABELS",
        help="scan the body of a label map, with {id: name} in a .json file of the same name beside it; repeat "
        "(default: procedural bodies)",
    )

    group.add_argument(
        "--tissues",
        type=Path,
        metavar="TABLE",
        help="JSON file {label name: tissue name} for --anatomy, where its labels are called otherwise",
    )


def _add_label_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--labels",
        choices=("hq", "lq", "both"),
        default="hq",
        help="exact labels, labels of low quality with the exact ones behind them, or both as rows of their own "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--label-noise",
        metavar="PRESET",
        help="how bad labels of low quality are: mild, typical (default) or severe",
    )
    group.add_argument(
        "--split",
        type=numbers("TRAIN,VAL,TEST"),
        default=(0.8, 0.1, 0.1),
        metavar="TRAIN,VAL,TEST",
        help="shares of the cases, adding up to 1 (default: 0.8,0.1,0.1)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Simulate what is missing, write the manifest, print."""
    started = datetime.now(UTC)
    folder: Path = arguments.output
    from seganypet.io import run_record, write_json
    from seganypet.phantom.cohort import names_path, simulate_cohort

    config = cohort_config(arguments)
    with progress_bar("simulating") as on_case:
        rows = simulate_cohort(folder, config, jobs=arguments.jobs, on_case=on_case)
    outputs = [folder / "manifest.csv", folder / "labels.json"]
    inputs = [file for path in config.anatomies for file in (path, names_path(path))]
    record = run_record(
        arguments.command_line, inputs, outputs, config, started, extra={"cases": config.cases}
    )
    write_json(record, folder / _RECORD)
    _report(rows, config)
    for path in [*outputs, folder / _RECORD]:
        say(f"wrote {path}")
    return 0


def cohort_config(arguments: argparse.Namespace) -> CohortConfig:
    """Return the cohort that the arguments describe.

    Raises:
        UsageError, GeometryError: They make no sense.
    """
    from seganypet.errors import UsageError
    from seganypet.phantom.cohort import CohortConfig, read_tissue_table

    if arguments.label_noise is not None and arguments.labels == "hq":
        raise UsageError(
            "--label-noise is for labels of low quality; add --labels lq or both, or leave it out"
        )
    if arguments.tissues is not None and not arguments.anatomy:
        raise UsageError("--tissues is a table for label maps; give --anatomy as well, or leave it out")
    return CohortConfig(
        cases=arguments.cases,
        seed=arguments.seed,
        phantom=phantom_config(arguments),
        labels=arguments.labels,
        label_noise=arguments.label_noise or "typical",
        split=arguments.split,
        anatomies=tuple(arguments.anatomy),
        tissues={} if arguments.tissues is None else read_tissue_table(arguments.tissues),
        dicom=arguments.dicom,
    )


def phantom_config(arguments: argparse.Namespace) -> PhantomConfig:
    """Return what the scans are like; what was not asked for keeps its default.

    Raises:
        UsageError: An unknown tracer, preset or scanner.
    """
    from seganypet.phantom import PhantomConfig

    given = {name: value for name in _PHANTOM_OPTIONS if (value := getattr(arguments, name)) is not None}
    given["spacing_mm"] = arguments.spacing_mm  # None: as the scanner writes it
    return PhantomConfig(as_written=True, **given)


def _report(rows: Sequence[ManifestRow], config: CohortConfig) -> None:
    """Print how many cases there are of which kind."""
    cases = {row.image: row for row in rows}.values()
    lines = [["cases", str(config.cases)]]
    for name in ("split", "tracer", "centre"):
        counts = Counter(getattr(row, name) for row in cases)
        lines.append([name, ", ".join(f"{count} {value}" for value, count in counts.most_common())])
    lines.append(["labels", ", ".join(sorted({row.quality for row in rows}))])
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        say(f"  {name.ljust(width)}  {value}")

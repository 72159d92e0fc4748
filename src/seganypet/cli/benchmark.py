"""`seganypet benchmark`: what the networks cost on this machine."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seganypet.cli.benchmark_report import figures_of, report
from seganypet.cli.messages import progress, say
from seganypet.cli.outputs import JSON, check_outputs, staged
from seganypet.cli.parsing import numbers
from seganypet.errors import SegAnyPETWarning, UsageError

if TYPE_CHECKING:
    from seganypet.evaluation.cost import NetworkCost, Subject, Task
    from seganypet.evaluation.throughput import Machine
    from seganypet.models.model import Precision

_PRESETS = ("compact", "papers")
_SHAPE, _SPACING_MM = (200.0, 200.0, 400.0), (4.0, 4.0, 3.0)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "benchmark",
        help="measure what the networks cost on this machine",
        description="Measure time, operations and peak memory of the networks on this machine: of one patch, and of a "
        "session on a synthetic whole-body scan, each network in a process of its own. Masks are those of a "
        "threshold, so that the targets alone decide how many windows are computed; presets have random weights.",
    )
    subjects = parser.add_mutually_exclusive_group()
    subjects.add_argument(
        "--preset",
        action="append",
        metavar="P",
        help=f"network to measure; repeat (default: {', '.join(_PRESETS)})",
    )
    subjects.add_argument("--weights", metavar="W", help="measure these weights instead: a name or a file")
    parser.add_argument(
        "--precision",
        action="append",
        choices=("float32", "bfloat16"),
        help="number format; repeat (default: float32, and bfloat16 where the processor computes it)",
    )
    parser.add_argument(
        "--shape", type=numbers("I,J,K"), default=_SHAPE, metavar="I,J,K", help="voxels of the scan"
    )
    parser.add_argument(
        "--spacing-mm", type=numbers("X,Y,Z"), default=_SPACING_MM, metavar="X,Y,Z", help="their size"
    )
    parser.add_argument(
        "--clicks", type=int, default=5, metavar="N", help="clicks on each target (default: %(default)d)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads of torch (default: its own choice)")
    parser.add_argument(
        "--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, …; auto takes a GPU if there is one"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="file to write all numbers to: .json"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, measure each network in a fresh process, measure the machine, print."""
    started = datetime.now(UTC)
    task, outputs = _task(arguments), [] if arguments.output is None else [arguments.output]
    inputs = _inputs(arguments)
    check_outputs(dict.fromkeys(outputs, JSON), inputs)
    from seganypet.evaluation.cost import check_task

    subjects = _subjects(arguments)
    for subject in {(s.preset, s.weights): s for s in subjects}.values():
        check_task(subject, task)
    machine, costs = _measure(subjects, task, arguments.threads)
    figures = figures_of(machine, costs, task)
    record = _record(arguments, figures, inputs[:1], outputs, started)
    with staged(outputs) as places:
        from seganypet.io import write_json

        for path in outputs:
            write_json(record, places[path])
    if arguments.json:
        sys.stdout.write(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        return 0
    report(figures)
    for path in outputs:
        say(f"wrote {path}")
    return 0


def _task(arguments: argparse.Namespace) -> Task:
    """Return what is to be segmented.

    Raises:
        UsageError: A number that cannot be.
    """
    for option, value in (("--clicks", arguments.clicks), ("--threads", arguments.threads)):
        if value is not None and value < 1:
            raise UsageError(f"{option} {value}: expected 1 or more")
    shape, spacing_mm = arguments.shape, arguments.spacing_mm
    if any(n < 1 or n != int(n) for n in shape):
        raise UsageError(f"--shape {_text(shape)}: expected whole numbers of voxels, 1 or more")
    if any(mm <= 0 for mm in spacing_mm):
        raise UsageError(f"--spacing-mm {_text(spacing_mm)}: expected sizes above 0 mm")
    from seganypet.evaluation.cost import Task

    i, j, k = (int(n) for n in shape)
    return Task(shape=(i, j, k), spacing_mm=spacing_mm, clicks=arguments.clicks)


def _subjects(arguments: argparse.Namespace) -> list[Subject]:
    """Return the networks to measure, each in all its precisions; warn where one is emulated."""
    from seganypet.evaluation.cost import Subject
    from seganypet.models.device import computes_bfloat16, device_named

    device = device_named(arguments.device)
    native = computes_bfloat16(device)
    default: list[Precision] = ["float32", "bfloat16"] if native else ["float32"]
    precisions: list[Precision] = list(dict.fromkeys(arguments.precision or default))
    if "bfloat16" in precisions and not native:
        warnings.warn("this processor emulates bfloat16: float32 is faster", SegAnyPETWarning, stacklevel=2)
    if arguments.weights is not None:
        return [Subject(weights=arguments.weights, precision=p, device=device) for p in precisions]
    presets = dict.fromkeys(arguments.preset or _PRESETS)
    return [Subject(preset=name, precision=p, device=device) for name in presets for p in precisions]


def _measure(subjects: list[Subject], task: Task, threads: int | None) -> tuple[Machine, list[NetworkCost]]:
    """Return what the machine can do and what each network costs, each measured in a process of its own."""
    from seganypet.evaluation.cost import measure_network
    from seganypet.evaluation.fresh_process import in_fresh_process
    from seganypet.evaluation.throughput import measure_machine

    costs: list[NetworkCost] = []
    for number, subject in enumerate(subjects, start=1):
        name = subject.preset or subject.weights
        with progress(f"measuring {name} in {subject.precision} ({number} of {len(subjects)})"):
            costs.append(in_fresh_process(measure_network, subject, task, threads=threads))
    # Last, because a network asked for in bfloat16 may compute parts in float32: both rates are wanted then.
    parts = (part for cost in costs for part in (cost.encoder, cost.decoder))
    precisions = tuple(dict.fromkeys(part.precision for part in parts))
    with progress("measuring the machine"):
        machine = in_fresh_process(measure_machine, precisions, subjects[0].device, threads=threads)
    return machine, costs


def _inputs(arguments: argparse.Namespace) -> list[Path]:
    """Return the weight file, and its description beside it."""
    if arguments.weights is None:
        return []
    from seganypet.models.weights import weights_path

    path = weights_path(arguments.weights)
    return [path, *(sidecar for sidecar in (path.with_suffix(".json"),) if sidecar.exists())]


def _record(
    arguments: argparse.Namespace,
    figures: dict[str, Any],
    inputs: list[Path],
    outputs: list[Path],
    started: datetime,
) -> dict[str, Any]:
    """Return all numbers with what must be known to measure them again."""
    from seganypet.io import run_record

    options = ("preset", "weights", "precision", "shape", "spacing_mm", "clicks", "threads", "device")
    config = {name: getattr(arguments, name) for name in options}
    return run_record(arguments.command_line, inputs, outputs, config, started, extra=figures)


def _text(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)

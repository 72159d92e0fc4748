"""What `seganypet benchmark` says: numbers with their units for a file, and a table for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from seganypet.cli.messages import say, table
from seganypet.cli.results import shown

if TYPE_CHECKING:
    from seganypet.evaluation.cost import NetworkCost, Task
    from seganypet.evaluation.throughput import Machine

Figures = dict[str, Any]


def figures_of(machine: Machine, costs: Sequence[NetworkCost], task: Task) -> Figures:
    """Return all that was measured; beside each part's operations, its share of the rate of its own precision."""
    rates = {rate.precision: rate.flops_per_second for rate in machine.matrix_rates}
    networks = []
    for cost in costs:
        figures = asdict(cost)
        for part in (figures["encoder"], figures["decoder"]):
            part["flops_per_second"] = part["flops"] / part["seconds"]
            part["share_of_matrix_rate"] = part["flops_per_second"] / rates[part["precision"]]
        networks.append(figures)
    return {"machine": asdict(machine), "scan": asdict(task), "networks": networks}


def report(figures: Figures) -> None:
    """Print the machine, the cost of one patch and that of the scan."""
    import torch

    machine, scan, networks = figures["machine"], figures["scan"], figures["networks"]
    gpu = f"{machine['gpu']}, " if machine["gpu"] else ""
    threads = f"{machine['threads']} thread{'s' if machine['threads'] > 1 else ''}"
    say(f"machine: {gpu}{machine['processor']}, {threads}, torch {torch.__version__}")
    rates = (
        f"{rate['precision']} {rate['flops_per_second'] / 1e9:.0f} GFLOP/s ({rate['operation']})"
        for rate in machine["matrix_rates"]
    )
    say(f"matrix rate: {', '.join(rates)}")
    say()
    say("one patch: seconds, operations, and their share of the matrix rate")
    say(table([_PATCH_HEADING, *(_patch_row(network) for network in networks)]))
    if any(_differs(network, network["decoder"]) for network in networks):
        say("* computed in float32 by design: share of the float32 rate")
    say()
    shape, spacing_mm = (" × ".join(f"{n:g}" for n in scan[name]) for name in ("shape", "spacing_mm"))
    clicks = f"{scan['clicks']} click{'s' if scan['clicks'] > 1 else ''}"
    say(f"a scan of {shape} voxels of {spacing_mm} mm; a case is its volume set, {clicks} and the mask")
    on_gpu = bool(machine["gpu"])
    rows = [row for network in networks for row in _session_rows(network, on_gpu=on_gpu)]
    say(table([[*_SESSION_HEADING, *(_GPU_MEMORY if on_gpu else _MEMORY)], *rows]))


_PATCH_HEADING = [
    "network",
    "voxels",
    "encoder",
    "GFLOP",
    "of rate",
    "decoder",
    "GFLOP",
    "of rate",
    "parameters",
]
_SESSION_HEADING = ["network", "windows", "set volume", "first click", "later click", "case"]
_MEMORY, _GPU_MEMORY = ["peak memory"], ["peak host memory", "peak GPU memory"]


def _patch_row(network: Mapping[str, Any]) -> list[str]:
    cells = [_name(network), f"{network['patch_voxels']}³ of {network['voxel_mm']:g} mm"]
    for part in (network["encoder"], network["decoder"]):
        cells += [
            _milliseconds(part["seconds"]),
            f"{part['flops'] / 1e9:.2f}",
            f"{'*' if _differs(network, part) else ''}{100 * part['share_of_matrix_rate']:.0f} %",
        ]
    return [*cells, f"{network['parameters'] / 1e6:.1f} M"]


def _differs(network: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    """Return whether a part computes in another precision than was asked for."""
    return bool(part["precision"] != network["precision"])


def _session_rows(network: Mapping[str, Any], *, on_gpu: bool) -> list[list[str]]:
    """Return one row for each target; what holds for both is said once."""
    peaks = [network[name] for name in ("peak_resident_bytes", "peak_gpu_bytes")[: 2 if on_gpu else 1]]
    memory = ["–" if peak is None else f"{peak / 2**20:.0f} MiB" for peak in peaks]
    rows = []
    for number, target in enumerate(network["targets"]):
        rows.append(
            [
                _name(network) if number == 0 else "",
                str(target["windows"]),
                _milliseconds(network["set_volume_seconds"]) if number == 0 else "",
                _milliseconds(target["first_click_seconds"]),
                _milliseconds(target["later_click_seconds"]),
                f"{shown(target['case_seconds'], 2)} s",
                *(memory if number == 0 else [""] * len(memory)),
            ]
        )
    return rows


def _name(network: Mapping[str, Any]) -> str:
    return f"{network['network']} {network['precision']}"


def _milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{1000 * seconds:.{1 if seconds < 0.01 else 0}f} ms"

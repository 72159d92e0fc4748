"""The report: shares are of the rate of the precision that computed, and memory says whose it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seganypet.cli.benchmark_report import figures_of, report
from seganypet.evaluation.cost import NetworkCost, PartCost, TargetCost, Task
from seganypet.evaluation.throughput import Machine, MatrixRate

TASK = Task(shape=(10, 10, 10), spacing_mm=(4.0, 4.0, 4.0), clicks=1)
MACHINE = Machine(
    processor="abacus",
    device="cpu",
    gpu=None,
    threads=1,
    bfloat16_native=True,
    matrix_rates=(
        MatrixRate(precision="float32", flops_per_second=100.0, operation="matrix product"),
        MatrixRate(precision="bfloat16", flops_per_second=400.0, operation="matrix product"),
    ),
)
TARGET = TargetCost(
    target="liver",
    windows=1,
    mask_ml=1.0,
    first_click_seconds=1.0,
    later_click_seconds=None,
    case_seconds=2.0,
)
MIXED = NetworkCost(
    network="mixed",
    precision="bfloat16",
    parameters=1,
    patch_voxels=8,
    voxel_mm=4.0,
    encoder=PartCost(seconds=1.0, flops=40, precision="bfloat16"),
    decoder=PartCost(seconds=1.0, flops=40, precision="float32"),
    set_volume_seconds=0.1,
    targets=(TARGET,),
    peak_resident_bytes=300 * 2**20,
    peak_gpu_bytes=None,
)
WHOLE = replace(MIXED, network="whole", decoder=PartCost(seconds=1.0, flops=40, precision="bfloat16"))


def shares(line: str) -> list[str]:
    return [word for word, unit in zip(line.split(), line.split()[1:], strict=False) if unit == "%"]


def test_each_part_has_its_share_of_the_rate_of_its_own_precision():
    (network,) = figures_of(MACHINE, [MIXED], TASK)["networks"]
    assert network["encoder"]["share_of_matrix_rate"] == pytest.approx(0.1)
    assert network["decoder"]["share_of_matrix_rate"] == pytest.approx(0.4)
    assert (network["encoder"]["precision"], network["decoder"]["precision"]) == ("bfloat16", "float32")


def test_a_decoder_in_another_precision_is_marked_and_explained(capsys):
    report(figures_of(MACHINE, [MIXED, WHOLE], TASK))
    lines = capsys.readouterr().out.splitlines()
    mixed, whole, note = lines[5:8]
    assert shares(mixed) == ["10", "*40"]
    assert shares(whole) == ["10", "10"]
    assert note == "* computed in float32 by design: share of the float32 rate"


def test_nothing_is_explained_where_nothing_differs(capsys):
    report(figures_of(MACHINE, [WHOLE], TASK))
    assert "*" not in capsys.readouterr().out


def test_on_a_gpu_the_memory_of_host_and_gpu_are_told_apart(capsys):
    machine = replace(MACHINE, device="cuda", gpu="a fast one")
    report(figures_of(machine, [replace(MIXED, peak_gpu_bytes=500 * 2**20)], TASK))
    *_, heading, row = capsys.readouterr().out.splitlines()
    assert heading.endswith("peak host memory  peak GPU memory")
    assert row.split()[-4:] == ["300", "MiB", "500", "MiB"]


def test_without_a_gpu_there_is_one_peak(capsys):
    report(figures_of(MACHINE, [MIXED], TASK))
    *_, heading, row = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[-1] == "peak memory"
    assert row.endswith("300 MiB")

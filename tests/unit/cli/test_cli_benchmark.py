"""`seganypet benchmark` measures in processes of its own, says it in a table and as JSON, and refuses early."""

from __future__ import annotations

import json
import re
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import pytest

from seganypet.cli import benchmark, main
from seganypet.evaluation import cost, fresh_process, throughput
from seganypet.models import device
from seganypet.models.presets import PRESETS
from seganypet.models.weights import load_model
from tiny_weights import write_tiny_weights

SMALL = ["--shape", "20,20,50", "--spacing-mm", "4,4,4", "--device", "cpu"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with tiny.safetensors and tiny.json."""
    return write_tiny_weights(tmp_path_factory.mktemp("benchmark")).parent


@pytest.fixture(scope="module")
def measured(folder):
    """What a run in processes of its own printed and wrote."""
    output, printed = folder / "cost.json", StringIO()
    weights = str(folder / "tiny.safetensors")
    with redirect_stdout(printed):
        options = ["--precision", "float32", "--clicks", "2", "--threads", "1", "-o", str(output)]
        code = main(["benchmark", "--weights", weights, *SMALL, *options])
    assert code == 0
    return printed.getvalue(), json.loads(output.read_text())


@pytest.fixture
def quick(monkeypatch):
    """No processes and few runs; the calls that would have had a process."""
    calls: list[tuple[object, ...]] = []

    def here(function, *arguments, threads=None):
        calls.append((function.__name__, *arguments, threads))
        return function(*arguments)

    monkeypatch.setattr(fresh_process, "in_fresh_process", here)
    monkeypatch.setattr(throughput, "_ENOUGH_S", 0.0)
    return calls


def test_the_table_names_the_machine_the_parts_and_the_windows(measured):
    text, _ = measured
    lines = text.splitlines()
    assert lines[0].startswith("machine: ")
    assert "1 thread, torch 2" in lines[0]
    assert lines[1].startswith("matrix rate: float32 ")
    headings = [
        "encoder GFLOP of rate decoder",
        "windows set volume first click later click case peak memory",
    ]
    assert all(any(heading in " ".join(line.split()) for line in lines) for heading in headings)
    assert sum(line.startswith("  tiny float32") for line in lines) == 2
    session = text[text.index("a scan of 20 × 20 × 50 voxels of 4 × 4 × 4 mm; ") :].splitlines()
    assert [row[20:31].split()[:1] for row in session[2:4]] == [["1"], ["3"]]
    assert max(map(len, lines[2:-1])) <= 110


def test_the_file_holds_all_numbers_with_their_units(measured):
    _, record = measured
    (rate,) = record["machine"]["matrix_rates"]
    assert rate["flops_per_second"] > 1e8
    assert rate["operation"] in ("matrix product", "1×1×1 convolution")
    assert record["machine"]["threads"] == 1
    assert record["scan"] == {"shape": [20, 20, 50], "spacing_mm": [4.0, 4.0, 4.0], "clicks": 2}
    (network,) = record["networks"]
    assert (network["network"], network["precision"], network["patch_voxels"]) == ("tiny", "float32", 16)
    for part in (network["encoder"], network["decoder"]):
        assert part["flops_per_second"] == pytest.approx(part["flops"] / part["seconds"])
        assert part["precision"] == "float32"
        assert part["share_of_matrix_rate"] == pytest.approx(
            part["flops_per_second"] / rate["flops_per_second"]
        )
    for target in network["targets"]:
        assert target["first_click_seconds"] + target["later_click_seconds"] < target["case_seconds"]
    assert network["set_volume_seconds"] > 0
    assert network["peak_resident_bytes"] is None or network["peak_resident_bytes"] > 50e6
    assert network["peak_gpu_bytes"] is None


def test_the_file_is_a_run_record(measured, folder):
    _, record = measured
    assert record["command"][:2] == ["seganypet", "benchmark"]
    assert record["inputs"][0]["path"] == str(folder / "tiny.safetensors")
    assert record["config"]["threads"] == 1
    assert record["versions"]["torch"]


def test_presets_are_measured_in_every_precision_each_in_its_own_process(quick, folder, monkeypatch, capsys):
    tiny = load_model(folder / "tiny.safetensors")
    monkeypatch.setattr(device, "computes_bfloat16", lambda device: True)
    monkeypatch.setattr(cost, "PRESETS", dict.fromkeys(("compact", "papers"), tiny.description))
    monkeypatch.setattr(cost, "build_preset", lambda name: load_model(folder / "tiny.safetensors").network)
    assert main(["benchmark", *SMALL, "--clicks", "1", "--json"]) == 0
    *networks, machine = quick
    assert machine[:2] == ("measure_machine", ("float32", "bfloat16"))
    assert [(subject.preset, subject.precision) for _, subject, *_ in networks] == [
        ("compact", "float32"),
        ("compact", "bfloat16"),
        ("papers", "float32"),
        ("papers", "bfloat16"),
    ]
    record = json.loads(capsys.readouterr().out)
    assert [n["precision"] for n in record["networks"]] == ["float32", "bfloat16"] * 2
    assert record["networks"][0]["targets"][0]["later_click_seconds"] is None
    assert record["inputs"] == record["outputs"] == []


def test_a_part_that_stays_in_float32_has_its_rate_measured_too(quick, monkeypatch, capsys):
    small = {
        "patch_size": 32,
        "embed_dim": 48,
        "depth": 1,
        "num_heads": 2,
        "global_blocks": [0],
        "out_channels": 48,
    }
    description = replace(PRESETS["papers"], name="small", config=small, spacing_mm=2.0)
    monkeypatch.setattr(device, "computes_bfloat16", lambda device: True)
    monkeypatch.setitem(PRESETS, "small", description)
    options = ["--preset", "small", "--precision", "bfloat16", "--clicks", "1", "--json"]
    assert main(["benchmark", *SMALL, *options]) == 0
    assert quick[-1][:2] == ("measure_machine", ("bfloat16", "float32"))
    record = json.loads(capsys.readouterr().out)
    rates = {rate["precision"]: rate["flops_per_second"] for rate in record["machine"]["matrix_rates"]}
    decoder = record["networks"][0]["decoder"]
    assert decoder["share_of_matrix_rate"] == pytest.approx(decoder["flops_per_second"] / rates["float32"])


def test_the_default_scan_is_a_whole_body(monkeypatch):
    seen = []
    monkeypatch.setattr(
        benchmark, "_subjects", lambda arguments: [cost.Subject(preset="x", precision="float32", device=None)]
    )
    monkeypatch.setattr(cost, "check_task", lambda subject, task: seen.append(task))
    monkeypatch.setattr(benchmark, "_measure", lambda *_: sys.exit(0))
    assert main(["benchmark"]) == 0
    assert seen == [cost.Task(shape=(200, 200, 400), spacing_mm=(4.0, 4.0, 3.0), clicks=5)]


def test_emulated_bfloat16_is_left_out_or_warned_of(quick, folder, monkeypatch, capsys):
    monkeypatch.setattr(device, "computes_bfloat16", lambda device: False)
    command = ["benchmark", "--weights", str(folder / "tiny.safetensors"), *SMALL, "--clicks", "1"]
    assert main(command) == 0
    captured = capsys.readouterr()
    assert "bfloat16" not in captured.out + captured.err
    assert main([*command, "--precision", "bfloat16"]) == 0
    captured = capsys.readouterr()
    assert "tiny bfloat16" in captured.out
    assert "warning: this processor emulates bfloat16: float32 is faster" in captured.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--preset", "huge"], 'preset "huge" is unknown; expected one of compact, papers'),
        (["--weights", "none"], 'no weights named "none"'),
        (["--weights", "default", "--preset", "papers"], "not allowed with argument"),
        (["--precision", "float16"], "invalid choice: 'float16'"),
        (["--threads", "0"], "--threads 0: expected 1 or more"),
        (["--clicks", "-2"], "--clicks -2: expected 1 or more"),
        (["--shape", "200,200"], "'200,200' is not I,J,K"),
        (["--shape", "200,0,400"], "--shape 200,0,400: expected whole numbers of voxels, 1 or more"),
        (["--shape", "200,2.5,400"], "--shape 200,2.5,400: expected whole numbers of voxels"),
        (["--spacing-mm", "4,-4,3"], "--spacing-mm 4,-4,3: expected sizes above 0 mm"),
        (["--shape", "20,20,20"], 'targets for "compact" need .* mm: give a larger --shape or --spacing-mm'),
        (["--device", "abacus"], 'device "abacus" is not available here'),
        (["-o", "cost.txt"], "unknown suffix '.txt'; use a name that ends in .json"),
    ],
)
def test_refuses_before_it_measures(quick, capsys, argv, message):
    assert main(["benchmark", *argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line), line
    assert quick == []


def test_refuses_to_overwrite_the_description_of_the_weights(quick, folder, capsys):
    argv = ["--weights", str(folder / "tiny.safetensors"), "-o", str(folder / "tiny.json")]
    assert main(["benchmark", *argv]) == 2
    assert "is an input" in capsys.readouterr().err
    assert quick == []

"""Several processes train as one with all of their samples would, and agree on what they do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_training
import torch
from tiny_training import gradients, recipe_of, run_tiny

from seganypet.errors import UsageError
from seganypet.training.distributed import ALONE, joined

VARIABLES = ("WORLD_SIZE", "RANK", "LOCAL_RANK")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What two processes, started by torchrun, left behind."""
    out = tmp_path_factory.mktemp("two")
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = [tiny_training.__file__, "two_processes", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command, *script], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (out / "stderr").write_text(done.stderr)
    return out


@pytest.fixture(scope="module")
def found(folder) -> list[dict]:
    return [json.loads((folder / f"found_{rank}.json").read_text()) for rank in range(2)]


def test_processes_know_their_places(found):
    assert [each["processes"] for each in found] == [[0, 2], [1, 2]]


def test_processes_agree(found):
    for each in found:
        assert each["any"] == [True, False, True]
        assert each["gathered"] == [{"rank": 0}, {"rank": 1}]
        assert each["from first"] == "by 0"


@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_processes_have_the_gradients_of_one_with_twice_the_batch(folder, tmp_path, accumulation):
    """The samples have 1, 2, 3, 1 clicks; one negative click, in the first batch of the first process."""
    config = recipe_of(accumulation=accumulation, steps=1, ema_decay=None)
    one = gradients(run_tiny(tmp_path / "one", config, dropout=0.0, size=4).network)
    assert one["prompt_encoder.negative"].abs().min() > 1e-3
    for rank in range(2):
        two = torch.load(folder / f"gradients{accumulation}_{rank}.pt")
        assert two.keys() == one.keys()
        assert one["prompt_encoder.corner"] is None
        assert two["prompt_encoder.corner"] is None
        for name in one.keys() - {"prompt_encoder.corner"}:
            torch.testing.assert_close(two[name], one[name], rtol=1e-6, atol=1e-6)


def test_without_averaging_each_process_would_have_other_gradients(folder):
    alone = [torch.load(folder / f"alone_{rank}.pt") for rank in range(2)]
    averaged = torch.load(folder / "gradients1_0.pt")
    name = "image_encoder.0.weight"
    for each in alone:
        assert (each[name] - averaged[name]).abs().max() > 1e-2
    torch.testing.assert_close((alone[0][name] + alone[1][name]) / 2, averaged[name], rtol=1e-6, atol=1e-6)
    assert alone[1]["prompt_encoder.negative"] is None
    assert averaged["prompt_encoder.negative"] is not None


def test_two_processes_log_the_loss_of_one_with_twice_the_batch(folder, tmp_path):
    run_tiny(tmp_path / "one", recipe_of(), dropout=0.0, size=4)
    one, two = (log(run) for run in (tmp_path / "one", folder / "plain"))
    assert [line["step"] for line in two] == [2, 4, 6]
    for a, b in zip(one, two, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-5)
        assert b["terms"]["doubled"] == pytest.approx(2 * a["loss"], rel=1e-5)
        assert b["gradient_norm"] == pytest.approx(a["gradient_norm"], rel=1e-5)


def log(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_both_processes_end_with_the_same_weights(folder):
    weights = [torch.load(folder / f"whole_{rank}.pt") for rank in range(2)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_signal_to_one_process_stops_both_after_the_same_step(found):
    assert [each["stopped"] for each in found] == [[3, "SIGTERM"]] * 2


def test_stopped_and_resumed_they_end_with_the_very_weights_and_log(folder):
    """The stop falls between two lines of the log: what both had tallied goes through the checkpoint."""
    for rank in range(2):
        whole, cut = (torch.load(folder / f"{name}_{rank}.pt") for name in ("whole", "cut"))
        assert all(torch.equal(whole[name], cut[name]) for name in whole)
    timing = ("seconds", "samples_per_second")
    whole, cut = (
        [{k: v for k, v in line.items() if k not in timing} for line in log(folder / name)]
        for name in ("whole", "cut")
    )
    assert whole == cut


def test_loss_that_is_not_finite_in_one_process_stops_both(folder, found):
    message = found[0]["broken"]
    assert found[1]["broken"] == message
    assert message.startswith("the loss is nan in step 2 (terms: doubled ")
    # 2 processes, 2 batches of 2 a step: step 2 has samples 16 to 23, the second process 18, 19, 22, 23.
    assert "sample seeds: 18, 19, 22, 23" in message
    assert "there is no checkpoint yet" in message
    assert not (folder / "broken" / "checkpoint.pt").exists()


def test_batch_that_one_process_cannot_have_stops_both(found):
    assert [each["unreadable"] for each in found] == ["scan.nii.gz cannot be read"] * 2


def test_processes_that_one_of_them_runs_short_save_together_first(folder, found):
    assert found[0]["short"] == found[1]["short"]
    assert found[0]["short"].startswith("in step 3, a process that prepares patches was ended; ")
    assert found[0]["short"].endswith("checkpoint.pt holds the state after step 3")
    whole, short = (torch.load(folder / run / "checkpoint.pt") for run in ("whole", "short"))
    assert all(torch.equal(whole["network"][name], short["network"][name]) for name in whole["network"])
    assert [line["loss"] for line in log(folder / "short")] == [
        line["loss"] for line in log(folder / "whole")
    ]


def test_refusal_of_the_first_process_reaches_both(found):
    assert found[0]["refused"] == found[1]["refused"]
    assert "checkpoint.pt exists; continue it with --resume" in found[0]["refused"]


def test_no_thread_outlives_the_group(found):
    """One that does can abort the interpreter while it ends, and with it a training that succeeded."""
    assert not [name for each in found for name in each["threads"] if "gloo" in name]


def test_only_the_first_process_talks(folder):
    lines = (folder / "stderr").read_text().splitlines()
    assert sum("from step 0 to 6: 2 processes, the first on cpu" in line for line in lines) == 6
    assert sum("step 6/6" in line for line in lines) == 4  # whole, plain, cut, short


def test_alone_nothing_is_started(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with joined("cpu") as processes:
        assert processes == ALONE
        assert not torch.distributed.is_initialized()
    assert ALONE.any(True, False) == (True, False)
    assert ALONE.gather(3) == [3]
    assert ALONE.wrap(module := torch.nn.Linear(1, 1)) is module


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"WORLD_SIZE": "2"}, "RANK is None"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'"),
        ({"WORLD_SIZE": "2", "RANK": "1"}, "LOCAL_RANK is None"),
    ],
)
def test_refuses_incomplete_variables(monkeypatch, variables, name):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=f"{name}; start several processes with torchrun"), joined("cpu"):
        pass


def test_refuses_more_processes_than_gpus(monkeypatch):
    for name, value in (("WORLD_SIZE", "4"), ("RANK", "3"), ("LOCAL_RANK", "3")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("seganypet.training.distributed.device_named", lambda name: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UsageError, match="process 3 of this machine has no GPU of its own, of 2"), joined():
        pass

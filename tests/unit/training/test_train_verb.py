"""`seganypet train`, with a recipe of seconds and cases made beforehand."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from seganypet.cli import main
from seganypet.models.weights import load_model
from seganypet.training import build, recipes


@pytest.fixture
def small(monkeypatch, cases, tiny_recipe) -> list[tuple[str, list[int]]]:
    """The calls that would have simulated scans."""
    calls: list[tuple[str, list[int]]] = []

    def simulate(folder, seeds, config, label_map=None) -> None:
        calls.append(("body" if label_map is None else label_map.name, list(seeds)))
        shutil.copytree(cases, folder, dirs_exist_ok=True)

    monkeypatch.setattr(build, "add_phantoms_in_parallel", simulate)
    monkeypatch.setattr(recipes, "compact", lambda *, minutes: replace(tiny_recipe, minutes=0.3 / 60))
    return calls


def test_writes_weights_that_load(tmp_path, small):
    run = tmp_path / "run"
    assert main(["train", "compact", "-o", str(run), "--cases", "3", "--anatomy", "x.nii.gz"]) == 0
    assert load_model(run / "weights.safetensors", device="cpu").patch_size == 32
    assert small == [("body", [1000, 1001, 1002]), ("x.nii.gz", [1000, 1001, 1002])]


def test_second_run_needs_resume(tmp_path, small, capsys):
    command = ["train", "compact", "-o", str(tmp_path / "run"), "--cases", "1"]
    assert main(command) == 0
    assert main(command) == 2
    assert "continue it with --resume" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0


@pytest.mark.parametrize(
    ("option", "value"), [("--minutes", "0"), ("--minutes", "-3"), ("--minutes", "nan"), ("--cases", "0")]
)
def test_refuses_a_training_without_time_or_cases(tmp_path, small, capsys, option, value):
    assert main(["train", "compact", "-o", str(tmp_path / "run"), option, value]) == 2
    assert f"{option} {value}: expected" in capsys.readouterr().err
    assert small == []
    assert not (tmp_path / "run").exists()

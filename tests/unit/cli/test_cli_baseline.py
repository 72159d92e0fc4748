"""What the options of `baseline` mean, what it prints, and what is refused before any work."""

import subprocess
import sys
from pathlib import Path

import pytest

import seganypet.evaluation.nnunet.run
import small_cohorts as cohorts
from seganypet.cli import build_parser, main
from seganypet.cli.baseline import NETWORKS, NORMALISATIONS, OPTIMIZERS, settings_of
from seganypet.evaluation.nnunet import settings
from seganypet.evaluation.nnunet.settings import Settings

GIVEN = ["baseline", "stunet", "--manifest", "m.csv", "-o", "out"]


def parsed(*options):
    return build_parser().parse_args([*GIVEN, *options])


def test_the_networks_are_those_that_there_are():
    assert NETWORKS == settings.NETWORKS
    assert OPTIMIZERS == settings.OPTIMIZERS
    assert NORMALISATIONS == settings.NORMALISATIONS


def test_what_is_not_asked_for_keeps_its_default():
    assert settings_of(parsed()) == Settings(network="stunet")


def test_options_reach_the_settings():
    options = (
        "--targets liver lesion --epochs 7 --iterations 30 --minutes 1.5 --patch 64,64,96 --batch 3 "
        "--spacing 4,4,5.5 --width 32 --optimizer adamw --learning-rate 0.002 "
        "--normalisation cohort --no-augmentation"
    )
    assert settings_of(parsed(*options.split())) == Settings(
        network="stunet",
        targets=("liver", "lesion"),
        epochs=7,
        iterations=30,
        minutes=1.5,
        patch=(64, 64, 96),
        batch=3,
        spacing_mm=(4.0, 4.0, 5.5),
        width=32,
        optimizer="adamw",
        learning_rate=0.002,
        normalisation="cohort",
        augmentation=False,
    )


def test_what_was_done_is_printed(monkeypatch, capsys):
    calls, predicted = [], []

    def run(manifest, folder, settings, options):
        predicted.append(options.predictions)
        calls.append((manifest, folder, settings.network, options.device, options.jobs, options.command))
        options.tell("epoch 1 of 1")
        return {
            "steps": {"train": {"parameters": 14596941, "iterations": 500, "training_s": 90.0}},
            "cases": {"test": 4},
        }

    monkeypatch.setattr(seganypet.evaluation.nnunet.run, "run_baseline", run)
    assert main([*GIVEN, "--device", "cpu", "--jobs", "2"]) == 0
    command = ["seganypet", *GIVEN, "--device", "cpu", "--jobs", "2"]
    assert calls == [(Path("m.csv"), Path("out"), "stunet", "cpu", 2, command)]
    captured = capsys.readouterr()
    assert captured.err == "epoch 1 of 1\n"
    assert captured.out.splitlines() == [
        "  parameters  14,596,941",
        "  training    500 iterations, 1.5 min",
        "  predicted   4 cases",
        f"wrote {Path('out') / 'baseline.json'}",
        'compare with: seganypet evaluate --manifest "m.csv" --methods default "stunet:baseline=out" -o RESULTS',
    ]
    assert main([*GIVEN, "--device", "cpu", "--no-predictions"]) == 0
    assert predicted == [True, False]
    assert "predicted" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--patch", "64,64"], "--patch: '64,64' is not I,J,K"),
        (["--patch", "64,64,9.5"], "--patch: (64.0, 64.0, 9.5) are not whole numbers"),
        (["--patch", "64,64,9"], "stunet takes multiples of 8"),
        (["--epochs", "0"], "--epochs: '0' is below 1"),
        (["--minutes", "0"], "--minutes: '0' is not above 0"),
        (["--width", "40"], "stunet has 16, 32, 64, 96, or less"),
        (["--device", "abacus"], 'device "abacus" is not available here'),
        ([], "m.csv: no such file"),
    ],
)
def test_refuses(options, problem, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*GIVEN, *options]) == 2
    captured = capsys.readouterr()
    assert problem in captured.err
    assert len(captured.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_refuses_an_unknown_network(capsys):
    assert main(["baseline", "unet", "--manifest", "m.csv", "-o", "out"]) == 2
    assert "invalid choice: 'unet'" in capsys.readouterr().err


def test_an_unknown_target_is_refused_before_anything_is_written(tmp_path, capsys):
    rows = [cohorts.row(tmp_path, split, split=split) for split in ("train", "test")]
    manifest = cohorts.write(tmp_path, *rows)
    out = tmp_path / "out"
    given = ["baseline", "nnunet", "--manifest", str(manifest), "-o", str(out), "--targets", "spleen"]
    assert main(given) == 2
    assert "target 'spleen' is not in labels.json" in capsys.readouterr().err
    assert not out.exists()


def test_the_steps_load_no_framework_before_they_run():
    code = (
        "import sys, seganypet.evaluation.nnunet.run; "
        "print(*({'nnunetv2', 'monai', 'SimpleITK', 'pandas'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []

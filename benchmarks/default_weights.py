"""The default weights, and the trainings that tell what they are worth.

    python benchmarks/default_weights.py RUNS --first first/widened.safetensors      # see widened_weights.py
    python benchmarks/default_weights.py RUNS --stages held_out fold1 fold2 fold3    # what is measured beside them

- default: from the first default weights, brought to the present network: simulated scans with all organs and lesions,
  and in 15 % of the patches the real tumours STS_002 to STS_024.
- held_out: from nothing, on simulated scans alone, without the organs of `protocol_cases.HELD_OUT` as targets.
- fold1 to fold3: from held_out, with the real tumours of two thirds of all patients.

A stage that was stopped goes on where it was when it is started again. Weights: RUNS/STAGE/weights.safetensors.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from protocol_cases import HELD_OUT
from seganypet.training.recipes import SIMULATED_TARGETS

FOLDS: Final = 3
_FOLDS: Final = tuple(f"fold{n}" for n in range(1, FOLDS + 1))
STEPS: Final = {"default": 3000, "held_out": 8000, **dict.fromkeys(_FOLDS, 1000)}
"""Of each stage. The rate is constant and the weights are averaged, so more steps can be added at any time."""
_RATE_FROM_WEIGHTS: Final = 4e-4
_ANATOMIES: Final = ("visible_human_male_3mm", "totalsegmentator_example_labels_3mm")


def command_of(stage: str, runs: Path, data: Path, first: Path | None) -> list[str]:
    """Return the command of a stage.

    Args:
        stage: Its name.
        runs: Folder of the runs.
        data: Folder of the shared data.
        first: What the default weights begin with.
    """
    run = runs / stage
    without = () if stage == "default" else HELD_OUT
    settings: dict[str, object] = {
        "on_the_fly.names": tuple(name for name in SIMULATED_TARGETS if name not in without),
        "on_the_fly.anatomies": tuple(str(data / "anatomy" / f"{name}.nii.gz") for name in _ANATOMIES),
        "loop.schedule.kind": "constant",
        "loop.steps": STEPS[stage],
        "loop.ema_decay": 0.999,
    }
    command = [sys.executable, "-m", "seganypet", "train", "compact", "--on-the-fly", "-o", str(run)]
    command += ["--name", stage, "--workers", "2"]
    if stage != "held_out":
        start = first if stage == "default" else runs / "held_out" / "weights.safetensors"
        command += ["--weights", str(start), "--manifest", str(_tumours(stage, runs, data))]
        settings["loop.optimiser.learning_rate"] = _RATE_FROM_WEIGHTS
    for name, value in settings.items():
        command += ["--set", f"{name}={value!r}"]
    return [*command, "--resume"] if (run / "checkpoint.pt").exists() else command


def _tumours(stage: str, runs: Path, data: Path) -> Path:
    """Write the manifest of a stage's real tumours; return it."""
    manifest = runs / f"tumours_{stage}" / "manifest.csv"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(Path(__file__).with_name("sts_manifest.py")), str(data / "sts_crops")]
    command += ["--fold", stage.removeprefix("fold"), "--folds", str(FOLDS)] if stage in _FOLDS else []
    subprocess.run([*command, "-o", str(manifest)], check=True)
    return manifest


def main() -> None:
    """Train what is asked for, one stage after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, help="folder of the runs")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the shared data")
    parser.add_argument("--stages", nargs="+", default=["default"], choices=tuple(STEPS))
    parser.add_argument("--first", type=Path, help="weights that the default weights begin with")
    arguments = parser.parse_args()
    if "default" in arguments.stages and arguments.first is None:
        parser.error("stage default begins with weights; give --first, see widened_weights.py")
    for stage in arguments.stages:
        if not (arguments.runs / stage / "weights.safetensors").exists():
            command = command_of(stage, arguments.runs, arguments.data, arguments.first)
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()

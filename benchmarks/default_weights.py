"""The default weights from nothing, and the trainings that tell what they are worth.

    python benchmarks/default_weights.py RUNS --data ../shared/data                # base, then default
    python benchmarks/default_weights.py RUNS --stages held_out fold1 fold2 fold3  # what is measured beside them

- base: simulated scans alone, without the organs of `protocol_cases.HELD_OUT` as targets, at a constant rate.
- default: from there all organs, and in 15 % of the patches the real tumours STS_002 to STS_024; the rate falls to 0.
- held_out: as default, but still without these organs, and without real tumours.
- fold1 to fold3: as default, with the real tumours of two thirds of all patients.

A stage that was stopped goes on where it was when it is started again. Weights: RUNS/default/weights.safetensors.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from protocol_cases import HELD_OUT
from seganypet.training.recipes import SIMULATED_TARGETS

BASE_STEPS: Final = 20_000
LAST_STEPS: Final = 4_000
FOLDS: Final = 3
_ANATOMIES: Final = ("visible_human_male_3mm", "totalsegmentator_example_labels_3mm")
STAGES: Final = ("base", "default", "held_out", *(f"fold{n}" for n in range(1, FOLDS + 1)))


def command_of(stage: str, runs: Path, data: Path) -> list[str]:
    """Return the command of a stage."""
    run, base = runs / stage, stage == "base"
    without = HELD_OUT if stage in ("base", "held_out") else ()
    settings: dict[str, object] = {
        "on_the_fly.names": tuple(name for name in SIMULATED_TARGETS if name not in without),
        "on_the_fly.anatomies": tuple(str(data / "anatomy" / f"{name}.nii.gz") for name in _ANATOMIES),
        "loop.schedule.kind": "constant" if base else "cosine",
        "loop.steps": BASE_STEPS if base else LAST_STEPS,
        "loop.ema_decay": 0.999,
    }
    command = [sys.executable, "-m", "seganypet", "train", "compact", "--on-the-fly", "-o", str(run)]
    command += ["--name", stage, "--workers", "2"]
    if not base:
        command += ["--weights", str(runs / "base" / "weights.safetensors")]
    if stage == "default" or stage.startswith("fold"):
        command += ["--manifest", str(_tumours(stage, runs, data))]
    for name, value in settings.items():
        command += ["--set", f"{name}={value!r}"]
    return [*command, "--resume"] if (run / "checkpoint.pt").exists() else command


def _tumours(stage: str, runs: Path, data: Path) -> Path:
    """Write the manifest of a stage's real tumours; return it."""
    manifest = runs / f"tumours_{stage}" / "manifest.csv"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(Path(__file__).with_name("sts_manifest.py")), str(data / "sts_crops")]
    fold = stage.removeprefix("fold")
    command += ["--fold", fold, "--folds", str(FOLDS)] if fold != stage else []
    subprocess.run([*command, "-o", str(manifest)], check=True)
    return manifest


def main() -> None:
    """Train what is asked for, one stage after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, help="folder of the runs")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the shared data")
    parser.add_argument("--stages", nargs="+", default=["base", "default"], choices=STAGES)
    arguments = parser.parse_args()
    for stage in arguments.stages:
        if not (arguments.runs / stage / "weights.safetensors").exists():
            subprocess.run(command_of(stage, arguments.runs, arguments.data), check=True)


if __name__ == "__main__":
    main()

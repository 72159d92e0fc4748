"""The default weights, and the trainings that tell what they are worth.

    python benchmarks/default_weights.py RUNS --data ../shared/data                # windows, then default
    python benchmarks/default_weights.py RUNS --stages lesion                      # then this, from default
    python benchmarks/default_weights.py RUNS --stages held_out fold1 fold2 fold3  # what is measured beside them
    OMP_NUM_THREADS=1 python benchmarks/default_weights.py RUNS --stages papers

- windows: the first default weights, from the project's history, brought to windows of 32³ and four scales; simulated
  scans with all organs and lesions, and in 15 % of the patches the real tumours STS_002 to STS_024.
- default: from there, seeing what lies around a window; the same scans, the rate falling to 0.
- lesion: from default, lesions alone, on finer grids.
- held_out: from nothing, on simulated scans alone, without the organs of `protocol_cases.HELD_OUT` as targets.
- fold1 to fold3: from held_out, all organs, and the real tumours of two thirds of all patients.
- papers: the papers' architecture from nothing, on the scans and targets of held_out and for as many minutes.

A stage that was stopped before its last step goes on where it was when it is started again. Weights:
RUNS/STAGE/weights.safetensors, and for default, lesion and held_out judged.safetensors: the same, with what their masks
are judged by (`judgement.py`); the folds keep that of held_out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from protocol_cases import FOLDS, HELD_OUT
from seganypet.cli.train import STOPPED
from seganypet.training.recipes import SIMULATED_TARGETS

FIRST: Final = "31822f9"
"""Commit that holds the first default weights; docs/experiments.md tells how they were trained."""
_FOLDS: Final = tuple(f"fold{n}" for n in range(1, FOLDS + 1))
LEARNED_ANATOMIES: Final = ("visible_human_male_3mm", "totalsegmentator_example_labels_3mm")
_SHORT: Final = {
    "loop.steps": 400,
    "loop.optimiser.learning_rate": 5e-4,
    "loop.schedule.warmup_steps": 50,
    "loop.ema_decay": 0.995,
    "cohort_share": 0.3,
}
SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "windows": {
        "loop.schedule.kind": "constant",
        "loop.steps": 1902,
        "loop.optimiser.learning_rate": 4e-4,
        "loop.ema_decay": 0.999,
        "sampling.afar_share": 0.0,
    },
    "default": {"loop.steps": 2200, "loop.optimiser.learning_rate": 5e-4},
    "lesion": {
        "on_the_fly.names": ("lesion",),
        "loop.steps": 800,
        "loop.optimiser.learning_rate": 4e-4,
        "loop.schedule.warmup_steps": 50,
        "loop.ema_decay": 0.995,
        "sampling.scales": (0.5, 1.0, 1.5),
        "sampling.scale_share": 0.6,
        "sampling.afar_share": 0.1,
    },
    "held_out": {"loop.steps": 2000, "loop.ema_decay": 0.995},
    **dict.fromkeys(_FOLDS, _SHORT),
    "papers": {
        "model.config": {"corrected": True},
        "episode.clicks": (1, 5),
        "episode.learned": 2,
        "batch_size": 2,
        "epochs": None,
        "loop.schedule.kind": "cosine",
        "loop.schedule.milestones": (),
        "loop.schedule.warmup_steps": 30,
        "loop.steps": 600,
        "loop.optimiser.learning_rate": 3e-4,
        "loop.optimiser.prompt_and_decoder_factor": 1.0,
        "loop.ema_decay": 0.995,
        "sampling.lesion_share": 0.5,
        "sampling.flips": False,
    },
}
"""What each stage sets beside the recipe's own."""
_ALL: Final = {"loop.precision": "float32", "loop.validate_every": 0}
"""As all of them were measured; bfloat16 is faster on CPUs that have it."""
_FROM_NOTHING: Final = ("held_out", "papers")
_JUDGED: Final = ("default", "lesion", "held_out")


def command_of(stage: str, runs: Path, data: Path) -> list[str]:
    """Return the command of a stage."""
    run, without = runs / stage, HELD_OUT if stage in _FROM_NOTHING else ()
    recipe = "petwb-seg11k" if stage == "papers" else "compact"
    settings = {
        "on_the_fly.names": tuple(name for name in SIMULATED_TARGETS if name not in without),
        "on_the_fly.anatomies": tuple(str(data / "anatomy" / f"{name}.nii.gz") for name in LEARNED_ANATOMIES),
        **_ALL,
        **SETTINGS[stage],
    }
    command = [sys.executable, "-m", "seganypet", "train", recipe, "--on-the-fly", "-o", str(run)]
    command += ["--name", stage, "--workers", "2"]
    if stage not in _FROM_NOTHING:
        command += ["--weights", str(_start(stage, runs)), "--manifest", str(_tumours(stage, runs, data))]
    for name, value in settings.items():
        command += ["--set", f"{name}={value!r}"]
    return [*command, "--resume"] if (run / "checkpoint.pt").exists() else command


def finished(stage: str, runs: Path) -> bool:
    """Return whether a stage has written the weights of its last step; those of a stopped one are no end."""
    described = runs / stage / "weights.json"
    if not described.exists():
        return False
    steps: int = json.loads(described.read_text(encoding="utf-8"))["training"]["steps"]
    return steps >= SETTINGS[stage]["loop.steps"]


def _start(stage: str, runs: Path) -> Path:
    """Return the weights that a stage begins with."""
    if stage in _FOLDS:
        return runs / "held_out" / "judged.safetensors"  # what masks are judged by is kept
    if stage == "lesion":
        return runs / "default" / "weights.safetensors"
    if stage == "windows":
        return _widened(_first(runs), runs / "first" / "widened.safetensors", "--alone")
    return _widened(runs / "windows" / "weights.safetensors", runs / "windows" / "widened.safetensors")


def _first(runs: Path) -> Path:
    """Take the first default weights from the project's history."""
    folder = runs / "first"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("default.json", "default.safetensors"):
        command = ["git", "show", f"{FIRST}:src/seganypet/weights/{name}"]
        found = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parent)
        (folder / name).write_bytes(found.stdout)
    return folder / "default.safetensors"


def _widened(weights: Path, output: Path, *options: str) -> Path:
    """Bring weights to the recipe's network."""
    script = Path(__file__).with_name("widened_weights.py")
    subprocess.run([sys.executable, str(script), str(weights), *options, "-o", str(output)], check=True)
    return output


def _tumours(stage: str, runs: Path, data: Path) -> Path:
    """Write the manifest of a stage's real tumours; return it."""
    manifest = runs / f"tumours_{stage}" / "manifest.csv"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(Path(__file__).with_name("sts_manifest.py")), str(data / "sts_crops")]
    command += ["--fold", stage.removeprefix("fold"), "--folds", str(FOLDS)] if stage in _FOLDS else []
    subprocess.run([*command, "-o", str(manifest)], check=True)
    return manifest


def _judge(stage: str, runs: Path, data: Path) -> None:
    """Learn what the masks of a stage's weights are judged by."""
    weights, script = runs / stage / "weights.safetensors", Path(__file__).with_name("judgement.py")
    command = [sys.executable, str(script), str(weights), "--data", str(data)]
    command += ["--without-held-out"] if stage == "held_out" else []
    command += ["--lesions"] if stage == "lesion" else []
    subprocess.run([*command, "-o", str(weights.with_name("judged.safetensors"))], check=True)


def main() -> None:
    """Train what is asked for, one stage after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, help="folder of the runs")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the shared data")
    parser.add_argument("--stages", nargs="+", default=["windows", "default"], choices=tuple(SETTINGS))
    parser.add_argument("--minutes", help="stop a stage after that long, with the weights so far")
    arguments = parser.parse_args()
    limit = ["--minutes", arguments.minutes] if arguments.minutes else []
    for stage in arguments.stages:
        if not finished(stage, arguments.runs):
            command = [*command_of(stage, arguments.runs, arguments.data), *limit]
            if subprocess.run(command, check=False).returncode not in (0, STOPPED):
                sys.exit(f"stage {stage} ended with an error; see above")
        judged = arguments.runs / stage / "judged.safetensors"
        if stage in _JUDGED and finished(stage, arguments.runs) and not judged.exists():
            _judge(stage, arguments.runs, arguments.data)


if __name__ == "__main__":
    main()

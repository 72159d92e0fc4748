"""Export, plan and preprocess, train, predict: each step once, and on from where it was stopped."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from seganypet.errors import OutputError, UsageError
from seganypet.evaluation.nnunet.environment import framework, require_framework, reseed
from seganypet.evaluation.nnunet.export import DATASET, Cohort, cohort_of, export, image_to_predict, upright
from seganypet.evaluation.nnunet.plan import CONFIGURATION, PLANS, fold_of, plan, preprocess
from seganypet.evaluation.nnunet.predict import Predictor
from seganypet.evaluation.nnunet.settings import Settings
from seganypet.evaluation.nnunet.trainers import Tell, trainer_class
from seganypet.io import read_volume, run_record, write_json
from seganypet.io.label_map import write_label_map
from seganypet.io.manifest import LABELS_NAME
from seganypet.io.run_record import sha256_of_file
from seganypet.io.write import check_new_folder
from seganypet.models.device import device_named

WORK_NAME: Final = "nnunet"
RECORD_NAME: Final = "baseline.json"
_SETTINGS: Final = "settings.json"
_SIDES: Final = ("_left", "_right")


@dataclass(frozen=True, kw_only=True)
class BaselineOptions:
    """Where a baseline is computed, and how far; none of it changes what comes out, but for rounding.

    Attributes:
        device: "auto", "cpu" or "cuda".
        jobs: Processes side by side: of export and preprocessing, and, less one, of augmentation.
        predictions: Whether test cases are predicted; the trained network can do that later as well.
        command: The command line, for the record.
        tell: Told a line now and then.
    """

    device: str = "auto"
    jobs: int = 1
    predictions: bool = True
    command: Sequence[str] = ()
    tell: Tell | None = None


def run_baseline(
    manifest: Path, folder: Path, settings: Settings, options: BaselineOptions | None = None
) -> dict[str, Any]:
    """Train a network on a manifest's training cases and predict its test cases; return the record.

    The folder gets CASE.nii.gz, label maps on the grids of the PETs, and labels.json, which the method
    "predictions=FOLDER" reads, while "baseline=FOLDER" takes the network and predicts anew; baseline.json, what was
    done; and nnunet/, nnU-Net's own folders and its log. Called again with the same manifest and settings, it goes on
    where it was stopped: after the last whole step, epoch or scan.

    Args:
        manifest: Rows of split "train", or none, are learned from; those of "val" tell nnU-Net's log how training
            goes, and are not learned from; those of "test" are predicted.
        folder: New, empty, or of the same baseline.
        settings: What to train.
        options: Where to compute.

    Raises:
        MethodError: A library is missing.
        ManifestError: The manifest does not give what is needed; see `cohort_of`.
        UsageError: The folder has another baseline.
        OutputError: The folder has something else.
        SegAnyPETError: A scan or a label map that cannot be read.
    """
    options = options or BaselineOptions()
    started = datetime.now(UTC)
    versions = require_framework(settings.network)
    device = device_named(options.device)
    cohort = cohort_of(manifest, settings.targets, predictions=options.predictions)
    _claim(folder, manifest, settings)
    run = _Run(cohort, folder, settings, options, str(device))
    steps = {
        "export": run.once("export", run.export),
        "plan": run.once("plan", run.plan),
        "train": run.once("train", run.train),
    }
    masks = [folder / f"{row.case}.nii.gz" for row in cohort.test.values()] if options.predictions else []
    if options.predictions:
        steps["predict"] = run.once("predict", run.predict, again=not all(path.exists() for path in masks))
    write_json(cohort.classes.targets, folder / LABELS_NAME)
    record = run_record(
        options.command,
        [manifest, manifest.with_name(LABELS_NAME)],
        [*masks, folder / LABELS_NAME],
        settings,
        started,
        extra={
            "device": str(device),
            "libraries": versions,
            "classes": cohort.classes.titles,
            "cases": {name: len(getattr(cohort, name)) for name in ("training", "validation", "test")},
            "steps": steps,
        },
    )
    write_json(record, folder / RECORD_NAME)
    return record


class _Run:
    """One baseline: its steps."""

    def __init__(
        self, cohort: Cohort, folder: Path, settings: Settings, options: BaselineOptions, device: str
    ) -> None:
        self._cohort, self._settings, self._options, self._device = cohort, settings, options, device
        self._tell = _past_redirections(options.tell)
        self._folder, self._work = folder, (folder / WORK_NAME).absolute()
        self._raw, self._preprocessed = self._work / "raw", self._work / "preprocessed"
        self._trainer: Any = None

    def once(self, name: str, step: Callable[[], dict[str, Any]], *, again: bool = False) -> dict[str, Any]:
        """Return what a step tells of itself; do it unless that was done before, or again."""
        marker = self._work / f"{name}.json"
        if marker.exists() and not again:
            return _read(marker)
        began = time.monotonic()
        told = step()
        told["seconds"] = round(time.monotonic() - began, 1)
        write_json(told, marker)
        return told

    def export(self) -> dict[str, Any]:
        """Write nnU-Net's raw data set."""
        jobs = self._options.jobs
        export(self._cohort, self._raw, jobs=jobs, on_case=self._counting("exported"))
        return {"cases": {name: row.case for name, row in self._cohort.test.items()}}

    def plan(self) -> dict[str, Any]:
        """Plan and preprocess."""
        jobs = self._options.jobs
        with framework(self._work, workers=1, seed=self._settings.seed):
            plans = plan(self._cohort, self._settings, self._raw, self._preprocessed, jobs=jobs)
            preprocess(
                self._cohort,
                self._raw,
                self._preprocessed,
                jobs=jobs,
                on_case=self._counting("preprocessed"),
            )
        configuration = plans["configurations"][CONFIGURATION]
        return {name: configuration[name] for name in ("spacing", "patch_size", "batch_size")} | {
            "axes": "k, j, i" if plans["transpose_forward"] == [0, 1, 2] else "of nnU-Net's plans"
        }

    def train(self) -> dict[str, Any]:
        """Train, on from the last epoch's checkpoint if there is one."""
        with self._framework():
            trainer = self._new_trainer()
            if not checkpoint_of(trainer, "final").exists():
                reseed(self._settings.seed + trainer.current_epoch)
                trainer.run_training()
        parameters = sum(p.numel() for p in trainer.network.parameters())
        self._trainer = trainer
        return {
            "epochs": trainer.current_epoch,
            "iterations": trainer.current_epoch * trainer.num_iterations_per_epoch,
            "training_s": round(trainer.spent_s, 1),
            "parameters": parameters,
            "mirroring": trainer.mirroring,
        }

    def predict(self) -> dict[str, Any]:
        """Predict the scans that have no prediction yet."""
        tell = self._counting("predicted")
        with self._framework():
            trainer = self._trainer or self._new_trainer()
            _require(checkpoint_of(trainer, "final"))
            predictor = Predictor(trainer)
        for done, (name, row) in enumerate(self._cohort.test.items(), start=1):
            path = self._folder / f"{row.case}.nii.gz"
            if not path.exists():
                volume = read_volume(row.image)
                with self._framework():
                    classes = predictor.label_map(image_to_predict(self._raw, name))
                write_label_map(upright(volume).invert(classes), volume, path)
            tell(done, len(self._cohort.test))
        return {}

    def _framework(self) -> Any:
        return framework(self._work, workers=self._options.jobs - 1, seed=self._settings.seed)

    def _new_trainer(self) -> Any:
        targets = self._cohort.classes.targets
        fold = fold_of(self._cohort)
        return trainer_of(self._work, self._settings, targets, fold, self._device, tell=self._tell)

    def _counting(self, what: str) -> Callable[[int, int], None]:
        return lambda done, of: self._tell(f"{what} {done} of {of}")


def trainer_of(
    work: Path,
    settings: Settings,
    targets: Iterable[str],
    fold: int | str,
    device: str,
    *,
    tell: Tell | None = None,
) -> Any:
    """Return a trainer in the state of its last checkpoint, if there is one. Inside `framework` only.

    Args:
        work: nnU-Net's folders, planned.
        settings: Of the baseline.
        targets: Names of what is segmented.
        fold: nnU-Net's name of the split.
        device: "cpu" or "cuda".
        tell: Told a line after every epoch.
    """
    import torch

    plans = _read(work / "preprocessed" / DATASET / PLANS)
    dataset = _read(work / "raw" / DATASET / "dataset.json")
    plans["continue_training"] = False  # only asked for by loggers that are off
    trainer = trainer_class(settings.network)(plans, CONFIGURATION, fold, dataset, torch.device(device))
    trainer.configure(settings, mirroring=not any(name.endswith(_SIDES) for name in targets), tell=tell)
    trainer.initialize()
    found = [path for name in ("final", "latest") if (path := checkpoint_of(trainer, name)).exists()]
    if found:
        trainer.load_checkpoint(str(found[0]))
    return trainer


def checkpoint_of(trainer: Any, name: str) -> Path:
    """Return where a trainer's checkpoint "final" or "latest" lies."""
    return Path(trainer.output_folder) / f"checkpoint_{name}.pth"


def settings_of(folder: Path) -> Settings:
    """Return what a folder's baseline was trained with.

    Raises:
        OutputError: It is no baseline's, or damaged.
    """
    content = _read(folder / WORK_NAME / _SETTINGS).get("settings", {})
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    try:
        return Settings(**values)
    except (TypeError, UsageError) as error:
        raise OutputError(f"{folder / WORK_NAME / _SETTINGS}: cannot be used ({error})") from error


def _past_redirections(tell: Tell | None) -> Tell:
    """Return a function that tells, whatever standard output and error are redirected to by then."""
    output, errors = sys.stdout, sys.stderr

    def tell_past(text: str) -> None:
        if tell is not None:
            with redirect_stdout(output), redirect_stderr(errors):
                tell(text)

    return tell_past


def _require(path: Path) -> None:
    """Refuse to predict with a network that is not there.

    Raises:
        OutputError: It has gone.
    """
    if not path.exists():
        raise OutputError(f"{path}: is not there any more; choose a new folder")


def _claim(folder: Path, manifest: Path, settings: Settings) -> None:
    """Write what the folder is for, or find it written there.

    Raises:
        UsageError: It is for something else.
        OutputError: It is no baseline's.
    """
    path = folder / WORK_NAME / _SETTINGS
    wanted = {
        "settings": asdict(settings),
        "manifest": sha256_of_file(manifest),
        "labels": sha256_of_file(manifest.with_name(LABELS_NAME)),
    }
    if not path.exists():
        check_new_folder(folder, purpose="this baseline")
        write_json(wanted, path)
        return
    found = _read(path)
    wanted = json.loads(json.dumps(wanted))
    for name in ("manifest", "labels"):
        if found[name] != wanted[name]:
            raise UsageError(f"{folder}: is a baseline of another {name}; choose a new folder for this one")
    before = asdict(settings_of(folder))
    for name, value in asdict(settings).items():
        if before[name] != value:
            raise UsageError(
                f"{folder}: is a baseline with {name} {before[name]}, not {value}; choose a new folder for this one"
            )


def _read(path: Path) -> dict[str, Any]:
    """Return what a JSON file of ours holds.

    Raises:
        OutputError: It is damaged.
    """
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be read ({error}); choose a new folder") from error
    return value

"""The run folder, which tells the whole story of a training: recipe, sessions, log, validation, curves.

recipe.json        the resolved recipe
run.json           a record of each session: command, inputs, versions, times, processes, device, how it ended
log.jsonl          a line per log interval
validation.jsonl   a line per validation
tensorboard/       the same curves for TensorBoard
checkpoint.pt      what a run continues from
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seganypet.errors import OutputError, SegAnyPETWarning, TrainingError
from seganypet.io import run_record, write_json
from seganypet.io.write import atomic_path
from seganypet.training.checkpoint import FILE_NAME, as_json, remove_leftovers, require_same_recipe
from seganypet.training.distributed import Processes
from seganypet.training.progress import ProgressDisplay

RECIPE, RUN, LOG, VALIDATION, CURVES = (
    "recipe.json",
    "run.json",
    "log.jsonl",
    "validation.jsonl",
    "tensorboard",
)


def prepare_run_folder(run: Path, recipe: Mapping[str, Any], *, resume: bool) -> bool:
    """Make a run folder ready; return whether there is a checkpoint to continue.

    Args:
        run: The folder; created where it is missing.
        recipe: The resolved recipe.
        resume: Whether a run that is there already is to be continued.

    Raises:
        TrainingError: There is a checkpoint and it is not to be continued, or the folder is that of another recipe.
        UsageError: The recipe has no JSON form.
        OutputError: The folder cannot be written to.
    """
    plain, checkpoint = as_json(recipe), require_new(run, resume=resume)
    if resume and (run / RECIPE).exists():
        require_same_recipe(plain, _read_json(run / RECIPE), run / RECIPE)
    write_json(plain, run / RECIPE)  # creates the folder
    remove_leftovers(run)
    return checkpoint


def require_new(run: Path, *, resume: bool) -> bool:
    """Return whether a folder holds a checkpoint; refuse it if it does and is not to be continued.

    Raises:
        TrainingError: There is a checkpoint and it is not to be continued.
    """
    checkpoint = (run / FILE_NAME).exists()
    if checkpoint and not resume:
        raise TrainingError(
            f"{run / FILE_NAME} exists; continue it with --resume, or choose another folder for a new run"
        )
    return checkpoint


class Journal:
    """Writes what a training tells of itself; in processes other than the first, nothing.

    Args:
        run: A folder that `prepare_run_folder` made ready.
        recipe: The resolved recipe.
        processes: Those that train.
        steps: Optimiser steps of the whole training.
    """

    def __init__(self, run: Path, recipe: Mapping[str, Any], processes: Processes, steps: int) -> None:
        self._run, self._recipe, self._processes, self._steps = run, recipe, processes, steps
        self._display: ProgressDisplay | None = None
        self._curves: Any = None
        self._sessions: list[dict[str, Any]] = []

    def begin(self, step: int, inputs: Sequence[Path]) -> None:
        """Begin a session; lines of the log beyond its first step are cut off.

        Args:
            step: Optimiser steps done before.
            inputs: Files that are trained on; they are hashed.

        Raises:
            ImageReadError: An input cannot be read.
            OutputError: The folder cannot be written to.
        """
        if not self._processes.is_first:
            return
        for name in (LOG, VALIDATION):
            _cut(self._run / name, step)
        self._begin_session(step, inputs)
        self._curves = _curves(self._run / CURVES, step)
        self._display = ProgressDisplay(step, self._steps)
        processes = f"{self._processes.world} process" + ("es" if self._processes.world > 1 else "")
        self.say(
            f"training in {self._run} from step {step} to {self._steps}: {processes}, "
            f"the first on {self._processes.device}"
        )

    def advance(self, step: int) -> None:
        """Show that a step is done."""
        if self._display is not None:
            self._display.advance(step)

    def log(self, line: Mapping[str, Any]) -> None:
        """Write a line of the log.

        Args:
            line: `step`, `loss`, `samples_per_second` and whatever else; numbers, None, and mappings of them.
        """
        if self._display is not None:
            self._write(LOG, line)
            self._display.report(line["step"], line["loss"], line["samples_per_second"])

    def validated(self, step: int, scores: Mapping[str, float | None]) -> None:
        """Write a line of the validation."""
        if self._display is not None:
            self._write(VALIDATION, {"step": step, **scores}, "validation/")
            score = scores["score"]
            self.say(f"validation after step {step}: score {'-' if score is None else format(score, '.4f')}")

    def say(self, text: str) -> None:
        """Show a line."""
        if self._display is not None:
            self._display.say(text)

    def end(self, outcome: str, message: str, step: int) -> None:
        """End the session; the record says how.

        Args:
            outcome: "finished", "stopped" or "failed".
            message: Why, and what to do.
            step: Optimiser steps done.
        """
        if self._display is None:
            return
        self._display.close()
        self._display = None
        if self._curves is not None:
            self._curves.close()
        ended, session = datetime.now(UTC).astimezone(), self._sessions[-1]
        seconds = (ended - datetime.fromisoformat(session["started"])).total_seconds()
        session |= {"finished": ended.isoformat(timespec="seconds"), "duration_s": seconds}
        session |= {"outcome": outcome, "message": message, "last_step": step}
        write_json({"sessions": self._sessions}, self._run / RUN)

    def _begin_session(self, step: int, inputs: Sequence[Path]) -> None:
        path, now = self._run / RUN, datetime.now(UTC)
        earlier = _read_json(path)["sessions"] if step and path.exists() else []
        for session in earlier:
            if session["outcome"] == "running":
                session["outcome"] = "killed"
        record = run_record(
            sys.argv,
            inputs,
            [self._run],
            as_json(self._recipe),
            now,
            finished=now,
            extra={
                "outcome": "running",
                "message": "",
                "processes": self._processes.world,
                "device": str(self._processes.device),
                "first_step": step,
            },
        )
        self._sessions = [*earlier, record]
        write_json({"sessions": self._sessions}, path)

    def _write(self, name: str, line: Mapping[str, Any], prefix: str = "") -> None:
        path = self._run / name
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, allow_nan=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written ({error.strerror}); free space, then resume"
            ) from error
        if self._curves is not None:
            for key, value in _flat(line).items():
                self._curves.add_scalar(prefix + key, value, line["step"])
            self._curves.flush()


def _curves(folder: Path, step: int) -> Any:
    """Return a writer of TensorBoard's files that replaces what lies beyond a step, or None where there is none."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        warnings.warn(
            "TensorBoard is not installed: no curves are written, log.jsonl has the same numbers; "
            'for curves, pip install "seganypet[train]"',
            SegAnyPETWarning,
            stacklevel=2,
        )
        return None
    new_writer: Any = SummaryWriter  # untyped
    return new_writer(str(folder), purge_step=step + 1 if folder.exists() else None)


def _flat(line: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of a line, those of inner mappings as "outer/inner"; without the step."""
    numbers: dict[str, float] = {}
    for key, value in line.items():
        if isinstance(value, Mapping):
            numbers |= _flat(value, f"{prefix}{key}/")
        elif value is not None and key != "step":
            numbers[prefix + key] = value
    return numbers


def _cut(path: Path, step: int) -> None:
    """Remove the lines beyond a step, and one that a kill left unfinished."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            beyond = json.loads(line)["step"] > step
        except ValueError:
            beyond = True
        if not beyond and line.endswith("\n"):
            kept.append(line)
    with atomic_path(path) as temporary:
        temporary.write_text("".join(kept), encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path} cannot be read ({' '.join(str(error).split())}); restore it, or choose another folder"
        ) from error
    return content

"""The run folder, which tells the whole story of a training: recipe, sessions, log, validation, curves.

recipe.json        the resolved recipe
run.json           a record of each session: command, inputs, versions, times, processes, device, how it ended
log.jsonl          a line per log interval
validation.jsonl   a line per validation
tensorboard/       the same curves for TensorBoard
checkpoint.pt      what a run continues from
lock               held by the process that trains, and says which it is
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seganypet.errors import OutputError, TrainingError, reason_of
from seganypet.io import run_record, write_json
from seganypet.io.write import atomic_path
from seganypet.training.checkpoint import FILE_NAME, as_json, remove_leftovers, require_same_recipe
from seganypet.training.curves import Curves
from seganypet.training.distributed import Processes
from seganypet.training.folders import require_folder
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
        run: The folder, `locked` by this run; created where it is missing.
        recipe: The resolved recipe.
        resume: Whether a run that is there already is to be continued.

    Raises:
        TrainingError: There is a checkpoint and it is not to be continued, or the folder is that of another recipe.
        UsageError: The recipe has no JSON form.
        OutputError: The folder is a file, lies in one, or cannot be written to.
    """
    require_folder(run)
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
        self._curves: Curves | None = None
        self._sessions: list[dict[str, Any]] = []

    def begin(self, step: int, inputs: Sequence[Path]) -> None:
        """Begin a session; lines of the log beyond its first step are cut off.

        Args:
            step: Optimiser steps done before.
            inputs: Files that are trained on; they are hashed.

        Raises:
            TrainingError: The record or a log of earlier sessions is damaged.
            ImageReadError: An input cannot be read.
            OutputError: The folder cannot be written to.
        """
        if not self._processes.is_first:
            return
        for name in (LOG, VALIDATION):
            _cut(self._run / name, step)
        self._begin_session(step, inputs)
        self._curves = Curves(self._run / CURVES, step)
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
        earlier = _sessions(path) if step and path.exists() else []
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
            self._curves.add(line, prefix)


def _cut(path: Path, step: int) -> None:
    """Remove the lines beyond a step, and one that a kill left unfinished."""
    if not path.exists():
        return
    kept = []
    for number, line in enumerate(_text(path).splitlines(keepends=True), start=1):
        try:
            content = json.loads(line)
        except ValueError:  # unfinished
            continue
        reached = content.get("step") if isinstance(content, dict) else None
        if not isinstance(reached, int):
            raise TrainingError(f"{path}: line {number} tells no step; remove it, or choose another folder")
        if reached <= step and line.endswith("\n"):
            kept.append(line)
    with atomic_path(path) as temporary:
        temporary.write_text("".join(kept), encoding="utf-8")


def _sessions(path: Path) -> list[dict[str, Any]]:
    """Return the earlier sessions of a record."""
    content = _read_json(path)
    sessions = content.get("sessions") if isinstance(content, dict) else None
    if not isinstance(sessions, list) or not all(
        isinstance(session, dict) and "outcome" in session for session in sessions
    ):
        raise TrainingError(
            f"{path} holds no sessions; restore it, or remove it to record only those to come"
        )
    return sessions


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> TrainingError:
    return TrainingError(f"{path} cannot be read ({reason_of(error)}); restore it, or choose another folder")
